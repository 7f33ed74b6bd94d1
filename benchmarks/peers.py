"""The speed and memory of sk_awave beside its peers, as a Markdown report.

Run ``pip install ".[benchmarks]"``, then ``python benchmarks/peers.py`` (some minutes),
or with ``--quick`` (less than one). It installs nothing: a peer that is missing is
reported, and left out.
"""

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import argparse
import contextlib
import importlib.util
import io
import itertools
import math
import multiprocessing
import operator
import platform
import random
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pywt
import torch
from scipy.signal import lfilter
from sklearn.base import clone
from torch import nn

from sk_awave import (
    AdaptiveWaveletTransformer,
    Teacher,
    WaveletTransformer,
    adaptive_wavelet_path,
)
from sk_awave.attribution import input_gradients
from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.engine._library import instruction_sets
from sk_awave.engine._objective import Objective
from sk_awave.engine._terms import (
    Attribution,
    ConjugateMirror,
    Sparsity,
    wavelet_terms,
)

torch.set_num_threads(1)  # here, because child processes import this module, too
warnings.filterwarnings("ignore", message=".*too high")

WAVELET, LEVEL, MODE = "db5", 4, "zero"
MODES = ("zero", "symmetric", "periodization")
OURS, PEERS = "sk_awave", ("PyWavelets", "awave", "ptwt", "pytorch_wavelets")
COMPARED = (OURS, "PyWavelets", "awave")

#: How far results in float32 may be apart, relative to the largest.
TOLERANCE = 1e-4

#: The CPU time for which a short function is repeated, and the samples that are too many
#: for a quick run.
ENOUGH_SECONDS, QUICK_SIZE = 0.02, 700_000

ABOUT = f"""\
# Benchmarks

Written by `python benchmarks/peers.py` on {{date}}: {{machine}}; {{versions}}.{{missing}}

One process, one thread, {WAVELET}, {LEVEL} levels, float32. In each of {{rounds}} rounds
every candidate runs once (a short one repeatedly) in random order, and its CPU time is
taken, which other work on the machine disturbs least. Shown are our milliseconds and
how many times longer each peer takes, both as medians over rounds, the second of the
ratios within a round. What is timed is checked first: coefficients against PyWavelets,
signals against those transformed, losses against the published ones, all to
{TOLERANCE:g}. A floor is the ratio (and a limit the value) that this package sets itself.
"""

#: The floors of the ratios of PyWavelets' and awave's time to ours.
FORWARD_FLOORS = {
    (10_000, 64): (3.5, 5.0),
    (2_000, 1_024): (1.9, 6.0),
    (100, 65_536): (1.9, 6.0),
    (1, 4_000_000): (1.9, 2.9),
    (2_000, 28, 28): (3.2, 3.8),
    (500, 64, 64): (2.3, 2.2),
    (32, 512, 512): (2.3, 4.0),
}

#: The floors of the ratio of awave's time to ours, of the same loss and of "orthogonal".
STEP_FLOORS = {
    (100, 64): (20, 20),
    (500, 64): (20, 20),
    (10_000, 64): (20, 20),
    (500, 1_024): (None, 5),
    (20, 65_536): (None, 10),
    (256, 28, 28): (10, 20),
    (100, 28, 28): (10, 20),
}


class Task(NamedTuple):
    """Signals to learn from, a network to distil, and the floors of a step and a fit."""

    shape: tuple
    network: str | None
    target: int
    epochs: int
    fit_floor: float
    step_floor: float | None = None


TASKS = (
    Task((500, 64), None, 0, 300, 40),
    Task((256, 28, 28), None, 0, 100, 8),
    Task((500, 64), "MLP", 0, 300, 80, 30),
    Task((100, 40), "LSTM", 0, 300, 300, 100),
    Task((100, 28, 28), "CNN", 6, 100, 15, 25),
)


# Timing and tables


def seconds(function, calls, clock):
    """Return the seconds that one of several calls takes."""
    start = clock()
    for _ in range(calls):
        function()
    return (clock() - start) / calls


def race(functions, rounds, repeat=True, clock=time.process_time):
    """Return the seconds by name and round; all run in each round, in random order."""
    calls = dict.fromkeys(functions, 1)
    if repeat:  # the first call warms up, the second says how many make a measurement
        for name, function in functions.items():
            if seconds(function, 1, clock) < 10 * ENOUGH_SECONDS:
                once = seconds(function, 1, clock)
                calls[name] = math.ceil(ENOUGH_SECONDS / max(once, 1e-6))
    times = {name: np.empty(rounds) for name in functions}
    for i in range(rounds):
        for name in random.sample(list(functions), len(functions)):
            times[name][i] = seconds(functions[name], calls[name], clock)
    return times


def compare(times, floors, peers=PEERS, ours=OURS, also=True):
    """Return cells: our milliseconds, the ratio to each peer, floors and verdict."""
    ratios = {p: np.median(times[p] / times[ours]) for p in peers if p in times}
    floors = {p: floor for p, floor in floors.items() if floor and p in ratios}
    met = also and all(ratios[p] >= floor for p, floor in floors.items())
    return [
        number(1000 * np.median(times[ours])),
        *(number(ratios[p]) if p in ratios else "-" for p in peers),
        ", ".join(f"{floor:g}" for floor in floors.values()) or "-",
        "-" if not floors else "met" if met else "below",
    ]


def limited(values, limit):
    """Return cells: the values of those compared, and whether ours obeys the limit."""
    shown = [number(values[name]) if name in values else "-" for name in COMPARED]
    return [*shown, f"{limit:g}", "met" if values[OURS] <= limit else "above"]


def number(value):
    """Write three digits."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:#.3g}"


def size(shape):
    """Write a shape."""
    return " x ".join(f"{length}" for length in shape)


def table(title, note, header, rows):
    """Return a section of the report."""
    lines = [header, ["---"] * len(header), *rows]
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"## {title}\n\n{note}\n\n{body}\n"


def kept(shapes, quick):
    """Return the shapes that a quick run keeps, or all."""
    return [s for s in shapes if not quick or math.prod(s) <= QUICK_SIZE]


def agree(result, expected):
    """Tell whether two arrays, or numbers, agree."""
    result, expected = np.asarray(result), np.asarray(expected)
    if result.shape != expected.shape:
        return False
    return abs(result - expected).max() <= TOLERANCE * abs(expected).max()


def require(condition, what):
    """Stop where our result is wrong."""
    if not condition:
        raise RuntimeError(f"sk_awave disagrees with {what}")


def load(name):
    """Import a peer; return None where it is missing."""
    with warnings.catch_warnings(), contextlib.suppress(ImportError):
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


awave, ptwt, pytorch_wavelets = map(load, PEERS[1:])


# The transforms


class Transform(NamedTuple):
    """A candidate: both directions, and what makes rows like ours of its coefficients."""

    forward: Callable
    inverse: Callable
    rows: Callable


def noise(shape):
    """Make white noise."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def as_rows(coeffs):
    """Put a list of coefficients in PyWavelets' form into rows in our order."""
    bands = [(c[1], c[0], c[2]) if isinstance(c, tuple) else (c,) for c in coeffs]
    bands = itertools.chain.from_iterable(bands)  # of an image cV, cH, cD
    return np.concatenate([np.asarray(b).reshape(len(b), -1) for b in bands], axis=1)


def pyramid_as_rows(approximation, fine_to_coarse):
    """Put the coefficients of awave or pytorch_wavelets into rows."""
    coarse_to_fine = [details[:, 0] for details in reversed(fine_to_coarse)]
    if approximation.ndim == 4:
        coarse_to_fine = [details.unbind(1) for details in coarse_to_fine]
    return as_rows([approximation[:, 0], *coarse_to_fine])


def transforms(X, mode):
    """Return the candidates that have the mode, by name."""
    ndim, x = X.ndim - 1, torch.from_numpy(X)
    suffix = "" if ndim == 1 else "2"
    ours = WaveletTransformer(WAVELET, level=LEVEL, mode=mode, ndim=ndim).fit(X[:2])
    found = {
        OURS: Transform(partial(ours.transform, X), ours.inverse_transform, np.asarray),
        "PyWavelets": Transform(
            partial(getattr(pywt, f"wavedec{suffix}"), X, WAVELET, mode, LEVEL),
            partial(getattr(pywt, f"waverec{suffix}"), wavelet=WAVELET, mode=mode),
            as_rows,
        ),
    }
    if awave:
        module = published_transform(ndim, mode)
        found["awave"] = Transform(
            partial(torch.no_grad()(module.forward), x[:, None]),
            torch.no_grad()(module.inverse),
            lambda coeffs: pyramid_as_rows(coeffs[0], coeffs[1:]),
        )
    if ptwt and mode != "periodization":
        wavedec = getattr(ptwt, f"wavedec{suffix}")
        found["ptwt"] = Transform(
            partial(wavedec, x, WAVELET, mode=mode, level=LEVEL),
            partial(getattr(ptwt, f"waverec{suffix}"), wavelet=WAVELET),
            as_rows,
        )
    if pytorch_wavelets:
        name = "DWT1D" if ndim == 1 else "DWT"
        module = getattr(pytorch_wavelets, f"{name}Forward")(LEVEL, WAVELET, mode)
        found["pytorch_wavelets"] = Transform(
            partial(module, x[:, None]),
            getattr(pytorch_wavelets, f"{name}Inverse")(WAVELET, mode),
            lambda coeffs: pyramid_as_rows(*coeffs),
        )
    return found


def restore(transform, coeffs, X):
    """Invert coefficients; crop the sample that some libraries leave at the end."""
    restored = np.asarray(transform.inverse(coeffs))
    restored = restored.reshape(len(X), *restored.shape[1 - X.ndim :])
    return restored[tuple(map(slice, X.shape))]


def transform_floors(shape, mode):
    """Return the floors of the ratios of the forward and of the inverse transform."""
    periodic = mode == "periodization"
    forward = dict(zip(("PyWavelets", "awave"), FORWARD_FLOORS[shape], strict=True))
    if periodic and shape[1:] == (64,):
        forward["PyWavelets"] = 5.0
    inverse = {"PyWavelets": 2.0 if periodic else 0.8, "awave": 4.0}
    return forward, {} if max(shape[1:]) == 512 else inverse


def time_transforms(rounds, quick):
    """Time both directions."""
    forward_rows, inverse_rows = [], []
    for shape, mode in itertools.product(kept(FORWARD_FLOORS, quick), MODES):
        X = noise(shape)
        found = transforms(X, mode)
        coeffs = {name: transform.forward() for name, transform in found.items()}
        expected = as_rows(coeffs["PyWavelets"])
        forward, inverse = {}, {}
        for name, transform in found.items():
            if agree(transform.rows(coeffs[name]), expected):
                forward[name] = transform.forward
            if agree(restore(transform, coeffs[name], X), X):
                inverse[name] = partial(transform.inverse, coeffs[name])
        require(OURS in forward, f"PyWavelets: {shape}, {mode}")
        require(OURS in inverse, f"the signals: {shape}, {mode}")
        cells, floors = [size(shape), mode], transform_floors(shape, mode)
        forward_rows.append(cells + compare(race(forward, rounds), floors[0]))
        inverse_rows.append(cells + compare(race(inverse, rounds), floors[1]))
    header = ["signals", "mode", "ms", *PEERS, "floors", ""]
    yield table(
        "Forward transform",
        "`WaveletTransformer.transform`, from array to array. Floors: to PyWavelets, to "
        "awave. A dash: there is no such mode, or the coefficients are not those of "
        "PyWavelets (awave and pytorch_wavelets, where a level is shorter than the "
        "filter).",
        header,
        forward_rows,
    )
    yield table(
        "Inverse transform",
        "`inverse_transform`, likewise. A dash: there is no such mode, or the signals do "
        "not come back.",
        header,
        inverse_rows,
    )


# A step of learning


def walks(shape):
    """Make noise that is correlated along every axis, like most signals."""
    X = noise(shape)
    for axis in range(1, X.ndim):
        X = lfilter([0.45], [1, -0.9], X, axis)
    return X.astype(np.float32)


class Recurrent(nn.Module):
    """An LSTM that reads a signal, and a linear layer that reads its last state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, x):
        """Map (n, 1, length) to (n, 1)."""
        return self.head(self.lstm(x.mT)[0][:, -1])


def make_network(name):
    """Make a network, of samples with a channel axis, with random weights."""
    torch.manual_seed(0)
    if name == "LSTM":
        return Recurrent()
    if name == "MLP":
        layers = [nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Linear(32, 1))
    if name == "CNN":
        layers = [nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU()]
        layers += [nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(320, 50), nn.ReLU(), nn.Linear(50, 10))
    return None


def as_teacher(network, X, target=0):
    """Wrap a network for signals without a channel axis."""
    input_shape = (1, *X.shape[1:])
    return network and Teacher(network, input_shape=input_shape, target=target)


def published_transform(ndim, mode=MODE):
    """Make the published transform."""
    cls = awave.DWT1d if ndim == 1 else awave.DWT2d
    return cls(wave=WAVELET, mode=mode, J=LEVEL)


class PublishedStep:
    """A step of the published trainer, whose learning rate of 0 keeps the filter."""

    def __init__(self, X, network=None, target=0):
        self.x = torch.from_numpy(X).unsqueeze(1)
        self.transform = published_transform(X.ndim - 1)
        names = ("lSum", "hSum", "L2norm", "CMF", "Conv", "L1wave", "L1attr")
        # The conjugate-mirror term of the release does not run with today's torch.
        self.loss = awave.get_loss_f(**{f"lam{n}": float(n != "CMF") for n in names})
        self.trainer = awave.Trainer(
            network,
            self.transform,
            torch.optim.Adam(self.transform.parameters(), lr=0.0),
            self.loss,
            target=target,
            attr_methods="Saliency",
            device="cpu",
        )

    def __call__(self):
        """Take a step; return the loss."""
        return self.trainer._train_iteration(self.x)

    def at(self, rec_lo):
        """Return the loss and its gradient at a filter, which stays."""
        h0 = self.transform.h0
        h0.data = torch.as_tensor(rec_lo, dtype=h0.dtype).reshape(h0.shape)
        return self(), h0.grad.numpy().ravel()


def make_objective(x, parametrization, gradients=None, offset=0.0):
    """Make the objective that is the loss of `PublishedStep`, near the start."""
    bank = FilterBank.from_wavelet(WAVELET, parametrization)
    generator = np.random.default_rng(0)
    bank.original.data += offset * torch.tensor(
        generator.normal(size=bank.original.shape)
    )
    tree, shape = Tree.dwt(LEVEL), tuple(x.shape[1:])
    layout = CoeffLayout(shape, 1, bank.filter_length, tree, MODE)
    terms = {Sparsity(): 1.0, Attribution(): 1.0, **wavelet_terms()}
    terms |= {term: 0.0 for term in terms if isinstance(term, ConjugateMirror)}
    x, gradients = (t if t is None else t.unsqueeze(1) for t in (x, gradients))
    return Objective(bank, layout, terms, x, gradients)


def our_step(objective):
    """Return the function that evaluates loss and gradient."""
    return partial(objective, objective.start)


def step_rows(task, floors, rounds):
    """Time a step of both parametrizations on a task."""
    X, network = walks(task.shape), make_network(task.network)
    x, gradients = torch.from_numpy(X), None
    if network:
        field = input_gradients(as_teacher(network, X, task.target), X)
        gradients = torch.from_numpy(field)
    published = PublishedStep(X, network, task.target)
    functions, errors = {"awave": published}, {}
    for name, offset in (("free", 0.01), ("orthogonal", 0.0)):
        objective = make_objective(x, name, gradients, offset)
        functions[name] = our_step(objective)
        value, gradient = functions[name]()
        expected, slope = published.at(objective.bank.to_wavelet().rec_lo)
        require(agree(value, expected), f"the published loss: {task}, {name}")
        if name == "free":
            error = np.linalg.norm(gradient - slope) / np.linalg.norm(slope)
            errors[name] = f"{error:.0e}"
    times = race(functions, rounds)
    for (name, error), floor in zip(
        {"free": errors["free"], "orthogonal": "-"}.items(), floors, strict=True
    ):
        cells = [size(task.shape), task.network or "-", name, error]
        yield cells + compare(times, {"awave": floor}, ["awave"], ours=name)


def time_steps(rounds, quick):
    """Time loss and gradient on all signals."""
    if not awave:
        return
    shapes = kept(STEP_FLOORS, quick)
    tasks = [(Task(shape, None, 0, 0, 0), STEP_FLOORS[shape]) for shape in shapes]
    tasks += [(task, [task.step_floor] * 2) for task in TASKS if task.network]
    yield table(
        "A step of learning",
        "The published loss and its gradient on all signals, mode zero: awave's forward, "
        "inverse, loss, backward and Adam beside our products. Ours with the same "
        "parameters (free), and with the angles of a lattice, where reconstruction and "
        "penalties are exact (orthogonal). With a network, its gradient at the signals "
        "is computed once beforehand, where awave differentiates it at every step; for "
        "the LSTM this leaves a term out of the free gradient (of the orthogonal, none). "
        "Error: of the free gradient, relative to awave's.",
        ["signals", "network", "ours", "error", "ms", "awave", "floor", ""],
        itertools.chain.from_iterable(step_rows(*case, rounds) for case in tasks),
    )


# Whole fits


def fit_ours(X, network, task, parametrization):
    """Learn; return the low-pass filter."""
    transformer = AdaptiveWaveletTransformer(
        WAVELET,
        level=LEVEL,
        mode=MODE,
        ndim=X.ndim - 1,
        parametrization=parametrization,
        teacher=as_teacher(network, X, task.target),
        alpha_attribution=None if network is None else 1.0,
    )
    return transformer.fit(X).wavelet_.rec_lo


def fit_published(X, network, task):
    """Learn as published; return the low-pass filter."""
    transform, x = published_transform(X.ndim - 1), torch.from_numpy(X)
    transform.device = "cpu"  # which DWT2d of the release needs, but does not set
    with contextlib.redirect_stdout(io.StringIO()):
        transform.fit(
            X=x if X.ndim == 3 else x.unsqueeze(1),
            pretrained_model=network,
            lr=0.01,
            num_epochs=task.epochs,
            target=task.target,
            lamCMF=0,
        )
    return transform.h0.detach().ravel()


def fit_rows(task, rounds):
    """Time both parametrizations beside awave; score all by the published loss."""
    X, network = walks(task.shape), make_network(task.network)
    filters = {WAVELET: pywt.Wavelet(WAVELET).rec_lo}

    def keep(name, fit, *args):
        filters[name] = fit(X, network, task, *args)

    ours = {name: partial(keep, name, fit_ours, name) for name in ("free", "orthogonal")}
    for function in ours.values():
        function()  # what is loaded on first use
    functions = ours | {"awave": partial(keep, "awave", fit_published)}
    times = race(functions, rounds, repeat=False)
    published = PublishedStep(X, network, task.target)
    losses = {name: published.at(rec_lo)[0] for name, rec_lo in filters.items()}
    for name in ours:
        cells = [size(task.shape), task.network or "-", f"{task.epochs}", name]
        cells += [f"{losses[key]:.4g}" for key in (WAVELET, "awave", name)]
        floors, lower = {"awave": task.fit_floor}, losses[name] <= losses["awave"]
        yield cells + compare(times, floors, ["awave"], ours=name, also=lower)


def time_fits(rounds, quick):
    """Time whole fits."""
    if not awave:
        return
    tasks = [task for task in TASKS if not quick or task is TASKS[0]]
    rounds = max(1, rounds // 5)
    yield table(
        "Whole fits",
        "`AdaptiveWaveletTransformer.fit`, BFGS until it has converged, beside "
        "`awave.fit`, full batches at a learning rate of 0.01. All three losses by "
        "awave's own code; the floor is met where ours is as low. "
        f"Rounds: {rounds}. The networks have random weights.",
        [
            *("signals", "network", "epochs", "ours"),
            *(f"loss of {name}" for name in (WAVELET, "awave", "ours")),
            *("ms", "awave", "floor", ""),
        ],
        itertools.chain.from_iterable(fit_rows(task, rounds) for task in tasks),
    )


# Many strengths


def sweep_row(n_signals, rounds):
    """Time one step of the published loss at each of 20 strengths of sparsity."""
    X, strengths = walks((n_signals, 64)), np.logspace(-3, 1, 20)
    objective, published = make_objective(torch.from_numpy(X), "free"), PublishedStep(X)
    generator = np.random.default_rng(0)
    filters = generator.normal(objective.start, 0.01, size=(20, 10))

    def ours():
        values = []
        for rec_lo, strength in zip(filters, strengths, strict=True):
            values.append(objective.at(sparsity=strength)(rec_lo)[0])
        return values

    def theirs():
        values = []
        for rec_lo, strength in zip(filters, strengths, strict=True):
            published.loss.lamL1wave = strength
            values.append(published.at(rec_lo)[0])
        return values

    require(agree(ours(), theirs()), "the published loss at several strengths")
    times = race({OURS: ours, "awave": theirs}, rounds)
    return [size(X.shape), *compare(times, {"awave": 20}, ["awave"])]


def path_row(rounds):
    """Time a path of ten ratios beside ten fits from the start."""
    X = walks((500, 64))
    transformer = AdaptiveWaveletTransformer(
        WAVELET, level=LEVEL, mode=MODE, teacher=as_teacher(make_network("MLP"), X)
    )
    path = partial(
        adaptive_wavelet_path, X, transformer=transformer, ratios=np.logspace(-2, 2, 10)
    )
    on_path = path()[1]

    def separate():
        return [clone(fitted).fit(X) for fitted in on_path]

    objectives = [[t.loss_curve_[-1] for t in fits] for fits in (on_path, separate())]
    times = race({OURS: path, "separate": separate}, rounds, repeat=False)
    lower = sum(map(operator.le, *objectives))
    cells = compare(times, {}, ["separate"])[:-2]
    return [size(X.shape), *cells, f"{lower} of 10"]


def time_sweeps(rounds, quick):
    """Time many strengths."""
    if awave:
        yield table(
            "Twenty strengths",
            "One step of the published loss, without a network, at each strength and "
            "filter.",
            ["signals", "ms", "awave", "floor", ""],
            [sweep_row(n, rounds) for n in ((100, 500) if quick else (100, 500, 5_000))],
        )
    yield table(
        "A path of ratios",
        "`adaptive_wavelet_path` at ten ratios with the MLP, beside ten fits from the "
        "start at the same strengths, and where the path ends at an objective as low.",
        ["signals", "ms", "separate fits", "as low"],
        [path_row(max(1, rounds // 3))],
    )


# Growth, memory, overhead


def forward_functions(X):
    """Return the forward transforms that are compared."""
    found = transforms(X, MODE)
    return {name: found[name].forward for name in COMPARED if name in found}


def step_functions(X):
    """Return a step of the same loss, ours and as published."""
    functions = {OURS: our_step(make_objective(torch.from_numpy(X), "free"))}
    return functions | ({"awave": PublishedStep(X)} if awave else {})


FUNCTIONS = {"transform": forward_functions, "step": step_functions}


def measure_growth(rounds, quick):
    """Measure how time grows with the number of samples."""
    powers = [4**i for i in range(2 if quick else 4)]
    families = {
        "signals of 64 samples": [(1_000 * power, 64) for power in powers],
        "samples of 4 signals": [(4, 16_384 * power) for power in powers],
    }
    rows = []
    for (what, make), (family, shapes) in itertools.product(
        FUNCTIONS.items(), families.items()
    ):
        runs = [race(make(noise(shape)), rounds) for shape in shapes]
        sizes = np.log([math.prod(shape) for shape in shapes])
        slopes = {
            name: np.polyfit(sizes, np.log([np.median(run[name]) for run in runs]), 1)[0]
            for name in runs[0]
        }
        ends = f"{math.prod(shapes[0])} to {math.prod(shapes[-1])}"
        rows.append([what, family, ends, *limited(slopes, 1.1)])
    yield table(
        "Growth of time",
        "The slope of log time in log size, fitted to sizes in steps of four: 1 is "
        "proportional.",
        ["of a", "in", "samples in all", *COMPARED, "limit", ""],
        rows,
    )


def extra_memory(what, name, shape):
    """Return the peak memory of one call beside its input, in units of the input."""
    import resource

    def peak():
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    X = noise(shape)
    few = X[: max(2, 2**18 // X[0].size)]  # enough to load all that is loaded once
    FUNCTIONS[what](few)[name]()
    function = FUNCTIONS[what](X)[name]
    before = peak()
    function()
    return (peak() - before) / X.nbytes


def measure_memory(rounds, quick):
    """Measure peaks, each in a process of its own, forked from one that is small."""
    if quick or not importlib.util.find_spec("resource"):
        return
    cases = [("transform", s) for s in ((200_000, 64), (20_000, 1_024), (64, 512, 512))]
    cases += [("step", shape) for shape in ((100_000, 64), (100, 65_536))]
    limits, rows = {"transform": 2.5, "step": 4.0}, []
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        for what, shape in cases:
            names = FUNCTIONS[what](noise((2, *shape[1:])))
            peaks = {n: pool.submit(extra_memory, what, n, shape).result() for n in names}
            rows.append([what, size(shape), *limited(peaks, limits[what])])
    yield table(
        "Memory",
        "The peak of one call, its result included, in units of its input.",
        ["of a", "signals", *COMPARED, "limit", ""],
        rows,
    )


def measure_overhead(rounds, quick):
    """Time the transform of a single sample."""
    rows = []
    for shape in ((1, 64), (1, 1_024), (1, 28, 28)):
        times = race(forward_functions(noise(shape)), rounds)
        cells = compare(times, {}, COMPARED[1:])[:-2]
        met = np.median(times[OURS]) <= 0.3e-3
        rows.append([size(shape), *cells, "0.3", "met" if met else "above"])
    yield table(
        "One sample",
        "`transform`, validation included.",
        ["signals", "ms", *COMPARED[1:], "limit, ms", ""],
        rows,
    )


def time_gpu(rounds, quick, device="cuda"):
    """Time tensors on a GPU beside tensors on the CPU, by wall clock."""
    if not torch.cuda.is_available():
        return

    def finish(function):
        function()
        torch.cuda.synchronize()

    rows = []
    for shape in kept(FORWARD_FLOORS, quick):
        runs = {"transform": {}, "step": {}}
        for place in ("cpu", device):
            x = torch.from_numpy(noise(shape)).to(place)
            ours = WaveletTransformer(WAVELET, level=LEVEL, mode=MODE, ndim=x.ndim - 1)
            runs["transform"][place] = partial(ours.fit(x[:2]).transform, x)
            runs["step"][place] = our_step(make_objective(x, "free"))
        for what, functions in runs.items():
            functions = {name: partial(finish, f) for name, f in functions.items()}
            times = race(functions, rounds, clock=time.perf_counter)
            rows.append([what, size(shape), *compare(times, {}, ["cpu"], device)[:2]])
    yield table(
        "GPU",
        f"On {torch.cuda.get_device_name()}: our milliseconds for tensors that are "
        "there, and how many times longer one thread of the CPU takes; wall clock.",
        ["of a", "signals", "ms", "CPU"],
        rows,
    )


SECTIONS = {
    "transforms": time_transforms,
    "steps": time_steps,
    "fits": time_fits,
    "sweeps": time_sweeps,
    "growth": measure_growth,
    "memory": measure_memory,
    "overhead": measure_overhead,
    "gpu": time_gpu,
}


# The report


def about(rounds):
    """Say when, where and with what the report was made."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(
            (ln.split(": ")[1] for ln in lines if ln.startswith("model name")), cpu
        )
    here = dict(zip(PEERS, (pywt, awave, ptwt, pytorch_wavelets), strict=True))
    names = ["sk_awave", "numpy", "torch", *(name for name in PEERS if here[name])]
    missing = ", ".join(name for name in PEERS if not here[name])
    versions = [f"{name} {metadata.version(name)}" for name in names]
    versions.append(f"kernel {(instruction_sets() or ['none'])[0]}")
    return ABOUT.format(
        date=date.today(),
        machine=f"{cpu}, {os.cpu_count()} CPUs, {platform.system()}",
        versions=", ".join([f"Python {platform.python_version()}", *versions]),
        missing=f" Not installed, and left out: {missing}." if missing else "",
        rounds=rounds,
    )


def main():
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows, 3 rounds")
    parser.add_argument("--rounds", type=int, help="by default 7")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--output", type=Path, help="where to write the report, too")
    args = parser.parse_args()
    rounds = args.rounds or (3 if args.quick else 7)
    parts = [about(rounds)]
    print(parts[0], flush=True)
    for name in args.sections:
        start = time.perf_counter()
        for part in SECTIONS[name](rounds, args.quick):
            parts.append(part)
            print(part, flush=True)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if args.output:
        args.output.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
