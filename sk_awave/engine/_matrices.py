"""The matrices of a transform, as functions of its filters.

Note [matrices of the transform]
    One level is linear in the signal *and* in the filters: its matrix is a sum of fixed
    matrices, one for each tap (`level_basis`). A node's matrix is its parent's times its
    share of the level's, so that products of small matrices transform short signals
    (`tree_matrix`). They are made in float64 by operations of torch, so that gradients
    go from them back to the filters. The graph is small, whatever the number of signals.

Note [adjoint of synthesis]
    Synthesis is ``x[i] = sum_k c[k] rec[i - 2k + K - 2]`` for filters of K taps, so its
    adjoint is ``(S^T x)[k] = sum_i x[i] rec[i - 2k + K - 2]``: analysis with the
    time-reversed synthesis filters, where what lies outside the signal counts as zero
    *whatever the mode of the analysis*. Periodized synthesis wraps, and so does its
    adjoint; there a signal of odd length is cut from one of even length, so the adjoint
    extends it by a zero, where the analysis repeats the last sample. The inverse of the
    stationary transform is the mean over its shifts. The adjoint of this mean is the
    stationary transform with the time-reversed synthesis filters.
"""

import math
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._boundary import coeff_length, extension
from sk_awave.engine._constants import constant
from sk_awave.engine._tree import Path, Tree


@constant
def level_basis(
    length: int, filter_length: int, mode: str, dilation: int | None
) -> np.ndarray:
    """Return the matrix of one level for each tap, of shape (K, n, m).

    Parameters
    ----------
    length : int
        The number of samples, n.
    filter_length : int
        The number of taps, K.
    mode : str
        The extension of signals beyond their ends.
    dilation : int or None
        By how many samples the taps of a stationary level are apart; None for a level
        that keeps every second sample.
    """
    taps = np.arange(filter_length)[:, None]
    if dilation is None:
        m = coeff_length(length, filter_length, mode)
        left, index, weight = extension(length, filter_length, mode)
        extended = np.zeros((2 * m + filter_length - 2, length))
        inside = np.arange(left, left + length)
        extended[inside, inside - left] = 1
        outside = np.r_[:left, left + length : len(extended)]
        for columns, weights in zip(index, weight, strict=True):
            np.add.at(extended, (outside, columns), weights)
        basis = extended[2 * np.arange(m) + filter_length - 1 - taps]  # (K, m, n)
    else:
        k = np.arange(length)
        place = (k + dilation * (filter_length // 2 - taps)) % length
        basis = np.zeros((filter_length, length, length))
        basis[taps, k, place] = 1
    return np.ascontiguousarray(basis.swapaxes(1, 2))


def level_matrix(
    pairs: Tensor, shape: tuple[int, ...], mode: str, dilation: int | None = None
) -> Tensor:
    """Return the matrix of one level, its bands side by side: (..., n, 2**ndim * m).

    Parameters
    ----------
    pairs : tensor of shape (..., ndim or 1, 2, K)
        The low-pass and the high-pass filter along each axis, or shared by the axes.
    shape : tuple of int
        The shape of the signal or band; its samples are the n rows.
    mode, dilation
        As in `level_basis`. A stationary level has the gain 2^(-1/2) along each axis, so
        that it keeps the energy: the convention ``norm=True`` of PyWavelets' ``swt``.
    """
    factors = []
    for pair, length in zip(along(pairs, -3, len(shape)), shape, strict=True):
        basis = level_basis(length, pairs.shape[-1], mode, dilation)
        factor = (pair @ basis.flatten(1)).unflatten(-1, basis.shape[1:])
        factors.append(factor.movedim(-3, -2))
    matrix = reduce(_kronecker, factors).flatten(-2)
    return matrix if dilation is None else matrix * 2 ** (-len(shape) / 2)


def along(filters: Tensor, dim: int, size: int) -> list[Tensor]:
    """Return the filters of each level or axis, along `dim`; one may serve all."""
    parts = filters.unbind(dim)
    return list(parts) if len(parts) == size else list(parts) * size


def _kronecker(left: Tensor, right: Tensor) -> Tensor:
    """Combine matrices of shape (..., n, bands, m) of two axes to those of both."""
    product = left[..., :, None, :, None, :, None] * right[..., None, :, None, :, None, :]
    return product.flatten(-2).flatten(-3, -2).flatten(-4, -3)


def tree_matrix(
    tree: Tree, pairs: Tensor, signal_shape: tuple[int, ...], mode: str
) -> Tensor:
    """Return the matrix of a whole transform, of shape (..., n, n_coeffs).

    Parameters
    ----------
    tree : Tree
    pairs : tensor of shape (..., level or 1, ndim or 1, 2, K)
        The filters of each level, the finest first, and axis, or shared by them.
    signal_shape : tuple of int
    mode : str
        The extension of signals beyond their ends.
    """
    shape, n_bands = signal_shape, 2 ** len(signal_shape)
    nodes: dict[Path, Tensor] = {(): torch.eye(math.prod(shape), dtype=pairs.dtype)}
    by_level = along(pairs, -4, tree.level)
    for j, paths in enumerate(tree.splits):
        step = level_matrix(by_level[j], shape, mode, None if tree.is_decimated else 2**j)
        for path in paths:
            parent = nodes.pop(path)
            children = parent @ step if path else step
            for branch, child in enumerate(children.chunk(n_bands, -1)):
                nodes[*path, branch] = child
        if tree.is_decimated:
            shape = tuple(coeff_length(n, pairs.shape[-1], mode) for n in shape)
    if () in nodes:
        return nodes[()].expand(*pairs.shape[:-4], -1, -1)
    return torch.cat([nodes[path] for path in sorted(nodes)], -1)
