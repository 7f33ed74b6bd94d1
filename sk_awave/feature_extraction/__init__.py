"""Few features from many coefficients."""

from sk_awave.feature_extraction._adaptive_pooling import AdaptiveSubbandPooling
from sk_awave.feature_extraction._peaks import PeakCounter
from sk_awave.feature_extraction._pooling import SubbandPooling
from sk_awave.feature_extraction._thresholding import WaveletThresholder

__all__ = [
    "AdaptiveSubbandPooling",
    "PeakCounter",
    "SubbandPooling",
    "WaveletThresholder",
]
