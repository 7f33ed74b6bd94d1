"""Starting points for learning: the landscape has many minima, so start at many."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._batch_bfgs import minimize_batch
from sk_awave.engine._filter_bank import (
    FilterBank,
    Fixed,
    deviation,
)
from sk_awave.engine._growth import BEAM, Report, distinct, grow
from sk_awave.engine._lattice import Orthogonal, lowpass_to_angles
from sk_awave.engine._objective import BATCH_SIZE, Objective
from sk_awave.engine._wavelet import biorthogonal_wavelets, library_filters

#: The strategies by which starts are found, besides taking the named wavelet.
STRATEGIES = ("library", "random", "grow", "best")

#: On how many signals starts are compared, and how many of them are random.
SCREEN_ROWS, N_RANDOM = 32, 256

#: How far random parameters are from those of the start, for banks without angles.
SPREAD = 0.3

#: The largest difference between the filters of a start and those that the bank has for
#: it. Parameters of long filters are found to fewer digits than the filters have.
NEARNESS = 1e-6


def find_starts(
    objective: Objective,
    strategy: str,
    n_starts: int,
    seed: int,
    polish: bool = True,
    report: Report = lambda *_: None,
) -> tuple[list[tuple[str, np.ndarray]], bool]:
    """Find promising starting points on a few of the signals.

    Ctrl-C ends the search with what it has found by then.

    Parameters
    ----------
    objective : Objective
        The objective on all signals.
    strategy : str
        One of `STRATEGIES`: the wavelets of PyWavelets (shifted and reversed), random
        angles, lattices grown from Haar, or all of these.
    n_starts : int
        The number of starts to return.
    seed : int
        Of the choice of signals and of the random angles.
    polish : bool, default=True
        True if the best of the library and of the random angles are improved on the few
        signals before they are compared.
    report : callable
        See `Report`; by default nothing is reported.

    Returns
    -------
    starts : list of (str, ndarray of shape (n_parameters,))
        The name and the parameters of each start, the most promising first.
    completed : bool
        True if the search was not interrupted.
    """
    rng, bank = np.random.default_rng(seed), objective.bank
    lattice, own = Orthogonal(), bank.parametrization
    if strategy == "grow" and not bank.has_lattices:
        raise ValueError(
            f"init='grow' is for banks that have orthonormal lattices. Got {own}: use "
            "'library', 'random' or 'best'."
        )
    groups, completed = [], True
    try:
        screen = _screen(objective, rng)
        score = screen(Fixed((own if bank.is_biorthogonal else lattice).tags))
        found = _iter_groups(objective, screen, strategy, n_starts, rng, polish, report)
        for group in found:
            groups.append(group)
        if bank.is_biorthogonal and bank.has_lattices and polish:
            labels, filters = _best(groups, score, 3 * BEAM)
            theta = own.right_inverse(filters)
            released, values = minimize_batch(screen(own), theta)
            best = int(values.argmin())
            report(labels[best], len(labels), float(values[best]))
            groups = [(labels, own(released))]
    except KeyboardInterrupt:
        completed = False
    if not groups:
        return [], completed
    held: dict[int, np.ndarray] = {}

    def is_held(i: int, filters: Tensor) -> bool:
        """Keep the parameters of filters that the bank can have; others are no start."""
        parameters = _parameters(bank, filters)
        if parameters is not None:
            held[i] = parameters
        return i in held

    labels, _ = _best(groups, score, n_starts, is_held)
    return list(zip(labels, held.values(), strict=True)), completed


def _best(
    groups: list[tuple[list[str], Tensor]],
    score: Callable,
    n: int,
    accepts: Callable[[int, Tensor], bool] = lambda *_: True,
) -> tuple[list[str], Tensor]:
    """Return the names and filters of the best `n` that differ and are accepted.

    Filters are offered with their number, the best first, until there are `n`.
    """
    labels = [label for names, _ in groups for label in names]
    filters = torch.cat([filters for _, filters in groups])
    chosen = distinct(
        filters[:, ::2].flatten(1),
        score(filters)[0],
        n,
        lambda i: accepts(i, filters[i]),
    ).tolist()
    return [labels[i] for i in chosen], filters[chosen]


def _iter_groups(
    objective: Objective,
    screen: Callable,
    strategy: str,
    n_starts: int,
    rng: np.random.Generator,
    polish: bool,
    report: Report,
) -> Iterator[tuple[list[str], Tensor]]:
    """Yield the names and filters, (n, 4, K), of what each part of a strategy finds."""
    for parametrization, starts in _iter_searches(objective, strategy, rng):
        if starts:
            function = screen(parametrization)
            theta = torch.from_numpy(np.array([row for _, row in starts]))
            values, _ = function(theta)
            order = values.argsort()[: max(3 * BEAM, n_starts)].tolist()
            labels = [starts[i][0] for i in order]
            theta, values = theta[order], values[order]
            if polish:
                theta, values = minimize_batch(function, theta)
            best = int(values.argmin())
            report(labels[best], len(starts), float(values[best]))
            yield labels, parametrization(theta)
    if strategy in ("grow", "best") and objective.bank.has_lattices:
        n_rotations = objective.layout.filter_length // 2
        grown, _ = grow(screen(Orthogonal()), n_rotations, report=report)
        yield ["haar (grown)"] * len(grown), Orthogonal()(grown)


def _iter_searches(
    objective: Objective, strategy: str, rng: np.random.Generator
) -> Iterator[tuple[Any, list[tuple[str, np.ndarray]]]]:
    """Yield parametrizations with starts, of the library and random ones."""
    bank, filter_length = objective.bank, objective.layout.filter_length
    starts: list[tuple[str, np.ndarray]] = []
    own_starts: list[tuple[str, np.ndarray]] = []
    if strategy in ("library", "best"):
        if bank.has_lattices:
            starts += library_starts(filter_length)
        if bank.is_biorthogonal:
            own_starts += biorthogonal_starts(filter_length, bank.parametrization)
    if strategy in ("random", "best"):
        if bank.has_lattices:
            rows = rng.uniform(-np.pi, np.pi, (N_RANDOM, filter_length // 2 - 1))
            starts += [("random angles", row) for row in rows]
        else:
            theta = bank.original.detach()[0, 0].numpy()
            rows = theta + SPREAD * rng.standard_normal((N_RANDOM, *theta.shape))
            own_starts += [("random parameters", row) for row in rows]
    yield Orthogonal(), starts
    yield bank.parametrization, own_starts


def _screen(objective: Objective, rng: np.random.Generator) -> Callable:
    """Return the objective of many shared banks at once, on a few of the signals.

    For a parametrization it returns a function from parameters (n, p) to values (n,) and
    gradients. Filters may be shorter than in the objective. Values are relative to the
    value at the Haar wavelet, as the solver has absolute thresholds. Banks are evaluated
    in batches.
    """
    n = objective.n_rows
    few = objective.take(rng.choice(n, min(n, SCREEN_ROWS), replace=False))
    made: dict[Any, tuple[Objective, int]] = {}

    def few_by(parametrization: Any, theta: Tensor) -> tuple[Objective, int]:
        key = parametrization, theta.shape[1:]
        if key not in made:
            filters = parametrization(theta[:1].detach())[:, None]
            layout = replace(objective.layout, filter_length=filters.shape[-1])
            bank = FilterBank(filters.numpy(), Fixed(parametrization.tags))
            bank.parametrization = parametrization  # of parameters that are not its own
            size = max(layout.n_coeffs_per_channel, math.prod(layout.signal_shape))
            n_banks = max(1, BATCH_SIZE // (few.x.shape[:2].numel() * size))
            made[key] = few.of(bank).recast(type(few), layout), n_banks
        return made[key]

    def evaluate(parametrization: Any, theta: Tensor) -> tuple[Tensor, Tensor]:
        function, n_banks = few_by(parametrization, theta)
        parts = [function.values(part[:, None, None]) for part in theta.split(n_banks)]
        values, gradients = map(torch.cat, zip(*parts, strict=True))
        return values, gradients.reshape(theta.shape)

    haar = torch.zeros(1, 0, dtype=torch.float64)
    unit = abs(float(evaluate(Orthogonal(), haar)[0])) or 1.0

    def screen(parametrization: Any) -> Callable:
        def function(theta: Tensor) -> tuple[Tensor, Tensor]:
            values, gradients = evaluate(parametrization, theta)
            return values / unit, gradients / unit

        return function

    return screen


def _parameters(bank: FilterBank, filters: Tensor) -> np.ndarray | None:
    """Give every level and axis of a bank the same filters; return its parameters.

    They are None for filters that the bank cannot have: of these, `right_inverse` gives
    the parameters of some others.
    """
    filters = filters.reshape(1, 1, *filters.shape)
    try:
        one = bank.parametrization.right_inverse(filters).detach()
    except ValueError:
        return None
    if not deviation(bank.filters(one).detach(), filters) < NEARNESS:
        return None
    return one.expand(bank.original.shape).numpy().ravel()


def library_starts(filter_length: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every orthogonal wavelet of PyWavelets that fits, shifted and reversed.

    Parameters
    ----------
    filter_length : int
        The number of taps, 2 M.

    Yields
    ------
    name : str
        Such as 'db4', 'db4 shifted by 2', 'db4 reversed'.
    angles : ndarray of shape (M - 1,)
    """
    for name, lowpass in library_filters(filter_length):
        room = filter_length - len(lowpass)
        symmetric = np.allclose(lowpass, lowpass[::-1])
        for reverse in (False, True)[: 1 if symmetric else 2]:
            taps = lowpass[::-1] if reverse else lowpass
            for shift in range(0, room + 1, 2):
                label = name + " reversed" * reverse
                label += f" shifted by {shift}" * (shift > 0)
                yield label, lowpass_to_angles(np.pad(taps, (shift, room - shift)))


def biorthogonal_starts(
    filter_length: int, parametrization: Any
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the biorthogonal wavelets of PyWavelets that fit, shifted.

    Parameters
    ----------
    filter_length : int
        The number of taps.
    parametrization : Module
        Wavelets that it cannot represent are left out.

    Yields
    ------
    name : str
        Such as 'bior2.2 shifted by 2'.
    parameters : ndarray of shape (p,)
    """
    for wavelet in biorthogonal_wavelets(filter_length):
        for shift in range(0, filter_length - wavelet.dec_len + 1, 2):
            try:
                bank = FilterBank.from_wavelet(
                    wavelet, parametrization, filter_length=filter_length, shift=shift
                )
            except ValueError:
                continue
            label = wavelet.name + f" shifted by {shift}" * (shift > 0)
            yield label, bank.original.detach()[0, 0].numpy()
