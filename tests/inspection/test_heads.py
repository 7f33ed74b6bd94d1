"""Linear models read out of pipelines: contributions add up to what they compute."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from sk_awave import (
    AdaptiveSubbandPooling,
    AWDClassifier,
    AWDRegressor,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.inspection._heads import read_head

# The models here need not be good, nor converge.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Features .* are constant"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in divide"),
]

WAVELET = WaveletTransformer("db2", level=2)
POOLING = SubbandPooling(WAVELET, segments=(1, 2))
UNION = FeatureUnion(
    [("coefficients", WAVELET), ("statistics", POOLING)],
    transformer_weights={"statistics": 3.0},
)


@pytest.fixture(scope="module")
def data():
    """Signals with a large offset, which scalers have to subtract; three classes."""
    rng = np.random.default_rng(0)
    X = 100 + rng.standard_normal((60, 32)).cumsum(axis=1)
    return X, np.arange(60) % 3


def sums(head, x):
    """What contributions and baselines add up to."""
    features = head.features(head.prepare(x[np.newaxis]))
    return (head.weights * features + head.offsets).sum(axis=1) + head.baselines


@pytest.mark.parametrize(
    "steps",
    [
        [LogisticRegression()],
        [StandardScaler(), LogisticRegression()],
        [RobustScaler(), LinearSVC()],
        [MaxAbsScaler(), SelectKBest(f_classif, k=7), RidgeClassifier()],
        [SelectKBest(f_classif, k=7), StandardScaler(), LogisticRegression()],
        [StandardScaler(), PCA(5), MinMaxScaler(), LogisticRegression()],
        [None, "passthrough", make_pipeline(StandardScaler(), RidgeClassifier())],
    ],
    ids=lambda steps: "-".join(type(step).__name__ for step in steps),
)
@pytest.mark.parametrize(
    "first", [WAVELET, POOLING, UNION], ids=lambda t: type(t).__name__
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_add_up_to_decisions(first, steps, n_classes, data):
    X, y = data
    y = np.minimum(y, n_classes - 1)
    named = [(str(i), step) for i, step in enumerate([first, *steps])]
    pipeline = Pipeline(named).fit(X, y)
    head = read_head(pipeline, "")
    for x in X[:5]:
        expected = np.ravel(pipeline.decision_function(x[np.newaxis]))
        np.testing.assert_allclose(sums(head, x), expected, rtol=1e-10, atol=1e-10)
        given = np.ravel(head.evaluate(x[np.newaxis]))
        np.testing.assert_array_equal(given, expected)
    names = [f"class {label}" for label in range(n_classes)]
    assert head.names == (names[1:] if n_classes == 2 else names)


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        Lasso(alpha=0.1),
        LinearRegression(),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_contributions_add_up_to_predictions(model, n_outputs, data):
    X, _ = data
    y = X[:, 3 : 3 + n_outputs] - X[:, 9:10]
    y = y[:, 0] if n_outputs == 1 else y
    pipeline = make_pipeline(WAVELET, StandardScaler(), model).fit(X, y)
    head = read_head(pipeline, "")
    expected = np.ravel(pipeline.predict(X[:1]))
    np.testing.assert_allclose(sums(head, X[0]), expected, rtol=1e-10)
    assert head.names == ([""] if n_outputs == 1 else ["output 0", "output 1"])


def test_behind_a_standard_scaler_contributions_are_of_deviations_from_the_mean(data):
    X, y = data
    pipeline = make_pipeline(
        WAVELET, StandardScaler(), SelectKBest(k=5), LogisticRegression()
    ).fit(X, y)
    head = read_head(pipeline, "")
    np.testing.assert_allclose(head.baselines, pipeline[-1].intercept_, atol=1e-12)
    features = pipeline[0].transform(X)
    means, kept = features.mean(axis=0), pipeline[2].get_support(indices=True)
    expected = np.zeros((3, features.shape[1]))
    expected[:, kept] = pipeline[-1].coef_ / pipeline[1].scale_[kept]
    np.testing.assert_allclose(head.weights, expected, rtol=1e-12)
    np.testing.assert_allclose(head.offsets, -expected * means, rtol=1e-9, atol=1e-12)


def test_an_intercept_is_never_the_contribution_of_a_feature(data):
    """Neither where one feature alone has a weight, nor where there is only one."""
    X, _ = data
    y = WAVELET.fit(X).transform(X)[:, 12]
    head = read_head(make_pipeline(WAVELET, Lasso(alpha=0.01)).fit(X, y + 5), "")
    np.testing.assert_array_equal(head.offsets, 0)
    one = make_pipeline(WAVELET, SelectKBest(k=1), Ridge()).fit(X, np.arange(60) % 2)
    head = read_head(one, "")
    np.testing.assert_array_equal(head.offsets, 0)
    assert head.baselines == pytest.approx(one[-1].intercept_)


@pytest.mark.parametrize("scaler", [StandardScaler(), RobustScaler(), MinMaxScaler()])
def test_large_offsets_cost_no_digits(scaler, data):
    X, y = data
    pipeline = make_pipeline(WAVELET, scaler, RidgeClassifier()).fit(X + 1e6, y)
    scale = pipeline[1].scale_
    factor = scale if isinstance(scaler, MinMaxScaler) else 1 / scale
    weights = read_head(pipeline, "").weights
    np.testing.assert_allclose(weights, pipeline[-1].coef_ * factor, rtol=1e-13)


def test_offsets_of_mixed_features_belong_to_the_baseline(data):
    X, y = data
    pipeline = make_pipeline(WAVELET, PCA(4), RidgeClassifier()).fit(X, y)
    head = read_head(pipeline, "")
    np.testing.assert_array_equal(head.offsets, 0)
    at_zero = pipeline[1:].decision_function(np.zeros((1, head.weights.shape[1])))
    np.testing.assert_allclose(head.baselines, at_zero[0], rtol=1e-10)


def test_what_stands_in_front_is_applied_first(data):
    X, y = data
    pipeline = make_pipeline(
        QuantileTransformer(n_quantiles=20), WAVELET, LogisticRegression()
    ).fit(X, y)
    head = read_head(pipeline, "")
    expected = pipeline.decision_function(X[:1])[0]
    np.testing.assert_allclose(sums(head, X[0]), expected, atol=1e-10)
    assert head.sample_shape == (32,)


@pytest.mark.parametrize("shape", [(2, 16), (1, 32)])
@pytest.mark.parametrize(
    "first",
    [WAVELET, POOLING, AdaptiveSubbandPooling(2, n_candidates=1, random_state=0)],
    ids=lambda transformer: type(transformer).__name__,
)
def test_channels(first, shape, data):
    X, y = data
    X = X.reshape(-1, *shape)
    pipeline = make_pipeline(first, StandardScaler(), RidgeClassifier()).fit(X, y)
    head = read_head(pipeline, "")
    assert head.sample_shape == shape
    assert head.layout.n_channels == shape[0]
    expected = pipeline.decision_function(X[:1])[0]
    np.testing.assert_allclose(sums(head, X[0]), expected, rtol=1e-10, atol=1e-10)


def test_a_step_in_front_of_channels_counts_only_these(data):
    X, y = data
    X = X.reshape(-1, 2, 16)
    cut = FunctionTransformer(lambda X: X[..., 4:])  # n_features_in_ is 2
    pipeline = make_pipeline(cut, POOLING, RidgeClassifier()).fit(X, y)
    head = read_head(pipeline, "")
    assert head.sample_shape is None
    expected = pipeline.decision_function(X[:1])[0]
    np.testing.assert_allclose(sums(head, X[0]), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("features", ["auto", None, SubbandPooling()])
@pytest.mark.parametrize("classifies", [True, False])
def test_awd_estimators(features, classifies, data):
    X, y = data
    model = (AWDClassifier if classifies else AWDRegressor)(
        transformer=WAVELET, features=features, random_state=0
    ).fit(X - 100, y)
    head = read_head(model, "")
    kinds = [part.is_pooled for part in head.parts]
    expected = {"auto": [False, True], None: [False]}.get(features, [True])
    assert kinds == expected
    decide = model.decision_function if classifies else model.predict
    expected = np.ravel(decide(X[:1] - 100))
    np.testing.assert_allclose(sums(head, X[0] - 100), expected, rtol=1e-10, atol=1e-10)


def test_searches_and_frozen_estimators(data):
    X, y = data
    pipeline = make_pipeline(FrozenEstimator(WAVELET.fit(X)), RidgeClassifier())
    search = GridSearchCV(pipeline, {"ridgeclassifier__alpha": [1, 10]}, cv=2).fit(X, y)
    expected = search.decision_function(X[:1])[0]
    for model in (search, FrozenEstimator(search.best_estimator_)):
        np.testing.assert_allclose(sums(read_head(model, ""), X[0]), expected, atol=1e-10)


@pytest.mark.parametrize(
    "steps, name",
    [
        ([MLPClassifier((3,), max_iter=20, tol=1)], "MLPClassifier"),
        ([PoissonRegressor(alpha=1e3)], "PoissonRegressor"),
        ([QuantileTransformer(n_quantiles=9), RidgeClassifier()], "QuantileTransformer"),
    ],
)
def test_what_is_not_linear_is_refused(steps, name, data):
    X, y = data
    pipeline = make_pipeline(WAVELET, *steps).fit(X / 100, y)
    with pytest.raises(TypeError, match=f"D needs a linear model, .* {name} is neither"):
        read_head(pipeline, "D")


def test_what_has_no_wavelets_is_refused(data):
    X, y = data
    twice = FeatureUnion([("a", WAVELET), ("b", WaveletTransformer("haar"))])
    for model in (
        RidgeClassifier(),
        make_pipeline(StandardScaler(), RidgeClassifier()),
        make_pipeline(twice, RidgeClassifier()),
        WaveletTransformer("haar"),
    ):
        message = rf"D needs a pipeline of .* Got {type(model).__name__} instead"
        with pytest.raises(TypeError, match=message):
            read_head(model.fit(X, y), "D")


def test_unfitted_models_are_refused():
    for model in (make_pipeline(WAVELET, RidgeClassifier()), AWDClassifier()):
        with pytest.raises(NotFittedError):
            read_head(model, "D")
