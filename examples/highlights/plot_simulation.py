"""
Recover the wavelet behind a network
====================================

This is the simulation of `Ha et al. (2021)
<https://arxiv.org/abs/2107.09145>`_. The input is white noise. The response is
made of three coefficients of one wavelet, db5. A network learns the response
from the noise. Then a wavelet is learned whose coefficients make the
attributions of the network sparse. Is it db5?
"""

# %%
# The teacher
# -----------
# The signals have 64 samples. The network has two hidden layers, as published,
# and predicts new responses nearly perfectly.
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pywt
import torch
from sklearn.metrics import r2_score
from torch import nn

from sk_awave import (
    AdaptiveWaveletTransformer,
    Teacher,
    adaptive_wavelet_path,
)
from sk_awave.datasets import make_wavelet_regression
from sk_awave.engine import FilterBank
from sk_awave.inspection import wavelet_distance, wavelet_functions

X, y = make_wavelet_regression(55_000, random_state=1, return_X_y=True)
X, y = X.astype(np.float32), y.astype(np.float32)
torch.set_num_threads(1)
torch.manual_seed(0)
net = nn.Sequential(
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
x_train, y_train = torch.from_numpy(X[:50_000]), torch.from_numpy(y[:50_000])
for _ in range(20):
    for rows in torch.randperm(50_000).split(500):
        optimizer.zero_grad()
        nn.functional.mse_loss(
            net(x_train[rows])[:, 0], y_train[rows]
        ).backward()
        optimizer.step()
with torch.no_grad():
    predicted = net(torch.from_numpy(X[50_000:]))[:, 0].numpy()
print(
    "R2 of the network on 5,000 new signals: "
    f"{r2_score(y[50_000:], predicted):.4f}"
)

# %%
# From one start
# --------------
# The published starts are sym5, coif2 and db5 with noise. Here the noise is
# added to the angles of the lattice, so that the start is a wavelet. A path of
# wavelets is learned from each start. The larger the ratio, the more the
# sparsity of the attributions counts beside that of the coefficients. White
# noise is about equally sparse in all wavelets.
bank = FilterBank.from_wavelet("db5")
generator = torch.Generator().manual_seed(1)
with torch.no_grad():
    bank.original += (
        0.3 * torch.randn(bank.original.shape, generator=generator).double()
    )
starts = [
    bank.to_wavelet(name="db5 + noise"),
    pywt.Wavelet("sym5"),
    pywt.Wavelet("coif2"),
]
# Four levels, as published, are two more than filters of 10 taps can fill.
warnings.filterwarnings("ignore", message=".*level=4 is too high")
transformer = AdaptiveWaveletTransformer(
    level=4, mode="zero", teacher=Teacher(net), tol=1e-7, random_state=0
)
ratios = [0.01, 1.0, 100.0, 10_000.0]
distances, learned = {}, {}
for start in starts:
    transformer.set_params(wavelet=start)
    _, path = adaptive_wavelet_path(
        X[:1000], transformer=transformer, ratios=ratios
    )
    distances[start.name] = [wavelet_distance(each, "db5") for each in path]
    learned[start.name] = path[-1].wavelet_
table = pd.DataFrame(distances, index=pd.Index(ratios, name="ratio"))
print("\ndistance of psi to db5, whose norm is 5.7")
print(table.to_string(float_format="{:.2f}".format))

# %%
# As in the paper, the result of a single start is a matter of luck: there are
# minima between most starts and the truth. Learning from db5 itself ends in
# the minimum that is nearest to db5. This is not quite db5, because the
# network is not perfect.
transformer.set_params(wavelet="db5", attribution_ratio=10_000.0)
nearest = wavelet_distance(transformer.fit(X[:1000]), "db5")
print(f"distance of the nearest minimum: {nearest:.3f}")

# %%
# From many starts
# ----------------
# ``init="library"`` tries all named wavelets of 10 taps or fewer, shifted and
# reversed. The truth is among them. ``init="grow"`` knows no library: it
# builds lattices from the Haar wavelet. It finds the same minimum, but takes
# several times as long.
transformer.set_params(init="library", n_init=3).fit(X[:1000])
learned["library"] = transformer.wavelet_
distance = wavelet_distance(transformer, "db5")
print(f'distance from init="library": {distance:.3f}')

# %%
# Left: the distance to the truth from each start. Right: the learned wavelets.
fig, axes = plt.subplot_mosaic(
    "abc;ade", figsize=(8, 4.5), layout="constrained"
)
left, *others = axes.values()
for (name, values), marker in zip(distances.items(), "osD", strict=True):
    left.plot(ratios, values, marker=marker, label=name)
left.axhline(distance, color="0.3", linestyle=":", label="library")
left.set(xscale="log", xlabel="ratio")
left.set_ylabel(r"distance of $\psi$ to db5")
left.legend(frameon=False, fontsize="small", title="start")
truth = wavelet_functions("db5")
for panel, (name, wavelet) in zip(others, learned.items(), strict=True):
    psi = wavelet_functions(wavelet).psi
    # The best match up to a shift, a reversal of time and a sign.
    turned = [sign * way for sign in (1, -1) for way in (psi, psi[::-1])]
    overlaps = [
        np.correlate(truth.psi, candidate, "full") for candidate in turned
    ]
    best = np.argmax([overlap.max() for overlap in overlaps])
    shift = overlaps[best].argmax() - len(psi) + 1
    time = truth.x[0] + (np.arange(len(psi)) + shift) / 2**8
    panel.plot(truth.x, truth.psi, color="0.7", linewidth=3, label="db5")
    panel.plot(time, turned[best], color="#0072b2", label="learned")
    panel.set(title=f"from {name}", xlabel="time (samples)", xlim=(0, 9))
others[0].set_ylabel(r"$\psi$")
others[0].legend(frameon=False, fontsize="small")
plt.show()
