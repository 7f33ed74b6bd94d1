"""Looking at wavelets, given or learned, and at forests of their features."""

from sk_awave.inspection._disentangled import (
    attribution_curves,
    disentangled_attributions,
)
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
from sk_awave.inspection._plot._curves import AttributionCurveDisplay
from sk_awave.inspection._plot._decision import DecisionDisplay
from sk_awave.inspection._plot._objective import ObjectiveDisplay
from sk_awave.inspection._plot._reconstruction import ReconstructionDisplay
from sk_awave.inspection._plot._wavelet import FilterBankDisplay, WaveletDisplay
from sk_awave.inspection._plot._weights import WeightDisplay

__all__ = [
    "AttributionCurveDisplay",
    "AttributionDisplay",
    "AttributionTreeDisplay",
    "CoefficientDisplay",
    "DecisionDisplay",
    "FilterBankDisplay",
    "ObjectiveDisplay",
    "ReconstructionDisplay",
    "WaveletDisplay",
    "WeightDisplay",
    "attribution_curves",
    "closest_wavelet",
    "disentangled_attributions",
    "frequency_response",
    "wavelet_distance",
    "wavelet_functions",
]
