"""Agglomerative contextual decomposition: which coefficients a model joins."""

import heapq
import warnings

import numpy as np
from scipy.sparse.csgraph import connected_components
from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution._attribution_tree import AttributionTree
from sk_awave.attribution._connectivity import make_connectivity


def agglomerate(score, connectivity, names):
    """Join neighbouring groups, those of the largest interaction first.

    Parameters
    ----------
    score : callable
        From groups, bool of shape (n_groups, n_units), to scores of shape (n_groups,).
    connectivity : csr_array of shape (n_units, n_units)
        Symmetric, with no diagonal.
    names : ndarray of shape (n_units,)

    Returns
    -------
    AttributionTree
    """
    n_units = connectivity.shape[0]
    groups = list(np.eye(n_units, dtype=bool))
    scores = list(score(np.array(groups)))
    near = {i: set(connectivity[[i]].indices.tolist()) for i in range(n_units)}
    heap, children, interactions = [], [], []

    def push(pairs):
        if not pairs:
            return
        unions = np.array([groups[a] | groups[b] for a, b in pairs])
        for (a, b), value in zip(pairs, score(unions), strict=True):
            interaction = value - scores[a] - scores[b]
            heapq.heappush(heap, (-abs(interaction), a, b, interaction, value))

    push([(a, b) for a in near for b in sorted(near[a]) if a < b])
    while heap:
        _, a, b, interaction, value = heapq.heappop(heap)
        if a not in near or b not in near:  # one of them has been joined with another
            continue
        new = len(groups)
        groups.append(groups[a] | groups[b])
        scores.append(value)
        children.append((a, b))
        interactions.append(interaction)
        near[new] = (near.pop(a) | near.pop(b)) - {a, b}
        for other in near[new]:
            near[other] = near[other] - {a, b} | {new}
        push([(other, new) for other in sorted(near[new])])
    return AttributionTree(
        children=np.array(children, dtype=int).reshape(-1, 2),
        interactions=np.array(interactions, dtype=float),
        scores=np.array(scores),
        counts=np.array([group.sum() for group in groups[n_units:]], dtype=int),
        names=names,
    )
