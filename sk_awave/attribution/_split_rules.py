"""The rules of contextual decomposition for functions that have no state.

Those for linear maps, batch normalisation, ReLU, pooling and sums are the published ones
[1]_; those for other elementwise functions and for products are ours.

.. [1] C. Singh, W. J. Murdoch, B. Yu. "Hierarchical interpretations for neural network
   predictions." ICLR, 2019. arXiv:1806.05337.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from sk_awave.attribution._split import (
    Split,
    decomposition_rule,
    map_splits,
    no_rule,
)


def share(relevant, irrelevant):
    """Return the share of a bias that goes with the relevant part.

    It is ``|r| / (|r| + |i|)``, and 0 where both vanish, up to rounding errors of the
    largest value of the sample.
    """
    size = relevant.abs() + irrelevant.abs()
    limits = torch.finfo(size.dtype)
    largest = size.detach()
    if size.ndim > 1:
        largest = largest.flatten(1).amax(1).reshape(-1, *[1] * (size.ndim - 1))
    return relevant.abs() / (size + limits.eps * largest + limits.tiny)


def with_bias(relevant, total, bias):
    """Add the relevant part's share of a bias; `total` is without it."""
    return relevant + share(relevant, total - relevant) * bias


def zero_where_nothing(relevant, part):
    """Return a part, exactly zero where nothing is relevant, with all its gradients.

    There rounding may leave a little: vectorised functions have other last bits.
    """
    return torch.where(relevant == 0, part - part.detach(), part)


def relevants(args):
    """Replace every `Split` in arguments by its relevant part."""
    return map_splits(lambda split: split.relevant, args)


@decomposition_rule(
    *(torch.reshape, Tensor.view, torch.flatten, torch.unflatten, Tensor.view_as),
    *(Tensor.reshape_as, torch.transpose, torch.swapaxes, torch.swapdims, torch.permute),
    *(torch.movedim, torch.moveaxis, torch.squeeze, torch.unsqueeze, Tensor.T.__get__),
    *(Tensor.mT.__get__, Tensor.H.__get__, Tensor.mH.__get__, torch.t),
    *(Tensor.real.__get__, torch.select, torch.narrow, torch.index_select, torch.gather),
    *(Tensor.__getitem__, torch.chunk, torch.split, torch.tensor_split, torch.unbind),
    *(Tensor.expand, Tensor.expand_as, Tensor.repeat, torch.tile, torch.flip, torch.roll),
    *(torch.repeat_interleave, Tensor.unfold, F.unfold, F.fold, F.pixel_shuffle),
    *(F.pixel_unshuffle, torch.channel_shuffle, torch.clone, Tensor.contiguous),
    *(torch.detach, Tensor.to, Tensor.type, Tensor.type_as, Tensor.float, Tensor.double),
    *(Tensor.cpu, Tensor.cuda, torch.mean, torch.sum, torch.cumsum, torch.diff),
    *(torch.neg, F.avg_pool1d, F.avg_pool2d, F.avg_pool3d, F.adaptive_avg_pool1d),
    *(F.adaptive_avg_pool2d, F.adaptive_avg_pool3d, F.interpolate),
    *(torch.mul, torch.matmul, torch.mm, torch.bmm, torch.mv, torch.dot, torch.einsum),
    torch.tensordot,
)
def multilinear(func, total, *args, **kwargs):
    """Apply a linear map to the relevant part, and a product to those of its factors.

    What interacts with anything irrelevant in a product is irrelevant.
    """
    return func(*relevants(args), **relevants(kwargs))


@decomposition_rule(torch.cat, torch.concat, torch.concatenate, torch.stack)
def join(func, total, tensors, *args, **kwargs):
    """Join the relevant parts; nothing of a constant is relevant."""
    parts = map_splits(lambda split: split.relevant, tensors, torch.zeros_like)
    return func(parts, *args, **kwargs)


@decomposition_rule(torch.where)
def where(func, total, condition, *branches):
    """Choose as the model does; nothing of a constant is relevant."""
    return func(condition, *map_splits(lambda s: s.relevant, branches, lambda _: 0.0))


@decomposition_rule(torch.masked_fill)
def masked_fill(func, total, x, mask, value):
    """Blank the relevant part where the model puts a constant."""
    return func(x.relevant, mask, 0.0)


@decomposition_rule(F.pad)
def pad(func, total, x, pad, mode="constant", value=None):
    """Pad the relevant part; nothing of a constant is relevant."""
    return func(x.relevant, pad, mode)


@decomposition_rule(
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout),
    F.feature_alpha_dropout,
)
def dropout(func, total, x, p=0.5, training=True, inplace=False):
    """Leave everything as it is, in eval mode."""
    check_eval_mode(training, "dropout")
    return x.relevant


def check_eval_mode(training, layer):
    """Raise ValueError if a layer is in training mode."""
    if training:
        raise ValueError(
            f"Contextual decomposition needs the model in eval mode, but {layer} is in "
            "training mode. Call model.eval() first."
        )


@decomposition_rule(F.linear)
def linear(func, total, x, weight, bias=None):
    """Apply the weights, and share the bias."""
    return _affine(func, x, weight, bias, ())


@decomposition_rule(
    *(F.conv1d, F.conv2d, F.conv3d),
    *(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
)
def convolution(func, total, x, weight, bias=None, *args, **kwargs):
    """Apply the filters, and share the bias."""
    bias = None if bias is None else bias.reshape(-1, *[1] * (weight.ndim - 2))
    return _affine(func, x, weight, bias, args, **kwargs)


def _affine(func, x, weight, bias, args, **kwargs):
    if isinstance(weight, Split) or isinstance(bias, Split):
        raise no_rule(func)
    relevant = func(x.relevant, weight, None, *args, **kwargs)
    if bias is None:
        return relevant
    return with_bias(relevant, func(x.total, weight, None, *args, **kwargs), bias)


@decomposition_rule(F.batch_norm)
def batch_norm(
    func,
    total,
    x,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Apply the scale, and share the shift."""
    if func is not F.batch_norm:  # torch.batch_norm has another order of arguments
        raise no_rule(func)
    check_eval_mode(training, "batch normalisation (or has no running statistics)")
    scale = (running_var + eps).rsqrt() * (1.0 if weight is None else weight)
    shift = (0.0 if bias is None else bias) - running_mean * scale
    shape = (-1, *[1] * (x.ndim - 2))
    scale, shift = scale.reshape(shape), shift.reshape(shape)
    return with_bias(scale * x.relevant, scale * x.total, shift)


@decomposition_rule(torch.relu)
def relu(func, total, x, inplace=False):
    """Count all that positive and negative parts do to each other as irrelevant."""
    return torch.relu(x.relevant)


@decomposition_rule(
    *(torch.tanh, torch.sigmoid, torch.abs, torch.exp, torch.expm1, torch.square),
    *(torch.sin, torch.cos, torch.atan, torch.arctan, torch.erf, torch.clamp, torch.clip),
    *(F.gelu, F.elu, F.selu, F.celu, F.silu, F.mish, F.leaky_relu, F.prelu, F.softplus),
    *(F.hardtanh, F.relu6, F.hardswish, F.hardsigmoid, F.softsign, F.logsigmoid),
    *(F.tanhshrink, F.softshrink, F.hardshrink, F.threshold),
)
def elementwise(func, total, x, *args, **kwargs):
    """Average what the part does alone and what it does last; share the value at zero."""
    zero = func(torch.zeros_like(x.total), *args, **kwargs)
    alone = func(x.relevant, *args, **kwargs) - zero
    last = total - func(x.irrelevant, *args, **kwargs)
    part = zero_where_nothing(x.relevant, (alone + last) / 2)
    return with_bias(part, total - zero, zero)


@decomposition_rule(torch.pow)
def power(func, total, x, exponent):
    """Apply the rule of elementwise functions, to powers that all numbers have."""
    is_whole = isinstance(exponent, int | float) and exponent == int(exponent) > 0
    if not (isinstance(x, Split) and is_whole):
        raise no_rule(func)
    return elementwise(func, total, x, exponent)


@decomposition_rule(
    *(F.max_pool1d, F.max_pool2d, F.max_pool3d, F.adaptive_max_pool1d),
    *(F.adaptive_max_pool2d, F.adaptive_max_pool3d, F.max_pool1d_with_indices),
    *(F.max_pool2d_with_indices, F.max_pool3d_with_indices),
    *(F.adaptive_max_pool1d_with_indices, F.adaptive_max_pool2d_with_indices),
    F.adaptive_max_pool3d_with_indices,
)
def max_pool(func, total, x, *args, return_indices=False, **kwargs):
    """Take the relevant part from where the total is largest."""
    name = func.__name__.removesuffix("_with_indices")
    n_axes = int(name[-2])
    _, indices = getattr(F, name)(x.total, *args, return_indices=True, **kwargs)
    flat = x.relevant.flatten(-n_axes).gather(-1, indices.flatten(-n_axes))
    relevant = flat.reshape(indices.shape)
    return (relevant, None) if isinstance(total, tuple) else relevant


@decomposition_rule(torch.max, torch.min, torch.amax, torch.amin)
def extremum(func, total, x, dim=None, keepdim=False):
    """Take the relevant part from where the total is largest, or smallest, on an axis."""
    if not isinstance(dim, int):
        raise no_rule(func)
    choose = torch.max if "max" in func.__name__ else torch.min
    indices = choose(x.total, dim, keepdim=True).indices
    relevant = x.relevant.gather(dim, indices)
    relevant = relevant if keepdim else relevant.squeeze(dim)
    return (relevant, None) if isinstance(total, tuple) else relevant


@decomposition_rule(torch.add)
def add(func, total, a, b, *, alpha=1):
    """Add the relevant parts; a constant is shared as a bias is."""
    if isinstance(a, Split) and isinstance(b, Split):
        return a.relevant + alpha * b.relevant
    if isinstance(a, Split):
        return with_bias(a.relevant, a.total, alpha * b)
    return with_bias(alpha * b.relevant, alpha * b.total, a)


@decomposition_rule(torch.sub, torch.subtract)
def subtract(func, total, a, b, *, alpha=1):
    """Add the negative."""
    return add(func, total, a, b, alpha=-alpha)


@decomposition_rule(torch.rsub, Tensor.__rsub__)
def subtract_from(func, total, a, b, *, alpha=1):
    """Subtract in the other order."""
    return add(func, total, b, a, alpha=-alpha)


@decomposition_rule(torch.div, torch.divide, torch.true_divide)
def divide(func, total, a, b, *, rounding_mode=None):
    """Divide by a constant."""
    if isinstance(b, Split) or rounding_mode is not None:
        raise no_rule(func)
    return a.relevant / b
