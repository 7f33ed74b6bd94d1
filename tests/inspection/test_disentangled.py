"""Attributions of forests against published values, brute force and identities."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import SubbandPooling
from sk_awave.inspection import attribution_curves, disentangled_attributions
from sk_awave.inspection._boxes import box_sums, leaf_boxes
from sk_awave.inspection._leaves import tree_curves, tree_scores

EXACT = 1e-9
PUBLISHED = np.load(Path(__file__).parent / "data" / "dac.npz")
SMALL = {"n_estimators": 12, "random_state": 0}
ENSEMBLES = [
    kind(**SMALL)
    for kind in (
        RandomForestRegressor,
        ExtraTreesRegressor,
        GradientBoostingRegressor,
        RandomForestClassifier,
        ExtraTreesClassifier,
        GradientBoostingClassifier,
    )
]


def uniform(n_rows=200, n_features=4, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n_rows, n_features))


def target(X, estimator=None):
    y = X[:, 0] * X[:, 1] + X[:, 2] ** 2
    labelled = estimator is not None and is_classifier(estimator)
    return np.digitize(y, [0, 0.4]) if labelled else y


def prediction(estimator, X):
    for name in ("decision_function", "predict_proba"):
        if hasattr(estimator, name):
            return getattr(estimator, name)(X)
    return estimator.predict(X)


# The published values, of trees that are stored as arrays.


def stored_trees(kind):
    """Return what stands for the forest, and the targets."""
    trees = []
    for i in range(12):
        names = ("feature", "threshold", "children_left", "children_right")
        tree = {name: PUBLISHED[f"{kind}.tree{i}.{name}"] for name in names}
        trees.append(SimpleNamespace(**tree, node_count=len(tree["feature"])))
    y = PUBLISHED["y"] if kind == "reg" else PUBLISHED["yc"].astype(float)
    forest = SimpleNamespace(trees=trees, leaves=lambda x: (find(t, x) for t in trees))
    return forest, [y[:, None]] * len(trees)


def find(tree, x):
    """Return the leaf of each sample."""
    nodes = np.zeros(len(x), int)
    while (inner := tree.children_left[nodes] >= 0).any():
        left = x[np.arange(len(x)), tree.feature[nodes]] <= tree.threshold[nodes]
        child = np.where(left, tree.children_left[nodes], tree.children_right[nodes])
        nodes = np.where(inner, child, nodes)
    return nodes


def never_asks(tree, x, features):
    lower, upper = (bound[find(tree, x)] for bound in leaf_boxes([tree], features))
    return (np.isinf(lower) & np.isinf(upper)).all(axis=1)


def fill(sums, counts):
    """Fill gaps from their neighbours, from left to right, as published."""
    sums, counts = sums.copy(), counts.astype(float)
    for i in np.flatnonzero(counts == 0):
        beside = [j for j in (i - 1, i + 1) if 0 <= j < len(counts)]
        sums[i], counts[i] = sums[beside].mean(), counts[beside].mean() or 1
    return sums / counts


@pytest.mark.parametrize("name", [n for n in PUBLISHED if n.startswith("dac_")])
@pytest.mark.parametrize("unknown", [[], [4, 5]], ids=["by tables", "by paths"])
def test_published_scores(name, unknown):
    _, kind, features = name.split("_")
    features = [*map(int, features), *unknown]  # no tree asks about the unknown
    forest, of_rows = stored_trees(kind)
    X, points = PUBLISHED["X"], PUBLISHED["points"]
    scores = tree_scores(forest, features, X, points, of_rows)
    total = 0
    for tree, (sums, counts) in zip(forest.trees, scores, strict=True):
        free = never_asks(tree, points, features)
        total = total + np.where(free, 0, sums[:, 0] / counts)  # published: it counts 0
    np.testing.assert_allclose(total / 12, PUBLISHED[name], rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", [n for n in PUBLISHED if n.startswith("curve_")])
def test_published_curves(name):
    _, kind, feature, spread = name.split("_")
    forest, of_rows = stored_trees(kind)
    grids, spread = [np.arange(-1, 1, 0.01)], float(spread[1:])
    curves = tree_curves(forest, [int(feature)], PUBLISHED["X"], of_rows, grids, spread)
    curve = np.mean([fill(sums[:, 0], counts) for sums, counts in curves], axis=0)
    known = ~np.isnan(PUBLISHED[name])  # there, an interval without rows is NaN
    assert known.sum() > 80
    np.testing.assert_allclose(curve[known], PUBLISHED[name][known], atol=EXACT)


def test_published_map():
    expected = PUBLISHED["map_reg_12_C1.0_corrected"]  # of the lower end of rectangles
    forest, of_rows = stored_trees("reg")
    grids = [np.arange(-1, 1, 0.05)] * 2
    curves = tree_curves(forest, [1, 2], PUBLISHED["X"], of_rows, grids, 1.0)
    trees = [sums[..., 0] / np.maximum(counts, 1) for sums, counts in curves]
    actual, known = np.mean(trees, axis=0).T, ~np.isnan(expected)
    np.testing.assert_allclose(actual[known], expected[known], rtol=0, atol=EXACT)


# The definitions, one row, one leaf and one cell at a time.


def questions(tree, leaf, features):
    """Return the splits on some features on the way to a leaf: feature, end, side."""
    asked, node = [], leaf
    while node:
        parent = np.flatnonzero(
            (tree.children_left == node) | (tree.children_right == node)
        )
        parent = int(parent[0])
        if tree.feature[parent] in features:
            is_left = tree.children_left[parent] == node
            asked.append((tree.feature[parent], tree.threshold[parent], is_left))
        node = parent
    return asked


def answer_alike(x, asked):
    x = x.astype(np.float32)
    return np.all(
        [(x[:, f] <= t) == is_left for f, t, is_left in asked], axis=0
    ) & np.ones(len(x), bool)


def brute_scores(trees, X, points, features, y):
    scores = np.zeros(len(points))
    for tree in trees:
        for i, leaf in enumerate(tree.apply(points.astype(np.float32))):
            rows = answer_alike(X, questions(tree, leaf, features))
            scores[i] += y[rows].mean() / len(trees)
    return scores


def brute_curve(trees, X, features, y, ends, spread):
    """Return the mean over trees, and the rows; `ends` of the cells of each feature."""
    shape = [len(e) - 1 for e in ends]
    curves, totals = [], np.zeros(shape, int)
    for tree in trees:
        sums, counts = np.zeros(shape), np.zeros(shape, int)
        for leaf in np.flatnonzero(tree.children_left < 0):
            rows = answer_alike(X, questions(tree, leaf, features))
            x = X[:, features]
            mean, reach = x[rows].mean(0), spread * x[rows].std(0)
            rows &= (np.abs(x - mean) <= reach + 1e-12).all(1)
            for cell in np.ndindex(*shape):
                if all(
                    e[k] <= m + r and e[k + 1] >= m - r
                    for e, k, m, r in zip(ends, cell, mean, reach, strict=True)
                ):
                    sums[cell] += y[rows].sum()
                    counts[cell] += rows.sum()
        curves.append(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
        totals += counts
    covered = ~np.isnan(curves)
    total = np.where(covered, curves, 0).sum(axis=0)
    return np.where(covered.any(0), total / np.maximum(covered.sum(0), 1), np.nan), totals


DATA = {
    "uniform": uniform(60),
    "duplicates": uniform(60).round(),
    "constant": uniform(60) * [1, 0, 1, 1] + [0, 0.1, 0, 0],
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("features", [[0], [1], [2, 0], [0, 1, 3], [0, 1, 2, 3]], ids=str)
@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_scores_are_as_defined(kind, features, data):
    X, points = DATA[data], uniform(9, seed=1)
    y = target(X)
    forest = kind(4, min_samples_leaf=2, random_state=0).fit(X, y)
    trees = [tree.tree_ for tree in forest.estimators_]
    expected = brute_scores(trees, X, points, features, y)
    asked = {"background": X, "y": y, "centered": False}
    actual = disentangled_attributions(forest, points, features, **asked)
    np.testing.assert_allclose(actual, expected, atol=EXACT)


@pytest.mark.parametrize("spread", [0, 0.25, 1.1])
@pytest.mark.parametrize("features", [[0], [1], [2, 0]], ids=str)
@pytest.mark.parametrize("data", DATA)
def test_curves_are_as_defined(data, features, spread):
    X = DATA[data]
    y = target(X)
    forest = RandomForestRegressor(3, min_samples_leaf=3, random_state=0).fit(X, y)
    grid, ends = [-0.8, -0.3, 0.1, 0.2], [-1.05, -0.55, -0.1, 0.15, 0.25]
    trees = [tree.tree_ for tree in forest.estimators_]
    expected, counts = brute_curve(trees, X, features, y, [ends] * len(features), spread)
    actual = attribution_curves(
        forest,
        X,
        features,
        y=y,
        spread=spread,
        custom_values=dict.fromkeys(features, grid),
    )
    np.testing.assert_array_equal(actual.counts, counts)
    np.testing.assert_allclose(actual.average, expected[None], atol=EXACT)


def test_large_tables_are_not_made(monkeypatch):
    X, points = uniform(300), uniform(20, seed=1)
    forest = RandomForestRegressor(**SMALL).fit(X, target(X))

    def compute():
        curve = attribution_curves(forest, X, [0, 1], grid_resolution=5)
        scores = [
            disentangled_attributions(forest, points, group, background=X)
            for group in ([0, 1], [0, 1, 2])
        ]
        return [curve.average, *scores]

    expected = compute()
    for module in ("_boxes", "_leaves"):
        monkeypatch.setattr(f"sk_awave.inspection.{module}.MAX_CELLS", 5000)
    for actual, other in zip(compute(), expected, strict=True):
        np.testing.assert_allclose(actual, other, atol=EXACT)


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_sums_over_boxes(n_features):
    rng = np.random.default_rng(0)
    ranks, values = rng.integers(0, 50, (50, n_features)), rng.normal(size=(50, 2))
    start, stop = np.sort(rng.integers(0, 51, (2, 30, n_features)), axis=0)
    inside = (start[:, None] <= ranks) & (ranks < stop[:, None])
    expected = inside.all(axis=2) @ values
    np.testing.assert_allclose(box_sums(ranks, start, stop, values), expected, atol=EXACT)


# Identities.


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("n_features", [2, 4])
def test_all_features_score_the_prediction(estimator, n_features):
    X, points = uniform(200, n_features), uniform(30, n_features, seed=1)
    y = target(np.pad(X, ((0, 0), (0, 2))), estimator)
    estimator.fit(X, y)
    every = list(range(n_features))
    ask = {"background": X, "centered": False}
    scores = disentangled_attributions(estimator, points, every, **ask)
    expected = prediction(estimator, points)
    np.testing.assert_allclose(scores, expected, atol=EXACT)
    centred = disentangled_attributions(estimator, points, every, background=X)
    expected = expected - prediction(estimator, X).mean(axis=0)
    np.testing.assert_allclose(centred, expected, atol=EXACT)


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("given", [False, True])
def test_what_no_tree_asks_about_scores_the_mean(estimator, given):
    X = np.column_stack([uniform(), np.ones(200)])
    y = target(X, estimator)
    estimator.fit(X, y)
    mean = prediction(estimator, X).mean(axis=0)
    if given:
        mean = (
            np.mean(y[:, None] == np.unique(y), 0)
            if is_classifier(estimator)
            else y.mean()
        )
    ask = {"background": X, "y": y if given else None}
    scores = disentangled_attributions(estimator, X[:5], 4, centered=False, **ask)
    np.testing.assert_allclose(scores, np.tile(mean, (5, 1)).reshape(scores.shape))
    scores = disentangled_attributions(estimator, X[:5], 4, **ask)
    np.testing.assert_allclose(scores, 0, atol=EXACT)


def test_two_features_of_an_exclusive_or_say_all_together():
    X = uniform(1000)
    y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    forest = RandomForestClassifier(50, random_state=0).fit(X, y)
    points = np.array([[0.5, 0.5, 0, 0], [0.5, -0.5, 0, 0]])

    def score(features):
        ask = {"background": X, "centered": False}
        return disentangled_attributions(forest, points, features, **ask)[:, 1]

    for alone in ([0], [1]):
        np.testing.assert_allclose(score(alone), 0.5, atol=0.05)
    low, high = score([0, 1])
    assert low < 0.15
    assert high > 0.85
    grid = {0: [-0.5, 0.5], 1: [-0.5, 0.5]}
    curves = attribution_curves(forest, X, [0, 1], spread=1, custom_values=grid)
    assert (curves.average[1][[0, 1], [1, 0]] > 0.65).all()
    assert (curves.average[1][[0, 1], [0, 1]] < 0.45).all()
    np.testing.assert_allclose(curves.average.sum(axis=0), 1)


def test_labels_count_as_zero_and_one():
    X = uniform()
    y = np.array(["a", "b", "c"])[target(X, RandomForestClassifier())]
    for kind in (RandomForestClassifier, GradientBoostingClassifier):
        model = kind(**SMALL).fit(X, y)
        ask = {"background": X, "y": y}
        scores = disentangled_attributions(model, X[:9], [0, 1], **ask)
        assert scores.shape == (9, 3)
        if kind is RandomForestClassifier:
            np.testing.assert_allclose(scores.sum(axis=1), 0, atol=EXACT)
            trees = [tree.tree_ for tree in model.estimators_]
            expected = brute_scores(trees, X, X[:9], [0, 1], y == "b") - (y == "b").mean()
        else:  # the trees of each class are those that answer for it
            trees = [tree.tree_ for tree in model.estimators_[:, 1]]
            expected = brute_scores(trees, X, X[:9], [0, 1], y == "b") - (y == "b").mean()
        np.testing.assert_allclose(scores[:, 1], expected, atol=EXACT)


def test_two_classes_of_boosting():
    X = uniform()
    y = X[:, 0] > 0.2
    model = GradientBoostingClassifier(**SMALL).fit(X, y)
    assert disentangled_attributions(model, X[:3], 0, background=X).shape == (3,)
    scores = disentangled_attributions(model, X[:3], 0, background=X, y=y)
    np.testing.assert_allclose(scores.sum(axis=1), 0, atol=EXACT)
    assert attribution_curves(model, X, 0).average.shape[0] == 1
    assert attribution_curves(model, X, 0, y=y).average.shape[0] == 2


# Shapes and corners.


def test_several_outputs():
    X = uniform()
    y = np.column_stack([X[:, 0], X[:, 1] ** 2, X[:, 2]])
    forest = RandomForestRegressor(**SMALL).fit(X, y)
    scores = disentangled_attributions(forest, X[:5], [0, 1, 2, 3], background=X)
    np.testing.assert_allclose(scores, forest.predict(X[:5]) - forest.predict(X).mean(0))
    curves = attribution_curves(forest, X, [0, 1], y=y, grid_resolution=7)
    assert curves.average.shape == (3, 7, 7)
    single = attribution_curves(forest, X, [0, 1], y=y[:, 1], grid_resolution=7)
    np.testing.assert_allclose(curves.average[1], single.average[0], atol=EXACT)


def test_several_outputs_of_classes():
    X = uniform()
    y = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.3, 0.4])])
    forest = RandomForestClassifier(**SMALL).fit(X, y)
    ask = {"background": X, "centered": False}
    scores = disentangled_attributions(forest, X[:5], [0, 1, 2, 3], **ask)
    expected = np.hstack(forest.predict_proba(X[:5]))
    np.testing.assert_allclose(scores, expected, atol=EXACT)
    given = disentangled_attributions(forest, X[:5], 0, y=y, **ask)
    assert given.shape == (5, 5)
    np.testing.assert_allclose(given.sum(axis=1), 2)


@pytest.mark.parametrize("kind", [RandomForestRegressor, GradientBoostingRegressor])
def test_stumps(kind):
    X = uniform()
    model = kind(max_depth=1, **SMALL).fit(X, np.sign(X[:, 0]))
    ask = {"background": X, "centered": False}
    scores = disentangled_attributions(model, X, 0, **ask)
    np.testing.assert_allclose(scores, model.predict(X), atol=EXACT)
    curves = attribution_curves(model, X, 0, spread=3)
    assert np.isfinite(curves.average).all()
    leaf = RandomForestRegressor(2, max_depth=1, random_state=0).fit(X, np.ones(200))
    np.testing.assert_allclose(attribution_curves(leaf, X, 0, spread=3).average, 1)


def test_deep_trees():
    X = np.arange(40.0)[:, None] + [0, 100]
    forest = RandomForestRegressor(3, bootstrap=False, random_state=0)
    forest.fit(X, 3.0 ** np.arange(40))
    assert max(tree.get_depth() for tree in forest.estimators_) > 25
    ask = {"background": X, "centered": False}
    scores = disentangled_attributions(forest, X, [0, 1], **ask)
    np.testing.assert_allclose(scores, forest.predict(X), rtol=EXACT)


def test_a_background_of_one_row_answers_for_few():
    X = uniform()
    forest = RandomForestRegressor(**SMALL).fit(X, X[:, 0])
    ask = {"background": X[:1], "y": [5.0], "centered": False}
    scores = disentangled_attributions(forest, X, 0, **ask)
    np.testing.assert_allclose(scores[~np.isnan(scores)], 5)
    assert np.isfinite(scores[0])
    assert np.isnan(scores).any()
    curves = attribution_curves(forest, X[:1], 0, y=[5.0])
    assert curves.average.tolist() == [[5.0]]


@pytest.mark.parametrize("features", [0, [0, 1], [0, 1, 2]])
def test_no_step_of_python_for_each_sample(features):
    X = uniform(400)
    forest = RandomForestRegressor(max_depth=5, **SMALL).fit(X, target(X))

    def count(points):
        steps = []
        sys.setprofile(lambda *event: steps.append(event[1]))
        try:
            disentangled_attributions(forest, points, features, background=X)
        finally:
            sys.setprofile(None)
        return len(steps)

    assert count(uniform(1000, seed=2)) < 1.2 * count(uniform(100, seed=2))


def test_units_of_features_do_not_matter():
    X = uniform()
    y = target(X)
    scale = np.array([2**10, 2**-5, 1, 1])  # exact, so that the trees are the same
    forest = RandomForestRegressor(**SMALL)
    expected = attribution_curves(forest.fit(X, y), X, [0, 1], y=y, grid_resolution=9)
    scaled = forest.fit(X * scale, y)
    actual = attribution_curves(scaled, X * scale, [0, 1], y=y, grid_resolution=9)
    np.testing.assert_array_equal(actual.counts, expected.counts)
    np.testing.assert_allclose(actual.average, expected.average, atol=EXACT)


def test_grids_are_those_of_partial_dependence():
    X = np.column_stack([uniform(), np.arange(200) % 3])
    forest = RandomForestRegressor(**SMALL).fit(X, X[:, 0])
    for features in ([0], [1, 4]):
        theirs = partial_dependence(forest, X, features, grid_resolution=20)
        ours = attribution_curves(forest, X, features, grid_resolution=20)
        for actual, expected in zip(ours.grid_values, theirs.grid_values, strict=True):
            np.testing.assert_allclose(actual, expected)
        assert ours.average.shape == theirs.average.shape
        assert ours.counts.shape == theirs.average.shape[1:]
        np.testing.assert_array_equal(np.isnan(ours.average[0]), ours.counts == 0)


def test_names_and_frames():
    X = pd.DataFrame(uniform(), columns=list("abcd"))
    forest = RandomForestRegressor(**SMALL).fit(X, X["a"] * X["b"])
    by_index = disentangled_attributions(forest, X[:9], [0, 1], background=X)
    for group in (["a", "b"], ("b", 0), np.array([True, True, False, False])):
        scores = disentangled_attributions(forest, X[:9], group, background=X)
        np.testing.assert_allclose(scores, by_index, atol=EXACT)
    curves = attribution_curves(forest, X, "b", custom_values={"b": [0.0, 0.5]})
    assert curves.grid_values[0].tolist() == [0, 0.5]
    with pytest.raises(ValueError, match="feature names should match"):
        disentangled_attributions(forest, X.rename(columns={"a": "z"}), 0, background=X)
    boosting = GradientBoostingRegressor(**SMALL).fit(X, X["a"])
    scores = disentangled_attributions(boosting, X[:9], list("abcd"), background=X)
    expected = boosting.predict(X[:9]) - boosting.predict(X).mean()
    np.testing.assert_allclose(scores, expected, atol=EXACT)


def test_behind_the_steps_of_a_pipeline(ecg):
    y = ecg.std(axis=1)
    pooling = SubbandPooling(statistics=("max", "std"))
    pipeline = make_pipeline(pooling, RandomForestRegressor(**SMALL)).fit(ecg, y)
    name = pooling.fit(ecg).get_feature_names_out()[3]
    scores = disentangled_attributions(pipeline, ecg[:5], name, background=ecg)
    pooled = pooling.transform(ecg)
    expected = disentangled_attributions(pipeline[-1], pooled[:5], 3, background=pooled)
    np.testing.assert_array_equal(scores, expected)
    alone = make_pipeline(pipeline[-1])
    scores = disentangled_attributions(alone, pooled[:5], 3, background=pooled)
    np.testing.assert_array_equal(scores, expected)
    curves = attribution_curves(pipeline, ecg, name, y=y)
    assert curves.average.shape == (1, len(curves.grid_values[0]))


# Errors.


@pytest.mark.parametrize(
    "estimator, got",
    [
        (AdaBoostRegressor(), "AdaBoostRegressor"),
        (make_pipeline(StandardScaler(), LinearRegression()), "LinearRegression"),
        (None, "NoneType"),
    ],
)
def test_other_estimators(estimator, got):
    X = uniform()
    with pytest.raises(TypeError, match=rf"needs a forest: one of Rand.* Got {got} inst"):
        disentangled_attributions(estimator, X, 0, background=X)
    with pytest.raises(
        TypeError, match=rf"attribution_curves needs .* Got {got} instead"
    ):
        attribution_curves(estimator, X, 0)


def test_errors():
    X = uniform()
    forest = RandomForestRegressor(**SMALL)
    with pytest.raises(NotFittedError, match="RandomForestRegressor"):
        disentangled_attributions(forest, X, 0, background=X)
    forest.fit(X, X[:, 0])
    for features in (4, -1, "a", [], [0, 0], 0.5, True):
        with pytest.raises(ValueError, match=r"'features' parameter .* from 0 to 3"):
            disentangled_attributions(forest, X, features, background=X)
    with pytest.raises(ValueError, match=r"one feature or two\. Got 3 instead"):
        attribution_curves(forest, X, [0, 1, 2])
    with pytest.raises(ValueError, match="3 features, but RandomForestRegressor"):
        disentangled_attributions(forest, X[:, :3], 0, background=X)
    with pytest.raises(ValueError, match="NaN"):
        disentangled_attributions(forest, X * np.nan, 0, background=X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        disentangled_attributions(forest, X, 0, background=X, y=X[:5, 0])
    classifier = RandomForestClassifier(**SMALL).fit(X, X[:, 0] > 0)
    with pytest.raises(
        ValueError, match=r"'y' parameter of attribution_curves .* labels"
    ):
        attribution_curves(classifier, X, 0, y=np.full(200, 7))


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"spread": -1}, "'spread' parameter .* Got -1"),
        ({"spread": "a"}, "'spread' parameter .* Got 'a'"),
        ({"percentiles": (0.9, 0.1)}, r"'percentiles' parameter .* Got \(0.9, 0.1\)"),
        ({"percentiles": 0.1}, "'percentiles' parameter .* Got 0.1"),
        ({"grid_resolution": 1}, "'grid_resolution' parameter .* Got 1"),
        ({"custom_values": {0: [1, 0]}}, r"'custom_values' .* Got \[1, 0\]"),
        ({"custom_values": {9: [1, 0]}}, r"'features' parameter .* Got \[9\]"),
    ],
)
def test_wrong_parameters_of_curves(kwargs, message):
    X = uniform()
    forest = RandomForestRegressor(**SMALL).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=message):
        attribution_curves(forest, X, 0, **kwargs)


def test_equal_quantiles():
    X = uniform(400)
    X[:380, 0] = 0
    forest = RandomForestRegressor(**SMALL).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"are equal, 0\.0: set other 'percentiles'"):
        attribution_curves(forest, X, 0, percentiles=(0.3, 0.6), grid_resolution=10)


def test_boosting_from_a_model_needs_targets():
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(init=LinearRegression(), **SMALL).fit(X, y)
    with pytest.raises(ValueError, match=r"constant to boost from. Got init=LinearRegr"):
        disentangled_attributions(model, X, 0, background=X)
    scores = disentangled_attributions(model, X, 0, background=X, y=y)
    assert np.isfinite(scores).all()
    zero = GradientBoostingRegressor(init="zero", **SMALL).fit(X, y)
    ask = {"background": X, "centered": False}
    scores = disentangled_attributions(zero, X, range(10), **ask)
    np.testing.assert_allclose(scores, zero.predict(X))
