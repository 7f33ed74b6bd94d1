"""
Split octaves with wavelet packets
==================================

The wavelet transform has one band for each octave. Wavelet packets also split
octaves, so they show differences within an octave. The best basis is chosen
from the data, together with the wavelet. A basis can also be chosen for
classes.
"""

# %%
# Calls within an octave
# ----------------------
# Each signal is a call over a slow hum. It has one of two pitches, and comes
# at a random time. The pitch varies a little from call to call. Some signals
# also have clicks.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.inspection import CoefficientDisplay


def calls(n, n_clicks, random_state):
    """Return calls, and whether they are of the higher pitch."""
    rng = np.random.default_rng(random_state)
    y, time = rng.integers(0, 2, n), np.arange(128)
    pitch = np.where(y, 0.39, 0.33) + rng.normal(0, 0.005, n)
    centre, phase = rng.uniform(40, 88, (n, 1)), rng.uniform(0, 7, (n, 1))
    X = np.cos(2 * np.pi * pitch[:, np.newaxis] * time + phase)
    X *= np.exp(-(((time - centre) / 20) ** 2))
    X += np.cos(2 * np.pi * 0.02 * time + rng.uniform(0, 7, (n, 1)))
    for _ in range(n_clicks):
        X[np.arange(n), rng.integers(0, 128, n)] += 3 * rng.choice([-1, 1], n)
    return X + 0.1 * rng.standard_normal(X.shape), y


X, y = calls(100, n_clicks=0, random_state=0)
X_test, y_test = calls(500, n_clicks=0, random_state=1)

# %%
# The best basis
# --------------
# The basis with the smallest L1 norm splits the octave of the calls, from a
# quarter of a cycle per sample to half of one. Rows are ordered by frequency.
params = {"level": 4, "mode": "periodization"}
wavelet = WaveletTransformer("sym4", **params).fit(X)
packets = WaveletTransformer("sym4", decomposition="packet", **params).fit(X)
print(*packets.basis_)

for transformer in (wavelet, packets):
    CoefficientDisplay.from_estimator(transformer, X[0])
    plt.show()

# %%
# A wavelet with its basis
# ------------------------
# A learned wavelet and its basis minimise the same norm: the basis is chosen
# inside the objective. These are the norms of unseen calls.
for decomposition in ("dwt", "packet"):
    for kind in (WaveletTransformer, AdaptiveWaveletTransformer):
        transformer = kind("sym4", decomposition=decomposition, **params).fit(
            X
        )
        norm = np.abs(transformer.transform(X_test)).sum(axis=1).mean()
        print(f"{decomposition:7s} {kind.__name__:26s} {norm:.2f}")

# %%
# The basis that separates classes
# --------------------------------
# Clicks are short. The best basis of calls with clicks does not split the
# upper octave: it is the basis of the wavelet transform. The discriminant
# basis splits where the energies of the two pitches differ. The phase of a
# call is random, so the linear classifier gets the logarithms of the energies
# of the coefficients.
X, y = calls(100, n_clicks=4, random_state=0)
X_test, y_test = calls(500, n_clicks=4, random_state=1)


def log_energies(coeffs):
    """Return logarithms of energies, with a floor at the noise's level."""
    return np.log(coeffs**2 + 0.1)


figure, ax = plt.subplots(figsize=(7, 2), layout="constrained")
bases = ("best", "full", "discriminant")
for row, basis in enumerate(bases):
    transformer = WaveletTransformer(
        "sym4", decomposition="packet", basis=basis, **params
    )
    model = make_pipeline(
        transformer, FunctionTransformer(log_energies), RidgeClassifier(10)
    ).fit(X, y)
    print(f"{basis:12s} accuracy {model.score(X_test, y_test):.3f}")
    for band in transformer.layout_.bands:
        ((low, high),) = band.frequencies
        ax.barh(row, high - low, left=low, color="C0", edgecolor="white")
ax.set_yticks(range(len(bases)), bases)
ax.set_xlabel("frequency (cycles per sample)")
# sphinx_gallery_thumbnail_number = 2
plt.show()
