"""Accuracy and size of pooled wavelet features on sets of labelled series.

    python benchmarks/ucr.py FOLDER [--sets NAME ...] [--resamples 5] [--jobs 2]
                             [--results FILE] [--picture FILE]

FOLDER holds the UCR archive in its own layout, ``NAME/NAME_TRAIN.tsv`` and
``NAME/NAME_TEST.tsv`` with the label first, or prepared files ``NAME.npz`` with ``X``,
``y``, and the rows of each resample in ``train`` and ``test``. A ``published.json``
there, of accuracies by set, method and resample, is shown beside.

Protocol: each series is scaled to zero mean and unit variance. Of the archive's own
layout the first resample is its split, the others are stratified draws of the same sizes.
The head is the same for all, a ridge classifier on standardised features whose strength
its own leave-one-out error chooses. Wavelets and features are chosen on the training
series only, all by the leave-one-out error of the same ridge. Differences are paired over
sets, each the mean over its resamples.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.stats import wilcoxon
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import AdaptiveSubbandPooling, SubbandPooling, WaveletTransformer
from sk_awave.engine._wavelet import library_filters
from sk_awave.feature_extraction._elimination import rank_features
from sk_awave.feature_extraction._leave_one_out import (
    encode_target,
    kernel,
    leave_one_out_error,
)

#: The numbers of wavelets, and of single features, that are compared.
N_WAVELETS, N_FEATURES = (1, 2, 4, 8), (20, 60, 120, 500)


def load_set(folder, name, n_resamples):
    """Return series, labels, and pairs of training and test rows."""
    prepared = folder / f"{name}.npz"
    if prepared.exists():
        data = np.load(prepared)
        X, y = data["X"], data["y"]
        splits = list(zip(data["train"], data["test"], strict=True))[:n_resamples]
    else:
        parts = [
            np.loadtxt(folder / name / f"{name}_{part}.tsv", ndmin=2)
            for part in ("TRAIN", "TEST")
        ]
        X, y = np.vstack(parts)[:, 1:], np.concatenate([part[:, 0] for part in parts])
        n_train = len(parts[0])
        splits = [(np.arange(n_train), np.arange(n_train, len(y)))]
        for seed in range(1, n_resamples):
            splits.append(stratified_split(y, y[:n_train], seed))
    X = X - X.mean(1, keepdims=True)
    X = (X / np.maximum(X.std(1, keepdims=True), 1e-8)).astype(np.float32)
    return X, np.unique(y, return_inverse=True)[1], splits


def stratified_split(y, y_train, seed):
    """Draw as many training rows of each class as the archive's split has."""
    rng, train = np.random.default_rng(seed), []
    for label, count in zip(*np.unique(y_train, return_counts=True), strict=True):
        train.append(rng.permutation(np.flatnonzero(y == label))[:count])
    train = np.sort(np.concatenate(train))
    return train, np.setdiff1d(np.arange(len(y)), train)


def make_head():
    return make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-3, 5, 17)))


def best_coefficients(X, y):
    """Return the fixed wavelet whose coefficients have the least leave-one-out error."""
    target, errors = encode_target(y, True), {}
    for name, _ in library_filters(12):
        Xt = WaveletTransformer(name).fit_transform(X)
        errors[name] = leave_one_out_error(kernel(Xt), Xt.shape[1], target)[0]
    return WaveletTransformer(min(errors, key=errors.get)).fit(X)


class Split:
    """A split of a set, and what was measured on it.

    ``rows`` has (accuracy, features, seconds to fit, ms to predict a series) by name.
    """

    def __init__(self, X, y, train, test):
        self.X_train, self.X_test, self.y_train, self.y_test = (
            *(X[train], X[test]),
            *(y[train], y[test]),
        )
        self.rows = {}

    def fit(self, estimator):
        """Return a fitted estimator, and the seconds that it took."""
        start = time.perf_counter()
        fitted = estimator.fit(self.X_train, self.y_train)
        return fitted, time.perf_counter() - start

    def transform(self, transformer):
        """Return features of both parts, and milliseconds a series of the test part."""
        F, start = transformer.transform(self.X_train), time.perf_counter()
        G = transformer.transform(self.X_test)
        return F, G, 1e3 * (time.perf_counter() - start) / len(self.X_test)

    def record(self, name, seconds, F, G, per_series):
        """Fit a head, and note how it does."""
        start = time.perf_counter()
        head = make_head().fit(F, self.y_train)
        seconds += time.perf_counter() - start
        self.rows[name] = head.score(G, self.y_test), F.shape[1], seconds, per_series


def run_split(X, y, train, test):
    """Return what was measured on a split."""
    split = Split(X, y, train, test)
    split.record("raw samples", 0.0, split.X_train, split.X_test, 0.0)
    start = time.perf_counter()
    coefficients = best_coefficients(split.X_train, split.y_train)
    seconds, features = time.perf_counter() - start, split.transform(coefficients)
    split.record("coefficients, best fixed wavelet", seconds, *features)
    statistics = ("absmax", "mean", "std")
    pooling = SubbandPooling(WaveletTransformer(), statistics=statistics)
    features = split.transform(pooling.fit(split.X_train))
    split.record("three statistics, decimated db5", 0.0, *features)
    settings = {"target_type": "multiclass", "random_state": 0, "min_gain": 0}
    library = AdaptiveSubbandPooling(4, n_candidates=0, order=1, **settings)
    library, seconds = split.fit(library)
    split.record("4 of the library", seconds, *split.transform(library))
    fixed, fixed_seconds = split.fit(
        AdaptiveSubbandPooling(1, n_candidates=0, **settings)
    )
    chosen, seconds = split.fit(AdaptiveSubbandPooling(max(N_WAVELETS), **settings))
    sides = {
        "best fixed": (fixed_seconds, *split.transform(fixed)),
        "adaptive": (seconds, *split.transform(chosen)),
    }
    record_wavelets(split, sides, fixed, chosen)
    for side, measured in sides.items():
        record_elimination(split, side, *measured)
    return split.rows


def record_wavelets(split, sides, fixed, chosen):
    """Record all features of the best fixed wavelet, and of numbers of chosen ones."""
    names = fixed.get_feature_names_out()
    of_bands = np.array(["|" not in name for name in names])
    for kind, kept in (("", of_bands), (", envelopes", np.ones_like(of_bands))):
        seconds, F, G, ms = sides["best fixed"]
        split.record(f"best fixed wavelet{kind}", seconds, F[:, kept], G[:, kept], ms)
        seconds, F, G, ms = sides["adaptive"]
        # The choice is greedy: the first wavelets of eight are those of fewer.
        for n in N_WAVELETS:
            k = min(n, len(chosen.wavelets_))
            if chosen.path_[k - 1] > 0.9 * fixed.leave_one_out_error_:
                row = split.rows[f"best fixed wavelet{kind}"]
                split.rows[f"adaptive, {n}{kind}"] = row
                continue
            columns = np.flatnonzero(np.tile(kept, k))
            features = F[:, columns], G[:, columns], ms * k / len(chosen.wavelets_)
            split.record(f"adaptive, {n}{kind}", seconds, *features)


def record_elimination(split, side, seconds, F, G, ms):
    """Record the features that are left by elimination."""
    start = time.perf_counter()
    ranking = rank_features(F, encode_target(split.y_train, True), min(N_FEATURES))
    seconds += time.perf_counter() - start
    for n in N_FEATURES:
        few = ranking[:n]
        split.record(f"{side}, {n} features", seconds, F[:, few], G[:, few], ms)


def run_set(folder, name, n_resamples):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y, splits = load_set(folder, name, n_resamples)
    return name, [run_split(X, y, *split) for split in splits]


def summarise(results, published, n_resamples):
    """Return the lines of the table, and the points of the picture."""
    sets, names = sorted(results), list(next(iter(results.values()))[0])
    values = {
        n: np.array([np.mean([run[n] for run in results[s]], axis=0) for s in sets])
        for n in names
    }
    base = values["best fixed wavelet"][:, 0]
    lines = [
        f"{len(sets)} sets, {n_resamples} resamples",
        f"{'':34}accuracy  features  fit (s)  ms / series   minus best fixed  "
        "wins-losses  Wilcoxon p",
    ]
    points = {}
    for name, table in values.items():
        accuracy, features, seconds, ms = table.mean(0)
        points[name] = float(features), float(accuracy)
        line = f"{name:34}{accuracy:8.4f}{features:10.0f}{seconds:9.1f}{ms:13.3f}"
        lines.append(line + compare(table[:, 0], base))
    for method in ("QUANT", "MiniRocket"):
        if all(method in published.get(s, {}) for s in sets):
            own = [np.mean(published[s][method][:n_resamples]) for s in sets]
            own = np.array(own)
            line = f"{method + ' (published)':34}{own.mean():8.4f}{'':32}"
            lines.append(line + compare(own, base))
            points[method] = (10_000.0 if method == "MiniRocket" else None), own.mean()
    return lines, points


def compare(scores, base):
    """Describe paired differences."""
    difference = scores - base
    if not difference.any():
        return ""
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    p = wilcoxon(difference).pvalue
    wins, losses = (difference > 0).sum(), (difference < 0).sum()
    return f"{difference.mean():+11.4f} ± {error:.4f}{wins:8}-{losses:<6}{p:10.1e}"


def draw(points, path):
    """Draw mean accuracy against the number of features."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    curves = {
        "chosen wavelets (1, 2, 4, 8)": [f"adaptive, {n}, envelopes" for n in N_WAVELETS],
        "features of 8 wavelets, chosen": [f"adaptive, {n} features" for n in N_FEATURES],
        "of the best fixed wavelet": [f"best fixed, {n} features" for n in N_FEATURES],
    }
    for i, (label, names) in enumerate(curves.items()):
        line = zip(*[points[name] for name in names], strict=True)
        ax.plot(*line, f"C{i}o-", markersize=4, label=label)
    others = {"raw samples", "MiniRocket"} & set(points)
    others |= {"coefficients, best fixed wavelet", "three statistics, decimated db5"}
    for i, name in enumerate(sorted(others), start=len(curves)):
        ax.plot(*points[name], f"C{i}^", label=name)
    if "QUANT" in points:
        ax.axhline(points["QUANT"][1], color="0.6", linewidth=1, label="QUANT")
    ax.set(xscale="log", xlabel="number of features", ylabel="mean accuracy")
    ax.legend(fontsize="x-small", frameon=False)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--resamples", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results", type=Path, help="where to keep what was computed")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    names = args.sets or sorted(
        {path.stem for path in args.folder.glob("*.npz")}
        | {path.parent.name for path in args.folder.glob("*/*_TRAIN.tsv")}
    )
    results = {}
    if args.results and args.results.exists():
        results = json.loads(args.results.read_text())
    jobs = (
        delayed(run_set)(args.folder, name, args.resamples)
        for name in names
        if name not in results
    )
    for name, runs in Parallel(args.jobs, return_as="generator_unordered")(jobs):
        results[name] = runs
        print(name, {n: round(np.mean([r[n][0] for r in runs]), 3) for n in runs[0]})
        if args.results:
            args.results.write_text(json.dumps(results))
    path = args.folder / "published.json"
    published = json.loads(path.read_text()) if path.exists() else {}
    lines, points = summarise({n: results[n] for n in names}, published, args.resamples)
    print("\n".join(lines))
    if args.picture:
        draw(points, args.picture)


if __name__ == "__main__":
    main()
