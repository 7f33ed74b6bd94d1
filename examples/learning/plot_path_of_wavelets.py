"""
Follow a path of wavelets from the data to a model
==================================================

How much should the attributions of a model count, compared with the
coefficients of the data? Each ratio has its own wavelet, and one path finds
them all.
"""

# %%
# A model of the target
# ---------------------
# This is the simulation of Ha et al. (2021). The signals are noise. The target
# is made of three neighbouring coefficients of one band of db5, and a linear
# model learns it. The noise contains nothing of db5, but the model does.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV

from sk_awave import (
    AdaptiveWaveletTransformer,
    Teacher,
    adaptive_wavelet_path,
)
from sk_awave.datasets import make_wavelet_regression
from sk_awave.inspection import wavelet_distance, wavelet_functions

# Four levels, as published, are many for signals of 64 values.
warnings.filterwarnings("ignore", message=".*too high")

X, y = make_wavelet_regression(1000, random_state=0, return_X_y=True)
teacher = Teacher(RidgeCV().fit(X, y))


# %%
# The path
# --------
# The path starts from another wavelet, coif2, at the ratio 0. There only the
# coefficients of the data count. Each further ratio starts from the best
# wavelet known so far.
def find_path(start):
    """Return the ratios and a transformer for each."""
    transformer = AdaptiveWaveletTransformer(
        start, level=4, mode="zero", teacher=teacher
    )
    ratios = [0, *np.logspace(-2, 0.5, 11)]
    return adaptive_wavelet_path(X, transformer=transformer, ratios=ratios)


ratios, path = find_path("coif2")

# %%
# The wavelet from ratio to ratio
# -------------------------------
# The wavelet of the target is in grey. It is shifted, reversed and negated to
# match the learned one. The number is the distance of the two, up to shift,
# time reversal and sign. Two unrelated wavelets have a distance of about 3.
_, truth, x = wavelet_functions("db5")


def align(psi):
    """Shift, reverse and negate the true wavelet to match another one."""
    either = [truth, truth[::-1]]
    matches = [np.correlate(psi, candidate, "full") for candidate in either]
    best = max((0, 1), key=lambda i: np.abs(matches[i]).max())
    lag = np.abs(matches[best]).argmax()
    sign = np.sign(matches[best][lag])
    return x + (lag - len(truth) + 1) * x[1], sign * either[best]


fig, axes = plt.subplots(
    3, 4, figsize=(8, 5), sharex=True, sharey=True, layout="constrained"
)
for ax, ratio, transformer in zip(axes.flat, ratios, path, strict=True):
    _, psi, time = wavelet_functions(transformer)
    ax.plot(*align(psi), color="0.65", linewidth=3)
    ax.plot(time, psi, color="#0072b2")
    distance = wavelet_distance(transformer, "db5")
    ax.set_title(f"ratio {ratio:.2g}: {distance:.2f}", fontsize="small")
    ax.set_axis_off()
plt.show()

# %%
# Learning only goes downhill, so its end depends on its start. From sym5 it
# stops in another minimum. `init` and `n_init` try many starts.
print(f"coif2 ends at {wavelet_distance(path[-1], 'db5'):.2f}")
_, other = find_path("sym5")
print(f"sym5 ends at {wavelet_distance(other[-1], 'db5'):.2f}")

# %%
# Costs and gains
# ---------------
# Sparser attributions cost sparsity of the coefficients. Both are relative to
# those of the wavelet that is learned from the data alone.
terms = {
    name: np.array([t.objective_terms_[name] for t in path])
    for name in ("sparsity", "attribution")
}
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
styles = {"sparsity": ("#0072b2", "o"), "attribution": ("#d55e00", "s")}
for name, (color, marker) in styles.items():
    values = terms[name] / terms[name][0]
    ax.plot(ratios, values, marker + "-", color=color, label=name)
ax.set_xscale("symlog", linthresh=0.01)
ax.set(xlabel="ratio", ylabel="relative to ratio 0")
ax.legend(frameon=False)
plt.show()
