"""Neighbours of coefficients: in time, in space, and from level to level.

Note [Parents]. Coefficient ``k`` of a detail band of level ``j`` and coefficient ``K`` of
the band of level ``j + 1`` stand for the same time if ``4 K = 2 k + F - 1 - 2 d``. Here
``F`` is the number of taps, and ``d`` is 1, or ``F / 2`` with periodization. For, counted
in samples of level ``j - 1``, the one is at ``2 k + d - h`` and the other at
``4 K + 3 d - l - 2 h``, with the delays ``l`` and ``h`` of the low-pass and the high-pass
filter. The two filters of an orthonormal wavelet mirror each other, so that ``l + h`` is
``F - 1`` whatever the wavelet. With an even ``F`` there are no ties. The stationary
transform leaves out no sample: there it is ``K = k - 2^(j - 1)``, cyclically.
"""

import itertools

import numpy as np
from scipy import sparse

#: Of more units, all pairs are too many.
_MAX_ALL_PAIRS = 200


def make_connectivity(connectivity, layout, n_units):
    """Return the graph of neighbours.

    Parameters
    ----------
    connectivity : {"tree", "bands"}, array-like or sparse matrix, or None
        See `agglomerate_attributions`.
    layout : CoeffLayout or None
        The layout of the units, if these are wavelet coefficients.
    n_units : int

    Returns
    -------
    csr_array of bool of shape (n_units, n_units)
        Symmetric, with no diagonal.

    Raises
    ------
    TypeError, ValueError
        If there is no such graph of these units.
    """
    if connectivity is None:
        pairs = _all_pairs(n_units)
    elif isinstance(connectivity, str):
        pairs = wavelet_pairs(connectivity, _check_layout(connectivity, layout))
    else:
        pairs = _pairs_of_matrix(connectivity, n_units)
    ends = tuple(np.concatenate([pairs, pairs[::-1]], axis=1))
    return sparse.csr_array((np.ones(len(ends[0]), bool), ends), (n_units, n_units))


def wavelet_pairs(connectivity, layout):
    """Return the pairs of neighbours among coefficients, (2, n_pairs)."""
    places = {b.path: np.arange(b.start, b.stop).reshape(b.shape) for b in layout.bands}
    pairs = [pair for place in places.values() for pair in _adjacent(place)]
    is_tree = connectivity == "tree"
    if is_tree:
        for a, b in itertools.combinations(places, 2):
            if len(a) == len(b):
                pairs.append((places[a], places[b]))
        for path in places:
            if any(path) and (0, *path) in places:
                pairs.append((places[path], _parents(path, places, layout)))
    single = np.concatenate([np.reshape(pair, (2, -1)) for pair in pairs], axis=1)
    channels = layout.n_coeffs_per_channel * np.arange(layout.n_channels or 1)
    every = [single + channel for channel in channels]
    if is_tree:
        same = np.arange(layout.n_coeffs_per_channel)
        for a, b in itertools.combinations(channels, 2):
            every.append(np.stack([same + a, same + b]))
    return np.concatenate(every, axis=1)


def _adjacent(place):
    """Yield the pairs of neighbours along each axis of a band."""
    for axis in range(place.ndim):
        along = np.moveaxis(place, axis, 0)
        yield along[:-1], along[1:]


def _parents(path, places, layout):
    """Return the parent of each coefficient of a detail band, as Note [Parents] says."""
    parents = places[0, *path]
    d = layout.filter_length / 2 if layout.mode == "periodization" else 1
    positions = []
    for n, n_parents in zip(places[path].shape, parents.shape, strict=True):
        if layout.tree.is_decimated:
            position = np.rint((2 * np.arange(n) + layout.filter_length - 1 - 2 * d) / 4)
            positions.append(np.clip(position, 0, n_parents - 1).astype(int))
        else:
            positions.append((np.arange(n) - 2 ** (len(path) - 1)) % n)
    return parents[np.ix_(*positions)]


def _all_pairs(n_units):
    if n_units > _MAX_ALL_PAIRS:
        raise ValueError(
            f"connectivity=None scores all pairs, of at most {_MAX_ALL_PAIRS} "
            f"coefficients. Got {n_units} instead: use 'tree', 'bands' or a matrix."
        )
    return np.stack(np.triu_indices(n_units, 1))


def _check_layout(connectivity, layout):
    """Return the layout in which coefficients have neighbours, or raise."""
    if connectivity not in ("tree", "bands"):
        raise ValueError(
            "The 'connectivity' parameter of agglomerate_attributions must be 'tree', "
            f"'bands', a matrix or None. Got {connectivity!r} instead."
        )
    if layout is None:
        raise TypeError(
            f"connectivity={connectivity!r} needs coefficients of a wavelet transformer. "
            "Pass a matrix (sklearn.feature_extraction.image.grid_to_graph makes that of "
            "pixels) or None."
        )
    if connectivity == "tree" and layout.tree.is_packet:
        raise ValueError(
            "connectivity='tree' is not defined for wavelet packets, which keep no "
            "parents of their coefficients. Use 'bands', a matrix or None."
        )
    return layout


def _pairs_of_matrix(connectivity, n_units):
    """Return the places of the nonzero entries off the diagonal."""
    if not sparse.issparse(connectivity):
        connectivity = np.asarray(connectivity)
    if connectivity.shape != (n_units, n_units):
        raise ValueError(
            f"The matrix 'connectivity' must have the shape ({n_units}, {n_units}) of "
            f"pairs of coefficients. Got {connectivity.shape} instead."
        )
    pairs = np.stack(connectivity.nonzero())
    return pairs[:, pairs[0] != pairs[1]]
