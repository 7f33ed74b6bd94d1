"""The path of ratios against separate fits, and the search over it."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_awave import (
    AdaptiveWaveletTransformer,
    AdaptiveWaveletTransformerCV,
    AWDRegressor,
    SubbandPooling,
    Teacher,
    WaveletTransformer,
    adaptive_wavelet_path,
)
from sk_awave.decomposition import _learning
from sk_awave.engine._objective import Objective

RATIOS = [0.0, 0.3, 3.0]


def cubic(x):
    """A differentiable function of any signals, with one output."""
    return (x.flatten(1) ** 3).sum(1, keepdim=True)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 32)).cumsum(1)
    gradients = rng.normal(size=(60, 32))
    gradients[:, 16:] = gradients[:, :16]  # sparse in another wavelet than X is
    return X, gradients, X[:, 5] + rng.normal(size=60)


def transformer(**params):
    return AdaptiveWaveletTransformer("db3", level=2, **params)


def test_each_point_is_a_fit_at_the_published_strengths(data):
    X, gradients, _ = data
    ratios, path = adaptive_wavelet_path(
        X, transformer=transformer(), ratios=RATIOS, input_gradients=gradients
    )
    np.testing.assert_array_equal(ratios, RATIOS)
    for point in path:
        terms = point.objective_terms_
        loss = terms["sparsity"] + point.alpha_attribution * terms["attribution"]
        assert loss == pytest.approx(min(point.loss_curve_), rel=1e-9)
        again = clone(point).fit(X, input_gradients=gradients)
        assert loss <= again.starts_[0]["loss_before"]
    sparsity = [point.objective_terms_["sparsity"] for point in path]
    attribution = [point.objective_terms_["attribution"] for point in path]
    assert sparsity == sorted(sparsity)
    assert attribution == sorted(attribution, reverse=True)


def test_the_ratio_is_relative_to_the_start(data):
    X, gradients, _ = data
    start = transformer(max_iter=0).fit(X, input_gradients=gradients).objective_terms_
    _, (point,) = adaptive_wavelet_path(
        X, transformer=transformer(), ratios=2.0, input_gradients=gradients
    )
    expected = 2 * start["sparsity"] / start["attribution"]
    assert point.alpha_attribution == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("x_unit, gradient_unit", [(1e3, 1.0), (1.0, 1e-4)])
def test_ratios_have_no_unit(data, x_unit, gradient_unit):
    X, gradients, _ = data
    args = {"transformer": transformer(), "ratios": RATIOS}
    _, path = adaptive_wavelet_path(X, input_gradients=gradients, **args)
    _, scaled = adaptive_wavelet_path(
        x_unit * X, input_gradients=gradient_unit * gradients, **args
    )
    for one, other in zip(path, scaled, strict=True):
        expected = one.alpha_attribution * x_unit / gradient_unit
        assert other.alpha_attribution == pytest.approx(expected, rel=1e-9)
        loss = min(other.loss_curve_) / x_unit
        assert loss == pytest.approx(min(one.loss_curve_), rel=1e-3)


def test_a_point_starts_at_the_best_known_wavelet(data):
    X, gradients, _ = data
    _, path = adaptive_wavelet_path(
        X, transformer=transformer(), ratios=RATIOS, input_gradients=gradients
    )
    for i, point in enumerate(path):
        known = [
            point.alpha_sparsity * before.objective_terms_["sparsity"]
            + point.alpha_attribution * before.objective_terms_["attribution"]
            for before in path[:i]
        ]
        assert all(point.loss_curve_[0] <= loss * (1 + 1e-9) for loss in known)
    names = [point.starts_[0]["wavelet"] for point in path]
    assert names == ["db3", "ratio 0", "ratio 0.3"]


def test_starts_are_searched_for_at_both_ends_only(data, monkeypatch):
    X, gradients, _ = data
    strengths = []

    def find_starts(objective, *args, **kwargs):
        strengths.extend(
            a for term, a in objective.terms.items() if term.name == "attribution"
        )
        return original(objective, *args, **kwargs)

    original = _learning.find_starts
    monkeypatch.setattr(_learning, "find_starts", find_starts)
    searched = transformer(init="library", n_init=2, random_state=0)
    _, path = adaptive_wavelet_path(
        X, transformer=searched, ratios=RATIOS, input_gradients=gradients
    )
    assert strengths == [path[0].alpha_attribution, path[-1].alpha_attribution]
    assert all(len(point.starts_) == 2 for point in path)


def test_the_teacher_is_differentiated_once(data):
    X, _, y = data
    calls = []

    def teacher(x):
        calls.append(len(x))
        return cubic(x)

    adaptive_wavelet_path(X, transformer=transformer(teacher=teacher), ratios=RATIOS)
    assert sum(calls) <= len(X) + 2  # the shape of its outputs may be asked for first
    per_path = len(calls)
    calls.clear()
    AdaptiveWaveletTransformerCV(
        transformer(teacher=teacher), Ridge(), ratios=RATIOS
    ).fit(X, y)
    assert len(calls) == per_path


def test_several_targets(data):
    X, _, y = data

    def teacher(x):
        return torch.stack([x[:, 3] ** 2, x[:, 20] ** 3], 1)

    search = AdaptiveWaveletTransformerCV(
        transformer(teacher=teacher, target="all"), Ridge(), ratios=RATIOS
    ).fit(X, y)
    assert search.transformer_.attributions(X).shape[0] == 2


def test_search_takes_the_ratio_with_the_best_score(data):
    X, gradients, y = data
    cv = KFold(3)
    search = AdaptiveWaveletTransformerCV(
        transformer(), Lasso(alpha=0.1), ratios=RATIOS, cv=cv
    ).fit(X, y, input_gradients=gradients)
    for k, (train, test) in enumerate(cv.split(X)):
        _, path = adaptive_wavelet_path(
            X[train],
            transformer=transformer(),
            ratios=RATIOS,
            input_gradients=gradients[train],
        )
        for r, point in enumerate(path):
            head = Lasso(alpha=0.1).fit(point.transform(X[train]), y[train])
            expected = head.score(point.transform(X[test]), y[test])
            assert search.scores_[r, k] == pytest.approx(expected, abs=1e-12)
    best = search.scores_.mean(1).argmax()
    assert search.ratio_ == RATIOS[best]
    np.testing.assert_array_equal(
        search.transform(X), search.transformer_.transform(X), strict=True
    )
    np.testing.assert_allclose(search.inverse_transform(search.transform(X)), X)
    names = search.get_feature_names_out()
    assert names[0] == "cA2_0"
    assert search.layout_.n_coeffs == len(names)


class ScoresOf(Ridge):
    """Score what it is told, in the order of the calls."""

    scores = ()

    def score(self, X, y):
        return next(type(self).scores)


def test_a_score_that_is_nan_does_not_win(data):
    X, gradients, y = data
    search = AdaptiveWaveletTransformerCV(
        transformer(max_iter=0), ScoresOf(), ratios=RATIOS, cv=2
    )
    ScoresOf.scores = iter([np.nan, 0.1, 0.5, 0.9, 0.1, 0.2])  # ratios, then folds
    with pytest.warns(UserWarning, match=r"test scores are non-finite: \[ nan"):
        search.fit(X, y, input_gradients=gradients)
    assert search.ratio_ == RATIOS[2]
    ScoresOf.scores = iter([np.nan, np.inf, -np.inf, 0.1, -np.inf, 0.2])
    with pytest.warns(UserWarning, match="non-finite"):
        search.fit(X, y, input_gradients=gradients)
    assert search.ratio_ == RATIOS[2]


def test_scores_that_are_all_nan_leave_nothing_to_choose(data):
    X, gradients, y = data
    search = AdaptiveWaveletTransformerCV(
        transformer(max_iter=0), ScoresOf(), ratios=RATIOS, cv=2
    )
    ScoresOf.scores = iter([np.nan] * 6)
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.raises(ValueError, match="NaN at every ratio"),
    ):
        search.fit(X, y, input_gradients=gradients)
    assert not hasattr(search, "scores_")


def test_search_with_features_scoring_and_classifier(data):
    X, gradients, y = data
    search = AdaptiveWaveletTransformerCV(
        transformer(),
        LogisticRegression(),
        features=SubbandPooling(statistics=("log_energy",)),
        ratios=RATIOS,
        cv=2,
        scoring="neg_log_loss",
        n_jobs=2,
    ).fit(X, y > y.mean(), input_gradients=gradients)
    assert (search.scores_ < 0).all()


def test_features_of_a_wavelet_of_their_own_are_refused(data):
    X, gradients, y = data
    search = AdaptiveWaveletTransformerCV(
        transformer(), Ridge(), features=SubbandPooling(transformer())
    )
    with pytest.raises(ValueError, match="Leave the 'transformer' of the features unset"):
        search.fit(X, y, input_gradients=gradients)


def test_search_of_tensors(data):
    X, gradients, y = data
    args = (transformer(), Ridge())
    arrays = AdaptiveWaveletTransformerCV(*args, ratios=RATIOS).fit(
        X, y, input_gradients=gradients
    )
    tensors = AdaptiveWaveletTransformerCV(*args, ratios=RATIOS).fit(
        torch.from_numpy(X), y, input_gradients=torch.from_numpy(gradients)
    )
    np.testing.assert_allclose(arrays.scores_, tensors.scores_)
    assert isinstance(tensors.transform(torch.from_numpy(X)), torch.Tensor)


@pytest.mark.filterwarnings("ignore:level=2 is too high:UserWarning")
def test_distillation_with_a_search_trains_one_teacher(data):
    X, _, y = data
    trained = []

    class Recorder(Ridge):
        def fit(self, X, y):
            trained.append(len(X))
            return super().fit(X, y)

    search = AdaptiveWaveletTransformerCV(transformer(), Ridge(), ratios=RATIOS)
    model = AWDRegressor(Recorder(), transformer=search, features=None, estimator=Ridge())
    model.fit(X, y)
    assert trained == [60]
    assert model.transformer_.ratio_ in RATIOS
    assert model.transformer_.transformer.teacher is None
    assert model.transformer_.transformer_.teacher is None
    assert search.transformer.teacher is None
    assert len(cross_val_score(model, X, y, cv=2)) == 2
    frame = model.report(X, y, cv=2, wavelets=["haar"]).to_frame()
    assert frame.loc["db5", "features"] <= 59
    assert model.predict(X).shape == (60,)
    assert make_pipeline(model).fit(X, y).score(X, y) > 0


@pytest.mark.parametrize(
    "params, ratios, match",
    [
        ({}, RATIOS, "needs attributions"),
        ({"teacher": cubic, "alpha_sparsity": 0.0}, RATIOS, "alpha_sparsity must"),
        ({"teacher": cubic}, [-1.0, 1.0], "at least 0"),
        ({"teacher": cubic}, [[1.0]], "one or more numbers"),
        ({"teacher": cubic}, [np.nan], "NaN"),
        ({"teacher": cubic}, [], "0 sample"),
        ({"teacher": cubic, "level": "deep"}, RATIOS, "'level' parameter"),
    ],
)
def test_errors(data, params, ratios, match):
    X, _, y = data
    learner = AdaptiveWaveletTransformer("db3", **params)
    with pytest.raises(ValueError, match=match):
        adaptive_wavelet_path(X, transformer=learner, ratios=ratios)
    with pytest.raises(ValueError, match=match):
        AdaptiveWaveletTransformerCV(learner, Ridge(), ratios=ratios).fit(X, y)


def test_a_path_of_another_transformer(data):
    with pytest.raises(TypeError, match=r"must be an instance of 'Adapt.* Got WaveletTr"):
        adaptive_wavelet_path(data[0], transformer=WaveletTransformer())


def test_zero_gradients_and_missing_y(data):
    X, gradients, _ = data
    with pytest.raises(ValueError, match="attributions are zero"):
        adaptive_wavelet_path(X, input_gradients=0 * gradients)
    search = AdaptiveWaveletTransformerCV(transformer(), Ridge())
    with pytest.raises(ValueError, match="requires y"):
        search.fit(X, None, input_gradients=gradients)


@pytest.mark.parametrize("init", ["wavelet", "library"])
def test_an_interrupted_path_or_search_raises(data, init, monkeypatch):
    X, gradients, y = data
    calls = []

    def evaluate(self, *args, **kwargs):
        calls.append(args)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    name = "__call__" if init == "wavelet" else "values"
    original = getattr(Objective, name)
    monkeypatch.setattr(Objective, name, evaluate)
    params = {"transformer": transformer(init=init, random_state=0), "ratios": RATIOS}
    with pytest.raises(KeyboardInterrupt):
        adaptive_wavelet_path(X, input_gradients=gradients, **params)
    assert len(calls) == 12
    search = AdaptiveWaveletTransformerCV(estimator=Ridge(), **params)
    search.fit(X, y, input_gradients=gradients)
    before = dict(vars(search))
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        search.fit(X[:, :20], y, input_gradients=gradients[:, :20])
    assert vars(search) == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:level=2 is too high:UserWarning")
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        AdaptiveWaveletTransformerCV(
            AdaptiveWaveletTransformer("db2", teacher=Teacher(cubic), max_iter=2),
            Ridge(),
            ratios=(0.0, 1.0),
            cv=2,
        )
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)
