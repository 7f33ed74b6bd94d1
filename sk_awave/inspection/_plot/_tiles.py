"""The plane of time and band as cells, and the borders between them."""

import numpy as np


def cell_edges(times, length):
    """Return the ends of the cells whose centres are times, in samples."""
    step = times[1] - times[0] if len(times) > 1 else length
    edges = times - step / 2
    return np.append(edges, edges[-1] + step)


def series_cells(bands, times, length):
    """Cut the rows of all bands of a signal at the same times.

    Parameters
    ----------
    bands, times : dicts of str to ndarray
        The int values of the cells, and their times in samples.
    length : int
        The length of the signal.

    Returns
    -------
    cells : ndarray of int of shape (n_bands, n_columns)
        -1 where a band has nothing.
    columns : ndarray of shape (n_columns + 1,)
        The ends of the columns, in samples.
    """
    orders = {name: np.argsort(times[name]) for name in bands}
    edges = {name: cell_edges(times[name][orders[name]], length) for name in bands}
    columns = np.unique(np.concatenate(list(edges.values())))
    centres = (columns[1:] + columns[:-1]) / 2
    cells = np.full((len(bands), len(centres)), -1)
    for row, (name, band) in zip(cells, bands.items(), strict=True):
        position = np.searchsorted(edges[name], centres) - 1
        inside = (position >= 0) & (position < len(band))
        row[inside] = band[orders[name][position[inside]]]
    return cells, columns


def borders(labels, is_outlined):
    """Return the borders between cells of unlike labels.

    Parameters
    ----------
    labels : ndarray of int of shape (n_rows, n_columns)
    is_outlined : ndarray of bool of shape (n_rows, n_columns)
        At least one of the two cells of a border must be outlined.

    Returns
    -------
    upright, level : tuple of ndarray of int
        The row and the column of the cell right of (below) each border. They may be one
        beyond the last.
    """
    labels = np.pad(labels, 1, constant_values=-1)
    is_outlined = np.pad(is_outlined, 1)
    across = (labels[:, 1:] != labels[:, :-1]) & (
        is_outlined[:, 1:] | is_outlined[:, :-1]
    )
    down = (labels[1:] != labels[:-1]) & (is_outlined[1:] | is_outlined[:-1])
    return across[1:-1].nonzero(), down[:, 1:-1].nonzero()
