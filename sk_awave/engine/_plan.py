"""The route a transform takes: flat coefficients out of signals, and back."""

import math

import torch
from torch import Tensor

from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._multilevel import wavedec, waverec, waverec_adjoint

#: Samples up to which the whole transform is applied as one dense matrix.
DENSE_SIZE = 128

#: Samples of a chunk of rows: long enough to fill the cores, short enough to stay near
#: the cache, where the one-channel convolutions of torch are several times faster.
CHUNK_SIZE = 2**18


class TransformPlan:
    """The transform of a layout, by the faster of two routes with the same results.

    Short signals (up to `DENSE_SIZE` samples) are multiplied with the matrix of the
    transform, which is made by transforming the unit vectors and costs less than
    filtering as soon as there are more rows than samples. Longer ones are filtered.

    Parameters
    ----------
    layout : CoeffLayout
        Lengths, levels and mode; its channels are rows here.
    """

    def __init__(self, layout: CoeffLayout):
        self.layout = layout
        self.size = math.prod(layout.signal_shape)

    def analysis(self, x: Tensor, filters: Tensor) -> Tensor:
        """Transform signals of shape (n, *signal_shape) to (n, n_coeffs)."""
        return self._apply(x, filters, wavedec)

    def synthesis_adjoint(self, x: Tensor, filters: Tensor) -> Tensor:
        """Apply the adjoint of `synthesis` to (n, *signal_shape): (n, n_coeffs)."""
        return self._apply(x, filters, waverec_adjoint)

    def synthesis(self, flat: Tensor, filters: Tensor) -> Tensor:
        """Reconstruct signals of shape (n, *signal_shape) from (n, n_coeffs)."""
        layout = self.layout
        if not self._is_dense(len(flat)):
            bands = layout.unpack(flat)
            return waverec(bands, filters, layout.mode, layout.signal_shape)
        unit = self._unit_signals(flat)
        adjoint = waverec_adjoint(unit, filters, layout.mode, layout.level)
        return (flat @ layout.pack(adjoint).T).reshape(-1, *layout.signal_shape)

    def chunks(self, n_rows: int) -> range:
        """Return where chunks of about `CHUNK_SIZE` samples start."""
        return range(0, n_rows, self.rows_per_chunk)

    @property
    def rows_per_chunk(self) -> int:
        """How many rows make about `CHUNK_SIZE` samples."""
        return max(1, CHUNK_SIZE // self.size)

    def _is_dense(self, n_rows: int) -> bool:
        return self.size <= DENSE_SIZE and self.size < n_rows

    def _unit_signals(self, like: Tensor) -> Tensor:
        eye = torch.eye(self.size, dtype=like.dtype, device=like.device)
        return eye.reshape(-1, *self.layout.signal_shape)

    def _apply(self, x: Tensor, filters: Tensor, transform) -> Tensor:
        layout = self.layout
        dense = self._is_dense(len(x))
        rows = self._unit_signals(x) if dense else x
        flat = layout.pack(transform(rows, filters, layout.mode, layout.level))
        return x.flatten(1) @ flat if dense else flat
