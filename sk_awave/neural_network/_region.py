"""What a net must not use: a part of each sample."""

import numpy as np


class Region:
    """Coefficients, or values of the samples themselves, with a weight for each.

    Parameters
    ----------
    weights : tensor
        1 where a coefficient, or a value, is in the region, and 0 elsewhere.
    transformer : fitted wavelet transformer, default=None
        What makes the coefficients; None for values.
    """

    def __init__(self, weights, transformer=None):
        self.weights, self.transformer = weights, transformer

    def part(self, x):
        """Return ``S (w * A x)``, which is not differentiated, for a batch `x`."""
        if self.transformer is None:
            return self.weights * x
        coeffs = self.weights * self.transformer.transform(x)
        return self.transformer.inverse_transform(coeffs).to(x)

    def project(self, gradients):
        """Return ``S (w * S^T g)``: the part of gradients that the region sees.

        Its product with `g` is the squared gradient with respect to the coefficients of
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
