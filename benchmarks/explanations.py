"""What contextual decomposition is worth for single coefficients, and what it costs.

A perceptron learns a function of three of the 39 db2 coefficients of a signal of 32
samples, ``2 min(c_i, c_j) + 1.5 max(c_l, 0)``: i and j are always a parent and a child in
the tree of coefficients, and l is another one for each seed. Every explanation scores all
39 at 500 signals that were not trained on:

- AUC: how well the size of the scores finds the three, at each signal;
- correlation: with what the function itself loses where a coefficient is set to zero;
- misfit: of the sum of the scores to f(x) - f(0), in standard deviations of f.

No explanation has anything to choose. Errors are standard errors over seeds. The second
table is the CPU time of a small network for images, whole against by chunks. Run it after
``pip install ".[test]"``; it takes about two minutes, ``--quick`` a few seconds.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import nn
from torch.overrides import wrap_torch_function

from sk_awave import WaveletTransformer
from sk_awave.attribution import (
    ContextualDecomposition,
    Teacher,
    TransformImportance,
    decomposition_rule,
)

LENGTH, N_TEST = 32, 500


@wrap_torch_function(lambda x: (x,))
def symmetric_relu(x):
    """A ReLU that has a rule of its own."""
    return torch.relu(x)


@decomposition_rule(symmetric_relu)
def average_of_orders(func, total, x):
    """Average what the part does alone and what it does after the rest."""
    return (torch.relu(x.relevant) + total - torch.relu(x.irrelevant)) / 2


def with_symmetric_relu(model):
    """Return a fitted MLPRegressor as a function with `symmetric_relu`."""
    layers = [
        (torch.from_numpy(w), torch.from_numpy(b))
        for w, b in zip(model.coefs_, model.intercepts_, strict=True)
    ]

    def forward(x):
        for weight, bias in layers[:-1]:
            x = symmetric_relu(x @ weight + bias)
        return x @ layers[-1][0] + layers[-1][1]

    return forward


def truth(c, true):
    """Return the function that is to be learned."""
    i, j, k = true
    return 2 * np.minimum(c[:, i], c[:, j]) + 1.5 * np.maximum(c[:, k], 0)


def independent(wavelet):
    """Return the coefficients whose signals have no other coefficients.

    Those at the ends of a signal are not: others can stand in for them.
    """
    unit = np.eye(wavelet.layout_.n_coeffs)
    back = wavelet.transform(wavelet.inverse_transform(unit))
    return np.flatnonzero(np.abs(back - unit).max(1) < 1e-9).tolist()


def decompose(wavelet, model, X, groups="coefficients"):
    """Return the parts of the only output, of shape (n_groups, n_samples)."""
    cd = ContextualDecomposition(wavelet, model, groups=groups).fit(X)
    return [part[..., 0] for part in cd.decompose(X)]


def removal(wavelet, model, X):
    """Return f(x) - f(x - part) for each coefficient."""
    atoms = wavelet.inverse_transform(np.eye(wavelet.layout_.n_coeffs))
    c = wavelet.transform(X)
    effects = [
        model.predict(X) - model.predict(X - c[:, [k]] * atom)
        for k, atom in enumerate(atoms)
    ]
    return np.array(effects)


def gradient_scores(wavelet, model, X, method):
    teacher = Teacher(model, method=method)
    return TransformImportance(wavelet, teacher).fit_transform(X).T


EXPLANATIONS = {
    "CD": lambda *args: decompose(*args)[0],
    "CD, symmetric ReLU": lambda wavelet, model, X: decompose(
        wavelet, with_symmetric_relu(model), X
    )[0],
    "f(x) - CD(rest)": lambda wavelet, model, X: decompose(
        wavelet, model, X, ~np.eye(wavelet.layout_.n_coeffs, dtype=bool)
    )[1],
    "removal": removal,
    "input x gradient": lambda *args: gradient_scores(*args, "input_x_gradient"),
    "integrated gradients": lambda *args: gradient_scores(*args, "integrated_gradients"),
}


def auc(scores, true):
    """Return the mean over samples of the area under the curve of the true ones."""
    n, n_true = len(scores), len(true)
    ranks = rankdata(np.abs(scores), axis=0)[true].sum(0)
    return np.mean((ranks - n_true * (n_true + 1) / 2) / (n_true * (n - n_true)))


def study(seed, n_train):
    """Return the measures of each explanation, and the R2 of the perceptron."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_train + N_TEST, LENGTH))
    wavelet = WaveletTransformer("db2", level=3).fit(X)
    names, c = wavelet.get_feature_names_out().tolist(), wavelet.transform(X)
    pair = [names.index("cD2_4"), names.index("cD1_8")]
    true = [*pair, rng.choice([k for k in independent(wavelet) if k not in pair])]
    y = truth(c, true)
    model = MLPRegressor(
        hidden_layer_sizes=(64, 32),
        batch_size=100,
        learning_rate_init=3e-3,
        max_iter=100,
        tol=0,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[:-N_TEST], y[:-N_TEST])
    X, c, y = X[-N_TEST:], c[-N_TEST:], y[-N_TEST:]
    effects = np.zeros_like(c.T)
    for k in true:
        effects[k] = y - truth(c * (np.arange(c.shape[1]) != k), true)
    change = model.predict(X) - model.predict(np.zeros((1, LENGTH)))
    measures = []
    for explain in EXPLANATIONS.values():
        scores = explain(wavelet, model, X)
        misfit = np.abs(scores.sum(0) - change).mean() / change.std()
        correlation = np.corrcoef(scores.ravel(), effects.ravel())[0, 1]
        measures.append([auc(scores, true), correlation, misfit])
    return measures, model.score(X, y)


def print_scores(n_seeds, n_train):
    measures, fits = zip(*(study(seed, n_train) for seed in range(n_seeds)), strict=True)
    print(f"{n_seeds} seeds, {n_train} training signals; R2 {np.mean(fits):.3f}\n")
    print("| score of a coefficient | AUC | correlation | misfit |\n|---|---|---|---|")
    means = np.mean(measures, 0)
    errors = np.std(measures, 0, ddof=1) / np.sqrt(n_seeds)
    for name, *row in zip(EXPLANATIONS, means, errors, strict=True):
        cells = [f"{m:.3f} ± {e:.3f}" for m, e in zip(*row, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


def print_times(n_images):
    """Print the CPU seconds of 49 groups of pixels, by chunks and all images at once."""
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Unflatten(1, (1, 28)), nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        nn.Linear(512, 10),
    )
    X = np.random.default_rng(0).standard_normal((n_images, 28, 28)).astype(np.float32)
    groups = np.eye(49, dtype=bool).repeat(16, axis=1)
    print(
        f"\n{n_images} images of 28 x 28, 49 groups, {torch.get_num_threads()} threads\n"
    )
    print("| images at a time | CPU seconds | forward passes a group |\n|---|---|---|")
    x = torch.from_numpy(X)
    with torch.no_grad():
        forward = best_time(lambda: net(x))
    for name, size in (("default", None), ("1", 1), ("all", n_images)):
        cd = ContextualDecomposition(None, net, groups=groups, batch_size=size).fit(X)
        seconds = best_time(lambda cd=cd: cd.transform(X))
        print(f"| {name} | {seconds:.2f} | {seconds / forward / len(groups):.1f} |")


def best_time(function, repeats=5):
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a short run")
    quick = parser.parse_args().quick
    print_scores(*((2, 1000) if quick else (10, 5000)))
    print_times(4 if quick else 32)


if __name__ == "__main__":
    main()
