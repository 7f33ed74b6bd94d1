"""The bands of an image, side by side."""

import numpy as np

#: The branches of an image by the letters of PyWavelets, of packets and of a level.
_BRANCHES = {"a": 0, "v": 1, "h": 2, "d": 3}


def make_mosaic(bands):
    """Place the bands of an image by their frequencies, the lowest at the top left.

    Bands of the wavelet transform are placed as by ``pywt.coeffs_to_array``; the full
    packets of a level are in PyWavelets' order ``"freq"``.

    Parameters
    ----------
    bands : dict of str to ndarray
        The bands by name.

    Returns
    -------
    mosaic : ndarray
        NaN where there is no band.
    corners : dict of str to tuple of int
        Row and column of the first coefficient of each band.
    """
    by_path = {_path(name): (name, band) for name, band in bands.items()}
    return _place((), by_path, (0, 0))


def _path(name):
    """Return the branches to a band: of 'cH2' (0, 2), of the packet 'ah' the same."""
    if name.startswith("c"):
        level = int(name[2:])
        return (0,) * (level - 1) + (_BRANCHES[name[1].lower()],) * (level > 0)
    return tuple(_BRANCHES[letter] for letter in name)


def _place(path, by_path, upper):
    """Return the mosaic of a node, and the corners of the bands in it.

    The spectrum of the `upper` half of an axis is reversed: its high-pass half has the
    lower frequencies.
    """
    if path in by_path:
        name, band = by_path[path]
        return band.astype(float), {name: (0, 0)}
    quarters = {}
    for branch in range(4):
        place = upper[0] ^ branch >> 1, upper[1] ^ branch & 1
        quarters[place] = _place((*path, branch), by_path, place)
    shapes = {place: mosaic.shape for place, (mosaic, _) in quarters.items()}
    tops = [max(shapes[i, j][0] for j in (0, 1)) for i in (0, 1)]
    sides = [max(shapes[i, j][1] for i in (0, 1)) for j in (0, 1)]
    whole, corners = np.full((sum(tops), sum(sides)), np.nan), {}
    for (i, j), (mosaic, inner) in quarters.items():
        top, side = i * tops[0], j * sides[0]
        height, width = mosaic.shape
        whole[top : top + height, side : side + width] = mosaic
        corners |= {name: (top + y, side + x) for name, (y, x) in inner.items()}
    return whole, corners
