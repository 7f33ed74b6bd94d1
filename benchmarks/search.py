"""What a search over the strength of the attributions costs, by three ways to do it.

The same 10 strengths in the same 5 folds, of wavelets learned from a network that is
trained already, each judged by a linear model on the coefficients: a GridSearchCV over a
pipeline, which learns every wavelet on its own; the same with a cache, where also the
strength of the linear model is searched; and AdaptiveWaveletTransformerCV, which
differentiates the network once and goes along the path. Last, the whole distillation,
where a GridSearchCV trains the network for every setting in every fold, and a search
inside of it trains it once.

Run it after ``pip install .``; it takes about a minute.
"""

import tempfile
import time

import numpy as np
import torch
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import (
    AdaptiveWaveletTransformer,
    AdaptiveWaveletTransformerCV,
    AWDRegressor,
    Teacher,
)
from sk_awave.datasets import make_wavelet_regression

STRENGTHS = np.geomspace(0.01, 100, 10)
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
    taught = learner.set_params(teacher=Teacher(make_net().fit(X, y)))
    pipeline = Pipeline([("wavelet", taught), ("head", HEAD)])
    strengths = {"wavelet__alpha_attribution": STRENGTHS}
    timed("pipeline, 10 strengths", GridSearchCV(pipeline, strengths, cv=5), X, y)
    path = AdaptiveWaveletTransformerCV(taught, HEAD, ratios=STRENGTHS, cv=5)
    timed("AdaptiveWaveletTransformerCV, 10 ratios", path, X, y)
    grid = strengths | {"head__lasso__alpha": [0.01, 0.03, 0.1, 0.3]}
    timed("pipeline, 10 strengths x 4 heads", GridSearchCV(pipeline, grid, cv=5), X, y)
    with tempfile.TemporaryDirectory() as folder:
        cached = Pipeline(pipeline.steps, memory=folder)
        timed("the same with a cache", GridSearchCV(cached, grid, cv=5), X, y)
    awd = AWDRegressor(
        make_net(),
        transformer=AdaptiveWaveletTransformer("db5", level=2),
        features=None,
        estimator=HEAD,
    )
    strengths = {"transformer__alpha_attribution": STRENGTHS}
    timed("AWDRegressor, 10 strengths", GridSearchCV(awd, strengths, cv=5), X, y)
    awd.set_params(
        transformer=AdaptiveWaveletTransformerCV(
            AdaptiveWaveletTransformer("db5", level=2), HEAD, ratios=STRENGTHS, cv=5
        )
    )
    timed("AWDRegressor with AdaptiveWaveletTransformerCV", awd, X, y)


if __name__ == "__main__":
    main()
