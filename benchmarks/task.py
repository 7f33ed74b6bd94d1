"""Pooled features of chosen wavelets on images and on numbers to predict.

    python benchmarks/task.py [--repeats 5]

Images are scikit-learn's digits, and the numbers those of simulated bursts: the height of
the highest. Each repeat draws 400 training samples anew; 600 others test. The head is the
same for all, a ridge on standardised features whose strength its own leave-one-out error
chooses. Wavelets and features are chosen on the training samples only. Differences to the
best fixed wavelet are paired over the repeats.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import AdaptiveSubbandPooling
from sk_awave.datasets import make_bursts

STRENGTHS = np.logspace(-3, 5, 17)


def make_tasks():
    """Return samples, targets, the head, and settings of the pooling, by name."""
    digits = load_digits()
    return {
        "digits (accuracy)": (
            digits.images,
            digits.target,
            RidgeClassifierCV(STRENGTHS),
            {"ndim": 2, "level": 2, "segments": (1, 2)},
        ),
        "bursts (R2)": (
            *make_bursts(1000, random_state=0, return_X_y=True),
            RidgeCV(STRENGTHS),
            {},
        ),
    }


def make_contenders(settings):
    settings = {"min_gain": 0, "random_state": 0} | settings
    return {
        "best fixed wavelet": AdaptiveSubbandPooling(1, n_candidates=0, **settings),
        "adaptive, 4": AdaptiveSubbandPooling(4, **settings),
        "adaptive, 4, 60 features": AdaptiveSubbandPooling(4, n_features=60, **settings),
        "adaptive, 4, 20 features": AdaptiveSubbandPooling(4, n_features=20, **settings),
    }


def run(X, y, head, settings, seed):
    """Return (score, number of features) by name."""
    stratify = y if y.dtype.kind in "iu" else None
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=400, test_size=600, stratify=stratify, random_state=seed
    )
    rows = [part.reshape(len(part), -1) for part in (X_train, X_test)]
    model = make_pipeline(StandardScaler(), head).fit(rows[0], y_train)
    results = {"raw samples": (model.score(rows[1], y_test), rows[0].shape[1])}
    for name, pooling in make_contenders(settings).items():
        model = make_pipeline(pooling, StandardScaler(), head).fit(X_train, y_train)
        score = model.score(X_test, y_test)
        results[name] = score, len(model[0].get_feature_names_out())
    return results


def time_pooling(n_series=300, n_samples=500, repeats=7):
    """Return the seconds of a fit, and the median milliseconds of a series after it."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_series, n_samples)).cumsum(1), rng.integers(0, 3, n_series)
    pooling = AdaptiveSubbandPooling(min_gain=0, random_state=0)
    start = time.perf_counter()
    pooling.fit(X, y)
    fit_time = time.perf_counter() - start
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        pooling.transform(X)
        times.append(time.perf_counter() - start)
    return fit_time, 1e3 * np.median(times) / n_series


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    seconds, milliseconds = time_pooling()
    print(f"300 series of 500 samples: fit {seconds:.1f} s")
    print(f"transform: {milliseconds:.2f} ms a series, by four wavelets with envelopes\n")
    for task, setting in make_tasks().items():
        runs = [run(*setting, seed) for seed in range(args.repeats)]
        print(f"{task:28}   score  features   minus best fixed")
        base = np.array([results["best fixed wavelet"][0] for results in runs])
        for name in runs[0]:
            scores, counts = np.array([results[name] for results in runs]).T
            differences = scores - base
            error = differences.std(ddof=1) / np.sqrt(len(runs))
            print(
                f"  {name:26}{scores.mean():8.3f}{counts.mean():10.0f}"
                f"{differences.mean():+11.3f} ± {error:.3f}"
            )


if __name__ == "__main__":
    main()
