"""The tree of groups of coefficients that `agglomerate_attributions` returns."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np


@dataclass(frozen=True, eq=False)
class AttributionTree:
    """Groups of coefficients, joined two by two.

    `agglomerate_attributions` returns such a tree. Nodes are numbered as in scipy's
    linkages and in scikit-learn's ``AgglomerativeClustering``: node ``i < n_units`` is a
    single coefficient, and node ``n_units + i`` is the group that merge ``i`` made. A
    tree has ``n_units - 1`` merges. If the graph of neighbours is not connected, the
    result is a forest. It has one merge fewer for each additional tree.

    Parameters
    ----------
    children : ndarray of shape (n_merges, 2)
        The two nodes of each merge.

    interactions : ndarray of shape (n_merges,)
        The interaction of the two nodes: the score of both together minus the scores of
        each alone.

    scores : ndarray of shape (n_units + n_merges,)
        The score of each node.

    counts : ndarray of shape (n_merges,)
        The number of coefficients in the group that each merge made.

    names : ndarray of str of shape (n_units,)
        The names of the coefficients.

    See Also
    --------
    agglomerate_attributions : Makes one.
    sk_awave.inspection.AttributionTreeDisplay : Draws one.

    Examples
    --------
    The last two of three coefficients are joined first:

    >>> import numpy as np
    >>> from sk_awave.attribution import AttributionTree
    >>> tree = AttributionTree(
    ...     children=np.array([[1, 2], [0, 3]]),
    ...     interactions=np.array([4.0, 0.0]),
    ...     scores=np.array([1.0, 0.0, 0.0, 4.0, 5.0]),
    ...     counts=np.array([2, 3]),
    ...     names=np.array(["cA1_0", "cD1_0", "cD1_1"]),
    ... )
    >>> [group.tolist() for group in tree.groups(1)]
    [[0], [1, 2]]
    >>> tree.scores[np.unique(tree.nodes(1))]
    array([1., 4.])
    >>> tree.linkage()
    array([[1., 2., 1., 2.],
           [0., 3., 2., 3.]])
    """

    children: np.ndarray
    interactions: np.ndarray
    scores: np.ndarray
    counts: np.ndarray
    names: np.ndarray

    def nodes(self, n_merges) -> np.ndarray:
        """Return the node that each coefficient belongs to.

        Parameters
        ----------
        n_merges : int
            The number of merges that have been made.

        Returns
        -------
        nodes : ndarray of int of shape (n_units,)
            Indices into `scores`.

        Raises
        ------
        ValueError
            If there are not so many merges.
        """
        is_int = isinstance(n_merges, Integral) and not isinstance(n_merges, bool)
        if not is_int or not 0 <= n_merges <= len(self.children):
            raise ValueError(
                f"n_merges must be an int from 0 to {len(self.children)}. Got "
                f"{n_merges!r} instead."
            )
        nodes = np.arange(len(self.names))
        for i, pair in enumerate(self.children[:n_merges]):
            nodes[np.isin(nodes, pair)] = len(self.names) + i
        return nodes

    def groups(self, n_merges) -> list[np.ndarray]:
        """Return the groups after some merges.

        Parameters
        ----------
        n_merges : int
            The number of merges that have been made.

        Returns
        -------
        groups : list of ndarray of int
            The indices of the coefficients of each group, in the order of their nodes:
            single coefficients first, then in the order of their merges.

        Raises
        ------
        ValueError
            If there are not so many merges.
        """
        nodes = self.nodes(n_merges)
        return [np.flatnonzero(nodes == node) for node in np.unique(nodes)]

    def linkage(self) -> np.ndarray:
        """Return the tree in the format of ``scipy.cluster.hierarchy.dendrogram``.

        The height of a node is the number of its merge. Interactions cannot be heights,
        as they do not decrease from merge to merge. The trees of a forest are joined
        above all merges, at one height.

        Returns
        -------
        linkage : ndarray of shape (n_units - 1, 4)
            One row per merge: two nodes, a height and a number of coefficients.
        """
        n_merges = len(self.children)
        order = np.arange(1, 1 + n_merges)
        merges = np.column_stack([self.children, order, self.counts])
        roots, sizes = np.unique(self.nodes(n_merges), return_counts=True)
        joined = len(self.scores) + np.arange(len(roots) - 1)
        pairs = np.stack([roots[1:], np.append(roots[0], joined)[: len(joined)]], axis=1)
        heights = np.full(len(joined), 1 + n_merges)
        tops = np.column_stack([np.sort(pairs), heights, np.cumsum(sizes)[1:]])
        return np.concatenate([merges, tops]).astype(float)
