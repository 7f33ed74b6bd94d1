"""Ranking of features by elimination, against scikit-learn's ridge."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV

from sk_awave.feature_extraction import _elimination
from sk_awave.feature_extraction._elimination import rank_features
from sk_awave.feature_extraction._leave_one_out import (
    STRENGTHS,
    encode_target,
    kernel,
    leave_one_out_error,
    standardise,
)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("n, p", [(30, 6), (12, 40), (20, 20)])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_weights_are_those_of_the_best_ridge(n, p, n_outputs):
    features = standardise(random(n, p))
    y = features[:, :3] @ random(3, n_outputs, seed=1) + random(n, n_outputs, seed=2)
    target = encode_target(y, False)
    search = RidgeCV(STRENGTHS * n * p, fit_intercept=True).fit(features, target)
    ridge = Ridge(search.alpha_).fit(features, target)
    expected = np.square(np.atleast_2d(ridge.coef_)).sum(axis=0)
    actual, penalty = _elimination._weights(features, target)
    assert penalty == pytest.approx(search.alpha_)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_each_round_leaves_out_the_smallest_weights():
    features = standardise(random(40, 10))
    target = encode_target(features[:, 4] + 0.1 * random(40, seed=1), False)
    weights, penalty = _elimination._weights(features, target)
    ranking = rank_features(features, target, 8)
    assert set(ranking[8:]) == set(np.argsort(weights)[:2])
    left = np.sort(ranking[:8])
    again, _ = _elimination._weights(features[:, left], target, penalty)
    assert ranking[:8].tolist() == left[np.argsort(-again)].tolist()


def test_informative_features_come_first():
    features = random(120, 200)
    labels = np.argmax(features[:, [5, 50, 150]] + 0.3 * random(120, 3, seed=1), axis=1)
    ranking = rank_features(features, encode_target(labels, True))
    assert sorted(ranking[:3]) == [5, 50, 150]
    assert sorted(ranking) == list(range(200))


def test_a_pair_that_is_informative_only_together_is_kept():
    # Choosing one by one starts with the first, which neither of the pair beats.
    noise = random(80, 30, seed=3)
    a, b = random(80, seed=1), random(80, seed=2)
    features = np.column_stack([a + 3 * b, b, noise])
    assert sorted(rank_features(features, encode_target(a, False))[:2]) == [0, 1]


def test_units_and_order_do_not_matter():
    features, target = random(30, 12), encode_target(random(30, seed=1), False)
    units = np.exp(3 * random(12, seed=2))
    expected = rank_features(features, target)
    np.testing.assert_array_equal(rank_features(features * units - 1, target), expected)
    backwards = rank_features(features[:, ::-1], target)
    np.testing.assert_array_equal(11 - backwards, expected)


def test_constant_features_come_last():
    features = np.hstack([np.ones((20, 2)), random(20, 3), np.full((20, 1), 0.1)])
    ranking = rank_features(features, encode_target(random(20, seed=1), False))
    assert sorted(ranking[:3]) == [2, 3, 4]
    assert sorted(ranking[3:]) == [0, 1, 5]


@pytest.mark.parametrize("shape", [(1, 3), (2, 4), (5, 1)])
def test_few_rows_and_columns(shape):
    ranking = rank_features(random(*shape), encode_target(np.arange(shape[0]), True))
    assert sorted(ranking) == list(range(shape[1]))


def test_the_penalty_is_that_of_copies_left_out_together():
    features = standardise(random(30, 60)[np.repeat(np.arange(15), 2)])
    target = encode_target(np.repeat(random(15, seed=1), 2), False)
    groups = np.repeat(np.arange(15), 2)
    _, alone = _elimination._weights(features, target)
    _, together = _elimination._weights(features, target, groups=groups)
    assert together > 100 * alone  # which would fit the noise
    _, strength = leave_one_out_error(kernel(features), 60, target, groups=groups)
    assert together == pytest.approx(strength * features.size)
    expected = rank_features(features, target, groups=groups)
    assert expected.tolist() != rank_features(features, target).tolist()
