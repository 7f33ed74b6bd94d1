"""What attribution curves of forests are worth, and how fast their scores are.

Run ``python benchmarks/forests.py`` (two minutes). The first table repeats the first
simulation of Devlin et al. (arXiv:1905.07631) with 5000 rows: five correlated normal
features, cut off at 2 standard deviations, a forest of 50 trees, and the mean of y given
one feature as the truth, from two million rows. It prints the error of each estimate of
it: the root mean square over values from -1 to 1, divided by the standard deviation of
the truth along them, as quartiles over 50 curves of ten draws; and how often the kernel
smoother is nearer. The second table prints the time of scoring 500 samples.
"""

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

from time import perf_counter

import numpy as np
from scipy.stats import random_correlation
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence

from sk_awave.inspection import attribution_curves, disentangled_attributions

STEP = 0.02
GRID = np.arange(-1, 1 + STEP / 2, STEP)
N_DRAWS, N_FEATURES = 10, 5


def draw(rng, covariance, n_rows):
    """Return features, and the first function of the simulations."""
    X = rng.multivariate_normal(np.zeros(N_FEATURES), covariance, n_rows)
    X = X[(np.abs(X) <= 2).all(axis=1)]
    a, b, c, d, e = X.T
    y = np.pi ** (a * b) * np.sqrt(2 * np.abs(c)) - np.arcsin(d / 2)
    return X, y + np.log(np.abs(c + e) + 1)


def binned_mean(x, y):
    """Return the mean of y in the cell around each value of the grid."""
    cells = np.rint((x - GRID[0]) / STEP).astype(int)
    inside = (cells >= 0) & (cells < len(GRID))
    sums, counts = (
        np.bincount(cells[inside], w, len(GRID))
        for w in (y[inside], np.ones(inside.sum()))
    )
    return sums / counts


def smoother(x, y, width=0.1):
    """Return the kernel estimate of Nadaraya and Watson."""
    weights = np.exp(-(((GRID[:, None] - x) / width) ** 2) / 2)
    return weights @ y / weights.sum(axis=1)


def estimates(forest, X, y, feature):
    """Yield the estimates of the mean of y given a feature."""
    grid = {feature: GRID}
    for spread in (1, 0.25):
        curves = attribution_curves(
            forest, X, feature, y=y, spread=spread, custom_values=grid
        )
        yield f"attribution curve of y, spread {spread}", curves.average[0]
    curves = attribution_curves(forest, X, feature, custom_values=grid)
    yield "attribution curve of the model, spread 0.25", curves.average[0]
    average = partial_dependence(forest, X[:300], [feature], custom_values=grid)
    yield "partial dependence (300 rows)", average["average"][0]
    yield "mean of y in cells of 0.02", binned_mean(X[:, feature], y)
    yield "kernel smoother of y, width 0.1", smoother(X[:, feature], y)


def compare():
    """Print the errors."""
    errors = {}
    for seed in range(N_DRAWS):
        rng = np.random.default_rng(seed)
        covariance = random_correlation.rvs([2, 2, 1, 0, 0], random_state=rng)
        X, y = draw(rng, covariance, 6000)
        X, y = X[:5000], y[:5000]
        population = draw(rng, covariance, 2_000_000)
        forest = RandomForestRegressor(50, random_state=seed).fit(X, y)
        for feature in range(N_FEATURES):
            truth = binned_mean(population[0][:, feature], population[1])
            for name, curve in estimates(forest, X, y, feature):
                error = np.sqrt(np.nanmean((curve - truth) ** 2)) / truth.std()
                errors.setdefault(name, []).append(error)
    title = "estimate of the mean of y given a feature"
    print(f"{title:45} median  quartiles     smoother is nearer")
    best = np.array(errors["kernel smoother of y, width 0.1"])
    for name, values in errors.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        print(f"{name:45}  {middle:.2f}   {low:.2f} to {high:.2f}", end="")
        print(f"  {np.sum(best < values):2} of {len(best)}")


def by_loops(forest, X, y, points, features):
    """Return the scores by their definition: a pass over the rows for each."""
    scores = np.zeros(len(points))
    x, points = X.astype(np.float32), points.astype(np.float32)
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        for i, path in enumerate(tree.decision_path(points)):
            nodes = path.indices[np.isin(tree.feature[path.indices], features)]
            left = x[:, tree.feature[nodes]] <= tree.threshold[nodes]
            mine = points[i, tree.feature[nodes]] <= tree.threshold[nodes]
            scores[i] += y[(left == mine).all(axis=1)].mean()
    return scores / len(forest.estimators_)


def time_scores():
    """Print the time of scores, beside that of loops over samples and trees."""
    rng = np.random.default_rng(0)
    X, points = rng.standard_normal((2000, 10)), rng.standard_normal((500, 10))
    y = X[:, 0] * X[:, 1] + X[:, 2] ** 2
    forest = RandomForestRegressor(100, random_state=0).fit(X, y)
    few, ask = points[:5], {"background": X, "y": y, "centered": False}
    print("\n500 samples, 2000 rows, 100 trees      seconds   loops (100 x 5 samples)")
    for features in ([0], [0, 1], [0, 1, 2], list(range(10))):
        start = perf_counter()
        slow = by_loops(forest, X, y, few, features)
        slowly = 100 * (perf_counter() - start)
        times = []
        for _ in range(3):
            start = perf_counter()
            scores = disentangled_attributions(forest, points, features, **ask)
            times.append(perf_counter() - start)
        assert np.allclose(scores[:5], slow)
        print(f"group of {len(features):2} features {min(times):25.2f} {slowly:9.0f}")


if __name__ == "__main__":
    compare()
    time_scores()
