"""What the functions and displays here are given: wavelets, transformers, samples."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_awave.engine._filter_bank import as_wavelet


def check_transformer(estimator, attribute, caller):
    """Raise an error unless the estimator is fitted and has the attribute."""
    check_is_fitted(estimator)
    if not hasattr(estimator, attribute):
        raise TypeError(
            f"{caller} needs a wavelet transformer that has {attribute!r}. Got "
            f"{type(estimator).__name__} instead: pass the transformer itself, such as a "
            "step of a pipeline or the transformer_ of a model."
        )


def single_wavelet(source, caller):
    """Return the wavelet of a name, a wavelet or a fitted transformer."""
    if hasattr(source, "fit"):
        check_transformer(source, "wavelet_", caller)
        source = source.wavelet_
    if isinstance(source, (list, tuple)):
        raise ValueError(
            f"{caller} takes single wavelets. Got {len(source)} of them (of a "
            "transformer with per_level or per_axis): pass one of its wavelet_."
        )
    return as_wavelet(source)


def split_channel(values, estimator, shape, channel):
    """Return one channel of a sample's flat values, in the given shape."""
    check_channel(estimator, channel)
    n_channels = estimator.layout_.n_channels or 1
    return np.asarray(values).reshape(n_channels, *shape)[channel]


def check_channel(estimator, channel):
    """Raise ValueError if there is no such channel."""
    n_channels = estimator.layout_.n_channels or 1
    if channel not in range(n_channels):
        raise ValueError(
            f"The 'channel' parameter must be an integer from 0 to {n_channels - 1}. Got "
            f"{channel!r} instead."
        )


def check_drawable(estimator, caller):
    """Raise an error unless the transformer is of signals or images."""
    check_transformer(estimator, "filter_bank_", caller)
    ndim = len(estimator.layout_.signal_shape)
    if ndim > 2:
        raise ValueError(
            f"{caller} draws signals and images. Got ndim={ndim}: draw slices of what "
            "layout_.unflatten makes of coefficients."
        )
