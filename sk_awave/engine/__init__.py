"""The torch engine: tensors in, tensors out. It knows nothing of scikit-learn."""

from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._layer import MultilevelDWT
from sk_awave.engine._layout import Band, CoeffLayout
from sk_awave.engine._terms import FilterTerm, SignalTerm
from sk_awave.engine._tree import Tree

__all__ = [
    "Band",
    "CoeffLayout",
    "FilterBank",
    "FilterTerm",
    "MultilevelDWT",
    "SignalTerm",
    "Tree",
]
