"""The tree of a transform: the nodes that are split, level by level."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

#: The branches taken from the signal to a node; 0 is low-pass along all axes.
Path = tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """The nodes of a transform that are split further, level by level.

    A node is a band. A path of branches leads from the signal to it. A branch is a number
    in base two, with one digit for each axis: 0 for the low-pass half, and 1 for the
    high-pass half. Nodes that are not split are leaves. The leaves are the coefficients.

    Parameters
    ----------
    splits : tuple of frozenset of paths
        The paths of the nodes that are split, in one set for each level. All nodes above
        a split node must be split, too. The last sets may be empty.
    is_decimated : bool, default=True
        True if each level keeps every second sample, as in the discrete wavelet
        transform. False if each level keeps all samples and filters widen from level to
        level, as in the stationary transform.
    is_packet : bool, default=False
        True for wavelet packets: details may be split, too, and bands are named by their
        paths.

    Examples
    --------
    >>> from sk_awave.engine import Tree
    >>> Tree.dwt(2).leaves(n_branches=2)
    ((0, 0), (0, 1), (1,))
    >>> Tree.packets([(0,), (1, 0), (1, 1)], level=2).splits
    (frozenset({()}), frozenset({(1,)}))
    """

    splits: tuple[frozenset[Path], ...]
    is_decimated: bool = True
    is_packet: bool = False

    def __post_init__(self):
        for j, paths in enumerate(self.splits):
            parents = self.splits[j - 1] if j else {()}
            for path in paths:
                if len(path) != j or (j and path[:-1] not in parents):
                    raise ValueError(
                        f"The node {path} cannot be split at level {j}: its parent is "
                        "not, or the path is not of this length."
                    )
                if any(path) and not self.is_packet:
                    raise ValueError(f"The detail {path} is split, but is_packet=False.")

    @classmethod
    def dwt(cls, level: int) -> "Tree":
        """Return the discrete wavelet transform: the approximation is split."""
        return cls(_approximations(level))

    @classmethod
    def stationary(cls, level: int) -> "Tree":
        """Return the stationary (undecimated) wavelet transform."""
        return cls(_approximations(level), is_decimated=False)

    @classmethod
    def packets(cls, leaves: Iterable[Path], level: int) -> "Tree":
        """Return the wavelet packets with these leaves and this number of levels."""
        nodes = {leaf[:j] for leaf in leaves for j in range(len(leaf))}
        by_level = (frozenset(n for n in nodes if len(n) == j) for j in range(level))
        return cls(tuple(by_level), is_packet=True)

    @property
    def level(self) -> int:
        """The number of levels."""
        return len(self.splits)

    def leaves(self, n_branches: int) -> tuple[Path, ...]:
        """Return the paths of the leaves in flat order, depth first.

        This is PyWavelets' order of coefficients: from coarse to fine for the wavelet
        transform, and the natural order for packets.
        """
        return _leaves(self.splits, n_branches)


@lru_cache(maxsize=128)
def _approximations(level: int) -> tuple[frozenset[Path], ...]:
    return tuple(frozenset([(0,) * j]) for j in range(level))


@lru_cache(maxsize=128)
def _leaves(splits: tuple[frozenset[Path], ...], n_branches: int) -> tuple[Path, ...]:
    nodes: set[Path] = {()}
    for paths in splits:
        children = {(*path, branch) for path in paths for branch in range(n_branches)}
        nodes = (nodes - paths) | children
    return tuple(sorted(nodes))
