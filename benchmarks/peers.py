"""The time of transform and inverse_transform beside PyWavelets, in one run.

Every candidate runs once a round, in turn; the table gives the median over the rounds
and the median of the paired ratios. Times depend on the machine, the ratios less.
"""

import argparse
import os
import warnings
from time import perf_counter

import numpy as np
import pywt
import torch

from sk_awave import WaveletTransformer

SHAPES = [(10_000, 64), (2_000, 1_024), (100, 65_536), (2_000, 28, 28), (32, 512, 512)]
WAVELET, LEVEL = "db5", 4


def candidates(X, mode):
    """Return the four timed functions of no arguments, by name."""
    one_dimensional = X.ndim == 2
    wavedec = pywt.wavedec if one_dimensional else pywt.wavedec2
    waverec = pywt.waverec if one_dimensional else pywt.waverec2
    transformer = WaveletTransformer(WAVELET, level=LEVEL, mode=mode, ndim=X.ndim - 1)
    Xt = transformer.fit_transform(X)
    coeffs = wavedec(X, WAVELET, mode, LEVEL)
    return {
        "pywt forward": lambda: wavedec(X, WAVELET, mode, LEVEL),
        "forward": lambda: transformer.transform(X),
        "pywt inverse": lambda: waverec(coeffs, WAVELET, mode),
        "inverse": lambda: transformer.inverse_transform(Xt),
    }


def measure(functions, rounds):
    """Return the seconds of each function in each round, shape (rounds, n_functions)."""
    seconds = np.empty((rounds + 1, len(functions)))
    for row in seconds:
        for i, function in enumerate(functions.values()):
            start = perf_counter()
            function()
            row[i] = perf_counter() - start
    return seconds[1:]  # the first round warms up


def main():
    """Print one row a shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="symmetric")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore", message=".*too high")
    print(
        f"{WAVELET}, level {LEVEL}, {args.mode}, float32, {args.threads} thread(s) of "
        f"{os.cpu_count()}; ms, and how many times faster than PyWavelets"
    )
    print(
        "| shape | PyWavelets | sk_awave | ratio | PyWavelets^-1 | sk_awave^-1 | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    for shape in SHAPES:
        X = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        seconds = measure(candidates(X, args.mode), args.rounds)
        cells = []
        for peer, ours in ((0, 1), (2, 3)):
            ratio = np.median(seconds[:, peer] / seconds[:, ours])
            milliseconds = 1000 * np.median(seconds[:, [peer, ours]], axis=0)
            cells += ["{:.1f} | {:.1f}".format(*milliseconds), f"{ratio:.2f}"]
        print(f"| {' x '.join(map(str, shape))} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
