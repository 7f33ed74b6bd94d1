"""Ctrl-C in training loops of other packages that hide it."""

import warnings
from contextlib import contextmanager

from sklearn.pipeline import Pipeline

from sk_awave.attribution._estimators import is_skorch_class
from sk_awave.engine._imports import import_optimizers


@contextmanager
def ctrl_c_raises(model):
    """Raise KeyboardInterrupt after a training that was ended by Ctrl-C.

    A skorch net that is interrupted returns as if it had been trained, and so does a
    network of scikit-learn, with a warning. A callback that ends the training of a net,
    such as EarlyStopping, is no interruption.

    Parameters
    ----------
    model : estimator
        The model that is trained in this context: a net, a pipeline that ends with one,
        or any other.
    """
    last = model[-1] if isinstance(model, Pipeline) else model
    if is_skorch_class(last):
        with _watching(last):
            yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Training interrupted by user")
        try:
            yield
        except UserWarning as warning:
            if isinstance(warning.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from warning
            raise


@contextmanager
def _watching(net):
    """Note an interruption of the loop of a net, and raise it again in the end."""
    from sk_awave.engine._adam import is_stop_request

    import_optimizers()
    caught, fit_loop = [], net.fit_loop

    def watched(*args, **kwargs):
        try:
            return fit_loop(*args, **kwargs)
        except KeyboardInterrupt as error:
            if not is_stop_request(error):
                caught.append(error)
            raise

    net.fit_loop = watched
    try:
        yield
    finally:
        del net.fit_loop
    if caught:
        raise caught[0]
