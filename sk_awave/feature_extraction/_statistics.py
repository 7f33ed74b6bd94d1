"""Statistics of the coefficients of a band, all along the last axis.

Each function maps an array of shape (..., n_coeffs) to one of shape (..., n_values).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import entr

#: Added to energies before their logarithm, so that no energy gives -27.6.
LOG_OFFSET = 1e-12

#: What is pooled by default: most of it free of units, and each of one value only but for
#: the shares above thresholds.
DEFAULT_STATISTICS = (
    "share_above",
    "positive_share",
    "log_mean_abs",
    "log_rms",
    "log_norm4",
    "mean",
    "max",
    "min",
)

#: The floor of the scale-free logarithms, in units of the training data.
FLOOR = 1e-3

#: The rounding errors of coefficients are below this, in units of the machine epsilon
#: times the root mean square of what is transformed.
ROUNDING = 16

#: The relative error of some of PyWavelets' filters, such as those of sym4. By it the
#: details of a constant are not zero.
FILTER_ERROR = 1e-12

#: Coefficients this close to a threshold are equal to it, in units of the variation of
#: what is transformed. It exceeds the rounding errors of float32, and float64 has the
#: same margin: with two margins, coefficients between them would tell dtypes apart.
TIE = 4 * ROUNDING * float(np.finfo(np.float32).eps)

#: The largest such margin, in units of the median absolute value of the band. Bands that
#: are much weaker than their signals keep their shares in float64.
LARGEST_TIE = 1e-3


@dataclass
class Learned:
    """Values of the training data that the statistics of a band need.

    Attributes
    ----------
    scale : ndarray of shape (n_channels, 1)
        The unit of the logarithms; see `SubbandPooling`.
    thresholds : ndarray of shape (n_channels, n_thresholds)
        Quantiles of the coefficients of this band.
    tie : ndarray of shape (n_channels, 1)
        The distance from a threshold within which coefficients are equal to it.
    magnitude, variation : ndarrays of shape (n_channels, 1)
        The root mean square and the standard deviation of what the coefficients are
        computed from.
    error : float
        The `relative_error` of the training data.
    """

    scale: np.ndarray
    thresholds: np.ndarray
    tie: np.ndarray | float = 0.0
    magnitude: np.ndarray | float = 0.0
    variation: np.ndarray | float = 0.0
    error: float = 0.0

    def rounding(self, dtype):
        """Return the size below which coefficients of a dtype may be rounding errors."""
        return max(self.error, relative_error(dtype)) * self.magnitude

    def margin(self, dtype):
        """Return by how much a coefficient above a threshold must exceed it.

        Coefficients of signals of few values are often equal to a threshold. Without a
        margin their rounding errors would decide: the unit of the signals, the dtype and
        the processor.
        """
        return np.maximum(self.tie, self.rounding(dtype))


@lru_cache
def relative_error(dtype):
    """Return the largest error of coefficients, relative to what is transformed."""
    return ROUNDING * max(FILTER_ERROR, float(np.finfo(dtype).eps))


def largest(coeffs, n_largest):
    """Return the largest values, the largest first; all where there are fewer."""
    if n_largest == 1:
        return coeffs.max(axis=-1, keepdims=True)
    n_largest = min(n_largest, coeffs.shape[-1])
    # A partial sort: linear in the size of the band.
    top = np.partition(coeffs, -n_largest, axis=-1)[..., -n_largest:]
    return np.sort(top, axis=-1)[..., ::-1]


def without_overflow(statistic):
    """Keep a statistic that scales with the coefficients from overflow within.

    The coefficients are divided by a power of two; no digit is lost.
    """

    def compute(coeffs, *args):
        scaled, exponent = _normalise(coeffs)
        return np.ldexp(statistic(scaled, *args), exponent)

    return compute


@without_overflow
def mean(coeffs):
    """Return the mean."""
    return coeffs.mean(axis=-1, keepdims=True)


@without_overflow
def std(coeffs):
    """Return the population standard deviation."""
    return coeffs.std(axis=-1, keepdims=True)


@without_overflow
def quantile(coeffs, quantiles):
    """Return the quantiles, linearly interpolated."""
    return np.moveaxis(np.quantile(coeffs, quantiles, axis=-1), 0, -1)


def energy(coeffs):
    """Return the sum of squares; infinity where it does not fit the dtype."""
    scaled, exponent = _normalise(coeffs)
    return np.ldexp(_sum_of_squares(scaled), 2 * exponent)


def log_energy(coeffs):
    """Return the logarithm of `LOG_OFFSET` plus the energy. The energy need not fit."""
    scaled, exponent = _normalise(coeffs)
    log = np.log(_sum_of_squares(scaled)) + 2 * np.log(2) * exponent
    return np.logaddexp(np.log(LOG_OFFSET), log)


def entropy(coeffs):
    """Return the Shannon entropy, in nats, of the coefficients' shares of the energy."""
    squares = np.square(_normalise(coeffs)[0])
    total = squares.sum(axis=-1, keepdims=True)
    shares = squares / np.where(total > 0, total, 1)
    return entr(shares).sum(axis=-1, keepdims=True)


def without_rounding(values, rounding):
    """Return values with zeros in place of those that may be rounding errors."""
    return np.where(np.abs(values) > rounding, values, values.dtype.type(0))


def _normalise(coeffs):
    """Return coefficients of at most 1, and the power of two that they are short of."""
    _, exponent = np.frexp(np.abs(coeffs).max(axis=-1, keepdims=True))
    return np.ldexp(coeffs, -exponent), exponent


def _sum_of_squares(coeffs):
    return np.square(coeffs).sum(axis=-1, keepdims=True)


def log_norm(coeffs, learned, power):
    """Return `log_of_moment` of coefficients, in units of their scale."""
    moments = np.abs(coeffs / learned.scale.astype(coeffs.dtype))
    for _ in range(power.bit_length() - 1):  # 1, 2 or 4: much faster than powers
        moments = np.square(moments)
    return log_of_moment(moments.mean(axis=-1, keepdims=True), power)


def log_of_moment(mean, power):
    """Return the logarithm of the mean of a power, to one over it, above the floor."""
    return np.log(mean + mean.dtype.type(FLOOR**power)) / power


def share_above(coeffs, thresholds):
    """Return the shares of the coefficients above thresholds (..., n_thresholds)."""
    thresholds = np.moveaxis(thresholds.astype(coeffs.dtype), -1, 0)
    counts = [np.count_nonzero(coeffs > t[..., None], axis=-1) for t in thresholds]
    return np.stack(counts, axis=-1).astype(coeffs.dtype) / coeffs.shape[-1]


#: The value of each statistic, called with the coefficients, of shape (n_samples,
#: n_channels, n_coeffs), the settings of the pool, and what was learned of the band.
STATISTICS = {
    "share_above": lambda c, pool, learned: share_above(
        c, learned.thresholds + learned.margin(c.dtype)
    ),
    "positive_share": lambda c, pool, learned: share_above(
        c, np.zeros((c.shape[1], 1)) + learned.margin(c.dtype)
    ),
    "log_mean_abs": lambda c, pool, learned: log_norm(c, learned, 1),
    "log_rms": lambda c, pool, learned: log_norm(c, learned, 2),
    "log_norm4": lambda c, pool, learned: log_norm(c, learned, 4),
    "max": lambda c, pool, learned: largest(c, pool.n_largest),
    "min": lambda c, pool, learned: -largest(-c, pool.n_largest),
    "absmax": lambda c, pool, learned: largest(np.abs(c), pool.n_largest),
    "mean": lambda c, pool, learned: mean(c),
    "std": lambda c, pool, learned: std(c),
    "energy": lambda c, pool, learned: energy(c),
    "log_energy": lambda c, pool, learned: log_energy(c),
    "entropy": lambda c, pool, learned: entropy(c),
    "quantile": lambda c, pool, learned: quantile(c, pool.quantiles),
}

#: The statistics in the unit of the coefficients.
IN_UNITS = ("max", "min", "absmax", "mean", "std", "quantile")


def statistic_names(statistic, size, pool):
    """Name the values of a statistic of `size` coefficients."""
    if statistic in ("max", "min", "absmax"):
        count = min(pool.n_largest, size)
        return [f"{statistic}_{i}" for i in range(1, count + 1)]
    if statistic == "quantile":
        return [f"q{float(q)}" for q in pool.quantiles]
    if statistic == "share_above":
        return [f"above_q{float(q)}" for q in pool.thresholds]
    return [statistic]
