"""Estimators are saved by skops, which trusts named types only."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, Teacher

io = pytest.importorskip("skops.io")

#: What docs/user_guide/saving.md says is to be trusted.
TRUSTED = [
    "builtins.frozenset",
    "sk_awave.attribution._affine.Affine",
    "sk_awave.attribution._estimators.Activation",
    "sk_awave.attribution._teacher.Teacher",
    "sk_awave.decomposition._adaptive.AdaptiveWaveletTransformer",
    "sk_awave.engine._layout.Band",
    "sk_awave.engine._layout.CoeffLayout",
    "sk_awave.engine._tree.Tree",
    "sk_awave.engine._wavelet.Wavelet",
]


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
    again = io.loads(io.dumps(transformer), trusted=TRUSTED)
    np.testing.assert_array_equal(again.transform(X), transformer.transform(X))
    np.testing.assert_array_equal(again.attributions(X), transformer.attributions(X))


def test_a_teacher_of_torch_is_refused():
    X = np.random.default_rng(0).standard_normal((20, 16)).cumsum(1)
    transformer = learned(nn.Linear(16, 1).double(), X)
    with pytest.raises(TypeError, match=r"skops cannot save Teacher\(Linear\), .*joblib"):
        io.dumps(transformer)
    expected = transformer.transform(X)
    transformer.set_params(teacher=None)
    again = io.loads(io.dumps(transformer), trusted=TRUSTED)
    np.testing.assert_array_equal(again.transform(X), expected)
