"""The condition number of a transform: how far it is from keeping the energy."""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._linear_map import LinearMap
from sk_awave.engine._transform import analysis_map, synthesis_map

#: The length of signals, in coefficients of the coarsest level, and their largest size.
_LENGTH, _MAX_SIZE = 8, 2**20


def condition_number(layout: CoeffLayout, filters: Tensor) -> float:
    """Return the norm of analysis times that of synthesis, away from the ends.

    Relative errors of coefficients grow by this factor at most on the way to signals. It
    is 1 for orthonormal filters. Norms are those of the transform of periodic signals,
    to four digits. Levels that are longer than the signals do not count, nor those that
    would need periodic signals of more than a million values.

    Parameters
    ----------
    layout : CoeffLayout
    filters : tensor of shape (level or 1, ndim or 1, 4, K)
    """
    ndim = len(layout.signal_shape)
    level = min(layout.level, min(layout.signal_shape).bit_length())
    while (_LENGTH * 2**level) ** ndim > _MAX_SIZE:
        level -= 1
    shape = (_LENGTH * 2**level,) * ndim
    periodic = replace(
        layout,
        signal_shape=shape,
        n_channels=None,
        tree=replace(layout.tree, splits=layout.tree.splits[:level]),
        mode="periodization",
    )
    filters = filters[: max(1, level)]
    analysis = analysis_map(periodic, filters, filters)
    return _norm(analysis) * _norm(synthesis_map(periodic, filters, filters).T)


def _norm(linear_map: LinearMap) -> float:
    """Return the largest singular value of a map of signals to coefficients."""
    shape = linear_map.layout.signal_shape

    def multiply(x: np.ndarray) -> np.ndarray:
        coeffs = linear_map.apply(torch.from_numpy(x).reshape(1, *shape))
        return linear_map.T.apply(coeffs).numpy().ravel()

    n = math.prod(shape)
    squared = LinearOperator((n, n), multiply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    (largest,) = eigsh(squared, 1, v0=start, tol=1e-5, return_eigenvectors=False)
    return math.sqrt(largest)
