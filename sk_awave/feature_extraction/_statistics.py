"""Statistics of the coefficients of a band, all along the last axis.

Each function maps an array of shape (..., n_coeffs) to one of shape (..., n_values).
"""

import numpy as np
from scipy.special import entr

#: Added to energies before their logarithm, so that no energy gives -27.6.
LOG_OFFSET = 1e-12


def largest(coeffs, n_largest):
    """Return the largest values, the largest first; all where there are fewer."""
    n_largest = min(n_largest, coeffs.shape[-1])
    # A partial sort: linear in the size of the band.
    top = np.partition(coeffs, -n_largest, axis=-1)[..., -n_largest:]
    return np.sort(top, axis=-1)[..., ::-1]


def without_overflow(statistic):
    """Keep a statistic that scales with the coefficients from overflow within.

    The coefficients are divided by a power of two, which loses no digit.
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
    """Return the sum of squares, which is infinite where it does not fit the dtype."""
    scaled, exponent = _normalise(coeffs)
    return np.ldexp(_sum_of_squares(scaled), 2 * exponent)


def log_energy(coeffs):
    """Return the logarithm of `LOG_OFFSET` plus the energy, which need not fit."""
    scaled, exponent = _normalise(coeffs)
    log = np.log(_sum_of_squares(scaled)) + 2 * np.log(2) * exponent
    return np.logaddexp(np.log(LOG_OFFSET), log)


def entropy(coeffs):
    """Return the Shannon entropy, in nats, of the coefficients' shares of the energy."""
    squares = np.square(_normalise(coeffs)[0])
    total = squares.sum(axis=-1, keepdims=True)
    shares = squares / np.where(total > 0, total, 1)
    return entr(shares).sum(axis=-1, keepdims=True)


def _normalise(coeffs):
    """Return coefficients of at most 1, and the power of two that they are short of."""
    _, exponent = np.frexp(np.abs(coeffs).max(axis=-1, keepdims=True))
    return np.ldexp(coeffs, -exponent), exponent


def _sum_of_squares(coeffs):
    return np.square(coeffs).sum(axis=-1, keepdims=True)


#: The value of each statistic, called with the coefficients and the estimator.
STATISTICS = {
    "max": lambda c, pooling: largest(c, pooling.n_largest),
    "min": lambda c, pooling: -largest(-c, pooling.n_largest),
    "absmax": lambda c, pooling: largest(np.abs(c), pooling.n_largest),
    "mean": lambda c, pooling: mean(c),
    "std": lambda c, pooling: std(c),
    "energy": lambda c, pooling: energy(c),
    "log_energy": lambda c, pooling: log_energy(c),
    "entropy": lambda c, pooling: entropy(c),
    "quantile": lambda c, pooling: quantile(c, pooling.quantiles),
}


def statistic_names(statistic, size, pooling):
    """Name the values of a statistic of a band of `size` coefficients."""
    if statistic in ("max", "min", "absmax"):
        count = min(pooling.n_largest, size)
        return [f"{statistic}_{i}" for i in range(1, count + 1)]
    if statistic == "quantile":
        return [f"q{float(q)}" for q in pooling.quantiles]
    return [statistic]
