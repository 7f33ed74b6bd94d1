"""Coefficients that are nothing but rounding errors."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class RoundingSelector(SelectorMixin, BaseEstimator):
    """Drop coefficients that vanish in single precision.

    A learned wavelet can make some coefficients vanish for all signals. If they were
    scaled to unit variance, rounding errors would become features. All features must have
    the same unit, as coefficients have.

    Attributes
    ----------
    support_ : ndarray of shape (n_features,)
        A mask, True if the standard deviation of a feature exceeds ten rounding errors,
        in single precision, of the largest standard deviation. If no feature varies, all
        are kept.
    """

    def fit(self, X, y=None):
        """Find the features that vary.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features.
        y : None
            Ignored.

        Returns
        -------
        self : object
            Fitted selector.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        deviation = X.std(axis=0)
        threshold = 10 * np.finfo(np.float32).eps * deviation.max()
        self.support_ = deviation >= threshold
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_
