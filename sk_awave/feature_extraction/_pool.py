"""Bands to statistics: the common part of the two pooling estimators."""

import math
from dataclasses import dataclass, field
from itertools import compress
from numbers import Integral, Real

import numpy as np

from sk_awave.feature_extraction._bands import cut_segments
from sk_awave.feature_extraction._compiled import compute_compiled
from sk_awave.feature_extraction._place import Place
from sk_awave.feature_extraction._statistics import (
    IN_UNITS,
    LARGEST_TIE,
    STATISTICS,
    TIE,
    Learned,
    relative_error,
    statistic_names,
    without_rounding,
)
from sk_awave.utils._budget import check_budget

#: The quantiles that are thresholds by default.
THRESHOLDS = (0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98)

#: What is made at least for each segment count, threshold or quantile, in all bands.
_VALUES_OF_EACH = 2**10

#: The coefficients of a band of which scale and thresholds are learned, at most.
SAMPLE_SIZE = 2**15


@dataclass
class Pool:
    """Pools each band of each channel into statistics.

    Parameters
    ----------
    statistics, segments, thresholds, n_largest, quantiles
        See `SubbandPooling`.
    learned : list of Learned
        The values that `fit` has learned from each band.
    is_standardised : bool, default=False
        True if the features will be standardised. Rounding errors are then taken for
        zero, as they would become as large as other features.
    """

    statistics: tuple
    segments: tuple = (1,)
    thresholds: tuple = THRESHOLDS
    n_largest: int = 6
    quantiles: tuple = (0.25, 0.5, 0.75)
    learned: list = field(default_factory=list)
    is_standardised: bool = False

    def check(self, owner):
        """Raise ValueError for settings that are not valid; `owner` has them."""
        for name in ("segments", "thresholds", "quantiles"):
            n = len(getattr(self, name))
            text = f"{name!r} of {owner}, with {n} values,", "A few dozen are enough."
            check_budget(n * _VALUES_OF_EACH, *text, sample_size=0)
        chosen = list(self.statistics)
        known = all(name in STATISTICS for name in chosen)
        if not chosen or not known or len(set(chosen)) < len(chosen):
            raise ValueError(
                f"The 'statistics' parameter of {owner} must be different names among "
                f"{sorted(STATISTICS)}. Got {self.statistics!r} instead."
            )
        counts = list(self.segments)
        valid = all(isinstance(n, Integral) and n >= 1 for n in counts)
        if not counts or not valid or len(set(counts)) < len(counts):
            raise ValueError(
                f"The 'segments' parameter of {owner} must be different positive ints. "
                f"Got {self.segments!r} instead."
            )
        for name in ("thresholds", "quantiles"):
            values = list(getattr(self, name))
            valid = all(isinstance(q, Real) and 0 <= q <= 1 for q in values)
            if not values or not valid or len(set(values)) < len(values):
                raise ValueError(
                    f"The {name!r} parameter of {owner} must be different numbers from 0 "
                    f"to 1. Got {getattr(self, name)!r} instead."
                )

    def fit(self, parts, n_samples, bands, sources=None):
        """Learn scales and thresholds.

        Parameters
        ----------
        parts : iterable of lists of arrays of shape (n', n_channels, *band_shape)
            The bands of parts of the signals.
        n_samples : int
            The number of all signals.
        bands : sequence of Band
        sources : list of pairs of ndarrays of shape (n_channels, 1), default=None
            The root mean square and the deviation of what each band is computed from.
            By default this is the approximation of the level above.

        Returns
        -------
        self : Pool
        """
        parts = self._checked(parts)
        thinned = [[_thin(band, n_samples) for band in part] for part in parts]
        by_channel = [np.concatenate(band, axis=1) for band in zip(*thinned, strict=True)]
        error = relative_error(by_channel[0].dtype)
        largest = np.max([np.abs(band).max(1) for band in by_channel], axis=0)
        unit = np.where(largest > 0, largest, 1.0).astype(float)[:, None]
        by_channel = [band / unit for band in by_channel]  # for squares to fit
        if sources is None:
            sources = [(unit * s, unit * v) for s, v in _sources(by_channel, bands)]
        scales = _scales(by_channel, bands, error)
        self.learned = []
        for band, scale, source in zip(by_channel, scales, sources, strict=True):
            thresholds = unit * np.quantile(band, self.thresholds, axis=1).T
            median = unit * np.median(np.abs(band), axis=1, keepdims=True)
            tie = np.minimum(TIE * source[1], LARGEST_TIE * median)
            learned = Learned(unit * scale, thresholds, tie, *source, error)
            self.learned.append(learned)
        return self

    def compute(self, parts, names):
        """Pool bands.

        Parameters
        ----------
        parts : iterable of lists of arrays of shape (n', n_channels, *band_shape)
            The bands of parts of the signals.
        names : list of str
            Of the bands.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            By channel, then by band, segment and statistic.
        """
        return np.concatenate([self.compute_part(part, names) for part in parts])

    def compute_part(self, bands, names):
        """Do the same of bands that are arrays of shape (n, n_channels, *band_shape)."""
        pooled = []
        # The entropy has no unit: that of rounding errors would be large.
        noise = _rounding_of_rows(bands) if "entropy" in self.statistics else None
        for band, name, learned in zip(bands, names, self.learned, strict=True):
            for place, _ in cut_segments(band.shape[2:], tuple(self.segments)):
                part = band[(..., *place)]
                part = part.reshape(*part.shape[:2], -1)
                known = compute_compiled(part, self, learned)
                for s in self.statistics:
                    if s not in known:
                        x = without_rounding(part, noise) if s == "entropy" else part
                        known[s] = self._compute(s, x, name, learned)
                    if s in IN_UNITS and self.is_standardised:
                        rounding = learned.rounding(part.dtype)
                        known[s] = without_rounding(known[s], rounding)
                    pooled.append(known[s])
        pooled = np.concatenate(pooled, axis=-1, dtype=bands[0].dtype)
        return pooled.reshape(len(pooled), -1)

    def places(self, names, shapes, n_channels):
        """Say what each feature is of, for bands with these names and shapes."""
        return [
            Place(channel, name, segment, value)
            for channel in range(n_channels)
            for name, shape in zip(names, shapes, strict=True)
            for place, segment in cut_segments(shape, tuple(self.segments))
            for statistic in self.statistics
            for value in statistic_names(statistic, _size(place), self)
        ]

    def _checked(self, parts):
        """Yield parts; raise ValueError if a band cannot be cut into the segments."""
        for bands in parts:
            for band in bands:
                cut_segments(band.shape[2:], tuple(self.segments))
            yield bands

    def _compute(self, statistic, coeffs, band_name, learned):
        """Compute a statistic of a band; raise ValueError where it overflows."""
        with np.errstate(all="ignore"):
            values = STATISTICS[statistic](coeffs, self, learned)
        if not np.isfinite(values).all():
            instead = ", or use 'log_energy'" if statistic == "energy" else ""
            raise ValueError(
                f"The statistic {statistic!r} of band {band_name} is too large for "
                f"{coeffs.dtype}. Scale X{instead}."
            )
        return values


def _scales(coeffs, bands, error):
    """Return the unit of the logarithms of each band, of shape (n_channels, 1).

    Details have their own, for the mean of the signals is in the approximation alone.
    Where details are nothing but rounding errors they have that of all bands.
    """
    is_detail = [band.kind == "detail" for band in bands]
    squares = [np.square(band) for band in coeffs]
    whole = _rms(squares, [True] * len(bands))
    scale = _rms(squares, is_detail) if any(is_detail) else whole
    scale = np.where(scale > error * whole, scale, whole)
    scales = [scale if each else whole for each in is_detail]
    return [np.where(scale > 0, scale, 1.0) for scale in scales]


def _sources(coeffs, bands):
    """Return root mean square and deviation of what each band is computed from.

    The energy of the approximation of the level above is that of all bands that are not
    finer.
    """
    squares = [np.square(band) for band in coeffs]
    centred = [np.square(band - band.mean(1, keepdims=True)) for band in coeffs]
    not_finer = {b.level: [a.level >= b.level for a in bands] for b in bands}
    found = {j: (_rms(squares, k), _rms(centred, k)) for j, k in not_finer.items()}
    return [found[band.level] for band in bands]


def _rms(squares, which):
    """Return the root mean square of bands (n_channels, m), of shape (n_channels, 1)."""
    chosen = list(compress(squares, which))
    count = sum(band.shape[1] for band in chosen)
    return np.sqrt(sum(band.sum(1, keepdims=True) for band in chosen) / count)


def _rounding_of_rows(bands):
    """Return the size of rounding errors of each row, of shape (n, n_channels, 1)."""
    flat = [np.abs(band.reshape(*band.shape[:2], -1)) for band in bands]
    largest = np.max([band.max(axis=2, keepdims=True) for band in flat], axis=0)
    return relative_error(largest.dtype) * largest


def _thin(band, n_rows):
    """Return evenly spaced coefficients of some rows; all together have `n_rows`.

    Parameters
    ----------
    band : ndarray of shape (n, n_channels, *band_shape)
    n_rows : int

    Returns
    -------
    ndarray of shape (n_channels, m)
    """
    flat = band.reshape(*band.shape[:2], -1)
    step = max(1, n_rows * flat.shape[-1] // SAMPLE_SIZE)
    row_step = -(-step // flat.shape[-1])
    thinned = flat[::row_step, :, :: max(1, step // row_step)]
    return np.moveaxis(thinned, 1, 0).reshape(band.shape[1], -1)


def _size(place):
    return math.prod(part.stop - part.start for part in place)
