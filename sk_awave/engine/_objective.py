"""The objective of adaptive wavelets: value, gradient, and every term by name.

Note [gradient in closed form]
    Every term of the data is a sum over samples of a simple function of coefficients
    ``X W``, of scores ``G V`` (with ``V`` the adjoint of synthesis) or of both, with
    matrices ``W`` and ``V`` that depend on the filters alone. So the gradient of the L1
    norm with respect to ``W`` is ``X^T sign(X W)``, a second product of the same cost; it
    is summed over chunks of samples, and goes from the small matrices to the filters
    once. Where ``W`` is a single matrix, the reconstruction error is ``tr(E^T M E)``,
    with ``E = W V^T - I`` and the second moments ``M = X^T X / n``, computed once for all
    filters. No convolution is differentiated, and no step of learning evaluates a
    teacher. `Objective.loss` is the same by automatic differentiation of the reference
    transform.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._conditions import (
    FILTER_TERMS,
    filter_terms,
    weighted_filter_terms,
)
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._multilevel import wavedec, waverec, waverec_adjoint
from sk_awave.engine._plan import TransformPlan
from sk_awave.engine._routes import LinearMap

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
        flat = torch.as_tensor(theta, dtype=torch.float64)
        self.bank.original.data.copy_(flat.reshape(self.bank.original.shape))

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the weighted sum and its gradient; see Note [gradient in closed form].

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
        value, gradient = self._value_and_gradient(self.x, self.input_gradients)
        return value, gradient.ravel()

    def value(self) -> float:
        """Evaluate the weighted sum at the parameters as they are."""
        return self.total(self._terms(training=True))

    def terms(self) -> dict[str, float]:
        """Evaluate every term, unweighted."""
        terms = dict.fromkeys(TERMS, 0.0) | self._terms(training=False)
        return {name: float(term) for name, term in terms.items()}

    def total(self, terms: Mapping[str, float]) -> float:
        """Return the weighted sum of `terms`."""
        return float(self._weighted_sum(terms))

    def batch_loss(self, x: Tensor, input_gradients: Tensor | None = None) -> Tensor:
        """Return the weighted sum over a batch of signals, to call ``backward`` of."""
        value, gradient = self._value_and_gradient(x, input_gradients)
        original = self.bank.original
        slope = torch.as_tensor(gradient, device=original.device)
        return value + ((original - original.detach()) * slope).sum()

    def loss(self, filters: Tensor) -> Tensor:
        """Return the weighted sum at other filters, with its graph: the reference.

        The definitions in the class, by convolutions, of all signals at once.
        """
        layout, n = self.plan.layout, len(self.x)
        rows, typed = self.x.flatten(0, 1), filters.to(self.x.dtype)
        bands = wavedec(rows, typed, layout.mode, layout.level)
        scores = None
        if self.input_gradients is not None:
            fields = self.input_gradients.flatten(0, 1)
            scores = waverec_adjoint(fields, typed, layout.mode, layout.level)
            scores = layout.pack(scores)
        needed = self._needed_data_terms(self.input_gradients, training=True)
        terms = self._l1_terms(layout.pack(bands), scores, n, needed)
        if "reconstruction" in needed:
            again = waverec(bands, typed, layout.mode, layout.signal_shape)
            terms["reconstruction"] = (again - rows).square().sum() / n
        return self._weighted_sum(terms | self._filter_terms(filters, training=True))

    def losses_and_gradients(self, filters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate the L1 terms at many orthonormal filters at once.

        Parameters
        ----------
        filters : ndarray of shape (n_filters, 4, K)
            Each is shared by levels and axes.

        Returns
        -------
        values : ndarray of shape (n_filters,)
        gradients : ndarray of the shape of `filters`
        """
        shared = filters.reshape(-1, 1, 1, *filters.shape[-2:])
        fields, n = self.input_gradients, len(self.x)
        if not self.plan.is_dense:
            leaf = torch.tensor(shared, device=self.x.device, requires_grad=True)
            values = torch.vmap(self.loss)(leaf)
            (gradients,) = torch.autograd.grad(values.sum(), leaf)
            return values.detach().cpu().numpy(), gradients.cpu().numpy()[:, 0, 0]
        analysis, adjoint = self._maps(shared, self.x)
        rows = self.x.flatten(0, 1).flatten(1)
        coeffs, scores = rows @ analysis.matrix, None
        if fields is not None:
            fields = fields.flatten(0, 1).flatten(1)
            scores = fields @ adjoint.matrix
        needed = self._needed_data_terms(fields, training=True)
        terms = self._l1_terms(coeffs, scores, n, needed)
        d_coeffs, d_scores = self._l1_slopes(coeffs, scores, n, needed)
        if d_coeffs is not None:
            analysis.accumulate_matrix(rows.mT @ d_coeffs)
        if d_scores is not None:
            adjoint.accumulate_matrix(fields.mT @ d_scores)
        gradients = analysis.filter_gradient() + adjoint.filter_gradient()
        return self._weighted_sum(terms).cpu().numpy(), gradients[:, 0, 0]

    def _weighted_sum(self, terms: Mapping):
        return sum(self.weights[name] * term for name, term in terms.items())

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

    def _needed_data_terms(self, input_gradients, training: bool) -> set[str]:
        """Return which averages over signals there are to evaluate."""
        names = {"sparsity", "reconstruction"}
        if input_gradients is not None:
            names.add("attribution")
        return {name for name in names if self._is_needed(name, training)}

    def _terms(self, training: bool) -> dict[str, Tensor]:
        """Evaluate the terms at the parameters as they are, without gradient."""
        filters = self.bank().detach()
        maps = self._maps(filters.cpu().numpy(), self.x)
        terms = self._data_terms(*maps, self.x, self.input_gradients, training)
        return terms | self._filter_terms(filters, training)

    # A solver that sees infinity or NaN knows what to do; NumPy need not warn of it.
    @np.errstate(over="ignore", invalid="ignore")
    def _value_and_gradient(
        self, x: Tensor, input_gradients: Tensor | None
    ) -> tuple[float, np.ndarray]:
        """Return the weighted sum over signals, and its gradient."""
        filters, to_original = self.bank.linearize()
        maps = self._maps(filters, x)
        terms = self._data_terms(*maps, x, input_gradients, True, with_gradient=True)
        value, d_filters = self.total(terms), np.zeros(filters.shape)
        for linear_map in maps:
            d_filters += linear_map.filter_gradient()
        if not self.bank.parametrization.is_exact:
            penalty, d_lowpass = weighted_filter_terms(filters[..., 2, :], self.weights)
            value += penalty
            d_filters[..., 2, :] += d_lowpass
        return value, to_original(d_filters)

    def _maps(self, filters: np.ndarray, x: Tensor) -> tuple[LinearMap, LinearMap]:
        return self.plan.analysis(filters, x), self.plan.synthesis_adjoint(filters, x)

    def _data_terms(
        self,
        analysis: LinearMap,
        adjoint: LinearMap,
        x: Tensor,
        input_gradients: Tensor | None,
        training: bool,
        with_gradient: bool = False,
    ) -> dict[str, Tensor]:
        """Evaluate the averages over signals (n, n_channels, *signal_shape), in chunks.

        With a gradient, that of their weighted sum is collected by the two maps.
        """
        needed = self._needed_data_terms(input_gradients, training)
        totals = dict.fromkeys(needed, 0.0)
        # The moments are those of all signals.
        if "reconstruction" in needed and x is self.x and analysis.matrix is not None:
            needed.discard("reconstruction")
            totals["reconstruction"] = self._dense_reconstruction(
                analysis, adjoint, with_gradient
            )
        if not needed:
            return totals
        size = max(1, self.plan.rows_per_chunk // x.shape[1])
        for start in range(0, len(x), size):
            rows = x[start : start + size].flatten(0, 1)
            fields = None
            if "attribution" in needed:
                fields = input_gradients[start : start + size].flatten(0, 1)
            terms = self._chunk_terms(
                analysis, adjoint, rows, fields, needed, len(x), with_gradient
            )
            for name, term in terms.items():
                totals[name] = totals[name] + term.double()
        return totals

    def _chunk_terms(self, analysis, adjoint, rows, fields, needed, n, with_gradient):
        """Evaluate the terms of a chunk of the `n` signals."""
        coeffs, scores = None, None
        inputs: list[Tensor] = []
        field_inputs: list[Tensor] = []
        if self.multiply or needed != {"attribution"}:
            coeffs = analysis.apply(rows, inputs=inputs)
        if fields is not None:
            scores = adjoint.apply(fields, inputs=field_inputs)
        terms = self._l1_terms(coeffs, scores, n, needed)
        if with_gradient:
            d_coeffs, d_scores = self._l1_slopes(coeffs, scores, n, needed)
            if d_scores is not None:
                adjoint.accumulate(d_scores, field_inputs)
        if "reconstruction" in needed:
            error = adjoint.adjoint(coeffs) - rows
            terms["reconstruction"] = error.square().sum() / n
            if with_gradient:
                error_inputs: list[Tensor] = []
                error *= 2 * self.weights["reconstruction"] / n
                d_error = adjoint.apply(error, inputs=error_inputs)
                d_coeffs = d_error if d_coeffs is None else d_coeffs + d_error
                adjoint.accumulate(coeffs, error_inputs)
        if with_gradient and d_coeffs is not None:
            analysis.accumulate(d_coeffs, inputs)
        return terms

    @cached_property
    def _moments(self) -> Tensor:
        """The second moments of the samples, summed over channels and divided by n."""
        rows = self.x.flatten(0, 1).flatten(1)
        return rows.T @ rows / len(self.x)

    def _dense_reconstruction(self, analysis, adjoint, with_gradient):
        """Evaluate the error from the second moments; return its sum of squares."""
        matrix, back = analysis.matrix, adjoint.matrix
        error = matrix @ back.T
        error.diagonal().sub_(1)
        d_error = self._moments @ error
        if with_gradient:
            scaled = 2 * self.weights["reconstruction"] * d_error
            analysis.accumulate_matrix(scaled @ back)
            adjoint.accumulate_matrix(scaled.T @ matrix)
        return (error * d_error).sum()

    def _l1_terms(self, coeffs, scores, n, needed):
        """Return the terms of coefficients (..., rows, n_coeffs) and scores."""
        terms = {}
        if "sparsity" in needed:
            terms["sparsity"] = self._l1_norm(coeffs, "sparsity", n)
        if "attribution" in needed:
            if self.multiply:
                scores, factor = self._by_target(scores, coeffs)
                scores = (scores * factor).flatten(-4, -2)
            terms["attribution"] = self._l1_norm(scores, "attribution", n)
        return terms

    def _l1_slopes(self, coeffs, scores, n, needed):
        """Return the gradients of the weighted terms, None for what they do not need."""
        d_coeffs, d_scores = None, None
        if "sparsity" in needed:
            d_coeffs = self._l1_slope(coeffs, "sparsity", n)
        if "attribution" in needed and not self.multiply:
            d_scores = self._l1_slope(scores, "attribution", n)
        elif "attribution" in needed:
            by_target, factor = self._by_target(scores, coeffs)
            slope = self._l1_slope(by_target * factor, "attribution", n)
            d_scores = (slope * factor).flatten(-4, -2)
            d_product = (slope * by_target).sum(-3).flatten(-3, -2)
            d_coeffs = d_product if d_coeffs is None else d_coeffs + d_product
        return d_coeffs, d_scores

    def _by_target(self, scores: Tensor, coeffs: Tensor) -> tuple[Tensor, Tensor]:
        """View rows of both as (..., n, n_targets or 1, n_channels, n_coeffs)."""
        n_channels = self.x.shape[1]
        n_targets = self.input_gradients.shape[1] // n_channels
        return (
            scores.unflatten(-2, (-1, n_targets, n_channels)),
            coeffs.unflatten(-2, (-1, 1, n_channels)),
        )

    def _l1_norm(self, values: Tensor, term: str, n: int) -> Tensor:
        """Return the mean over `n` samples and bands of the (smoothed) L1 norm."""
        eps = self.smoothing * self._scales[term]
        values = values.abs() if eps == 0 else (values.square() + eps**2).sqrt() - eps
        return values.sum((-2, -1)) / (n * (self.plan.layout.level + 1))

    def _l1_slope(self, values: Tensor, term: str, n: int) -> Tensor:
        """Return the derivative of the weighted `_l1_norm`."""
        eps = self.smoothing * self._scales[term]
        weight = self.weights[term] / (n * (self.plan.layout.level + 1))
        if eps == 0:
            return values.sign().mul_(weight)
        return values / (values.square() + eps**2).sqrt() * weight

    def _filter_terms(self, filters: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Evaluate the filter penalties, summed over levels and axes with filters."""
        names = [name for name in FILTER_TERMS if self._is_needed(name, training)]
        if not names:
            return {}
        banks = [filter_terms(bank[2]) for bank in filters.flatten(0, 1)]
        return {name: sum(bank[name] for bank in banks) for name in names}


def _mean_abs(x: Tensor) -> float:
    return float(torch.linalg.vector_norm(x, 1)) / x.numel()
