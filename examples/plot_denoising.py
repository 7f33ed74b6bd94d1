"""
Denoise signals by thresholding wavelet coefficients
====================================================

White noise spreads evenly over all coefficients, and a signal gathers in few of them:
what is small is noise. The four signals of Donoho and Johnstone are denoised by each rule
for the threshold, and with fixed wavelets beside learned ones.
"""

# %%
# The data
# --------
# The signals have 1024 samples and a standard deviation of 7, as in the literature. To
# have something to learn from, each is seen 40 times, shifted around the circle and with
# other noise; half of them are kept for testing.
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
# The transform of a thresholder is the coefficients that are left; ``denoise`` gives back
# signals. The error is the mean square over the test signals, where that of the
# noise is 1.
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
# With the default: soft thresholds by the rule of Bayes. The best fixed wavelet is chosen
# on the training half by its score, how sparse the noisy signals' coefficients are, as a
# search without the truth has to; learning starts from there.
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
# Wavelet and rule both matter: universal soft thresholds, which aim at leaving no noise,
# make Blocks and Bumps worse than they were. Learning from the best fixed wavelet gains a
# little for Doppler, and nothing for the others; from db5 it gains a tenth for Blocks,
# and ends below the best fixed wavelet there. It could gain more if it saw less noise:
# the L1 norm of noisy coefficients is mostly that of the noise, which no wavelet makes
# sparse. For Bumps it even chooses a fixed wavelet that is worse than db5.
gain = 1 - wavelets["learned"].astype(float) / wavelets["best fixed"].astype(
    float
)
print("\nlearned against best fixed, error less by")
print((100 * gain).round(1).add(0.0).map("{:.1f} %".format).to_string())

# %%
# One signal of each kind, with sym4 and the default rule.
denoiser = WaveletThresholder(WaveletTransformer("sym4", **shape))
fig, axes = plt.subplots(
    2, 4, figsize=(9, 3.6), sharex=True, layout="constrained"
)
for (above, below), name in zip(axes.T, names, strict=True):
    denoiser.fit(noisy[name])
    denoised = denoiser.denoise(noisy[name])
    unshifted = clean[name][0]
    above.plot(noisy[name][0], color="0.6", linewidth=0.5)
    below.plot(unshifted, color="0.6", linewidth=2, label="truth")
    below.plot(denoised[0], color="#0072b2", linewidth=1, label="denoised")
    above.set_title(name)
    below.set_xlabel("time (samples)")
axes[0, 0].set_ylabel("noisy")
axes[1, 0].set_ylabel("denoised")
lines = axes[1, 0].get_lines()
fig.legend(handles=lines, loc="outside lower center", ncols=2, frameon=False)
plt.show()
