"""The compiled kernel as a linear map, for data on the CPU where it was built.

``cpp/transform.cpp`` says how it works. It takes the discrete and the stationary
transform, float32 and float64, any filters and boundary mode; maps of torch serve all
else, and where there is no kernel.
"""

import ctypes
import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from sk_awave.engine._boundary import extension
from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._library import Job, Transform, load_library, threads_for
from sk_awave.engine._linear_map import LinearMap
from sk_awave.engine._tree import Tree

#: The bytes of the signals that a thread takes at a time, all levels of which stay in its
#: cache; and of as many long signals as fill the lanes of a vector, if these are to be
#: interleaved. Longer signals are taken one by one.
PART_BYTES, MAX_LANES, INTERLEAVED_BYTES = 2**19, 32, 10 * 2**20

#: The tasks, as ``jobs.h`` counts them.
_ANALYSE, _TRANSPOSE, NORM, _PULL = range(4)


class Kernel(LinearMap):
    """Analysis by the compiled kernel, a differentiable function of its filters.

    The only factor holds the filters of each level and axis, (..., level, ndim, 2, K), in
    float64 whatever the data are.
    """

    #: The instruction set, counted from the widest that there is.
    instruction_set = 0

    needs_batches = False

    def _make_factors(self, pairs):
        self._transform = _describe(self.layout, self.mode)
        by_level = self.layout.level, len(self.layout.signal_shape)
        if not self.layout.tree.is_decimated:
            pairs = pairs * math.sqrt(0.5)  # which keeps the energy of signals
        return (pairs.expand(*pairs.shape[:-4], *by_level, -1, -1),)

    @staticmethod
    def serves(layout: CoeffLayout, like: Tensor) -> bool:
        """Tell whether there is a kernel, and it takes such transforms and data."""
        return (
            layout.level > 0
            and layout.tree in (Tree.dwt(layout.level), Tree.stationary(layout.level))
            and like.device.type == "cpu"
            and like.dtype in (torch.float32, torch.float64)
            and load_library() is not None
        )

    def apply(self, x, out=None):
        """Transform rows of signals."""
        return self._map(_ANALYSE, x, out)

    def apply_transpose(self, y, out=None):
        """Take rows of coefficients to rows of signals, by the transpose."""
        return self._map(_TRANSPOSE, y, out)

    def norm(self, x: Tensor, smoothing: float) -> Tensor:
        """Return the L1 norm of the coefficients of all rows, smoothed as in `Batch`.

        They count with the weights of their bands, and are not kept: the gradient with
        respect to the filters is taken with the value.
        """
        return _Norm.apply(self, x, smoothing, *self.factors)

    def _map(self, task: int, rows: Tensor, out: Tensor | None) -> Tensor:
        (pairs,) = self.factors
        if torch.is_grad_enabled() and (pairs.requires_grad or rows.requires_grad):
            result = _Map.apply(self, task, rows, pairs)
            return result if out is None else out.copy_(result)
        return self.run(task, rows, pairs, out)

    def run(
        self, task: int, rows: Tensor, pairs: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Map rows, of all banks or of each, to an array that is made unless given."""
        is_analysis, layout = task == _ANALYSE, self.layout
        n_axes = len(layout.signal_shape) if is_analysis else 1
        shape = (layout.n_coeffs_per_channel,) if is_analysis else layout.signal_shape
        shape = (*pairs.shape[:-4], rows.shape[-n_axes - 1], *shape)
        fits = out is not None and out.is_contiguous()
        made: Any = out if fits else rows.new_empty(shape)
        data: dict[str, Any] = {"x" if is_analysis else "y": rows}
        self._call(task, pairs, out=made, **data)
        return made if out is None or out is made else out.copy_(made)

    def pull(self, x: Tensor, y: Tensor, pairs: Tensor) -> Tensor:
        """Return the gradient of ``<A x, y>`` with respect to the filters of `A`."""
        _, slopes = self._sums(_PULL, pairs, x=x, y=y)
        return slopes

    def _sums(self, task: int, pairs: Tensor, **data) -> tuple[Tensor, Tensor]:
        """Do a task that makes values and slopes of filters, of each bank."""
        values = torch.zeros(pairs.shape[:-4], dtype=torch.float64)
        slopes = torch.zeros(pairs.shape, dtype=torch.float64)
        self._call(task, pairs, values=values, slopes=slopes, **data)
        return values, slopes.flip(-1)

    def _call(
        self,
        task: int,
        pairs: Tensor,
        x: Tensor | None = None,
        y: Tensor | None = None,
        smoothing: float = 0.0,
        **results: Tensor,
    ) -> None:
        """Do a task; its results are written to their places."""
        n_banks = math.prod(pairs.shape[:-4])
        call = Call(self, task, n_banks, x, y)
        places = {name: result.data_ptr() for name, result in results.items()}
        call.run(pairs.detach().numpy(), smoothing, **places)


class Call:
    """A task for some signals, to be repeated with other filters.

    Parameters
    ----------
    kernel : Kernel
    task : int
    n_banks : int
    x, y : tensors, default=None
        Rows of signals and of coefficients, of all banks or of each.
    """

    def __init__(
        self,
        kernel: Kernel,
        task: int,
        n_banks: int = 1,
        x: Tensor | None = None,
        y: Tensor | None = None,
    ):
        layout, self._set = kernel.layout, kernel.instruction_set
        n_values, n_coeffs = math.prod(layout.signal_shape), layout.n_coeffs_per_channel
        job = Job(ctypes.pointer(kernel._transform), task, n_banks=n_banks)
        kept: list[Any] = [kernel]  # whose memory the job refers to
        for name, rows, size, n_axes in (
            ("x", x, n_values, len(layout.signal_shape)),
            ("y", y, n_coeffs, 1),
        ):
            if rows is not None:
                rows = rows.detach().contiguous()
                kept.append(rows)
                setattr(job, name, rows.data_ptr())
                job.is_double = rows.dtype == torch.float64
                total = rows.numel() // size
                by_bank = rows.ndim > n_axes + 1
                job.n_rows = total // n_banks if by_bank and n_banks else total
                setattr(job, f"{name}_step", job.n_rows * size if by_bank else 0)
        if task == NORM and layout.weights is not None:
            kept.append(np.ascontiguousarray(layout.weights))
            job.weights = kept[-1].ctypes.data
        size = max(n_values, n_coeffs)
        job.rows_per_part = _rows_per_part(size * (8 if job.is_double else 4))
        self._work = n_banks * job.n_rows * size
        self._job, self._kept = job, kept

    def run(
        self,
        pairs: np.ndarray,
        smoothing: float = 0.0,
        out: int | None = None,
        values: int | None = None,
        slopes: int | None = None,
    ) -> None:
        """Do it for filters (..., level, ndim, 2, K), with results at these addresses."""
        if not self._work:
            return
        filters = np.ascontiguousarray(pairs[..., ::-1], float)
        job = Job.from_buffer_copy(self._job)  # of which other threads have their own
        job.filters, job.out, job.smoothing = filters.ctypes.data, out, smoothing
        n_threads = threads_for(self._work)
        run = load_library().kernel_run
        if run(ctypes.byref(job), self._set, n_threads, values, slopes):
            raise MemoryError("There is too little memory for the transform.")


class _Map(Function):
    """Analysis or its transpose, and its derivatives."""

    @staticmethod
    def forward(ctx, kernel, task, rows, pairs):
        ctx.kernel, ctx.task = kernel, task
        ctx.save_for_backward(rows, pairs)
        return kernel.run(task, rows, pairs)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        kernel, task = ctx.kernel, ctx.task
        rows, pairs = ctx.saved_tensors
        for_rows = for_pairs = None
        if ctx.needs_input_grad[2]:
            other = _TRANSPOSE if task == _ANALYSE else _ANALYSE
            for_rows = kernel.run(other, gradient, pairs).sum_to_size(rows.shape)
        if ctx.needs_input_grad[3]:
            x, y = (rows, gradient) if task == _ANALYSE else (gradient, rows)
            for_pairs = kernel.pull(x, y, pairs)
        return None, None, for_rows, for_pairs


class _Norm(Function):
    """The L1 norm of coefficients, and its derivative with respect to filters."""

    @staticmethod
    def forward(ctx, kernel, x, smoothing, pairs):
        value, slope = kernel._sums(NORM, pairs, x=x, smoothing=smoothing)
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (slope,) = ctx.saved_tensors
        return None, None, None, gradient[..., None, None, None, None] * slope


def _rows_per_part(n_bytes: int) -> int:
    """Return how many signals of a size a thread takes at a time."""
    if MAX_LANES * n_bytes > INTERLEAVED_BYTES:
        return 1
    return max(MAX_LANES, 1 << (PART_BYTES // n_bytes).bit_length() >> 1)


@lru_cache(maxsize=1024)  # signals may have many lengths
def _describe(layout: CoeffLayout, mode: str) -> Transform:
    """Describe a transform to the kernel."""
    lengths = np.array(layout.shapes, np.int64)
    level, ndim = layout.level, len(layout.signal_shape)
    taps, is_stationary = layout.filter_length, not layout.tree.is_decimated
    if is_stationary:
        mode = "zero"  # which has no tables: there is nothing beyond a circle
    tables = [[extension(n, taps, mode) for n in shape] for shape in lengths[:-1]]
    widest = np.max([weight.shape for row in tables for *_, weight in row], axis=0)
    index = np.zeros((level, ndim, *widest), np.int64)
    weight = np.zeros(index.shape)
    for j, row in enumerate(tables):
        for axis, (_, indices, weights) in enumerate(row):
            places = (j, axis, slice(len(indices)), slice(indices.shape[1]))
            index[places], weight[places] = indices, weights
    left, widths = tables[0][0][0], widest.tolist()
    transform = Transform(ndim, level, taps, is_stationary, left, *widths)
    transform.arrays = lengths, index, weight  # which live as long as it does
    transform.lengths, transform.index, transform.weight = (
        array.ctypes.data for array in transform.arrays
    )
    transform.n_values = math.prod(layout.signal_shape)
    transform.n_coeffs = layout.n_coeffs_per_channel
    return transform
