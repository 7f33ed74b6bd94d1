"""A fitted transformer, seen from its inverse."""

from abc import ABC, abstractmethod

import numpy as np

from sk_awave.utils._validation import channel_names_in


class Inverse(ABC):
    """The coefficients of a transformer, and the derivative of its inverse.

    Attributes
    ----------
    transformer : transformer
    n_components : int
        The number of coefficients.
    """

    @abstractmethod
    def coefficients(self, X):
        """Return the coefficients as a tensor of shape (n_samples, n_components)."""

    @abstractmethod
    def adjoint(self, field, X, batch_size=None):
        """Apply the transpose of the derivative at samples to fields of their shape.

        Parameters
        ----------
        field : tensor of the shape of `X`
        X : array-like or tensor of shape (n_samples, ...)
        batch_size : int, default=None
            The number of samples that are taken together, by default all.

        Returns
        -------
        tensor of shape (n_samples, n_components)
        """

    def names(self, estimator, input_features=None):
        """Name the coefficients as the transformer does, or after an estimator."""
        layout = getattr(self, "layout", None)
        channel_names_in(estimator, input_features, layout and layout.n_channels)
        if hasattr(self.transformer, "get_feature_names_out"):
            return self.transformer.get_feature_names_out(input_features)
        prefix = type(estimator).__name__.lower()
        names = [f"{prefix}{i}" for i in range(self.n_components)]
        return np.asarray(names, dtype=object)
