"""Signals in containers: lists, object arrays, series, and frames with cells.

`as_signals` makes arrays of them, before scikit-learn sees them.
"""

import re

import numpy as np
import torch

from sk_awave.utils._masks import refuse_masked
from sk_awave.utils._warnings import warn

#: The names that libraries of frames give to dtypes of cells, and to those of times.
_CELLS = re.compile(r"object|((fixed_size_|large_)?list|array)\b", re.IGNORECASE)
_TIMES = re.compile(r"date|time|duration|period", re.IGNORECASE)

_SENSORS = (
    "If columns are sensors, they are one recording: pass windows of it with channels "
    "first, np.lib.stride_tricks.sliding_window_view(values, length, axis=0)[::length], "
    "or values.T[np.newaxis] as a single sample, where values are those of the sensors. "
    "If each column is a sample, pass values.T."
)

#: Fewer columns than these are rather sensors than samples of signals.
_MIN_LENGTH = 16


def as_signals(X, length=None, *, pads=False):
    """Return signals in the cells of a container as one array.

    In a frame each column of cells is a channel.

    Parameters
    ----------
    X : object
    length : int, default=None
        The length to pad signals to, by default that of the longest.
    pads : bool, default=False
        True to let shorter signals end in NaN, False to refuse unequal lengths.

    Returns
    -------
    object
        An array of shape (n_samples, [n_channels,] *signal_shape) where `X` is a
        container of signals. Otherwise `X` itself, but a plain array for a subclass of
        arrays.

    Raises
    ------
    ValueError
        If signals do not go together, if one is longer than `length`, or if values are
        masked.
    """
    refuse_masked(X)
    cells = _find_cells(X)
    if cells is None:
        is_array = isinstance(X, np.ndarray) and not isinstance(X, np.matrix)
        return np.asarray(X) if is_array else X
    signals = [_as_signal(cell, i) for i, cell in enumerate(cells)]
    _check_shapes([x.shape for x in signals], pads)
    lengths = {x.shape[-1] for x in signals}
    length = length or max(lengths)
    if not pads or lengths == {length}:
        return np.stack(signals)
    return _pad(signals, length)


def warn_of_times(X):
    """Warn where the rows of a frame are times, and its columns look like sensors."""
    index = getattr(X, "index", None)
    if not hasattr(X, "iloc") or not hasattr(X, "columns"):
        return
    levels = getattr(index, "levels", [index])
    # Dates of Python have the dtype of objects, but pandas looks at them.
    kinds = [getattr(level, "inferred_type", str(level.dtype)) for level in levels]
    if not any(map(_TIMES.match, kinds)):
        return
    if X.shape[1] < _MIN_LENGTH or not all(map(_is_place, X.columns)):
        warn(
            f"X has an index of times, and its rows are taken for {X.shape[0]} signals "
            f"of {X.shape[1]} samples. {_SENSORS} If rows are signals, pass "
            "X.reset_index(drop=True).",
            UserWarning,
        )


def _is_place(name):
    """Return whether the name of a column is a number or a time, as of a sample."""
    if isinstance(name, str):
        return re.fullmatch(r"[\d.:,+\- ]+(m?s|min|h)?", name) is not None
    return not isinstance(name, tuple)


def _find_cells(X):
    """Return the cells of a container of signals, one for each sample, or None.

    Lists of numbers of equal length are rows of a matrix, which scikit-learn checks.
    """
    if isinstance(X, torch.Tensor):
        return X.unbind() if X.is_nested else None
    if hasattr(X, "columns"):
        return _find_cells_of_frame(X)
    if isinstance(X, list | tuple):
        rows = all(isinstance(x, list | tuple) and not _has_signals(x) for x in X)
        is_matrix = rows and len({len(x) for x in X}) == 1
        return X if _has_signals(X) and not is_matrix else None
    if not _CELLS.match(str(getattr(X, "dtype", getattr(X, "type", None)))):
        return None
    cells = np.asarray(X)
    if cells.ndim > len(X.shape if hasattr(X, "shape") else [len(X)]):
        return list(cells)
    cells = cells[:, 0] if cells.ndim == 2 and cells.shape[1] == 1 else cells
    return cells.tolist() if cells.ndim in (1, 2) and _has_signals(cells.flat) else None


def _find_cells_of_frame(X):
    """Return the cells of each row of a frame of pandas, polars or pyarrow, or None."""
    if hasattr(X, "iloc"):
        names, dtypes, column = list(X.columns), X.dtypes, lambda i: X.iloc[:, i]
    elif hasattr(X, "column_names"):
        names, dtypes, column = X.column_names, X.schema.types, X.column
    else:
        names, dtypes, column = X.columns, X.dtypes, lambda i: X[:, i]
    dtypes = [str(dtype) for dtype in dtypes]
    for name, dtype in zip(names, dtypes, strict=True):
        if _TIMES.match(dtype):
            raise ValueError(
                f"The column {name!r} of X has times, which are no values of signals: "
                f"leave it out. {_SENSORS}"
            )
    columns = [
        np.asarray(column(i)) if _CELLS.match(d) else () for i, d in enumerate(dtypes)
    ]
    others = [name for name, c in zip(names, columns, strict=True) if not _has_signals(c)]
    if len(others) == len(names):
        return None
    if others:
        raise ValueError(
            f"X has signals in the cells of some columns, but not of {others}: leave "
            "these columns out."
        )
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _has_signals(cells):
    return any(map(_is_signal, cells))


def _is_signal(cell):
    """Return whether a cell has an axis."""
    if isinstance(cell, float | int | str):
        return False
    return isinstance(cell, list | tuple) or np.ndim(cell) > 0


def _as_signal(cell, i):
    """Return what stands for a sample as an array; a list has channels or numbers."""
    if hasattr(cell, "columns"):
        raise ValueError(
            f"Sample {i} of X is a frame. Pass arrays with channels first, such as "
            "[frame.to_numpy().T for frame in X] if the columns are channels."
        )
    if not _is_signal(cell):
        raise ValueError(f"Sample {i} of X is {cell!r}, but others are signals.")
    refuse_masked(cell, f"Sample {i} of X")
    if isinstance(cell, torch.Tensor):
        return cell.detach().cpu().numpy()
    is_list = isinstance(cell, list | tuple)
    channels = cell if is_list and _has_signals(cell) else None
    if channels is None:
        cell = np.asarray(cell)
        if cell.dtype != object:
            return cell
        if not _has_signals(cell.flat):
            return cell.astype(float)  # None is NaN
        channels = list(cell)
    channels = [_as_signal(channel, i) for channel in channels]
    if len({channel.shape for channel in channels}) > 1:
        raise ValueError(
            f"Sample {i} of X has channels of lengths "
            f"{[len(channel) for channel in channels]}. The channels of a sample must "
            "have equal length."
        )
    return np.stack(channels)


def _check_shapes(shapes, pads):
    """Raise ValueError unless signals differ at most in length, and may."""
    lengths = [shape[-1] for shape in shapes]
    shortest, longest = min(lengths), max(lengths)
    if len({shape[:-1] for shape in shapes}) > 1:
        few = sorted(set(shapes))[:3]
        remedy = "Signals must have the same number of channels and equal length."
        if {len(shape) for shape in shapes} == {2} and shortest == longest:
            remedy = (
                "If channels are the last axis, move them in front of the signal: "
                "[x.T for x in X]."
            )
        raise ValueError(f"X has samples of different shapes, such as {few}. {remedy}")
    if shortest == 0 < longest:
        raise ValueError("X has empty signals: leave them out.")
    if shortest < longest and not pads:
        raise ValueError(
            f"Signals must have equal length here, but X has some of {shortest} to "
            f"{longest} samples. Cut them to one, such as np.stack([x[..., :{shortest}] "
            "for x in X]). SubbandPooling (with a WaveletTransformer) and "
            "AdaptiveSubbandPooling take series of unequal lengths, unless signal_shape "
            "is set."
        )


def _pad(signals, length):
    """Return an array of signals, the shorter of which end in NaN."""
    longest = max(x.shape[-1] for x in signals)
    if longest > length:
        raise ValueError(
            f"X has a signal of {longest} samples, but the longest of fit has {length}. "
            "Before you split the signals, make one array of them whose rows end in NaN."
        )
    dtype = np.result_type(np.float32, *(x.dtype for x in signals))
    padded = np.full((len(signals), *signals[0].shape[:-1], length), np.nan, dtype)
    for row, x in zip(padded, signals, strict=True):
        row[..., : x.shape[-1]] = x
    return padded
