"""
Explain one decision of a linear model
======================================

You can draw a linear model of wavelet coefficients: each weight has a time and
a frequency. Each contribution to one decision has them, too. The trials here
are simulated, so the right picture is known. There are two channels, sampled
at 250 Hz. One class has a burst of 11 Hz on the first channel.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import SubbandPooling, WaveletTransformer
from sk_awave.inspection import DecisionDisplay, WeightDisplay

FREQUENCY = 250  # samples per second
rng = np.random.default_rng(0)
t = np.arange(250) / FREQUENCY


def make_trials(onsets):
    """Make trials of drifts and noise; every second one has a burst."""
    y = np.arange(len(onsets)) % 2
    X = rng.standard_normal((len(onsets), 2, len(t)))
    X = 0.1 * X.cumsum(axis=-1) + 0.6 * rng.standard_normal(X.shape)
    phases = t - onsets[:, np.newaxis]
    bursts = np.exp(-((phases / 0.07) ** 2)) * np.sin(2 * np.pi * 11 * phases)
    X[:, 0] += y[:, np.newaxis] * bursts
    return X, y


# %%
# A burst at a fixed time
# -----------------------
# The weights stand out at 0.4 s, in the band of 11 Hz. The curve above them
# shows the weight of each sample. The decision is the inner product of this
# curve and the signal.
X, y = make_trials(np.full(300, 0.4))
pipeline = make_pipeline(
    WaveletTransformer("sym4", level=5),
    StandardScaler(),
    LogisticRegression(C=0.01),
)
print(f"accuracy: {cross_val_score(pipeline, X, y).mean():.2f}")
pipeline.fit(X, y)
WeightDisplay.from_estimator(pipeline, sampling_frequency=FREQUENCY)
plt.show()

# %%
# This is one trial. The scaler subtracts the means of the coefficients. What
# is left contributes to the decision, and the baseline is the intercept. Over
# both channels the contributions add up to the decision exactly.
trial = X[1]
display = DecisionDisplay.from_estimator(
    pipeline, trial, sampling_frequency=FREQUENCY
)
plt.show()
total = display.baseline + display.contributions.sum()
print(f"sum: {total:.6f}, decision: {display.decision:.6f}")

# %%
# The map is for the first channel. The second channel has no burst. Its
# contributions are spread over all bands: the model took this noise for a
# signal.
second = DecisionDisplay.from_estimator(
    pipeline, trial, channel=1, sampling_frequency=FREQUENCY
)
plt.show()
for each in (display, second):
    share = sum(band.sum() for band in each.bands.values())
    print(f"channel {each.channel}: {share:+.2f}")

# %%
# A burst at a random time
# ------------------------
# Now the burst comes at a random time. Then no single coefficient shows it,
# but pooled bands do. Their contributions are drawn in the band, and with
# ``segments`` in a part of the trial. The largest contributions are listed
# below by name. The model is most certain about this trial.
X, y = make_trials(rng.uniform(0.1, 0.9, 300))
print(f"coefficients: {cross_val_score(pipeline, X, y).mean():.2f}")
pooled = make_pipeline(
    SubbandPooling(segments=(1, 4)),
    StandardScaler(),
    LogisticRegression(C=0.01),
)
print(f"pooled bands: {cross_val_score(pooled, X, y).mean():.2f}")
surest = pooled.fit(X, y).decision_function(X).argmax()
_, ax = plt.subplots(figsize=(6.4, 6), layout="constrained")
DecisionDisplay.from_estimator(
    pooled,
    X[surest],
    channel_names=["Fz", "Cz"],
    sampling_frequency=FREQUENCY,
    ax=ax,
)
plt.show()
