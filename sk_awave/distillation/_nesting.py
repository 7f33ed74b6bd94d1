"""Wavelet transformers, and transformers that summarise their coefficients."""

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sk_awave.attribution._estimators import unfreeze
from sk_awave.decomposition import AdaptiveWaveletTransformer
from sk_awave.feature_extraction._base import BaseContainer


def find_learner(transformer):
    """Return the learner within a transformer that may summarise it."""
    while not isinstance(transformer, AdaptiveWaveletTransformer | FrozenEstimator):
        if not hasattr(transformer, "transformer"):
            break
        transformer = transformer.transformer
    return transformer


def drop_teachers(transformer):
    """Take the teacher from all transformers that a transformer consists of."""
    if isinstance(transformer, AdaptiveWaveletTransformer):
        transformer.set_params(teacher=None)
    for name in ("transformer", "transformer_"):
        if hasattr(transformer, name):
            drop_teachers(getattr(transformer, name))


def wavelet_of(transformer):
    """Return the fitted wavelet transformer within a transformer, or None."""
    while not hasattr(transformer, "layout_") and hasattr(transformer, "transformer_"):
        transformer = transformer.transformer_
    return transformer if hasattr(transformer, "layout_") else None


def with_wavelet(transformer, wavelet):
    """Put a wavelet in the place of the learned one, within a transformer around it."""
    transformer = unfreeze(transformer)
    if not isinstance(transformer, BaseContainer):
        return wavelet
    inner = with_wavelet(transformer.transformer, wavelet)
    return clone(transformer).set_params(transformer=inner)
