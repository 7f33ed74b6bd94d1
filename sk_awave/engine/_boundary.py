"""PyWavelets' nine boundary modes as linear maps from a signal to its extension."""

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._constants import concrete, constant

# How each mode continues the signal ``x1 x2 ... xn``.
MODES = (
    "zero",  #          0  0 | x1 x2 ... xn | 0  0
    "constant",  #     x1 x1 | x1 x2 ... xn | xn xn
    "symmetric",  #    x2 x1 | x1 x2 ... xn | xn xn-1
    "periodic",  #   xn-1 xn | x1 x2 ... xn | x1 x2
    "smooth",  #     straight lines through the first two and the last two samples
    "periodization",  # as periodic, an odd signal first extended by its last sample
    "reflect",  #      x3 x2 | x1 x2 ... xn | xn-1 xn-2
    "antisymmetric",  # -x2 -x1 | x1 x2 ... xn | -xn -xn-1
    "antireflect",  # 2x1-x3 2x1-x2 | x1 x2 ... xn | 2xn-xn-1 2xn-xn-2
)

# The adjoint of periodized synthesis extends an odd signal by a zero instead.
_PERIODIZATION_ADJOINT = "periodization-adjoint"


def adjoint_mode(mode: str) -> str:
    """Return the extension under which analysis is the adjoint of synthesis.

    See Note [adjoint of synthesis] in ``_dwt.py``.
    """
    return _PERIODIZATION_ADJOINT if mode == "periodization" else "zero"


def is_periodized(mode: str) -> bool:
    """Tell whether the transform of an even signal keeps its length."""
    return mode in ("periodization", _PERIODIZATION_ADJOINT)


def coeff_length(length: int, filter_length: int, mode: str) -> int:
    """Return how many coefficients one level makes of `length` samples."""
    if is_periodized(mode):
        return (length + 1) // 2
    return (length + filter_length - 1) // 2


def full_length(n_coeffs: int, filter_length: int, mode: str) -> int:
    """Return how many samples one level of synthesis makes of `n_coeffs` coefficients."""
    return 2 * n_coeffs - (0 if is_periodized(mode) else filter_length - 2)


def max_level(length: int, filter_length: int) -> int:
    """Return PyWavelets' ``dwt_max_level``: the deepest useful level."""
    level = 0
    while (filter_length - 1) << (level + 1) <= length:
        level += 1
    return level


def min_length(mode: str) -> int:
    """Return the shortest signal that `mode` can extend."""
    return 2 if mode in ("reflect", "antireflect") else 1


def extension_terms(positions: np.ndarray, length: int, mode: str):
    """Write extended samples as weighted sums of the samples of the signal.

    Parameters
    ----------
    positions : ndarray of shape (n_positions,)
        Places outside the signal, 0 being its first sample.
    length : int
        The length of the signal.
    mode : str
        One of `MODES`.

    Returns
    -------
    index, weight : ndarray of shape (n_terms, n_positions)
        ``extended[p] = sum_t weight[t, p] * x[index[t, p]]``.

    Raises
    ------
    ValueError
        If the mode is unknown, or cannot extend so short a signal.
    """
    if length < min_length(mode):
        raise ValueError(
            f"mode={mode!r} needs at least {min_length(mode)} samples along each axis "
            f"and level, got {length}. Use a smaller level or another mode, such as "
            "'symmetric'."
        )
    n, last = length, length - 1
    ones = np.ones(len(positions))
    if mode == "zero":
        terms = []
    elif mode == "constant" or (mode == "smooth" and n == 1):
        terms = [(np.clip(positions, 0, last), ones)]
    elif mode == "periodic":
        terms = [(positions % n, ones)]
    elif is_periodized(mode):
        index = positions % (n + n % 2)
        beyond = index == n
        repeats = mode == "periodization"
        terms = [(np.minimum(index, last), np.where(beyond, float(repeats), 1.0))]
    elif mode in ("symmetric", "antisymmetric"):
        phase = positions % (2 * n)
        mirrored = phase >= n
        sign = np.where(mirrored, -1.0, 1.0) if mode == "antisymmetric" else ones
        terms = [(np.where(mirrored, 2 * n - 1 - phase, phase), sign)]
    elif mode in ("reflect", "antireflect"):
        turns, phase = np.divmod(positions, 2 * last)
        mirrored = phase > last
        index = np.where(mirrored, 2 * last - phase, phase)
        if mode == "reflect":
            terms = [(index, ones)]
        else:  # each turn climbs by twice the rise from the first to the last sample
            terms = [
                (index, np.where(mirrored, -1.0, 1.0)),
                (np.full_like(index, last), 2.0 * mirrored + 2.0 * turns),
                (np.zeros_like(index), -2.0 * turns),
            ]
    elif mode == "smooth":
        left = positions < 0
        steps = np.where(left, -positions, positions - last).astype(float)
        terms = [
            (np.where(left, 0, last), 1.0 + steps),
            (np.where(left, 1, last - 1), -steps),
        ]
    else:
        raise ValueError(f"mode must be one of {list(MODES)}. Got {mode!r} instead.")
    shape = (len(terms), len(positions))
    return (
        np.array([index for index, _ in terms], dtype=np.int64).reshape(shape),
        np.array([weight for _, weight in terms], dtype=float).reshape(shape),
    )


def left_padding(filter_length: int, mode: str) -> int:
    """Return by how many samples a filter needs a signal extended on its left."""
    return filter_length // 2 - 1 if is_periodized(mode) else filter_length - 2


def extension(
    length: int, filter_length: int, mode: str
) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the width of the left padding, and `extension_terms` of both paddings."""
    left = left_padding(filter_length, mode)
    total = 2 * coeff_length(length, filter_length, mode) + filter_length - 2
    positions = np.r_[-left:0, length : total - left]
    return left, *extension_terms(positions, length, mode)


@constant
def _padding_index(length: int, filter_length: int, mode: str) -> np.ndarray:
    return extension(length, filter_length, mode)[1]


@constant
def _padding_weight(length: int, filter_length: int, mode: str) -> np.ndarray:
    return extension(length, filter_length, mode)[2]


def extend(x: Tensor, filter_length: int, mode: str) -> Tensor:
    """Extend signals of shape (..., n) by what a filter needs at both ends."""
    key = x.shape[-1], filter_length, mode
    index, weight = _padding_index(*key).to(x.device), _padding_weight(*key).to(x)
    left = left_padding(concrete(filter_length), mode)
    padding = (x[..., index] * weight).sum(-2)
    return torch.cat([padding[..., :left], x, padding[..., left:]], -1)
