"""Sums over the leaves of trees for some features, tree by tree."""

import numpy as np

from sk_awave.inspection._boxes import (
    MAX_CELLS,
    box_sums,
    leaf_boxes,
    paint_boxes,
    search_columns,
)

#: How far beyond its ends an interval reaches, relative to the range of a feature: the
#: mean of equal values is rounded, and they must still lie within.
_SLACK = 1e-9


def tree_scores(forest, columns, rows, points, of_rows):
    """Yield, for each tree, the sums over the rows that go the same way as the points.

    Yields
    ------
    sums : ndarray of shape (n_points, n_outputs)
    counts : ndarray of shape (n_points,)
        The number of these rows.
    """
    few = len(columns) <= 2
    if few:
        ranked = RankedRows(rows[:, columns])
        start, stop = ranked.between(*leaf_boxes(forest.trees, columns))
    first, as_seen = 0, rows.astype(np.float32)
    of_points = forest.leaves(points)
    for tree, leaves, values in zip(forest.trees, of_points, of_rows, strict=True):
        used, places = np.unique(leaves, return_inverse=True)
        if few:
            boxes = start[first + used], stop[first + used]
            sums, counts = ranked.sum(*boxes, values)
        else:
            sums, counts = _path_sums(tree, columns, as_seen, values, used)
        yield sums[places], counts[places]
        first += tree.node_count


def tree_curves(forest, columns, rows, of_rows, grids, spread):
    """Yield, for each tree, the sums over the intervals that cover each cell of the grid.

    Yields
    ------
    sums : ndarray of shape (*shape of the grid, n_outputs)
    counts : ndarray of the shape of the grid
        The rows of these intervals.
    """
    ranked = RankedRows(rows[:, columns])
    start, stop = ranked.between(*leaf_boxes(forest.trees, columns))
    edges = [_cell_edges(grid) for grid in grids]
    shape = [len(grid) for grid in grids]
    first = 0
    for tree, values in zip(forest.trees, of_rows, strict=True):
        leaves = first + np.flatnonzero(tree.children_left < 0)
        low, high, sums, counts = ranked.around_means(
            start[leaves], stop[leaves], values, spread
        )
        # A cell is covered from the first whose end is not below the interval.
        cells = [
            [np.searchsorted(e[1:], a, "left"), np.searchsorted(e[:-1], b, "right")]
            for e, a, b in zip(edges, low.T, high.T, strict=True)
        ]
        painted = np.column_stack([sums, counts])
        painted = paint_boxes(*np.moveaxis(cells, 0, -1), painted, shape)
        counts = np.rint(painted[..., -1]).astype(np.int64)
        yield painted[..., :-1] * (counts > 0)[..., None], counts
        first += tree.node_count


class RankedRows:
    """Rows by their places in the order of each feature, so that boxes are integers.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
    """

    def __init__(self, values):
        self._ordered = np.sort(values, axis=0)
        self._ranks = self._rank(values, "left")
        self._centre = values.mean(axis=0)
        self._centred = values - self._centre

    def between(self, lower, upper):
        """Return boxes ``lower < x <= upper`` as ranks, of x in float32 as in trees."""
        as_seen = self._ordered.astype(np.float32).astype(np.float64)
        return [
            np.column_stack(search_columns(as_seen.T, bound, "right"))
            for bound in (lower, upper)
        ]

    def _rank(self, values, side):
        return np.column_stack(search_columns(self._ordered.T, values, side))

    def sum(self, start, stop, values):
        """Return the sums of values over the rows in boxes of ranks, and their number."""
        values = np.column_stack([values, np.ones(len(values))])
        sums = box_sums(self._ranks, start, stop, values)
        return sums[:, :-1], np.rint(sums[:, -1])

    def around_means(self, start, stop, values, spread):
        """Narrow boxes to `spread` standard deviations around the mean of their rows.

        Returns
        -------
        low, high : ndarray of shape (n_boxes, n_features)
            The narrower boxes, with both ends.
        sums, counts
            The results of `sum` over the rows in them.
        """
        z = self._centred
        moments, counts = self.sum(start, stop, np.hstack([z, z * z]))
        mean, square = np.hsplit(moments / np.maximum(counts, 1)[:, None], 2)
        reach = spread * np.sqrt(np.maximum(square - mean**2, 0))
        low, high = self._centre + mean - reach, self._centre + mean + reach
        slack = _SLACK * np.ptp(self._ordered[[0, -1]], axis=0)
        start = np.maximum(start, self._rank(low - slack, "left"))
        stop = np.minimum(stop, self._rank(high + slack, "right"))
        return low, high, *self.sum(start, np.maximum(start, stop), values)


def _path_sums(tree, features, x, values, leaves):
    """Sum the values of the rows that answer the splits on some features as leaves do.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
    features : list of int
    x : ndarray of shape (n_rows, n_features_in), float32
    values : ndarray of shape (n_rows, n_values)
    leaves : ndarray of shape (n_leaves,)

    Returns
    -------
    sums : ndarray of shape (n_leaves, n_values)
    counts : ndarray of shape (n_leaves,)
        The number of these rows.
    """
    step = max(1, MAX_CELLS // tree.node_count)
    sums, counts = 0, 0
    for i in range(0, len(x), step):
        inside = _answers(tree, features, x[i : i + step])[leaves].astype(values.dtype)
        sums, counts = sums + inside @ values[i : i + step], counts + inside.sum(axis=1)
    return sums, counts


def _answers(tree, features, x):
    """Tell for each node and each row if the row satisfies the splits to the node."""
    inside = np.ones((tree.node_count, len(x)), dtype=bool)
    level = np.zeros(1, dtype=np.intp)
    while len(level := level[tree.children_left[level] >= 0]):
        left, right = tree.children_left[level], tree.children_right[level]
        inside[left] = inside[right] = inside[level]
        asks = np.isin(tree.feature[level], features)
        split = level[asks]
        goes_left = x.T[tree.feature[split]] <= tree.threshold[split, None]
        inside[left[asks]] &= goes_left
        inside[right[asks]] &= ~goes_left
        level = np.concatenate([left, right])
    return inside


def _cell_edges(grid):
    """Return the ends of the cells around the values of a grid."""
    if len(grid) == 1:
        return np.array([-np.inf, np.inf])
    middles = (grid[1:] + grid[:-1]) / 2
    ends = 2 * grid[[0, -1]] - middles[[0, -1]]
    return np.concatenate([ends[:1], middles, ends[1:]])
