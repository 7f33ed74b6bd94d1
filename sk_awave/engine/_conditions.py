"""How far a low-pass filter is from being orthonormal: the five filter penalties."""

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sk_awave.engine._lattice import orthogonal_filters

#: The filter penalties of Ha et al. (2021), in the order of the published code.
FILTER_TERMS = (
    "lowpass_sum",
    "highpass_sum",
    "unit_norm",
    "conjugate_mirror",
    "double_shift",
)


def autocorrelation(lowpass: Tensor) -> Tensor:
    """Return ``sum_k h[k] h[k + 2 m]`` for every even shift, negative ones included.

    Parameters
    ----------
    lowpass : tensor of shape (K,)
        A filter of even length.

    Returns
    -------
    tensor of shape (K - 1,)
        The middle one belongs to shift zero. Orthonormal iff 1 there and 0 elsewhere.
    """
    h = lowpass.reshape(1, 1, -1)
    return F.conv1d(h, h, stride=2, padding=h.shape[-1] - 2).flatten()


def filter_terms(lowpass: Tensor) -> dict[str, Tensor]:
    """Evaluate the filter penalties of one low-pass filter, unweighted.

    Parameters
    ----------
    lowpass : tensor of shape (K,)
        A filter of even length, in either time direction.

    Returns
    -------
    dict of str to scalar tensor
        The terms of `FILTER_TERMS`, as in the published code of Ha et al. (NeurIPS
        2021), ``awave.losses``. All are zero for an orthonormal filter with a vanishing
        moment.
    """
    half = len(lowpass) // 2
    highpass = orthogonal_filters(lowpass)[3]
    power = torch.fft.fft(lowpass).abs().square()
    shifts = autocorrelation(lowpass)
    delta = torch.zeros_like(shifts)
    delta[len(shifts) // 2] = 1
    return {
        "lowpass_sum": 0.5 * (lowpass.sum() - math.sqrt(2)).square(),
        "highpass_sum": 0.5 * highpass.sum().square(),
        "unit_norm": 0.5 * (lowpass.square().sum() - 1).square(),
        "conjugate_mirror": 0.5 * (power[:half] + power[half:] - 2).square().sum(),
        "double_shift": 0.5 * (shifts - delta).square().sum(),
    }


def weighted_filter_terms(
    lowpass: np.ndarray, weights: Mapping[str, float]
) -> tuple[float, np.ndarray]:
    """Return the weighted sum of `filter_terms` over filters, and its gradient.

    All but the sums are functions of the even autocorrelations ``r_m``. The squared
    moduli at ``k`` and ``k + K/2`` add up to twice the K/2-point transform of ``r``
    aliased to K/2 shifts, so that the conjugate mirror term is, by Parseval's identity,
    K times the sum of squares of aliased ``r_m - delta_m``.

    Parameters
    ----------
    lowpass : ndarray of shape (..., K)
    weights : mapping of str to float
        Of each of `FILTER_TERMS`.

    Returns
    -------
    value : float
    gradient : ndarray of shape (..., K)
    """
    length = lowpass.shape[-1]
    slope = (lowpass @ _even_shifts(length)).reshape(*lowpass.shape[:-1], -1, length)
    r = 0.5 * (slope @ lowpass[..., None])[..., 0]  # slope: the gradients of the r_m
    r[..., 0] -= 1
    aliased = r.copy()
    aliased[..., 1:] += r[..., :0:-1]
    d_r = 2 * weights["double_shift"] * r
    d_r[..., 0] += (weights["unit_norm"] - weights["double_shift"]) * r[..., 0]
    d_aliased = 2 * length * weights["conjugate_mirror"] * aliased
    value = 0.5 * float((d_r * r + d_aliased * aliased).sum())
    d_aliased[..., 1:] *= 2  # each counts at two shifts
    gradient = ((d_r + d_aliased)[..., None, :] @ slope)[..., 0, :]
    signs = 1.0 - 2.0 * (
        np.arange(length) % 2
    )  # up to its sign, the high-pass sums these
    for name, vector, target in (
        ("lowpass_sum", np.ones(length), math.sqrt(2)),
        ("highpass_sum", signs, 0.0),
    ):
        excess = (lowpass @ vector - target)[..., None]
        value += 0.5 * weights[name] * float((excess**2).sum())
        gradient += weights[name] * excess * vector
    return value, gradient


@lru_cache(maxsize=64)
def _even_shifts(length: int) -> np.ndarray:
    """Return what maps h to ``h[n + 2 m] + h[n - 2 m]`` for every m, (K, K/2 * K)."""
    n, m = np.arange(length), 2 * np.arange(length // 2)[:, None]
    distance = n[:, None, None] - n  # (K, 1, K)
    return ((distance == m) + 1.0 * (distance == -m)).reshape(length, -1)
