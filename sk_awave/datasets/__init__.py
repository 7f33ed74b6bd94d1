"""Data sets: synthetic ones whose truth is known, and a small real one."""

from sk_awave.datasets._bursts import make_bursts
from sk_awave.datasets._convergence_maps import make_convergence_maps
from sk_awave.datasets._ecg import load_ecg_windows
from sk_awave.datasets._wavelet_regression import make_wavelet_regression

__all__ = [
    "load_ecg_windows",
    "make_bursts",
    "make_convergence_maps",
    "make_wavelet_regression",
]
