"""Features of rounding errors do not reach the head."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from sk_awave import AWDClassifier, AWDRegressor, WaveletTransformer
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


@pytest.mark.parametrize("features", ["auto", None])
@pytest.mark.parametrize("Model", [AWDClassifier, AWDRegressor])
def test_predictions_do_not_depend_on_the_dtype(Model, features):
    """Details of constant signals are rounding errors: 1e-8 or 1e-16, and no features.

    The number of samples is so small that a head finds some among them to predict by.
    """
    rng = np.random.default_rng(0)
    X = np.repeat(rng.standard_normal((30, 1)), 16, axis=1).astype(np.float32)
    y = rng.standard_normal(30) > 0
    model = Model(
        transformer=WaveletTransformer("db3", level=1), features=features, random_state=0
    ).fit(X, y)
    names = model.get_feature_names_out()
    assert {name[:3] for name in names} == {"cA1"}
    expected = model.predict(X.astype(np.float64))
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-5)


def test_a_learned_wavelet_may_make_coefficients_vanish():
    # Signals of two samples, of which the learned wavelet makes half the coefficients 0.
    X, y = make_blobs(200, centers=2, random_state=0)
    X = X.astype(np.float32)
    model = AWDClassifier(random_state=0).fit(X.astype(np.float64), y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X.astype(np.float64)))
