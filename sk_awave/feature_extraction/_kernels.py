"""The 3 x 3 kernels to which the peaks of images respond."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

HEIGHT = np.array([[[0, 0, 0], [0, 1, 0], [0, 0, 0]]], dtype=float)
LAPLACE = np.array([[[-1, -4, -1], [-4, 20, -4], [-1, -4, -1]]]) / 6


def wavelet_kernels(wavelet):
    """Return the 3 x 3 kernels LL, LH, HL, HH of a wavelet, as Ha et al. (2021)."""
    # Filtering is convolution, and kernels are laid on images as they are.
    low, high = (_three_taps(taps[::-1]) for taps in (wavelet.dec_lo, wavelet.dec_hi))
    pairs = [(low, low), (high, low), (low, high), (high, high)]
    kernels = np.stack([np.outer(rows, columns) for rows, columns in pairs])
    kernels[1:] -= kernels[1:].mean(axis=(1, 2), keepdims=True)
    return kernels


def _three_taps(taps):
    """Return the three neighbouring taps of the largest energy about the mean of all."""
    taps = np.pad(taps, (0, max(0, 3 - len(taps))))
    windows = sliding_window_view(taps, 3)
    energies = np.square(windows - taps.mean()).sum(axis=1)
    # The published code leaves out the last three; with them, db5 has another kernel.
    return windows[energies[: max(1, len(windows) - 1)].argmax()]


def single_wavelet(transformer):
    """Return the wavelet of a fitted transformer."""
    wavelet = transformer.wavelet_
    if isinstance(wavelet, (list, tuple)):
        raise ValueError(
            f"PeakCounter takes its kernels from one wavelet. Got {len(wavelet)} of them "
            "(of a transformer with per_level or per_axis)."
        )
    return wavelet
