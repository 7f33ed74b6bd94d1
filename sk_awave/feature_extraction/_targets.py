"""Targets of several kinds as columns; which samples stand for all of them."""

from numbers import Real

import numpy as np
import torch
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_array

from sk_awave.feature_extraction._leave_one_out import encode_target
from sk_awave.utils._dask import is_dask_array
from sk_awave.utils._warnings import warn

#: The signals on which wavelets are chosen, at most.
MAX_ROWS = 400

#: Numbers are drawn from so many quantile bins.
N_BINS = 10

#: More whole numbers than this are rather counts than classes if there are few of each,
#: or of some and others between them are missing, as at the ends of a distribution.
MANY_CLASSES, FEW_OF_EACH = 20, 5

#: From here on floats have no fractions.
_WHOLE = 2.0**53


def target_columns(y, target_type, owner):
    """Return the columns of a target.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_targets)
    target_type : {"auto", "continuous", "multiclass"}
        With "auto", numbers are classes unless one of them has a fraction.
    owner : str
        The estimator that messages name.

    Returns
    -------
    list of ndarrays of shape (n,)
        Classes as integers from 0, in sorted order; numbers as float64.

    Raises
    ------
    ValueError
        If `y` holds other than numbers, booleans and strings, or does not vary.
    """
    y = y.detach().cpu() if isinstance(y, torch.Tensor) else y
    y = np.asarray(y) if is_dask_array(y) else y  # all of it, as it is small
    y = check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=owner)
    if y.ndim == 2 and y.shape[1] == 1:
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change "
            "the shape of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
        )
    columns = [_plain(column, owner) for column in y.reshape(len(y), -1).T]
    is_text = [column.dtype.kind in "US" for column in columns]
    if target_type == "auto":
        is_class = not any(map(_has_fractions, columns))
        for column, is_words in zip(columns, is_text, strict=True):
            if is_class and not is_words:
                _warn_if_many(column)
    else:
        is_class = target_type == "multiclass"
    if target_type == "continuous" and any(is_text):
        raise ValueError("target_type='continuous' requires numbers. y holds strings.")
    columns = [
        np.unique(column, return_inverse=True)[1]
        if is_class or is_words
        else column.astype(np.float64)
        for column, is_words in zip(columns, is_text, strict=True)
    ]
    _check_varies(columns, owner)
    return columns


def draw_rows(columns, rng):
    """Return the indices of all rows, or of as many as wavelets are chosen on.

    Half of these are shared out evenly among the classes, or the quantile bins of
    numbers, so that none is lost: of each there are all, or as many as its share. The
    others are drawn from all rows that are left.

    Parameters
    ----------
    columns : list of ndarrays of shape (n,)
        As `target_columns` returns them.
    rng : RandomState

    Returns
    -------
    ndarray of int
        In ascending order.
    """
    n = len(columns[0])
    if n <= MAX_ROWS:
        return np.arange(n)
    order = rng.permutation(n).argsort()
    ranks = np.min([_ranks(_strata(column)[order]) for column in columns], axis=0)
    by_rank = np.argsort(ranks, kind="stable")
    first, others = np.split(by_rank, [MAX_ROWS // 2])
    others = np.sort(others)[: MAX_ROWS - len(first)]
    return np.sort(order[np.concatenate([first, others])])


def encode(columns):
    """Return the centred target of shape (n, n_outputs) of columns; see `encode_target`.

    Classes that are not among these rows have no output.
    """
    return np.hstack(
        [encode_target(column, column.dtype.kind != "f") for column in columns]
    )


def _plain(column, owner):
    """Return a column of numbers, booleans or strings, as an array of their own dtype."""
    if column.dtype.kind in "iufbUS":
        return column
    if column.dtype.kind not in "mM":
        if all(isinstance(value, str) for value in column):
            return column.astype(str)
        if all(isinstance(value, Real | np.bool_) for value in column):
            return column.astype(np.float64)
    kinds = sorted({type(value).__name__ for value in column})
    raise ValueError(
        f"Unknown label type: y holds {', '.join(kinds)}, but {owner} requires numbers, "
        "booleans or strings, of one kind in each column. Turn dates into numbers, such "
        "as seconds."
    )


def _has_fractions(column):
    """Tell whether a column holds numbers that are not all whole."""
    if column.dtype.kind != "f":
        return False
    # Python's number would be cast to the dtype of the column, which may be too narrow.
    is_large = np.abs(column) >= np.float64(_WHOLE)
    return bool(np.any((column != np.floor(column)) | is_large))


def _warn_if_many(column):
    """Warn of whole numbers that are taken for classes, but are rather numbers."""
    if column.dtype.kind == "b":
        return
    values, counts = np.unique(column, return_counts=True)
    has_gaps = float(values[-1]) - float(values[0]) >= len(values)
    fewest = counts.min() if has_gaps else counts.mean()
    if len(values) > MANY_CLASSES and fewest < FEW_OF_EACH:
        warn(
            f"The {len(values)} different whole numbers of y are taken for classes. If "
            "they are numbers, set target_type='continuous'. If they are classes, set "
            "target_type='multiclass'."
        )


def _check_varies(columns, owner):
    if any(np.any(column != column[0]) for column in columns):
        return
    if len(columns[0]) == 1:
        raise ValueError(
            f"Found array with 1 sample(s) while a minimum of 2 is required by {owner}."
        )
    if columns[0].dtype.kind == "f":
        raise ValueError(
            f"{owner} needs a target that varies; all values of y are equal."
        )
    raise ValueError(
        f"{owner} needs samples of at least 2 classes, but the data contains only one "
        "class."
    )


def _strata(column):
    """Return classes as they are, and for numbers their quantile bins.

    A value that fills a bin, such as the zeros of rare events, is a bin of its own.
    """
    if column.dtype.kind != "f":
        return column
    edges = np.unique(np.quantile(column, np.arange(1, N_BINS) / N_BINS))
    below = np.searchsorted(edges, column, "left")
    return below + np.searchsorted(edges, column, "right")


def _ranks(strata):
    """Return for each row how many of its stratum stand before it."""
    order = np.argsort(strata, kind="stable")
    _, starts, counts = np.unique(strata[order], return_index=True, return_counts=True)
    ranks = np.empty(len(strata), int)
    ranks[order] = np.arange(len(strata)) - np.repeat(starts, counts)
    return ranks
