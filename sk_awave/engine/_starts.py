"""Starting points for learning: the landscape has many minima, so start at many."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._batch_bfgs import minimize_batch
from sk_awave.engine._filter_bank import FilterBank, library_filters
from sk_awave.engine._lattice import (
    angles_to_lowpass,
    lowpass_to_angles,
    orthogonal_filters,
)
from sk_awave.engine._objective import BATCH_SIZE, Objective

#: The strategies by which starts are found, besides taking the named wavelet.
STRATEGIES = ("library", "random", "grow", "best")

#: On how many signals starts are compared, and how many of them are random.
SCREEN_ROWS, N_RANDOM = 32, 256

#: How many banks the growing lattice keeps, and over how many angles it extends each.
BEAM, GRID = 32, 24


def find_starts(
    objective: Objective, strategy: str, n_starts: int, seed: int, polish: bool = True
) -> tuple[list[tuple[str, np.ndarray]], bool]:
    """Find promising starting points on a few of the signals.

    Ctrl-C ends the search with what it has found by then.

    Parameters
    ----------
    objective : Objective
        What is to be minimised, on all signals.
    strategy : str
        One of `STRATEGIES`: the wavelets of PyWavelets (shifted and reversed), random
        angles, lattices grown from Haar, or all of these.
    n_starts : int
        How many to return.
    seed : int
        Of the choice of signals and of the random angles.
    polish : bool, default=True
        Whether the best of the library and of the random angles are improved on the few
        signals before they are compared.

    Returns
    -------
    starts : list of (str, ndarray of shape (n_parameters,))
        What each start is and its parameters, the most promising first.
    completed : bool
        Whether the search came to its end.
    """
    rng = np.random.default_rng(seed)
    groups, completed = [], True
    try:
        function = _screen(objective, rng)
        for group in _iter_groups(objective, function, strategy, n_starts, rng, polish):
            groups.append(group)
    except KeyboardInterrupt:
        completed = False
    if not groups:
        return [], completed
    labels = [label for names, _ in groups for label in names]
    candidates = torch.cat([angles for _, angles in groups])
    chosen = _distinct(candidates, function(candidates)[0], n_starts).tolist()
    starts = [(labels[i], _parameters(objective, candidates[i])) for i in chosen]
    return starts, completed


def _iter_groups(
    objective: Objective,
    function: Callable,
    strategy: str,
    n_starts: int,
    rng: np.random.Generator,
    polish: bool,
) -> Iterator[tuple[list[str], Tensor]]:
    """Yield the names and angles of what each part of a strategy finds."""
    filter_length = objective.layout.filter_length
    n_rotations = filter_length // 2
    if strategy in ("library", "random", "best"):
        starts: list = []
        if strategy != "random":
            starts += library_starts(filter_length)
        if strategy != "library":
            rows = rng.uniform(-np.pi, np.pi, (N_RANDOM, n_rotations - 1))
            starts += [("random angles", row) for row in rows]
        angles = torch.from_numpy(np.array([row for _, row in starts]))
        order = function(angles)[0].argsort()[: max(3 * BEAM, n_starts)].tolist()
        labels, angles = [starts[i][0] for i in order], angles[order]
        yield labels, minimize_batch(function, angles)[0] if polish else angles
    if strategy in ("grow", "best"):
        grown, _ = grow(function, n_rotations)
        yield ["haar (grown)"] * len(grown), grown


def _screen(objective: Objective, rng: np.random.Generator) -> Callable:
    """Return the objective of many shared lattices at once, on a few of the signals.

    It maps angles of shape (n, m), for any m, to values of shape (n,) and gradients, all
    relative to the value at the Haar wavelet: the solver has absolute thresholds. As many
    lattices as make a batch are evaluated together.
    """
    n = len(objective.x)
    rows = rng.choice(n, min(n, SCREEN_ROWS), replace=False)
    data: Any = [
        None if a is None else a[rows]
        for a in (objective.x, objective.input_gradients, objective.y)
    ]

    @lru_cache
    def few_by(filter_length: int) -> tuple[Objective, int]:
        layout = replace(objective.layout, filter_length=filter_length)
        bank = FilterBank.from_wavelet("haar", filter_length=filter_length)
        size = max(layout.n_coeffs_per_channel, math.prod(layout.signal_shape))
        n_banks = max(1, BATCH_SIZE // (data[0].shape[:2].numel() * size))
        return type(objective)(bank, layout, objective.terms, *data), n_banks

    def evaluate(angles: Tensor) -> tuple[Tensor, Tensor]:
        few, n_banks = few_by(2 * angles.shape[1] + 2)
        parts = [few.values(part[:, None, None]) for part in angles.split(n_banks)]
        values, gradients = map(torch.cat, zip(*parts, strict=True))
        return values, gradients.reshape(angles.shape)

    haar = torch.zeros(1, 0, dtype=torch.float64)
    unit = abs(float(evaluate(haar)[0])) or 1.0

    def function(angles: Tensor) -> tuple[Tensor, Tensor]:
        values, gradients = evaluate(angles)
        return values / unit, gradients / unit

    return function


def _parameters(objective: Objective, angles: Tensor) -> np.ndarray:
    """Give every bank of the objective the same filters, in its parametrization."""
    bank = objective.bank
    filters = orthogonal_filters(angles_to_lowpass(angles))
    one = bank.parametrization.right_inverse(filters.reshape(1, 1, *filters.shape))
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


def grow(
    function: Callable[[Tensor], tuple[Tensor, Tensor]],
    n_rotations: int,
    beam: int = BEAM,
) -> tuple[Tensor, Tensor]:
    """Grow lattices from Haar, one rotation at a time, keeping a beam of the best.

    Parameters
    ----------
    function : callable
        Maps free angles of shape (n, m), for any m, to values of shape (n,) and
        gradients of shape (n, m).
    n_rotations : int
        M, half the number of taps.
    beam : int
        How many banks are kept at each length; three times as many are polished.

    Returns
    -------
    angles : tensor of shape (n, M - 1)
        The polished banks, the best first.
    values : tensor of shape (n,)
    """
    angles = torch.full((1, 1), math.pi / 4, dtype=torch.float64)
    values, _ = function(angles[:, :0])
    for _ in range(n_rotations - 1):
        extended = _extend(angles)
        scores, _ = function(extended[:, :-1])
        chosen = extended[scores.argsort()[: 3 * beam], :-1]
        polished, values = minimize_batch(function, chosen)
        kept = _distinct(polished, values, beam)
        values = values[kept]
        last = math.pi / 4 - polished[kept].sum(1, keepdim=True)
        angles = torch.cat([polished[kept], last], 1)
    return angles[:, :-1], values


def _extend(angles: Tensor) -> Tensor:
    """Add a rotation at either end, over a grid; its neighbour gives the angle back."""
    grid = torch.arange(GRID, dtype=angles.dtype, device=angles.device) * math.pi / GRID
    angles = angles.repeat_interleave(GRID, 0)
    new = grid.repeat(len(angles) // GRID).unsqueeze(1)
    after = torch.cat([angles[:, :-1], angles[:, -1:] - new, new], 1)
    before = torch.cat([new, angles[:, :1] - new, angles[:, 1:]], 1)
    return torch.cat([after, before])


def _distinct(angles: Tensor, values: Tensor, n: int) -> Tensor:
    """Return the indices of the best `n` whose filters differ, up to sign."""
    filters = angles_to_lowpass(angles)
    kept: list[int] = []
    for i in values.argsort().tolist():
        same = [
            min(
                (filters[i] - filters[j]).abs().max(),
                (filters[i] + filters[j]).abs().max(),
            )
            < 0.01
            for j in kept
        ]
        if not any(same):
            kept.append(i)
        if len(kept) == n:
            break
    return torch.tensor(kept, device=angles.device)
