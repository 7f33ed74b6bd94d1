"""Linear maps of tensors, as chains of products with small matrices."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from copy import copy

import torch
from torch import Tensor

from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._matrices import tree_matrix


class LinearMap(ABC):
    """A linear map, its transpose, and the factors that it is made of.

    Attributes
    ----------
    factors : tuple of tensors
        Of shape (..., n, m). Leading axes are those of the filters, for many maps at
        once; `apply` then takes signals of shape (..., n_rows, *signal_shape).
    """

    factors: tuple[Tensor, ...]

    #: Whether it needs memory that grows with the number of rows, besides the result.
    needs_batches = True

    def __init__(self, layout: CoeffLayout, pairs: Tensor, mode: str):
        self.layout, self.mode = layout, mode
        self.factors = self._make_factors(pairs)

    @abstractmethod
    def _make_factors(self, pairs: Tensor) -> tuple[Tensor, ...]: ...

    @abstractmethod
    def apply(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Map rows (..., n_rows, *signal_shape) to rows of coefficients."""

    @abstractmethod
    def apply_transpose(self, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Map rows of coefficients (..., n_rows, n_coeffs) to rows of signals."""

    @property
    def T(self) -> "LinearMap":
        """The transpose."""
        return Transpose(self)

    @property
    def matrix(self) -> Tensor | None:
        """The matrix that rows are multiplied with, if it is a single one."""
        return None

    def at(self, factors: Iterable[Tensor]) -> "LinearMap":
        """Return the same map with other factors, such as of another dtype."""
        other = copy(self)
        other.factors = tuple(factors)
        return other


class Transpose(LinearMap):
    """The transpose of a map."""

    def __init__(self, original: LinearMap):
        self.original = original
        self.needs_batches = original.needs_batches

    def _make_factors(self, pairs):
        raise NotImplementedError

    @property
    def factors(self):  # type: ignore[override]
        """Those of the original."""
        return self.original.factors

    def apply(self, x, out=None):
        """Map rows of coefficients to rows of signals."""
        return self.original.apply_transpose(x, out)

    def apply_transpose(self, y, out=None):
        """Map rows of signals to rows of coefficients."""
        return self.original.apply(y, out)

    @property
    def T(self):
        """The original."""
        return self.original

    @property
    def matrix(self):
        """The transpose of the matrix of the original."""
        matrix = self.original.matrix
        return None if matrix is None else matrix.mT

    def at(self, factors):
        """Return the transpose of the original with other factors."""
        return Transpose(self.original.at(factors))


class Whole(LinearMap):
    """The product with the matrix of the whole transform."""

    def _make_factors(self, pairs):
        layout = self.layout
        return (tree_matrix(layout.tree, pairs, layout.signal_shape, self.mode),)

    @property
    def matrix(self):
        """The only factor."""
        return self.factors[0]

    def apply(self, x, out=None):
        """Multiply rows with the matrix."""
        ndim = len(self.layout.signal_shape)
        return torch.matmul(x.flatten(x.ndim - ndim), self.matrix, out=out)

    def apply_transpose(self, y, out=None):
        """Multiply rows with its transpose."""
        shape = (*y.shape[:-1], *self.layout.signal_shape)
        if out is not None:
            out = out.view(-1, self.matrix.shape[-2])
        return torch.matmul(y, self.matrix.mT, out=out).reshape(shape)
