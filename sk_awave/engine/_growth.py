"""Lattices that grow from Haar, a strategy to find starts."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sk_awave.engine._batch_bfgs import minimize_batch
from sk_awave.engine._lattice import angles_to_lowpass

#: What is called after each part of a search, with the best of those it compared: its
#: name, their number, and its value relative to that of the Haar wavelet.
Report = Callable[[str, int, float], object]

#: How many banks the growing lattice keeps, and over how many angles it extends each.
BEAM, GRID = 32, 24


def grow(
    function: Callable[[Tensor], tuple[Tensor, Tensor]],
    n_rotations: int,
    beam: int = BEAM,
    report: Report = lambda *_: None,
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
        The number of banks kept at each length; three times as many are polished.
    report : callable
        See `Report`; by default nothing is reported.

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
        kept = distinct(angles_to_lowpass(polished), values, beam)
        values = values[kept]
        last = math.pi / 4 - polished[kept].sum(1, keepdim=True)
        angles = torch.cat([polished[kept], last], 1)
        name = f"haar grown to {2 * angles.shape[1]} taps"
        report(name, len(extended), float(values[0]))
    return angles[:, :-1], values


def _extend(angles: Tensor) -> Tensor:
    """Add a rotation at either end, over a grid; its neighbour gives the angle back."""
    grid = torch.arange(GRID, dtype=angles.dtype, device=angles.device) * math.pi / GRID
    angles = angles.repeat_interleave(GRID, 0)
    new = grid.repeat(len(angles) // GRID).unsqueeze(1)
    after = torch.cat([angles[:, :-1], angles[:, -1:] - new, new], 1)
    before = torch.cat([new, angles[:, :1] - new, angles[:, 1:]], 1)
    return torch.cat([after, before])


def distinct(
    filters: Tensor,
    values: Tensor,
    n: int,
    accepts: Callable[[int], bool] = lambda _: True,
) -> Tensor:
    """Return the indices of the best `n` filters (m, K) that differ, up to sign.

    Those that `accepts` does not take are left out.
    """
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
        if not any(same) and accepts(i):
            kept.append(i)
        if len(kept) == n:
            break
    return torch.tensor(kept, device=filters.device)
