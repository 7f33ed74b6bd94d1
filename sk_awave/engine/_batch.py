"""The input of terms: some of the signals, their coefficients and scores."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sk_awave.engine._atoms import atom_norms
from sk_awave.engine._kernel import Kernel
from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._linear_map import LinearMap
from sk_awave.engine._transform import analysis_map, synthesis_map


class Maps:
    """Analysis and synthesis at some filters, made when a term asks for them.

    Parameters
    ----------
    layout : CoeffLayout
    filters : tensor of shape (..., level or 1, ndim or 1, 4, K)
    like : tensor
        A tensor with the dtype and the device of the signals.
    collects : bool, default=False
        True if factors are new leaves. They collect the gradients of many batches, and
        `take_gradients` returns these. By default the graph goes on to the filters.
    weighs_atoms : bool, default=False
        True if details count with the norms of their synthesis atoms.
    """

    def __init__(
        self,
        layout: CoeffLayout,
        filters: Tensor,
        like: Tensor,
        collects: bool = False,
        weighs_atoms: bool = False,
    ):
        self.layout, self._filters, self._like = layout, filters, like
        self._collects, self._weighs_atoms = collects, weighs_atoms
        self._made: list[tuple[Tensor, Tensor]] = []

    @cached_property
    def analysis(self) -> LinearMap:
        """The map of signals to coefficients."""
        return self._collected(analysis_map(self.layout, self._filters, self._like))

    @cached_property
    def synthesis(self) -> LinearMap:
        """The map of coefficients to signals."""
        return self._collected(synthesis_map(self.layout, self._filters, self._like))

    @cached_property
    def atom_norms(self) -> Tensor | None:
        """The norms of the atoms of coefficients, (..., n_coeffs); None where all are 1.

        See Note [norms of atoms] in ``_atoms.py``.
        """
        if not self._weighs_atoms:
            return None
        norms = atom_norms(self.layout, self._filters)
        sizes = torch.tensor([band.stop - band.start for band in self.layout.bands])
        return self._leaf(norms.repeat_interleave(sizes, -1).to(self._like))

    def _collected(self, linear_map: LinearMap) -> LinearMap:
        return linear_map.at(map(self._leaf, linear_map.factors))

    def _leaf(self, factor: Tensor) -> Tensor:
        if not self._collects:
            return factor
        self._made.append((factor, factor.detach().requires_grad_()))
        return self._made[-1][1]

    def take_gradients(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the factors that were used, and what their leaves have collected.

        The leaves then collect anew.
        """
        used = [
            (factor, leaf.grad.to(factor))
            for factor, leaf in self._made
            if leaf.grad is not None and factor.requires_grad
        ]
        for _, leaf in self._made:
            leaf.grad = None
        return [factor for factor, _ in used], [slope for _, slope in used]


@dataclass
class Batch:
    """Some of the signals, and the maps that terms may apply to them.

    Attributes
    ----------
    x : tensor of shape (n_rows, n_channels, *signal_shape)
        The signals.
    input_gradients : tensor of shape (n_rows, n_targets * n_channels, *signal_shape), \
            or None
        The teacher's gradients with respect to its input, for each target.
    y : tensor of shape (n_rows, ...) or None
        The target of each signal.
    n : int
        The number of all signals, over which terms are means.
    maps : Maps
        Analysis and synthesis, made when they are asked for.
    smoothing : float
        With a smoothing s, ``|c|`` is replaced by ``sqrt(c^2 + e^2) - e``, where e is s
        times the mean absolute value of the data that c is a coefficient of.
    scales : tuple of two floats
        The mean absolute value of all signals, and of all gradients.
    stand_ins : callable, default=None
        If the batch is a part of all signals, returns rows (n_values, *signal_shape) with
        the second moments of these, divided by n; None where they are no fewer.
    by_band : bool, default=False
        True if norms are not summed over bands, but returned for each band in a last
        axis. All bands must have the same size.
    """

    x: Tensor
    input_gradients: Tensor | None
    y: Tensor | None
    n: int
    maps: Maps
    smoothing: float = 0.0
    scales: tuple[float, float] = (1.0, 1.0)
    stand_ins: Callable[[], Tensor | None] | None = None
    by_band: bool = False

    @cached_property
    def coeffs(self) -> Tensor:
        """The coefficients, (..., n_rows * n_channels, n_coeffs)."""
        return self.maps.analysis.apply(self.x.flatten(0, 1))

    @cached_property
    def scores(self) -> Tensor:
        """The gradients with respect to them, (..., n_rows * n_targets * n_channels, \
        n_coeffs).
        """
        assert self.input_gradients is not None, "no term asks for them without"
        return self.maps.synthesis.T.apply(self.input_gradients.flatten(0, 1))

    def coeffs_norm(self) -> Tensor:
        """Return the mean over samples and bands of the norm of the coefficients."""
        analysis, scale = self.maps.analysis, self.scales[0]
        norms = self.maps.atom_norms
        if isinstance(analysis, Kernel) and norms is None:
            return self._kernel_norm(analysis, self.x, scale)
        return self.l1_norm(self.coeffs, scale, norms)

    def scores_norm(self) -> Tensor:
        """Return the mean over samples and bands of the norm of the scores."""
        adjoint, scale = self.maps.synthesis.T, self.scales[1]
        norms, gradients = self.maps.atom_norms, self.input_gradients
        if isinstance(adjoint, Kernel) and gradients is not None and norms is None:
            return self._kernel_norm(adjoint, gradients, scale)
        return self.l1_norm(self.scores, scale, None if norms is None else 1 / norms)

    def _kernel_norm(self, kernel: Kernel, data: Tensor, scale: float) -> Tensor:
        value = kernel.norm(data.flatten(0, 1), self.smoothing * scale)
        return value / (self.n * (self.maps.layout.level + 1))

    def l1_norm(
        self, values: Tensor, scale: float, weights: Tensor | None = None
    ) -> Tensor:
        """Return the mean over samples and bands of the weighted (smoothed) L1 norm.

        A coefficient counts with the weight of its band, and with `weights` of shape
        (..., n_coeffs).
        """
        eps = self.smoothing * scale
        values = values.abs() if eps == 0 else (values.square() + eps**2).sqrt() - eps
        layout = self.maps.layout
        if layout.weights is not None:
            by_band = torch.from_numpy(layout.weights).to(values)
            weights = by_band if weights is None else by_band * weights
        if weights is not None:
            row = weights.unsqueeze(-2)
            values = values * row if self.by_band else values @ row.mT
        if self.by_band:
            values = values.unflatten(-1, (len(layout.bands), -1)).movedim(-2, -3)
        return values.sum((-2, -1)) / (self.n * (layout.level + 1))
