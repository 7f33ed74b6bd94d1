"""How far a transform is from keeping the energy, and a bank from reconstructing."""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._linear_map import LinearMap
from sk_awave.engine._transform import analysis_map, synthesis_map
from sk_awave.utils._warnings import warn

#: The length of signals, in coefficients of the coarsest level, and their largest size.
_LENGTH, _MAX_SIZE = 8, 2**20

#: The relative error of a round trip above which a bank does not reconstruct. Published
#: taps have ten digits or more.
_INEXACT = 1e-6


def reconstruction_error(filters: np.ndarray) -> float:
    """Return the relative error of a round trip of one level, for white noise.

    A bank reconstructs if its distortion is a delay of K - 1 samples and its aliasing is
    zero [1]_: the polyphase matrices of analysis and synthesis are then inverses of each
    other. The error is the norm of what these two miss.

    Parameters
    ----------
    filters : ndarray of shape (4, K)
        ``dec_lo, dec_hi, rec_lo, rec_hi``.

    References
    ----------
    .. [1] M. Vetterli, J. Kovacevic. "Wavelets and subband coding." Prentice Hall, 1995.
    """
    analysis, synthesis = filters[:2], filters[2:]
    alternating = np.where(np.arange(filters.shape[1]) % 2, -1.0, 1.0)
    distortion, aliasing = (
        np.sum([np.convolve(*both) for both in zip(pair, synthesis, strict=True)], 0) / 2
        for pair in (analysis, alternating * analysis)
    )
    distortion[filters.shape[1] - 1] -= 1
    return float(np.linalg.norm(np.r_[distortion, aliasing]))


def warn_if_inexact(filters: Tensor) -> None:
    """Warn if one of the banks (n_levels, n_axes, 4, K) does not reconstruct."""
    banks = np.unique(filters.flatten(0, 1).numpy(), axis=0)
    error = max(reconstruction_error(bank) for bank in banks)
    if error > _INEXACT:
        warn(
            f"These filters do not reconstruct: one level changes white noise by "
            f"{error:.2g} of its norm on the way to coefficients and back. Check their "
            "order (dec_lo, dec_hi, rec_lo, rec_hi), their signs and their alignment. To "
            "filters of odd length add a zero before dec_hi and rec_lo and behind dec_lo "
            "and rec_hi, or the other way round. Of the wavelets of PyWavelets only "
            "'dmey' is inexact: use 'sym20' instead."
        )


def condition_number(layout: CoeffLayout, filters: Tensor) -> float:
    """Return the norm of analysis times that of synthesis, away from the ends.

    Relative errors of coefficients grow by this factor at most on the way to signals. It
    is 1 for orthonormal filters. Norms are those of the transform of periodic signals,
    to four digits. Levels that are longer than the signals do not count, nor those that
    would need periodic signals of more than a million values.

    Parameters
    ----------
    layout : CoeffLayout
    filters : tensor of shape (level or 1, ndim or 1, 4, K)
    """
    ndim = len(layout.signal_shape)
    level = min(layout.level, min(layout.signal_shape).bit_length())
    while (_LENGTH * 2**level) ** ndim > _MAX_SIZE:
        level -= 1
    shape = (_LENGTH * 2**level,) * ndim
    periodic = replace(
        layout,
        signal_shape=shape,
        n_channels=None,
        tree=replace(layout.tree, splits=layout.tree.splits[:level]),
        mode="periodization",
    )
    filters = filters[: max(1, level)]
    analysis = analysis_map(periodic, filters, filters)
    return _norm(analysis) * _norm(synthesis_map(periodic, filters, filters).T)


def _norm(linear_map: LinearMap) -> float:
    """Return the largest singular value of a map of signals to coefficients."""
    shape = linear_map.layout.signal_shape

    def multiply(x: np.ndarray) -> np.ndarray:
        coeffs = linear_map.apply(torch.from_numpy(x).reshape(1, *shape))
        return linear_map.T.apply(coeffs).numpy().ravel()

    n = math.prod(shape)
    squared = LinearOperator((n, n), multiply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    (largest,) = eigsh(squared, 1, v0=start, tol=1e-5, return_eigenvectors=False)
    return math.sqrt(largest)
