"""What learning does to the reconstruction: penalties (awave) against angles (sk_awave).

Both learn from the same windows of a real electrocardiogram, from the same wavelet, to
make its coefficients sparse. Run it after ``pip install ".[test]"``.
"""

import contextlib
import io

import numpy as np
import pywt
import torch
from awave.transform1d import DWT1d

from sk_awave import AdaptiveWaveletTransformer

LEVEL, MODE = 3, "zero"


def relative_error(X, back):
    """Return the norm of the reconstruction error over that of the signals."""
    return np.linalg.norm(back - X) / np.linalg.norm(X)


def published(X, wavelet, epochs, learning_rate):
    """Learn by the published package and reconstruct.

    The penalty of the conjugate mirror condition fails on today's torch, so it is off.
    """
    x = torch.tensor(X, dtype=torch.float32).unsqueeze(1)
    transform = DWT1d(wave=wavelet, mode=MODE, J=LEVEL)
    with contextlib.redirect_stdout(io.StringIO()):
        transform.fit(x, lr=learning_rate, num_epochs=epochs, lamCMF=0)
    with torch.no_grad():
        back = transform.inverse(transform(x))
    return relative_error(X, back.squeeze(1).numpy()[:, : X.shape[1]])


def ours(X, wavelet, **params):
    """Learn by this package and reconstruct."""
    transformer = AdaptiveWaveletTransformer(wavelet, level=LEVEL, mode=MODE, **params)
    Xt = transformer.fit(X).transform(X)
    return relative_error(X, transformer.inverse_transform(Xt))


def main():
    """Print the relative reconstruction errors side by side."""
    signal = pywt.data.ecg().astype(float)
    signal = (signal - signal.mean()) / signal.std()
    X = np.lib.stride_tricks.sliding_window_view(signal, 128)[::8].copy()
    print(f"windows {X.shape}, level {LEVEL}, mode {MODE}, all strengths 1")
    print("relative reconstruction error after learning")
    print(f"{'start':<8}{'awave':>10}{'sk_awave, free':>18}{'sk_awave, orthogonal':>24}")
    for wavelet in ("db3", "db5", "sym5"):
        errors = (
            published(X, wavelet, epochs=300, learning_rate=0.01),
            ours(X, wavelet, parametrization="free"),
            ours(X, wavelet),
        )
        print("{:<8}{:>10.1e}{:>18.1e}{:>24.1e}".format(wavelet, *errors))


if __name__ == "__main__":
    main()
