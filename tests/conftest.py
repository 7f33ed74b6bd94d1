import pytest
import torch
from sklearn.datasets import load_digits

# Small work, several test processes: more threads would only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def ecg():
    """Overlapping windows of a real electrocardiogram, shape (121, 64)."""
    import numpy as np
    import pywt

    signal = pywt.data.ecg().astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(signal, 64)[::8]
    return (windows - signal.mean()) / signal.std()


@pytest.fixture(scope="session")
def digits():
    """Real 8 x 8 images, shape (300, 8, 8), and their classes."""
    X, y = load_digits(return_X_y=True)
    return X[:300].reshape(-1, 8, 8) / 16, y[:300]


@pytest.fixture
def cuda():
    """The CUDA device, or a skip that says why."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device("cuda")
