"""
Learn a biorthogonal wavelet
============================

An orthonormal wavelet compares signals with the functions that it composes
them from. A biorthogonal one has a pair of wavelets for the two, and twice as
many numbers to learn on as many taps. It still reconstructs exactly.
"""

# %%
# The data
# --------
# Windows of a real electrocardiogram, overlapping; the first half of the
# record is learned from, and the second half is for testing.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pywt

from sk_awave import AdaptiveWaveletTransformer
from sk_awave.inspection import WaveletDisplay, closest_wavelet

record = pywt.data.ecg() / 100
windows = np.lib.stride_tricks.sliding_window_view(record, 128)[::8]
train, test = windows[:49], windows[64:]

# %%
# Three banks
# -----------
# With ``parametrization="biorthogonal"`` an orthonormal bank is learned first.
# Its skews, one for each angle, are then released. With ``"symmetric"`` the
# filters keep the symmetry of the wavelet that learning starts from. The score
# counts details by the norms of their atoms, so that no bank gains by making
# details small and atoms large.
shape = {"level": 3, "mode": "periodization", "random_state": 0}
banks = {
    "orthogonal": AdaptiveWaveletTransformer("sym5", **shape),
    "biorthogonal": AdaptiveWaveletTransformer(
        "sym5", parametrization="biorthogonal", **shape
    ),
    "symmetric": AdaptiveWaveletTransformer(
        "bior4.4", parametrization="symmetric", **shape
    ),
}
rows = {}
for name, bank in banks.items():
    bank.fit(train)
    back = bank.inverse_transform(bank.transform(test))
    rows[name] = {
        "taps": bank.wavelet_.dec_len,
        "learned from": -bank.score(train),
        "unseen": -bank.score(test),
        "condition number": bank.condition_number_,
        "nearest": closest_wavelet(bank)[0],
        "error of the way back": f"{np.abs(back - test).max():.0e}",
    }
print("objective, relative to that of the samples")
print(pd.DataFrame(rows).T.to_string(float_format="{:.3f}".format))

# %%
# The biorthogonal bank goes on from an orthonormal one, and cannot end above
# it on what it has learned from. Whether unseen signals gain as well, the
# table says. The condition number is what this costs: by so much errors of
# coefficients can grow on the way back.
curve = banks["biorthogonal"].loss_curve_
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(curve, color="#d55e00", label="biorthogonal")
ax.plot(banks["orthogonal"].loss_curve_, color="#0072b2", label="orthogonal")
ax.set(xlabel="iteration", ylabel="objective")
ax.legend(frameon=False)
plt.show()

# %%
# Both wavelets of the pair
# -------------------------
# Signals are compared with the wavelet of analysis, and composed from that of
# synthesis. In grey, the wavelet at which learning started.
WaveletDisplay.from_estimator(banks["biorthogonal"])
plt.show()

# %%
# Those of the symmetric bank keep their symmetry.
WaveletDisplay.from_estimator(banks["symmetric"])
plt.show()
