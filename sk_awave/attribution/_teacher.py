"""A trained model as a differentiable function of its input."""

import math
import threading
from contextlib import contextmanager, nullcontext
from itertools import chain
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator, is_regressor
from torch import nn

from sk_awave.attribution._estimators import estimator_stages, is_skorch_net, unfreeze
from sk_awave.attribution._pickling import put_tensors, take_tensors

#: The training flags belong to the modules, and all threads see them.
_LOCK = threading.RLock()


class Teacher:
    """A trained model, held as a differentiable function of its input.

    The model is neither trained nor copied nor moved: it is evaluated in eval mode and
    comes back as it went in, training flags included. Clones and copies of a teacher are
    the teacher itself, so that a search over many estimators holds one. Pickles are
    loaded on the CPU; teachers with equal weights have equal ``joblib.hash``, so that
    ``Pipeline(memory=...)`` finds its cache.

    Parameters
    ----------
    model : nn.Module, fitted estimator or callable
        - a torch module, of any architecture;
        - a fitted skorch net, of which the module counts;
        - a fitted MLPClassifier, MLPRegressor or linear model of scikit-learn, which is
          evaluated in float64, and by its decision values if it is a classifier;
        - a fitted pipeline of affine transformers, such as StandardScaler, that ends with
          a skorch net or one of these models;
        - a TransformedTargetRegressor of one of these, with an affine transformer of the
          target;
        - any of these estimators in a `sklearn.frozen.FrozenEstimator`;
        - a function from a tensor to outputs, in operations of torch.

        Each sample's output must depend on that sample only. It has shape (n_samples,) or
        (n_samples, n_outputs); of a tuple the first element counts, as in skorch.

    input_shape : tuple of int, default=None
        The shape in which the model sees a sample, such as ``(n_channels, length)``,
        where it is another than in `X`. Models of scikit-learn always see flat rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or None
        The class labels, where the model has them.

    is_regressor : bool
        Whether the model is known to be a regressor.

    device : torch.device or None
        Where the parameters of the model are; None if it has none.

    Notes
    -----
    For classifiers, prefer a model that returns logits: behind a softmax the gradient of
    a confident prediction vanishes.

    A scikit-learn model is read once. Torch modules are held: training one further
    changes the teacher, too.

    Worker processes get modules of classes that are defined in a notebook or script. To
    cache in them with ``Pipeline(memory=...)``, too, joblib needs an importable class.

    The backward pass of cuDNN's recurrent layers works in training mode only, so a model
    that has some is evaluated without cuDNN on a GPU.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_awave.attribution import Teacher
    >>> X = np.arange(6.0).reshape(3, 2) ** 2
    >>> teacher = Teacher(LinearRegression().fit(X, X @ [1, 2]))
    >>> teacher
    Teacher(LinearRegression)
    >>> teacher.outputs(torch.ones(1, 2)).round(decimals=6)
    tensor([[3.]], dtype=torch.float64)
    """

    def __init__(self, model, *, input_shape=None):
        model = unfreeze(model)
        self.input_shape = _check_input_shape(input_shape)
        self.classes_ = None
        self.is_regressor = False
        self._takes_rows = False
        if isinstance(model, nn.Module):
            self._stages = [model]
        elif isinstance(model, BaseEstimator) or is_skorch_net(model):
            self._stages = estimator_stages(model)
            self._takes_rows = not is_skorch_net(model)
            self.is_regressor = is_regressor(model)
            self.classes_ = _read_classes(model)
        elif callable(model) and not isinstance(model, type):
            self._stages = [model]
        else:
            raise TypeError(
                "The teacher must be a torch module, a fitted estimator or a function "
                f"from tensors to outputs. Got {model!r} instead."
            )
        self._name = getattr(model, "__name__", type(model).__name__)

    def outputs(self, x):
        """Evaluate the model; gradients flow back to `x`.

        Parameters
        ----------
        x : tensor of shape (n_samples, ...)
            The samples, with the shape they have in `X`, on any device.

        Returns
        -------
        tensor of shape (n_samples, n_outputs)
            The outputs, on the device of the model.

        Raises
        ------
        TypeError
            If the model does not return a tensor.
        ValueError
            If the model cannot evaluate samples of this shape, or its outputs are of
            another shape, or not finite.
        """
        n_samples, outputs = len(x), self._reshape(x)
        with self._evaluating():
            for stage in self._stages:
                outputs = _apply(stage, outputs)
        return _check_outputs(outputs, n_samples)

    @property
    def device(self):
        """The device of the parameters of the model; None if it has none."""
        likes = (_first_tensor(module) for module in self._modules())
        return next((like.device for like in likes if like is not None), None)

    def _reshape(self, x):
        """Bring samples to the shape that the model sees."""
        if self._takes_rows:
            return x.flatten(1)
        if self.input_shape is None:
            return x
        if math.prod(self.input_shape) != math.prod(x.shape[1:]):
            raise ValueError(
                f"input_shape={self.input_shape} has {math.prod(self.input_shape)} "
                f"values, but X has samples of shape {tuple(x.shape[1:])}."
            )
        return x.reshape(len(x), *self.input_shape)

    def _modules(self):
        return [stage for stage in self._stages if isinstance(stage, nn.Module)]

    @contextmanager
    def _evaluating(self):
        """Put every submodule in eval mode, and back in the mode it was in."""
        modules = list(chain.from_iterable(m.modules() for m in self._modules()))
        with _LOCK, _without_cudnn_if_recurrent(modules):
            training = [module for module in modules if module.training]
            try:
                for module in training:  # not train(), which some modules override
                    module.training = False
                yield
            finally:
                for module in training:
                    module.training = True

    def __repr__(self):
        shape = "" if self.input_shape is None else f", input_shape={self.input_shape}"
        return f"Teacher({self._name}{shape})"

    def __sklearn_clone__(self):
        return self

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        """Return what skops saves, which knows nothing of torch; not asked by pickle."""
        if self._modules():
            raise TypeError(
                f"skops cannot save {self!r}, which holds a torch module. Use joblib or "
                "pickle, or save without the teacher, which transform does not need: "
                "set_params(teacher=None)."
            )
        return vars(self)

    def __reduce__(self):
        with self._evaluating():  # equal weights are equal in any mode
            return _load_teacher, take_tensors(vars(self))


def _load_teacher(skeleton, slots, data):
    teacher = Teacher.__new__(Teacher)
    vars(teacher).update(put_tensors(skeleton, slots, data))
    return teacher


def as_teacher(model):
    """Return a model as a `Teacher`."""
    return model if isinstance(model, Teacher) else Teacher(model)


def _check_input_shape(input_shape):
    if input_shape is None:
        return None
    shape = input_shape if np.ndim(input_shape) else (input_shape,)
    if not all(isinstance(n, Integral) and n >= 1 for n in shape) or len(shape) == 0:
        raise ValueError(
            f"input_shape must be a tuple of positive ints or None. Got {input_shape!r} "
            "instead."
        )
    return tuple(int(length) for length in shape)


def _read_classes(model):
    """Return the labels of a classifier; None for others, and for several targets."""
    classes = getattr(model, "classes_", None)
    several_targets = isinstance(classes, list) and np.ndim(classes[0]) > 0
    return None if classes is None or several_targets else np.asarray(classes)


def _without_cudnn_if_recurrent(modules):
    """Switch cuDNN off for recurrent layers, which it differentiates in training only."""
    needed = any(
        isinstance(module, nn.RNNBase) and _first_tensor(module).is_cuda
        for module in modules
    )
    return torch.backends.cudnn.flags(enabled=False) if needed else nullcontext()


def _first_tensor(module):
    """Return a floating-point parameter or buffer of a module, or None."""
    tensors = chain(module.parameters(), module.buffers())
    return next((tensor for tensor in tensors if tensor.is_floating_point()), None)


def _apply(stage, x):
    """Apply a stage to `x`, brought to the device and dtype of a module."""
    like = _first_tensor(stage) if isinstance(stage, nn.Module) else None
    if like is not None:
        x = x.to(like.device, like.dtype)
    try:
        outputs = stage(x)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError) as error:
        sample = tuple(x.shape[1:])
        raise ValueError(
            f"The teacher fails on {len(x)} samples of shape {sample}: {error}. If it "
            f"expects another shape, such as {(1, *sample)} where it has a channel axis, "
            f"pass Teacher(model, input_shape={(1, *sample)})."
        ) from error
    return outputs[0] if isinstance(outputs, tuple) else outputs


def _check_outputs(outputs, n_samples):
    if not isinstance(outputs, torch.Tensor):
        raise TypeError(
            f"The teacher must return a tensor. Got {type(outputs).__name__} instead."
        )
    if outputs.ndim not in (1, 2) or len(outputs) != n_samples or outputs.numel() == 0:
        raise ValueError(
            f"The teacher must return outputs of shape ({n_samples},) or ({n_samples}, "
            f"n_outputs) for {n_samples} samples. Got {tuple(outputs.shape)} instead."
        )
    if not outputs.isfinite().all():
        raise ValueError("The teacher returns NaN or infinity.")
    return outputs.reshape(n_samples, -1)
