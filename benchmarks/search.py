"""What a search over the strength of the attributions costs, by three ways to do it.

The same 10 ratios in the same 5 folds, of wavelets learned from a network that is trained
already, each judged by a linear model on the coefficients: a GridSearchCV over a
pipeline, which learns every wavelet on its own; the same with a cache, where also the
strength of the linear model is searched; and an AWDRegressor with ratios, which
differentiates the network once in each fold and goes along the path. Last, the whole
distillation, where a GridSearchCV trains the network for every ratio in every fold, and
an AWDRegressor with ratios trains it once in each fold.

Run it after ``pip install .``; it takes about a minute.
"""

import tempfile
import time

import numpy as np
import torch
from sklearn.base import clone
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import AdaptiveWaveletTransformer, AWDRegressor, Teacher
from sk_awave.datasets import make_wavelet_regression

RATIOS = np.geomspace(0.01, 100, 10)
HEAD = make_pipeline(StandardScaler(), Lasso(alpha=0.1))


def make_net():
    """Return an untrained network."""
    return MLPRegressor(hidden_layer_sizes=(32, 32), alpha=1.0, tol=1e-3, random_state=0)


def timed(name, search, X, y):
    """Fit a search and print the seconds of CPU time it took."""
    start = time.process_time()
    search.fit(X, y)
    print(f"{name:<55}{time.process_time() - start:>8.1f} s", flush=True)


def main():
    """Print the seconds of each way."""
    torch.set_num_threads(1)
    X, y = make_wavelet_regression(1_000, random_state=0, return_X_y=True)
    learner = AdaptiveWaveletTransformer("db5", level=2)
    teacher = Teacher(make_net().fit(X, y))
    taught = clone(learner).set_params(teacher=teacher)
    pipeline = Pipeline([("wavelet", taught), ("head", HEAD)])
    ratios = {"wavelet__attribution_ratio": RATIOS}
    timed("pipeline, 10 ratios", GridSearchCV(pipeline, ratios, cv=5), X, y)
    awd = AWDRegressor(teacher, transformer=learner, features=None, estimator=HEAD)
    path = clone(awd).set_params(ratios=RATIOS, cv=5)
    timed("AWDRegressor(ratios=...), 10 ratios", path, X, y)
    grid = ratios | {"head__lasso__alpha": [0.01, 0.03, 0.1, 0.3]}
    timed("pipeline, 10 ratios x 4 heads", GridSearchCV(pipeline, grid, cv=5), X, y)
    with tempfile.TemporaryDirectory() as folder:
        cached = Pipeline(pipeline.steps, memory=folder)
        timed("the same with a cache", GridSearchCV(cached, grid, cv=5), X, y)
    awd.set_params(teacher=make_net())
    ratios = {"transformer__attribution_ratio": RATIOS}
    timed("untrained network, AWDRegressor", GridSearchCV(awd, ratios, cv=5), X, y)
    awd.set_params(ratios=RATIOS, cv=5)
    timed("untrained network, AWDRegressor(ratios=...)", awd, X, y)


if __name__ == "__main__":
    main()
