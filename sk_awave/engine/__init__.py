"""The torch engine: tensors in, tensors out. It knows nothing of scikit-learn."""

from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._layout import Band, CoeffLayout
from sk_awave.engine._multilevel import MultilevelDWT

__all__ = ["Band", "CoeffLayout", "FilterBank", "MultilevelDWT"]
