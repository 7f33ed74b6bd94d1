"""Synthetic data whose truth is known."""

from sk_awave.datasets._bursts import make_bursts
from sk_awave.datasets._wavelet_regression import make_wavelet_regression

__all__ = ["make_bursts", "make_wavelet_regression"]
