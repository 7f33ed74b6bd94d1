"""The wavelets that suit a target: candidates, and the choice among them."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils.parallel import Parallel, delayed

from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.engine._lattice import angles_to_lowpass, orthogonal_filters
from sk_awave.engine._layout import resolve_level
from sk_awave.engine._wavelet import library_filters
from sk_awave.feature_extraction._leave_one_out import (
    choose_sets,
    leave_one_out_error,
)
from sk_awave.feature_extraction._targets import MAX_ROWS
from sk_awave.utils._budget import check_budget, check_filter_length

#: What is kept of a candidate besides its kernel: names, filters, a task of Python.
_VALUES_OF_TASK = 2**10


def check_candidates(filter_length, n_candidates, n_rows, shape):
    """Raise ValueError for candidates that are too many or too long."""
    check_filter_length(filter_length, math.prod(shape))
    text = f"n_candidates={n_candidates}", "A few hundred are enough."
    check_budget(n_candidates * _VALUES_OF_TASK, *text, sample_size=0)
    check_budget(n_candidates * min(n_rows, MAX_ROWS) ** 2 // 2, *text)


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


def compute_each(compute, rows, candidates, n_jobs, task):
    """Return what `compute` makes of rows and the filters of each candidate, in threads.

    Callbacks are told of each by a `FitTask`.
    """
    n = len(candidates)
    search = task.subtask("candidates", n, sequential_subtasks=False).begin()
    parts = [search.subtask("candidate", task_id=i) for i in range(n)]
    results = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(part.run)(compute, rows, filters)
        for part, (_, filters) in zip(parts, candidates, strict=True)
    )
    search.end()
    return results


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

    def attributes(self, names):
        """Return what `AdaptiveSubbandPooling` tells of the choice among candidates."""
        return {
            "library_errors_": dict(zip(names, self.alone, strict=False)),
            "fixed_wavelet_": names[self.fixed],
            "fixed_leave_one_out_error_": self.fixed_error,
            "is_adapted_": self.is_adapted,
            "path_": self.path,
            "leave_one_out_error_": self.path[-1],
        }


def choose_wavelets(kernels, counts, target, n_fixed, n_wavelets, min_gain, groups=None):
    """Choose wavelets one after the other, by the error of all their features together.

    Parameters
    ----------
    kernels : list of ndarrays of shape (n_samples, n_samples)
        That of the features of each candidate; see `kernel`.
    counts : list of int
        The number of these features.
    target : ndarray of shape (n_samples, n_outputs)
    n_fixed : int
        The number of fixed wavelets; these are the first candidates.
    n_wavelets : int
        The number of wavelets to choose.
    min_gain : float
        The share by which the error must be below that of the best fixed wavelet.
    groups : array-like of shape (n_samples,), default=None
        Of samples that are left out together; see `leave_one_out_error`.

    Returns
    -------
    Choice
    """
    alone = [
        leave_one_out_error(kernels[i], counts[i], target, groups=groups)[0]
        for i in range(n_fixed)
    ]
    fixed = int(np.argmin(alone))
    indices, path = choose_sets(kernels, counts, target, n_wavelets, groups=groups)
    fixed_error = alone[fixed]
    is_adapted = path[-1] <= (1 - min_gain) * fixed_error
    if not is_adapted:
        indices, path = [fixed], [fixed_error]
    return Choice(indices, path, alone, fixed, fixed_error, is_adapted)
