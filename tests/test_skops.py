"""Estimators are saved by skops, which trusts named types only."""

import numpy as np
import pytest
from fitted import CASES
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, Teacher

io = pytest.importorskip("skops.io")


def trusted_in(data):
    """Return the types of sk_awave and PyWavelets, as docs/user_guide/saving.md says."""
    ours = ("sk_awave.", "pywt.", "builtins.frozenset")
    return [name for name in io.get_untrusted_types(data=data) if name.startswith(ours)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CASES)
def test_every_public_estimator_is_saved(name):
    estimator, X = CASES[name]().fit()
    method = "transform" if hasattr(estimator, "transform") else "predict"
    expected = getattr(estimator, method)(X)
    data = io.dumps(estimator)
    again = io.loads(data, trusted=trusted_in(data))
    np.testing.assert_array_equal(getattr(again, method)(X), expected)


def learned(model, X):
    return AdaptiveWaveletTransformer(
        "db2", level=1, teacher=Teacher(model), tol=1e-2
    ).fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "model", [LinearRegression(), MLPRegressor(hidden_layer_sizes=4, max_iter=5)]
)
def test_a_teacher_of_scikit_learn_is_saved(model):
    X = np.random.default_rng(0).standard_normal((20, 16)).cumsum(1)
    transformer = learned(model.fit(X, X[:, 3]), X)
    data = io.dumps(transformer)
    again = io.loads(data, trusted=trusted_in(data))
    np.testing.assert_array_equal(again.transform(X), transformer.transform(X))
    np.testing.assert_array_equal(again.attributions(X), transformer.attributions(X))


def test_a_teacher_of_torch_is_refused():
    X = np.random.default_rng(0).standard_normal((20, 16)).cumsum(1)
    transformer = learned(nn.Linear(16, 1).double(), X)
    with pytest.raises(TypeError, match=r"skops cannot save Teacher\(Linear\), .*joblib"):
        io.dumps(transformer)
    expected = transformer.transform(X)
    transformer.set_params(teacher=None)
    data = io.dumps(transformer)
    again = io.loads(data, trusted=trusted_in(data))
    np.testing.assert_array_equal(again.transform(X), expected)
