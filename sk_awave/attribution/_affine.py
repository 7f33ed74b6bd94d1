"""Affine maps: linear models and scalers of teachers, linear inverses of transformers."""

import copy
from dataclasses import dataclass

import numpy as np
import torch

#: Relative deviation up to which a function counts as affine; it may compute in float32.
_TOLERANCE = 1e-6

#: So large that an offset costs no digits of the weights, and a power of two, so that the
#: division by it costs none.
_UNIT = 2.0**20

#: Sizes of the rows on which functions are compared: a clipped or a quantile scale is
#: straight within some range, but not on all of them.
_SCALES = np.logspace(-3, 6, 10)[:, None]


@dataclass(frozen=True, eq=False)
class Affine:
    """The map ``x @ weight + offset``, or ``x * weight + offset`` for a vector.

    Parameters
    ----------
    weight : ndarray of shape (n_in, n_out) or (n_in,)
    offset : ndarray of shape (n_out,)
    """

    weight: np.ndarray
    offset: np.ndarray

    def __call__(self, x):
        """Map rows of shape (n, n_in) to (n, n_out), in float64."""
        x = x.reshape(len(x), -1)  # the output of a network may lack the second axis
        if x.shape[1] != len(self.weight):
            raise ValueError(
                f"X has {x.shape[1]} features, but the teacher is expecting "
                f"{len(self.weight)} features as input."
            )
        x = x.to(torch.float64)
        weight, offset = (
            torch.tensor(array, dtype=x.dtype, device=x.device)
            for array in (self.weight, self.offset)
        )
        return (x * weight if weight.ndim == 1 else x @ weight) + offset

    def adjoint(self, gradients):
        """Apply the transpose of the linear part to rows of shape (n, n_out)."""
        weight = torch.tensor(self.weight, dtype=gradients.dtype, device=gradients.device)
        return gradients * weight if weight.ndim == 1 else gradients @ weight.T


def probe_affine(function, n_in):
    """Find an affine map from its values at zero and at multiples of the unit vectors.

    Parameters
    ----------
    function : callable
        Maps arrays of shape (n, n_in) to arrays of n rows.
    n_in : int

    Returns
    -------
    Affine or None
        None if the function is not affine.
    """
    zero = _rows(function, np.zeros((1, n_in)))
    if zero.shape == (1, n_in):
        all_at_once = _rows(function, np.full((1, n_in), _UNIT))
        elementwise = Affine((all_at_once - zero)[0] / _UNIT, zero[0])
        if is_same_map(function, elementwise):
            return elementwise
    one_by_one = _rows(function, _UNIT * np.eye(n_in))
    dense = Affine((one_by_one - zero) / _UNIT, zero[0])
    return dense if is_same_map(function, dense) else None


def is_same_map(function, affine):
    """Compare a function of arrays with an affine map, on random rows of all sizes."""
    n_in = len(affine.weight)
    rows = _SCALES * np.random.RandomState(0).standard_normal((len(_SCALES), n_in))
    with np.errstate(all="ignore"):
        actual = _rows(function, rows)
    expected = affine(torch.from_numpy(rows)).numpy()
    if actual.shape != expected.shape:
        return False
    scale = _SCALES * np.abs(affine.weight).max() + np.abs(affine.offset).max()
    error = np.abs(actual - expected)
    return bool((error <= _TOLERANCE * np.sqrt(n_in) * scale).all())


def without_feature_names(estimator):
    """Return a shallow copy that takes arrays without a warning."""
    estimator = copy.copy(estimator)
    vars(estimator).pop("feature_names_in_", None)
    return estimator


def _rows(function, rows):
    """Return the values at rows as a float64 matrix."""
    return np.asarray(function(rows), dtype=np.float64).reshape(len(rows), -1)
