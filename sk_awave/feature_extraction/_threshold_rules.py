"""Rules for thresholds of wavelet coefficients, in units of the noise."""

import numpy as np


def universal_threshold(ratios, n_values):
    """Return what the largest of `n_values` independent normal values rarely exceeds."""
    return np.full((*ratios.shape[:-1], 1), np.sqrt(2 * np.log(n_values)))


def bayes_threshold(ratios, n_values):
    """Return the threshold of BayesShrink, the noise being standard normal."""
    excess = np.square(ratios).mean(axis=-1, keepdims=True) - 1
    # A band of nothing but noise has no excess, and loses all its coefficients.
    return 1 / np.sqrt(np.maximum(excess, np.finfo(float).eps))


def sure_threshold(ratios, n_values):
    """Return the threshold of SureShrink, the noise being standard normal."""
    size = ratios.shape[-1]
    universal = np.sqrt(2 * np.log(size))
    # Stein's risk falls only at the coefficients themselves: one of them, or 0, is best.
    zeros = np.zeros((*ratios.shape[:-1], 1))
    candidates = np.concatenate([zeros, np.sort(ratios, axis=-1)], axis=-1)
    squares = np.square(candidates)
    count = np.arange(size + 1)
    risks = size - 2 * count + squares.cumsum(axis=-1) + (size - count) * squares
    risks = np.where(candidates > universal, np.inf, risks)
    best = risks.argmin(axis=-1)[..., None]
    # The risk is too noisy an estimate where few coefficients stand out.
    excess = squares.sum(axis=-1, keepdims=True) / size - 1
    is_sparse = excess <= np.log2(size) ** 1.5 / np.sqrt(size)
    threshold = np.take_along_axis(candidates, best, axis=-1)
    return np.where(is_sparse, universal, threshold)


#: The threshold of each band, in units of the noise: called with absolute coefficients in
#: these units, of shape (..., n_coeffs), and the number of values of a signal.
METHODS = {
    "universal": universal_threshold,
    "sure": sure_threshold,
    "bayes": bayes_threshold,
}
