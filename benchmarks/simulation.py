"""The simulation of Ha et al. (2021): does learning find the wavelet behind a teacher?

55,000 white-noise signals of 64 samples; the response is made of three neighbouring
coefficients of one wavelet, a network is trained on it, and a wavelet is learned that
makes the network's saliency sparse. Printed: how far it is from the truth (the distance
of psi, beside the published one where there is one), the objective beside that of the
truth itself, and of the minimum nearest to it (the network is not perfect, so that the
best wavelet for it is not quite the truth), and the time, beside the published
trainer's.

Run it after ``pip install ".[test]"``; it takes a few minutes.
"""

import contextlib
import io
import time
import warnings

import numpy as np
import pywt
import torch
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, Teacher
from sk_awave.datasets import make_wavelet_regression
from sk_awave.inspection import wavelet_distance

LEVEL, MODE, N_TRAIN, N_ROWS = 4, "zero", 50_000, 5_000

#: Distances read off the figures of the paper, by starting wavelet, for the truth db5.
PUBLISHED = {"db5 + noise": 0.03, "sym5": 0.8, "coif2": 0.09}


def make_teacher(X, y):
    """Train the network of the paper; return it and its R2 on the rest of the data."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    x, t = torch.from_numpy(X[:N_TRAIN]), torch.from_numpy(y[:N_TRAIN])
    for _ in range(20):
        for rows in torch.randperm(N_TRAIN).split(100):
            optimizer.zero_grad()
            (net(x[rows])[:, 0] - t[rows]).square().mean().backward()
            optimizer.step()
    with torch.no_grad():
        error = net(torch.from_numpy(X[N_TRAIN:]))[:, 0].numpy() - y[N_TRAIN:]
    return net, 1 - np.mean(error**2) / np.var(y[N_TRAIN:])


def noisy_db5():
    """An orthonormal start near db5: noise of 0.3 on its angles."""
    from sk_awave.engine import FilterBank

    bank = FilterBank.from_wavelet("db5")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        noise = torch.randn(bank.original.shape, generator=generator).double()
        bank.original += 0.3 * noise
    return bank.to_wavelet(name="db5 + noise")


def learn(X, teacher, wavelet, **params):
    """Learn a wavelet; return the transformer and the seconds it took."""
    transformer = AdaptiveWaveletTransformer(
        wavelet,
        level=LEVEL,
        mode=MODE,
        teacher=teacher,
        alpha_sparsity=1e-4,
        alpha_attribution=1.0,
        tol=1e-7,
        random_state=0,
        **params,
    )
    start = time.perf_counter()
    transformer.fit(X)
    return transformer, time.perf_counter() - start


def published_seconds(X, net):
    """Time one epoch of the published trainer, of the 50 it takes at each strength."""
    from awave.transform1d import DWT1d

    x = torch.from_numpy(X[:N_TRAIN]).unsqueeze(1)
    flat = nn.Sequential(nn.Flatten(), net)
    data = torch.utils.data.TensorDataset(x, torch.zeros(len(x)))
    loader = torch.utils.data.DataLoader(data, batch_size=100, shuffle=True)
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        DWT1d(wave="sym5", mode=MODE, J=LEVEL).fit(
            train_loader=loader,
            pretrained_model=flat,
            num_epochs=1,
            target=0,
            lamCMF=0,
            lamL1wave=1e-4,
            lamL1attr=1e-2,
        )
    return time.perf_counter() - start


def main():
    """Print a table for each truth."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*too high")
    for truth in ("db5", "sym5", "coif2"):
        X, y = make_wavelet_regression(
            N_TRAIN + 5_000, wavelet=truth, random_state=1, return_X_y=True
        )
        X, y = X.astype(np.float32), y.astype(np.float32)
        net, r2 = make_teacher(X, y)
        teacher, rows = Teacher(net), X[:N_ROWS]
        taps = pywt.Wavelet(truth).dec_len
        nearest, _ = learn(rows, teacher, truth)
        print(f"\ntruth {truth}, teacher R2 {r2:.4f}, {N_ROWS} signals")
        print(
            f"objective of the truth itself {nearest.loss_curve_[0]:.4f}, of the nearest "
            f"minimum {min(nearest.loss_curve_):.4f}, at the distance "
            f"{wavelet_distance(nearest, truth):.3f}"
        )
        header = ("start", "init", "objective", "distance", "published", "seconds")
        print("{:<14}{:<10}{:>10}{:>10}{:>11}{:>9}".format(*header))
        runs = [(f"db{taps // 2}", init) for init in ("library", "grow", "best")]
        if truth == "db5":
            runs += [(start, "wavelet") for start in (noisy_db5(), "sym5", "coif2")]
        for start, init in runs:
            fitted, seconds = learn(
                rows, teacher, start, init=init, n_init=1 if init == "wavelet" else 3
            )
            named = init == "wavelet"
            name = getattr(start, "name", start) if named else f"{taps} taps"
            distance = wavelet_distance(fitted, truth)
            print(
                f"{name:<14}{init:<10}{min(fitted.loss_curve_):>10.4f}{distance:>10.3f}"
                f"{PUBLISHED.get(name, ''):>11}{seconds:>9.1f}",
                flush=True,
            )
        if truth == "db5":
            seconds = published_seconds(X, net)
            print(
                f"the published trainer: {seconds:.1f} s an epoch, so {50 * seconds:.0f} "
                "s for the 50 epochs of one strength"
            )


if __name__ == "__main__":
    main()
