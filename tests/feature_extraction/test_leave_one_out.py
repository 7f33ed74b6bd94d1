"""The leave-one-out error against refits with scikit-learn, choices against loops."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from sk_awave.feature_extraction import _leave_one_out
from sk_awave.feature_extraction._leave_one_out import (
    STRENGTHS,
    choose_sets,
    encode_target,
    groups_of_copies,
    kernel,
    leave_one_out_error,
    standardise,
)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def refitted_error(features, target, strength):
    """The error by n refits on features that are standardised once."""
    n, p = features.shape
    z = StandardScaler().fit_transform(features) / np.sqrt(p)
    errors = []
    for i in range(n):
        rows = np.arange(n) != i
        ridge = Ridge(alpha=strength * n, solver="svd").fit(z[rows], target[rows])
        errors.append(np.ravel(target[i] - ridge.predict(z[i : i + 1])))
    spread = target - target.mean(axis=0)
    return np.mean(np.square(errors)) / np.mean(np.square(spread))


def refitted_error_of_groups(features, target, strength, groups):
    """The error by a refit for each group left out; the penalty is that of all rows."""
    n, p = features.shape
    z = StandardScaler().fit_transform(features) / np.sqrt(p)
    total = 0
    for group in np.unique(groups):
        out = groups == group
        ridge = Ridge(alpha=strength * n, solver="svd").fit(z[~out], target[~out])
        predicted = ridge.predict(z[out]).reshape(out.sum(), -1)
        total += np.square(target[out] - predicted).sum()
    return total / np.square(target - target.mean(axis=0)).sum()


GROUPS = {
    "sizes from 1 to 5": np.repeat(np.arange(5), [1, 2, 3, 4, 5]),
    "pairs": np.arange(16) // 2,
    "shuffled": np.random.default_rng(0).permutation(np.repeat(np.arange(5), 4)),
    "one and all others": np.arange(12) > 0,
    "two halves": np.arange(12) % 2 * 100 - 7,
    "words": np.array(list("aabbbcdddd")),
}


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize(
    "p, are_copies", [(3, True), (40, True), (7, False), (40, False)]
)
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_error_of_groups_is_that_of_refits(name, p, are_copies, n_outputs):
    groups = GROUPS[name]
    n = len(groups)
    features, y = random(n, p), random(n, n_outputs, seed=2)
    if are_copies:
        features = features[np.unique(groups, return_inverse=True)[1]]
    target, matrix = encode_target(y, False), kernel(features)
    for strength in STRENGTHS:
        expected = refitted_error_of_groups(features, target, strength, groups)
        # Where few rows are left that differ, a small penalty amplifies rounding twice.
        same = pytest.approx(expected, rel=1e-9 + 1e-15 / strength**2)
        error, _ = leave_one_out_error(matrix, p, target, [strength], groups)
        assert error == same
        error = _leave_one_out._error_at(matrix, p, target, strength, groups)
        assert error == same


@pytest.mark.parametrize("p", [5, 60])
def test_groups_of_one_row_are_rows_alone(p):
    features, target = random(20, p), encode_target(random(20, 2, seed=1), False)
    matrix, alone = kernel(features), np.random.default_rng(0).permutation(20)
    for strength in STRENGTHS:
        expected, _ = leave_one_out_error(matrix, p, target, [strength])
        error, _ = leave_one_out_error(matrix, p, target, [strength], alone)
        assert error == pytest.approx(expected)
        error = _leave_one_out._error_at(matrix, p, target, strength, alone)
        assert error == pytest.approx(expected)
    constant = 0 * target
    assert leave_one_out_error(matrix, p, constant, groups=alone)[0] == 0


def test_copies_are_groups():
    rows = random(5, 2, 3)
    assert groups_of_copies(rows) is None
    copies = rows[[0, 1, 0, 2, 1, 0]]
    assert groups_of_copies(copies).tolist() == [0, 1, 0, 2, 1, 0]
    assert groups_of_copies(copies.astype(np.float32)).tolist() == [0, 1, 0, 2, 1, 0]
    ends = np.where(np.arange(3) > 1, np.nan, copies)
    assert groups_of_copies(ends).tolist() == [0, 1, 0, 2, 1, 0]
    assert groups_of_copies(copies[:, :, ::2]).tolist() == [0, 1, 0, 2, 1, 0]
    assert groups_of_copies(np.array([[0.0], [-0.0], [1.0]])).tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="All 4 that were compared are equal"):
        groups_of_copies(np.ones((4, 3)))


@pytest.mark.parametrize("seed", range(3))
def test_sets_are_chosen_by_the_error_of_groups(seed):
    sets, _, sizes, y = make_groups(30, 14, seed=seed)
    twice = np.repeat(np.arange(30), 2)
    target, kernels = encode_target(y[twice], False), [kernel(s[twice]) for s in sets]
    indices, errors = choose_sets(kernels, sizes, target, 3, groups=twice)
    for k, error in enumerate(errors, start=1):
        total = sum(kernels[i] for i in indices[:k])
        count = sum(sizes[i] for i in indices[:k])
        best, _ = leave_one_out_error(total, count, target, groups=twice)
        assert error == pytest.approx(best)
    assert choose_sets(kernels, sizes, target, 3)[1][-1] < errors[-1] / 2


def exhaustive_choice(kernels, n_features, target, n_chosen):
    """The forward choice with every candidate fully evaluated."""
    chosen, errors = [], []
    for _ in range(n_chosen):
        results = {}
        for i in set(range(len(kernels))) - set(chosen):
            groups = [*chosen, i]
            total = sum(kernels[j] for j in groups)
            count = sum(n_features[j] for j in groups)
            results[i] = leave_one_out_error(total, count, target)[0]
        chosen.append(min(results, key=results.get))
        errors.append(results[chosen[-1]])
    return chosen, errors


def make_groups(n, n_groups, seed=0):
    """Groups that share much, as wavelets do, and a target that depends on it."""
    rng = np.random.default_rng(seed)
    sizes, common = rng.integers(n // 4, n // 2, n_groups), rng.standard_normal((n, 6))
    groups = [
        common @ rng.standard_normal((6, p)) + rng.standard_normal((n, p)) for p in sizes
    ]
    y = common[:, 0] + groups[-1][:, 0] + 0.5 * rng.standard_normal(n)
    return groups, [kernel(group) for group in groups], sizes, y


@pytest.mark.parametrize("n, p", [(20, 1), (20, 7), (20, 19), (20, 20), (20, 60), (3, 4)])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_error_is_that_of_refits(n, p, n_outputs):
    features = 3 + random(n, p) * np.logspace(-3, 3, p)
    weights = random(p, n_outputs, seed=1)
    y = standardise(features) @ weights + random(n, n_outputs, seed=2)
    target = encode_target(y, False)
    expected = [refitted_error(features, target, strength) for strength in STRENGTHS]
    matrix = kernel(features)
    for strength, error in zip(STRENGTHS, expected, strict=True):
        result = leave_one_out_error(matrix, p, target, [strength])
        assert result == (pytest.approx(error, rel=1e-8), strength)
    best = np.argmin(expected)
    error, strength = leave_one_out_error(matrix, p, target)
    assert error == pytest.approx(expected[best], rel=1e-8)
    assert strength == STRENGTHS[best]


def test_error_of_classes_is_that_of_refits():
    features, labels = random(20, 5), np.array(list("abca") * 5)
    one_hot = LabelBinarizer(neg_label=-1).fit_transform(labels)
    result = leave_one_out_error(kernel(features), 5, encode_target(labels, True), [0.01])
    assert result[0] == pytest.approx(refitted_error(features, one_hot, 0.01), rel=1e-8)


def test_encoded_labels():
    target = encode_target(["b", "a", "b", "b"], True)
    np.testing.assert_allclose(
        target, [[-0.5, 0.5], [1.5, -1.5], [-0.5, 0.5], [-0.5, 0.5]], atol=1e-15
    )


def test_encoded_numbers():
    y = random(10, 2) * [1e-9, 1e3] + [1, 1e12]
    target = encode_target(y, False)
    np.testing.assert_allclose(target, (y - y.mean(0)) / y.std(0), atol=1e-3)
    np.testing.assert_allclose(target.mean(0), 0, atol=1e-15)
    np.testing.assert_allclose(target.std(0), 1)
    np.testing.assert_array_equal(encode_target(y[:, 0], False), target[:, :1])
    assert encode_target(np.arange(4), False).dtype == np.float64


def test_standardised_features():
    features = 5 + random(30, 4) * [1, 1e-3, 1e200, 1e-200]
    result = standardise(features)
    np.testing.assert_allclose(result.mean(0), 0, atol=1e-12)
    np.testing.assert_array_equal(result[:, 3], 0)
    np.testing.assert_allclose(result[:, :3].std(0), 1)
    assert standardise(features[:, :2].astype(np.float32)).dtype == np.float64


def test_constant_features_are_zero():
    noise = 1e-8 * random(30, 1)
    constants = np.hstack([np.full((30, 3), [0.0, 0.1, -1e300]), 1 + noise])
    np.testing.assert_array_equal(standardise(constants), 0)
    np.testing.assert_array_equal(kernel(constants), 0)
    target = encode_target(random(30), False)
    error, _ = leave_one_out_error(kernel(constants), 4, target)
    assert error == pytest.approx((30 / 29) ** 2)


def test_kernels_add():
    a, b = random(12, 5), 10 * random(12, 30, seed=1)
    np.testing.assert_allclose(
        kernel(a) + kernel(b), kernel(np.hstack([a, b])), atol=1e-12
    )


@pytest.mark.parametrize("n, p", [(20, 5), (20, 50)])
def test_units_do_not_matter(n, p):
    features, y = random(n, p), random(n, seed=1)
    target = encode_target(y, False)
    error, strength = leave_one_out_error(kernel(features), p, target)
    units = np.exp(3 * random(p, seed=2))
    other = leave_one_out_error(
        kernel(features * units - units), p, encode_target(-1e4 * y + 7, False)
    )
    assert other == (pytest.approx(error), strength)


def test_a_constant_output_changes_nothing_but_counts_as_none():
    features, y = random(20, 5), random(20, 1, seed=1)
    alone = leave_one_out_error(kernel(features), 5, encode_target(y, False))
    beside = np.hstack([y, np.full((20, 1), 0.1)])
    both = leave_one_out_error(kernel(features), 5, encode_target(beside, False))
    assert both == pytest.approx(alone)


@pytest.mark.parametrize("classifies", [False, True])
def test_constant_targets_have_no_error(classifies):
    _, kernels, sizes, _ = make_groups(9, 12)
    target = encode_target(np.full(9, 0.1), classifies)
    np.testing.assert_array_equal(target, 0)
    assert leave_one_out_error(kernels[0], sizes[0], target)[0] == 0
    indices, errors = choose_sets(kernels, sizes, target, 3)
    assert len(set(indices)) == 3
    assert errors == [0, 0, 0]


def test_two_rows_predict_each_other():
    features, target = np.array([[1.0, 2.0], [3.0, 5.0]]), encode_target([0, 1], True)
    assert leave_one_out_error(kernel(features), 2, target)[0] == pytest.approx(4)
    indices, errors = choose_sets([kernel(features)], [2], target, 1)
    assert indices == [0]
    assert errors == pytest.approx([4])


def test_one_row_has_no_error():
    target = encode_target([3.0], False)
    assert leave_one_out_error(kernel([[1.0, 2.0]]), 2, target)[0] == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classifies", [False, True])
def test_few_groups_are_those_of_an_exhaustive_choice(seed, classifies):
    _, kernels, sizes, y = make_groups(40, 10, seed=seed)
    target = encode_target(y > 0 if classifies else y, classifies)
    indices, errors = choose_sets(kernels, sizes, target, 4)
    expected_indices, expected_errors = exhaustive_choice(kernels, sizes, target, 4)
    assert indices == expected_indices
    np.testing.assert_allclose(errors, expected_errors, rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_matter_are_among_many(seed):
    groups, kernels, sizes, _ = make_groups(60, 40, seed=seed)
    target = encode_target(groups[7][:, :3] + groups[31][:, :3], False)
    indices, errors = choose_sets(kernels, sizes, target, 2)
    assert sorted(indices) == [7, 31]
    expected_indices, expected_errors = exhaustive_choice(kernels, sizes, target, 2)
    assert indices == expected_indices
    np.testing.assert_allclose(errors, expected_errors, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classifies", [False, True])
def test_no_group_is_better_at_the_strength_before(seed, classifies):
    _, kernels, sizes, y = make_groups(40, 20, seed=seed)
    target = encode_target(y > 0 if classifies else y, classifies)
    indices, errors = choose_sets(kernels, sizes, target, 4)
    total, count = sum(kernels), sum(sizes)
    for step, error in enumerate(errors):
        _, strength = leave_one_out_error(total, count, target)
        total, count = sum(kernels[i] for i in indices[:step]), sum(sizes[indices[:step]])
        for i in set(range(20)) - set(indices[:step]):
            pair = total + kernels[i], count + sizes[i]
            assert error <= leave_one_out_error(*pair, target, [strength])[0] + 1e-12
        total, count = total + kernels[indices[step]], count + sizes[indices[step]]
        assert error == pytest.approx(leave_one_out_error(total, count, target)[0])


def test_error_at_one_strength_is_that_over_strengths():
    _, kernels, sizes, y = make_groups(25, 3)
    target = encode_target(np.stack([y, y**2], axis=1), False)
    for strength in STRENGTHS:
        expected, _ = leave_one_out_error(kernels[0], sizes[0], target, [strength])
        error = _leave_one_out._error_at(kernels[0], sizes[0], target, strength)
        assert error == pytest.approx(expected, rel=1e-8)


def test_groups_in_single_precision():
    _, kernels, sizes, y = make_groups(40, 14)
    target = encode_target(y, False)
    indices, errors = choose_sets(kernels, sizes, target, 5)
    singles = (matrix.astype(np.float32) for matrix in kernels)
    single_indices, single_errors = choose_sets(singles, sizes, target, 5)
    assert single_indices == indices
    np.testing.assert_allclose(single_errors, errors, atol=1e-5)


def test_groups_beside_chosen_ones():
    _, kernels, sizes, y = make_groups(25, 14)
    target = encode_target(y, False)
    indices, errors = choose_sets(kernels, sizes, target, 5)
    rest = choose_sets(kernels, sizes, target, 3, chosen=indices[:2])
    assert rest[0] == indices[2:]
    np.testing.assert_allclose(rest[1], errors[2:])


def test_groups_end_when_all_are_chosen():
    _, kernels, sizes, y = make_groups(10, 4)
    target = encode_target(y, False)
    originals = [matrix.copy() for matrix in kernels]
    indices, errors = choose_sets(np.array(kernels), sizes, target, 9)
    assert sorted(indices) == [0, 1, 2, 3]
    assert len(errors) == 4
    np.testing.assert_array_equal(kernels, originals)
    assert choose_sets(kernels, sizes, target, 2, chosen=range(4)) == ([], [])
    assert choose_sets([], [], target, 2) == ([], [])
