"""The objective of adaptive wavelets: a function of parameters, with its gradient.

Note [gradient in closed form]
    Every term of the signals is a sum over them of a simple function of coefficients
    ``X W``, of scores ``G V^T`` (with synthesis ``V``) or of both, with matrices ``W``
    and ``V`` that depend on the filters alone. So the gradient of the L1 norm with
    respect to ``W`` is ``X^T sign(X W)``, a second product of the same cost; it is summed
    over batches of signals, and goes from the small matrices to the parameters once. No
    convolution is differentiated, and no step of learning evaluates a teacher.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._batch import Batch, Maps
from sk_awave.engine._direct import Norm, make_norms, weighted_norms
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._point import Point
from sk_awave.engine._terms import (
    Attribution,
    FilterTerm,
    SignalTerm,
    Sparsity,
    Term,
)
from sk_awave.engine._transform import is_whole

#: Values of a batch of signals: enough for the calls of torch not to count, few enough to
#: stay in a cache and for memory not to grow with the number of signals.
BATCH_SIZE = 2**20

_Kind = TypeVar("_Kind", bound=Term)


class Objective:
    """Weighted sum of terms, a function of the parameters of a filter bank.

    It has no state that an evaluation changes.

    Parameters
    ----------
    bank : FilterBank
        The map from parameters to filters, and the start.
    layout : CoeffLayout
        The transform; its channels are rows here.
    terms : mapping of Term to float
        The strength of each term, in the order of reports.
    x : tensor of shape (n, n_channels, *signal_shape)
        The signals.
    input_gradients : tensor of shape (n, n_targets * n_channels, *signal_shape), \
            default=None
        The teacher's gradients with respect to its input, for each target. Without them
        terms that need them are zero.
    y : tensor of shape (n, ...), default=None
        The target of each signal, for terms that need it.
    scales : tuple of two floats, default=None
        The mean absolute value of signals and of gradients, by default of these.
    """

    def __init__(
        self,
        bank: FilterBank,
        layout: CoeffLayout,
        terms: Mapping[Term, float],
        x: Tensor,
        input_gradients: Tensor | None = None,
        y: Tensor | None = None,
        scales: tuple[float, float] | None = None,
    ):
        self.bank, self.layout, self.terms = bank, layout, dict(terms)
        self.x, self.input_gradients, self.y = x, input_gradients, y
        self._scales = scales or (_mean_abs(x), _mean_abs(input_gradients))

    @property
    def n_rows(self) -> int:
        """The number of signals."""
        return len(self.x)

    @property
    def device(self) -> torch.device:
        """The device of the signals."""
        return self.x.device

    @property
    def _data(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        return self.x, self.input_gradients, self.y

    def at(self, **strengths: float) -> "Objective":
        """Return the same objective with other strengths of the terms of these names."""
        other = copy(self)
        other.terms = {
            term: strengths.get(term.name, strength)
            for term, strength in self.terms.items()
        }
        return other

    def recast(self, kind: type["Objective"], layout: CoeffLayout) -> "Objective":
        """Return an objective of a kind and a transform, of the same data and terms."""
        return kind(self.bank, layout, self.terms, *self._data, self._scales)

    def of(self, bank: FilterBank) -> "Objective":
        """Return the same objective as a function of the parameters of another bank."""
        other = copy(self)
        other.bank = bank
        other.__dict__.pop("_norms", None)  # of the bank that this one had
        return other

    def take(self, rows: np.ndarray) -> "Objective":
        """Return the same objective of some of the signals, given by their numbers."""
        data: Any = (None if a is None else a[rows] for a in self._data)
        return type(self)(self.bank, self.layout, self.terms, *data)

    def on(self, block: Any) -> "Objective":
        """Return the same objective of a `Block`, with the scales that this one has."""
        other, shape = copy(self), (len(block), -1, *self.layout.signal_shape)
        other.x, other.y = block.x.reshape(shape), block.y
        gradients = block.input_gradients
        other.input_gradients = None if gradients is None else gradients.reshape(shape)
        other.__dict__ |= {"_stand_ins": None}  # which pay where they serve often
        other.__dict__.pop("_norms", None)
        return other

    def layout_at(
        self, filters: Tensor, smoothing: float = 0.0, rows: Tensor | None = None
    ) -> CoeffLayout:
        """Return the transform at filters; a subclass may choose it by the signals."""
        return self.layout

    @property
    def start(self) -> np.ndarray:
        """The parameters of the bank, flat and in float64."""
        return self.bank.original.detach().cpu().numpy().ravel().copy()

    def __call__(
        self, theta: np.ndarray, *, smoothing: float = 0.0, rows: Tensor | None = None
    ) -> tuple[float, np.ndarray]:
        """Evaluate the objective and its gradient; see Note [gradient in closed form].

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
        smoothing : float, default=0
            The strength of the smoothing of absolute values at zero; see `Batch`.
        rows : tensor of int, default=None
            The signals of a mini-batch; terms are means over them. By default, all.

        Returns
        -------
        value : float
        gradient : ndarray of shape (n_parameters,)
        """
        (result,) = evaluate_each([self], theta, smoothing, rows)
        return result

    def _at(self, theta: np.ndarray, smoothing: float, rows: Tensor | None) -> Point:
        """Return what many evaluations at the same parameters have in common."""
        point = Point(self.bank, theta)
        with torch.inference_mode(False), torch.enable_grad():
            layout = self.layout_at(point.filters, smoothing, rows)
            point.maps = self._maps(layout, point.filters, collects=True)
        return point

    def _evaluate_at(
        self, point: Point, smoothing: float, rows: Tensor | None
    ) -> tuple[float, np.ndarray]:
        """Evaluate the objective by a graph; see Note [gradient in closed form]."""
        values = []  # which are waited for at the end, where they are on a GPU
        with torch.inference_mode(False), torch.enable_grad():
            terms = self._signal_terms()
            for batch in self._batches(point.maps, smoothing, rows) if terms else ():
                part: Any = 0
                for term, weight in terms:
                    part = part + weight * term.value(batch)
                if part.requires_grad:  # not of samples that nothing splits
                    part.backward()
                values.append(part.detach().double())
            outputs, slopes = point.maps.take_gradients()
            for penalty, weight in self._counted(FilterTerm):
                part = weight * penalty.value(point.filters[..., 2, :])
                values.append(part.detach())
                outputs.append(part)
                slopes.append(torch.ones_like(part))
            gradient = point.pull(outputs, slopes)
        return float(sum(map(float, values))), gradient

    @cached_property
    def _norms(self) -> list[Norm]:
        """The norms of coefficients and scores, where there is a way without a graph."""
        return make_norms(self.bank, self.layout, self.x, self.input_gradients)

    def _counted_norms(self) -> list[tuple[Norm, float, float]]:
        """Return norms, strengths and scales, if no other terms count."""
        terms = self._signal_terms()
        are_norms = all(
            type(term) is Sparsity or (type(term) is Attribution and not term.multiply)
            for term, _ in terms
        )
        if not terms or not are_norms or self._counted(FilterTerm) or not self._norms:
            return []
        places = [int(term.needs_gradients) for term, _ in terms]
        weights = [weight for _, weight in terms]
        norms = [self._norms[i] for i in places]
        return list(zip(norms, weights, [self._scales[i] for i in places], strict=True))

    def values(self, original: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate the objective at many banks at once, all signals together.

        Parameters
        ----------
        original : tensor of shape (n_banks, level or 1, ndim or 1, ...)
            The parameters of each.

        Returns
        -------
        values : tensor of shape (n_banks,)
        gradients : tensor of the shape of `original`
        """
        if norms := self._counted_norms():
            value, slopes = weighted_norms(self.bank, norms, original.detach().numpy())
            return torch.from_numpy(value), torch.from_numpy(slopes)
        leaf = original.detach().requires_grad_()
        with torch.inference_mode(False), torch.enable_grad():
            filters = self.bank.filters(leaf)
            (batch,) = self._batches(self._maps(self.layout, filters), size=len(self.x))
            values = torch.zeros(len(leaf), dtype=torch.float64)
            for term, weight in self._signal_terms():
                values = values + weight * term.value(batch).cpu().double()
            for penalty, weight in self._counted(FilterTerm):
                each = [penalty.value(bank[..., 2, :]) for bank in filters]
                values = values + weight * torch.stack(each)
            if not values.requires_grad:
                return values, torch.zeros_like(leaf)
            (gradients,) = torch.autograd.grad(
                values.sum(), leaf, allow_unused=True, materialize_grads=True
            )
        return values.detach(), gradients

    def report(self, theta: np.ndarray) -> dict[str, float]:
        """Evaluate every term at parameters, unweighted, by its name."""
        with torch.no_grad():
            filters = self.bank.at(theta)()
            totals: dict[str, Any] = {term.name: 0.0 for term in self.terms}
            maps = self._maps(self.layout_at(filters), filters)
            for batch in self._batches(maps):
                for counted, _ in self._signal_terms(every=True):
                    totals[counted.name] += counted.value(batch).double()
            for term in self.terms:
                if isinstance(term, FilterTerm):
                    totals[term.name] = term.value(filters[..., 2, :])
        return {name: float(total) for name, total in totals.items()}

    def total(self, report: Mapping[str, float]) -> float:
        """Return the weighted sum of what `report` returns."""
        return sum(weight * report[term.name] for term, weight in self.terms.items())

    def _maps(self, layout: CoeffLayout, filters: Tensor, collects: bool = False) -> Maps:
        """Return the maps at filters.

        Penalties keep free filters close to orthonormal ones, so their atoms have a norm
        of about 1. Nothing does so for other banks that reconstruct.
        """
        return Maps(layout, filters, self.x, collects, self.bank.is_biorthogonal)

    def _batches(self, maps, smoothing=0.0, rows=None, size=None):
        """Yield the signals in batches of a size, or those of a mini-batch as one."""
        if size is None:
            # Of a single product, the results and their slopes then stay in a cache.
            share = 1 if maps.analysis.matrix is None else 4
            size = max(1, rows_per_batch(self.layout) // (share * self.x.shape[1]))
        parts = [slice(i, i + size) for i in range(0, len(self.x), size)]
        parts = parts if rows is None else [rows]
        n = len(self.x) if rows is None else len(rows)
        for part in parts:
            gradients, y = (
                None if a is None else a[part] for a in (self.input_gradients, self.y)
            )
            x, scales = self.x[part], self._scales
            stand_ins = (lambda: self._stand_ins) if rows is None else None
            yield Batch(x, gradients, y, n, maps, smoothing, scales, stand_ins)

    @cached_property
    def _stand_ins(self) -> Tensor | None:
        """A root of the second moments of short signals, divided by n, in its rows."""
        rows = self.x.flatten(0, 1).flatten(1)
        if not is_whole(self.layout) or len(rows) <= rows.shape[1]:
            return None
        squares, axes = torch.linalg.eigh((rows.T @ rows / len(self.x)).double())
        roots = (squares.clamp(min=0).sqrt() * axes).T  # rounding makes some negative
        return roots.to(self.x).unflatten(1, self.layout.signal_shape)

    def _signal_terms(self, every: bool = False) -> list[tuple[SignalTerm, float]]:
        """Return the terms of signals that count, or all that there is data for."""
        terms = self.terms.items() if every else self._counted(SignalTerm)
        without = self.input_gradients is None
        return [
            (term, weight)
            for term, weight in terms
            if isinstance(term, SignalTerm) and not (without and term.needs_gradients)
        ]

    def _counted(self, kind: type[_Kind]) -> list[tuple[_Kind, float]]:
        """Return the terms of a kind that can differ from zero where it is learned."""
        tags = self.bank.tags
        return [
            (term, weight)
            for term, weight in self.terms.items()
            if isinstance(term, kind) and weight > 0 and not term.vanishes(tags)
        ]


def evaluate_each(
    objectives: Iterable[Objective],
    theta: np.ndarray,
    smoothing: float = 0.0,
    rows: Tensor | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Evaluate objectives that differ in their signals alone, as each does itself.

    Filters and maps are made once.
    """
    point = None
    for objective in objectives:
        if rows is None and (norms := objective._counted_norms()):
            parameters = np.reshape(theta, objective.bank.original.shape)
            result = weighted_norms(objective.bank, norms, parameters, smoothing)
            yield float(result[0]), result[1].ravel()
        else:
            point = point or objective._at(theta, smoothing, rows)
            yield objective._evaluate_at(point, smoothing, rows)


def rows_per_batch(layout: CoeffLayout) -> int:
    """Return how many rows make a batch of samples, or of coefficients."""
    size = max(math.prod(layout.signal_shape), layout.n_coeffs_per_channel)
    return max(1, BATCH_SIZE // size)


def _mean_abs(x: Tensor | None) -> float:
    return 1.0 if x is None else float(torch.linalg.vector_norm(x, 1)) / x.numel()
