"""The gradients of a teacher with respect to its input, independent of any transform.

Note [Attribution of coefficients]. TRIM [1]_ attributes a teacher's output to the
coefficients ``c`` of a transform with a linear inverse ``S``, as ``f(S c + r)`` with the
residual ``r = x - S c`` held fixed. The teacher is then always evaluated at ``x`` itself,
and by the chain rule the gradient with respect to ``c`` is ``S^T v(x)``, with ``v`` its
gradient with respect to the input. Averages of ``v`` over points around ``x`` commute
with ``S^T``. So every method here is a field ``v``, computed once and without any
transform, and the scores of coefficients are ``S^T v``, or ``c * S^T v`` for those
methods that multiply by the input.

.. [1] C. Singh, W. Ha, F. Lanusse, V. Boehm, J. Liu, B. Yu. "Transformation importance
   with applications to cosmology." arXiv:2003.01926, 2020.
"""

from functools import partial
from numbers import Integral

import numpy as np
import torch

from sk_awave.attribution._independence import check_independence
from sk_awave.attribution._paths import LOCAL_METHODS, make_path
from sk_awave.attribution._targets import Targets
from sk_awave.attribution._teacher import as_teacher
from sk_awave.utils._sklearn import Interval, validate_params
from sk_awave.utils._validation import as_tensor, check_samples
from sk_awave.utils._warnings import warn

#: The values of a chunk by default.
_CHUNK_SIZE = 2**18

#: The share of the change of an output that integrated gradients may miss.
_COMPLETENESS = 0.01

#: The least and the largest number of steps that "auto" tries.
_STEPS = (50, 800)

_NOT_DIFFERENTIABLE = (
    "The teacher is not differentiable: no gradient of its output reaches its input. "
    "Compute all of it with torch, without detach(), numpy() or no_grad()."
)


@validate_params(
    {
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,
)
def input_gradients(
    teacher,
    X,
    *,
    y=None,
    baselines=None,
    batch_size=None,
    device="auto",
    random_state=None,
):
    """Differentiate a teacher's outputs with respect to its input.

    The `target` of the `Teacher` is the output that is differentiated. Its `method` says
    at which points. The result is the field before any multiplication: if
    ``teacher.multiplies`` is True, the scores of the input are `X` times the field.
    `TransformImportance` computes the scores of a transform's coefficients.

    Parameters
    ----------
    teacher : Teacher, or what `Teacher` takes
        The model, with its method and its target.

    X : array-like or tensor of shape (n_samples, ...)
        The samples.

    y : array-like of shape (n_samples,), default=None
        The labels for ``target="label"``: members of ``teacher.classes_``, or indices of
        outputs.

    baselines : array-like or tensor of shape (n_baselines, ...), default=None
        The samples from which "expected_gradients" draws its baselines. By default `X`.

    batch_size : int, default=None
        The number of samples that the teacher is given at a time. By default these have
        about 260,000 values together. It does not change the result.

    device : str or torch.device, default="auto"
        The device to compute on. The teacher is never moved: inputs are moved to the
        teacher, and gradients back. "auto" is the device of the teacher, or that of `X`
        if the teacher has none.

    random_state : int, RandomState instance or None, default=None
        The seed of "smoothgrad" and "expected_gradients". With None, draws differ from
        call to call, and the global generators are not used.

    Returns
    -------
    gradients : ndarray or tensor of shape (n_samples, ...) or (n_targets, n_samples, ...)
        The field, with the shape and the dtype of `X`. If the target is "all" or a list,
        there is one field per target. If `X` is a tensor, so is the field, on the same
        device.

    Raises
    ------
    NotFittedError, TypeError
        If `teacher` is not fitted, or is of a kind that cannot be differentiated.

    ValueError
        If `X` or a parameter is invalid. Also if the teacher is not differentiable, does
        not depend on its input, or returns outputs that are not finite or not of shape
        (n_samples, n_outputs). Also if the outputs of a sample depend on other samples,
        on random numbers or on earlier evaluations.

    Warns
    -----
    UserWarning
        If integrated gradients times the input do not add up to the change of the output
        from the zero baseline to the sample (the completeness axiom).

    Notes
    -----
    The teacher is evaluated and differentiated once for each chunk and step. For each
    additional target it is differentiated once more. Where the points do not include the
    samples themselves, the predicted classes need one more evaluation for each chunk. The
    first chunk, and its first two samples alone, are evaluated once more before, to see
    that samples do not interact.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_awave.attribution import Teacher, input_gradients
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> input_gradients(lambda x: x[:, 0] * x[:, 1], X)
    array([[2., 1.],
           [4., 3.]])
    >>> teacher = Teacher(lambda x: x**2, target="all")
    >>> input_gradients(teacher, X).shape
    (2, 2, 2)
    """
    field = find_field(teacher, X, y, baselines, batch_size, device, random_state)
    if not field.any():
        raise ValueError(
            "The gradients of the teacher are zero at every sample: its output does not "
            "depend on its input there."
        )
    return field


def find_field(
    teacher,
    X,
    y=None,
    baselines=None,
    batch_size=None,
    device="auto",
    random_state=None,
    is_checked=False,
):
    """Return what `input_gradients` returns, or zeros.

    `is_checked` tells that the teacher is known not to mix samples.
    """
    teacher = as_teacher(teacher)
    samples = as_samples(X, teacher, "X")
    method, n_steps = teacher.method, teacher.n_steps
    targets = Targets(teacher, y, len(samples))
    baselines = _check_baselines(baselines, samples, teacher)
    device = choose_device(device, teacher, samples, "input_gradients")
    size = batch_size or max(1, _CHUNK_SIZE // samples[0].numel())

    def compute(n_steps):
        path = None
        if not (callable(method) or method in LOCAL_METHODS):
            noise = teacher.noise_level
            path = make_path(method, n_steps, noise, baselines, random_state)
        fields, misses = [], []
        for start in range(0, len(samples), size):
            rows = slice(start, start + size)
            x = samples[rows].to(device)
            select = partial(targets.select, rows=rows)
            if callable(method):
                field = _call_method(teacher, x, select)
            elif path is None:
                field = _differentiate(teacher, x, select)
            else:
                field, miss = _average(teacher, x, select, path)
                misses.append(miss)
            fields.append(field.to(samples))
        return torch.cat(fields, 1), misses

    steps, last = _STEPS if n_steps == "auto" else (n_steps, n_steps)
    with torch.inference_mode(False), torch.enable_grad():
        if not is_checked:
            check_independence(teacher, samples[:size].to(device))
        field, misses = compute(steps)
        if not field.isfinite().all():
            raise ValueError("The gradients of the teacher contain NaN or infinity.")
        if method == "integrated_gradients":
            while _is_incomplete(misses) and steps < last:
                steps *= 2
                field, misses = compute(steps)
            _warn_if_incomplete(misses, steps, n_steps)
    field = field[0] if targets.is_single else field
    return field if isinstance(X, torch.Tensor) else field.numpy()


def _differentiate(teacher, points, select):
    """Differentiate the selected outputs at points: (n_targets, n_rows, ...)."""
    points = points.detach().clone().requires_grad_()
    outputs = teacher.outputs(points)
    if not outputs.requires_grad:
        raise ValueError(_NOT_DIFFERENTIABLE)
    # Samples do not interact: the gradient of a sum holds the gradients of its terms.
    sums = outputs.gather(1, select(outputs).T).sum(0)
    fields = []
    for i, value in enumerate(sums, start=1):
        is_last = i == len(sums)
        (field,) = torch.autograd.grad(
            value, points, retain_graph=not is_last, allow_unused=True
        )
        if field is None:
            raise ValueError(_NOT_DIFFERENTIABLE)
        fields.append(field)
    return torch.stack(fields)


def _average(teacher, x, select, path):
    """Average gradients over a path; also return by how much they miss completeness.

    One more evaluation, at the samples and the zero baseline, gives the targets and the
    change of the outputs.
    """
    from_zero = teacher.method == "integrated_gradients"
    ends = torch.cat([x, torch.zeros_like(x[:1])]) if from_zero else x
    with torch.no_grad():
        outputs = teacher.outputs(ends)
    indices = select(outputs[: len(x)])
    field = sum(
        weight * _differentiate(teacher, move(x), lambda _: indices)
        for move, weight in path
    )
    change = (outputs[: len(x)] - outputs[-1]).gather(1, indices.T).T.to(x)
    gap = (field * x).flatten(2).sum(2) - change
    return field, torch.stack([gap.abs().max(), change.abs().max()])


def _call_method(teacher, x, select):
    """Apply a method of the user's, one target at a time."""
    with torch.no_grad():
        targets = select(teacher.outputs(x))
    fields = []
    for target in targets:
        points = x.detach().clone().requires_grad_()
        field = teacher.method(teacher.outputs, points, target)
        if not isinstance(field, torch.Tensor | np.ndarray) or field.shape != x.shape:
            got = tuple(field.shape) if hasattr(field, "shape") else repr(field)
            raise ValueError(
                "The method must return a field of the shape of its input, "
                f"{tuple(x.shape)}. Got {got} instead."
            )
        field = torch.as_tensor(field).detach()
        fields.append(field)
    return torch.stack(fields)


def as_samples(X, teacher, name):
    """Return samples as a tensor of float32 or float64, of the shape of `X`."""
    return as_tensor(check_samples(X, teacher, name))


def _check_baselines(baselines, samples, teacher):
    """Return the baselines of expected gradients."""
    if baselines is None:
        return samples
    if teacher.method != "expected_gradients":
        raise ValueError(
            "baselines are for method='expected_gradients'; integrated gradients start "
            f"from zero. Got method={teacher.method!r}."
        )
    baselines = as_samples(baselines, teacher, "baselines")
    if baselines.shape[1:] != samples.shape[1:]:
        raise ValueError(
            f"baselines have samples of shape {tuple(baselines.shape[1:])}, but X has "
            f"samples of shape {tuple(samples.shape[1:])}."
        )
    return baselines


def choose_device(device, teacher, samples, owner):
    """Return the device to compute on; `owner` is whose parameter `device` is."""
    if device == "auto":
        return samples.device if teacher.device is None else teacher.device
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"The 'device' parameter of {owner} must be 'auto' or a torch device that "
            f"exists here. Got {device!r} instead."
        ) from error


def _worst(misses):
    """Return the largest gap and the largest change of the output of all chunks."""
    return torch.stack(misses).amax(0).tolist()


def _is_incomplete(misses):
    gap, change = _worst(misses)
    return gap > _COMPLETENESS * change


def _warn_if_incomplete(misses, steps, n_steps):
    """Warn if integrated gradients do not add up to the change of the output."""
    if _is_incomplete(misses):
        gap, change = _worst(misses)
        remedy = (
            "The teacher is too rough on the way: use another method."
            if n_steps == "auto"
            else "Set n_steps higher, or to 'auto'."
        )
        warn(
            f"With n_steps={steps} integrated gradients miss completeness by up to "
            f"{gap:.2g}, where the output changes by up to {change:.2g} from the zero "
            f"baseline. {remedy}",
        )
