"""Looking at wavelets, given or learned."""

from sk_awave.inspection._distance import wavelet_distance
from sk_awave.inspection._functions import (
    closest_wavelet,
    frequency_response,
    wavelet_functions,
)
from sk_awave.inspection._plot._attribution_tree import AttributionTreeDisplay
from sk_awave.inspection._plot._coefficients import (
    AttributionDisplay,
    CoefficientDisplay,
)
from sk_awave.inspection._plot._objective import ObjectiveDisplay
from sk_awave.inspection._plot._reconstruction import ReconstructionDisplay
from sk_awave.inspection._plot._wavelet import FilterBankDisplay, WaveletDisplay

__all__ = [
    "AttributionDisplay",
    "AttributionTreeDisplay",
    "CoefficientDisplay",
    "FilterBankDisplay",
    "ObjectiveDisplay",
    "ReconstructionDisplay",
    "WaveletDisplay",
    "closest_wavelet",
    "frequency_response",
    "wavelet_distance",
    "wavelet_functions",
]
