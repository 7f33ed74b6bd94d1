"""Evaluation of the stages of a teacher: their mode, their input and their output."""

import math
import threading
from contextlib import contextmanager, nullcontext
from itertools import chain
from numbers import Integral

import numpy as np
import torch
from torch import nn

#: What models raise if they are called as they should not be.
_FAILURES = (RuntimeError, LookupError, TypeError, AttributeError, AssertionError)

#: Losses that broadcast where shapes differ, so that each target meets each output.
_ELEMENTWISE = nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss

_REMEDY = (
    "pass a function of one tensor of samples that returns a tensor, such as "
    "Teacher(lambda x: model({'x': x})['logits']), with the model in eval mode."
)

#: The training flags belong to the modules, and all threads see them.
_LOCK = threading.RLock()


@contextmanager
def evaluating(modules):
    """Put every submodule in eval mode, and back in the mode it was in."""
    modules = list(chain.from_iterable(module.modules() for module in modules))
    with _LOCK, _without_cudnn_if_recurrent(modules):
        training = [module for module in modules if module.training]
        try:
            for module in training:  # not train(), which some modules override
                module.training = False
            yield
        finally:
            for module in training:
                module.training = True


def _without_cudnn_if_recurrent(modules):
    """Switch cuDNN off for recurrent layers: in eval mode it has no gradients of them."""
    needed = any(
        isinstance(module, nn.RNNBase) and first_tensor(module).is_cuda
        for module in modules
    )
    return torch.backends.cudnn.flags(enabled=False) if needed else nullcontext()


def first_tensor(module):
    """Return a floating-point parameter or buffer of a module, or None."""
    tensors = chain(module.parameters(), module.buffers())
    return next((tensor for tensor in tensors if tensor.is_floating_point()), None)


def prepare_input(x, model, input_shape=None):
    """Bring samples to the shape, the device and the dtype that a model expects.

    Parameters
    ----------
    x : tensor of shape (n_samples, ...)
    model : nn.Module or callable
        The dtype and the device are those of the parameters of a module.
    input_shape : tuple of int, default=None
        The shape of a sample; by default it is left as it is.

    Returns
    -------
    tensor
    """
    if input_shape is not None:
        if math.prod(input_shape) != math.prod(x.shape[1:]):
            raise ValueError(
                f"input_shape={input_shape} has {math.prod(input_shape)} values, but X "
                f"has samples of shape {tuple(x.shape[1:])}."
            )
        x = x.reshape(len(x), *input_shape)
    like = first_tensor(model) if isinstance(model, nn.Module) else None
    return x if like is None else x.to(like.device, like.dtype)


def match_target(outputs, target, criterion):
    """Bring a target to the shape and the dtype of the outputs that it is compared with.

    Outputs of shape (n, 1) and a target of shape (n,) would be broadcast to (n, n).
    Classes, of which there are fewer than outputs, are left as they are.
    """
    if not (isinstance(outputs, torch.Tensor) and isinstance(target, torch.Tensor)):
        return target
    if outputs.numel() == target.numel():
        return target.reshape(outputs.shape).to(outputs.dtype)
    if isinstance(criterion, _ELEMENTWISE) and outputs.ndim != target.ndim:
        raise ValueError(
            f"{type(criterion).__name__} compares outputs and targets of equal shapes, "
            f"but those of samples are {tuple(outputs.shape[1:])} and "
            f"{tuple(target.shape[1:])}. Let the module return one output for a target "
            "of shape (n_samples,), or set a criterion that takes several."
        )
    return target


def apply_stage(stage, x):
    """Apply a stage to `x`, and say what is wrong if it fails."""
    # ValueErrors of functions of rows and of contextual decomposition are ours.
    is_theirs = isinstance(stage, nn.Module) and type(x) is torch.Tensor
    failures = (*_FAILURES, ValueError) if is_theirs else _FAILURES
    try:
        outputs = stage(x)
    except (torch.cuda.OutOfMemoryError, NotImplementedError):
        raise
    except failures as error:
        sample = tuple(x.shape[1:])
        raise ValueError(
            f"The teacher fails on {len(x)} samples of shape {sample}: {error}. If it "
            f"expects another shape, such as {(1, *sample)} where it has a channel axis, "
            f"pass Teacher(model, input_shape={(1, *sample)}). If it takes a dict, "
            f"several inputs or complex numbers, {_REMEDY}"
        ) from error
    return outputs[0] if isinstance(outputs, tuple) else outputs


def check_outputs(outputs, n_samples):
    if not isinstance(outputs, torch.Tensor):
        raise TypeError(
            f"The teacher must return a tensor. Got {type(outputs).__name__} instead. In "
            f"place of a model that returns something else, {_REMEDY}"
        )
    if outputs.is_complex():
        raise ValueError(
            "The teacher must return real outputs. Got complex ones instead. Let it "
            "return their abs() or real part."
        )
    if outputs.ndim not in (1, 2) or len(outputs) != n_samples or outputs.numel() == 0:
        raise ValueError(
            f"The teacher must return outputs of shape ({n_samples},) or ({n_samples}, "
            f"n_outputs) for {n_samples} samples. Got {tuple(outputs.shape)} instead."
        )
    if not outputs.isfinite().all():
        raise ValueError("The teacher returns NaN or infinity.")
    return outputs.reshape(n_samples, -1)


def check_input_shape(input_shape):
    if input_shape is None:
        return None
    shape = input_shape if np.ndim(input_shape) else (input_shape,)
    if not all(isinstance(n, Integral) and n >= 1 for n in shape) or len(shape) == 0:
        raise ValueError(
            f"input_shape must be a tuple of positive ints or None. Got {input_shape!r} "
            "instead."
        )
    return tuple(int(length) for length in shape)


def read_classes(model):
    """Return the labels of a classifier; None for others, and for several targets."""
    classes = getattr(model, "classes_", None)
    several_targets = isinstance(classes, list) and np.ndim(classes[0]) > 0
    return None if classes is None or several_targets else np.asarray(classes)
