"""Whether penalised nets are right where an artefact of the training data misleads.

Run ``python benchmarks/penalized_training.py`` (some minutes), or with ``--quick`` for
one seed and few epochs. It prints two tables for each of two data sets, with the mean
and the standard error over three seeds:

- signals, of a wide or a narrow bump in noise. In training an oscillation in the finest
  band, cD1 of db4, tells the class as well;
- scikit-learn's digits in noise, with a patch in a random corner. In training its grey
  value tells the digit.

The first table holds the accuracy on unseen data with the artefact as in training, with
the artefact reversed, and without it. The second holds what can be seen of each strength
of the penalty: by a cross-validation on data with the artefact, and on a hundred samples
without it. Beside it stands the accuracy with the artefact reversed, which is not known
when the strength is chosen, and in the last rows that of three ways to choose.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score, train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from sk_awave import WaveletTransformer
from sk_awave.attribution._split import contextual_parts
from sk_awave.neural_network import PenalizedNetClassifier

LENGTH = 64
KINDS = ("as in training", "reversed", "clean")
ALPHAS = (0, 0.1, 1, 10, 100)
CORNERS = np.zeros((1, 8, 8), dtype="float32")
for row in (slice(0, 2), slice(6, 8)):
    for column in (slice(0, 2), slice(6, 8)):
        CORNERS[0, row, column] = 1

#: What is compared: the name, the penalty and its strength.
WAYS = (
    ("plain", "removal", 0),
    ("removal", "removal", 1),
    ("gradient", "gradient", 1),
    ("cd", "cd", 1),
    ("published", "published", 10),
    ("region deleted everywhere", "deleted", 0),
)


class PublishedNet(NeuralNetClassifier):
    """Rieger et al. (2020): the mean of ``sigmoid(relevant - irrelevant)`` is added."""

    def __init__(self, *args, part=None, alpha=1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.part, self.alpha = part, alpha

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the loss, in training with the penalty."""
        loss = super().get_loss(y_pred, y_true, X, training)
        if not training:
            return loss
        relevant, total = contextual_parts(self.module_, X, self.part(X)[None])
        return loss + self.alpha * torch.sigmoid(2 * relevant[0] - total).mean()


class Signals:
    """Bumps, and an oscillation that goes with their class in training."""

    name, epochs = "signals", 25

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.transformer = WaveletTransformer("db4", level=3)
        self.region = {"transformer": self.transformer, "bands": ["cD1"]}
        self.train = self.draw(600, "as in training")
        self.tests = {kind: self.draw(1500, kind) for kind in KINDS}
        self.tests["100 clean samples"] = self.draw(100, "clean")
        self.transformer.fit(self.train[0])

    def draw(self, n, kind):
        """Return samples and classes."""
        rng, t = self.rng, np.arange(LENGTH)
        y = rng.integers(0, 2, n)
        centre, width = rng.uniform(20, 44, (n, 1)), np.where(y, 4.0, 7.0)[:, np.newaxis]
        X = np.exp(-0.5 * ((t - centre) / width) ** 2)
        X += 0.3 * rng.standard_normal((n, LENGTH))
        strength = {"as in training": y, "reversed": 1 - y, "clean": 0 * y}[kind]
        strength = strength[:, np.newaxis] * (rng.random((n, 1)) < 0.95)
        X += 0.35 * strength * np.cos(np.pi * t)
        return X[:, np.newaxis].astype("float32"), y

    def part(self, X):
        """Return what lies in the band."""
        names = self.transformer.get_feature_names_out()
        keep = np.array(["cD1_" in name for name in names])
        coeffs = self.transformer.transform(X)
        keep = torch.from_numpy(keep) if isinstance(X, torch.Tensor) else keep
        return self.transformer.inverse_transform(coeffs * keep)

    @staticmethod
    def net():
        """Return an untrained net."""
        return nn.Sequential(
            nn.Conv1d(1, 12, 7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(12, 16, 7, padding=3),
            nn.ReLU(),
            nn.AvgPool1d(4),
            nn.Flatten(),
            nn.Linear(128, 2),
        )


class Digits:
    """Digits, and a patch whose grey value goes with the digit in training."""

    name, epochs, region = "decoy digits", 30, {"mask": CORNERS}

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        X, y = load_digits(return_X_y=True)
        X = (X / 16).astype("float32").reshape(-1, 1, 8, 8)
        X, unseen, y, target = train_test_split(
            X, y, train_size=800, random_state=seed, stratify=y
        )
        self.train = self.draw(X, y, "as in training")
        self.tests = {kind: self.draw(unseen[100:], target[100:], kind) for kind in KINDS}
        few = self.draw(unseen[:100], target[:100], "clean")
        self.tests["100 clean samples"] = few

    def draw(self, X, y, kind):
        """Return noisy images with patches, and their digits."""
        X = X + 0.3 * self.rng.standard_normal(X.shape).astype("float32")
        if kind != "clean":
            grey = (y if kind == "as in training" else 9 - y) / 3
            for image, value in zip(X, grey, strict=True):
                i, j = self.rng.choice([0, 6], 2)
                image[0, i : i + 2, j : j + 2] = value
        return X, y

    def part(self, X):
        """Return what lies in the corners."""
        return X * (torch.from_numpy(CORNERS) if isinstance(X, torch.Tensor) else CORNERS)

    @staticmethod
    def net():
        """Return an untrained net."""
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )


def make_net(data, penalty, alpha, max_epochs):
    """Return an untrained net with a penalty."""
    params = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 3e-3,
        "batch_size": 64,
        "iterator_train__shuffle": True,
        "max_epochs": max_epochs,
        "train_split": None,
        "verbose": 0,
        "alpha": alpha,
    }
    if penalty == "published":
        return PublishedNet(data.net, part=data.part, **params)
    return PenalizedNetClassifier(data.net, penalty=penalty, **data.region, **params)


def accuracies(data, seed, penalty, alpha, max_epochs):
    """Train a net; return its accuracy on unseen data of each kind, and the time."""
    prepare = (lambda X: X - data.part(X)) if penalty == "deleted" else (lambda X: X)
    penalty = "removal" if penalty == "deleted" else penalty
    torch.manual_seed(seed)
    (X, y), start = data.train, time.process_time()
    net = make_net(data, penalty, alpha, max_epochs).fit(prepare(X), y)
    seconds = time.process_time() - start
    scores = {kind: net.score(prepare(X), y) for kind, (X, y) in data.tests.items()}
    return scores | {"CPU seconds": seconds}


def print_table(title, columns, names, values):
    """Print means and standard errors of values of shape (n_seeds, n_rows, n_columns)."""
    print(f"\n{title}\n{'':34s}" + "".join(f"{column:>18s}" for column in columns))
    errors = values.std(0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    for i, name in enumerate(names):
        cells = [f"{mean:.3f}" for mean in values[:, i].mean(0)]
        if errors is not None:
            cells = [f"{c} ± {e:.3f}" for c, e in zip(cells, errors[i], strict=True)]
        print(f"{name:34s}" + "".join(f"{cell:>18s}" for cell in cells))


def compare(make_data, seeds, epochs):
    """Print the accuracy of all ways on a data set."""
    columns, values = [*KINDS, "CPU seconds"], []
    for seed in seeds:
        data = make_data(seed)
        rows = [accuracies(data, seed, *way, epochs or data.epochs) for _, *way in WAYS]
        values.append([[row[column] for column in columns] for row in rows])
    names = [f"{name}, alpha {alpha}" if alpha else name for name, _, alpha in WAYS]
    title = f"Accuracy on {make_data.name}"
    print_table(title, columns, names, np.array(values))


def tune(make_data, seeds, epochs):
    """Print what can be seen of each strength, what it is worth, and what is chosen."""
    values = []
    for seed in seeds:
        data, rows = make_data(seed), []
        for alpha in ALPHAS:
            run = data, seed, "removal", alpha, epochs or data.epochs
            torch.manual_seed(seed)
            folds = cross_val_score(make_net(data, *run[2:]), *data.train, cv=5)
            error, scores = folds.std(ddof=1) / np.sqrt(5), accuracies(*run)
            worth = scores["100 clean samples"], scores["reversed"]
            rows.append([folds.mean(), error, *worth])
        mean, error, clean, _ = np.transpose(rows)
        best = mean.argmax()
        within = np.flatnonzero(mean >= mean[best] - error[best])
        chosen = best, within[-1], np.flatnonzero(clean == clean.max())[-1]
        values.append([*rows, *(rows[choice] for choice in chosen)])
    names = [f"alpha {alpha}" for alpha in ALPHAS]
    names += ["best cross-validated", "largest within one std. error"]
    names += ["best on 100 clean samples"]
    columns = ["cross-validated", "its std. error", "100 clean samples", "reversed"]
    print_table(f"Removal on {make_data.name}", columns, names, np.array(values))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed, three epochs")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    seeds, epochs = (range(1), 3) if quick else (range(3), None)
    for make_data in (Signals, Digits):
        compare(make_data, seeds, epochs)
        tune(make_data, seeds, epochs)
