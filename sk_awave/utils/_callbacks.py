"""How a fit tells of its progress: messages, and the callbacks of scikit-learn >= 1.9."""

from contextlib import nullcontext

from sk_awave.utils._logging import LOGGER

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Stand in where scikit-learn has no callbacks."""
        return method


class FitTask:
    """A fit, or a part of one, that reports to the callbacks that the user has set.

    Parameters
    ----------
    estimator : estimator, default=None
        The one that is fitted, with a parameter `verbose`. By default nothing is told.
    X, y : arrays, default=None
        The training data.
    context : sklearn.callback.CallbackContext, default=None
        The task, where there are callbacks.
    attributes_at : callable, default=None
        Maps a state of the fit to the fitted attributes that make a copy of the
        estimator usable.
    """

    def __init__(self, estimator=None, X=None, y=None, context=None, attributes_at=None):
        self._estimator, self._context = estimator, context
        self._arguments = {"estimator": estimator, "X": X, "y": y}
        self._attributes_at = attributes_at

    @classmethod
    def begin_fit(cls, estimator, X, y, max_subtasks=0, attributes_at=None):
        """Begin the task of a whole fit."""
        context = None
        if hasattr(estimator, "_init_callback_context"):
            context = estimator._init_callback_context(max_subtasks=max_subtasks)
        return cls(estimator, X, y, context, attributes_at).begin()

    def subtask(self, name, max_subtasks=0, **kwargs):
        """Make a part of this task; see `CallbackContext.subcontext`."""
        context = self._context
        if context is not None:
            context = context.subcontext(name, max_subtasks=max_subtasks, **kwargs)
        arguments = self._arguments
        return FitTask(**arguments, context=context, attributes_at=self._attributes_at)

    def begin(self):
        """Report the beginning; return the task."""
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._arguments)
        return self

    def end(self, state=None, *, is_fitted=False):
        """Report the end; return True if a callback asks to stop.

        Parameters
        ----------
        state : object, default=None
            What `attributes_at` takes.
        is_fitted : bool, default=False
            Whether the estimator itself is fitted by now.
        """
        if self._context is None:
            return False
        attributes = {} if is_fitted else None
        if state is not None and self._attributes_at is not None:

            def attributes():  # only for callbacks that need them
                return self._attributes_at(state)

        return self._context.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=attributes
        )

    def run(self, function, *args):
        """Call a function as this task."""
        self.begin()
        result = function(*args)
        self.end()
        return result

    def fit(self, estimator, X, y):
        """Fit another estimator as this task; callbacks that pass on see its parts."""
        passing = nullcontext()
        if self._context is not None and hasattr(estimator, "set_callbacks"):
            passing = self._context.propagate_callback_context(estimator)
        with passing:
            self.run(estimator.fit, X, y)

    def log(self, message, *args):
        """Log a message if the estimator is to be verbose."""
        if getattr(self._estimator, "verbose", False):
            LOGGER.info(f"[{type(self._estimator).__name__}] {message}", *args)
