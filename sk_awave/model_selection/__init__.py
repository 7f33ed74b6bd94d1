"""Choosing how much a teacher's attributions count."""

from sk_awave.model_selection._cv import AdaptiveWaveletTransformerCV
from sk_awave.model_selection._path import RATIOS, adaptive_wavelet_path

__all__ = ["RATIOS", "AdaptiveWaveletTransformerCV", "adaptive_wavelet_path"]
