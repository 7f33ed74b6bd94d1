"""
Quickstart: learn, use and draw a wavelet
=========================================

A wavelet is learned from windows of a real electrocardiogram. It turns the
windows into coefficients, and the coefficients back into windows. Everything
else in the package builds on these few lines.
"""

# %%
# Learn
# -----
# Each row is a signal. Learning starts from a named wavelet, and keeps its
# number of taps.
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
# Transform and reconstruct
# -------------------------
# Coefficients are features with names. The wavelet is exactly orthonormal: no
# information is lost.
Xt = transformer.transform(X)
error = np.abs(transformer.inverse_transform(Xt) - X).max()
print(f"{X.shape[1]} samples -> {Xt.shape[1]} coefficients")
print("the first:", *transformer.get_feature_names_out()[:3])
print(f"largest error of the way back: {error:.1e}")

# %%
# Draw
# ----
# These are the scaling function and the wavelet. The start of learning is in
# grey.
plt.rcParams["figure.figsize"] = (7, 3)
WaveletDisplay.from_estimator(transformer)
plt.show()

# %%
# This is a window with its coefficients, each at its time and scale.
CoefficientDisplay.from_estimator(transformer, X[2], per_band=True)
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# This is the same window, reconstructed from its two coarsest bands.
ReconstructionDisplay.from_estimator(transformer, X[2], bands=["cA3", "cD3"])
plt.show()

# %%
# This is the objective during learning. Without a teacher, only the sparsity
# counts. All other terms of an orthonormal wavelet are zero.
ObjectiveDisplay.from_estimator(transformer)
plt.show()
