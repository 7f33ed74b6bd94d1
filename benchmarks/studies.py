"""Does a wavelet learned from a network help the linear model that takes its place?

An LSTM on synthetic traces and a CNN on handwritten digits are distilled. Beside the
learned wavelet stand the same estimator without attributions, with db5, with the best
fixed wavelet and on raw samples. Each is searched as a whole by the cross-validation of
the same training half, and scored on the other half; in the searches, too, the network is
trained anew in each fold, for each setting. Each seed has another network, and other
traces or another split of the digits. The halves of the digits overlap between seeds, so
that their standard errors are somewhat too small.

Run it after ``pip install ".[test]"``; it takes eight to ten minutes.
"""

import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.linear_model import LassoCV, LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sk_awave import (
    AdaptiveWaveletTransformer,
    AWDClassifier,
    AWDRegressor,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.datasets import make_bursts

SEEDS = range(5)
AWD = "learned wavelet (AWD)"
FIXED = ["haar", "db2", "db3", "db5", "sym4", "coif1"]
TRAINING = {
    "optimizer": torch.optim.Adam,
    "iterator_train__shuffle": True,
    "train_split": None,
    "verbose": 0,
}


class Lstm(nn.Module):
    """One recurrent layer of 20 units, of which the largest values over time count."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(1, 20, batch_first=True)
        self.output = nn.Linear(20, 1)

    def forward(self, x):
        hidden, _ = self.recurrent(x.unsqueeze(-1))
        return self.output(hidden.amax(1))


class LstmRegressor(NeuralNetRegressor):
    """A net whose loss takes targets of shape (n_samples,)."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return super().get_loss(y_pred[:, 0], y_true, *args, **kwargs)


class Cnn(nn.Sequential):
    """Two convolutions with pooling and a linear layer, from 8 x 8 pixels to logits."""

    def __init__(self):
        super().__init__(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(128, 10)),
        )


def traces(seed):
    """Return traces, their targets, an estimator, and grids for all and for AWD."""
    X, y = make_bursts(1200, random_state=seed, return_X_y=True)
    model = AWDRegressor(
        LstmRegressor(Lstm, lr=0.02, max_epochs=40, batch_size=50, **TRAINING),
        transformer=AdaptiveWaveletTransformer(level=3),
        features=SubbandPooling(),
        estimator=make_pipeline(StandardScaler(), LassoCV(cv=3, max_iter=10_000)),
    )
    shared = {"features__statistics": [("max",), ("log_energy",)]}
    learned = {
        "transformer__wavelet": ["db3", "sym4"],
        "transformer__alpha_attribution": [10.0, 100.0],
    }
    return X.astype(np.float32), y.astype(np.float32), model, shared, learned


def digits(seed):
    """Return images, their labels, an estimator, and grids for all and for AWD."""
    bunch = load_digits()
    X = (bunch.images / 16).astype(np.float32)[:, None]
    head = LogisticRegression(
        l1_ratio=1, solver="saga", tol=0.01, max_iter=500, random_state=seed
    )
    model = AWDClassifier(
        NeuralNetClassifier(
            Cnn,
            criterion=nn.CrossEntropyLoss,
            lr=0.01,
            max_epochs=12,
            batch_size=64,
            **TRAINING,
        ),
        transformer=AdaptiveWaveletTransformer(ndim=2, mode="periodization"),
        estimator=make_pipeline(StandardScaler(), head),
    )
    shared = {"estimator__logisticregression__C": [0.1, 1.0]}
    learned = {
        "transformer__wavelet": ["db2", "sym4"],
        "transformer__alpha_attribution": [1.0, 10.0],
    }
    return X, bunch.target, model, shared, learned


def flatten(X):
    """Return samples as rows."""
    return X.reshape(len(X), -1)


def total(x):
    """Return the sum of each sample: a teacher that costs nothing."""
    return x.flatten(1).sum(1)


def contenders(model, shared, learned):
    """Return the searches to compare, by name."""
    settings = model.transformer.get_params()
    same = {name: settings[name] for name in ("level", "mode", "ndim")}
    fixed = clone(model).set_params(transformer=WaveletTransformer(**same))
    # Attributions without weight: their teacher does not matter.
    blind = clone(model).set_params(teacher=total, transformer__alpha_attribution=0.0)
    raw = clone(model).set_params(transformer=FunctionTransformer(flatten), features=None)
    wavelet, starts = "transformer__wavelet", learned["transformer__wavelet"]
    heads = {name: grid for name, grid in shared.items() if name.startswith("estimator")}
    searches = {
        AWD: (model, {**shared, **learned}),
        "learned, no attributions": (blind, {**shared, wavelet: starts}),
        "db5": (fixed, {**shared, wavelet: ["db5"]}),
        "best fixed wavelet": (fixed, {**shared, wavelet: FIXED}),
        "raw samples": (raw, heads),
    }
    return {name: GridSearchCV(*search, cv=3) for name, search in searches.items()}


def count_features(model):
    """Count the features with a weight that is not zero."""
    weights = np.atleast_2d(model.estimator_[-1].coef_)
    return np.any(weights != 0, axis=0).sum()


def run(study, seed):
    """Return test scores and numbers of features by contender; seed 0 prints a report."""
    torch.manual_seed(seed)
    X, y, model, *grids = study(seed)
    X_train, X_test, y_train, y_test = train_test_split(
        X,
        y,
        test_size=0.5,
        stratify=y if is_classifier(model) else None,
        random_state=seed,
    )
    searches = contenders(model, *grids)
    scores, features = {}, {}
    for name, search in searches.items():
        search.fit(X_train, y_train)
        scores[name] = search.score(X_test, y_test)
        features[name] = count_features(search.best_estimator_)
        print(f"seed {seed}, {name}: {search.best_params_}", flush=True)
    distilled = searches[AWD].best_estimator_
    scores["teacher"] = distilled.teacher_.score(X_test, y_test)
    if seed == 0:
        print(f"\n{distilled.report(X_test, y_test, cv=3, wavelets=FIXED)}\n")
    return scores, features


def print_rows(scores, features):
    """Print means and standard errors over the seeds, also of the paired differences."""
    gains = scores.rsub(scores[AWD], axis=0)
    for name in ("teacher", *features.index):
        cells = [name, mean_and_error(scores[name], ".3f")]
        cells += ["-" if name == AWD else mean_and_error(gains[name], "+.3f")]
        cells += [f"{features[name]:.0f}" if name in features else "-"]
        print(f"| {' | '.join(cells)} |")


def mean_and_error(values, form):
    """Format a mean with its standard error."""
    return f"{values.mean():{form}} ± {values.sem():.3f}"


def main():
    """Print a report and a table for each study."""
    torch.set_num_threads(1)
    # One depth for all, although PyWavelets finds it deep for the longer filters.
    warnings.filterwarnings("ignore", message=".*too high")
    for study, metric in ((traces, "R2"), (digits, "accuracy")):
        print(f"\n## {study.__name__}\n")
        scores, features = zip(*(run(study, seed) for seed in SEEDS), strict=True)
        print(f"\n| model | {metric} | AWD minus it | features |\n|---|---|---|---|")
        print_rows(pd.DataFrame(scores), pd.DataFrame(features).mean())


if __name__ == "__main__":
    main()
