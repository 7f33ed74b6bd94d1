"""
Learn from data larger than memory
==================================

A wavelet is learned from a file, block by block, and then by the workers of a
Dask cluster. Both give the same wavelet, to the last bit.
"""

# %%
# A file
# ------
# Traces of 256 samples are written to a file in blocks. Each has a burst at a
# random time, over a slow drift. A memory map reads only the parts of the file
# that are used. This file is small; `benchmarks/large_data.py` makes one of 4
# GB.
import tempfile
from pathlib import Path

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client

from sk_awave import AdaptiveWaveletTransformer
from sk_awave.inspection import WaveletDisplay

N_BLOCKS, BLOCK = 8, 1000


def bursts(n, random_state):
    """Return bursts over a drift, in single precision."""
    rng = np.random.default_rng(random_state)
    centre, time = rng.uniform(40, 216, (n, 1)), np.arange(256)
    X = np.exp(-np.abs(time - centre) / 6) * np.sin(0.9 * (time - centre))
    drift = rng.standard_normal((n, 256)).cumsum(axis=1)
    return (X + 0.01 * drift).astype(np.float32)


folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "traces.npy"
shape = (N_BLOCKS * BLOCK, 256)
X = np.lib.format.open_memmap(path, "w+", np.float32, shape)
for i in range(N_BLOCKS):
    X[i * BLOCK : (i + 1) * BLOCK] = bursts(BLOCK, random_state=i)
X = np.load(path, mmap_mode="r")

# %%
# One block at a time
# -------------------
# ``fit`` accepts the memory map itself. If the data are in many files, or come
# from elsewhere, pass an object that yields blocks. Each evaluation of the
# objective iterates over it once.


class Blocks:
    """Yields the blocks of the file, and counts how often it is asked."""

    n_passes = 0

    def __iter__(self):
        self.n_passes += 1
        return (X[i * BLOCK : (i + 1) * BLOCK] for i in range(N_BLOCKS))


def learner():
    """Return a transformer that is to learn twelve taps."""
    return AdaptiveWaveletTransformer("db6", level=4)


blocks = Blocks()
by_blocks = learner().fit(blocks)
print(f"{by_blocks.n_iter_} iterations, {blocks.n_passes} passes")

# %%
# The workers of a cluster
# ------------------------
# The blocks of a Dask array stay with the workers. One task per worker returns
# the values and the gradients of all its blocks. They are summed in the order
# of the blocks. The cluster here is two threads.
with Client(
    processes=False,
    n_workers=2,
    threads_per_worker=1,
    dashboard_address=":0",
):
    lazy = da.from_array(X, chunks=(BLOCK, -1))
    by_workers = learner().fit(lazy)
    # A Dask array in, a Dask array out: nothing is computed yet.
    norms = np.abs(by_workers.transform(lazy)).sum(axis=1).mean()
    print("sparsity:", float(norms))
print(np.array_equal(by_workers.filter_bank_, by_blocks.filter_bank_))

# %%
# This is the learned wavelet. The start of learning is in grey.
WaveletDisplay.from_estimator(by_workers)
plt.show()
folder.cleanup()
