"""Objectives of norms alone, by the kernel and without a graph of torch.

For few signals, the kernel computes a norm and its slopes in a twentieth of a
millisecond. The operations of torch around it, from parameters to filters and back, take
twenty times as long. They would dominate learning from small data.
"""

import math

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._boundary import adjoint_mode
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._kernel import NORM, Call, Kernel
from sk_awave.engine._layout import CoeffLayout


class Norm:
    """The mean norm of the coefficients or scores of some data, of filters alone.

    Parameters
    ----------
    layout : CoeffLayout
    data : tensor of shape (n, n_channels, *signal_shape)
        Signals, or gradients of which scores are made.
    is_adjoint : bool
        True if the data are gradients, and the map is the adjoint of synthesis.
    """

    def __init__(self, layout: CoeffLayout, data: Tensor, is_adjoint: bool):
        self._is_adjoint = is_adjoint
        mode = adjoint_mode(layout.mode) if is_adjoint else layout.mode
        self._kernel = Kernel(layout, torch.zeros(1, 1, 2, layout.filter_length), mode)
        self._shape = tuple(self._kernel.factors[0].shape)
        self._gain = 1.0 if layout.tree.is_decimated else np.sqrt(0.5)
        self._rows = data.flatten(0, 1)
        self._call = Call(self._kernel, NORM, x=self._rows)
        self._share = 1 / (len(data) * (layout.level + 1))

    def __call__(
        self, filters: np.ndarray, smoothing: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the norm and its gradient.

        Parameters
        ----------
        filters : ndarray of shape (..., level or 1, ndim or 1, 4, K)
            Of one bank or of many.
        smoothing : float
            The size of the values that are smoothed; see `Batch`.

        Returns
        -------
        value : ndarray of the shape of the leading axes
        gradient : ndarray of the shape of `filters`
        """
        pairs = filters[..., 2:, ::-1] if self._is_adjoint else filters[..., :2, :]
        batch_shape, call = filters.shape[:-4], self._call
        if batch_shape:
            call = Call(self._kernel, NORM, math.prod(batch_shape), self._rows)
        full = np.broadcast_to(self._gain * pairs, (*batch_shape, *self._shape))
        value, slopes = np.zeros(batch_shape), np.zeros(full.shape)
        places = {"values": value.ctypes.data, "slopes": slopes.ctypes.data}
        call.run(full, smoothing, **places)
        for axis in (-4, -3):  # levels and axes that share filters
            if filters.shape[axis] < slopes.shape[axis]:
                slopes = slopes.sum(axis, keepdims=True)
        gradient = np.zeros_like(filters)
        slopes *= self._gain * self._share
        if self._is_adjoint:
            gradient[..., 2:, :] = slopes
        else:
            gradient[..., :2, :] = slopes[..., ::-1]
        return self._share * value, gradient


def make_norms(
    bank: FilterBank, layout: CoeffLayout, x: Tensor, input_gradients: Tensor | None
) -> list[Norm]:
    """Return the norms of coefficients and of scores, if the kernel makes them."""
    # A class that inherits `linearize` may make other filters of the parameters.
    linearizes = "linearize" in vars(type(bank.parametrization))
    if not linearizes or not Kernel.serves(layout, x):
        return []
    norms = [Norm(layout, x, is_adjoint=False)]
    if input_gradients is not None:
        norms.append(Norm(layout, input_gradients, is_adjoint=True))
    return norms


def weighted_norms(
    bank: FilterBank,
    norms: list[tuple[Norm, float, float]],
    parameters: np.ndarray,
    smoothing: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a weighted sum of norms, and its gradient; of each of many banks.

    Parameters
    ----------
    bank : FilterBank
        The map from parameters to filters.
    norms : list of (Norm, float, float)
        The norms, with their strengths and the scales of their data.
    parameters : ndarray of shape (..., *bank.original.shape)
    smoothing : float, default=0
    """
    filters, pull = bank.parametrization.linearize(parameters)
    value, gradient = np.zeros(filters.shape[:-4]), np.zeros_like(filters)
    for norm, weight, scale in norms:
        part, slopes = norm(filters, smoothing * scale)
        value = value + weight * part
        gradient += weight * slopes
    return value, pull(gradient)
