"""The bands of signals, one array each, as they are pooled."""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from sk_awave.engine import Tree
from sk_awave.engine._transform import analysis_map
from sk_awave.utils._budget import check_budget
from sk_awave.utils._validation import as_tensor

#: The coefficients of a part of the signals, whose bands are held together.
PART_SIZE = 2**19


class Bands:
    """The bands of signals in a transform.

    Parameters
    ----------
    layout : CoeffLayout
        The layout of signals of full length. Its channels are rows here.
    filters : ndarray of shape (level or 1, ndim or 1, 4, K)

    Attributes
    ----------
    names, shapes : lists
        Of the bands.
    """

    def __init__(self, layout, filters):
        self.layout, self.filters = layout, np.asarray(filters)
        self.names = [band.name for band in layout.bands]
        self.shapes = [band.shape for band in layout.bands]

    def parts(self, X):
        """Yield the bands of parts of the signals, as many as memory is to hold.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels, *signal_shape)
            Signals may end in NaN, all channels at once: these are shorter. Those of one
            length stand together.

        Yields
        ------
        list of ndarrays of shape (n', n_channels, *band_shape)
            One for each band.
        """
        size = max(1, PART_SIZE // (X.shape[1] * self.layout.n_coeffs_per_channel))
        for alike in split_lengths(X):
            for part in np.array_split(alike, -(-len(alike) // size)):
                yield self.compute(part)

    def compute(self, X):
        """Return an array (n_samples, n_channels, *band_shape) for each band."""
        bands = self._compute(X.reshape(-1, *X.shape[2:]))
        return [band.reshape(*X.shape[:2], *band.shape[1:]) for band in bands]

    def _compute(self, rows):
        """Return an array (n_rows, *band_shape) for each band."""
        shape = rows.shape[1:]
        layout = self._resized(shape)
        filters = torch.from_numpy(self.filters)
        analysis = analysis_map(layout, filters, like=as_tensor(rows[:0]))
        with torch.no_grad():
            flat = analysis.apply(as_tensor(self._extend(rows))).numpy()
        bands = [
            flat[:, band.start : band.stop].reshape(-1, *band.shape)
            for band in layout.bands
        ]
        levels = [band.level for band in layout.bands]
        return [self._cut(*band, shape) for band in zip(bands, levels, strict=True)]

    def _resized(self, shape):
        """Return the layout of what is transformed for signals of a shape."""
        return _resized(self.layout, shape)

    def _extend(self, x):
        """Return what is transformed in place of signals."""
        return x

    def _cut(self, coeffs, level, shape):
        """Return what is kept of a band of a level, of signals of a shape."""
        return coeffs


class MirroredBands(Bands):
    """The stationary transform of signals that are continued by their mirror image.

    A stationary transform takes signals for periodic, and where the ends do not meet its
    coefficients tell of a jump that is none. The mirror image has no jump. What belongs
    to it is cut off again, and each coefficient stands where its atom has its centre.
    """

    def _resized(self, shape):
        return super()._resized(tuple(len(self._places(length)) for length in shape))

    def _extend(self, x):
        for axis in range(1, x.ndim):
            x = x.take(self._places(x.shape[axis]), axis)
        return x

    def _cut(self, coeffs, level, shape):
        start = self._ahead(self.layout.level) - self._ahead(level)
        return coeffs[(..., *[slice(start, start + length) for length in shape])]

    def _places(self, length):
        """Return the samples of a signal and its mirror image, turn after turn.

        It begins so far ahead of the signal that what is kept of a band has no gap.
        """
        n_ahead = self._ahead(self.layout.level)
        n_turns = -(-(n_ahead + length) // (2 * length))
        places = np.arange(-n_ahead, 2 * length * n_turns - n_ahead) % (2 * length)
        return np.minimum(places, 2 * length - 1 - places)

    @staticmethod
    def _ahead(level):
        """Return by how many samples a band of taps 2^(level - 1) apart looks ahead."""
        return (2**level - 1) // 2


class Envelopes:
    """The bands of the absolute values of the details: how strongly details change.

    The absolute values of a detail band are a signal. Its own details, at the same and at
    coarser scales, are the second order of the scattering transform [1]_. They change
    slowly: every 2^(level - 1)-th is taken, twice as many as the band has when it
    is decimated.

    Parameters
    ----------
    bands : MirroredBands
        Of one filter bank at all levels.

    Attributes
    ----------
    names, shapes : lists
        Of the bands, such as '|cD2|_cD3'.

    References
    ----------
    .. [1] J. Bruna, S. Mallat. "Invariant scattering convolution networks." IEEE TPAMI
       35, 2013.
    """

    def __init__(self, bands):
        self.layout = layout = bands.layout
        details = [band for band in layout.bands if band.kind == "detail"]
        # Of |cD1| all levels are taken, of |cD2| all but one, and so on.
        trees = [Tree.stationary(level) for level in range(layout.level, 0, -1)]
        self.by_level = [
            MirroredBands(replace(layout, tree=tree), bands.filters) for tree in trees
        ]
        # A detail, another one, and the place of this among those of the envelope.
        self.pairs = [
            (a, b, i)
            for a in details
            for i, b in enumerate(b for b in details if b.level >= a.level)
        ]

    @property
    def names(self):
        """The names of the bands."""
        return [f"|{a.name}|_{b.name}" for a, b, _ in self.pairs]

    @property
    def shapes(self):
        """The shapes of the bands."""
        return [
            tuple(-(-length // _step(a)) for length in b.shape) for a, b, _ in self.pairs
        ]

    def compute(self, coeffs):
        """Return an array (n_samples, n_channels, *band_shape) for each band.

        Parameters
        ----------
        coeffs : list of arrays of shape (n_samples, n_channels, *signal_shape)
            The bands whose envelopes are taken.
        """
        bands = []
        for band, values in zip(self.layout.bands, coeffs, strict=True):
            wanted = [i for a, _, i in self.pairs if a == band]
            if wanted:
                places = slice(None, None, _step(band))
                envelope = np.abs(values[(..., *[places] * (values.ndim - 2))])
                _, *details = self.by_level[band.level - 1].compute(envelope)
                bands += [details[i] for i in wanted]
        return bands


def _step(band):
    return 2 ** (band.level - 1)


@lru_cache(maxsize=1024)  # signals may have many lengths
def _resized(layout, shape):
    return replace(layout, signal_shape=shape)


def bands_of(layout, filters):
    """Return the bands of a transform, of a stationary one with mirrored ends."""
    if not layout.tree.is_decimated:
        # The mirrored ends are as long as the longest filter.
        lengths = [length + 2**layout.level // 2 for length in layout.signal_shape]
        check_budget(
            math.prod(lengths) * len(layout.bands),
            f"level={layout.level}",
            "With mirrored ends, signals become longer by half of 2**level. Use fewer "
            "levels.",
            math.prod(layout.signal_shape),
        )
    return (Bands if layout.tree.is_decimated else MirroredBands)(layout, filters)


def split_lengths(X):
    """Split signals where their length changes, and cut off the NaN at their ends.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels, *signal_shape)

    Returns
    -------
    list of ndarrays of shape (n', n_channels, *shape)
    """
    if not np.isnan(X[(..., *[-1] * (X.ndim - 2))]).any():
        return [X]
    lengths = np.count_nonzero(~np.isnan(X[:, 0]), axis=-1)
    starts = np.flatnonzero(np.diff(lengths)) + 1
    parts = np.split(X, starts)
    return [part[..., : np.count_nonzero(~np.isnan(part[0, 0]))] for part in parts]


def split_bands(flat, layout):
    """Return an array (n_samples, n_channels, *band_shape) for each band.

    Parameters
    ----------
    flat : ndarray of shape (n_samples, n_coeffs)
    layout : CoeffLayout
    """
    coeffs = flat.reshape(len(flat), -1, layout.n_coeffs_per_channel)
    return [
        coeffs[..., band.start : band.stop].reshape(*coeffs.shape[:2], *band.shape)
        for band in layout.bands
    ]


@lru_cache(maxsize=1024)
def cut_segments(shape, counts):
    """Return the equal parts of a band along each of its axes, and their names.

    Parameters
    ----------
    shape : tuple of int
        Of the band.
    counts : tuple of int
        Into how many parts each axis is cut; 1 is the whole band.

    Returns
    -------
    list of (tuple of slices, str)
        Names are '' and '[2/4]', in two dimensions '[2/4,1/4]'.

    Raises
    ------
    ValueError
        If an axis has fewer coefficients than parts.
    """
    parts = []
    for count in counts:
        if min(shape) < count:
            raise ValueError(
                f"A band of shape {shape} cannot be cut into {count} segments. Use fewer "
                "segments. Unless decomposition='stationary', whose bands are the "
                "longest, fewer levels make bands longer, too."
            )
        for index in np.ndindex(*[count] * len(shape)):
            ends = [
                (i * n // count, (i + 1) * n // count)
                for i, n in zip(index, shape, strict=True)
            ]
            place = ",".join(f"{i + 1}/{count}" for i in index)
            name = "" if count == 1 else f"[{place}]"
            parts.append((tuple(slice(*end) for end in ends), name))
    return parts
