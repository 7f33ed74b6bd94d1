"""The features of one wavelet, and of several, compressed."""

from dataclasses import replace
from itertools import compress

import numpy as np

from sk_awave.feature_extraction._bands import Envelopes
from sk_awave.feature_extraction._pool import Pool

#: What is pooled of envelopes, of which there are many: a few shares.
ENVELOPE_THRESHOLDS = (0.02, 0.2, 0.5, 0.8, 0.98)


class WaveletPool:
    """Pools the bands of a wavelet, and of the envelopes of its details.

    Parameters
    ----------
    bands : Bands
    pool : Pool
        Of the bands.
    order : {1, 2}
        With 2 the bands of the envelopes are pooled as well.
    """

    def __init__(self, bands, pool, order):
        self.bands, self.envelopes = bands, None
        self.pool = replace(pool, is_standardised=True)  # by Compression
        self.kept = list(range(len(bands.names)))
        if order == 2 and bands.layout.level:
            self.envelopes = Envelopes(bands)
            self.shares = Pool(("share_above",), thresholds=ENVELOPE_THRESHOLDS)

    def fit(self, rows):
        """Learn scales and thresholds from an array (n, n_channels, *signal_shape)."""
        return self._fit(self.bands.parts(rows), self.bands.parts(rows), len(rows))

    def fit_compute(self, rows):
        """Do both for few signals: their bands are held in memory."""
        parts = list(self.bands.parts(rows))
        return self._fit(parts, parts, len(rows))._compute(parts)

    def compute(self, rows):
        """Return the features of an array (n, n_channels, *signal_shape)."""
        return self._compute(self.bands.parts(rows))

    def keep(self, names):
        """Pool no other bands, once it is fitted, than those of some names."""
        self.kept = [i for i in self.kept if self.bands.names[i] in names]
        self.pool.learned = [self.pool.learned[i] for i in self.kept]
        if self.envelopes:
            kept = [name in names for name in self.envelopes.names]
            self.envelopes.pairs = list(compress(self.envelopes.pairs, kept))
            self.shares.learned = list(compress(self.shares.learned, kept))

    def _fit(self, parts, same_parts, n_samples):
        layout, envelopes = self.bands.layout, self.envelopes
        self.pool.fit(parts, n_samples, layout.bands)
        if envelopes:
            learned = dict(zip(layout.bands, self.pool.learned, strict=True))
            firsts = [learned[band] for band, _, _ in envelopes.pairs]
            self.shares.fit(
                map(envelopes.compute, same_parts),
                n_samples,
                [band for _, band, _ in envelopes.pairs],
                # The rounding errors of a band are those of its envelope.
                [(first.magnitude, first.variation) for first in firsts],
            )
        return self

    def _compute(self, parts):
        features = []
        for coeffs in parts:
            pooled = []
            if self.kept:
                first = [coeffs[i] for i in self.kept]
                pooled.append(self.pool.compute_part(first, self._names()))
            if self.envelopes and self.envelopes.pairs:
                second = self.envelopes.compute(coeffs)
                pooled.append(self.shares.compute_part(second, self.envelopes.names))
            features.append(np.concatenate(pooled, axis=1))
        return np.concatenate(features)

    def _names(self):
        return [self.bands.names[i] for i in self.kept]

    def places(self):
        """Say what each feature is of."""
        n_channels = self.bands.layout.n_channels or 1
        shapes = [self.bands.shapes[i] for i in self.kept]
        places = self.pool.places(self._names(), shapes, n_channels)
        if self.envelopes:
            second = self.envelopes.names, self.envelopes.shapes
            places = places + self.shares.places(*second, n_channels)
        return places


class Compression:
    """Standardises features and compresses them smoothly, to values from -2 to 2.

    A linear model is ruled by the few largest values of its features, and statistics
    have heavy tails. Near the mean this changes nothing but units.
    """

    def fit(self, features):
        """Learn means and deviations from an array (n, n_features)."""
        unit = np.abs(features).max(axis=0)
        unit = np.where(unit > 0, unit, 1).astype(float)  # for squares to fit
        deviation = (features / unit).std(axis=0)
        # Features that vary by rounding only become 0.
        self.scale = np.where(deviation > 1e-6, unit * deviation, np.inf)
        self.mean = (features / unit).mean(axis=0) * unit
        return self

    def keep(self, support):
        """Forget the other features than those of some columns."""
        self.mean, self.scale = self.mean[support], self.scale[support]

    def apply(self, features):
        """Return compressed features, in their dtype."""
        z = (features - self.mean) / self.scale
        return (2 * np.tanh(z / 2)).astype(features.dtype)


class CompressedPools:
    """The compressed features of several wavelets, or some of them.

    Parameters
    ----------
    pools : list of WaveletPool

    Attributes
    ----------
    support : ndarray of int
        The indices of the features that are kept, in this order; by default all.
    """

    def __init__(self, pools):
        self.pools = pools

    def fit_compute(self, rows):
        """Learn from an array (n, n_channels, *signal_shape); return its features."""
        for pool in self.pools:
            pool.fit(rows)
        features = self._pooled(rows)
        self.compression = Compression().fit(features)
        self.support = self._columns = np.arange(features.shape[1])
        return self.compression.apply(features)

    def compute(self, rows):
        """Return the features of an array (n, n_channels, *signal_shape)."""
        return self.compression.apply(self._pooled(rows)[:, self._columns])

    def keep(self, support):
        """Keep some of all features, and pool no band that has none of them."""
        places = [(place.wavelet, place.band) for place in self.places()]
        kept = {places[i] for i in support}
        pooled = [i for i, place in enumerate(places) if place in kept]
        for i, pool in enumerate(self.pools, start=1):
            pool.keep({band for wavelet, band in kept if wavelet == i})
        self.compression.keep(support)
        self.support, self._columns = support, np.searchsorted(pooled, support)

    def places(self):
        """Say what each feature is of."""
        places = [
            place._replace(wavelet=i)
            for i, pool in enumerate(self.pools, start=1)
            for place in pool.places()
        ]
        return [places[i] for i in self._columns]

    def _pooled(self, rows):
        pooled = [pool.compute(rows) for pool in self.pools if pool.places()]
        return np.concatenate(pooled, axis=1)
