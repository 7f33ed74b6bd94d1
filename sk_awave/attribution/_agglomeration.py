"""Agglomerative contextual decomposition: which coefficients a model joins."""

import copy
import heapq
from numbers import Integral

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution._attribution_tree import AttributionTree
from sk_awave.attribution._connectivity import make_connectivity
from sk_awave.attribution._targets import Targets
from sk_awave.utils._sklearn import Interval, StrOptions, validate_params
from sk_awave.utils._validation import as_batch
from sk_awave.utils._warnings import warn


@validate_params(
    {"target": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})]},
    prefer_skip_nested_validation=True,
)
def agglomerate_attributions(decomposition, x, *, connectivity="tree", target="auto"):
    r"""Join the coefficients of a sample into groups that a model uses together.

    This is agglomerative contextual decomposition [1]_ on a graph. At first each
    coefficient is a group of its own. The interaction of two groups is the score of both
    together minus the scores of each alone:

    .. math:: I(a, b) = \mathrm{CD}(a \cup b) - \mathrm{CD}(a) - \mathrm{CD}(b)

    The two neighbours with the largest :math:`|I|` are joined. This is repeated until no
    two groups are neighbours. A model that is a sum of functions of single coefficients
    has no interactions. Two coefficients that the model uses together are joined early.

    Parameters
    ----------
    decomposition : fitted ContextualDecomposition
        The decomposition that scores the groups, with ``groups="coefficients"`` or with
        other groups that do not overlap. Such groups take the place of the coefficients.

    x : array-like or tensor of the shape of a sample in fit
        The sample.

    connectivity : {"tree", "bands"}, matrix or None, default="tree"
        The pairs of coefficients that are neighbours:

        - "tree": adjacent coefficients of the same band, along each axis; coefficients
          of the next coarser and the next finer band at the same time or place; and
          coefficients of the other bands of the same level at the same place (in images,
          horizontal, vertical and diagonal details; the approximation and the coarsest
          details). With several channels, the same coefficient of every other channel
          is a neighbour, too. "tree" is not defined for wavelet packets;
        - "bands": only adjacent coefficients in the same band of the same channel. Bands
          are never joined, so the result is a forest;
        - a dense or sparse matrix of shape (n_units, n_units), with one row per
          coefficient or group: two units are neighbours if one of their two entries is
          not zero. Use it for other transformers, for features without a transformer,
          and for groups;
        - None: all pairs. At most 200 units are allowed.

    target : int or "auto", default="auto"
        The output that is scored. "auto" is the target of the decomposition.

    Returns
    -------
    tree : AttributionTree
        The merges, with their interactions and scores. If the graph is not connected,
        the result is a forest: ``children``, ``interactions`` and ``counts`` have one row
        fewer for each additional tree. ``tree.linkage()`` joins the trees of a forest
        above all merges, at one height, so that scipy's ``dendrogram`` can draw them.

    Raises
    ------
    NotFittedError
        If the decomposition is not fitted.

    TypeError
        If `connectivity` needs wavelet coefficients and the decomposition has none.

    ValueError
        If `x` is not one sample, if groups of the decomposition overlap, if the target is
        not one output, or if there is no such graph.

    Warns
    -----
    UserWarning
        If the matrix of the connectivity is not connected.

    See Also
    --------
    ContextualDecomposition : Scores groups of your own.
    sk_awave.inspection.AttributionTreeDisplay : Draws the groups.

    Notes
    -----
    In each round, the published rule adds all units above a percentile of the scores.
    Here two groups are joined at a time. So there is no percentile to choose, and any
    graph is allowed. Among equal interactions, the coefficients that come first are
    joined first. Where interactions are as small as rounding errors, the order of the
    merges has no meaning.

    Each score divides the bias of a layer anew between the relevant and the irrelevant
    part. So even a linear model has interactions if it has an intercept.

    With "tree" on a signal, about nine groups are scored for each coefficient.

    References
    ----------
    .. [1] C. Singh, W. J. Murdoch, B. Yu. "Hierarchical interpretations for neural
       network predictions." ICLR 2019. arXiv:1806.05337.

    Examples
    --------
    A model that takes the smaller of two coefficients, a parent and its child:

    >>> import numpy as np
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.attribution import (
    ...     ContextualDecomposition,
    ...     agglomerate_attributions,
    ... )
    >>> X = np.random.default_rng(0).standard_normal((2, 8))
    >>> wavelet = WaveletTransformer("haar", level=2).fit(X)
    >>> def model(x):
    ...     child = (x[:, 4] - x[:, 5]) / 2**0.5
    ...     parent = (x[:, 4] + x[:, 5] - x[:, 6] - x[:, 7]) / 2
    ...     return child - (child - parent).relu()
    >>> decomposition = ContextualDecomposition(wavelet, model, groups="coefficients")
    >>> tree = agglomerate_attributions(decomposition.fit(X), X[0])
    >>> tree.names[tree.groups(1)[-1]]
    array(['cD2_1', 'cD1_2'], dtype=object)
    >>> tree.interactions.round(2) + 0.0
    array([0.63, 0.  , 0.  , 0.  , 0.  , 0.  , 0.  ])
    """
    check_is_fitted(decomposition)
    sample = as_batch(decomposition.sample_shape_, x)
    graph = _graph(decomposition, connectivity)
    score = _scorer(decomposition, sample, target)
    return agglomerate(score, graph, decomposition.get_feature_names_out())


def _graph(decomposition, connectivity):
    """Return the graph of the groups of a decomposition; warn if it falls apart."""
    groups, layout = decomposition.groups, None
    if isinstance(groups, str) and groups == "coefficients":
        layout = getattr(decomposition.transformer_, "layout_", None)
    graph = make_connectivity(connectivity, layout, len(decomposition.groups_))
    n_trees, _ = connected_components(graph, directed=False)
    if n_trees > 1 and not isinstance(connectivity, str):
        warn(
            f"The matrix 'connectivity' has {n_trees} components, which are never "
            "joined: the result is a forest. Connect them for a single tree.",
        )
    return graph


def _scorer(decomposition, sample, target):
    """Return the function from sets of units, as booleans, to scores."""
    units = decomposition.groups_
    if (units.sum(axis=0) > 1).any():
        raise ValueError(
            "agglomerate_attributions joins groups that do not overlap, which those of "
            "the decomposition do."
        )
    scorer, index = copy.copy(decomposition), _target(decomposition, sample, target)
    owner, is_owned = units.argmax(axis=0), units.any(axis=0)

    def score(sets):
        scorer.groups_ = sets[:, owner] & is_owned
        relevant, _ = scorer.decompose(sample)
        return relevant[:, 0, index]

    return score


def _target(decomposition, sample, target):
    """Return the index of the output that is scored."""
    teacher = decomposition.teacher_
    if target != "auto":
        teacher = teacher.replace(target=target)
    if isinstance(teacher.target, list) or teacher.target in ("all", "label"):
        raise ValueError(
            "agglomerate_attributions scores one output, and the decomposition has "
            f"target={teacher.target!r}. Set target to an int."
        )
    total = copy.copy(decomposition)
    total.groups_ = np.zeros((1, decomposition.n_components_), dtype=bool)
    _, outputs = total.decompose(sample)  # of nothing, all is irrelevant
    return Targets(teacher, None, 1).select(torch.from_numpy(outputs[0]), slice(1)).item()


def agglomerate(score, connectivity, names):
    """Join neighbouring groups, those of the largest interaction first.

    Parameters
    ----------
    score : callable
        A function from groups, bool of shape (n_groups, n_units), to scores of shape
        (n_groups,).
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
    rows = np.split(connectivity.indices, connectivity.indptr[1:-1])
    near = {i: set(row.tolist()) for i, row in enumerate(rows)}
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
