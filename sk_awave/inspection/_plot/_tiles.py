"""The plane of coefficients as cells: by time and band, or side by side."""

import numpy as np

from sk_awave.inspection._plot._mosaic import make_mosaic


def tile_edges(times, length):
    """Return the order of the coefficients of a band in time, and their borders.

    A coefficient is as wide as the step from one to the next. That of a band of one is as
    wide as the signal.
    """
    order = np.argsort(times)
    times = times[order]
    step = times[1] - times[0] if len(times) > 1 else length
    edges = times - step / 2
    return order, np.append(edges, edges[-1] + step)


def signal_tiles(layout, times):
    """Return the plane of time and band, the lowest frequencies first.

    Parameters
    ----------
    layout : CoeffLayout
        Of signals.
    times : dict of str to ndarray
        The times of the coefficients of each band.

    Returns
    -------
    units : ndarray of int of shape (n_bands, n_columns)
        The coefficient of a channel that each cell is of; -1 where there is none.
    columns : ndarray of shape (n_columns + 1,)
        The borders of the cells in time.
    names : list of str
        The bands.
    """
    bands = sorted(layout.bands, key=lambda band: band.frequencies)
    tiles = [tile_edges(times[band.name], *layout.signal_shape) for band in bands]
    columns = np.unique(np.concatenate([edges for _, edges in tiles]))
    centres = (columns[1:] + columns[:-1]) / 2
    units = np.full((len(bands), len(centres)), -1)
    for row, band, (order, edges) in zip(units, bands, tiles, strict=True):
        position = np.searchsorted(edges, centres) - 1
        inside = (position >= 0) & (position < len(order))
        row[inside] = band.start + order[position[inside]]
    return units, columns, [band.name for band in bands]


def image_tiles(layout):
    """Return the mosaic of the bands of an image.

    Returns
    -------
    units : ndarray of int of shape (n_rows, n_columns)
        As of `signal_tiles`.
    shapes : dict of str to tuple of int
        The shapes of the bands.
    corners : dict of str to tuple of int
        The row and the column of the first coefficient of each band.
    """
    shapes = {band.name: band.shape for band in layout.bands}
    mosaic, corners = make_mosaic(
        {b.name: np.arange(b.start, b.stop).reshape(b.shape) for b in layout.bands}
    )
    return np.nan_to_num(mosaic, nan=-1).astype(int), shapes, corners


def borders(labels, is_outlined):
    """Return the borders between cells of unlike labels.

    Parameters
    ----------
    labels : ndarray of int of shape (n_rows, n_columns)
    is_outlined : ndarray of bool of shape (n_rows, n_columns)
        Of two cells, one at least must be outlined.

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


def frame_bands(panel, shapes, corners, height):
    """Frame and name the bands of a mosaic of so many rows."""
    for name, (top, side) in corners.items():
        n_rows, n_columns = shapes[name]
        x, y = side + np.array([0, n_columns]) - 0.5, top + np.array([0, n_rows]) - 0.5
        frame = x[[0, 1, 1, 0, 0]], y[[0, 0, 1, 1, 0]]
        panel.plot(*frame, color="0.5", linewidth=0.5)
        if n_rows >= height / 6:  # smaller ones have no room for a name
            text = {"fontsize": "xx-small", "color": "black", "va": "top"}
            panel.text(x[0], y[0], f" {name}", **text)  # on white, in any style
