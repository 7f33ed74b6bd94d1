"""Callbacks of scikit-learn, new in its version 1.9."""

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks."""


class FitTask:
    """Reports a fit and its iterations to the callbacks that the user has set.

    Parameters
    ----------
    estimator : estimator
        A `CallbackSupportMixin`.
    X, y : arrays
        The training data.
    max_iter : int
        The largest number of iterations.
    """

    def __init__(self, estimator, X, y, max_iter):
        self._context = None
        self._arguments = {"estimator": estimator, "X": X, "y": y}
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(max_subtasks=max_iter)
            self._context.call_on_fit_task_begin(**self._arguments)

    def end_iteration(self, fitted_attributes):
        """Report an iteration; return True if a callback asks to stop.

        Parameters
        ----------
        fitted_attributes : callable
            Returns, if a callback needs it, what makes a copy of the estimator usable.
        """
        if self._context is None:
            return False
        iteration = self._context.subcontext(task_name="iteration")
        iteration.call_on_fit_task_begin(**self._arguments)
        return iteration.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=fitted_attributes
        )

    def end(self):
        """Report the end of the fit; the estimator is fitted by now."""
        if self._context is not None:
            self._context.call_on_fit_task_end(
                **self._arguments, reconstruction_attributes={}
            )
