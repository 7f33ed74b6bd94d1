"""What wavelet packets are good for: a wavelet with its basis, and telling classes apart.

Run ``python benchmarks/packets.py`` (some minutes). It prints three tables:

- the L1 norm of the coefficients of training and of unseen signals: of the best fixed
  wavelet and of learned ones, in the wavelet transform and in the best basis of packets,
  chosen after learning or with it;
- the errors of classifiers of noisy tones within an octave, by the logarithms of the
  energies of coefficients, in the wavelet transform and in three bases of packets;
- the same of regressions on the strengths of two tones.

Means are over ten splits or draws. After each +- stands a standard error, which is that
of paired differences where these are printed.
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

N_DRAWS = 10
FIXED = ("haar", "db2", "db3", "db4", "db5", "sym4", "sym5", "coif1")


def ecg(seed):
    """Return windows of an electrocardiogram, of four blocks and of the other four."""
    blocks = pywt.data.ecg().reshape(8, 128) / 100
    windows = np.lib.stride_tricks.sliding_window_view(blocks, 64, axis=1)[:, ::8]
    order = np.random.default_rng(seed).permutation(8)
    return windows[order[:4]].reshape(-1, 64), windows[order[4:]].reshape(-1, 64)


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


def scores(draw, *heads, pooled=False):
    """Return the scores of heads on unseen signals, (draws, heads), for each basis."""
    table = {}
    for seed in range(N_DRAWS):
        (X, y), (unseen, target) = draw(seed)
        for name, transformer in bases():
            if pooled:
                transformer = SubbandPooling(transformer, statistics=("log_energy",))
            row = [
                make_pipeline(transformer, *head()).fit(X, y).score(unseen, target)
                for head in heads
            ]
            table.setdefault(name, []).append(row)
    return {name: np.array(rows) for name, rows in table.items()}


def with_error(values, digits=3):
    """Write a mean and its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.{digits}f} +- {error:.{digits}f}"


def print_norms():
    """Print the first table."""
    names = (
        "best fixed wavelet",
        "best fixed wavelet, best basis",
        "learned",
        "learned with its best basis",
        "learned, best basis chosen later",
    )
    for title, draw in (("windows of an ECG", ecg), ("bursts", bursts)):
        print(f"L1 norm of {title}, and of unseen ones beside the first row in per cent")
        found = np.array([norms(*draw(seed)) for seed in range(N_DRAWS)])
        unseen = found[..., 1]
        percent = 100 * (unseen / unseen[:, :1] - 1)
        for name, means, one in zip(names, found.mean(0), percent.T, strict=True):
            cells = f"{means[0]:8.3f} {means[1]:8.3f}  {with_error(one, 2):>16s}"
            print(f"{name:34s}  {cells}")
        print()


def print_scores():
    """Print the second and the third table."""

    def lda():
        select = SelectKBest(k=10)
        return FunctionTransformer(log_energy), select, LinearDiscriminantAnalysis()

    def logistic():
        head = LogisticRegression(C=0.1, l1_ratio=1, solver="liblinear")
        return FunctionTransformer(log_energy), StandardScaler(), head

    print("Error on one of two tones in noise: ten best and LDA, all and L1 logistic")
    for name, found in scores(classes, lda, logistic).items():
        cells = [with_error(1 - head) for head in found.T]
        print(f"{name:24s}  {cells[0]:>16s}  {cells[1]:>16s}")

    def lasso():
        return FunctionTransformer(log_energy), StandardScaler(), LassoCV(cv=3, tol=1e-2)

    def ridge():
        return StandardScaler(), RidgeCV(np.logspace(-3, 3, 7))

    print("\nR2 of a difference of strengths: all and Lasso, energies of bands and ridge")
    of_all, of_bands = scores(numbers, lasso), scores(numbers, ridge, pooled=True)
    for name in of_all:
        cells = [with_error(found[name][:, 0]) for found in (of_all, of_bands)]
        print(f"{name:24s}  {cells[0]:>16s}  {cells[1]:>16s}")


if __name__ == "__main__":
    print_norms()
    print_scores()
