"""Wavelet transforms as scikit-learn transformers."""

from sk_awave.decomposition._adaptive import AdaptiveWaveletTransformer
from sk_awave.decomposition._path import adaptive_wavelet_path
from sk_awave.decomposition._wavelet import WaveletTransformer

__all__ = ["AdaptiveWaveletTransformer", "WaveletTransformer", "adaptive_wavelet_path"]
