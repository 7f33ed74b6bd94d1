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
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

import torch
from torch import Tensor

from sk_awave.engine._boundary import coeff_length, is_periodized
from sk_awave.engine._dwt import analysis

#: Samples up to which a signal, or an axis, is multiplied with one dense matrix.
DENSE_SIZE = 128

#: The smallest block of a long signal: at this size two levels cost as much as one.
BLOCK_SIZE = 32


@lru_cache(maxsize=256)
def _basis(
    length: int, filter_length: int, mode: str, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the matrices of one level for unit filters, of shape (K, n * n_coeffs)."""
    with torch.inference_mode(False), torch.no_grad():
        eye = torch.eye(length, dtype=dtype, device=device)
        taps = torch.eye(filter_length, dtype=dtype, device=device)
        pairs = [analysis(eye, pair, mode) for pair in taps.split(2)]
        return torch.cat(pairs, 1).transpose(0, 1).reshape(filter_length, -1)


def dense_matrix(pairs: Tensor, signal_shape: tuple[int, ...], mode: str) -> Tensor:
    """Return the matrix of a multilevel transform; it is differentiable in the filters.

    Parameters
    ----------
    pairs : tensor of shape (..., level, ndim, 2, K)
        The low-pass and high-pass filters of each level (the finest first) and axis.
    signal_shape : tuple of int
        The transformed axes, of `n` samples in all.
    mode : str
        How signals are extended.

    Returns
    -------
    tensor of shape (..., n, n_coeffs)
        What flattened signals are multiplied with from the right.
    """
    level, filter_length = pairs.shape[-4], pairs.shape[-1]
    shape, approximation, details = signal_shape, None, []
    for j in range(level):
        step = None
        for axis, length in enumerate(shape):
            basis = _basis(length, filter_length, mode, pairs.dtype, pairs.device)
            along = (pairs[..., j, axis, :, :] @ basis).unflatten(-1, (length, -1))
            step = along if step is None else _kronecker(step, along)
        bands = step if j == 0 else approximation.unsqueeze(-3) @ step
        approximation = bands[..., 0, :, :]
        details.append(bands[..., 1:, :, :].transpose(-3, -2).flatten(-2))
        shape = tuple(coeff_length(n, filter_length, mode) for n in shape)
    return torch.cat([approximation, *reversed(details)], -1)


def _kronecker(left: Tensor, right: Tensor) -> Tensor:
    """Combine matrices of shape (..., bands, n, m) of two axes to those of both."""
    product = torch.einsum("...aij,...bkl->...abikjl", left, right)
    return product.flatten(-6, -5).flatten(-4, -3).flatten(-2, -1)


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

    def matrices(self, pairs: Tensor) -> tuple[Tensor, ...]:
        """Return what the map multiplies with; it is differentiable in the filters."""
        return (dense_matrix(pairs, self.signal_shape, self.mode),)

    def apply(self, x: Tensor, matrices: tuple[Tensor, ...], out: Tensor) -> None:
        """Transform `x` to `out`, which must not share memory with it."""
        (matrix,) = matrices
        if x.ndim == 2:
            torch.mm(x, matrix, out=out)
        else:
            torch.matmul(matrix.mT, x, out=out)

    def adjoint(self, y: Tensor, matrices: tuple[Tensor, ...]) -> Tensor:
        """Apply the adjoint of the map."""
        return _times(y, matrices[0].mT)

    def gradients(self, x: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of ``<dy, map(x)>`` with respect to the matrices."""
        return (_outer(x, dy),)


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

        self._bands = starts_and_counts(self.length)
        #: Which coefficients of two blocks are those of the first, and which of the short
        #: signal of the ends stand where among all.
        self._block_columns, self._end_columns, self._end_places = [], [], []
        for (width, first, stop), (start, count), (two, _), (short, short_count) in zip(
            self._inner,
            self._bands,
            starts_and_counts(2 * self.block),
            starts_and_counts(self.left + self.right),
            strict=True,
        ):
            self._block_columns += range(two + first, two + first + width)
            after = count - stop
            self._end_columns += range(short, short + first)
            self._end_columns += range(short + short_count - after, short + short_count)
            self._end_places += range(start, start + first)
            self._end_places += range(start + stop, start + count)

    @property
    def is_possible(self) -> bool:
        """Whether the ends fit, and two blocks are all that a coefficient sees."""
        fits = self.length >= self.left + self.right
        return fits and self.support <= self.block + 1

    def matrices(self, pairs: Tensor) -> tuple[Tensor, ...]:
        """Return the matrices of a block, of what it needs of the next, and the ends."""
        two_blocks = dense_matrix(pairs, (2 * self.block,), self.mode)
        two_blocks = two_blocks[..., self._block_columns]
        this, following, _ = two_blocks.split(
            [self.block, self.support - 1, self.block - self.support + 1], -2
        )
        ends = dense_matrix(pairs, (self.left + self.right,), self.mode)
        return this, following, ends[..., self._end_columns]

    def apply(self, x: Tensor, matrices: tuple[Tensor, ...], out: Tensor) -> None:
        """Transform `x` to `out`; they may share memory."""
        this, following, ends = matrices
        blocks, both_ends = self._split_signal(x)
        y = _times(blocks, this)
        _add_times(y[:-1], blocks[1:, : self.support - 1], following)
        for in_blocks, in_out in self._views(self._unflatten(y, x), out):
            in_out.copy_(in_blocks)
        places = torch.tensor(self._end_places, dtype=torch.long, device=x.device)
        out.index_copy_(1, places, _times(both_ends, ends))

    def adjoint(self, y: Tensor, matrices: tuple[Tensor, ...]) -> Tensor:
        """Apply the adjoint of the map."""
        this, following, ends = matrices
        blocks, at_ends = self._split_coefficients(y)
        x = _times(blocks, this.mT)
        _add_times(x[1:, : self.support - 1], blocks[:-1], following.mT)
        x = self._unflatten(x, y).flatten(1, 2)[:, : self.length]
        both_ends = _times(at_ends, ends.mT)
        x[:, : self.left] += both_ends[:, : self.left]
        x[:, -self.right :] += both_ends[:, self.left :]
        return x

    def gradients(self, x: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of ``<dy, map(x)>`` with respect to the matrices."""
        blocks, both_ends = self._split_signal(x)
        d_blocks, d_ends = self._split_coefficients(dy)
        return (
            _outer(blocks, d_blocks),
            _outer(blocks[1:, : self.support - 1], d_blocks[:-1]),
            _outer(both_ends, d_ends),
        )

    def _split_signal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the blocks of all signals below one another, and both ends of each."""
        both_ends = torch.cat([x[:, : self.left], x[:, -self.right :]], 1)
        if self.n_blocks * self.block != self.length:
            padded = x.new_zeros(len(x), self.n_blocks * self.block, *x.shape[2:])
            padded[:, : self.length] = x
            x = padded
        return x.reshape(-1, self.block, *x.shape[2:]), both_ends

    def _split_coefficients(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coefficients that blocks make, block by block, and the others."""
        blocks = y.new_zeros(len(y) * self.n_blocks, self.block, *y.shape[2:])
        for in_blocks, in_y in self._views(self._unflatten(blocks, y), y):
            in_blocks.copy_(in_y)
        places = torch.tensor(self._end_places, dtype=torch.long, device=y.device)
        return blocks, y.index_select(1, places)

    def _unflatten(self, blocks: Tensor, rows: Tensor) -> Tensor:
        return blocks.reshape(len(rows), self.n_blocks, *blocks.shape[1:])

    def _views(self, blocks: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield views of the same coefficients in the blocks and in flat order."""
        column = 0
        for (width, first, stop), (start, _) in zip(
            self._inner, self._bands, strict=True
        ):
            full, rest = divmod(stop - first, width)
            begin, end = start + first, start + first + full * width
            columns = slice(column, column + width)
            yield blocks[:, :full, columns], y[:, begin:end].unflatten(1, (full, width))
            if rest:
                yield blocks[:, full, column : column + rest], y[:, end : end + rest]
            column += width


def _times(x: Tensor, matrix: Tensor) -> Tensor:
    """Multiply rows (n, k), or the middle axis of (n, k, inner), with (k, m)."""
    return x @ matrix if x.ndim == 2 else matrix.mT @ x


def _add_times(out: Tensor, x: Tensor, matrix: Tensor) -> None:
    """Add what `_times` returns to `out`."""
    if x.ndim == 2:
        out.addmm_(x, matrix)
    else:
        out.baddbmm_(matrix.mT.expand(len(x), -1, -1), x)


def _outer(x: Tensor, y: Tensor) -> Tensor:
    """Return the gradient of ``<y, _times(x, matrix)>`` with respect to the matrix."""
    return x.mT @ y if x.ndim == 2 else (x @ y.mT).sum(0)
