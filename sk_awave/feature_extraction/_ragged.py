"""Signals of unequal lengths: containers of signals, or arrays whose rows end in NaN."""

import numpy as np
import torch

from sk_awave.utils._signals import as_signals


def may_have_ends(ndim, signal_shape):
    """Return whether lengths may be unequal: with one axis, and signals not flattened."""
    return ndim == 1 and signal_shape is None


def fill_ends(X, length=None):
    """Fill the ends of signals that are shorter than others with 0.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, ...), or container of signals
        Signals of shape ([n_channels,] length). In an array, tensor or frame all
        channels of a shorter signal end in NaN. NaN elsewhere is left, for validation to
        refuse.
    length : int, default=None
        Of the longest signal; by default that of `X`.

    Returns
    -------
    X : array-like or tensor
        As it came where all signals are of full length and in no container.
    is_missing : ndarray of bool, of shape (n_samples, 1, length) or None
        True after the end of a signal; None if all are of full length.
    """
    X = as_signals(X, length, pads=True)
    values = _values(X)
    if values is None:
        return X, None
    is_missing = as_array(values != values)
    is_missing = is_missing.reshape(len(values), -1, values.shape[-1]).all(axis=1)
    # From the last sample that any channel has to the end, but not all of a signal.
    is_missing = np.logical_and.accumulate(is_missing[:, ::-1], axis=1)[:, ::-1]
    is_missing[:, 0] = False
    if not is_missing.any():
        return X, None
    places = is_missing.reshape(len(values), *[1] * (values.ndim - 2), -1)
    if isinstance(X, torch.Tensor):
        filled = X.masked_fill(torch.from_numpy(places.copy()).to(X.device), 0)
    else:
        filled = np.where(places, values.dtype.type(0), values)
    return _in_frame(filled, X), is_missing[:, None]


def _values(X):
    """Return an array or tensor of floats whose last column has NaN, or None."""
    if hasattr(X, "columns"):
        X = _values_of_frame(X)
    if not isinstance(X, np.ndarray | torch.Tensor) or X.ndim < 2 or 0 in X.shape:
        return None
    floats = X.is_floating_point() if isinstance(X, torch.Tensor) else X.dtype.kind == "f"
    return X if floats and (X[..., -1] != X[..., -1]).any() else None


def _values_of_frame(X):
    """Return the numbers of a frame, or what scikit-learn refuses."""
    values = np.asarray(X)
    if values.dtype != object or not hasattr(X, "iloc"):
        return values
    try:
        return X.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        return values


def _in_frame(values, X):
    """Return values in a frame like `X`, whose names are compared, if it is one."""
    if hasattr(X, "iloc"):
        return type(X)(values, X.index, X.columns)
    return type(X)(values, X.columns) if hasattr(X, "get_columns") else values


def sort_by_length(rows, is_missing):
    """Bring signals of one length together, and put NaN behind their ends.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_channels, *signal_shape)
        Filled.
    is_missing : ndarray of shape (n_samples, 1, length) or None

    Returns
    -------
    rows : ndarray of the same shape
    order : ndarray of int of shape (n_samples,)
        The places that they had.
    """
    if is_missing is None:
        return rows, np.arange(len(rows))
    order = np.argsort(is_missing.sum(axis=(1, 2)), kind="stable")
    return np.where(is_missing, np.nan, rows).astype(rows.dtype)[order], order


def as_array(X):
    """Return an array or tensor as an array on the CPU."""
    return X.cpu().numpy() if isinstance(X, torch.Tensor) else np.asarray(X)


def as_given(values, X):
    """Return an array as it is, or for a tensor as a tensor on its device."""
    if not isinstance(X, torch.Tensor):
        return values
    return torch.from_numpy(values).to(X.device)
