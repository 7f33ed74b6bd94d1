"""The bands of signals, one array each, as they are pooled."""

from dataclasses import replace

import numpy as np
import torch

from sk_awave.engine._objective import rows_per_batch
from sk_awave.engine._transform import analysis_map
from sk_awave.utils._validation import as_tensor

#: The coefficients of a part of the signals, whose bands are held together.
PART_SIZE = 2**23


class Bands:
    """The bands of signals in a transform.

    Parameters
    ----------
    layout : CoeffLayout
        Its channels are rows here.
    filters : ndarray of shape (level or 1, ndim or 1, 4, K)
    """

    def __init__(self, layout, filters):
        self.layout, self.filters = layout, torch.from_numpy(filters)

    def parts(self, X):
        """Yield the bands of parts of the signals, as many as memory is to hold.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels, *signal_shape)

        Yields
        ------
        list of ndarrays of shape (n', n_channels, *band_shape)
            One for each band.
        """
        size = max(1, PART_SIZE // (X.shape[1] * self.layout.n_coeffs_per_channel))
        for start in range(0, len(X), size):
            part = X[start : start + size]
            bands = self._compute(part.reshape(-1, *part.shape[2:]))
            yield [b.reshape(*part.shape[:2], *b.shape[1:]) for b in bands]

    def _compute(self, rows):
        """Return an array (n_rows, *band_shape) for each band."""
        with torch.no_grad():
            x = as_tensor(rows)
            analysis = analysis_map(self.layout, self.filters, like=x[:0])
            parts = [
                [
                    self._cut(y[:, band.start : band.stop].unflatten(1, band.shape), band)
                    for band in self.layout.bands
                ]
                for part in x.split(rows_per_batch(self.layout))
                for y in [analysis.apply(self._extend(part))]
            ]
        return [torch.cat(band).numpy() for band in zip(*parts, strict=True)]

    def _extend(self, x):
        """Return what is transformed in place of signals."""
        return x

    def _cut(self, coeffs, band):
        """Return what is kept of a band."""
        return coeffs


class MirroredBands(Bands):
    """The stationary transform of signals that are continued by their mirror image.

    A stationary transform takes signals for periodic, and where the ends do not meet its
    coefficients tell of a jump that is none. The mirror image has no jump. What belongs
    to it is cut off again, and each coefficient stands where its atom has its centre.

    Parameters
    ----------
    layout : CoeffLayout
        Of the signals themselves.
    filters : ndarray of shape (level or 1, ndim or 1, 4, K)
    """

    def __init__(self, layout, filters):
        twice = tuple(2 * length for length in layout.signal_shape)
        super().__init__(replace(layout, signal_shape=twice), filters)

    def _extend(self, x):
        for axis in range(1, x.ndim):
            x = torch.cat([x, x.flip(axis)], axis)
        return x.contiguous()

    def _cut(self, coeffs, band):
        # A level whose taps are d samples apart looks d / 2 samples ahead.
        shift = (2 ** len(band.path) - 1) // 2
        for axis, length in enumerate(band.shape, start=1):
            coeffs = coeffs.roll(shift, axis).narrow(axis, 0, length // 2)
        return coeffs


def bands_of(layout, filters):
    """Return the bands of a transform, of a stationary one with mirrored ends."""
    return (Bands if layout.tree.is_decimated else MirroredBands)(layout, filters)


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


def cut_segments(shape, counts):
    """Return the equal parts of a band along each of its axes, and their names.

    Parameters
    ----------
    shape : tuple of int
        Of the band.
    counts : sequence of int
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
                "segments or levels, or decomposition='stationary'."
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
