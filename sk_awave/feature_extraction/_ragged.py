"""Signals of unequal lengths: lists of arrays, or arrays whose rows end in NaN."""

import numpy as np
import torch


def may_have_ends(ndim, signal_shape):
    """Return whether lengths may be unequal: with one axis, and signals not flattened."""
    return ndim == 1 and signal_shape is None


def fill_ends(X, length=None):
    """Fill the ends of signals that are shorter than others with 0.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, ...), or list of arrays
        Arrays of shape ([n_channels,] length). In an array or tensor all channels of a
        shorter signal end in NaN. NaN elsewhere is left, for validation to refuse.
    length : int, default=None
        Of the longest signal; by default that of `X`.

    Returns
    -------
    X : array-like or tensor
        As it came where all signals are of full length.
    is_missing : ndarray of bool, of shape (n_samples, 1, length) or None
        True after the end of a signal; None if all are of full length.
    """
    X = _pad(X, length)
    if not _may_be_ragged(X):
        return X, None
    is_missing = as_array(X != X).reshape(len(X), -1, X.shape[-1]).all(axis=1)
    # From the last sample that any channel has to the end, but not all of a signal.
    is_missing = np.logical_and.accumulate(is_missing[:, ::-1], axis=1)[:, ::-1]
    is_missing[:, 0] = False
    if not is_missing.any():
        return X, None
    places = is_missing.reshape(len(X), *[1] * (X.ndim - 2), -1)
    if isinstance(X, torch.Tensor):
        X = X.masked_fill(torch.from_numpy(places.copy()).to(X.device), 0)
    else:
        X = np.where(places, X.dtype.type(0), X)
    return X, is_missing[:, None]


def _pad(X, length=None):
    """Return lists of arrays of unequal lengths as an array whose rows end in NaN.

    Parameters
    ----------
    X : array-like, or list of arrays of shape ([n_channels,] length)
    length : int, default=None
        Of the result; by default that of the longest signal.

    Raises
    ------
    ValueError
        If a signal is longer than `length`.
    """
    if not isinstance(X, list | tuple) or not X or not all(map(np.ndim, X)):
        return X
    shapes = {np.shape(x) for x in X}
    longest = max(shape[-1] for shape in shapes)
    # Lists of numbers are rows of a matrix, which scikit-learn checks.
    alike = length in (None, longest) or not isinstance(X[0], np.ndarray)
    if len({shape[:-1] for shape in shapes}) > 1 or (len(shapes) == 1 and alike):
        return X
    length = longest if length is None else length
    if longest > length:
        raise ValueError(
            f"X has a signal of {longest} samples, but the longest of fit has {length}. "
            "Before you split the signals, make one array of them whose rows end in NaN."
        )
    dtype = np.result_type(np.float32, *(np.asarray(x).dtype for x in X))
    padded = np.full((len(X), *np.shape(X[0])[:-1], length), np.nan, dtype)
    for row, x in zip(padded, X, strict=True):
        row[..., : np.shape(x)[-1]] = x
    return padded


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


def _may_be_ragged(X):
    """Return whether X is an array or tensor of floats whose last column has NaN."""
    if not isinstance(X, np.ndarray | torch.Tensor) or X.ndim < 2 or 0 in X.shape:
        return False
    floats = X.is_floating_point() if isinstance(X, torch.Tensor) else X.dtype.kind == "f"
    return bool(floats and (X[..., -1] != X[..., -1]).any())


def as_array(X):
    """Return an array or tensor as an array on the CPU."""
    return X.cpu().numpy() if isinstance(X, torch.Tensor) else np.asarray(X)


def as_given(values, X):
    """Return an array as it is, or for a tensor as a tensor on its device."""
    if not isinstance(X, torch.Tensor):
        return values
    return torch.from_numpy(values).to(X.device)
