"""Boxes along some features: those of the nodes of trees, and sums over them."""

import math

import numpy as np

#: The most cells of a table of sums, and the most answers at a time.
MAX_CELLS = 2**24


def leaf_boxes(trees, features):
    """Bound the nodes of all trees along some features, level by level.

    A tree sends ``x <= threshold`` to the left, so that the box of a node holds what is
    above `lower` and not above `upper`. Splits on other features do not count.

    Parameters
    ----------
    trees : list of sklearn.tree._tree.Tree
    features : list of int

    Returns
    -------
    lower, upper : ndarray of shape (n_nodes of all trees, n_features)
    """
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    left, right = (
        np.concatenate(
            [
                np.where(children < 0, -1, children + start)
                for start, children in zip(
                    starts[:-1], (getattr(tree, side) for tree in trees), strict=True
                )
            ]
        )
        for side in ("children_left", "children_right")
    )
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    lower = np.full((starts[-1], len(features)), -np.inf)
    upper = np.full((starts[-1], len(features)), np.inf)
    level = starts[:-1]
    while len(level := level[left[level] >= 0]):
        for children in (left[level], right[level]):
            lower[children], upper[children] = lower[level], upper[level]
        for j, column in enumerate(features):
            # A deeper split is always the tighter one.
            split = level[feature[level] == column]
            upper[left[split], j] = lower[right[split], j] = threshold[split]
        level = np.concatenate([left[level], right[level]])
    return lower, upper


def box_sums(ranks, start, stop, values):
    """Sum the values of the rows in each box of ranks, ``start <= rank < stop``.

    One table of sums answers all boxes, if it is small; otherwise each box is compared
    with each row.

    Parameters
    ----------
    ranks : ndarray of shape (n_rows, n_features)
    start, stop : ndarray of shape (n_boxes, n_features)
    values : ndarray of shape (n_rows, n_values)

    Returns
    -------
    sums : ndarray of shape (n_boxes, n_values)
    """
    n_boxes, n_features = start.shape
    cells, shape, ends = ranks.T + 1, (len(ranks) + 2,), (start.T, stop.T)
    if n_features > 1:  # only the ranks at which boxes begin or end matter
        cuts = [np.unique(places) for places in np.vstack([start, stop]).T]
        cells = search_columns(cuts, ranks, "right")
        shape = tuple(len(places) + 1 for places in cuts)
        ends = [search_columns(cuts, side, "left") for side in (start, stop)]
    n_cells = math.prod(shape)
    if n_features > 1 and n_cells > min(MAX_CELLS, n_boxes * len(ranks)):
        return _sums_by_rows(ranks, start, stop, values)
    cells = np.ravel_multi_index(tuple(cells), shape)
    table = np.stack([np.bincount(cells, v, n_cells) for v in values.T])
    table = table.reshape(-1, *shape)
    for axis in range(1, table.ndim):
        np.cumsum(table, axis=axis, out=table)
    return sum(sign * table[:, *place] for sign, place in _corners(*ends)).T


def paint_boxes(start, stop, values, shape):
    """Add the values of boxes of cells to each of their cells.

    Parameters
    ----------
    start, stop : ndarray of shape (n_boxes, n_features)
        The first cell along each axis, and the first one after the box.
    values : ndarray of shape (n_boxes, n_values)
    shape : tuple of int
        The shape of the array of cells.

    Returns
    -------
    totals : ndarray of shape (*shape, n_values)
    """
    totals = np.zeros((*(n + 1 for n in shape), values.shape[1]))
    for sign, place in _corners(stop.T, start.T):
        np.add.at(totals, place, sign * values)
    for axis in range(len(shape)):
        np.cumsum(totals, axis=axis, out=totals)
    return totals[tuple(slice(n) for n in shape)]


def _corners(low, high):
    """Yield the corners of boxes and their signs, by inclusion and exclusion."""
    for corner in np.ndindex(*[2] * len(low)):
        sign = (-1) ** (len(low) - sum(corner))
        yield sign, tuple((low, high)[c][j] for j, c in enumerate(corner))


def _sums_by_rows(ranks, start, stop, values):
    step = max(1, MAX_CELLS // len(ranks))
    sums = np.empty((len(start), values.shape[1]))
    for i in range(0, len(start), step):
        low, high = start[i : i + step], stop[i : i + step]
        inside = np.ones((len(low), len(ranks)), bool)
        for j, rank in enumerate(ranks.T):
            inside &= (low[:, j, None] <= rank) & (rank < high[:, j, None])
        sums[i : i + step] = inside.astype(values.dtype) @ values
    return sums


def search_columns(ordered, values, side):
    """Search each column of the values among its sorted ones."""
    return [np.searchsorted(*pair, side) for pair in zip(ordered, values.T, strict=True)]
