"""
Adapt wavelets to a task
========================

The target of these signals is the height of a burst. It may come at any time.
Wavelets are chosen for this target. Their bands are pooled into a few numbers
with names, and a ridge predicts from them.
"""

# %%
# The signals
# -----------
# The signals are bursts at random times, with a slow baseline and noise. The
# target is the height of the highest burst.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import AdaptiveSubbandPooling
from sk_awave.datasets import make_bursts
from sk_awave.inspection import wavelet_functions

X, y = make_bursts(400, random_state=0, return_X_y=True)
plt.figure(figsize=(7, 2.5), layout="constrained")
plt.plot(X[:4].T + 3 * np.arange(4), linewidth=0.8)
plt.xlabel("sample")
plt.yticks([])
plt.show()

# %%
# Choose wavelets
# ---------------
# Candidates are PyWavelets' orthogonal wavelets and random orthonormal
# lattices. Wavelets are added one by one. Each step adds the wavelet whose
# bands reduce the leave-one-out error of a ridge the most.
pooling = AdaptiveSubbandPooling(
    n_wavelets=4, n_candidates=40, random_state=0
).fit(X, y)
print(
    f"best single wavelet of PyWavelets, {pooling.fixed_wavelet_}: "
    f"error {pooling.fixed_leave_one_out_error_:.3f}"
)
for wavelet, error in zip(pooling.wavelets_, pooling.path_, strict=True):
    print(f"with {wavelet.name}: error {error:.3f}")

# %%
# All chosen wavelets are orthonormal and have at most 12 taps.
figure, axes = plt.subplots(
    1,
    len(pooling.wavelets_),
    figsize=(7, 1.8),
    sharey=True,
    layout="constrained",
)
for ax, wavelet in zip(np.atleast_1d(axes), pooling.wavelets_, strict=True):
    functions = wavelet_functions(wavelet)
    ax.plot(functions.x, functions.psi)
    ax.set_title(wavelet.name, fontsize="small")
plt.show()

# %%
# Does it pay?
# ------------
# The leave-one-out error was minimised, so it is too optimistic. Here the
# whole model is cross-validated, and the choice is made again in each fold.
# With all statistics of its bands, the best fixed wavelet does as well as
# several chosen ones. Elimination leaves twenty features, and loses little.
ridge = RidgeCV(np.logspace(-3, 5, 17))
shared = {"n_candidates": 40, "random_state": 0}
contenders = {
    "best fixed wavelet": AdaptiveSubbandPooling(
        1, n_candidates=0, min_gain=0, random_state=0
    ),
    "4 chosen": AdaptiveSubbandPooling(4, **shared),
    "4 chosen, 20 features": AdaptiveSubbandPooling(
        4, n_features=20, **shared
    ),
}
for name, features in contenders.items():
    model = make_pipeline(features, StandardScaler(), ridge)
    score = cross_val_score(model, X, y, cv=3).mean()
    n_features = len(features.fit(X, y).get_feature_names_out())
    print(f"{name}: R2 {score:.3f}, {n_features} features")

# %%
# The weights of the features
# ---------------------------
# The name of a feature gives its wavelet, its band and its statistic.
# ``|cD1|`` is the envelope of the finest band. These are the weights of the
# twenty features that are left.
model.fit(X, y)
weights, names = model[-1].coef_, model[0].get_feature_names_out()
order = np.argsort(np.abs(weights))
plt.figure(figsize=(7, 4.5), layout="constrained")
plt.barh(names[order], weights[order])
plt.axvline(0, color="0.5", linewidth=0.8)
plt.xlabel("weight")
# sphinx_gallery_thumbnail_number = 3
plt.show()
