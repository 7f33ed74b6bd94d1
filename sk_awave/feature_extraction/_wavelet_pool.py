"""The features of one wavelet."""

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
        self.stages = [(bands, pool)]
        if order == 2:
            shares = Pool(("share_above",), thresholds=ENVELOPE_THRESHOLDS)
            self.stages.append((Envelopes(bands), shares))

    def fit(self, rows):
        """Learn scales and thresholds from an array (n, n_channels, *signal_shape)."""
        for bands, pool in self.stages:
            pool.fit(bands.parts(rows), len(rows))
        return self

    def fit_compute(self, rows):
        """Do both for few signals, whose bands are held in memory."""
        features = []
        for bands, pool in self.stages:
            parts = list(bands.parts(rows))
            features.append(pool.fit(parts, len(rows)).compute(parts, bands.names))
        return np.concatenate(features, axis=1)

    def compute(self, rows):
        """Return the features of an array (n, n_channels, *signal_shape)."""
        features = [
            pool.compute(bands.parts(rows), bands.names) for bands, pool in self.stages
        ]
        return np.concatenate(features, axis=1)

    def names(self, n_channels):
        """Return the names of the features."""
        return [
            name
            for bands, pool in self.stages
            for name in pool.names(bands.names, bands.shapes, n_channels)
        ]


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

    def apply(self, features):
        """Return compressed features, in their dtype."""
        z = (features - self.mean) / self.scale
        return (2 * np.tanh(z / 2)).astype(features.dtype)
