"""What the stationary transform is good for: learning without a grid, and denoising.

Run ``python benchmarks/stationary.py`` (some minutes). It prints two tables:

- the L1 norm of the coefficients of unseen windows of an electrocardiogram, as the mean
  over all shifts of the decimated transform, for wavelets learned on the decimated and on
  the stationary transform, and for the best fixed wavelet on the training windows;
- by how many dB thresholds reduce the error of noisy recordings, with both transforms.
"""

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import warnings

import numpy as np
import pywt

from sk_awave import AdaptiveWaveletTransformer, WaveletThresholder, WaveletTransformer
from sk_awave.datasets import load_ecg_windows

warnings.filterwarnings("ignore", message=".*too high")

LEVEL = 3
FIXED = ("haar", "db2", "db3", "db4", "db5", "sym4", "sym5", "coif1")


def transformer(wavelet, decomposition, **params):
    """Return a transformer of three levels, periodic as the stationary one is."""
    kwargs = {"level": LEVEL, "mode": "periodization", "decomposition": decomposition}
    return AdaptiveWaveletTransformer(wavelet, **kwargs, **params)


def norm_over_shifts(wavelet, X):
    """Return the mean over samples and shifts of the decimated transform's L1 norm."""
    fixed = transformer(wavelet, "stationary", max_iter=0).fit(X)
    return (LEVEL + 1) * fixed.objective_terms_["sparsity"]


def learned_without_a_grid(n_train, n_splits=20):
    """Return the norms of unseen windows, (n_splits, 3)."""
    X = load_ecg_windows(length=64).data / 100
    X = X - X.mean()
    rows = []
    for seed in range(n_splits):
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = X[order[:n_train]], X[order[n_train:]]
        best = min(FIXED, key=lambda name: norm_over_shifts(name, train))
        wavelets = [
            transformer("db5", decomposition, init="library", n_init=3, random_state=0)
            .fit(train)
            .wavelet_
            for decomposition in ("dwt", "stationary")
        ]
        rows.append([norm_over_shifts(w, test) for w in (*wavelets, best)])
    return np.array(rows)


def gains(signal, sigma, decomposition, n_draws=20):
    """Return the reduction of the squared error in dB, with the noise known."""
    X = signal + sigma * np.random.default_rng(0).standard_normal((n_draws, len(signal)))
    wavelet = WaveletTransformer(
        "sym4", level=4, decomposition=decomposition, mode="periodization"
    )
    result = []
    for method in ("universal", "bayes"):
        thresholder = WaveletThresholder(wavelet, method=method, sigma=sigma).fit(X)
        error = np.square(thresholder.denoise(X) - signal).mean(1)
        result.append(10 * np.log10(np.square(X - signal).mean(1) / error))
    return np.array(result)


def main():
    """Print both tables."""
    print("L1 norm of unseen ECG windows, mean over all shifts (20 splits)")
    print("windows  learned: dwt  learned: stationary  best fixed  stationary - dwt")
    for n_train in (4, 8, 12):
        norms = learned_without_a_grid(n_train)
        difference = norms[:, 1] - norms[:, 0]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        cells = [f"{value:.3f}" for value in norms.mean(0)]
        print(
            f"{n_train:7d}  {cells[0]:>12}  {cells[1]:>19}  {cells[2]:>10}"
            f"  {difference.mean():+.3f} +- {error:.3f}"
        )
    print("\nError removed from an ECG by soft thresholds with sym4, in dB (20 draws)")
    print("noise  rule       dwt  stationary")
    ecg = pywt.data.ecg().astype(float)
    ecg = (ecg - ecg.mean()) / ecg.std()
    for sigma in (0.1, 0.2, 0.4):
        dwt, stationary = (gains(ecg, sigma, kind) for kind in ("dwt", "stationary"))
        for i, rule in enumerate(("universal", "bayes")):
            cells = (f"{kind[i].mean():.2f}" for kind in (dwt, stationary))
            print(f"{sigma:5.1f}  {rule:9s}  {'  '.join(cells)}")


if __name__ == "__main__":
    main()
