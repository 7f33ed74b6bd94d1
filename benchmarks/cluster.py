"""When a cluster pays: fits of a Dask array on workers, and of the same array in memory.

Run ``python benchmarks/cluster.py`` (a minute; it needs ``pip install ".[dask]"``). Two
processes on this machine are the workers, with a thread each. In memory there is one
thread, too. It prints medians of fits in turn: the time before the first iteration, and
what an iteration takes. The array is on the workers when the clock starts.
"""

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import time
import warnings

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster, wait
from sklearn.exceptions import ConvergenceWarning

from sk_awave import AdaptiveWaveletTransformer

N_FEATURES, N_ITERATIONS, N_ROUNDS = 256, 10, 5
SIZES = (1_000, 10_000, 100_000, 300_000)


def seconds(X):
    """Return the time of a fit without iterations, and what an iteration adds."""
    times = []
    for max_iter in (0, N_ITERATIONS):
        start = time.perf_counter()
        AdaptiveWaveletTransformer("db4", max_iter=max_iter, tol=0).fit(X)
        times.append(time.perf_counter() - start)
    return times[0], (times[1] - times[0]) / N_ITERATIONS


def main():
    """Print a row for each number of samples."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "Sending large graph")
    print("milliseconds: in memory / on two workers")
    print(f"{'samples':>8s}  {'before learning':>16s}  {'an iteration':>16s}")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster):
        for n in SIZES:
            rng = np.random.default_rng(0)
            X = rng.standard_normal((n, N_FEATURES), dtype=np.float32).cumsum(1)
            D = da.from_array(X, chunks=(-(-n // 4), -1)).persist()
            wait(D)
            rounds = [(seconds(X), seconds(D)) for _ in range(N_ROUNDS)]
            here, there = 1000 * np.median(rounds, axis=0)
            cells = [f"{a:.1f} / {b:.1f}" for a, b in zip(here, there, strict=True)]
            print(f"{n:8d}  {cells[0]:>16s}  {cells[1]:>16s}")


if __name__ == "__main__":
    main()
