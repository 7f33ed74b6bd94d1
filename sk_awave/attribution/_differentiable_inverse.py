"""Inverses that are no linear maps but differentiable functions, as of autoencoders."""

import math
import warnings

import numpy as np
import torch
from torch import nn

from sk_awave.attribution._evaluation import evaluating, first_tensor
from sk_awave.attribution._inverse import Inverse


def find_differentiable_inverse(transformer, X):
    """Return a transformer's `DifferentiableInverse`, or None if it has no such.

    Raises
    ------
    ValueError
        If the transformer is no estimator, and has none: such must be differentiable.
    """
    if hasattr(transformer, "inverse_transform_adjoint"):
        return None  # a wavelet
    inverse, cause = DifferentiableInverse(transformer), None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if inverse.is_differentiable(X):
                return inverse
    except Exception as error:  # whatever an estimator says to a tensor
        cause = error
    if inverse.takes_tensors:
        raise ValueError(
            "transform and inverse_transform of a transformer that is no estimator must "
            "take and return tensors, inverse_transform differentiably and with samples "
            f"of the shape of X. That of {type(transformer).__name__} does not."
        ) from cause
    return None


class DifferentiableInverse(Inverse):
    """The coefficients of a transformer, and the derivative of its inverse at them.

    Parameters
    ----------
    transformer : object
        With `transform` and `inverse_transform`, the latter a differentiable function of
        tensors.

    Attributes
    ----------
    takes_tensors : bool
        True if `transform` takes tensors, too; the one of estimators takes arrays.
    """

    def __init__(self, transformer):
        self.transformer = transformer
        self.takes_tensors = not hasattr(transformer, "fit")

    def is_differentiable(self, X):
        """Tell whether the inverse is, and returns samples of the shape of `X`."""
        coefficients = self._at(X)
        with self._evaluating(), torch.enable_grad():
            samples = self.transformer.inverse_transform(coefficients)
        self.n_components = coefficients[0].numel()
        size = math.prod(np.shape(X))
        return samples.grad_fn is not None and samples.numel() == size

    def coefficients(self, X):
        """Return the coefficients as a tensor of shape (n_samples, n_components)."""
        return self._at(X).detach().flatten(1)

    def adjoint(self, field, X, batch_size=None):
        """Apply the transpose of the derivative, a few samples at a time."""
        n_rows = len(X) if batch_size is None else batch_size
        parts = []
        for i in range(0, len(X), n_rows):
            coefficients = self._at(X[i : i + n_rows])
            with self._evaluating(), torch.enable_grad():
                samples = self.transformer.inverse_transform(coefficients)
                along = field[i : i + n_rows].to(samples).reshape(samples.shape)
                (part,) = torch.autograd.grad((samples * along).sum(), coefficients)
            parts.append(part.flatten(1))
        return torch.cat(parts).to(field)

    def _at(self, X):
        """Return the coefficients in the shape that the inverse takes."""
        if self.takes_tensors:
            X = torch.as_tensor(X if isinstance(X, torch.Tensor) else np.asarray(X))
            like = first_tensor(self.transformer) if self._is_module else None
            X = X if like is None else X.to(like.device, like.dtype)
        elif isinstance(X, torch.Tensor):
            X = X.detach().cpu().numpy()
        with self._evaluating(), torch.no_grad():
            coefficients = self.transformer.transform(X)
        if not isinstance(coefficients, torch.Tensor):
            coefficients = torch.tensor(np.asarray(coefficients))
        return coefficients.detach().clone().requires_grad_()

    @property
    def _is_module(self):
        return isinstance(self.transformer, nn.Module)

    def _evaluating(self):
        return evaluating([self.transformer] if self._is_module else [])
