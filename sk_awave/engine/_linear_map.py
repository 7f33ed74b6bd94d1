"""Transforms as linear maps, and the one place where a route is chosen.

A map is a chain of products with small matrices, its factors. A short signal is
multiplied with the matrix of the whole transform (`Whole`). Of longer ones each level is
taken along each axis (`Cascade`), by the steps of ``_axis_steps.py``. Factors are
functions of the filters, by operations of torch, and products of torch are differentiated
by products.
"""

import math
from abc import ABC, abstractmethod
from copy import copy
from functools import cached_property, lru_cache
from importlib import import_module
from itertools import pairwise
from types import ModuleType

import torch
from torch import Tensor

from sk_awave.engine._axis_steps import DENSE_SIZE, make_step
from sk_awave.engine._boundary import adjoint_mode
from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._matrices import along, dilation_of, tree_matrix
from sk_awave.engine._tree import Tree

#: The entries up to which a matrix is made for samples of several axes: long filters make
#: far more coefficients of short axes than there are samples.
MAX_DENSE_ENTRIES = 2**22


def analysis_map(
    layout: CoeffLayout, filters: Tensor, like: Tensor | None = None
) -> "LinearMap":
    """Return the map of signals to coefficients.

    Parameters
    ----------
    layout : CoeffLayout
    filters : tensor of shape (..., level or 1, ndim or 1, 4, K)
        ``dec_lo, dec_hi, rec_lo, rec_hi`` of each level (the finest first) and axis, or
        shared by them. The factors are differentiable functions of them, in float64 on
        the CPU.
    like : tensor, default=None
        What has the dtype and the device of data that are only to be transformed, with
        nothing to differentiate: compiled loops may then take part.
    """
    return _choose(layout, filters[..., :2, :], layout.mode, like)


def synthesis_map(
    layout: CoeffLayout, filters: Tensor, like: Tensor | None = None
) -> "LinearMap":
    """Return the map of coefficients to signals.

    It is made as the transpose of its adjoint; see Note [adjoint of synthesis] in
    ``_matrices.py``. Parameters are those of `analysis_map`.
    """
    pairs = filters[..., 2:4, :].flip(-1)
    return _choose(layout, pairs, adjoint_mode(layout.mode), like).T


def _choose(
    layout: CoeffLayout, pairs: Tensor, mode: str, like: Tensor | None
) -> "LinearMap":
    """Choose a route for a transform by filters of shape (..., 2, K)."""
    pairs = pairs.cpu()
    if is_whole(layout):
        chosen: LinearMap = Whole(layout, pairs, mode)
    else:
        chosen = Cascade(layout, pairs, mode)
    if like is None:
        return chosen
    chosen = chosen.at([factor.to(like) for factor in chosen.factors])
    return Loops(chosen, pairs) if Loops.serve(layout, like) else chosen


def is_whole(layout: CoeffLayout) -> bool:
    """Tell whether a transform is the product with a single matrix."""
    sizes = [math.prod(shape) for shape in layout.shapes]
    n_bands = 2 ** len(layout.signal_shape)
    levels = [n * n_bands * m for n, m in pairwise(sizes)]
    entries = max([sizes[0] * layout.n_coeffs_per_channel, *levels])
    return sizes[0] <= DENSE_SIZE and entries <= MAX_DENSE_ENTRIES


class LinearMap(ABC):
    """A linear map, its transpose, and the factors that it is made of.

    Attributes
    ----------
    factors : tuple of tensors
        Of shape (..., n, m), where leading axes are those of the filters: of many maps at
        once, which `apply` takes to signals of shape (..., n_rows, *signal_shape).
    """

    factors: tuple[Tensor, ...]

    def __init__(self, layout: CoeffLayout, pairs: Tensor, mode: str):
        self.layout, self.mode = layout, mode
        self.factors = self._make_factors(pairs)

    @abstractmethod
    def _make_factors(self, pairs: Tensor) -> tuple[Tensor, ...]: ...

    @abstractmethod
    def apply(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Map rows (..., n_rows, *signal_shape) to rows of coefficients."""

    @abstractmethod
    def apply_transpose(self, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Map rows of coefficients (..., n_rows, n_coeffs) to rows of signals."""

    @property
    def T(self) -> "LinearMap":
        """The transpose."""
        return Transpose(self)

    @property
    def matrix(self) -> Tensor | None:
        """The matrix that rows are multiplied with, if it is a single one."""
        return None

    def at(self, factors: tuple[Tensor, ...]) -> "LinearMap":
        """Return the same map with other factors, such as of another dtype."""
        other = copy(self)
        other.factors = tuple(factors)
        return other


class Transpose(LinearMap):
    """The transpose of a map."""

    def __init__(self, original: LinearMap):
        self.original = original

    def _make_factors(self, pairs):
        raise NotImplementedError

    @property
    def factors(self):
        """Those of the original."""
        return self.original.factors

    def apply(self, x, out=None):
        """Map rows of coefficients to rows of signals."""
        return self.original.apply_transpose(x, out)

    def apply_transpose(self, y, out=None):
        """Map rows of signals to rows of coefficients."""
        return self.original.apply(y, out)

    @property
    def T(self):
        """The original."""
        return self.original

    @property
    def matrix(self):
        """The transpose of the matrix of the original."""
        matrix = self.original.matrix
        return None if matrix is None else matrix.mT

    def at(self, factors):
        """Return the transpose of the original with other factors."""
        return Transpose(self.original.at(factors))


class Whole(LinearMap):
    """The product with the matrix of the whole transform."""

    def _make_factors(self, pairs):
        layout = self.layout
        return (tree_matrix(layout.tree, pairs, layout.signal_shape, self.mode),)

    @property
    def matrix(self):
        """The only factor."""
        return self.factors[0]

    def apply(self, x, out=None):
        """Multiply rows with the matrix."""
        ndim = len(self.layout.signal_shape)
        return torch.matmul(x.flatten(x.ndim - ndim), self.matrix, out=out)

    def apply_transpose(self, y, out=None):
        """Multiply rows with its transpose."""
        shape = (*y.shape[:-1], *self.layout.signal_shape)
        if out is not None:
            out = out.view(-1, self.matrix.shape[-2])
        return torch.matmul(y, self.matrix.mT, out=out).reshape(shape)


class Cascade(LinearMap):
    """Level by level, and in each along one axis after the other.

    The nodes that a level splits are rows of its input, one below the other.
    """

    def _make_factors(self, pairs):
        factors = []
        by_level = along(pairs, -4, self.layout.level)
        for level, axes in zip(by_level, self._steps, strict=True):
            by_axis = along(level, -3, len(axes))
            for pair, step in zip(by_axis, axes, strict=True):
                factors += step.factors(pair.unsqueeze(-3))
        return tuple(factors)

    @cached_property
    def _steps(self) -> list[list]:
        """How each level is taken along each axis."""
        layout = self.layout
        return [
            [
                make_step(
                    length, layout.filter_length, self.mode, dilation_of(layout.tree, j)
                )
                for length in layout.shapes[j]
            ]
            for j in range(layout.level)
        ]

    def _step_factors(self):
        """Return each step with its factors."""
        left, levels = list(self.factors), []
        for axes in self._steps:
            levels.append([])
            for step in axes:
                levels[-1].append((step, left[: step.n_factors]))
                del left[: step.n_factors]
        return levels

    def apply(self, x, out=None):
        """Split the nodes of one level after the other."""
        ndim, tree = len(self.layout.signal_shape), self.layout.tree
        nodes = {(): x}
        for paths, axes in zip(tree.splits, self._step_factors(), strict=True):
            paths = sorted(paths)
            y = _below([nodes.pop(path) for path in paths], ndim)
            for axis in reversed(range(ndim)):
                y = _along(y, ndim, axis, *axes[axis])
            for branch, band in enumerate(_bands(y, ndim)):
                parts = band.chunk(len(paths), -ndim - 1)
                for path, part in zip(paths, parts, strict=True):
                    nodes[*path, branch] = part
        leaves = [nodes[path].flatten(-ndim) for path in sorted(nodes)]
        return torch.cat(leaves, -1, out=out)

    def apply_transpose(self, y, out=None):
        """Put the nodes of one level after the other together."""
        layout = self.layout
        ndim, tree = len(layout.signal_shape), layout.tree
        nodes = {
            band.path: y[..., band.start : band.stop].unflatten(-1, band.shape)
            for band in layout.bands
        }
        levels = list(zip(tree.splits, self._step_factors(), strict=True))
        for paths, axes in reversed(levels):
            paths = sorted(paths)
            bands = [
                _below([nodes.pop((*path, branch)) for path in paths], ndim)
                for branch in range(2**ndim)
            ]
            x = _join(bands, ndim)
            for axis in range(ndim):
                x = _along(x, ndim, axis, *axes[axis], transpose=True)
            for path, part in zip(paths, x.chunk(len(paths), -ndim - 1), strict=True):
                nodes[path] = part
        x = nodes[()]
        return x if out is None else out.copy_(x)


#: The samples from which the compiled loops are used, as they take a second to compile,
#: and the threads up to which a single one of theirs is faster than products by all.
MIN_COMPILED_SIZE, MAX_COMPILED_THREADS = 2**18, 2

#: The longest filters whose sums are worth unrolling; the loops need less than a tile.
MAX_COMPILED_TAPS = 128


class Loops(LinearMap):
    """Loops compiled by numba, where they serve data better than products."""

    def __init__(self, products: LinearMap, pairs: Tensor):
        self.products, self.layout, self.mode = products, products.layout, products.mode
        by_level = self.layout.level, len(self.layout.signal_shape)
        self._pairs = pairs.detach().expand(*by_level, -1, -1).numpy()

    @staticmethod
    def serve(layout: CoeffLayout, like: Tensor) -> bool:
        """Tell whether loops are installed, apply and are faster on such data."""
        shape = layout.signal_shape
        is_long = len(shape) <= 2 and min(shape) > DENSE_SIZE and layout.level > 0
        return (
            is_long
            and layout.tree == Tree.dwt(layout.level)
            and layout.filter_length <= MAX_COMPILED_TAPS
            and like.device.type == "cpu"
            and torch.get_num_threads() <= MAX_COMPILED_THREADS
            and _import_loops() is not None
        )

    def _make_factors(self, pairs):
        raise NotImplementedError

    @property
    def factors(self):
        """Those of the products."""
        return self.products.factors

    def apply(self, x, out=None):
        """Transform rows of signals."""
        if not self._suit(x, out):
            return self.products.apply(x, out)
        if out is None:
            out = x.new_empty(len(x), self.layout.n_coeffs_per_channel)
        _import_loops().wavedec_rows(
            x.numpy(), out.numpy(), self._pairs, self.layout, self.mode
        )
        return out

    def apply_transpose(self, y, out=None):
        """Apply the transpose, which the loops know of the adjoint of synthesis."""
        is_adjoint = self.mode == adjoint_mode(self.layout.mode)
        if not (is_adjoint and self._suit(y, out)):
            return self.products.apply_transpose(y, out)
        if out is None:
            out = y.new_empty(len(y), *self.layout.signal_shape)
        pairs = self._pairs[..., ::-1]
        _import_loops().waverec_rows(y.numpy(), out.numpy(), pairs, self.layout)
        return out

    @staticmethod
    def _suit(x: Tensor, out: Tensor | None) -> bool:
        in_order = all(t is None or t.is_contiguous() for t in (x, out))
        return in_order and x.numel() >= MIN_COMPILED_SIZE


@lru_cache(maxsize=1)
def _import_loops() -> ModuleType | None:
    """Return the compiled loops, None without numba or a place for what it compiles."""
    try:
        return import_module("sk_awave.engine._compiled")
    except (ImportError, RuntimeError):
        return None


def _below(nodes: list[Tensor], ndim: int) -> Tensor:
    """Put the rows of nodes below one another."""
    return nodes[0] if len(nodes) == 1 else torch.cat(nodes, -ndim - 1)


def _along(
    x: Tensor, ndim: int, axis: int, step, factors: list[Tensor], transpose: bool = False
) -> Tensor:
    """Take a step along an axis of rows (..., n_rows, *shape), of `ndim` axes."""
    # The axes before it are rows, too, and those after it are taken together.
    first = x.ndim - ndim
    before, after = x.shape[first - 1 : first + axis], x.shape[first + axis + 1 :]
    x = x.flatten(first - 1, first + axis - 1)
    place = -1 if not after else -2
    x = x.flatten(first + 1) if after else x
    y = (step.transpose if transpose else step.apply)(x, place, *factors)
    y = y.unflatten(-1, after) if after else y
    return y.unflatten(y.ndim - len(after) - 2, before)


def _bands(y: Tensor, ndim: int) -> list[Tensor]:
    """Return views of the bands of one level, the halves of every axis: 'aa' first."""
    halves = [y]
    for axis in range(-ndim, 0):
        halves = [half for band in halves for half in band.chunk(2, axis)]
    return halves


def _join(bands: list[Tensor], ndim: int) -> Tensor:
    """Undo `_bands`."""
    for axis in reversed(range(-ndim, 0)):
        pairs = zip(bands[::2], bands[1::2], strict=True)
        bands = [torch.cat(pair, axis) for pair in pairs]
    return bands[0]
