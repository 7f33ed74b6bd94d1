"""Features of rounding errors do not reach the head."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from sk_awave import AWDClassifier
from sk_awave.distillation._rounding import RoundingSelector


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_only_rounding_is_dropped(dtype):
    rng = np.random.default_rng(0)
    scales = np.array([1.0, 1e-3, 1e-9, 0.0])
    X = (rng.standard_normal((50, 4)) * scales).astype(dtype)
    selector = RoundingSelector().fit(X)
    np.testing.assert_array_equal(selector.support_, [True, True, False, False])
    assert selector.transform(X).shape == (50, 2)
    names = selector.get_feature_names_out(["a", "b", "c", "d"])
    assert list(names) == ["a", "b"]


def test_nothing_is_dropped_where_nothing_varies():
    assert RoundingSelector().fit(np.ones((5, 3))).support_.all()


def test_predictions_do_not_depend_on_the_dtype():
    # Signals of two samples, of which the learned wavelet makes half the coefficients 0.
    X, y = make_blobs(200, centers=2, random_state=0)
    X = X.astype(np.float32)
    model = AWDClassifier(random_state=0).fit(X.astype(np.float64), y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X.astype(np.float64)))
