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


def energy(coeffs):
    """Return the sum of squares."""
    return np.square(coeffs).sum(axis=-1, keepdims=True)


def entropy(coeffs):
    """Return the Shannon entropy, in nats, of the coefficients' shares of the energy."""
    peak = np.abs(coeffs).max(axis=-1, keepdims=True)
    squares = np.square(coeffs / np.where(peak > 0, peak, 1))  # without overflow
    total = squares.sum(axis=-1, keepdims=True)
    shares = squares / np.where(total > 0, total, 1)
    return entr(shares).sum(axis=-1, keepdims=True)


def quantile(coeffs, quantiles):
    """Return the quantiles, linearly interpolated."""
    return np.moveaxis(np.quantile(coeffs, quantiles, axis=-1), 0, -1)


#: The value of each statistic, called with the coefficients and the estimator.
STATISTICS = {
    "max": lambda c, pooling: largest(c, pooling.n_largest),
    "min": lambda c, pooling: -largest(-c, pooling.n_largest),
    "absmax": lambda c, pooling: largest(np.abs(c), pooling.n_largest),
    "mean": lambda c, pooling: c.mean(axis=-1, keepdims=True),
    "std": lambda c, pooling: c.std(axis=-1, keepdims=True),
    "energy": lambda c, pooling: energy(c),
    "log_energy": lambda c, pooling: np.log(LOG_OFFSET + energy(c)),
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
