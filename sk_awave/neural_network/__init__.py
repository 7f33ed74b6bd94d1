"""Torch networks that are trained not to use a part of their input, on skorch."""

from sk_awave.neural_network._classifier import PenalizedNetClassifier
from sk_awave.neural_network._regressor import PenalizedNetRegressor

__all__ = ["PenalizedNetClassifier", "PenalizedNetRegressor"]
