"""The plan of a transform: its routes, and in what chunks of rows they are taken."""

import math

import numpy as np
from torch import Tensor

from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._routes import LinearMap, Route

#: Samples of a chunk of rows: enough for the calls of torch not to count, few enough to
#: stay in a cache and for memory not to grow with the number of rows.
CHUNK_SIZE = 2**20


class TransformPlan:
    """The transform of a layout: analysis, and the adjoint of synthesis.

    Synthesis is the adjoint of the latter. Made once, a plan serves any filters.

    Parameters
    ----------
    layout : CoeffLayout
        Lengths, levels and mode; its channels are rows here.

    Examples
    --------
    >>> import torch
    >>> from sk_awave.engine import CoeffLayout, FilterBank
    >>> from sk_awave.engine._plan import TransformPlan
    >>> plan = TransformPlan(CoeffLayout((8,), None, 2, level=1, mode="symmetric"))
    >>> filters = FilterBank.from_wavelet("haar")().detach().numpy()
    >>> x = torch.arange(8.0).double().unsqueeze(0)
    >>> coeffs = plan.analysis(filters, x).apply(x)
    >>> plan.synthesis_adjoint(filters, x).adjoint(coeffs).round(decimals=6)
    tensor([[0., 1., 2., 3., 4., 5., 6., 7.]], dtype=torch.float64)
    """

    def __init__(self, layout: CoeffLayout):
        self.layout = layout
        self._analysis = Route(layout)
        self._synthesis_adjoint = Route(layout, adjoint=True)

    @property
    def is_dense(self) -> bool:
        """Whether the transform is the product with a single matrix."""
        return self._analysis.is_dense

    def analysis(self, filters: np.ndarray, like: Tensor) -> LinearMap:
        """Return the map of signals to coefficients; see `LinearMap`."""
        return LinearMap(self._analysis, filters, like)

    def synthesis_adjoint(self, filters: np.ndarray, like: Tensor) -> LinearMap:
        """Return the adjoint of synthesis, whose adjoint is synthesis."""
        return LinearMap(self._synthesis_adjoint, filters, like)

    def chunks(self, n_rows: int) -> range:
        """Return where chunks of about `CHUNK_SIZE` samples start."""
        return range(0, n_rows, self.rows_per_chunk)

    @property
    def rows_per_chunk(self) -> int:
        """How many rows make about `CHUNK_SIZE` samples."""
        return rows_per_chunk(self.layout)


def rows_per_chunk(layout: CoeffLayout) -> int:
    """Return how many rows make about `CHUNK_SIZE` samples, or coefficients."""
    size = max(math.prod(layout.signal_shape), layout.n_coeffs_per_channel)
    return max(1, CHUNK_SIZE // size)
