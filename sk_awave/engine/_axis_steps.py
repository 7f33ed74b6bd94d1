"""One level along one axis, as products with small matrices.

Note [blocks of a long axis]
    In a long signal what is far from the ends is filtered the same way everywhere, so
    that one small matrix serves every block of samples; and what is near the ends does
    not know how far apart they are, so that the matrix of a short signal, made of both
    ends, serves for them, whatever the boundary mode.

    A stationary level whose taps are d samples apart is one with neighbouring taps on
    each of the gcd(n, d) cycles that steps of d make of n samples (modulo n); the
    samples are brought in that order and back.

A step maps the middle axis of rows (..., n_rows, n, inner), ``axis=-2``, or the last one
of (..., n_rows, n), ``axis=-1``, to both bands, the low-pass one first.
"""

import math

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


def make_step(length: int, filter_length: int, mode: str, dilation: int | None):
    """Choose how to take a level along an axis.

    Parameters
    ----------
    length, filter_length, mode, dilation
        As in `level_basis`.
    """
    if dilation is not None and dilation > 1 and length > DENSE_SIZE:
        return Cycles(length, filter_length, mode, dilation)
    if length > DENSE_SIZE:
        blocks = Blocks(length, filter_length, mode, dilation)
        if blocks.is_possible:
            return blocks
    return Dense(length, filter_length, mode, dilation)


class Dense:
    """The product with one matrix."""

    n_factors = 1

    def __init__(self, length: int, filter_length: int, mode: str, dilation: int | None):
        self.length, self.mode, self.dilation = length, mode, dilation

    def factors(self, pairs: Tensor) -> list[Tensor]:
        """Return the matrix (..., n, 2 m) for filters of shape (..., 1, 2, K)."""
        return [level_matrix(pairs, (self.length,), self.mode, self.dilation)]

    def apply(self, x: Tensor, axis: int, matrix: Tensor) -> Tensor:
        """Take samples to both bands."""
        return _times(x, matrix, axis)

    def transpose(self, y: Tensor, axis: int, matrix: Tensor) -> Tensor:
        """Take both bands to samples, by the transpose."""
        return _times(y, matrix.mT, axis)


class Blocks:
    """Matrices for blocks of the axis, and one for its ends.

    Coefficient `k` sees the samples from ``stride * k - reach`` to ``stride * k +
    ahead``. Block `b` makes the coefficients that begin in it, from its samples and those
    of the next block; the ends make those that see beyond the signal. See Note [blocks of
    a long axis].
    """

    n_factors = 3

    def __init__(self, length: int, filter_length: int, mode: str, dilation: int | None):
        self.length, self.mode, self.dilation = length, mode, dilation
        self.support = filter_length
        stride = 2 if dilation is None else 1
        self.block = max(BLOCK_SIZE, 1 << (filter_length - 2).bit_length())
        self.n_blocks = -(-length // self.block)
        # What lies between the ends is a multiple of the stride, for the phase.
        self.left = stride * -(-filter_length // stride)
        self.right = self.left + stride + length % stride
        ahead = filter_length // 2 if dilation or is_periodized(mode) else 1
        reach = filter_length - 1 - ahead

        def count(n):
            return n if dilation else coeff_length(n, filter_length, mode)

        self.width, self.n_coeffs = self.block // stride, count(length)
        self.first = -(-reach // stride)
        self.stop = (length - 1 - ahead) // stride + 1
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
        kind = self.mode, self.dilation
        two = level_matrix(pairs, (2 * self.block,), *kind)
        ends = level_matrix(pairs, (self.left + self.right,), *kind)
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
        blocks = self._pad(x, self.n_blocks * self.block, axis)
        blocks = blocks.unflatten(axis, (self.n_blocks, self.block)).flatten(row - 1, row)
        y = _times(blocks, this, axis)
        # The last block of a row makes no coefficient that sees the next row.
        ahead = blocks.narrow(axis, 0, self.support - 1)
        ahead = ahead.narrow(row, 1, blocks.shape[row] - 1)
        y.narrow(row, 0, y.shape[row] - 1).add_(_times(ahead, following, axis))
        y = y.unflatten(row, (-1, self.n_blocks))
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
        blocks = torch.cat(inner, axis).flatten(row - 1, row)
        x = _times(blocks, this.mT, axis)
        before = blocks.narrow(row, 0, blocks.shape[row] - 1)
        ahead = x.narrow(axis, 0, self.support - 1).narrow(row, 1, x.shape[row] - 1)
        ahead.add_(_times(before, following.mT, axis))
        x = x.unflatten(row, (-1, self.n_blocks)).flatten(row, axis)
        x = x.narrow(axis, 0, self.length)
        both = _times(torch.cat(at_ends, axis), ends.mT, axis)
        x.narrow(axis, 0, self.left).add_(both.narrow(axis, 0, self.left))
        x.narrow(axis, -self.right, self.right).add_(
            both.narrow(axis, self.left, self.right)
        )
        return x

    @staticmethod
    def _pad(x: Tensor, length: int, axis: int) -> Tensor:
        """Append zeros to an axis."""
        missing = length - x.shape[axis]
        return F.pad(x, (0, 0) * (-1 - axis) + (0, missing)) if missing else x


class Cycles:
    """A stationary level with taps apart, on the cycles that its steps make."""

    def __init__(self, length: int, filter_length: int, mode: str, dilation: int):
        self.n_cycles = math.gcd(length, dilation)
        size = length // self.n_cycles
        self._step = make_step(size, filter_length, mode, 1)
        self.n_factors = self._step.n_factors
        cycle, turn = np.arange(self.n_cycles)[:, None], np.arange(size)
        order = ((cycle + turn * dilation) % length).ravel()
        self._order = torch.from_numpy(order)
        self._back = torch.from_numpy(order.argsort())

    def factors(self, pairs: Tensor) -> list[Tensor]:
        """Return those of the level on a cycle."""
        return self._step.factors(pairs)

    def apply(self, x: Tensor, axis: int, *factors: Tensor) -> Tensor:
        """Take samples to both bands."""
        x = self._to_cycles(x, axis)
        low, high = self._step.apply(x, axis, *factors).chunk(2, axis)
        return torch.cat([self._from_cycles(b, axis) for b in (low, high)], axis)

    def transpose(self, y: Tensor, axis: int, *factors: Tensor) -> Tensor:
        """Take both bands to samples, by the transpose."""
        bands = [self._to_cycles(band, axis) for band in y.chunk(2, axis)]
        x = self._step.transpose(torch.cat(bands, axis), axis, *factors)
        return self._from_cycles(x, axis)

    def _to_cycles(self, x: Tensor, axis: int) -> Tensor:
        """Make a row of each cycle."""
        x = x.index_select(axis, self._order.to(x.device))
        return x.unflatten(axis, (self.n_cycles, -1)).flatten(axis - 2, axis - 1)

    def _from_cycles(self, x: Tensor, axis: int) -> Tensor:
        """Undo `_to_cycles`."""
        x = x.unflatten(axis - 1, (-1, self.n_cycles)).flatten(axis - 1, axis)
        return x.index_select(axis, self._back.to(x.device))


def _times(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Multiply the last axis, or the last but one, with a matrix (..., n, m)."""
    return x @ matrix if axis == -1 else matrix.mT.unsqueeze(-3) @ x
