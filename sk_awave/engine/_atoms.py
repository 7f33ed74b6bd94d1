"""The norms of atoms: weights and noise of banks that are not orthonormal.

Note [norms of atoms]
    The L1 norm of coefficients rewards a bank for making details small and their atoms
    large, the signals that synthesis makes of single coefficients. A detail therefore
    counts with the norm of its atom, and its attribution with the inverse: as if atoms
    were of norm 1, the convention of dictionary learning. The approximation counts as it
    is: its scale is fixed, and wide atoms that overlap would make it cheap.

    Only the autocorrelation of the atoms of a level at steps of its grid is needed. It is
    ``a_0[m] = [m = 0]`` for the samples, and of the atoms of a filter with the
    autocorrelation r, one level further, ``a_{j+1}[m] = sum_n r[n] a_j[2 m - n]``: the
    transfer operator of Lawton (1991). It has no more than 2 K - 1 entries at any level,
    and its middle one is the squared norm.

    The same recursion with the filters of analysis gives the norms of what coefficients
    are inner products with. A coefficient of white noise has this norm for a standard
    deviation.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._matrices import along


def atom_norms(layout: CoeffLayout, filters: Tensor) -> Tensor:
    """Return the norm of the synthesis atoms of each band, away from the ends.

    Parameters
    ----------
    layout : CoeffLayout
    filters : tensor of shape (..., level or 1, ndim or 1, 4, K)

    Returns
    -------
    tensor of shape (..., n_bands)
        Of bands of details; 1 for the approximation.
    """
    norms = _norms(layout, filters[..., 2:, :])
    is_detail = torch.tensor([band.kind == "detail" for band in layout.bands])
    return norms.where(is_detail, 1.0)


def noise_levels(layout: CoeffLayout, filters: Tensor) -> Tensor:
    """Return the standard deviation of white noise in each band, away from the ends.

    That of the noise of the signals is 1. In an orthonormal bank it is 1 in all bands, or
    the weight of a band in a stationary transform.

    Parameters and shape are those of `atom_norms`.
    """
    weights = torch.tensor([band.weight for band in layout.bands], dtype=filters.dtype)
    return _norms(layout, filters[..., :2, :]) * weights


def _norms(layout: CoeffLayout, pairs: Tensor) -> Tensor:
    """Return the norms of the products of filters (..., 2, K) along the path of bands."""
    ndim, n_axes = len(layout.signal_shape), pairs.shape[-3]
    by_level = along(_transfers(pairs), -5, layout.level)
    middle = pairs.shape[-1] - 1
    samples = pairs.new_zeros(*pairs.shape[:-4], 2 * middle + 1, 1)
    samples[..., middle, :] = 1
    made: dict[tuple[int, tuple[int, ...]], Tensor] = {}

    def atoms(axis: int, branches: tuple[int, ...]) -> Tensor:
        """Return the autocorrelation along an axis, low-pass (0) or high-pass (1)."""
        if not branches:
            return samples
        axis = axis if n_axes > 1 else 0
        if (axis, branches) not in made:
            transfer = by_level[len(branches) - 1][..., axis, branches[-1], :, :]
            made[axis, branches] = transfer @ atoms(axis, branches[:-1])
        return made[axis, branches]

    squares = []
    for band in layout.bands:
        square = torch.ones_like(samples[..., middle, 0])
        for axis in range(ndim):
            branches = tuple(branch >> (ndim - 1 - axis) & 1 for branch in band.path)
            square = square * atoms(axis, branches)[..., middle, 0]
        squares.append(square)
    return torch.stack(squares, -1).sqrt()


def _transfers(filters: Tensor) -> Tensor:
    """Return the transfer operators of filters (..., K), (..., 2 K - 1, 2 K - 1)."""
    n_taps = filters.shape[-1]
    shifted = F.pad(filters, (n_taps - 1, n_taps - 1)).unfold(-1, n_taps, 1)
    autocorrelations = (shifted @ filters.unsqueeze(-1)).squeeze(-1)
    shifts = torch.arange(1 - n_taps, n_taps)
    n = (2 * shifts[:, None] - shifts).clamp(-n_taps, n_taps)  # zero at either end
    return F.pad(autocorrelations, (1, 1))[..., n + n_taps]
