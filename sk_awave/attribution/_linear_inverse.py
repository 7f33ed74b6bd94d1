"""Inverses that are linear maps, up to an offset."""

import math
from dataclasses import replace

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution._affine import probe_affine
from sk_awave.attribution._inverse import Inverse
from sk_awave.engine import CoeffLayout
from sk_awave.utils._array_api import without_dispatch


class LinearInverse(Inverse):
    """The coefficients of a fitted transformer, and the linear part of its inverse.

    Parameters
    ----------
    transformer : fitted transformer
        The transformer. Wavelets provide their synthesis and its adjoint; the inverse of
        other transformers is probed at the unit vectors.
    X : array-like or tensor of the shape that the transformer takes
        A sample.

    Attributes
    ----------
    n_components : int
        The number of coefficients.
    layout : CoeffLayout or None
        The layout of wavelet coefficients.

    Raises
    ------
    NotFittedError
        If the transformer is not fitted.
    TypeError, ValueError
        If it has no inverse, or one that is not linear up to an offset.
    """

    def __init__(self, transformer, X):
        if not hasattr(transformer, "inverse_transform"):
            raise TypeError(
                "The transformer must have an inverse_transform, which "
                f"{type(transformer).__name__} has not."
            )
        check_is_fitted(transformer)
        self.transformer = transformer
        layout = getattr(transformer, "layout_", None)
        self.layout = layout if isinstance(layout, CoeffLayout) else None
        self.n_components = self.coefficients(X).shape[1]
        n_features = math.prod(np.shape(X)[1:])
        self._affine = None if self.layout else self._probe(n_features)

    @without_dispatch
    def coefficients(self, X):
        """Return the coefficients as a tensor of shape (n_samples, n_components)."""
        if isinstance(X, torch.Tensor) and self.layout is None:
            X = X.detach().cpu().numpy()
        Xt = self.transformer.transform(X)
        if isinstance(Xt, torch.Tensor):
            return Xt
        Xt = torch.tensor(Xt.toarray() if hasattr(Xt, "toarray") else np.asarray(Xt))
        return Xt.reshape(len(X), -1)  # SparsePCA drops the axis of a single sample

    @without_dispatch
    def apply(self, coefficients):
        """Apply the linear part to rows of shape (n, n_components)."""
        if self._affine is None:
            return self.transformer.inverse_transform(coefficients).flatten(1)
        offset = np.zeros_like(self._affine.offset)
        return replace(self._affine, offset=offset)(coefficients)

    @without_dispatch
    def adjoint(self, field, X=None, batch_size=None):
        """Apply its transpose to fields of the shape of samples, whatever these are."""
        if self._affine is None:
            return self.transformer.inverse_transform_adjoint(field)
        return self._affine.adjoint(field.flatten(1))

    def _probe(self, n_features):
        """Find the affine map that the inverse is, or raise ValueError."""
        inverse, cause = None, None
        try:
            inverse = probe_affine(self.transformer.inverse_transform, self.n_components)
        except (TypeError, ValueError) as error:
            cause = error
        if inverse is None or inverse.weight.shape[-1] != n_features:
            raise ValueError(
                "The inverse of the transformer must be linear (up to an offset), which "
                f"that of {type(self.transformer).__name__} is not."
            ) from cause
        return inverse
