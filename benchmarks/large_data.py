"""Memory and time of learning from data that outgrows memory.

    python benchmarks/large_data.py [--quick]

A file of 4 GB (with --quick of 64 MB) is made in a temporary folder. Each way to learn
from it runs in a process of its own, which reports the largest anonymous memory that it
had: what the system cannot take back, and pages of the file are not.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from sk_awave import AdaptiveWaveletTransformer

N_FEATURES, N_ITERATIONS, ROWS = 1024, 3, 8192


def anonymous_memory():
    """Return the anonymous memory of this process now, in MB."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


class Peak(threading.Thread):
    """Samples the memory of this process."""

    def __init__(self):
        super().__init__(daemon=True)
        self.value, self.is_over = 0.0, threading.Event()

    def run(self):
        while not self.is_over.wait(0.01):
            self.value = max(self.value, anonymous_memory())


class Slices:
    """Blocks of rows of an array, or of arrays."""

    def __init__(self, X):
        self.X = X

    def __iter__(self):
        return (self.X[i : i + ROWS] for i in range(0, len(self.X), ROWS))


def energy(x):
    """A teacher."""
    return (x[:, 100:200] ** 2).sum(1)


def as_loader(X):
    """Return batches of rows, which are sliced as a whole."""
    data = torch.utils.data.TensorDataset(torch.from_numpy(X))
    sampler = torch.utils.data.SequentialSampler(data)
    batches = torch.utils.data.BatchSampler(sampler, ROWS, drop_last=False)
    return torch.utils.data.DataLoader(data, sampler=batches, batch_size=None)


def as_dask(X):
    """Return a Dask array of the same blocks."""
    import dask.array as da

    return da.from_array(X, chunks=(ROWS, -1))


#: The name of each way, what is given to `fit`, and further parameters.
WAYS = {
    "memmap": (lambda X: X, {}),
    "memmap, init='library'": (lambda X: X, {"init": "library"}),
    "iterable of slices": (Slices, {}),
    "iterable of slices, teacher": (Slices, {"teacher": energy}),
    "DataLoader": (as_loader, {}),
    "Dask array, no cluster": (as_dask, {}),
}


def measure(path, way):
    """Fit to the file in one way, and print memory and seconds."""
    wrap, params = WAYS[way]
    X = np.load(path, mmap_mode="r" if way != "DataLoader" else "c")
    params = {"level": 5, "max_iter": N_ITERATIONS, "tol": 0} | params
    learner = AdaptiveWaveletTransformer("db4", random_state=0, **params)
    learner.fit(X[:2000])  # what torch takes for itself
    data, before = wrap(X), anonymous_memory()
    peak = Peak()
    peak.start()
    start = time.perf_counter()
    learner.fit(data)
    seconds = time.perf_counter() - start
    peak.is_over.set()
    peak.join()
    print(f"{way:30} {peak.value - before:8.0f} MB {seconds:8.1f} s", flush=True)


def make_file(path, n_rows):
    """Write random walks of float32, block by block."""
    rng = np.random.default_rng(0)
    shape = n_rows, N_FEATURES
    X = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for i in range(0, n_rows, ROWS):
        rows = X[i : i + ROWS]
        rows[:] = rng.standard_normal(rows.shape, np.float32).cumsum(1)
    X.flush()


def main():
    """Run all ways, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--run", nargs=2, metavar=("FILE", "WAY"))
    arguments = parser.parse_args()
    if arguments.run:
        measure(*arguments.run)
        return
    n_rows = 2**14 if arguments.quick else 10**6
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "X.npy")
        make_file(path, n_rows)
        print(
            f"{n_rows} rows of {N_FEATURES} float32: {os.path.getsize(path) / 1e6:.0f} MB"
        )
        print(f"{N_ITERATIONS} iterations; largest additional anonymous memory, and time")
        for way in WAYS:
            command = [sys.executable, "-W", "ignore", __file__, "--run", path, way]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
