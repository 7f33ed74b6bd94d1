"""
Train a network not to use an artefact
======================================

A network uses the easiest feature. Here this is a weak oscillation in the
recordings of one class. Only the training data have it. A penalty on the use
of its band makes the network learn the shape of the signals.
"""

# %%
# The data
# --------
# The class is the width of a bump in noise. In training, the narrow bumps also
# have an oscillation at the highest frequency, as if from another device. In
# the reversed test the wide bumps have it.
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from sk_awave import WaveletTransformer
from sk_awave.neural_network import PenalizedNetClassifier

rng = np.random.default_rng(0)
time = np.arange(64)


def record(n, with_artefact):
    """Return signals and classes; one class has the artefact."""
    y = rng.integers(0, 2, n)
    centre = rng.uniform(20, 44, (n, 1))
    width = np.where(y, 4, 7)[:, np.newaxis]
    X = np.exp(-0.5 * ((time - centre) / width) ** 2)
    X += 0.3 * rng.standard_normal(X.shape)
    X[y == with_artefact] += 0.35 * np.cos(np.pi * time)
    return X[:, np.newaxis].astype("float32"), y


train = record(600, with_artefact=1)
tests = {
    "as in training": record(1000, with_artefact=1),
    "reversed": record(1000, with_artefact=0),
}

fig, axes = plt.subplots(
    1, 2, figsize=(8, 2.5), sharey=True, layout="constrained"
)
for ax, label, name in zip(axes, (0, 1), ("wide", "narrow"), strict=True):
    ax.plot(time, train[0][train[1] == label][:3, 0].T, lw=1)
    ax.set(title=f"{name}, in training", xlabel="sample")
plt.show()

# %%
# Two networks
# ------------
# They differ only in the strength ``alpha`` of the penalty. The penalty is the
# mean square of the change of the outputs when the band is removed from the
# signals. The artefact lies in the finest band, cD1.


def cnn():
    """Return a small convolutional network."""
    return nn.Sequential(
        nn.Conv1d(1, 12, 7, padding=3),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(12, 16, 7, padding=3),
        nn.ReLU(),
        nn.AvgPool1d(4),
        nn.Flatten(),
        nn.Linear(128, 2),
    )


nets = {}
for name, alpha in (("plain", 0), ("penalised", 1)):
    torch.manual_seed(0)
    net = PenalizedNetClassifier(
        cnn,
        transformer=WaveletTransformer("db4", level=3),
        bands=["cD1"],
        alpha=alpha,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=3e-3,
        max_epochs=15,
        batch_size=64,
        iterator_train__shuffle=True,
        verbose=0,
    )
    nets[name] = net.fit(*train)
    for kind, (X, y) in tests.items():
        print(f"{name:10s} {kind:15s} accuracy {net.score(X, y):.3f}")

# %%
# On data like the training data, the plain network is even better. If the
# artefact is in the other class, it fails.
#
# Which bands do they use?
# ------------------------
# A network uses a band if its outputs change when the band is removed. The
# figure shows the mean change.
wavelet = nets["plain"].transformer_
bands = wavelet.basis_
X = tests["reversed"][0]


def use_of_bands(net):
    """Return how much the outputs change by the removal of each band."""
    coeffs, uses = wavelet.transform(X), []
    for band in wavelet.layout_.bands:
        only = np.zeros_like(coeffs)
        only[:, band.start : band.stop] = coeffs[:, band.start : band.stop]
        change = net.forward(X) - net.forward(
            X - wavelet.inverse_transform(only)
        )
        uses.append(change.abs().mean().item())
    return uses


fig, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
colors = {"plain": "#d55e00", "penalised": "#0072b2"}
for shift, (name, net) in zip((-0.2, 0.2), nets.items(), strict=True):
    scores = [net.score(*test) for test in tests.values()]
    style = {"width": 0.38, "color": colors[name], "label": name}
    axes[0].bar(np.arange(2) + shift, scores, **style)
    axes[1].bar(np.arange(len(bands)) + shift, use_of_bands(net), **style)
axes[0].axhline(0.5, color="grey", lw=1, ls=":")
axes[0].set(ylabel="accuracy", xlabel="artefact", ylim=(0, 1.2))
axes[0].set_xticks(range(2), list(tests))
axes[0].legend(frameon=False, ncols=2, loc="upper center")
axes[1].set(ylabel="change of the outputs", xlabel="removed band")
axes[1].set_xticks(range(len(bands)), bands)
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# The penalised network uses the approximation, where the bump is. A
# cross-validation on the training data cannot tell which network is better:
# both are right there. The user guide says how to choose the strength.
