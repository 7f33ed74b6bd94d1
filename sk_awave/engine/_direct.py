"""Objectives of norms alone, by the kernel and without a graph of torch.

A norm of few signals takes the kernel a twentieth of a millisecond, with its slopes. The
operations of torch around it, from parameters to filters and back, take twenty times as
long, which is what learning from small data would consist of.
"""

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._boundary import adjoint_mode
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
        Whether they are gradients, and the map is the adjoint of synthesis.
    """

    def __init__(self, layout: CoeffLayout, data: Tensor, is_adjoint: bool):
        self._is_adjoint = is_adjoint
        mode = adjoint_mode(layout.mode) if is_adjoint else layout.mode
        kernel = Kernel(layout, torch.zeros(1, 1, 2, layout.filter_length), mode)
        self._shape = tuple(kernel.factors[0].shape)
        self._gain = 1.0 if layout.tree.is_decimated else np.sqrt(0.5)
        self._call = Call(kernel, NORM, x=data.flatten(0, 1))
        self._share = 1 / (len(data) * (layout.level + 1))

    def __call__(self, filters: np.ndarray, smoothing: float) -> tuple[float, np.ndarray]:
        """Return the norm, smoothed by a size, and its gradient in the filters' shape."""
        pairs = filters[..., 2:, ::-1] if self._is_adjoint else filters[..., :2, :]
        full = np.broadcast_to(self._gain * pairs, self._shape)
        value, slopes = np.zeros(1), np.zeros(self._shape)
        places = {"values": value.ctypes.data, "slopes": slopes.ctypes.data}
        self._call.run(full, smoothing, **places)
        for axis in (0, 1):  # levels and axes that share filters
            if filters.shape[axis] < slopes.shape[axis]:
                slopes = slopes.sum(axis, keepdims=True)
        gradient = np.zeros_like(filters)
        slopes *= self._gain * self._share
        if self._is_adjoint:
            gradient[..., 2:, :] = slopes
        else:
            gradient[..., :2, :] = slopes[..., ::-1]
        return self._share * value[0], gradient
