"""Which nodes of a transform are split, and what a level is."""

from dataclasses import dataclass
from functools import lru_cache

#: The branches taken from the signal to a node; 0 is low-pass along all axes.
Path = tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """The nodes of a transform that are split further, level by level.

    A node is a band, reached from the signal by a path of branches. The digits of a
    branch, in base two, tell for each axis whether it is the low-pass (0) or the
    high-pass (1) half. What is not split is a leaf, and the leaves are the coefficients.

    Parameters
    ----------
    splits : tuple of frozenset of paths
        The paths of length j, for each level j, whose nodes are split. Their parents are
        split, too.
    is_decimated : bool, default=True
        Whether a level keeps every second sample, as the discrete wavelet transform
        does, or all of them, with filters that widen from level to level, as the
        stationary one does.

    Examples
    --------
    >>> from sk_awave.engine._tree import Tree
    >>> Tree.dwt(2).leaves(n_branches=2)
    ((0, 0), (0, 1), (1,))
    """

    splits: tuple[frozenset[Path], ...]
    is_decimated: bool = True

    def __post_init__(self):
        for j, paths in enumerate(self.splits):
            parents = self.splits[j - 1] if j else {()}
            for path in paths:
                if len(path) != j or (j and path[:-1] not in parents):
                    raise ValueError(
                        f"The node {path} cannot be split at level {j}: its parent is "
                        "not, or the path is not of this length."
                    )

    @classmethod
    def dwt(cls, level: int) -> "Tree":
        """Return the discrete wavelet transform: the approximation is split."""
        return cls(_approximations(level))

    @classmethod
    def stationary(cls, level: int) -> "Tree":
        """Return the stationary (undecimated) wavelet transform."""
        return cls(_approximations(level), is_decimated=False)

    @property
    def splits_details(self) -> bool:
        """Tell if details are split, too."""
        return any(any(path) for paths in self.splits for path in paths)

    @property
    def level(self) -> int:
        """The number of levels."""
        return len(self.splits)

    def leaves(self, n_branches: int) -> tuple[Path, ...]:
        """Return the paths of the leaves in flat order, depth first.

        That is PyWavelets' order of coefficients: of the wavelet transform from coarse to
        fine, of packets the natural one.
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
