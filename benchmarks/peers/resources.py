"""Memory, growth of time with size, and GPUs."""

import contextlib
import itertools
import math
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from libraries import Case, awave, checked, noise, transforms
from published import PublishedStep, Task, fit_published, make_objective, our_step
from timing import OURS, Row, Section, apart, race, size
from transforming import BATCHES

from sk_awave import AdaptiveWaveletTransformer


def fit_functions(X):
    """Return short fits by name: memory does not grow with their steps."""

    def ours(parametrization):
        how = {"level": 4, "mode": "zero", "ndim": X.ndim - 1, "max_iter": 3}
        return AdaptiveWaveletTransformer("db5", parametrization=parametrization, **how)

    warnings.filterwarnings("ignore", message=".*max_iter=3")
    theirs = partial(fit_published, X, None, Task(X.shape, epochs=3))
    functions = {OURS: lambda: ours("orthogonal").fit(X)}
    return functions | ({"awave": theirs} if awave else {})


def transform_functions(X):
    """Return forward transforms by name."""
    found = transforms(Case(X.shape, dtype=X.dtype.name), X)
    return {name: transform.forward for name, transform in found.items()}


def step_functions(X):
    """Return a step of the same loss, ours and as published."""
    functions = {OURS: our_step(make_objective(torch.from_numpy(X), "free"))}
    return functions | ({"awave": PublishedStep(X)} if awave else {})


FUNCTIONS = {
    "transform": transform_functions,
    "step": step_functions,
    "fit": fit_functions,
}


# Memory


def resident(key):
    """Return the bytes of this process that Linux counts under a key."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(ln.split()[1]) for ln in lines if ln.startswith(key))


def extra_memory(what, name, shape):
    """Return the peak memory of a call beside its input, in units of the input."""
    X = noise(shape)
    few = X[: max(2, 2**18 // X[0].size)].copy()  # loads all that is loaded once
    FUNCTIONS[what](few)[name]()
    function = FUNCTIONS[what](X)[name]
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = resident("VmRSS")
    result = function()
    peak = resident("VmHWM")
    del result
    return max(0, peak - before) / X.nbytes


def of_memory(rounds, quick):
    """Measure peaks, each in a process of its own."""
    if not Path("/proc/self/status").exists():
        return
    cases = [("transform", s) for s in ((200_000, 64), (20_000, 1_024), (64, 512, 512))]
    cases += [("fit", s) for s in ((100_000, 64), (100, 65_536), (5_000, 28, 28))]
    for what, shape in [("fit", (20_000, 64))] if quick else cases:
        names = FUNCTIONS[what](noise((2, *shape[1:])))
        peaks = {name: [apart(extra_memory, what, name, shape)] for name in names}
        yield Row("memory", {"of a": what, "signals": size(shape)}, peaks)


# Growth


def of_growth(rounds, quick):
    """Measure how time grows with the number of samples."""
    powers = [4**i for i in range(2 if quick else 4)]
    families = {
        "signals of 64 samples": [(1_000 * power, 64) for power in powers],
        "samples of 4 signals": [(4, 16_384 * power) for power in powers],
    }
    for what, (family, shapes) in itertools.product(
        ("transform", "step"), families.items()
    ):
        runs = [race(FUNCTIONS[what](noise(shape)), rounds) for shape in shapes]
        sizes = np.log([math.prod(shape) for shape in shapes])
        slopes = {  # of each round
            name: np.polyfit(sizes, np.log([run[name] for run in runs]), 1)[0].tolist()
            for name in runs[0]
        }
        ends = f"{math.prod(shapes[0])} to {math.prod(shapes[-1])}"
        yield Row("growth", {"of a": what, "in": family, "samples in all": ends}, slopes)


# GPUs


def finish(function):
    """Call a function; wait until the GPU has done it."""
    result = function()
    torch.cuda.synchronize()
    return result


def of_gpu(rounds, quick):
    """Time tensors on a GPU, by wall clock."""
    if not torch.cuda.is_available():
        return
    for shape in BATCHES[::4] if quick else BATCHES:
        functions = checked(Case(shape), "cuda") | {"step": {}}
        x = torch.from_numpy(noise(shape))
        for name, place in ((OURS, "cuda"), ("sk_awave on the CPU", "cpu")):
            functions["step"][name] = our_step(make_objective(x.to(place), "free"))
        for what, candidates in functions.items():
            candidates = {name: partial(finish, f) for name, f in candidates.items()}
            times = race(candidates, rounds, clock=time.perf_counter)
            yield Row("gpu", {"signals": size(shape), "of a": what}, times)


SECTIONS = {
    "memory": Section(
        "Memory",
        "The peak memory of one call, including its result, in units of its input. Each "
        "call has a fresh process. float32, mode zero, four levels.",
        of_memory,
        "of a",
        unit="times the input",
    ),
    "growth": Section(
        "Growth of time",
        "The exponent of the growth of time with the number of samples, fitted to four "
        "sizes. With 1, time is proportional. Below 1, a fixed cost still matters.",
        of_growth,
        unit="exponent",
    ),
    "gpu": Section(
        "GPU",
        "float32, mode zero, by wall-clock time. PyWavelets and ndwt compute on one "
        "thread of the CPU.",
        of_gpu,
        "of a",
    ),
}
