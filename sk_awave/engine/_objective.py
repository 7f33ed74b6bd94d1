"""The objective of adaptive wavelets: value, gradient, and every term by name."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._conditions import FILTER_TERMS, filter_terms
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._plan import TransformPlan

#: Every term, in the order of reports.
TERMS = ("reconstruction", "sparsity", "attribution", *FILTER_TERMS)


class Objective:
    r"""Weighted sum of the terms of Ha et al. (NeurIPS 2021), on the published scale.

    For signals ``x_i``, analysis `A`, synthesis `S`, and input gradients ``g_i``:

    - reconstruction: ``(1/n) sum_i ||S A x_i - x_i||_2^2``;
    - sparsity: ``(1/n) sum_i ||A x_i||_1 / B``, over the ``B = level + 1`` tensors that
      the published transform returns;
    - attribution: ``(1/n) sum_i ||S^T g_i||_1 / B``, the saliency of a teacher with
      respect to the coefficients (the gradient of ``f(S c)`` is ``S^T grad f``), or
      ``||A x_i * S^T g_i||_1`` for methods that multiply by the input; summed over the
      outputs of the teacher that are attributed;
    - the filter penalties of :mod:`sk_awave.engine._conditions`, summed over banks.

    Parameters
    ----------
    bank : FilterBank
        Its parameters are what the objective is a function of.
    plan : TransformPlan
        The transform.
    x : tensor of shape (n, n_channels, *signal_shape)
        The signals.
    weights : mapping of str to float
        The weight of each of `TERMS`; missing ones are zero.
    input_gradients : tensor of shape (n, n_targets * n_channels, *signal_shape), \
            default=None
        The teacher's gradients with respect to its input, for each target.
    multiply : bool, default=False
        Whether attributions are multiplied by the coefficients.
    """

    def __init__(
        self,
        bank: FilterBank,
        plan: TransformPlan,
        x: Tensor,
        weights: Mapping[str, float],
        input_gradients: Tensor | None = None,
        multiply: bool = False,
    ):
        self.multiply = multiply
        self.bank = bank
        self.plan = plan
        self.x = x
        self.input_gradients = input_gradients
        #: With a smoothing s, ``|c|`` is replaced by ``sqrt(c^2 + e^2) - e``, where e is
        #: s times the mean absolute value of the data that c is a coefficient of.
        self.smoothing = 0.0
        scale = _mean_abs(x)
        self._scales = {"sparsity": scale, "attribution": scale if multiply else 1.0}
        if input_gradients is not None:
            self._scales["attribution"] *= _mean_abs(input_gradients)
        self.weights = {term: weights.get(term, 0.0) for term in TERMS}

    @property
    def n_parameters(self) -> int:
        """The number of learned parameters."""
        return self.bank.original.numel()

    def get_parameters(self) -> np.ndarray:
        """Return the parameters as a flat float64 array."""
        return self.bank.original.detach().cpu().numpy().ravel().copy()

    def set_parameters(self, theta: np.ndarray) -> None:
        """Set the parameters from a flat array."""
        with torch.no_grad():
            flat = torch.as_tensor(theta, dtype=torch.float64)
            self.bank.original.copy_(flat.reshape(self.bank.original.shape))

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the weighted sum and its gradient.

        Rows are taken in chunks, so that memory does not grow with their number.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)

        Returns
        -------
        value : float
        gradient : ndarray of shape (n_parameters,)
        """
        self.set_parameters(theta)
        filters = self.bank()
        leaf = filters.detach().requires_grad_()
        value = self._backward(self._filter_terms(leaf, training=True))
        for x, gradients, share in self._chunks():
            terms = self._data_terms(x, gradients, leaf, training=True)
            value += self._backward(terms, share)
        if leaf.grad is None:
            return value, np.zeros(self.n_parameters)
        (gradient,) = torch.autograd.grad(filters, self.bank.original, leaf.grad)
        return value, gradient.cpu().numpy().ravel()

    @torch.no_grad()
    def value(self) -> float:
        """Evaluate the weighted sum at the parameters as they are."""
        filters = self.bank()
        value = float(self._weighted_sum(self._filter_terms(filters, training=True)))
        for x, gradients, share in self._chunks():
            terms = self._data_terms(x, gradients, filters, training=True)
            value += share * float(self._weighted_sum(terms))
        return value

    def batch_loss(self, x: Tensor, input_gradients: Tensor | None = None) -> Tensor:
        """Return the weighted sum over a batch of signals, with its graph."""
        return self._loss(x, input_gradients, self.bank())

    def loss(self, filters: Tensor) -> Tensor:
        """Return the weighted sum at other filters, with its graph, not in chunks."""
        return self._loss(self.x, self.input_gradients, filters)

    def _loss(self, x: Tensor, input_gradients: Tensor | None, filters: Tensor) -> Tensor:
        terms = self._data_terms(x, input_gradients, filters, training=True)
        terms |= self._filter_terms(filters, training=True)
        # A sum of no terms still needs a graph for the optimiser's backward.
        return self._weighted_sum(terms) + 0.0 * filters.sum()

    @torch.no_grad()
    def terms(self) -> dict[str, float]:
        """Evaluate every term, unweighted."""
        filters = self.bank()
        totals = dict.fromkeys(TERMS, 0.0)
        for x, gradients, share in self._chunks():
            for name, term in self._data_terms(x, gradients, filters).items():
                totals[name] += share * term.item()
        for name, term in self._filter_terms(filters).items():
            totals[name] = term.item()
        return totals

    def total(self, terms: Mapping[str, float]) -> float:
        """Return the weighted sum of `terms`."""
        return float(self._weighted_sum(terms))

    def _weighted_sum(self, terms: Mapping):
        return sum(self.weights[name] * term for name, term in terms.items())

    def _backward(self, terms: dict[str, Tensor], share: float = 1.0) -> float:
        """Accumulate the gradient of `share` times the weighted sum; return its value."""
        if not terms:
            return 0.0
        loss = share * self._weighted_sum(terms)
        loss.backward()
        return loss.item()

    def _chunks(self) -> Iterator[tuple[Tensor, Tensor | None, float]]:
        """Yield chunks of signals and input gradients, and their share of the rows."""
        n = len(self.x)
        size = max(1, self.plan.rows_per_chunk // self.x.shape[1])
        gradients = self.input_gradients
        for start in range(0, n, size):
            rows = slice(start, min(start + size, n))
            chunk = None if gradients is None else gradients[rows]
            yield self.x[rows], chunk, (rows.stop - start) / n

    def _is_needed(self, term: str, training: bool) -> bool:
        """Tell whether a term can differ from zero where it is to be minimised.

        An exact parametrization keeps the reconstruction error and all penalties at zero,
        so training leaves them out; reports do compute them.
        """
        if not training:
            return True
        exact = term in ("reconstruction", *FILTER_TERMS)
        return self.weights[term] > 0 and not (
            exact and self.bank.parametrization.is_exact
        )

    def _data_terms(
        self,
        x: Tensor,
        input_gradients: Tensor | None,
        filters: Tensor,
        training: bool = False,
    ) -> dict[str, Tensor]:
        """Evaluate the terms that average over signals (n, n_channels, *signal_shape)."""
        n, rows, filters = len(x), x.flatten(0, 1), filters.to(x.dtype)
        l1_scale = 1 / (n * (self.plan.layout.level + 1))
        terms = {}
        reconstructs = self._is_needed("reconstruction", training)
        attributes = input_gradients is not None and self._is_needed(
            "attribution", training
        )
        sparse = self._is_needed("sparsity", training)
        if sparse or reconstructs or (attributes and self.multiply):
            coeffs = self.plan.analysis(rows, filters)
        if sparse:
            terms["sparsity"] = self._l1_norm(coeffs, "sparsity") * l1_scale
        if reconstructs:
            error = self.plan.synthesis(coeffs, filters) - rows
            terms["reconstruction"] = error.square().sum() / n
        if attributes:
            scores = self.plan.synthesis_adjoint(input_gradients.flatten(0, 1), filters)
            if self.multiply:  # every target by the same coefficients
                by_target = scores.reshape(n, -1, x.shape[1], scores.shape[1])
                scores = by_target * coeffs.reshape(n, 1, *by_target.shape[2:])
            terms["attribution"] = self._l1_norm(scores, "attribution") * l1_scale
        return terms

    def _l1_norm(self, coeffs: Tensor, term: str) -> Tensor:
        eps = self.smoothing * self._scales[term]
        if eps == 0:
            return coeffs.abs().sum()
        return ((coeffs.square() + eps**2).sqrt() - eps).sum()

    def _filter_terms(self, filters: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Evaluate the filter penalties, summed over levels and axes with filters."""
        names = [name for name in FILTER_TERMS if self._is_needed(name, training)]
        if not names:
            return {}
        banks = [filter_terms(bank[2]) for bank in filters.flatten(0, 1)]
        return {name: sum(bank[name] for bank in banks) for name in names}


def _mean_abs(x: Tensor) -> float:
    return float(torch.linalg.vector_norm(x, 1)) / x.numel()
