"""The torch engine: tensors in, tensors out. It knows nothing of scikit-learn."""

from sk_awave.engine._adam import Adam
from sk_awave.engine._bfgs import BFGS
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._free import Free
from sk_awave.engine._lattice import Orthogonal
from sk_awave.engine._layer import MultilevelDWT
from sk_awave.engine._layout import Band, CoeffLayout
from sk_awave.engine._lifting import Symmetric
from sk_awave.engine._skewed_lattice import Biorthogonal
from sk_awave.engine._solver import Solution, Solver
from sk_awave.engine._terms import FilterTerm, SignalTerm
from sk_awave.engine._transform import analysis_map, synthesis_map
from sk_awave.engine._tree import Tree

__all__ = [
    "BFGS",
    "Adam",
    "Band",
    "Biorthogonal",
    "CoeffLayout",
    "FilterBank",
    "FilterTerm",
    "Free",
    "MultilevelDWT",
    "Orthogonal",
    "SignalTerm",
    "Solution",
    "Solver",
    "Symmetric",
    "Tree",
    "analysis_map",
    "synthesis_map",
]
