"""Does a wavelet learned from a network help the linear model that takes its place?

An LSTM on synthetic traces, a CNN on handwritten digits and one on synthetic maps of
gravitational convergence are distilled. Beside the learned wavelet stand the same
estimator without attributions, with db5, with the best fixed wavelet and on raw samples;
on the maps also with peaks read by other kernels than a wavelet's, and with pooled bands.
Each is searched as a whole by the cross-validation of the same training half, and scored
on the other half; in the searches, too, the network is trained anew in each fold, for
each setting. Each seed has another network, and other traces or maps, or another split of
the digits. The halves of the digits overlap between seeds, so that their standard errors
are somewhat too small.

The maps and the traces are first printed as tables 1 and 2 of Ha et al. (2021), with what
they report. Their numbers are of other data and are not to be compared with those here:

- their maps come from simulations of the growth of structure, have 256 x 256 pixels, and
  20,000 of them are trained on; here they are shifted lognormal fields of 32 x 32 pixels
  with noise, which have far too little power on small scales, and there are 800;
- they tell cosmologies of a fixed set apart, which differ in neutrinos, too: predicted
  is the one with the nearest mean histogram of peaks (by chi squared), in bins chosen by
  validation; here matter densities are uniform from 0.2 to 0.5, and a Lasso predicts from
  such histograms, in bins learned from the training maps;
- their network is a ResNet18, here it has two layers of convolutions;
- their traces are of proteins in cells, and the six largest coefficients of each band go
  to a linear regression; here they are sums of bursts, and a search chooses between these
  and the logarithms of the energies of the bands, for a Lasso.

Run it after ``pip install ".[test]"``; it takes about a quarter of an hour. Names of
studies as arguments (``traces``, ``digits``, ``maps``) choose among them.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.linear_model import LassoCV
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import LRScheduler
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from sk_awave import (
    AdaptiveWaveletTransformer,
    AWDClassifier,
    AWDRegressor,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.datasets import make_bursts, make_convergence_maps
from sk_awave.feature_extraction import PeakCounter
from sk_awave.utils._sklearn import l1_logistic_regression

SEEDS = range(5)
AWD = "learned wavelet (AWD)"
FIXED = ["haar", "db2", "db3", "db5", "sym4", "coif1"]
RATIOS = {"transformer__attribution_ratio": [1.0, 10.0]}
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


class NetRegressor(NeuralNetRegressor):
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


class MapCnn(nn.Sequential):
    """Two convolutions, the mean over a map, and two linear layers, to Omega_m."""

    def __init__(self):
        super().__init__(
            *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1)),
        )

    def forward(self, x):
        return 35 + 10 * super().forward(x.unsqueeze(1))


def traces(seed):
    """Return traces, their targets, an estimator, and grids for all and for AWD."""
    X, y = make_bursts(1200, random_state=seed, return_X_y=True)
    model = AWDRegressor(
        NetRegressor(Lstm, lr=0.02, max_epochs=40, batch_size=50, **TRAINING),
        transformer=AdaptiveWaveletTransformer(level=3),
        features=SubbandPooling(),
        estimator=make_pipeline(StandardScaler(), LassoCV(cv=3, max_iter=10_000)),
    )
    shared = {"features__statistics": [("max",), ("log_energy",)]}
    learned = {"transformer__wavelet": ["db3", "sym4"], **RATIOS}
    return X.astype(np.float32), y.astype(np.float32), model, shared, learned


def digits(seed):
    """Return images, their labels, an estimator, and grids for all and for AWD."""
    bunch = load_digits()
    X = (bunch.images / 16).astype(np.float32)[:, None]
    head = l1_logistic_regression(random_state=seed)
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
        features=None,
        estimator=make_pipeline(StandardScaler(), head),
    )
    shared = {"estimator__logisticregression__C": [0.1, 1.0]}
    learned = {"transformer__wavelet": ["db2", "sym4"], **RATIOS}
    return X, bunch.target, model, shared, learned


def maps(seed):
    """As the others, with maps and Omega_m in per cent, and grids without a network."""
    X, y = make_convergence_maps(
        1600, size=32, noise=0.003, random_state=seed, return_X_y=True
    )
    model = AWDRegressor(
        NetRegressor(
            MapCnn,
            lr=0.01,
            max_epochs=10,
            batch_size=50,
            callbacks=[LRScheduler(CosineAnnealingLR, T_max=10)],
            **TRAINING,
        ),
        transformer=AdaptiveWaveletTransformer(ndim=2, level=3, mode="periodization"),
        features=PeakCounter(),
        # Weaker penalties are no better on peaks, and slow on raw pixels.
        estimator=make_pipeline(StandardScaler(), LassoCV(eps=0.03, cv=3)),
    )
    learned = {"transformer__wavelet": ["db5", "sym4"], **RATIOS}
    pooling = SubbandPooling(statistics=("log_energy",))
    others = {
        "Roberts-cross": {"features__kernels": ["roberts"]},
        "Laplace": {"features__kernels": ["laplace"]},
        "height of peaks": {"features__kernels": ["height"]},
        "db5, pooled bands": {"features": [pooling], "transformer__wavelet": ["db5"]},
    }
    X, y = (100 * X).astype(np.float32), (100 * y[:, 0]).astype(np.float32)
    return X, y, model, {}, learned, others


#: The metrics of each study; what Ha et al. report is the first one.
STUDIES = {
    traces: {"R2": r2_score},
    digits: {"accuracy": accuracy_score},
    maps: {"RMSE": root_mean_squared_error, "R2": r2_score},
}
#: What they report, RMSE of Omega_m in per cent.
PAPER = {
    traces: {"db5": 0.197, "LSTM": 0.237, AWD: 0.262},
    maps: {
        "Roberts-cross": 1.259,
        "Laplace": 1.369,
        "db5": 1.569,
        "CNN": 1.156,
        AWD: 1.029,
    },
}


def flatten(X):
    """Return samples as rows."""
    return X.reshape(len(X), -1)


def total(x):
    """Return the sum of each sample: a teacher that costs nothing."""
    return x.flatten(1).sum(1)


def contenders(model, shared, learned, others=None):
    """Return the searches to compare, by name."""
    settings = model.transformer.get_params()
    same = {name: settings[name] for name in ("level", "mode", "ndim")}
    fixed = clone(model).set_params(transformer=WaveletTransformer(**same))
    # Attributions without weight: their teacher does not matter.
    blind = clone(model).set_params(teacher=total, transformer__attribution_ratio=0.0)
    raw = clone(model).set_params(transformer=FunctionTransformer(flatten), features=None)
    wavelet, starts = "transformer__wavelet", learned["transformer__wavelet"]
    heads = {name: grid for name, grid in shared.items() if name.startswith("estimator")}
    searches = {
        AWD: (model, {**shared, **learned}),
        "learned, no attributions": (blind, {**shared, wavelet: starts}),
        "db5": (fixed, {**shared, wavelet: ["db5"]}),
        "best fixed wavelet": (fixed, {**shared, wavelet: FIXED}),
        "raw samples": (raw, heads),
        **{name: (fixed, grid) for name, grid in (others or {}).items()},
    }
    return {name: GridSearchCV(*search, cv=3) for name, search in searches.items()}


def measure(model, X, y, metrics):
    """Return all metrics of the predictions of a model, by name."""
    predicted = np.ravel(model.predict(X))
    return {name: metric(y, predicted) for name, metric in metrics.items()}


def count_features(model):
    """Count the features with a weight that is not zero."""
    weights = np.atleast_2d(model.estimator_[-1].coef_)
    return np.any(weights != 0, axis=0).sum()


def run(study, seed):
    """Return metrics and numbers of features by contender; seed 0 prints a report."""
    torch.manual_seed(seed)
    X, y, model, *grids = study(seed)
    X_train, X_test, y_train, y_test = train_test_split(
        X,
        y,
        test_size=0.5,
        stratify=y if is_classifier(model) else None,
        random_state=seed,
    )
    test = X_test, y_test, STUDIES[study]
    searches, columns = contenders(model, *grids), {}
    for name, search in searches.items():
        search.fit(X_train, y_train)
        features = count_features(search.best_estimator_)
        columns[name] = {**measure(search, *test), "features": features}
        print(f"seed {seed}, {name}: {search.best_params_}", flush=True)
    distilled = searches[AWD].best_estimator_
    columns[network_name(study)] = measure(distilled.teacher_, *test)
    if seed == 0:
        print(f"\n{distilled.report(X_test, y_test, cv=3, wavelets=FIXED)}\n")
    return pd.DataFrame(columns)


def network_name(study):
    """Return what the network of a study is called."""
    return "LSTM" if study is traces else "CNN"


def print_as_paper(scores, published, metric):
    """Print means and standard errors over the seeds in the columns of the paper."""
    print(f"\n| {metric} | {' | '.join(published)} |\n|---|{'---|' * len(published)}")
    cells = [mean_and_error(scores[name], ".3f") for name in published]
    print(f"| synthetic data | {' | '.join(cells)} |")
    cells = [f"{value:.3f}" for value in published.values()]
    print(f"| paper, its own data, not comparable | {' | '.join(cells)} |")


def print_rows(results, metrics):
    """Print means and standard errors over the seeds, also of the paired differences."""
    header = ["model", *(f"{name} | AWD minus it" for name in metrics), "features"]
    print(f"\n| {' | '.join(header)} |\n|---|{'---|---|' * len(metrics)}---|")
    for name in results.columns:
        cells = [name]
        for metric in metrics:
            scores = results.xs(metric, level=1)
            gain = mean_and_error(scores[AWD] - scores[name], "+.3f")
            cells += [mean_and_error(scores[name], ".3f"), "-" if name == AWD else gain]
        count = results.xs("features", level=1)[name].mean()
        cells += ["-" if np.isnan(count) else f"{count:.0f}"]
        print(f"| {' | '.join(cells)} |")


def mean_and_error(values, form):
    """Format a mean with its standard error."""
    return f"{values.mean():{form}} ± {values.sem():.3f}"


def main():
    """Print a report and tables for each study, or for those named as arguments."""
    torch.set_num_threads(1)
    # One depth for all, although PyWavelets finds it deep for the longer filters.
    warnings.filterwarnings("ignore", message=".*too high")
    names = [study.__name__ for study in STUDIES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    # A list as the default is not among the choices for argparse.
    parser.add_argument("studies", nargs="*", choices=[*names, "all"], default="all")
    chosen = parser.parse_args().studies
    for study, metrics in STUDIES.items():
        if "all" not in chosen and study.__name__ not in chosen:
            continue
        print(f"\n## {study.__name__}\n")
        results = pd.concat({seed: run(study, seed) for seed in SEEDS})
        published, metric = PAPER.get(study, {}), next(iter(metrics))
        if published:
            print_as_paper(results.xs(metric, level=1), published, metric)
        order = [*published, *results.columns.difference(published, sort=False)]
        print_rows(results[order], metrics)


if __name__ == "__main__":
    main()
