"""
A torch network with a learned wavelet layer
============================================

``MultilevelDWT`` is the transform as a layer of a torch network. The network
here predicts the height of the highest burst in a trace. It has three steps: a
wavelet transform, the largest coefficient of each band, and a linear layer.
The network has five to eight numbers to learn. The loss of the predictions
trains them together, and the wavelet stays a wavelet.
"""

# %%
# The network
# -----------
# skorch trains the network and makes it a scikit-learn estimator.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from skorch import NeuralNetRegressor
from torch import nn

from sk_awave import MultilevelDWT
from sk_awave.datasets import make_bursts
from sk_awave.inspection import wavelet_functions


class LargestCoefficients(nn.Module):
    """Predict linearly from the largest coefficient of each band."""

    def __init__(self, parametrization="orthogonal", wavelet="db3", level=2):
        super().__init__()
        self.dwt = MultilevelDWT(
            wavelet, level=level, parametrization=parametrization
        )
        self.output = nn.Linear(level + 1, 1)

    def forward(self, x):
        """Map traces (n, length) to predictions (n, 1)."""
        return self.output(
            torch.stack([band.amax(-1) for band in self.dwt(x)], -1)
        )


torch.set_num_threads(1)
X, y = make_bursts(2600, random_state=0, return_X_y=True)
X, y = X.astype(np.float32), y.astype(np.float32)[:, np.newaxis]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Fixed against learned
# ---------------------
# Each of three wavelets is used without learning, and as the start of
# learning. Two seeds of the training show how far results scatter.
starts, seeds = ["db2", "sym4", "sym5"], range(2)
scores = {}
for start in starts:
    for parametrization in ("fixed", "orthogonal"):
        scores[start, parametrization] = []
        for seed in seeds:
            torch.manual_seed(seed)
            net = NeuralNetRegressor(
                LargestCoefficients,
                module__wavelet=start,
                module__parametrization=parametrization,
                optimizer=torch.optim.Adam,
                lr=0.05,
                batch_size=400,
                max_epochs=40,
                iterator_train__shuffle=True,
                train_split=None,
                verbose=0,
            ).fit(X_train, y_train)
            scores[start, parametrization].append(net.score(X_test, y_test))
    fixed, learned = scores[start, "fixed"], scores[start, "orthogonal"]
    print(
        f"{start:>5}: R2 fixed {np.mean(fixed):.3f}, "
        f"learned {np.mean(learned):.3f}"
    )
n_learned = sum(p.numel() for p in net.module_.parameters())
print(f"learned numbers of the network from {start}: {n_learned}")

# %%
# The learned wavelet is orthonormal, and the rest of the package can use it.
# Nothing in the loss asks for a smooth wavelet, and this one is not smooth.
wavelet = net.module_.dwt.filter_bank.to_wavelet()
taps = np.array(wavelet.dec_lo)
gram = [
    taps[2 * m :] @ taps[: len(taps) - 2 * m] for m in range(len(taps) // 2)
]
print(
    "distance from orthonormality: "
    f"{np.abs(gram - np.eye(len(gram))[0]).max():.1e}"
)

# %%
# Each learned wavelet is ahead of its start.
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
before, after = wavelet_functions(start), wavelet_functions(wavelet)
left.plot(
    before.x, before.psi, color="0.7", linewidth=3, label=f"start ({start})"
)
left.plot(after.x, after.psi, color="#0072b2", label="learned")
left.set(title="Wavelet", xlabel="time (samples)", ylabel=r"$\psi$")
left.legend(frameon=False, loc="upper right")
place = np.arange(len(starts))
for parametrization, colour, label in [
    ("fixed", "0.6", "fixed"),
    ("orthogonal", "#0072b2", "learned"),
]:
    values = np.array([scores[start, parametrization] for start in starts])
    right.plot(place, values, "o", color=colour, markersize=4)
    right.plot(
        place, values.mean(1), "_", color=colour, markersize=20, label=label
    )
right.set(title="New traces (dots: seeds)", ylabel="R2")
right.set(xticks=place, xticklabels=starts)
right.margins(x=0.2)
right.legend(frameon=False)
plt.show()
