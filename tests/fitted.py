"""Every public estimator, fitted, without a teacher of torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    AWDClassifier,
    AWDRegressor,
    SubbandPooling,
    Teacher,
    WaveletThresholder,
    WaveletTransformer,
)
from sk_awave.attribution import ContextualDecomposition, TransformImportance
from sk_awave.feature_extraction import PeakCounter

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 32))
Y = X[:, 3] + 0.1 * rng.standard_normal(40)
CLASSES = (Y > 0).astype(int)
IMAGES = rng.standard_normal((20, 12, 12))
LINEAR = Teacher(LinearRegression().fit(X, Y))
SHORT = {"level": 2, "max_iter": 3}


@dataclass
class Case:
    """An estimator, and what it is fitted to."""

    estimator: Any
    y: Any = None
    X: Any = None

    def fit(self):
        """Return the fitted estimator and its data."""
        data = X if self.X is None else self.X
        return self.estimator.fit(data, *([] if self.y is None else [self.y])), data


def wavelet():
    return FrozenEstimator(WaveletTransformer("db2", level=2).fit(X))


CASES = {
    "dwt": lambda: Case(WaveletTransformer("bior2.2", level=2)),
    "stationary": lambda: Case(
        WaveletTransformer("db2", decomposition="stationary", level=2)
    ),
    "packet": lambda: Case(
        WaveletTransformer("db2", decomposition="packet", level=2, basis="discriminant"),
        CLASSES,
    ),
    "learned": lambda: Case(AdaptiveWaveletTransformer("db2", **SHORT)),
    "learned by level": lambda: Case(
        AdaptiveWaveletTransformer("db2", per_level=True, **SHORT)
    ),
    "learned from a teacher": lambda: Case(
        AdaptiveWaveletTransformer("db2", teacher=LINEAR, **SHORT)
    ),
    "pooling": lambda: Case(SubbandPooling(statistics=("share_above", "entropy"))),
    "pooling of learned": lambda: Case(
        SubbandPooling(AdaptiveWaveletTransformer("db2", **SHORT))
    ),
    "adaptive pooling": lambda: Case(
        AdaptiveSubbandPooling(2, n_candidates=3, n_features=9, random_state=0), CLASSES
    ),
    "peaks": lambda: Case(PeakCounter(), X=IMAGES),
    "thresholder": lambda: Case(WaveletThresholder()),
    "importance": lambda: Case(TransformImportance(wavelet(), LINEAR)),
    "importance of PCA": lambda: Case(
        TransformImportance(FrozenEstimator(PCA(3).fit(X)), LINEAR)
    ),
    "contextual decomposition": lambda: Case(ContextualDecomposition(wavelet(), LINEAR)),
    "AWDRegressor": lambda: Case(AWDRegressor(LinearRegression()), Y),
    # Its own estimator is a GridSearchCV, whose masked arrays joblib cannot hash.
    "AWDClassifier": lambda: Case(
        AWDClassifier(LogisticRegression(), estimator=LogisticRegression()), CLASSES
    ),
}
