"""Stationary transforms as products of spectra."""

import math

import torch
from torch import Tensor

from sk_awave.engine._linear_map import LinearMap
from sk_awave.engine._matrices import along


class Fourier(LinearMap):
    """The product of the spectrum of a signal with the response of every band.

    A stationary transform of a periodic signal is a circular convolution, with the
    product of the responses along the path of a band. Its cost does not grow with the
    number of taps. The only factor holds the responses of all bands, real and imaginary
    parts last, so that it can be cast like those of other maps.
    """

    def _make_factors(self, pairs):
        layout = self.layout
        ndim, tree = len(layout.signal_shape), layout.tree
        levels = [
            _level_response(level, layout.signal_shape, 2**j)
            for j, level in enumerate(along(pairs, -4, tree.level))
        ]
        bands = []
        for band in layout.bands:
            response = torch.ones((1,) * ndim, dtype=torch.complex128)
            for level, branch in zip(levels, band.path, strict=False):
                response = response * level[branch]
            bands.append(response)
        shape = torch.broadcast_shapes(*(band.shape for band in bands))
        stacked = torch.stack([band.expand(shape) for band in bands], -ndim - 1)
        return (torch.view_as_real(stacked),)

    def apply(self, x, out=None):
        """Multiply spectra with responses."""
        axes, shape = self._axes, self.layout.signal_shape
        spectrum = torch.fft.rfftn(x, dim=axes).unsqueeze(-len(axes) - 1)
        y = torch.fft.irfftn(spectrum * self._responses, s=shape, dim=axes)
        y = y.flatten(-len(axes) - 1)
        return y if out is None else out.copy_(y)

    def apply_transpose(self, y, out=None):
        """Multiply spectra with conjugate responses, and add up."""
        axes, shape = self._axes, self.layout.signal_shape
        bands = y.unflatten(-1, (-1, *shape))
        spectrum = torch.fft.rfftn(bands, dim=axes) * self._responses.conj()
        summed = spectrum.sum(-len(axes) - 1)
        x = torch.fft.irfftn(summed, s=shape, dim=axes)
        return x if out is None else out.copy_(x)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.layout.signal_shape), 0))

    @property
    def _responses(self) -> Tensor:
        """Responses of shape (..., 1, n_bands, *frequencies), for rows of signals."""
        responses = torch.view_as_complex(self.factors[0].contiguous())
        return responses.unsqueeze(-len(self._axes) - 2)


def _level_response(pairs: Tensor, shape: tuple[int, ...], dilation: int) -> list[Tensor]:
    """Return the response of each branch of a level, over the frequencies of `rfftn`.

    Parameters
    ----------
    pairs : tensor of shape (..., ndim or 1, 2, K)
    shape : tuple of int
    dilation : int
        By how many samples the taps are apart.
    """
    ndim, n_taps = len(shape), pairs.shape[-1]
    # As in `level_basis`: the coefficient k is the sum of f[t] x[k + d (K / 2 - t)].
    places = dilation * (n_taps // 2 - torch.arange(n_taps))
    branches = [torch.ones((1,) * ndim, dtype=torch.complex128)]
    for axis, pair in enumerate(along(pairs, -3, ndim)):
        length = shape[axis]
        count = length // 2 + 1 if axis == ndim - 1 else length
        # Whole turns are left out, so that long signals lose no digits.
        turns = torch.outer(places, torch.arange(count)).double() % length / length
        waves = torch.exp(2j * math.pi * turns) * math.sqrt(0.5)
        responses = pair.to(waves) @ waves
        place = [1] * ndim
        place[axis] = count
        halves = [half.unflatten(-1, place) for half in responses.unbind(-2)]
        branches = [branch * half for branch in branches for half in halves]
    return branches
