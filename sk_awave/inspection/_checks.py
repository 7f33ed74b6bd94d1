"""Checks of the input of functions and displays: wavelets, transformers, samples."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_awave.engine._wavelet import as_wavelet
from sk_awave.inspection._heads import read_head
from sk_awave.inspection._sampling import check_sampling_frequency


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


def split_channel(values, layout, shape, channel):
    """Return one channel of a sample's flat values, in the given shape."""
    check_channel(layout, channel)
    return np.asarray(values).reshape(layout.n_channels or 1, *shape)[channel]


def check_channel(layout, channel):
    """Raise ValueError if there is no such channel."""
    n_channels = layout.n_channels or 1
    if channel not in range(n_channels):
        raise ValueError(
            f"The 'channel' parameter must be an integer from 0 to {n_channels - 1}. Got "
            f"{channel!r} instead."
        )


def check_drawable(estimator, caller):
    """Raise an error unless the transformer is of signals or images."""
    check_transformer(estimator, "filter_bank_", caller)
    check_ndim(estimator.layout_, caller)


def check_ndim(layout, caller):
    """Raise ValueError for volumes."""
    ndim = len(layout.signal_shape)
    if ndim > 2:
        raise ValueError(
            f"{caller} draws signals and images. Got ndim={ndim}: draw slices of what "
            "layout_.unflatten makes of coefficients."
        )


def check_channel_names(channel_names, layout):
    """Raise ValueError unless there is a name for each channel, or none at all."""
    n_channels = layout.n_channels or 1
    if channel_names is not None and len(channel_names) != n_channels:
        raise ValueError(
            f"The 'channel_names' parameter must have {n_channels} name(s), one for each "
            f"channel. Got {channel_names!r} instead."
        )


def check_head(estimator, caller, channel_names, sampling_frequency):
    """Return the linear model of a pipeline of signals or images, or raise an error."""
    head = read_head(estimator, caller)
    check_ndim(head.layout, caller)
    ndim = len(head.layout.signal_shape)
    check_sampling_frequency(sampling_frequency, caller, ndim)
    check_channel_names(channel_names, head.layout)
    return head


def check_target(target, n_targets):
    """Return the position of a target as int, or raise ValueError."""
    if isinstance(target, bool | np.bool_) or target not in range(n_targets):
        raise ValueError(
            f"The 'target' parameter must be an integer from 0 to {n_targets - 1}. Got "
            f"{target!r} instead."
        )
    return int(target)
