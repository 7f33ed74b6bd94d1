"""From a trained network to a concise model, by way of an adapted wavelet."""

from sk_awave.distillation._awd import AWDClassifier, AWDRegressor
from sk_awave.distillation._report import DistillationReport

__all__ = ["AWDClassifier", "AWDRegressor", "DistillationReport"]
