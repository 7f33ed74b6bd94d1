"""
Denoise signals by thresholding wavelet coefficients
====================================================

White noise spreads evenly over all coefficients. A signal is concentrated in
few of them. So small coefficients are mostly noise. Here the four signals of
Donoho and Johnstone are denoised by each rule for the threshold, with fixed
wavelets and with learned ones.
"""

# %%
# The data
# --------
# The signals have 1024 samples and a standard deviation of 7, as in the
# literature. Each has 40 copies with random circular shifts and new noise.
# Half of them are for training, and half for testing.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pywt

from sk_awave import (
    AdaptiveWaveletTransformer,
    WaveletThresholder,
    WaveletTransformer,
)

rng = np.random.default_rng(0)
names = ["Blocks", "Bumps", "HeaviSine", "Doppler"]
clean, noisy = {}, {}
for name in names:
    signal = pywt.data.demo_signal(name, 1024)
    signal = 7 * (signal - signal.mean()) / signal.std()
    shifts = rng.integers(1024, size=40)
    clean[name] = np.stack([np.roll(signal, shift) for shift in shifts])
    noisy[name] = clean[name] + rng.normal(size=clean[name].shape)

# %%
# Rules for the threshold
# -----------------------
# A thresholder transforms signals to thresholded coefficients, and ``denoise``
# returns signals. The error is the mean square over the test signals. The
# noise itself has the error 1.
shape = {"level": 5, "mode": "periodization"}


def error(thresholder, name):
    """Fit on the first half of the signals; return the error on the others."""
    thresholder.fit(noisy[name][:20])
    return np.mean(
        (thresholder.denoise(noisy[name][20:]) - clean[name][20:]) ** 2
    )


rules = pd.DataFrame(
    {
        f"{method}, {kind}": {
            name: error(
                WaveletThresholder(
                    WaveletTransformer("sym4", **shape),
                    method=method,
                    thresholding=kind,
                ),
                name,
            )
            for name in names
        }
        for method in ("bayes", "sure", "universal")
        for kind in ("soft", "hard", "firm")
    }
).T
print("mean squared error with sym4 (the noise: 1)")
print(rules.round(3).to_string())

# %%
# Wavelets
# --------
# The rule is the default: soft thresholds by the rule of Bayes. The best fixed
# wavelet is the one with the sparsest coefficients of the noisy training
# signals. Learning starts from it. The truth plays no part in the choice.
library = ["haar", "db2", "sym4", "db5", "sym8", "coif3"]
rows = {}
for name in names:
    fixed = {
        wavelet: AdaptiveWaveletTransformer(wavelet, max_iter=0, **shape)
        .fit(noisy[name][:20])
        .score(noisy[name][:20])
        for wavelet in library
    }
    best = max(fixed, key=fixed.get)
    candidates = {
        "db5": WaveletTransformer("db5", **shape),
        "best fixed": WaveletTransformer(best, **shape),
        "learned": AdaptiveWaveletTransformer(best, **shape),
        "learned from db5": AdaptiveWaveletTransformer("db5", **shape),
    }
    rows[name] = {"chosen": best} | {
        label: error(WaveletThresholder(transformer), name)
        for label, transformer in candidates.items()
    }
wavelets = pd.DataFrame(rows).T
print("\nmean squared error with Bayes, soft")
print(wavelets.to_string(float_format="{:.3f}".format))

# %%
# Wavelet and rule both matter. Universal soft thresholds aim to leave no
# noise. They make Blocks and Bumps worse than they were.
#
# Learning from the best fixed wavelet gains a little for Doppler, and nothing
# for the others. Learning from db5 gains a tenth for Blocks, and there it
# beats the best fixed wavelet. Less noise would help: the L1 norm of noisy
# coefficients is mostly that of the noise, and no wavelet makes noise sparse.
# For Bumps the choice even falls on a fixed wavelet that is worse than db5.
gain = 1 - wavelets["learned"].astype(float) / wavelets["best fixed"].astype(
    float
)
print("\nlearned against best fixed, error less by")
print((100 * gain).round(1).add(0.0).map("{:.1f} %".format).to_string())

# %%
# One signal of each kind, with sym4 and the default rule.
denoiser = WaveletThresholder(WaveletTransformer("sym4", **shape))
fig, axes = plt.subplots(
    2, 2, figsize=(8, 4.5), sharex=True, layout="constrained"
)
for ax, name in zip(axes.flat, names, strict=True):
    denoised = denoiser.fit(noisy[name]).denoise(noisy[name])
    ax.plot(noisy[name][0], color="0.7", linewidth=0.6, label="noisy")
    ax.plot(denoised[0], color="#0072b2", linewidth=1.5, label="denoised")
    ax.set_title(name)
for ax in axes[1]:
    ax.set_xlabel("time (samples)")
lines = axes[0, 0].get_lines()
fig.legend(handles=lines, loc="outside lower center", ncols=2, frameon=False)
plt.show()
