"""
Quickstart: learn a wavelet, look at it, use it
===============================================

Windows of a real electrocardiogram are turned into wavelet coefficients by a wavelet that
is learned from them, and back. Everything else in the package builds on these few lines.
"""

# %%
# Learn
# -----
# A row is a signal. The wavelet that learning starts from also says how many taps the
# filters have.
import matplotlib.pyplot as plt
import numpy as np

from sk_awave import AdaptiveWaveletTransformer
from sk_awave.datasets import load_ecg_windows
from sk_awave.inspection import (
    CoefficientDisplay,
    ObjectiveDisplay,
    ReconstructionDisplay,
    WaveletDisplay,
    closest_wavelet,
)

X = load_ecg_windows(length=128).data
X = (X - X.mean()) / X.std()
transformer = AdaptiveWaveletTransformer("coif1", level=3).fit(X)
before, after = transformer.loss_curve_[0], transformer.loss_curve_[-1]
gain = 1 - after / before
print(
    f"L1 norm of the coefficients: {before:.2f} -> {after:.2f} "
    f"({gain:.1%} less)"
)
name, distance = closest_wavelet(transformer)
print(f"the nearest named wavelet: {name}, at a distance of {distance:.2f}")

# %%
# Transform, and back
# -------------------
# Coefficients are features with names. The wavelet is exactly orthonormal, so that
# nothing is lost.
Xt = transformer.transform(X)
error = np.abs(transformer.inverse_transform(Xt) - X).max()
print(f"{X.shape[1]} samples -> {Xt.shape[1]} coefficients")
print("the first:", *transformer.get_feature_names_out()[:3])
print(f"largest error of the way back: {error:.1e}")

# %%
# Look
# ----
# Scaling function and wavelet, with those that learning started from in grey.
plt.rcParams["figure.figsize"] = (7, 3)
WaveletDisplay.from_estimator(transformer)
plt.show()

# %%
# A window and its coefficients, each at its time and scale.
CoefficientDisplay.from_estimator(transformer, X[2], per_band=True)
plt.show()

# %%
# The same window from its coarsest bands alone.
ReconstructionDisplay.from_estimator(transformer, X[2], bands=["cA3", "cD3"])
plt.show()

# %%
# How learning went. Without a teacher, all terms of an orthonormal wavelet but the
# sparsity are zero.
ObjectiveDisplay.from_estimator(transformer)
plt.show()
