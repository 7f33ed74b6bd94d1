"""Looking at wavelets, given or learned."""

from sk_awave.inspection._distance import wavelet_distance

__all__ = ["wavelet_distance"]
