"""How far a low-pass filter is from being orthonormal: the five filter penalties."""

import math

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
