"""What wavelet packets are good for: a wavelet with its basis, and telling classes apart.

Run ``python benchmarks/packets.py`` (some minutes). It prints three tables:

- the L1 norm of the coefficients of training and of unseen signals: of the best fixed
  wavelet and of learned ones, in the wavelet transform and in the best basis of packets,
  chosen after learning or with it;
- the errors of classifiers of noisy tones within an octave, by the logarithms of the
  energies of coefficients, in the wavelet transform and in three bases of packets;
- the same of regressions on the strengths of two tones.
"""

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import warnings

import numpy as np
import pywt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LassoCV, LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_awave import AdaptiveWaveletTransformer, SubbandPooling, WaveletTransformer

warnings.filterwarnings("ignore", message=".*too high")

N_DRAWS = 5
FIXED = ("haar", "db2", "db3", "db4", "db5", "sym4", "sym5", "coif1")


def ecg(seed):
    """Return overlapping windows of both halves of an electrocardiogram."""
    halves = np.split(pywt.data.ecg() / 100.0, 2)
    return [np.lib.stride_tricks.sliding_window_view(h, 64)[::8] for h in halves]


def bursts(seed, n=100, length=64):
    """Return training and unseen bursts whose frequencies are within an octave."""
    rng, time = np.random.default_rng(seed), np.arange(length)
    sets = []
    for _ in range(2):
        frequency, centre = rng.uniform(0.18, 0.3, (n, 1)), rng.uniform(10, 54, (n, 1))
        width, phase = rng.uniform(4, 14, (n, 1)), rng.uniform(0, 6, (n, 1))
        wave = np.cos(2 * np.pi * frequency * (time - centre) + phase)
        noise = 0.05 * rng.standard_normal((n, length))
        sets.append(wave * np.exp(-(((time - centre) / width) ** 2)) + noise)
    return sets


def fixed(wavelet, decomposition, X):
    """Return a fixed wavelet, in the best basis if it is of packets."""
    transformer = WaveletTransformer(
        wavelet, decomposition=decomposition, level=4, mode="periodization"
    )
    return transformer.fit(X)


def learned(decomposition, X):
    """Return a wavelet of ten taps that is learned from the best of the library."""
    return AdaptiveWaveletTransformer(
        "db5",
        decomposition=decomposition,
        level=4,
        mode="periodization",
        init="library",
        n_init=12,
        random_state=0,
    ).fit(X)


def norm(transformer, X):
    """Return the mean over signals of the L1 norm of the coefficients."""
    return np.abs(transformer.transform(X)).sum(1).mean()


def norms(train, test):
    """Return the norms of both sets, (5 ways, 2)."""
    ways = [
        min((fixed(w, kind, train) for w in FIXED), key=lambda t: norm(t, train))
        for kind in ("dwt", "packet")
    ]
    ways += [learned(kind, train) for kind in ("dwt", "packet")]
    ways.append(fixed(ways[2].wavelet_, "packet", train))
    return [[norm(way, X) for X in (train, test)] for way in ways]


def two_tones(rng, n, strengths, length=128):
    """Return sums of two bursts with these strengths, at random times, in noise."""
    time, X = np.arange(length), 0.5 * rng.standard_normal((n, length))
    for frequency, strength in zip((0.21, 0.27), strengths, strict=True):
        centre, phase = rng.uniform(50, 78, (n, 1)), rng.uniform(0, 7, (n, 1))
        wave = np.cos(2 * np.pi * frequency * time + phase)
        X += strength[:, np.newaxis] * wave * np.exp(-(((time - centre) / 16) ** 2))
    return X


def classes(seed):
    """Return training and unseen signals of one of two tones, and which it is."""
    rng = np.random.default_rng(seed)
    for n in (100, 1000):
        y = rng.integers(0, 2, n)
        yield two_tones(rng, n, (1.0 - y, y.astype(float))), y


def numbers(seed):
    """Return training and unseen signals, and how much the first tone is stronger."""
    rng = np.random.default_rng(seed)
    for n in (200, 1000):
        strengths = rng.uniform(0.3, 1.7, (2, n))
        yield two_tones(rng, n, strengths), strengths[0] - strengths[1]


def bases():
    """Yield names and transformers: the wavelet transform, and packets in three bases."""
    params = {"level": 5, "mode": "periodization"}
    yield "wavelet transform", WaveletTransformer("sym4", **params)
    for basis in ("full", "best", "discriminant"):
        kind = {"decomposition": "packet", "basis": basis}
        yield f"packets, {basis}", WaveletTransformer("sym4", **kind, **params)


def log_energy(coeffs):
    """Return the logarithms of the energies of coefficients."""
    return np.log(coeffs**2 + 0.1)


def scores(draw, *heads):
    """Return the mean score of each head on unseen signals, by the name of the basis."""
    table = {}
    for seed in range(N_DRAWS):
        (X, y), (unseen, target) = draw(seed)
        for name, transformer in bases():
            row = [
                make_pipeline(transformer, *head()).fit(X, y).score(unseen, target)
                for head in heads
            ]
            table.setdefault(name, []).append(row)
    return {name: np.mean(rows, axis=0) for name, rows in table.items()}


def print_norms():
    """Print the first table."""
    print("L1 norm: training / unseen signals")
    print(f"{'':36s}  {'ecg':>15s}  {f'bursts, {N_DRAWS} draws':>17s}")
    heart = norms(*ecg(0))
    waves = np.mean([norms(*bursts(seed)) for seed in range(N_DRAWS)], axis=0)
    names = (
        "best fixed wavelet",
        "best fixed wavelet, best basis",
        "learned",
        "learned with its best basis",
        "learned, best basis chosen later",
    )
    for name, one, other in zip(names, heart, waves, strict=True):
        cells = [f"{train:7.3f} / {test:.3f}" for train, test in (one, other)]
        print(f"{name:36s}  {cells[0]:>15s}  {cells[1]:>17s}")


def print_scores():
    """Print the second and the third table."""

    def lda():
        select = SelectKBest(k=10)
        return FunctionTransformer(log_energy), select, LinearDiscriminantAnalysis()

    def logistic():
        head = LogisticRegression(C=0.1, l1_ratio=1, solver="liblinear")
        return FunctionTransformer(log_energy), StandardScaler(), head

    print(f"\nError on one of two tones in noise, {N_DRAWS} draws")
    print(f"{'':24s}  10 best, LDA  all, L1 logistic")
    for name, (one, other) in scores(classes, lda, logistic).items():
        print(f"{name:24s}  {1 - one:12.3f}  {1 - other:16.3f}")

    def lasso():
        return FunctionTransformer(log_energy), StandardScaler(), LassoCV(cv=3, tol=1e-2)

    print(f"\nR2 of the difference of strengths of two tones in noise, {N_DRAWS} draws")
    print(f"{'':24s}  all, Lasso  energies of bands, ridge")
    of_all = scores(numbers, lasso)
    for (name, (one,)), other in zip(of_all.items(), scores_of_bands(), strict=True):
        print(f"{name:24s}  {one:10.3f}  {other:23.3f}")


def scores_of_bands():
    """Return the mean R2 of a ridge on the energies of bands, for each basis."""
    table = []
    for seed in range(N_DRAWS):
        (X, y), (unseen, target) = numbers(seed)
        row = []
        for _, transformer in bases():
            pooling = SubbandPooling(transformer, statistics=("log_energy",))
            head = RidgeCV(np.logspace(-3, 3, 7))
            model = make_pipeline(pooling, StandardScaler(), head).fit(X, y)
            row.append(model.score(unseen, target))
        table.append(row)
    return np.mean(table, axis=0)


if __name__ == "__main__":
    print_norms()
    print_scores()
