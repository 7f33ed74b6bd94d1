"""Symmetric lifting: the taps of steps <-> the filters of a bank of linear phase."""

import math
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sk_awave.engine._terms import Term, wavelet_terms

# Note [symmetric lifting]
#     A lifting step adds one of the filters of analysis, filtered by a function of z^2,
#     to the other (Sweldens 1996). Any taps reconstruct. With both filters written around
#     their centres, a bank of odd lengths, whose centres are an odd number of samples
#     apart, stays symmetric iff the steps are
#         q(z) = sum_m q_m (z^(2m-1) + z^-(2m-1)),
#     and starts from two units. A step leaves its target longer than its source, by
#     2 i - 1 at each end for i taps. So the factorization is found from the lengths: what
#     is longer was the target of the last step, and its outermost taps, over those of the
#     source, are the taps of the step from the outermost on (Daubechies & Sweldens 1998).
#     The symmetry leaves no choice, so that nothing is searched.
#
#     Let v be the responses of the filters at z = 1, and w those at z = -1. A step of the
#     sum S = q(1) adds S v or -S w of its source to its target. A vanishing moment on
#     each side is v_high = 0 and w_low = 0: the sum of the last step onto low is
#     w_low / w_high, that of the last onto high is -v_high / v_low, in either order.
#     Their first taps follow. Gains make dec_lo and rec_lo sum to sqrt(2).
#
#     A bank of even lengths, symmetric and antisymmetric around one centre, starts from
#     Haar's. Its steps are sum_m q_m (z^2m - z^-2m), which vanish at 1 and at -1, so that
#     moments and gains stay those of Haar.

#: Taps below this share of the largest one are zeros of PyWavelets' tables.
_VANISHES = 1e-9


@dataclass(frozen=True)
class Structure:
    """The steps of a bank, and where its filters stand.

    Attributes
    ----------
    n_taps : int
        The length of the filters.
    centres : tuple of two int
        Twice the places of the centres of ``dec_lo`` and ``dec_hi``.
    steps : tuple of (int, int)
        The target of each step, low-pass (0) or high-pass (1), and its number of taps.
    """

    n_taps: int
    centres: tuple[int, int]
    steps: tuple[tuple[int, int], ...] = ()

    @property
    def is_odd(self) -> bool:
        """Tell if the filters have odd lengths."""
        return self.centres[0] % 2 == 0

    @property
    def start(self) -> np.ndarray:
        """The filters before the first step, in windows around their centres, (2, n)."""
        if self.is_odd:
            return np.eye(1, 2 * self.n_taps + 1, self.n_taps).repeat(2, 0)
        return np.pad([[1.0, 1.0], [-1.0, 1.0]], [(0, 0), (self.n_taps - 1,) * 2])

    def shifts(self, size: int) -> list[int]:
        """Return by how many samples the taps of a step shift to either side."""
        return [2 * m + (1 if self.is_odd else 2) for m in range(size)]

    def window(self, row: int) -> slice:
        """Return where the taps of ``dec_lo`` (0) or ``dec_hi`` (1) are in windows."""
        first = (self.start.shape[1] - 1 - self.centres[row]) // 2
        return slice(first, first + self.n_taps)

    def spread(self, source, shift: int):
        """Return a source shifted to both sides, an array or a tensor."""
        roll = torch.roll if isinstance(source, Tensor) else np.roll
        return roll(source, shift, -1) + self.sign * roll(source, -shift, -1)

    @property
    def sign(self) -> int:
        """The symmetry of steps."""
        return 1 if self.is_odd else -1

    @property
    def radii(self) -> list[list[int]]:
        """Twice the radii of both filters, before each step and at the end."""
        radii = [[0, 0] if self.is_odd else [1, 1]]
        for target, size in self.steps:
            after = list(radii[-1])
            after[target] = after[1 - target] + 2 * self.shifts(size)[-1]
            radii.append(after)
        return radii

    def is_bound(self, n: int) -> bool:
        """Tell if the first tap of a step follows from the vanishing moments."""
        return self.is_odd and n >= len(self.steps) - 2


def find_structure(dec_lo: np.ndarray, dec_hi: np.ndarray) -> Structure:
    """Find the steps of a bank from the lengths of its filters.

    Where zeros leave room at both ends, the last step fills it.

    Raises
    ------
    ValueError
        If there are none.
    """
    ends = np.array([_ends(dec_lo), _ends(dec_hi)])
    structure = Structure(len(dec_lo), tuple(ends.sum(1).tolist()))
    apart = abs(structure.centres[0] - structure.centres[1])
    if apart % 4 != (2 if structure.is_odd else 0):
        raise ValueError("The filters are not symmetric.")
    windows, radii = _windows(structure, dec_lo, dec_hi), np.ptp(ends, 1).tolist()
    steps: list[tuple[int, int]] = []
    while radii != structure.radii[0]:
        target = int(radii[1] > radii[0])
        difference = radii[target] - radii[1 - target]
        size, rest = divmod(difference + (2 if structure.is_odd else 0), 4)
        if rest or size < 1:
            raise ValueError("The filters have no symmetric lifting steps.")
        _undo(structure, windows, (target, size), radii[1 - target])
        radii[target] = int(np.ptp(_ends(windows[target])))
        steps.insert(0, (target, size))
    if steps:
        target, size = steps[-1]
        room = min(ends[target, 0], len(dec_lo) - 1 - ends[target, 1])
        steps[-1] = target, size + int(room) // 2
    return replace(structure, steps=tuple(steps))


def filters_to_taps(
    structure: Structure, dec_lo: np.ndarray, dec_hi: np.ndarray
) -> np.ndarray:
    """Find the free taps of the steps of a bank, (p,): undo one step at a time."""
    windows = _windows(structure, dec_lo, dec_hi)
    found = []
    for n in range(len(structure.steps) - 1, -1, -1):
        target, size = structure.steps[n]
        radius = structure.radii[n][1 - target]
        found.append(_undo(structure, windows, (target, size), radius))
    middle = windows.shape[1] // 2
    gains = windows[:, middle]
    taps = [
        q[structure.is_bound(n) :] * gains[1 - target] / gains[target]
        for n, (q, (target, _)) in enumerate(
            zip(reversed(found), structure.steps, strict=True)
        )
    ]
    return np.concatenate([*taps, []])


def taps_to_filters(structure: Structure, taps: Tensor) -> Tensor:
    """Map the free taps (..., p) of steps to filters (..., 4, n_taps)."""
    start = torch.from_numpy(structure.start).to(taps)
    filters = [row.expand(*taps.shape[:-1], -1) for row in start]
    one = taps.new_ones(taps.shape[:-1])
    at_zero, at_nyquist = [one, one], [one, one]  # v and w of the note
    used = 0
    for n, (target, size) in enumerate(structure.steps):
        source = 1 - target
        n_free = size - structure.is_bound(n)
        q = taps[..., used : used + n_free]
        used += n_free
        if structure.is_bound(n) and target == 0:
            total = at_nyquist[0] / at_nyquist[1]
        elif structure.is_bound(n):
            total = -at_zero[1] / at_zero[0]
        else:
            total = 2 * q.sum(-1)
        if structure.is_bound(n):
            q = torch.cat([(total / 2 - q.sum(-1)).unsqueeze(-1), q], -1)
        for m, shift in enumerate(structure.shifts(size)):
            added = q[..., m, None] * structure.spread(filters[source], shift)
            filters[target] = filters[target] + added
        at_zero[target] = at_zero[target] + total * at_zero[source]
        at_nyquist[target] = at_nyquist[target] - total * at_nyquist[source]
    alternating = taps.new_ones(structure.n_taps)
    alternating[1::2] = -1
    dec_lo, dec_hi = (filters[row][..., structure.window(row)] for row in (0, 1))
    dec_lo = dec_lo * (math.sqrt(2) / dec_lo.sum(-1, keepdim=True))
    rec_lo = -alternating * dec_hi
    scale = math.sqrt(2) / rec_lo.sum(-1, keepdim=True)
    rec_lo, dec_hi = rec_lo * scale, dec_hi * scale
    return torch.stack([dec_lo, dec_hi, rec_lo, alternating * dec_lo], -2)


def _ends(taps: np.ndarray) -> np.ndarray:
    """Return the places of the first and of the last tap that is not zero."""
    places = np.flatnonzero(np.abs(taps) > _VANISHES)
    return places[[0, -1]] if len(places) else np.zeros(2, int)


def _windows(structure: Structure, *filters: np.ndarray) -> np.ndarray:
    """Write filters around their centres, (2, n), and check their symmetry."""
    windows = np.zeros_like(structure.start)
    for row, taps in enumerate(filters):
        windows[row, structure.window(row)] = taps
        sign = 1 if row == 0 else structure.sign
        if np.abs(windows[row] - sign * windows[row, ::-1]).max() > _VANISHES:
            raise ValueError("The filters are not symmetric.")
    return windows


def _undo(
    structure: Structure, windows: np.ndarray, step: tuple[int, int], radius: int
) -> np.ndarray:
    """Undo a step from twice the radius of its source; return its taps."""
    (target, size), shifts = step, structure.shifts(step[1])
    source, q = windows[1 - step[0]], np.zeros(step[1])
    edge = (windows.shape[1] - 1 + radius) // 2
    for m in range(size - 1, -1, -1):
        if abs(source[edge]) > _VANISHES:  # else, the step is not there
            q[m] = windows[target, edge + shifts[m]] / source[edge]
        windows[target] -= q[m] * structure.spread(source, shifts[m])
    return q


class Symmetric(nn.Module):
    """Taps of symmetric lifting steps -> the four filters of a bank of linear phase.

    All taps give a bank that reconstructs, has a vanishing moment on each side, and keeps
    the symmetry of the filters that learning starts from. These filters decide the steps.
    Longer filters make the last step longer.

    Examples
    --------
    >>> from sk_awave.engine import FilterBank, Symmetric
    >>> bank = FilterBank.from_wavelet("bior4.4", Symmetric())
    >>> bank.original.shape  # the free taps of its steps
    torch.Size([1, 1, 2])
    >>> low = bank()[0, 0, 0, 1:]
    >>> bool((low - low.flip(0)).abs().max() < 1e-9)
    True
    """

    #: Every choice of taps reconstructs.
    tags = frozenset({"reconstructs"})

    needs = (
        "filters with symmetric lifting steps, as those of 1.x, 2.x, 4.4, 5.5 and 6.8 of "
        "'bior' and 'rbio'"
    )

    def __init__(self):
        super().__init__()
        self.structure: Structure | None = None

    @property
    def terms(self) -> dict[Term, float]:
        """The penalties. They do not count: no bank of linear phase is orthonormal."""
        return wavelet_terms(penalties=0.0)

    def forward(self, original: Tensor) -> Tensor:
        """Map free taps of shape (..., p) to filters (..., 4, K)."""
        assert self.structure is not None, "filters decide the steps first"
        return taps_to_filters(self.structure, original)

    def right_inverse(self, filters: Tensor) -> Tensor:
        """Map filters of shape (..., 4, K) to free taps (..., p).

        The first ones decide the steps; later ones are to have the same.
        """
        banks = filters.detach().cpu().double().numpy()
        sign = np.where(np.arange(banks.shape[-1]) % 2, 1.0, -1.0)
        pairs = [(b[0], sign * b[2]) for b in banks.reshape(-1, *banks.shape[-2:])]
        if self.structure is None:
            self.structure = find_structure(*pairs[0])
        if self.structure.n_taps != banks.shape[-1]:
            raise ValueError(
                f"The lifting steps are of filters of {self.structure.n_taps} taps. Got "
                f"{banks.shape[-1]} taps instead."
            )
        rows = np.array([filters_to_taps(self.structure, *pair) for pair in pairs])
        return torch.from_numpy(rows).reshape(*banks.shape[:-2], -1).to(filters)

    def get_extra_state(self) -> tuple | None:
        """Return the steps: they belong to the state of a bank."""
        structure = self.structure
        return None if structure is None else tuple(asdict(structure).values())

    def set_extra_state(self, state: tuple | None) -> None:
        """Set the steps."""
        self.structure = None if state is None else Structure(*state)
