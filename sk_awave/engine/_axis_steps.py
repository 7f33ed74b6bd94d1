"""One level along one axis, as products with small matrices.

Note [blocks of a long axis]
    In a long signal what is far from the ends is filtered the same way everywhere, so
    that one small matrix serves every block of samples; and what is near the ends does
    not know how far apart they are, so that the matrix of a short signal, made of both
    ends, serves for them, whatever the boundary mode.

A step maps the middle axis of rows (..., n_rows, n, inner), ``axis=-2``, or the last one
of (..., n_rows, n), ``axis=-1``, to both bands, the low-pass one first.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sk_awave.engine._boundary import coeff_length, is_periodized
from sk_awave.engine._matrices import level_matrix

#: Samples up to which a signal, or an axis, is multiplied with one matrix.
DENSE_SIZE = 128

#: The smallest block of a long axis.
BLOCK_SIZE = 32


def make_step(length: int, filter_length: int, mode: str):
    """Choose how to take a level along an axis.

    Parameters
    ----------
    length, filter_length, mode
        As in `level_basis`.
    """
    if length > DENSE_SIZE:
        blocks = Blocks(length, filter_length, mode)
        if blocks.is_possible:
            return blocks
    return Dense(length, filter_length, mode)


class Dense:
    """The product with one matrix."""

    n_factors = 1

    def __init__(self, length: int, filter_length: int, mode: str):
        self.length, self.mode = length, mode

    def factors(self, pairs: Tensor) -> list[Tensor]:
        """Return the matrix (..., n, 2 m) for filters of shape (..., 1, 2, K)."""
        return [level_matrix(pairs, (self.length,), self.mode)]

    def apply(self, x: Tensor, axis: int, matrix: Tensor) -> Tensor:
        """Take samples to both bands."""
        return _times(x, matrix, axis)

    def transpose(self, y: Tensor, axis: int, matrix: Tensor) -> Tensor:
        """Take both bands to samples, by the transpose."""
        return _times(y, matrix.mT, axis)


class Blocks:
    """Matrices for blocks of the axis, and one for its ends.

    Coefficient `k` sees the samples from ``2 k - reach`` to ``2 k + ahead``. Block `b`
    makes the coefficients that begin in it, from its samples and those of the next block;
    the ends make those that see beyond the signal. See Note [blocks of a long axis].
    """

    n_factors = 3

    def __init__(self, length: int, filter_length: int, mode: str):
        self.length, self.mode = length, mode
        self.support = filter_length
        self.block = max(BLOCK_SIZE, 1 << (filter_length - 2).bit_length())
        self.n_blocks = -(-length // self.block)
        # What lies between the ends is even, for the phase.
        self.left = 2 * -(-filter_length // 2)
        self.right = self.left + 2 + length % 2
        ahead = filter_length // 2 if is_periodized(mode) else 1
        reach = filter_length - 1 - ahead

        def count(n):
            return coeff_length(n, filter_length, mode)

        self.width, self.n_coeffs = self.block // 2, count(length)
        self.first = -(-reach // 2)
        self.stop = (length - 1 - ahead) // 2 + 1
        two, short = count(2 * self.block), count(self.left + self.right)
        # Which coefficients of two blocks are those of the first, and which of the short
        # signal of both ends are those of the ends.
        inner = np.arange(self.first, self.first + self.width)
        tail = np.arange(short - (self.n_coeffs - self.stop), short)
        ends = np.r_[: self.first, tail]
        self._block_columns = torch.from_numpy(np.r_[inner, two + inner])
        self._end_columns = torch.from_numpy(np.r_[ends, short + ends])

    @property
    def is_possible(self) -> bool:
        """Tell if the signal is long enough for both ends."""
        return self.length >= self.left + self.right

    def factors(self, pairs: Tensor) -> list[Tensor]:
        """Return the matrices of a block, of what it needs of the next, and the ends."""
        two = level_matrix(pairs, (2 * self.block,), self.mode)
        ends = level_matrix(pairs, (self.left + self.right,), self.mode)
        columns = two.index_select(-1, self._block_columns)
        reach = self.block + self.support - 1
        return [
            columns[..., : self.block, :],
            columns[..., self.block : reach, :],
            ends.index_select(-1, self._end_columns),
        ]

    def apply(
        self, x: Tensor, axis: int, this: Tensor, following: Tensor, ends: Tensor
    ) -> Tensor:
        """Take samples to both bands."""
        row = axis - 1
        x_blocks = self._pad(x, self.n_blocks * self.block, axis)
        x_blocks = x_blocks.unflatten(axis, (self.n_blocks, self.block))
        y = self._blockwise(x_blocks, this, axis)
        ahead = x_blocks.narrow(axis, 0, self.support - 1)
        ahead = self._blockwise(ahead.narrow(row, 1, self.n_blocks - 1), following, axis)
        y.narrow(row, 0, self.n_blocks - 1).add_(ahead)
        left, right = (0, self.left), (-self.right, self.right)
        both = torch.cat([x.narrow(axis, *end) for end in (left, right)], axis)
        at_ends = _times(both, ends, axis)
        parts = []
        for inner, end in zip(y.chunk(2, axis), at_ends.chunk(2, axis), strict=True):
            inner = inner.flatten(row, axis).narrow(axis, 0, self.stop - self.first)
            tail = self.n_coeffs - self.stop
            parts += [end.narrow(axis, 0, self.first), inner]
            parts += [end.narrow(axis, self.first, tail)]
        return torch.cat(parts, axis)

    def transpose(
        self, y: Tensor, axis: int, this: Tensor, following: Tensor, ends: Tensor
    ) -> Tensor:
        """Take both bands to samples, by the transpose."""
        row, count = axis - 1, self.stop - self.first
        inner, at_ends = [], []
        for band in y.chunk(2, axis):
            part = band.narrow(axis, self.first, count)
            part = self._pad(part, self.n_blocks * self.width, axis)
            inner.append(part.unflatten(axis, (self.n_blocks, self.width)))
            at_ends += [band.narrow(axis, 0, self.first)]
            at_ends += [band.narrow(axis, self.stop, self.n_coeffs - self.stop)]
        blocks = torch.cat(inner, axis)
        x = self._blockwise(blocks, this.mT, axis)
        before = blocks.narrow(row, 0, self.n_blocks - 1)
        ahead = x.narrow(axis, 0, self.support - 1).narrow(row, 1, self.n_blocks - 1)
        ahead.add_(self._blockwise(before, following.mT, axis))
        x = x.flatten(row, axis).narrow(axis, 0, self.length)
        both = _times(torch.cat(at_ends, axis), ends.mT, axis)
        x.narrow(axis, 0, self.left).add_(both.narrow(axis, 0, self.left))
        x.narrow(axis, -self.right, self.right).add_(
            both.narrow(axis, self.left, self.right)
        )
        return x

    @staticmethod
    def _blockwise(blocks: Tensor, matrix: Tensor, axis: int) -> Tensor:
        """Multiply blocks, which are the axis before the samples, with a matrix.

        Each product holds the blocks of one row only: with a block of another row, even
        a weight of zero would bring in what is not finite there.
        """
        row = axis - 1
        n_blocks = blocks.shape[row]
        y = _times(blocks.flatten(row - 1, row), matrix, axis)
        return y.unflatten(row, (blocks.shape[row - 1], n_blocks))

    @staticmethod
    def _pad(x: Tensor, length: int, axis: int) -> Tensor:
        """Append zeros to an axis."""
        missing = length - x.shape[axis]
        return F.pad(x, (0, 0) * (-1 - axis) + (0, missing)) if missing else x


def _times(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Multiply the last axis, or the last but one, with a matrix (..., n, m)."""
    return x @ matrix if axis == -1 else matrix.mT.unsqueeze(-3) @ x
