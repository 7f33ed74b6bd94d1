"""
Learn a biorthogonal wavelet
============================

An orthonormal wavelet compares signals with functions, and composes them from
the same functions. A biorthogonal bank has one wavelet for each of the two.
With the same number of taps, it has twice as many numbers to learn. It still
reconstructs exactly.
"""

# %%
# The data
# --------
# These are overlapping windows of a real electrocardiogram. The first half of
# the record is for training, and the second half for testing.
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
# Then its skews, one for each angle, are learned, too. With ``"symmetric"``
# the filters keep the symmetry of the first wavelet. The score counts details
# by the norms of their atoms. So no bank gains from small details with large
# atoms.
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
        "condition": bank.condition_number_,
        "nearest": closest_wavelet(bank)[0],
        "inverse error": f"{np.abs(back - test).max():.0e}",
    }
print("objective, relative to that of the samples")
print(pd.DataFrame(rows).T.to_string(float_format="{:.3f}".format))

# %%
# The biorthogonal bank starts from the learned orthonormal bank. On the
# training signals it cannot be worse than that bank. The table shows whether
# unseen signals gain as well. The condition number is the cost: it bounds how
# much errors of coefficients can grow in the reconstruction.
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
# Signals are compared with the wavelet of the analysis, and composed from that
# of the synthesis. The start of learning is in grey.
WaveletDisplay.from_estimator(banks["biorthogonal"])
plt.show()

# %%
# The wavelets of the symmetric bank keep their symmetry.
WaveletDisplay.from_estimator(banks["symmetric"])
# sphinx_gallery_thumbnail_number = 3
plt.show()
