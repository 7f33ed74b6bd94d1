"""Ranks features by leaving out those that a ridge weighs least."""

import numpy as np

from sk_awave.feature_extraction._leave_one_out import (
    STRENGTHS,
    eigen,
    errors_of,
    penalties_of,
    standardise,
)

#: The share of the features that is left out between two fits.
SHARE_LEFT_OUT = 0.2


def rank_features(features, target, n_best=1, groups=None):
    """Return features from the best to the worst.

    A ridge is fitted to all features, with the penalty of the least leave-one-out error;
    those with the smallest weights are left out, and the next ridge is fitted to the
    others [1]_. Adding features one by one chooses among many that look good by chance.
    Here each is judged beside all others; that overfits much less. The penalty stays:
    that of the least error of chosen features is too small, as they were chosen to fit.

    Parameters
    ----------
    features : array-like of shape (n, p)
    target : ndarray of shape (n, n_outputs)
        As `encode_target` returns it.
    n_best : int
        The number left at the end. These are ranked by the weights of the last fit.
    groups : array-like of shape (n,), default=None
        Of rows that are left out together; see `leave_one_out_error`.

    Returns
    -------
    ranking : ndarray of int of shape (p,)
        Constant features come last.

    References
    ----------
    .. [1] G. Uribarri, F. Barone, A. Ansuini, E. Fransén. "Detach-ROCKET: sequential
       feature selection for time series classification with random convolutional
       kernels." Data Mining and Knowledge Discovery 38, 2024.
    """
    features = standardise(features)
    varies = features.any(axis=0)
    left, worst_first = np.flatnonzero(varies), [np.flatnonzero(~varies)]
    penalty = None
    while len(left):
        weights, penalty = _weights(features[:, left], target, penalty, groups)
        # Equal features have equal weights but for rounding, which is not to choose.
        weights = np.round(weights / (weights.max() or 1), 9)
        order = left[np.argsort(weights, kind="stable")]
        n_next = min(len(left) - 1, int((1 - SHARE_LEFT_OUT) * len(left)))
        n_next = max(n_next, n_best) if len(left) > n_best else 0
        n_out = len(left) - n_next
        worst_first.append(order[:n_out])
        left = np.sort(order[n_out:])
    return np.concatenate(worst_first)[::-1]


def _weights(features, target, penalty=None, groups=None):
    """Return the sum over outputs of each feature's squared weight in a ridge.

    Without a penalty it is that of the least leave-one-out error. It is returned, too.
    """
    n, p = features.shape
    if p < n:
        values, right = eigen(features.T @ features)
        kept = values > np.finfo(float).eps * max(n, p) * values[-1]
        values, vectors = values[kept], features @ right[:, kept] / np.sqrt(values[kept])
    else:
        values, vectors = eigen(features @ features.T)
        values = np.maximum(values, 0)
    if penalty is None:
        penalties = penalties_of(STRENGTHS, n, p)
        errors = errors_of(values, vectors, target, penalties, groups)
        penalty = penalties[errors.argmin()]
    outputs = (vectors.T @ target) / (values + penalty)[:, None]
    weights = features.T @ (vectors @ outputs)
    return np.square(weights).sum(axis=1), penalty
