"""From what users hand in to signals of shape (n_samples, n_channels, *signal_shape)."""

import math

import numpy as np
import torch
from sklearn.utils.validation import check_array, validate_data

from sk_awave.utils._dask import refuse_dask_array
from sk_awave.utils._masks import refuse_masked
from sk_awave.utils._missing import explaining_missing
from sk_awave.utils._signals import as_signals, warn_of_times
from sk_awave.utils._sklearn import (
    _check_feature_names,
    _check_feature_names_in,
    _check_n_features,
)
from sk_awave.utils._warnings import warn


def split_shape(sample_shape, ndim, signal_shape=None):
    """Split the shape of a sample into channels and transformed axes.

    Parameters
    ----------
    sample_shape : tuple of int
        ``X.shape[1:]``.
    ndim : int
        The number of transformed axes.
    signal_shape : tuple of int, default=None
        The shape that the rows of a two-dimensional `X` are reshaped to: `ndim` axes, or
        a channel axis and `ndim` axes.

    Returns
    -------
    n_channels : int or None
        None where samples have no channel axis.
    signal_shape : tuple of int

    Raises
    ------
    ValueError
        If the shapes do not go together.
    """
    shape = tuple(sample_shape)
    if signal_shape is not None:
        lengths = np.atleast_1d(signal_shape)
        right = len(lengths) in (ndim, ndim + 1) and lengths.dtype.kind in "iu"
        if not right or min(lengths) < 1:
            raise ValueError(
                f"signal_shape must have {ndim} or {ndim + 1} positive integer lengths "
                f"when ndim={ndim}. Got {signal_shape} instead."
            )
        signal_shape = tuple(lengths.tolist())
        if len(shape) == 1 and math.prod(signal_shape) != shape[0]:
            raise ValueError(
                f"signal_shape={signal_shape} has {math.prod(signal_shape)} values, but "
                f"X has {shape[0]} features."
            )
        if len(shape) > 1 and shape != signal_shape:
            raise ValueError(
                f"signal_shape={signal_shape}, but X has samples of shape {shape}."
            )
        shape = signal_shape
    if len(shape) not in (ndim, ndim + 1):
        hint = (
            " Reshape your data, or set signal_shape to the shape of a sample."
            if len(shape) < ndim
            else " Set ndim to the number of transformed axes."
        )
        raise ValueError(
            f"X must have {ndim + 1} dimensions, or {ndim + 2} with a channel axis, when "
            f"ndim={ndim}. Got {len(shape) + 1} dimensions instead.{hint}"
        )
    if len(shape) == ndim:
        return None, shape
    n_channels, lengths = shape[0], shape[1:]
    if signal_shape is None:
        _warn_if_misread(n_channels, lengths)
    return n_channels, lengths


def _warn_if_misread(n_channels, shape):
    """Warn where what counts as channels looks like an axis of images or volumes.

    Those of equal lengths along all axes are rather images than `n_channels` series, and
    a short last axis rather holds channels.
    """
    ndim = len(shape)
    looks_like = None
    if ndim < 3 and set(shape) == {n_channels} and n_channels > 1:
        kind = "images" if ndim == 1 else "volumes"
        looks_like = f"If samples are {kind}, set ndim={ndim + 1}."
    elif shape[-1] < n_channels and (ndim == 1 or shape[-1] <= 4):
        looks_like = (
            "If channels are the last axis, move them in front of the signal: "
            "np.moveaxis(X, -1, 1)."
        )
        if ndim == 1:
            looks_like += " If samples are images, set ndim=2."
    if looks_like:
        warn(
            f"Samples of shape {(n_channels, *shape)} are taken for {n_channels} "
            f"channels of shape {tuple(shape)}, as ndim={ndim}. {looks_like} If that is "
            f"what you mean, set signal_shape={(n_channels, *shape)}.",
            UserWarning,
        )


def validate_signals(estimator, X, *, reset):
    """Validate `X` without changing its shape.

    Arrays of more than two dimensions and tensors obey the same rules, and give the same
    errors, as two-dimensional arrays do in scikit-learn.

    Parameters
    ----------
    estimator : estimator
        The estimator whose ``n_features_in_`` (the number of values of a sample),
        ``sample_shape_`` and ``feature_names_in_`` are set or compared.
    X : array-like or tensor of shape (n_samples, ...), or container of signals
    reset : bool
        True to set these attributes, False to compare.

    Returns
    -------
    ndarray or tensor of float32 or float64, of the shape of `X`
    """
    refuse_dask_array(estimator, X)
    given = X = as_signals(X)
    if reset:
        warn_of_times(X)
    is_tensor = isinstance(X, torch.Tensor)
    shape = tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape
    if len(shape) > 2:
        X = X if is_tensor else np.asarray(X)
        X = X.reshape(shape[0], math.prod(shape[1:]))
    with explaining_missing(given, estimator):
        if is_tensor:
            X = check_tensor(X, estimator)
            _check_feature_names(estimator, X, reset=reset)
            _check_n_features(estimator, X, reset=reset)
        else:
            X = validate_data(
                estimator,
                X,
                dtype=[np.float64, np.float32],
                ensure_all_finite=not _is_surely_finite(X),
                reset=reset,
            )
    if reset:
        estimator.sample_shape_ = shape[1:]
    elif len(shape) > 2 and shape[1:] != estimator.sample_shape_:
        raise ValueError(
            f"X has samples of shape {shape[1:]}, but {type(estimator).__name__} is "
            f"expecting samples of shape {estimator.sample_shape_} as input."
        )
    return X.reshape(shape)


def validate_coefficients(estimator, X, n_coeffs):
    """Validate flat coefficients of shape (n_samples, n_coeffs)."""
    X = check_samples(X, estimator, allow_nd=False, is_signal=False)
    if X.shape[1] != n_coeffs:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{n_coeffs} coefficients as input of inverse_transform."
        )
    return X


def _is_surely_finite(X):
    """Tell whether a product that takes no time shows that all values are finite.

    An inner product with itself is finite only then. scikit-learn's sum takes four times
    as long, a tenth of the time of a transform.
    """
    if type(X) is not np.ndarray or X.dtype not in (np.float32, np.float64):
        return False
    flat = X.reshape(-1) if X.flags.c_contiguous else X[:0].reshape(-1)
    with np.errstate(all="ignore"):
        return flat.size > 0 and bool(np.isfinite(flat @ flat))


def validate_fields(estimator, X):
    """Validate gradients at signals: they have the shape, but no names of features."""
    X = as_signals(X)
    shape = tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape
    if shape[1:] != estimator.sample_shape_:
        raise ValueError(
            f"X has samples of shape {shape[1:]}, but {type(estimator).__name__} is "
            f"expecting samples of shape {estimator.sample_shape_} as input."
        )
    return check_samples(X, estimator)


def check_samples(X, estimator, input_name="X", *, allow_nd=True, is_signal=True):
    """Validate samples without attributes of an estimator, which is named in errors.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, ...), or container of signals
    estimator : estimator
    input_name : str, default="X"
    allow_nd : bool, default=True
        False if samples are rows.
    is_signal : bool, default=True
        False if they are coefficients.

    Returns
    -------
    ndarray or tensor of float32 or float64, of the shape of `X`
    """
    refuse_masked(X, input_name)
    X = as_signals(X)
    with explaining_missing(X, estimator, input_name, is_signal):
        if isinstance(X, torch.Tensor):
            rows = X.flatten(1) if allow_nd and X.ndim > 2 else X
            return check_tensor(rows, estimator, input_name).reshape(X.shape)
        return check_array(
            X,
            dtype=[np.float64, np.float32],
            allow_nd=allow_nd,
            ensure_all_finite=not _is_surely_finite(X),
            estimator=estimator,
            input_name=input_name,
        )


def channel_names_in(estimator, input_features, n_channels):
    """Return the names of channels that `get_feature_names_out` is given.

    Parameters
    ----------
    estimator : fitted estimator
    input_features : array-like of str or None
        A name for each channel; otherwise checked as scikit-learn checks the names of all
        features.
    n_channels : int or None
        None where samples have no channel axis.

    Returns
    -------
    list of str or None
        None where channels have no names.
    """
    if input_features is not None and n_channels is not None:
        names = [str(name) for name in input_features]
        if len(names) == n_channels != estimator.n_features_in_:
            return names
    _check_feature_names_in(estimator, input_features)
    return None


def check_tensor(X, estimator, input_name="X"):
    """Apply the rules of scikit-learn's ``check_array`` to a tensor."""
    name = type(estimator).__name__
    if X.layout != torch.strided:
        raise TypeError(
            f"Sparse data was passed for {input_name}, but {name} requires dense data. "
            "Use '.to_dense()' to convert it to a dense tensor."
        )
    if X.is_quantized or X.device.type == "meta":
        kind = "meta" if X.device.type == "meta" else "quantized"
        raise TypeError(
            f"A {kind} tensor was passed for {input_name}, but {name} requires values."
        )
    if X.is_complex():
        raise ValueError(f"Complex data not supported\n{X}\n")
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead. Reshape your data."
        )
    for axis, what in enumerate(("sample", "feature")):
        if X.shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={tuple(X.shape)}) while a minimum "
                f"of 1 is required by {name}."
            )
    X = X.detach()
    if X.dtype not in (torch.float32, torch.float64):
        X = X.double()
    if not X.isfinite().all():
        what = "NaN" if X.isnan().any() else "infinity"
        raise ValueError(f"Input {input_name} contains {what}.")
    return X


class _WritableView:
    """Presents the memory of an array as writable, to those who will not write."""

    def __init__(self, array):
        self.array = array  # which must outlive its memory
        place = array.ctypes.data, False
        self.__array_interface__ = array.__array_interface__ | {"data": place}


def as_tensor(array, device=None):
    """Move an array or tensor to a device, sharing memory where that is possible.

    The memory may be read-only, as that of a file or of what joblib hands to its workers:
    the tensor must not be written to.

    Parameters
    ----------
    array : ndarray or tensor
    device : torch.device, default=None
        By default that of a tensor, and the CPU for an array.

    Returns
    -------
    tensor
    """
    if not isinstance(array, torch.Tensor):
        array = np.ascontiguousarray(array)
        # torch refuses negative strides, with which an axis of length 1 is contiguous.
        if min(array.strides, default=0) < 0:
            array = array.copy()
        # torch warns of memory that it must not write to.
        writable = array.flags.writeable
        array = torch.from_numpy(array if writable else np.asarray(_WritableView(array)))
    return array.to(device)


def torch_dtype(array):
    """Return torch's name of the dtype of an array or tensor of floats."""
    if isinstance(array, torch.Tensor):
        return array.dtype
    return torch.float32 if array.dtype == np.float32 else torch.float64


def as_batch(sample_shape, x):
    """Return one sample, of `sample_shape` or of any (None), as a batch of one."""
    refuse_masked(x, "x")
    if hasattr(x, "detach"):
        x = x.detach().cpu()
    shape = np.shape(x)
    if sample_shape is not None and shape != tuple(sample_shape):
        raise ValueError(
            f"x must be one sample, of shape {tuple(sample_shape)} as in fit. "
            f"Got shape {shape} instead: of several samples X pass one, X[i]."
        )
    # A row of a frame stays a frame: its column names are compared with those of fit.
    return x.to_frame().T if hasattr(x, "to_frame") else np.asarray(x)[np.newaxis]
