"""The best basis of wavelet packets, chosen inside the objective.

Note [best basis]
    Of all trees up to a level, the best basis minimises a cost that is a sum over the
    leaves (Coifman & Wickerhauser, "Entropy-based algorithms for best basis selection",
    IEEE Trans. Inf. Theory 38, 1992). It is found from the bottom to the top: a node is a
    leaf unless the best bases of its children cost less together. Only the samples are
    always split: in them no filter would count, and nothing be learned. The cost is the
    objective's own, its additive terms, so that filters and basis minimise one number,
    ``min over bases of f(theta, basis)``. The gradient of that minimum is the one at the
    best basis (envelope theorem), and where the basis changes its kinks are concave, so
    that descent passes them.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._objective import Objective
from sk_awave.engine._tree import Path, Tree

#: What a split must gain, relative to its level: between ties rounding would decide.
_ROUNDING = 1e-13


def full_basis(level: int, n_branches: int) -> list[Path]:
    """Return the paths of all nodes of a level, depth first."""
    return list(itertools.product(range(n_branches), repeat=level))


def full_layouts(layout: CoeffLayout) -> list[CoeffLayout]:
    """Return the full bases of packets of each level from 1 to that of a layout."""
    level, n_branches = layout.level, 2 ** len(layout.signal_shape)
    return [
        replace(layout, tree=Tree.packets(full_basis(j, n_branches), level))
        for j in range(1, level + 1)
    ]


def best_tree(costs: Sequence[np.ndarray], n_branches: int) -> Tree:
    """Return the packets of least cost; see Note [best basis].

    Parameters
    ----------
    costs : sequence of ndarray of shape (n_branches ** j,)
        Of the nodes of each level j from 1, depth first.
    n_branches : int

    Examples
    --------
    >>> import numpy as np
    >>> from sk_awave.engine._best_basis import best_tree
    >>> costs = np.array([3.0, 5.0]), np.array([2.0, 2.0, 2.0, 2.0])
    >>> best_tree(costs, 2).leaves(2)
    ((0,), (1, 0), (1, 1))
    """
    splits, below = [], np.array(np.inf)
    for cost in reversed(costs):
        splits.append(below < cost - _ROUNDING * np.abs(cost).sum())
        least = np.where(splits[-1], below, cost)
        below = least.reshape(-1, n_branches).sum(1)
    splits.append(np.array([len(costs) > 0]))
    leaves: list[Path] = []
    nodes: list[Path] = [()]
    for j, is_split in enumerate(reversed(splits)):
        names = full_basis(j, n_branches)
        split = {path for path, wins in zip(names, is_split, strict=True) if wins}
        leaves += [path for path in nodes if path not in split]
        nodes = [(*path, k) for path in nodes if path in split for k in range(n_branches)]
    return Tree.packets(leaves, len(costs))


class BestBasis(Objective):
    """An objective on packets that chooses the best basis at each evaluation.

    Its layout is that of the full basis of the deepest level.
    """

    def layout_at(self, filters, smoothing=0.0, rows=None):
        """Return the layout of the best basis at filters; see Note [best basis]."""
        return self.cheapest_layout(self.costs(filters, smoothing, rows))

    def cheapest_layout(self, costs: Sequence[np.ndarray]) -> CoeffLayout:
        """Return the layout of least cost, where nodes have what `costs` returns."""
        tree = best_tree(costs, 2 ** len(self.layout.signal_shape))
        return replace(self.layout, tree=tree)

    def values(self, original):
        """Evaluate the objective at many banks at once, each in its best basis."""
        filters = self.bank.filters(original.detach())
        costs = self.costs(filters, size=len(self.x))
        n_branches = 2 ** len(self.layout.signal_shape)
        trees = [best_tree(each, n_branches) for each in zip(*costs, strict=True)]
        values = torch.empty(len(filters), dtype=torch.float64)
        gradients = torch.empty_like(original)
        for tree in dict.fromkeys(trees):
            banks = torch.tensor([other == tree for other in trees])
            layout = replace(self.layout, tree=tree)
            at_tree = self.recast(Objective, layout)
            values[banks], gradients[banks] = at_tree.values(original[banks])
        return values, gradients

    @cached_property
    def _full_layouts(self) -> list[CoeffLayout]:
        return full_layouts(self.layout)

    def costs(
        self,
        filters: Tensor,
        smoothing: float = 0.0,
        rows: Tensor | None = None,
        size: int | None = None,
    ) -> list[np.ndarray]:
        """Return the cost of the nodes of each level, (..., n_branches ** level)."""
        terms = [pair for pair in self._signal_terms() if pair[0].is_additive]
        costs = []
        with torch.no_grad():
            for layout in self._full_layouts:
                shape = *filters.shape[:-4], len(layout.bands)
                total = torch.zeros(shape, dtype=torch.float64, device=self.x.device)
                maps = self._maps(layout, filters.detach())
                for batch in self._batches(maps, smoothing, rows, size):
                    batch.by_band = True
                    for term, weight in terms:
                        total += weight * term.value(batch)
                costs.append(total.cpu().numpy())
        return costs
