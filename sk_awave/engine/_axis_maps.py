"""A few levels along one axis as products with small matrices.

Note [matrices of the transform]
    One level is linear in the signal *and* in the filters: its matrix is a sum of fixed
    matrices, one for each tap, which the reference transform gives when it filters unit
    vectors by unit filters. Products of such matrices transform short signals
    (`dense_matrix`). In a long signal what is far from the ends is filtered the same way
    everywhere, so that one small matrix serves every block of samples; and what is near
    the ends does not know how far apart they are, so that the matrix of a short signal,
    made of both ends, serves for them, whatever the boundary mode (`BlockedMap`).

    Everything is a product of two matrices, which CPUs and GPUs do best. For learning,
    the gradient with respect to the matrices is the product of the data with the
    gradient with respect to the coefficients, and goes to the filters through the small
    products of `dense_matrix`, whatever the number of signals.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, reduce
from itertools import accumulate, chain

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._boundary import coeff_length, is_periodized
from sk_awave.engine._dwt import analysis

#: Samples up to which a signal, or an axis, is multiplied with one dense matrix.
DENSE_SIZE = 128

#: The smallest block of a long signal: at this size two levels cost as much as one.
BLOCK_SIZE = 32


#: Takes the gradients with respect to matrices to those with respect to filters.
PullBack = Callable[..., np.ndarray]

#: All coefficients, or the approximation and the details apart.
Parts = Sequence[Tensor]


@lru_cache(maxsize=256)
def _basis(length: int, filter_length: int, mode: str) -> np.ndarray:
    """Return the matrices of one level for unit filters, of shape (K, n * n_coeffs)."""
    with torch.inference_mode():
        eye = torch.eye(length, dtype=torch.float64)
        taps = torch.eye(filter_length, dtype=torch.float64)
        pairs = [analysis(eye, pair, mode) for pair in taps.split(2)]
        by_tap = torch.cat(pairs, 1).transpose(0, 1)
        return by_tap.reshape(filter_length, -1).numpy()


def dense_matrix(
    pairs: np.ndarray, signal_shape: tuple[int, ...], mode: str
) -> tuple[np.ndarray, PullBack]:
    """Return the matrix of a multilevel transform, as a function of the filters.

    In NumPy, whose calls are several times faster than those of torch for arrays as small
    as these.

    Parameters
    ----------
    pairs : ndarray of shape (..., level, ndim, 2, K)
        The low-pass and high-pass filters of each level (the finest first) and axis.
    signal_shape : tuple of int
        The transformed axes, of `n` samples in all.
    mode : str
        How signals are extended.

    Returns
    -------
    matrix : ndarray of shape (..., n, n_coeffs)
        What flattened signals are multiplied with from the right.
    pull_back : callable
        Takes gradients with respect to the matrix to those with respect to `pairs`.
    """
    levels = []  # (approximation so far, matrix of the level, its pull-back)
    approximation, shape, parts = None, signal_shape, []
    for j in range(pairs.shape[-4]):
        step, step_pull_back = _one_level(pairs[..., j, :, :, :], shape, mode)
        levels.append((approximation, step, step_pull_back))
        bands = step if approximation is None else approximation @ step
        shape = tuple(coeff_length(n, pairs.shape[-1], mode) for n in shape)
        approximation, details = np.split(bands, [math.prod(shape)], -1)
        parts.append(details)
    parts = [approximation, *reversed(parts)]

    def pull_back(d_matrix: np.ndarray) -> np.ndarray:
        d_pairs = np.empty(pairs.shape)
        stop = approximation.shape[-1]
        d_approximation = d_matrix[..., :stop]
        for j, (before, step, step_pull_back) in reversed(list(enumerate(levels))):
            width = d_approximation.shape[-1]
            start, stop = stop, stop + step.shape[-1] - width
            d_bands = np.empty((*d_matrix.shape[:-1], step.shape[-1]))
            d_bands[..., :width] = d_approximation
            d_bands[..., width:] = d_matrix[..., start:stop]
            d_step = d_bands
            if before is not None:
                d_step = before.swapaxes(-2, -1) @ d_bands
                d_approximation = d_bands @ step.swapaxes(-2, -1)
            d_pairs[..., j, :, :, :] = step_pull_back(d_step)
        return d_pairs

    return np.concatenate(parts, -1), pull_back


def _one_level(
    by_axis: np.ndarray, shape: tuple[int, ...], mode: str
) -> tuple[np.ndarray, PullBack]:
    """Return the matrix of one level, with its bands side by side."""
    batch, filter_length = by_axis.shape[:-3], by_axis.shape[-1]
    bases = [_basis(n, filter_length, mode) for n in shape]
    factors = [
        (by_axis[..., axis, :, :] @ basis).reshape(*batch, 2, n, -1)
        for axis, (basis, n) in enumerate(zip(bases, shape, strict=True))
    ]
    bands = reduce(_kronecker, factors)  # (..., 2**ndim, n, m)
    step = bands.swapaxes(-3, -2).reshape(*batch, bands.shape[-2], -1)

    def pull_back(d_step: np.ndarray) -> np.ndarray:
        d_bands = d_step.reshape(*d_step.shape[:-1], bands.shape[-3], -1)
        d_bands, d_pairs = d_bands.swapaxes(-3, -2), np.empty(by_axis.shape)
        for axis, d_factor in enumerate(_kronecker_pull_back(d_bands, factors)):
            flat = d_factor.reshape(*batch, 2, -1)
            d_pairs[..., axis, :, :] = flat @ bases[axis].T
        return d_pairs

    return step, pull_back


def _kronecker(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Combine matrices of shape (..., bands, n, m) of two axes to those of both."""
    product = np.einsum("...aij,...bkl->...abikjl", left, right)
    sizes = (a * b for a, b in zip(left.shape[-3:], right.shape[-3:], strict=True))
    return product.reshape(*left.shape[:-3], *sizes)


def _kronecker_pull_back(
    d_product: np.ndarray, factors: list[np.ndarray]
) -> list[np.ndarray]:
    """Take a gradient from ``reduce(_kronecker, factors)`` to the factors."""
    d_factors: list[np.ndarray] = []
    for k in range(len(factors) - 1, 0, -1):
        left, right = reduce(_kronecker, factors[:k]), factors[k]
        sizes = chain.from_iterable(zip(left.shape[-3:], right.shape[-3:], strict=True))
        d = d_product.reshape(*d_product.shape[:-3], *sizes)
        kwargs = {"optimize": True}
        d_factors.insert(0, np.einsum("...abikjl,...aij->...bkl", d, left, **kwargs))
        d_product = np.einsum("...abikjl,...bkl->...aij", d, right, **kwargs)
    return [d_product, *d_factors]


def make_map(
    signal_shape: tuple[int, ...], filter_length: int, level: int, mode: str
) -> "DenseMap | BlockedMap":
    """Choose the map of at most `level` levels along an axis, or of a whole signal."""
    if math.prod(signal_shape) > DENSE_SIZE:
        for n_levels in range(min(level, 2), 0, -1):
            blocked = BlockedMap(signal_shape, filter_length, n_levels, mode)
            if blocked.is_possible:
                return blocked
    return DenseMap(signal_shape, filter_length, level, mode)


class DenseMap:
    """Some levels along an axis, or all levels of a whole signal, as one matrix.

    Signals are rows (n_rows, n), or have the axis in their middle (n_rows, n, inner).
    The coefficients are in flat order, the approximation first.

    Parameters
    ----------
    signal_shape : tuple of int
        The length of the axis, or the shape of the signal that is flattened.
    filter_length, level, mode
        What the transform is.
    """

    def __init__(
        self, signal_shape: tuple[int, ...], filter_length: int, level: int, mode: str
    ):
        self.signal_shape, self.level, self.mode = signal_shape, level, mode

    def matrices(self, pairs: np.ndarray) -> tuple[tuple[np.ndarray, ...], PullBack]:
        """Return what the map multiplies with, and how gradients go to the filters."""
        matrix, pull_back = dense_matrix(pairs, self.signal_shape, self.mode)
        return (matrix,), pull_back

    def apply(self, x: Tensor, matrices: tuple[Tensor, ...], out: Tensor) -> None:
        """Transform `x` to `out`, which must not share memory with it."""
        (matrix,) = matrices
        if x.ndim == 2:
            torch.mm(x, matrix, out=out)
        else:
            torch.matmul(matrix.mT, x, out=out)

    def adjoint(self, parts: Parts, matrices: tuple[Tensor, ...]) -> Tensor:
        """Apply the adjoint of the map to coefficients, in one part or two."""
        return _times(_join(parts), matrices[0].mT)

    def gradients(self, x: Tensor, parts: Parts) -> tuple[Tensor, ...]:
        """Return the gradients of ``<parts, map(x)>`` with respect to the matrices."""
        return (_outer(x, _join(parts)),)


class BlockedMap:
    """One or two levels along a long axis: matrices for blocks, and one for the ends.

    Coefficient `k` of level `j` sees the samples from ``2^j k - reach`` to
    ``2^j k + ahead``. Block `b` makes the coefficients that begin in it, from its samples
    and those of the next block; the ends make those that see beyond the signal. See
    Note [matrices of the transform].

    Parameters and methods are those of `DenseMap`, for a single axis.
    """

    def __init__(
        self, signal_shape: tuple[int, ...], filter_length: int, level: int, mode: str
    ):
        (self.length,), self.level, self.mode = signal_shape, level, mode
        self.block = max(BLOCK_SIZE, 1 << (filter_length - 2).bit_length())
        self.n_blocks = -(-self.length // self.block)
        stride, self.support = 2**level, (2**level - 1) * (filter_length - 1) + 1
        # What lies between the ends is a multiple of the stride, for the phase.
        self.left = stride * -(-self.support // stride)
        self.right = self.left + stride + self.length % stride
        levels = [level, *range(level, 0, -1)]  # of the approximation and the details
        ahead = filter_length // 2 if is_periodized(mode) else 1
        #: Of each band: how many a block makes, and the first and last + 1 of all blocks.
        self._inner = []
        for j in levels:
            first = -(-(2**j - 1) * (filter_length - 1 - ahead) // 2**j)
            stop = (self.length - 1 - (2**j - 1) * ahead) // 2**j + 1
            self._inner.append((self.block // 2**j, first, stop))

        def starts_and_counts(length):
            counts = [length]
            for _ in range(level):
                counts.append(coeff_length(counts[-1], filter_length, mode))
            counts = [counts[j] for j in levels]
            return list(zip(accumulate([0, *counts]), counts, strict=False))

        self._counts = [count for _, count in starts_and_counts(self.length)]
        #: Which coefficients of two blocks are those of the first, and which of the short
        #: signal of both ends are those of the ends: the first and last of each band.
        self._block_columns, self._end_columns = [], []
        for (width, first, stop), count, (two, _), (start, short) in zip(
            self._inner,
            self._counts,
            starts_and_counts(2 * self.block),
            starts_and_counts(self.left + self.right),
            strict=True,
        ):
            self._block_columns += range(two + first, two + first + width)
            self._end_columns += range(start, start + first)
            self._end_columns += range(start + short - (count - stop), start + short)

    @property
    def is_possible(self) -> bool:
        """Whether the ends fit, and two blocks are all that a coefficient sees."""
        fits = self.length >= self.left + self.right
        return fits and self.support <= self.block + 1

    def matrices(self, pairs: np.ndarray) -> tuple[tuple[np.ndarray, ...], PullBack]:
        """Return the matrices of a block, of what it needs of the next, and the ends."""
        blocks, from_blocks = dense_matrix(pairs, (2 * self.block,), self.mode)
        ends, from_ends = dense_matrix(pairs, (self.left + self.right,), self.mode)
        reach = self.block + self.support - 1

        def pull_back(d_this, d_following, d_ends):
            d_blocks, d_all_ends = np.zeros_like(blocks), np.zeros_like(ends)
            d_blocks[: self.block, self._block_columns] = d_this
            d_blocks[self.block : reach, self._block_columns] = d_following
            d_all_ends[:, self._end_columns] = d_ends
            return from_blocks(d_blocks) + from_ends(d_all_ends)

        columns = blocks[:, self._block_columns]
        this, following = columns[: self.block], columns[self.block : reach]
        return (this, following, ends[:, self._end_columns]), pull_back

    def apply(self, x: Tensor, matrices: tuple[Tensor, ...], out: Tensor) -> None:
        """Transform `x` to `out`; they may share memory."""
        this, following, ends = matrices
        blocks, both_ends = self._split_signal(x)
        y = _times(blocks, this)
        _add_times(y[:-1], blocks[1:, : self.support - 1], following)
        bands = out.split(self._counts, 1)
        for in_blocks, in_band in self._views(self._unflatten(y, x), bands):
            in_band.copy_(in_blocks)
        at_ends = self._ends_of(bands)
        values = _times(both_ends, ends).split([end.shape[1] for end in at_ends], 1)
        for end, value in zip(at_ends, values, strict=True):
            end.copy_(value)

    def adjoint(self, parts: Parts, matrices: tuple[Tensor, ...]) -> Tensor:
        """Apply the adjoint of the map to coefficients, in one part or two."""
        this, following, ends = matrices
        blocks, at_ends = self._split_coefficients(parts)
        x = _times(blocks, this.mT)
        _add_times(x[1:, : self.support - 1], blocks[:-1], following.mT)
        x = self._unflatten(x, parts[0]).flatten(1, 2)[:, : self.length]
        both_ends = _times(at_ends, ends.mT)
        x[:, : self.left] += both_ends[:, : self.left]
        x[:, -self.right :] += both_ends[:, self.left :]
        return x

    def gradients(self, x: Tensor, parts: Parts) -> tuple[Tensor, ...]:
        """Return the gradients of ``<parts, map(x)>`` with respect to the matrices."""
        blocks, both_ends = self._split_signal(x)
        d_blocks, d_ends = self._split_coefficients(parts)
        return (
            _outer(blocks, d_blocks),
            _outer(blocks[1:, : self.support - 1], d_blocks[:-1]),
            _outer(both_ends, d_ends),
        )

    def _split_signal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the blocks of all signals below one another, and both ends of each."""
        both_ends = torch.cat([x[:, : self.left], x[:, -self.right :]], 1)
        filled = self.n_blocks * self.block
        if filled != self.length:
            padded = empty_like(x, len(x), filled, *x.shape[2:])
            padded[:, : self.length] = x
            padded[:, self.length :] = 0
            x = padded
        return x.reshape(-1, self.block, *x.shape[2:]), both_ends

    def _split_coefficients(self, parts: Parts) -> tuple[Tensor, Tensor]:
        """Return the coefficients that blocks make, block by block, and the others."""
        first, bands = parts[0], list(parts)
        bands[-1:] = bands[-1].split(self._counts[len(bands) - 1 :], 1)
        n_blocks = len(first) * self.n_blocks
        blocks = empty_like(first, n_blocks, self.block, *first.shape[2:])
        by_row, column = self._unflatten(blocks, first), 0
        for width, start, stop in self._inner:
            by_row[:, (stop - start) // width :, column : column + width] = 0
            column += width
        for in_blocks, in_band in self._views(by_row, bands):
            in_blocks.copy_(in_band)
        return blocks, torch.cat(self._ends_of(bands), 1)

    def _unflatten(self, blocks: Tensor, rows: Tensor) -> Tensor:
        return blocks.reshape(len(rows), self.n_blocks, *blocks.shape[1:])

    def _views(
        self, blocks: Tensor, bands: Sequence[Tensor]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield views of the same coefficients in the blocks and in the bands."""
        column = 0
        for (width, first, stop), band in zip(self._inner, bands, strict=True):
            full, rest = divmod(stop - first, width)
            end, columns = first + full * width, slice(column, column + width)
            yield (
                blocks[:, :full, columns],
                band[:, first:end].unflatten(1, (full, width)),
            )
            if rest:
                yield blocks[:, full, column : column + rest], band[:, end:stop]
            column += width

    def _ends_of(self, bands: Sequence[Tensor]) -> list[Tensor]:
        """Return views of the coefficients that no block makes."""
        ends = []
        for (_, first, stop), band in zip(self._inner, bands, strict=True):
            ends += [band[:, :first], band[:, stop:]]
        return ends


def _join(parts: Parts) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), 1)


def empty_like(x: Tensor, *shape: int) -> Tensor:
    """Return memory for a tensor of the kind of `x`.

    On the CPU it is NumPy's, which asks for huge pages: with torch's, page faults cost
    large chunks as much time as what is computed.
    """
    if x.device.type != "cpu":
        return x.new_empty(shape)
    dtype = np.float32 if x.dtype == torch.float32 else np.float64
    return torch.from_numpy(np.empty(shape, dtype))


def _times(x: Tensor, matrix: Tensor) -> Tensor:
    """Multiply rows (n, k), or the middle axis of (n, k, inner), with (k, m)."""
    out = empty_like(x, len(x), matrix.shape[1], *x.shape[2:])
    if x.ndim == 2:
        return torch.mm(x, matrix, out=out)
    return torch.matmul(matrix.mT, x, out=out)


def _add_times(out: Tensor, x: Tensor, matrix: Tensor) -> None:
    """Add what `_times` returns to `out`."""
    if x.ndim == 2:
        out.addmm_(x, matrix)
    else:
        out.baddbmm_(matrix.mT.expand(len(x), -1, -1), x)


def _outer(x: Tensor, y: Tensor) -> Tensor:
    """Return the gradient of ``<y, _times(x, matrix)>`` with respect to the matrix."""
    return x.mT @ y if x.ndim == 2 else (x @ y.mT).sum(0)
