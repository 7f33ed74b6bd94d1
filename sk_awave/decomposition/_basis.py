"""The basis of wavelet packets: what a parameter names, or what is chosen by the data."""

import math
from dataclasses import replace

from sk_awave.decomposition._discriminant import discriminant_tree
from sk_awave.engine._best_basis import BestBasis, full_basis
from sk_awave.engine._blocks import SummedObjective
from sk_awave.engine._layout import branch_names
from sk_awave.engine._objective import Objective
from sk_awave.engine._tree import Tree
from sk_awave.utils._budget import check_budget
from sk_awave.utils._warnings import warn

#: The bases that have a name.
BASES = ("best", "full", "discriminant")

#: What the path, the name and the place of a packet take, in numbers.
_VALUES_OF_PACKET = 128


def chooses(transformer, basis):
    """Tell whether a transformer is of packets in the basis of this name."""
    return transformer.decomposition == "packet" and transformer.basis == basis


def deepest(transformer):
    """Return the level of the longest path in `basis`, or None if that has a name."""
    if isinstance(transformer.basis, str):
        return None
    return max((len(_parse(transformer, path)) for path in transformer.basis), default=0)


def warn_of_idle_basis(transformer):
    """Warn of a basis that was set for a transformer without packets."""
    if transformer.basis != "best":
        warn("basis has no effect: decomposition is not 'packet'.")


def check_packets(transformer, dwt):
    """Raise ValueError if all packets of the levels of a layout would be too many."""
    if isinstance(transformer.basis, str):
        n_packets = 2 ** (transformer.ndim * dwt.level)
        check_budget(
            n_packets * (math.prod(dwt.shapes[-1]) + _VALUES_OF_PACKET),
            f"level={dwt.level}",
            f"There are {2**transformer.ndim} times as many packets at each level. Use "
            "fewer levels, or list the packets in 'basis'.",
            math.prod(dwt.signal_shape),
        )


def packet_tree(transformer, level):
    """Return the packets that a transformer lists, or the full basis to choose from.

    Raises
    ------
    ValueError
        If the paths in its `basis` are not the leaves of a tree, or longer than `level`.
    """
    n_branches, basis = 2**transformer.ndim, transformer.basis
    if isinstance(basis, str):
        return Tree.packets(full_basis(level, n_branches), level)
    leaves = [_parse(transformer, path) for path in basis]
    if max(map(len, leaves), default=0) > level:
        raise ValueError(
            f"The 'basis' parameter of {type(transformer).__name__} must be paths of at "
            f"most level={level} branches. Got {max(basis, key=len)!r} in it."
        )
    tree = Tree.packets(leaves, level)
    if tree.leaves(n_branches) != tuple(sorted(leaves)):
        raise ValueError(
            f"The 'basis' parameter of {type(transformer).__name__} must be the leaves "
            "of a tree: of a node that is split, all children or their own. Got "
            f"{list(basis)} instead."
        )
    return tree


def in_basis(transformer, objective, y):
    """Return an objective of the full basis in the one that a transformer asks for."""
    layout = objective.layout
    if chooses(transformer, "best"):
        return objective.recast(BestBasis, layout)
    if not chooses(transformer, "discriminant"):
        return objective
    if y is None and not isinstance(objective, SummedObjective):
        raise ValueError(
            f"This {type(transformer).__name__} estimator requires y to be passed, but "
            "the target y is None: basis='discriminant' is chosen by it."
        )
    if isinstance(objective, SummedObjective):
        raise ValueError(
            "basis='discriminant' is chosen from signals that are all in memory. Choose "
            "it from some of them, by WaveletTransformer(basis='discriminant'), and give "
            "its basis_."
        )
    filters = objective.bank().detach()
    tree = discriminant_tree(layout, filters, objective.x, y)
    return objective.recast(Objective, replace(layout, tree=tree))


def keep_basis(transformer, objective):
    """Return an objective in the basis of the last fit, if it could have been chosen."""
    tree = transformer.layout_.tree
    layout = replace(objective.layout, tree=tree)
    if not tree.is_packet or layout.level != objective.layout.level:
        return objective
    return objective.recast(Objective, layout)


def _parse(transformer, path):
    """Return the branches of a path in PyWavelets' letters."""
    names = branch_names(transformer.ndim)
    size, parts = len(names[0]), [None]
    if isinstance(path, str):
        parts = [path[i : i + size] for i in range(0, len(path), size)]
    if not set(parts) <= set(names):
        raise ValueError(
            f"The 'basis' parameter of {type(transformer).__name__} must be paths made "
            f"of {names} when ndim={transformer.ndim}. Got {path!r} in it."
        )
    return tuple(map(names.index, parts))
