"""Learning beside the published trainer."""

from functools import partial

import numpy as np
import pywt
import torch
from libraries import agree, awave, require
from published import (
    TASKS,
    PublishedFree,
    PublishedStep,
    Task,
    as_teacher,
    fit_published,
    make_network,
    make_objective,
    our_step,
    walks,
)
from sklearn.base import clone
from timing import OURS, Row, Section, race, size

from sk_awave import AdaptiveWaveletTransformer, adaptive_wavelet_path
from sk_awave.attribution import input_gradients
from sk_awave.engine import Adam

SHAPES = (
    *((10, 128), (100, 512), (100, 64), (500, 64), (10_000, 64), (500, 1_024)),
    *((20, 65_536), (256, 28, 28), (100, 28, 28)),
)


def described(task, ours):
    """Return the cells that say what is learned from, and how we do it."""
    return {"signals": size(task.shape), "network": task.network or "-", "ours": ours}


# A step


def step_rows(task, rounds):
    """Time a step of both parametrizations."""
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
    for name in ("free", "orthogonal"):
        values = {OURS: times[name], "awave": times["awave"]}
        others = {"error of the gradient": errors.get(name, "-")}
        yield Row("steps", described(task, name), values, others)


def of_steps(rounds, quick):
    """Time loss and gradient on all signals."""
    if awave:
        tasks = [*map(Task, SHAPES), *(task for task in TASKS if task.network)]
        for task in tasks[::6] if quick else tasks:
            yield from step_rows(task, rounds)


# Whole fits

#: Ways to fit: what is learned, by what, from where.
FITS = {
    "free, Adam": {"parametrization": "free", "solver": "adam"},
    "free": {"parametrization": "free"},
    "orthogonal": {},
}
SEARCHES = {f"init={init!r}": {"init": init} for init in ("library", "grow", "best")}

#: The wavelets with which a user of awave may start, in place of a search.
STARTS = ("haar", "db2", "db3", "db4", "db5", "sym4", "sym5", "coif1")


def our_transformer(X, network, task, **params):
    """Make a transformer whose objective is the published loss."""
    if params.get("parametrization") == "free":
        params["parametrization"] = PublishedFree()
    if params.get("solver") == "adam":
        params["solver"] = Adam(batch_size=len(X), learning_rate=0.01)
        params |= {"max_iter": task.epochs, "tol": 0.0}
    return AdaptiveWaveletTransformer(
        "db5",
        level=4,
        mode="zero",
        ndim=X.ndim - 1,
        teacher=as_teacher(network, X, task.target),
        alpha_attribution=None if network is None else 1.0,
        random_state=0,
        **params,
    )


def fit_rows(section, task, rounds, ways, starts=("db5",)):
    """Time ways to fit beside awave from each start; score all by awave's own loss."""
    X, network = walks(task.shape), make_network(task.network)
    published = PublishedStep(X, network, task.target)
    filters, steps = {"db5": [pywt.Wavelet("db5").rec_lo]}, {}

    def ours(name):
        fitted = our_transformer(X, network, task, **ways[name]).fit(X)
        filters[name], steps[name] = [fitted.wavelet_.rec_lo], fitted.n_iter_

    def theirs(name, starts):
        filters[name] = [fit_published(X, network, task, start) for start in starts]

    functions = {name: partial(ours, name) for name in ways}
    for function in functions.values():
        function()  # what is loaded on first use
    peers = {"awave": starts[:1]}
    if len(starts) > 1:
        peers[f"awave, best of {len(starts)} starts"] = starts
    functions |= {name: partial(theirs, name, found) for name, found in peers.items()}
    times = race(functions, rounds, repeat=False)
    losses = {
        name: min(published.at(f)[0] for f in found) for name, found in filters.items()
    }
    for name in ways:
        others = {f"loss of {n}": f"{losses[n]:.4g}" for n in ("db5", *peers)}
        others |= {"our loss": f"{losses[name]:.4g}", "our steps": str(steps[name])}
        values = {OURS: times[name], **{peer: times[peer] for peer in peers}}
        yield Row(section, described(task, name), values, others)


def of_fits(rounds, quick):
    """Time whole fits."""
    if awave:
        tasks = [Task((100, 128), epochs=50)] if quick else [Task((100, 512)), *TASKS]
        for task in tasks:
            yield from fit_rows("fits", task, min(rounds, 5), FITS)


def of_searches(rounds, quick):
    """Time fits that search for their start."""
    if awave:
        task = Task((100, 128), epochs=10) if quick else TASKS[0]
        starts = STARTS[4::-2] if quick else ("db5", *sorted({*STARTS} - {"db5"}))
        yield from fit_rows("searches", task, min(rounds, 3), SEARCHES, starts)


# Many strengths


def of_strengths(rounds, quick):
    """Time one step of the published loss at each of 20 strengths of sparsity."""
    for n_signals in () if not awave else (100, 500) if quick else (100, 500, 5_000):
        X, strengths = walks((n_signals, 64)), np.logspace(-3, 1, 20)
        objective = make_objective(torch.from_numpy(X), "free")
        published, generator = PublishedStep(X), np.random.default_rng(0)
        filters = generator.normal(objective.start, 0.01, size=(20, 10))
        pairs = list(zip(filters, strengths, strict=True))

        def ours(objective=objective, pairs=pairs):
            return [objective.at(sparsity=a)(rec_lo)[0] for rec_lo, a in pairs]

        def theirs(published=published, pairs=pairs):
            values = []
            for rec_lo, strength in pairs:
                published.loss.lamL1wave = strength
                values.append(published.at(rec_lo)[0])
            return values

        require(agree(ours(), theirs()), "the published loss at several strengths")
        times = race({OURS: ours, "awave": theirs}, rounds)
        yield Row("strengths", {"signals": size(X.shape)}, times)


def of_path(rounds, quick):
    """Time a path of five ratios beside fits at the same strengths, ours and awave's."""
    task = Task((500, 64), "MLP", epochs=5 if quick else 300)
    X, network = walks(task.shape), make_network(task.network)
    transformer = our_transformer(X, network, task)
    path = partial(
        adaptive_wavelet_path, X, transformer=transformer, ratios=np.logspace(-2, 2, 5)
    )
    fitted, filters = path()[1], {}
    strengths = [learner.strengths_["attribution"] for learner in fitted]

    def ours():
        filters[OURS] = [learner.wavelet_.rec_lo for learner in path()[1]]

    def separate():
        learners = [clone(learner).fit(X) for learner in fitted]
        filters["separate fits"] = [learner.wavelet_.rec_lo for learner in learners]

    def theirs():
        fit = partial(fit_published, X, network, task)
        filters["awave"] = [fit(lamL1attr=strength) for strength in strengths]

    functions = {OURS: ours, "separate fits": separate}
    functions |= {"awave": theirs} if awave else {}
    times = race(functions, min(rounds, 3), repeat=False)
    others = {}
    if awave:
        losses = {
            name: losses_at(strengths, f, X, network) for name, f in filters.items()
        }
        for name in list(functions)[1:]:
            # Equal but for rounding counts as equal.
            as_low = losses[OURS] <= (1 + 1e-4) * losses[name]
            others[f"loss as low as {name}"] = f"{as_low.sum()} of {len(as_low)}"
    yield Row("path", {"signals": size(X.shape), "network": "MLP"}, times, others)


def losses_at(strengths, filters, X, network):
    """Return the published loss of each filter, at its strength of the attributions."""
    published, losses = PublishedStep(X, network), []
    for strength, rec_lo in zip(strengths, filters, strict=True):
        published.loss.lamL1attr = strength
        losses.append(published.at(rec_lo)[0])
    return np.array(losses)


SECTIONS = {
    "steps": Section(
        "A step of learning",
        "The published loss and its gradient on all signals: awave's training step "
        "beside ours. Ours has the same parameters (free), or the angles of a lattice "
        "(orthogonal); these need no penalties. We differentiate a network once, before "
        "the clock starts. awave does so at every step. For the LSTM, our free gradient "
        "therefore lacks one term. The error is that of the free gradient, relative to "
        "awave's.",
        of_steps,
        "ours",
    ),
    "fits": Section(
        "Whole fits",
        "`AdaptiveWaveletTransformer.fit` beside `awave.fit` on full batches, at a "
        "learning rate of 0.01, for 300 epochs (100 for images). The signals, the "
        "network, the start (db5), the loss and its strengths (awave's defaults) are the "
        "same. With Adam, the solver and its rate are the same, too, but ours stops "
        "after ten steps without progress. The other solver is BFGS. It stops when the "
        "loss hardly decreases. awave's code computes all losses. The networks have "
        "random weights.",
        of_fits,
        "ours",
    ),
    "searches": Section(
        "Fits that search for their start",
        "`init` compares many starts on 32 of the signals, and learns on all signals "
        "from the best one. awave has no search: it learns from db5, or from each of "
        "eight wavelets, some of them shorter; the best result counts. Loss, strengths "
        "and stopping are those of whole fits. Our fit is orthogonal.",
        of_searches,
        "ours",
    ),
    "strengths": Section(
        "Twenty strengths",
        "One step of the published loss, without a network, at each of twenty strengths "
        "of sparsity and as many free filters.",
        of_strengths,
    ),
    "path": Section(
        "A path of ratios",
        "`adaptive_wavelet_path` at five ratios of attributions to sparsity, beside five "
        "of our fits from db5 and five of awave's fits, at the same strengths. Our fits "
        "are orthogonal. awave's are free, with its penalties.",
        of_path,
    ),
}
