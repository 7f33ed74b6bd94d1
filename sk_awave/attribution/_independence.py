"""The check that a teacher is a function of each sample alone.

Gradients of a sum of outputs are those of its terms only if no sample influences the
outputs of another. What a model does is seen by evaluating it, whatever its layers are.
"""

from itertools import chain

import torch

#: The number of values above which tensors are not copied.
_LARGE = 2**16

#: How much more than a rounding error of the input a rounding error within may do.
_MARGIN = 10

_INTERACTION = (
    "The outputs of the teacher for a sample depend on the other samples of its batch: "
    "those of the first two samples differ by up to {gap:.2g} without the others, so "
    "gradients would depend on batch_size. Likely causes are a recurrent or attention "
    "layer without batch_first=True; one that takes rows for the time steps of a single "
    "series (pass Teacher(model, input_shape=(length, 1))); batch statistics, as of "
    "BatchNorm1d(track_running_stats=False) (keep running statistics); and centring or "
    "scaling over the batch (do it in each sample, or by constants)."
)

_CHANCE = (
    "The teacher returns other outputs for the same samples when it is evaluated again: "
    "they differ by up to {gap:.2g}. It draws random numbers, or keeps a state. Dropout "
    "as a function needs training=self.training; a module that a function calls must be "
    "in eval mode, and so must one that is exported or traced; a hidden state must begin "
    "anew in each evaluation."
)


def check_independence(teacher, x):
    """Compare the outputs of the first two samples in their batch with those without it.

    Parameters
    ----------
    teacher : Teacher
    x : tensor of shape (n_samples, ...)
        The first batch, as the teacher will get it.

    Raises
    ------
    ValueError
        If the outputs of a sample depend on other samples, on chance or on a state, or if
        the teacher changes its parameters or buffers.
    """
    with torch.no_grad():
        # The first evaluation may still complete the model, as lazy layers do.
        together = teacher.outputs(x)
        eps, together = _largest_eps(teacher, together), together.cpu().double()
        before = _state(teacher)
        alone = _apart(teacher, x, x[:2])
        _check_state(before, _state(teacher))
        gap, scale = (alone - together[:2]).abs(), together.abs().amax(0)
        tolerance = eps**0.5
        if (gap <= tolerance * scale).all():
            return
        change = (_apart(teacher, x, x[:2]) - alone).abs()
        if (change > tolerance * scale).any():
            raise ValueError(_CHANCE.format(gap=change.max()))
        # Where large numbers cancel, as of samples far from zero, rounding does more.
        noise = (_apart(teacher, x, _rounded(x[:2], eps)) - alone).abs()
        tolerance += _MARGIN * torch.where(scale > 0, noise / scale, 0).max()
        if (gap > tolerance * scale).any():
            raise ValueError(_INTERACTION.format(gap=gap.max()))


def _apart(teacher, x, pair):
    """Return the outputs of samples, each evaluated alone, in float64."""
    try:
        outputs = torch.cat([teacher.outputs(row) for row in pair.split(1)])
        return outputs.cpu().double()
    except ValueError as error:
        if len(pair) == 1:
            raise
        cause = error
    try:  # others than in the batch, for models that squeeze the axis of one sample
        return teacher.outputs(pair[[1, 0, 0]])[[1, 0]].cpu().double()
    except ValueError:
        raise ValueError(
            f"The teacher evaluates {len(x)} samples, but fails on single ones, so that "
            "its samples may influence each other. Export or trace modules for batches "
            "of any size, and begin a hidden state anew in each evaluation. The error "
            f"was: {cause}"
        ) from cause


def _state(teacher):
    """Copy the parameters and buffers of the modules, of large ones the sums of rows.

    To copy the weights of a large net takes longer than to evaluate it.
    """
    return {
        (i, name): tensor.clone() if tensor.numel() <= _LARGE else tensor.sum(-1)
        for i, module in enumerate(teacher._modules())
        for name, tensor in chain(module.named_parameters(), module.named_buffers())
    }


def _check_state(before, after):
    changed = [
        name
        for (i, name), tensor in after.items()
        if (i, name) not in before or not _is_same(tensor, before[i, name])
    ]
    if changed:
        raise ValueError(
            f"The teacher changes its own state when it is evaluated: {changed}. Change "
            "parameters and buffers in training only: if self.training."
        )


def _is_same(tensor, other):
    """Compare tensors exactly, but with NaN, which some buffers hold, equal to NaN."""
    return torch.equal(tensor, other) or (
        tensor.shape == other.shape
        and bool(((tensor == other) | (tensor.isnan() & other.isnan())).all())
    )


def _largest_eps(teacher, outputs):
    """Return the relative rounding error of the least precise dtype in a model."""
    tensors = chain.from_iterable(
        chain(module.parameters(), module.buffers()) for module in teacher._modules()
    )
    dtypes = {outputs.dtype, *(tensor.dtype for tensor in tensors)}
    if outputs.is_cuda and torch.float32 in dtypes:
        dtypes.add(torch.float16)  # the digits of TF32, which convolutions use there
    return max(torch.finfo(d).eps for d in dtypes | {torch.double} if d.is_floating_point)


def _rounded(x, eps):
    """Return samples with a rounding error, towards zero, in about half of the values."""
    generator = torch.Generator().manual_seed(0)
    chosen = torch.rand(x.shape, generator=generator) < 0.5
    return torch.where(chosen.to(x.device), x * (1 - eps), x)
