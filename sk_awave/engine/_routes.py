"""The multilevel transform as a chain of products with small matrices."""

import math
from collections.abc import Callable
from functools import cached_property, lru_cache
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._axis_maps import (
    DENSE_SIZE,
    BlockedMap,
    DenseMap,
    empty_like,
    make_map,
)
from sk_awave.engine._boundary import adjoint_mode
from sk_awave.engine._layout import CoeffLayout

#: The samples from which the compiled loops are used, as they take a second to compile,
#: and the threads up to which a single one of theirs is faster than products by all.
MIN_COMPILED_SIZE, MAX_COMPILED_THREADS = 2**18, 2

#: The entries up to which a matrix is made for samples of several axes: long filters make
#: far more coefficients of short axes than there are samples.
MAX_DENSE_ENTRIES = 2**22

#: The longest filters whose sums are worth unrolling; the loops need less than a tile.
MAX_COMPILED_TAPS = 128


@lru_cache(maxsize=1)
def _import_loops() -> ModuleType | None:
    """Return the compiled loops, None without numba or a place for what it compiles."""
    try:
        return import_module("sk_awave.engine._compiled")
    except (ImportError, RuntimeError):
        return None


class _Step(NamedTuple):
    """Some levels: a map for each axis, or a single one for flat signals."""

    maps: list[DenseMap | BlockedMap]
    first_map: int  # where its matrices are in the list of all
    first_level: int
    approximation_shape: tuple[int, ...]
    n_details: int


class Route:
    """Analysis, or the adjoint of synthesis, and the adjoint of either.

    A signal of up to `DENSE_SIZE` samples is multiplied with one matrix. Of longer ones,
    a map along each axis takes a level, or in one dimension two or all that are left; see
    Note [matrices of the transform] in ``_axis_maps.py``.

    Parameters
    ----------
    layout : CoeffLayout
        Lengths, levels and mode; its channels are rows here.
    adjoint : bool, default=False
        Whether this is the adjoint of synthesis.
    """

    def __init__(self, layout: CoeffLayout, adjoint: bool = False):
        self.layout, self.is_synthesis_adjoint = layout, adjoint
        self.mode = mode = adjoint_mode(layout.mode) if adjoint else layout.mode
        shape, filter_length = layout.signal_shape, layout.filter_length
        #: Whether samples are rows to the maps, or keep their axes.
        self.is_flat = len(shape) == 1 or (
            math.prod(shape) <= DENSE_SIZE
            and _largest_matrix(layout) <= MAX_DENSE_ENTRIES
        )
        self._steps = []
        level = 0
        while level < layout.level:
            shape, left = layout.shapes[level], layout.level - level
            if self.is_flat:
                maps = [make_map(shape, filter_length, left, mode)]
            else:
                maps = [make_map((n,), filter_length, 1, mode) for n in shape]
            coarse = layout.shapes[level + maps[0].level]
            finer = layout.shapes[level + 1 : level + maps[0].level + 1]
            n_details = (2 ** len(shape) - 1) * sum(map(math.prod, finer))
            first_map = len(self._steps) * len(maps)
            self._steps.append(_Step(maps, first_map, level, coarse, n_details))
            level += maps[0].level

    @property
    def is_dense(self) -> bool:
        """Whether the transform is the product with a single matrix."""
        maps = [axis_map for step in self._steps for axis_map in step.maps]
        return self.is_flat and len(maps) == 1 and isinstance(maps[0], DenseMap)

    def pairs(self, filters: np.ndarray) -> np.ndarray:
        """Return the filters that `apply` analyses with, (..., level, ndim, 2, K)."""
        pairs = (
            filters[..., 2:4, ::-1] if self.is_synthesis_adjoint else filters[..., :2, :]
        )
        by_level = self.layout.level, len(self.layout.signal_shape)
        return np.broadcast_to(pairs, (*pairs.shape[:-4], *by_level, *pairs.shape[-2:]))

    def matrices(
        self, filters: np.ndarray
    ) -> tuple[list[tuple[np.ndarray, ...]], Callable[[list], np.ndarray]]:
        """Return the matrices of all maps, as a function of the filters.

        Parameters
        ----------
        filters : ndarray of shape (level or 1, ndim or 1, 4, K)
            As ``wavedec`` takes them; where there is one matrix for the whole transform,
            also many of them, (..., level or 1, ndim or 1, 4, K).

        Returns
        -------
        matrices : list of tuple of ndarrays
            What the other methods take, as tensors.
        pull_back : callable
            Takes gradients with respect to the matrices to those with respect to the
            filters.
        """
        pairs, shared = self.pairs(filters), filters.shape
        shape = pairs.shape
        matrices, pull_backs, places = [], [], []
        for step in self._steps:
            for axis, axis_map in enumerate(step.maps):
                axes = slice(None) if self.is_flat else slice(axis, axis + 1)
                levels = slice(step.first_level, step.first_level + axis_map.level)
                places.append((..., levels, axes, slice(None), slice(None)))
                values, pull_back = axis_map.matrices(pairs[places[-1]])
                matrices.append(values)
                pull_backs.append(pull_back)
        sum_over = tuple(
            axis for axis in (-4, -3) if shared[axis] == 1 and shape[axis] > 1
        )

        def to_filters(gradients: list[tuple[np.ndarray, ...]]) -> np.ndarray:
            d_pairs = np.zeros(shape)
            for place, pull_back, group in zip(
                places, pull_backs, gradients, strict=True
            ):
                d_pairs[place] = pull_back(*group)
            if sum_over:
                d_pairs = d_pairs.sum(sum_over, keepdims=True)
            d_filters = np.zeros(filters.shape)
            if self.is_synthesis_adjoint:
                d_filters[..., 2:4, :] = d_pairs[..., ::-1]
            else:
                d_filters[..., :2, :] = d_pairs
            return d_filters

        return matrices, to_filters

    def apply(
        self,
        x: Tensor,
        matrices: list[tuple[Tensor, ...]],
        out: Tensor | None = None,
        inputs: list[Tensor] | None = None,
    ) -> Tensor:
        """Transform signals of shape (n, *signal_shape) to (n, n_coeffs).

        Parameters
        ----------
        x : tensor of shape (n, *signal_shape)
            The signals.
        matrices : list of tuple of tensors
            Of `matrices`.
        out : tensor of shape (n, n_coeffs), default=None
            Where to write.
        inputs : list, default=None
            Where to append the input of each map, which `gradients` takes.
        """
        if out is None:
            out = empty_like(x, len(x), self.layout.n_coeffs_per_channel)
        transform = self._apply_flat if self.is_flat else self._apply_axes
        stop = out.shape[1]
        for step in self._steps:
            start = stop - step.n_details - math.prod(step.approximation_shape)
            x = transform(step, x, matrices, out[:, start:stop], inputs)
            stop -= step.n_details
        if not (self.is_flat and self._steps):
            out[:, :stop] = x.flatten(1)
        return out

    def _apply_flat(self, step, x, matrices, out, inputs):
        """Take a step of one map, with the details where they belong; return the rest."""
        (axis_map,) = step.maps
        # Later signals are what the step before wrote, and this one writes over.
        x = empty_like(x, *x.shape).copy_(x) if step.first_level else x.flatten(1)
        axis_map.apply(x, matrices[step.first_map], out)
        if inputs is not None:
            inputs.append(x)
        return out[:, : math.prod(step.approximation_shape)]

    def _apply_axes(self, step, x, matrices, out, inputs):
        """Take a step along each axis, the last one first; return the approximation."""
        n, shape = len(x), list(x.shape[1:])
        for axis in reversed(range(len(shape))):
            x = _expose(x, n, shape, axis)
            if inputs is not None:
                inputs.append(x)
            shape[axis] = 2 * step.approximation_shape[axis]
            y = empty_like(x, len(x), shape[axis], *x.shape[2:])
            step.maps[axis].apply(x, matrices[step.first_map + axis], y)
            x = y
        approximation, *details = _bands(x.reshape(n, *shape))
        places = out[:, approximation[0].numel() :].chunk(len(details), 1)
        for place, detail in zip(places, details, strict=True):
            place.unflatten(1, detail.shape[1:]).copy_(detail)
        return approximation

    def adjoint(
        self,
        flat: Tensor,
        matrices: list[tuple[Tensor, ...]],
        out: Tensor | None = None,
    ) -> Tensor:
        """Apply the adjoint: coefficients (n, n_coeffs) to (n, *signal_shape)."""
        x = self._descend(flat, matrices)
        return x if out is None else out.copy_(x)

    def gradients(
        self, flat: Tensor, matrices: list[tuple[Tensor, ...]], inputs: list[Tensor]
    ) -> list[tuple[Tensor, ...]]:
        """Return the gradients of ``<flat, apply(x)>`` with respect to the matrices.

        Parameters
        ----------
        flat : tensor of shape (n, n_coeffs)
        matrices : list of tuple of tensors
            Of `matrices`.
        inputs : list of tensors
            Which `apply` has filled, and which this empties.
        """
        gradients: list[tuple[Tensor, ...]] = [()] * len(matrices)
        self._descend(flat, matrices, inputs, gradients)
        return gradients

    def _descend(self, flat, matrices, inputs=None, gradients=None):
        """Go from the coefficients back to the signals, step by step."""
        n, shapes = len(flat), self.layout.shapes
        stop = math.prod(shapes[-1])
        x = flat[:, :stop]
        for step in reversed(self._steps):
            start, stop = stop, stop + step.n_details
            if self.is_flat:
                last = step is self._steps[-1]  # whose parts are still together
                parts = (flat[:, :stop],) if last else (x, flat[:, start:stop])
            else:
                parts = (self._interleave(step, x, flat[:, start:stop]),)
                shape = [2 * length for length in step.approximation_shape]
            for axis, axis_map in enumerate(step.maps):
                index = step.first_map + axis
                if not self.is_flat:
                    parts = (_expose(parts[0], n, shape, axis),)
                    shape[axis] = shapes[step.first_level][axis]
                if gradients is not None:
                    gradients[index] = axis_map.gradients(inputs.pop(), parts)
                    if not inputs:  # nobody asks for the gradient of the signals
                        return None
                x = axis_map.adjoint(parts, matrices[index])
                parts = (x,)
        return x.reshape(n, *shapes[0])

    def _interleave(self, step, x, details):
        """Return approximation and details of a level as the maps of axes make them."""
        shape = [2 * length for length in step.approximation_shape]
        y = empty_like(details, len(details), *shape)
        approximation, *places = _bands(y)
        approximation.copy_(x.reshape(approximation.shape))
        for place, detail in zip(places, details.chunk(len(places), 1), strict=True):
            place.copy_(detail.unflatten(1, place.shape[1:]))
        return y


class LinearMap:
    """A route at given filters; it collects the gradient of what is made by it.

    Parameters
    ----------
    route : Route
    filters : ndarray of shape (level or 1, ndim or 1, 4, K)
        As `Route.matrices` takes them.
    like : tensor
        What has the dtype and the device of the signals.
    """

    def __init__(self, route: Route, filters: np.ndarray, like: Tensor):
        self.route, self._filters, self._like = route, filters, like
        self._gradients: list[tuple[Tensor, ...]] | None = None

    @cached_property
    def _made(self) -> tuple[list[tuple[Tensor, ...]], Callable]:
        """The matrices, when they are needed, and how gradients go to the filters."""
        matrices, to_filters = self.route.matrices(self._filters)
        tensors = [
            tuple(torch.from_numpy(m).to(self._like) for m in group) for group in matrices
        ]
        return tensors, to_filters

    @property
    def matrix(self) -> Tensor | None:
        """The matrix of the whole transform, if it is a single one."""
        return self._made[0][0][0] if self.route.is_dense else None

    def apply(
        self, x: Tensor, out: Tensor | None = None, inputs: list[Tensor] | None = None
    ) -> Tensor:
        """Transform signals (n, *signal_shape) to (n, n_coeffs); see `Route.apply`."""
        loops = None if inputs is not None else self._loops(x, out)
        if loops is None:
            return self.route.apply(x, self._made[0], out, inputs)
        layout, mode = self.route.layout, self.route.mode
        out = empty_like(x, len(x), layout.n_coeffs_per_channel) if out is None else out
        pairs = self.route.pairs(self._filters)
        loops.wavedec_rows(x.numpy(), out.numpy(), pairs, layout, mode)
        return out

    def adjoint(self, flat: Tensor, out: Tensor | None = None) -> Tensor:
        """Apply the adjoint: (n, n_coeffs) to (n, *signal_shape)."""
        layout = self.route.layout
        loops = self._loops(flat, out) if self.route.is_synthesis_adjoint else None
        if loops is None:
            return self.route.adjoint(flat, self._made[0], out)
        out = empty_like(flat, len(flat), *layout.signal_shape) if out is None else out
        pairs = self.route.pairs(self._filters)[..., ::-1]
        loops.waverec_rows(flat.numpy(), out.numpy(), pairs, layout)
        return out

    def _loops(self, x: Tensor, out: Tensor | None) -> ModuleType | None:
        """Return the compiled loops where they are installed, apply and are faster."""
        layout = self.route.layout
        is_long = len(layout.signal_shape) <= 2 and min(layout.signal_shape) > DENSE_SIZE
        if layout.level == 0 or layout.filter_length > MAX_COMPILED_TAPS:
            return None
        if not is_long or x.device.type != "cpu" or x.numel() < MIN_COMPILED_SIZE:
            return None
        if torch.get_num_threads() > MAX_COMPILED_THREADS:
            return None
        in_order = all(t is None or t.is_contiguous() for t in (x, out))
        return _import_loops() if in_order else None

    def accumulate(self, flat: Tensor, inputs: list[Tensor]) -> None:
        """Add the gradient of ``<flat, apply(x)>``; `inputs` are those of `apply`."""
        self._add(self.route.gradients(flat, self._made[0], inputs))

    def accumulate_matrix(self, gradient: Tensor) -> None:
        """Add the gradient with respect to `matrix`."""
        self._add([(gradient,)])

    def _add(self, gradients: list[tuple[Tensor, ...]]) -> None:
        if self._gradients is None:
            self._gradients = gradients
            return
        for totals, group in zip(self._gradients, gradients, strict=True):
            for total, gradient in zip(totals, group, strict=True):
                total += gradient

    def filter_gradient(self) -> np.ndarray | float:
        """Return the gradient of all that was added, with respect to the filters."""
        if not self._gradients:
            return 0.0
        return self._made[1](
            [tuple(g.cpu().numpy() for g in group) for group in self._gradients]
        )


def _largest_matrix(layout: CoeffLayout) -> int:
    """Return the entries of the largest matrix that a dense transform multiplies with."""
    sizes = [math.prod(shape) for shape in layout.shapes]
    n_bands = 2 ** len(layout.signal_shape)
    levels = [n * n_bands * m for n, m in pairwise(sizes)]
    return max([sizes[0] * layout.n_coeffs_per_channel, *levels])


def _expose(x: Tensor, n: int, shape: list[int], axis: int) -> Tensor:
    """Reshape so that `axis` is the last one of two, or the middle one of three."""
    inner = shape[axis + 1 :]
    return x.reshape(
        n * math.prod(shape[:axis]), shape[axis], *[math.prod(inner)][: len(inner)]
    )


def _bands(x: Tensor) -> list[Tensor]:
    """Return views of the bands of one level, the halves of every axis: 'aa' first."""
    halves = [x]
    for axis in range(1, x.ndim):
        halves = [half for band in halves for half in band.chunk(2, axis)]
    return halves
