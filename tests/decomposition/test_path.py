"""The path of ratios against separate fits."""

import numpy as np
import pytest
from sklearn.base import clone

from sk_awave import (
    AdaptiveWaveletTransformer,
    WaveletTransformer,
    adaptive_wavelet_path,
)
from sk_awave.decomposition import _learner
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
    return X, gradients


def strength(point):
    """The strength of the attributions on the published scale."""
    return point.strengths_["attribution"]


def transformer(**params):
    return AdaptiveWaveletTransformer("db3", level=2, **params)


def test_each_point_is_a_fit_at_the_published_strengths(data):
    X, gradients = data
    ratios, path = adaptive_wavelet_path(
        X, transformer=transformer(), ratios=RATIOS, input_gradients=gradients
    )
    np.testing.assert_array_equal(ratios, RATIOS)
    for point in path:
        terms = point.objective_terms_
        loss = terms["sparsity"] + strength(point) * terms["attribution"]
        assert loss == pytest.approx(min(point.loss_curve_), rel=1e-9)
        again = clone(point).fit(X, input_gradients=gradients)
        assert loss <= again.starts_[0]["loss_before"]
    sparsity = [point.objective_terms_["sparsity"] for point in path]
    attribution = [point.objective_terms_["attribution"] for point in path]
    assert sparsity == sorted(sparsity)
    assert attribution == sorted(attribution, reverse=True)


def test_the_ratio_is_relative_to_the_start(data):
    X, gradients = data
    start = transformer(max_iter=0).fit(X, input_gradients=gradients).objective_terms_
    _, (point,) = adaptive_wavelet_path(
        X, transformer=transformer(), ratios=2.0, input_gradients=gradients
    )
    expected = 2 * start["sparsity"] / start["attribution"]
    assert strength(point) == pytest.approx(expected, rel=1e-12)
    assert point.attribution_ratio == 2


@pytest.mark.parametrize("x_unit, gradient_unit", [(1e3, 1.0), (1.0, 1e-4)])
def test_ratios_have_no_unit(data, x_unit, gradient_unit):
    X, gradients = data
    args = {"transformer": transformer(), "ratios": RATIOS}
    _, path = adaptive_wavelet_path(X, input_gradients=gradients, **args)
    _, scaled = adaptive_wavelet_path(
        x_unit * X, input_gradients=gradient_unit * gradients, **args
    )
    for one, other in zip(path, scaled, strict=True):
        expected = strength(one) * x_unit / gradient_unit
        assert strength(other) == pytest.approx(expected, rel=1e-9)
        loss = min(other.loss_curve_) / x_unit
        assert loss == pytest.approx(min(one.loss_curve_), rel=1e-3)


def test_a_point_starts_at_the_best_known_wavelet(data):
    X, gradients = data
    _, path = adaptive_wavelet_path(
        X, transformer=transformer(), ratios=RATIOS, input_gradients=gradients
    )
    for i, point in enumerate(path):
        known = [
            point.alpha_sparsity * before.objective_terms_["sparsity"]
            + strength(point) * before.objective_terms_["attribution"]
            for before in path[:i]
        ]
        assert all(point.loss_curve_[0] <= loss * (1 + 1e-9) for loss in known)
    names = [point.starts_[0]["wavelet"] for point in path]
    assert names == ["db3", "ratio 0", "ratio 0.3"]


def test_starts_are_searched_for_at_both_ends_only(data, monkeypatch):
    X, gradients = data
    strengths = []

    def find_starts(objective, *args, **kwargs):
        strengths.extend(
            a for term, a in objective.terms.items() if term.name == "attribution"
        )
        return original(objective, *args, **kwargs)

    original = _learner.find_starts
    monkeypatch.setattr(_learner, "find_starts", find_starts)
    searched = transformer(init="library", n_init=2, random_state=0)
    _, path = adaptive_wavelet_path(
        X, transformer=searched, ratios=RATIOS, input_gradients=gradients
    )
    assert strengths == [strength(path[0]), strength(path[-1])]
    assert all(len(point.starts_) == 2 for point in path)


def test_the_teacher_is_differentiated_once(data):
    X, calls = data[0], []

    def teacher(x):
        if x.requires_grad:  # else, its outputs are compared
            calls.append(len(x))
        return cubic(x)

    adaptive_wavelet_path(X, transformer=transformer(teacher=teacher), ratios=RATIOS)
    assert sum(calls) == len(X)


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
    learner = AdaptiveWaveletTransformer("db3", **params)
    with pytest.raises(ValueError, match=match):
        adaptive_wavelet_path(data[0], transformer=learner, ratios=ratios)


def test_a_path_of_another_transformer(data):
    with pytest.raises(TypeError, match=r"must be an instance of 'Adapt.* Got WaveletTr"):
        adaptive_wavelet_path(data[0], transformer=WaveletTransformer())


def test_zero_gradients(data):
    X, gradients = data
    with pytest.raises(ValueError, match="attributions are zero"):
        adaptive_wavelet_path(X, input_gradients=0 * gradients)


@pytest.mark.parametrize("init", ["wavelet", "library"])
def test_an_interrupted_path_raises(data, init, monkeypatch):
    X, gradients = data
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
