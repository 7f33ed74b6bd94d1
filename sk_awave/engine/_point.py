"""Parameters of a bank, and the way of gradients back to them."""

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._batch import Maps
from sk_awave.engine._filter_bank import FilterBank


class Point:
    """Filters at parameters, with the graph that leads back, as often as it is asked.

    Parameters
    ----------
    bank : FilterBank
    theta : ndarray of shape (n_parameters,)

    Attributes
    ----------
    filters : tensor of shape (level or 1, ndim or 1, 4, K)
    maps : Maps
        The maps that collect gradients at the filters, if they are set.
    """

    maps: Maps

    def __init__(self, bank: FilterBank, theta: np.ndarray):
        flat = torch.tensor(theta, dtype=torch.float64)
        with torch.inference_mode(False), torch.enable_grad():
            self._original = flat.reshape(bank.original.shape).requires_grad_()
            self.filters = bank.filters(self._original)

    def pull(self, outputs: list[Tensor], slopes: list[Tensor]) -> np.ndarray:
        """Return the gradient of functions of the filters with known slopes."""
        # Of one sum: with slopes given apart, torch first imports hundreds of modules.
        total = 0 * self._original.sum()
        for output, slope in zip(outputs, slopes, strict=True):
            total = total + (output * slope).sum()
        (gradient,) = torch.autograd.grad(total, self._original, retain_graph=True)
        return gradient.detach().numpy().ravel()  # for torch < 2.4
