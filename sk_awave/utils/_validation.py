"""From what users hand in to signals of shape (n_samples, n_channels, *signal_shape)."""

import math

import numpy as np
import torch
from sklearn.utils.validation import check_array, validate_data

from sk_awave.utils._sklearn import _check_feature_names, _check_n_features


def split_shape(sample_shape, ndim, signal_shape=None):
    """Split the shape of a sample into channels and transformed axes.

    Parameters
    ----------
    sample_shape : tuple of int
        ``X.shape[1:]``.
    ndim : int
        The number of transformed axes.
    signal_shape : tuple of int, default=None
        What the rows of a two-dimensional `X` are to be reshaped to: `ndim` axes, or a
        channel axis more.

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
        signal_shape = tuple(int(length) for length in np.atleast_1d(signal_shape))
        if len(signal_shape) not in (ndim, ndim + 1) or min(signal_shape) < 1:
            raise ValueError(
                f"signal_shape must have {ndim} or {ndim + 1} positive lengths when "
                f"ndim={ndim}. Got {signal_shape} instead."
            )
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
    n_channels = shape[0] if len(shape) > ndim else None
    return n_channels, shape[-ndim:]


def validate_signals(estimator, X, *, reset):
    """Validate `X` without changing its shape.

    Arrays of more than two dimensions and tensors obey the same rules, and give the same
    errors, as two-dimensional arrays do in scikit-learn.

    Parameters
    ----------
    estimator : estimator
        Where ``n_features_in_`` (the number of values of a sample), ``sample_shape_`` and
        ``feature_names_in_`` are set or compared.
    X : array-like or tensor of shape (n_samples, ...)
    reset : bool
        Whether to set, or to compare.

    Returns
    -------
    ndarray or tensor of float32 or float64, of the shape of `X`
    """
    is_tensor = isinstance(X, torch.Tensor)
    shape = tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape
    if len(shape) > 2:
        X = X if is_tensor else np.asarray(X)
        X = X.reshape(shape[0], math.prod(shape[1:]))
    if is_tensor:
        X = check_tensor(X, estimator)
        _check_feature_names(estimator, X, reset=reset)
        _check_n_features(estimator, X, reset=reset)
    else:
        X = validate_data(estimator, X, dtype=[np.float64, np.float32], reset=reset)
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
    if isinstance(X, torch.Tensor):
        X = check_tensor(X, estimator)
    else:
        X = check_array(
            X, dtype=[np.float64, np.float32], estimator=estimator, input_name="X"
        )
    if X.shape[1] != n_coeffs:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{n_coeffs} coefficients as input of inverse_transform."
        )
    return X


def check_tensor(X, estimator):
    """Apply the rules of scikit-learn's ``check_array`` to a tensor."""
    name = type(estimator).__name__
    if X.layout != torch.strided:
        raise TypeError(
            f"Sparse data was passed for X, but {name} requires dense data. Use "
            "'.to_dense()' to convert it to a dense tensor."
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
        raise ValueError(f"Input X contains {what}.")
    return X
