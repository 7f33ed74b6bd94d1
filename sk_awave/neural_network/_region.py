"""The part of each sample that a net must not use."""

import numpy as np

from sk_awave.utils._array_api import without_dispatch


class Region:
    """Coefficients, or values of the samples themselves, with a weight for each.

    Parameters
    ----------
    weights : tensor
        1 where a coefficient, or a value, is in the region, and 0 elsewhere.
    transformer : fitted wavelet transformer, default=None
        The transformer that makes the coefficients; None for values.
    """

    def __init__(self, weights, transformer=None):
        self.weights, self.transformer = weights, transformer

    @without_dispatch
    def part(self, x):
        """Return ``S (m * A x)`` for a batch `x`; it is not differentiated."""
        if self.transformer is None:
            return self.weights * x
        coeffs = self.weights * self.transformer.transform(x)
        return self.transformer.inverse_transform(coeffs).to(x)

    @without_dispatch
    def project(self, gradients):
        """Return ``S (m * S^T v)``: the part of gradients `v` in the region.

        Its product with `v` is the squared gradient with respect to the coefficients of
        the region. With orthonormal wavelets it is a projection.
        """
        if self.transformer is None:
            return self.weights * gradients
        slopes = self.weights * self.transformer.inverse_transform_adjoint(gradients)
        return self.transformer.inverse_transform(slopes).to(gradients)


def band_weights(layout, bands):
    """Return 1 for the coefficients of these bands, and 0 for others."""
    names = [band.name for band in layout.bands]
    if wrong := [name for name in bands if name not in names]:
        raise ValueError(f"bands must be among {names}. Got {wrong} instead.")
    sizes = [band.stop - band.start for band in layout.bands]
    weights = np.repeat(np.isin(names, bands), sizes)
    return np.tile(weights, layout.n_channels or 1)
