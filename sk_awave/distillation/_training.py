"""The training of teachers, nets of other packages among them."""

import dis
import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sk_awave.attribution._estimators import is_skorch_class, last_step, takes_rows
from sk_awave.attribution._evaluation import match_target, prepare_input
from sk_awave.attribution._teacher import Teacher
from sk_awave.engine._imports import import_optimizers


def needs_training(teacher):
    """Tell teachers that `fit` trains from those that are trained already."""
    if isinstance(teacher, Teacher):
        return not teacher.is_trained
    return teacher is None or (
        hasattr(teacher, "fit") and not isinstance(teacher, FrozenEstimator)
    )


def net_to_train(teacher):
    """Return the skorch net that a teacher is, or ends with, if `fit` trains it."""
    if not needs_training(teacher):
        return None
    last = last_step(teacher.untrained if isinstance(teacher, Teacher) else teacher)
    return last if is_skorch_class(last) else None


def train(model, X, y, input_shape=None):
    """Train a clone of an estimator, and raise if Ctrl-C ends its training.

    Parameters
    ----------
    model : estimator
    X : ndarray or tensor of shape (n_samples, ...)
    y : ndarray of shape (n_samples,)
    input_shape : tuple of int, default=None
        The shape of a sample that a skorch net expects, if it differs from that in `X`.

    Returns
    -------
    estimator
    """
    model = clone(model)
    net = last_step(model)
    if not isinstance(X, torch.Tensor):
        X = np.require(X, requirements="W")  # torch warns of those that are read-only,
    y = np.require(y, requirements="W")  # as of frames and series
    if takes_rows(model):
        X = X.reshape(len(X), -1)
    with _feeding(net, input_shape) if is_skorch_class(net) else _ctrl_c_raises():
        return model.fit(X, y)


@contextmanager
def _ctrl_c_raises():
    """Raise Ctrl-C again that ends the training of a network of scikit-learn.

    The network only warns, and returns as if it had been trained.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Training interrupted by user")
        try:
            yield
        except UserWarning as warning:
            if isinstance(warning.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from warning
            raise


@contextmanager
def _feeding(net, input_shape):
    """Train a skorch net on arrays of any dtype, and raise if Ctrl-C ends the training.

    Signals come in double precision, and targets have one axis, but modules have weights
    of single precision and outputs of shape (n_samples, 1). Both are brought to the form
    of the module where they meet it, behind all steps of a pipeline. A net that is
    interrupted returns as if it had been trained. A callback that ends the training, such
    as EarlyStopping, is no interruption.

    Parameters
    ----------
    net : skorch net
        Its methods are replaced within this context, and so are those of its clones,
        which a TransformedTargetRegressor trains instead.
    input_shape : tuple of int or None
    """
    caught, replaced, undo = [], [], []

    def replace(net):
        methods = _methods(net, input_shape, caught, undo)

        def bare(method):  # what is in vars counts as parameters, and goes into pickles
            _restore(net, methods)
            try:
                return method(net)
            finally:
                vars(net).update(methods)

        methods["__sklearn_clone__"] = lambda: replace(bare(type(net).__sklearn_clone__))
        methods["__getstate__"] = partial(bare, type(net).__getstate__)
        vars(net).update(methods)
        replaced.append((net, methods))
        return net

    replace(net)
    try:
        yield
    finally:
        for net, methods in replaced:
            _restore(net, methods)
        for restore in undo:
            restore()
    if caught:
        raise caught[0]


def _restore(net, methods):
    for name in methods:
        del vars(net)[name]


def _methods(net, input_shape, caught, undo):
    """Return the methods of a net that are replaced, by their names."""
    import_optimizers()
    infer, fit_loop, initialize = net.infer, net.fit_loop, net.initialize_criterion

    def prepared(x, **fit_params):
        if isinstance(x, torch.Tensor):
            x = prepare_input(x, net.module_, input_shape)
        try:
            return infer(x, **fit_params)
        except (torch.cuda.OutOfMemoryError, NotImplementedError):
            raise
        except (RuntimeError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(_failure(net, x, error)) from error

    def watched(*args, **kwargs):
        try:
            return fit_loop(*args, **kwargs)
        except KeyboardInterrupt as error:
            if not _is_stop_request(error):
                caught.append(error)
            raise

    def matched():
        initialize()
        criterion = net.criterion_
        # Not in get_loss: a net's own may change the outputs before it compares them.
        if isinstance(criterion, torch.nn.Module):
            undo.append(criterion.register_forward_pre_hook(_match_target).remove)
        else:
            net.criterion_ = lambda *args: criterion(*_match_target(criterion, args))
            undo.append(partial(setattr, net, "criterion_", criterion))
        return net

    return {"infer": prepared, "fit_loop": watched, "initialize_criterion": matched}


def _is_stop_request(error):
    """Tell whether a callback of skorch raised it to end the training, and not Ctrl-C.

    Callbacks such as EarlyStopping raise KeyboardInterrupt, by a statement; Ctrl-C comes
    between any two instructions.
    """
    trace, in_callback = error.__traceback__, False
    while trace.tb_next is not None:
        trace = trace.tb_next
        in_callback |= trace.tb_frame.f_code.co_name == "notify"
    instruction = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return in_callback and dis.opname[instruction] == "RAISE_VARARGS"


def _failure(net, x, error):
    shape = tuple(getattr(x, "shape", ()))[1:]
    return (
        f"The teacher, a {type(net).__name__}, fails in training on samples of shape "
        f"{shape}: {error}. If it expects another shape, such as {(1, *shape)} where it "
        f"has a channel axis, pass Teacher(net, input_shape={(1, *shape)}). If it takes "
        "a dict or several inputs, train it yourself, and pass a function of one tensor, "
        "such as Teacher(lambda x: net.module_({'x': x}))."
    )


def _match_target(criterion, args):
    outputs, target, *others = args
    return outputs, match_target(outputs, target, criterion), *others
