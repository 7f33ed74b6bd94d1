"""
Adapt a wavelet to an electrocardiogram
=======================================

Which wavelet makes the windows of a real electrocardiogram sparse?
GridSearchCV compares fixed wavelets, and the wavelets learned from them, on
the transformer's own objective. (``max_iter=0`` learns nothing.) The recording
lasts three seconds, and no two of its windows look alike. So this tests
whether learning helps on *new* windows.
"""

# %%
# The data
# --------
# The windows have 64 samples and do not overlap.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pywt
from sklearn.model_selection import GridSearchCV, KFold

from sk_awave import AdaptiveWaveletTransformer
from sk_awave.datasets import load_ecg_windows
from sk_awave.inspection import FilterBankDisplay

X = load_ecg_windows(length=64).data
X = (X - X.mean()) / X.std()

# %%
# Fixed against learned
# ---------------------
# The score is minus the mean absolute coefficient, divided by the mean
# absolute value of the samples. The level is fixed, because deeper transforms
# are sparser with any wavelet.
names = ["db1", "db2", "db3", "db4", "db5", "sym4", "sym5", "coif1"]
transformer = AdaptiveWaveletTransformer(level=2, mode="periodization")
grid = {"wavelet": names, "max_iter": [0, 200]}
search = GridSearchCV(
    transformer,
    grid,
    cv=KFold(8, shuffle=True, random_state=0),
    return_train_score=True,
).fit(X)

results = pd.DataFrame(search.cv_results_)
results["learned"] = np.where(
    results["param_max_iter"] > 0, "learned", "fixed"
)
table = -results.pivot(
    index="param_wavelet",
    columns="learned",
    values=["mean_train_score", "mean_test_score"],
)
table.columns = [
    f"{kind}, {score.split('_')[1]}" for score, kind in table.columns
]
table.index.name = "start"
print("mean coefficient over mean sample (lower is sparser), 8-fold CV")
print(table.round(3).to_string())
print("best:", search.best_params_, f"{-search.best_score_:.3f}")

# %%
# Learning makes the windows that it sees sparser. (The two taps of db1 leave
# nothing to learn.) New windows gain from some starts and lose from others.
# On them the best fixed wavelet is as good as the best learned one.
gain = 1 - table["learned, test"] / table["fixed, test"]
best_fixed, best_learned = (
    table["fixed, test"].min(),
    table["learned, test"].min(),
)
print(f"gain on new windows, by start: {gain.min():+.1%} to {gain.max():+.1%}")
print(f"best learned against best fixed: {1 - best_learned / best_fixed:+.1%}")

# %%
# This wavelet is learned from all windows. Its start is in grey.
start = table["learned, test"].idxmin()
learned = transformer.set_params(wavelet=start).fit(X)
fig, (left, right) = plt.subplots(
    1, 2, figsize=(8, 3), constrained_layout=True
)
for wavelet, label, style in [
    (
        pywt.Wavelet(start),
        f"start ({start})",
        {"color": "0.7", "linewidth": 3},
    ),
    (learned.wavelet_, "learned", {"color": "#0072b2"}),
]:
    _, psi, t = wavelet.wavefun(level=6)
    left.plot(t, psi, label=label, **style)
left.set(title="Wavelet", xlabel="t (samples)", ylabel=r"$\psi(t)$")
left.legend(frameon=False)
place = np.arange(len(table))
right.plot(place, table["fixed, test"], "o", color="0.6", label="fixed")
right.plot(
    place, table["learned, test"], "o", color="#0072b2", label="learned"
)
right.set(
    title="New windows (cross-validation)",
    ylabel="mean coefficient / mean sample",
    xticks=place,
    xticklabels=table.index,
)
right.legend(frameon=False)
plt.show()

# %%
# These are its filters and their gains. An ideal filter would cut at the
# frequency 0.25. There both filters pass half of the energy.
FilterBankDisplay.from_estimator(learned)
# sphinx_gallery_thumbnail_number = 2
plt.show()
