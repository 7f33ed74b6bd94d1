"""The wavelets that suit a target: candidates, and the choice among them."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils import check_array
from sklearn.utils.multiclass import type_of_target

from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.engine._filter_bank import library_filters
from sk_awave.engine._lattice import angles_to_lowpass, orthogonal_filters
from sk_awave.engine._layout import resolve_level
from sk_awave.feature_extraction._leave_one_out import (
    choose_groups,
    encode_target,
    kernel,
    leave_one_out_error,
)

#: The maximum number of signals on which wavelets are chosen.
_MAX_ROWS = 400


def wavelet_candidates(filter_length, n_random, rng):
    """Return names and filters of candidates, those of PyWavelets first.

    Parameters
    ----------
    filter_length : int
        The number of taps: of random lattices, and at most of PyWavelets' wavelets.
    n_random : int
        The number of random lattices. Their angles are uniform.
    rng : RandomState

    Returns
    -------
    list of (str, ndarray of shape (1, 1, 4, K))
    """
    if filter_length % 2:
        raise ValueError(f"filter_length must be even. Got {filter_length} instead.")
    candidates = [
        (name, FilterBank.from_wavelet(name, "fixed")().detach().numpy())
        for name, _ in library_filters(filter_length)
    ]
    for i in range(1, n_random + 1):
        angles = rng.uniform(-np.pi, np.pi, filter_length // 2 - 1)
        lattice = orthogonal_filters(angles_to_lowpass(torch.from_numpy(angles)))
        candidates.append((f"lattice {i}", lattice[None, None].numpy()))
    return candidates


def draw_rows(n_rows, rng):
    """Return the indices of all rows, or of as many as wavelets are chosen on."""
    if n_rows <= _MAX_ROWS:
        return np.arange(n_rows)
    return np.sort(rng.choice(n_rows, _MAX_ROWS, replace=False))


def find_level(shape, filter_length, decomposition, level):
    """Return the number of levels, or check the given one."""
    if decomposition == "dwt":
        return resolve_level(shape, filter_length, "symmetric", level)
    # With mirrored ends, filters may be longer than the signal.
    return max(1, min(shape).bit_length() - 3) if level is None else level


def make_layout(n_channels, shape, filter_length, level, decomposition):
    """Return the layout of signals in the bands of a wavelet."""
    if decomposition == "stationary":
        tree, mode = Tree.stationary(level), "periodization"
    else:
        tree, mode = Tree.dwt(level), "symmetric"
    return CoeffLayout(shape, n_channels, filter_length, tree, mode)


def encode(y, target_type):
    """Return centred targets of shape (n_samples, n_outputs)."""
    y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
    if target_type == "auto":
        target_type = type_of_target(y, input_name="y")
    return encode_target(y, not target_type.startswith("continuous"))


@dataclass
class Choice:
    """The wavelets that are chosen.

    Attributes
    ----------
    indices : list of int
        Of the candidates, in the order of the choice.
    path : list of float
        The leave-one-out error after each of them.
    alone : list of float
        The error of each wavelet of PyWavelets alone.
    fixed : int
        The best of these.
    fixed_error : float
        Its error.
    is_adapted : bool
        True if the gain of the choice is large enough; if not, it is the fixed wavelet.
    """

    indices: list
    path: list
    alone: list
    fixed: int
    fixed_error: float
    is_adapted: bool


def choose_wavelets(features, target, n_fixed, n_wavelets, min_gain):
    """Choose wavelets one after the other, by the error of all their features together.

    Parameters
    ----------
    features : list of ndarrays of shape (n_samples, n_features)
        Those of each candidate.
    target : ndarray of shape (n_samples, n_outputs)
    n_fixed : int
        The number of fixed wavelets; these are the first candidates.
    n_wavelets : int
        The number of wavelets to choose.
    min_gain : float
        The share by which the error must be below that of the best fixed wavelet.

    Returns
    -------
    Choice
    """
    kernels = [kernel(each).astype(np.float32) for each in features]
    counts = np.array([each.shape[1] for each in features])
    alone = [
        leave_one_out_error(kernels[i], counts[i], target)[0] for i in range(n_fixed)
    ]
    fixed = int(np.argmin(alone))
    indices, path = choose_groups(kernels, counts, target, n_wavelets)
    fixed_error = alone[fixed]
    is_adapted = path[-1] <= (1 - min_gain) * fixed_error
    if not is_adapted:
        indices, path = [fixed], [fixed_error]
    return Choice(indices, path, alone, fixed, fixed_error, is_adapted)
