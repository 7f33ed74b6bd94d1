"""Few features from many coefficients."""

from sk_awave.feature_extraction._pooling import SubbandPooling

__all__ = ["SubbandPooling"]
