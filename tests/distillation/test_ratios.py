"""Ratios of attribution to sparsity, chosen by the scores of students."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_awave import (
    AdaptiveWaveletTransformer,
    AWDClassifier,
    AWDRegressor,
    SubbandPooling,
    Teacher,
    WaveletTransformer,
    adaptive_wavelet_path,
)
from sk_awave.distillation import _ratios
from sk_awave.engine._objective import Objective

RATIOS = [0.0, 0.3, 3.0]
FIXED = {"transformer": WaveletTransformer("db3", level=2)}

pytestmark = pytest.mark.filterwarnings("ignore:level=2 is too high:UserWarning")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 32)).cumsum(1)
    return X, X[:, 5] + rng.normal(size=60)


def cubic(x):
    """A differentiable function of any signals, with one output."""
    return (x.flatten(1) ** 3).sum(1, keepdim=True)


def model(teacher=cubic, cls=AWDRegressor, **params):
    wavelet = AdaptiveWaveletTransformer("db3", level=2)
    defaults = {
        "transformer": wavelet,
        "features": None,
        "estimator": Ridge(),
        "ratios": RATIOS,
        "cv": 2,
    }
    return cls(teacher, **defaults | params)


def test_the_ratio_with_the_best_score_is_taken(data):
    X, y = data
    cv, head = KFold(3), Lasso(alpha=0.1)
    search = model(Ridge(), estimator=head, ratios=RATIOS[::-1], cv=cv).fit(X, y)
    wavelet = search.transformer
    for k, (train, test) in enumerate(cv.split(X)):
        teacher = Teacher(Ridge().fit(X[train], y[train]))
        _, path = adaptive_wavelet_path(
            X[train],
            transformer=clone(wavelet).set_params(teacher=teacher),
            ratios=RATIOS,
        )
        for r, point in enumerate(path):
            fitted = clone(head).fit(point.transform(X[train]), y[train])
            expected = fitted.score(point.transform(X[test]), y[test])
            assert search.scores_[r, k] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(search.ratios_, RATIOS)
    best = search.scores_.mean(1).argmax()
    assert search.ratio_ == RATIOS[best] == search.transformer_.attribution_ratio
    # The rest is as without a search, on the wavelet at this point of the path.
    _, path = adaptive_wavelet_path(
        X,
        transformer=clone(wavelet).set_params(teacher=Teacher(Ridge().fit(X, y))),
        ratios=RATIOS[: best + 1],
    )
    np.testing.assert_array_equal(search.transformer_.filter_bank_, path[-1].filter_bank_)
    expected = clone(head).fit(path[-1].transform(X), y).predict(path[-1].transform(X))
    np.testing.assert_allclose(search.predict(X), expected, atol=1e-10)


class Recorder(Ridge):
    """Note the samples that it is trained on."""

    trained = ()

    def fit(self, X, y):
        self.trained.append(len(X))
        return super().fit(X, y)


def test_one_teacher_is_trained_in_each_fold_whatever_the_ratios(data):
    X, y = data
    Recorder.trained = []
    search = model(Recorder(), cv=3).fit(X, y)
    assert Recorder.trained == [40, 40, 40, 60]
    assert search.transformer.teacher is None
    assert search.transformer_.teacher is None
    assert len(cross_val_score(search, X, y, cv=2)) == 2
    assert make_pipeline(search).fit(X, y).score(X, y) > 0
    frame = search.report(X, y, cv=2, wavelets=["haar"]).to_frame()
    assert frame.loc["db5", "features"] <= 59
    assert "teacher" in frame.index


def test_a_trained_teacher_is_differentiated_once_in_each_fold(data):
    X, y = data
    calls = []

    def teacher(x):
        if torch.is_grad_enabled():  # it is not where samples are seen not to interact
            calls.append(len(x))
        return cubic(x)

    model(teacher, cv=3).fit(X, y)
    assert calls == [40, 40, 40, 60]


def test_refitting_without_ratios_forgets_the_search(data):
    X, y = data
    search = model().fit(X, y)
    search.set_params(ratios=None, cv=None).fit(X, y)
    assert not {"ratio_", "ratios_", "scores_"} & set(vars(search))
    expected = model(ratios=None, cv=None).fit(X, y).predict(X)
    np.testing.assert_array_equal(search.predict(X), expected)


@pytest.mark.parametrize("frozen", [False, True])
def test_ratios_of_a_wavelet_within_what_summarises_it(data, frozen):
    X, y = data
    pooled = SubbandPooling(AdaptiveWaveletTransformer("db3", level=2))
    teacher = FrozenEstimator(Ridge().fit(X, y)) if frozen else Ridge()
    search = model(teacher, transformer=pooled).fit(X, y)
    assert search.scores_.shape == (3, 2)
    inner = search.transformer_.transformer_
    assert inner.attribution_ratio == search.ratio_
    assert search.attributions(X).shape == (60, inner.layout_.n_coeffs)
    names = search.get_feature_names_out()
    assert len(names) == search.estimator_.coef_.size


@pytest.mark.parametrize("features", ["auto", SubbandPooling(statistics=("log_energy",))])
def test_features_scoring_jobs_and_classes(data, features):
    X, y = data
    search = model(
        LogisticRegression(max_iter=500),
        AWDClassifier,
        features=features,
        estimator=LogisticRegression(max_iter=5000),
        scoring="neg_log_loss",
        n_jobs=2,
    ).fit(X, np.where(y > y.mean(), "high", "low"))
    assert (search.scores_ < 0).all()
    assert list(search.classes_) == ["high", "low"]


class ScoresOf(Ridge):
    """Score what it is told, in the order of the calls."""

    scores = ()

    def score(self, X, y):
        return next(type(self).scores)


def untaught(**params):
    wavelet = AdaptiveWaveletTransformer("db3", level=2, max_iter=0)
    return model(transformer=wavelet, estimator=ScoresOf(), **params)


def test_a_score_that_is_nan_does_not_win(data):
    search = untaught()
    ScoresOf.scores = iter([np.nan, 0.1, 0.5, 0.9, 0.1, 0.2])  # ratios, then folds
    with pytest.warns(UserWarning, match=r"test scores are non-finite: \[ nan"):
        search.fit(*data)
    assert search.ratio_ == RATIOS[2]
    ScoresOf.scores = iter([np.nan, np.inf, -np.inf, 0.1, -np.inf, 0.2])
    with pytest.warns(UserWarning, match="non-finite"):
        search.fit(*data)
    assert search.ratio_ == RATIOS[2]


def test_scores_that_are_all_nan_leave_nothing_to_choose(data):
    search = untaught()
    ScoresOf.scores = iter([np.nan] * 6)
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.raises(ValueError, match="NaN at every ratio"),
    ):
        search.fit(*data)
    assert not hasattr(search, "scores_")


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({"ratios": [-1.0, 1.0]}, ValueError, "at least 0"),
        ({"ratios": [[1.0]]}, ValueError, "one or more numbers"),
        ({"ratios": "all"}, ValueError, "'ratios' parameter of AWDRegressor"),
        ({"scoring": "best"}, ValueError, "'scoring' parameter of AWDRegressor"),
        ({"features": SubbandPooling(WaveletTransformer())}, ValueError, "unset"),
    ],
)
def test_errors(data, params, error, message):
    with pytest.raises(error, match=message):
        model(**params).fit(*data)


@pytest.mark.parametrize(
    "params, name, reason",
    [
        (FIXED | {"teacher": None}, "ratios", "is fixed"),
        (FIXED | {"ratios": None, "cv": None}, "teacher", "does not learn"),
        ({"ratios": None}, "cv", "there are no ratios"),
        ({"ratios": None, "cv": None, "scoring": "r2"}, "scoring", "there are no"),
    ],
)
def test_parameters_that_change_nothing_warn(data, params, name, reason):
    with pytest.warns(UserWarning, match=f"^{name} has no effect: .*{reason}") as record:
        model(**{"teacher": cubic} | params).fit(*data)
    assert record[0].filename == __file__


def test_an_interrupted_search_leaves_the_estimator_as_it_was(data, monkeypatch):
    X, y = data
    search = model().fit(X, y)
    before, calls = dict(vars(search)), []

    def evaluate(self, *args, **kwargs):
        calls.append(args)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    original = Objective.__call__
    monkeypatch.setattr(Objective, "__call__", evaluate)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X[:, :20], y)
    assert len(calls) == 12
    assert vars(search) == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        AWDRegressor(
            Teacher(cubic),
            transformer=AdaptiveWaveletTransformer("db2", max_iter=2),
            ratios=(0.0, 1.0),
            cv=2,
        )
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("cls", [AWDClassifier, AWDRegressor])
@pytest.mark.parametrize("make_seed", [lambda: 0, lambda: np.random.RandomState(0)])
def test_scores_do_not_depend_on_workers(cls, make_seed):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 32)), np.arange(60) % 2
    X[y == 1] += 0.6 * np.sin(np.arange(32) * 0.8)
    y = y if cls is AWDClassifier else X[:, 3] + rng.standard_normal(60)
    wavelet = AdaptiveWaveletTransformer("db2", level=2, max_iter=5, tol=0.1)
    scores = [
        cls(
            transformer=wavelet,
            estimator=None if cls is AWDClassifier else Ridge(),
            ratios=[0, 1],
            cv=3,
            random_state=make_seed(),
            n_jobs=n_jobs,
            scoring="neg_log_loss" if cls is AWDClassifier else None,
        )
        .fit(X, y)
        .scores_
        for n_jobs in (None, 2)
    ]
    np.testing.assert_allclose(*scores, rtol=1e-6)
    assert len(np.unique(scores[0].round(12), axis=1).T) == 3  # of three folds


def test_a_generator_gives_each_fold_another_seed_and_stays_in_the_model():
    generator = np.random.RandomState(0)
    estimator = model(random_state=generator)
    seeds = [each.random_state for each in _ratios._seeded(estimator, 4)]
    assert len(set(seeds)) == 4
    assert all(type(seed) is int for seed in seeds)
    assert estimator.random_state is generator
    assert _ratios._seeded(model(random_state=3), 2)[1].random_state == 3


def test_too_few_samples_for_folds_that_nobody_chose(data):
    X, y = data
    with pytest.raises(ValueError, match="do not suit cv=None"):
        model(cv=None).fit(X[:4], y[:4])
    few = model(cv=None, estimator=None)
    with pytest.raises(ValueError, match="at least 5 samples in all, but n_samples=4"):
        few.fit(X[:6], y[:6])  # of which a fold trains on four


def test_metadata_routing_may_be_on(data):
    """scikit-learn's routing fails in a pipeline that ends with a transformed target."""
    X, y = data
    search = model(Ridge(), estimator=None)
    expected = clone(search).fit(X, y).scores_
    with config_context(enable_metadata_routing=True):
        np.testing.assert_array_equal(search.fit(X, y).scores_, expected)
