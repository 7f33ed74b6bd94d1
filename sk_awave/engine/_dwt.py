"""One level along the last axis: analysis, synthesis, and the adjoint of synthesis.

This is the reference that the multilevel transforms and all faster routes are built
on and tested against. Coefficients are PyWavelets' to rounding.

Note [adjoint of synthesis]
    Synthesis is ``x[i] = sum_k c[k] rec[i - 2k + K - 2]`` for filters of K taps, so its
    adjoint is ``(S^T x)[k] = sum_i x[i] rec[i - 2k + K - 2]``: analysis with the
    time-reversed synthesis filters, where what lies outside the signal counts as zero
    *whatever the mode of the analysis*. Periodized synthesis wraps, and so does its
    adjoint; there a signal of odd length is cut from one of even length, so the adjoint
    extends it by a zero, where the analysis repeats the last sample.
"""

import torch.nn.functional as F
from torch import Tensor

from sk_awave.engine._boundary import adjoint_mode, extend, is_periodized


def analysis(x: Tensor, filters: Tensor, mode: str) -> Tensor:
    """Filter, and keep every second sample.

    Parameters
    ----------
    x : tensor of shape (..., n)
    filters : tensor of shape (2, K)
        ``dec_lo`` and ``dec_hi``.
    mode : str
        How the signal is continued beyond its ends.

    Returns
    -------
    tensor of shape (..., 2, n_coeffs)
        ``cA`` and ``cD``.
    """
    extended = extend(x, filters.shape[-1], mode)
    out = F.conv1d(
        extended.reshape(-1, 1, extended.shape[-1]),
        filters.flip(-1).unsqueeze(1),
        stride=2,
    )
    return out.reshape(*x.shape[:-1], 2, out.shape[-1])


def synthesis(coeffs: Tensor, filters: Tensor, mode: str) -> Tensor:
    """Invert `analysis`, up to a last sample too many when the signal was odd.

    Parameters
    ----------
    coeffs : tensor of shape (..., 2, n_coeffs)
    filters : tensor of shape (2, K)
        ``rec_lo`` and ``rec_hi``.
    mode : str
        The mode of the analysis.

    Returns
    -------
    tensor of shape (..., n)
    """
    filter_length, n_coeffs = filters.shape[-1], coeffs.shape[-1]
    crop = filter_length - 2
    if is_periodized(mode):
        # Coefficients from beyond each end reach over it: K / 4 of them.
        wrap = filter_length // 4
        turns = -(-wrap // n_coeffs)
        wrapped = coeffs.repeat(*[1] * (coeffs.ndim - 1), 2 * turns + 1)
        start = turns * n_coeffs - wrap
        coeffs = wrapped[..., start : start + n_coeffs + 2 * wrap]
        crop = filter_length // 2 - 1 + 2 * wrap
    out = F.conv_transpose1d(
        coeffs.reshape(-1, *coeffs.shape[-2:]),
        filters.unsqueeze(1),
        stride=2,
        padding=crop,
    )
    return out.reshape(*coeffs.shape[:-2], out.shape[-1])


def synthesis_adjoint(x: Tensor, filters: Tensor, mode: str) -> Tensor:
    """Apply the adjoint of `synthesis`; see Note [adjoint of synthesis].

    Parameters
    ----------
    x : tensor of shape (..., n)
    filters : tensor of shape (2, K)
        ``rec_lo`` and ``rec_hi``.
    mode : str
        The mode of the analysis that the synthesis inverts.

    Returns
    -------
    tensor of shape (..., 2, n_coeffs)
    """
    return analysis(x, filters.flip(-1), adjoint_mode(mode))
