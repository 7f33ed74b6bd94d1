"""Compiled loops as linear maps, where they serve data better than products."""

from functools import lru_cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from sk_awave.engine._axis_steps import DENSE_SIZE
from sk_awave.engine._boundary import adjoint_mode
from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._linear_map import LinearMap
from sk_awave.engine._tree import Tree

#: The samples from which the compiled loops are used, as they take a second to compile,
#: and the threads up to which a single one of theirs is faster than products by all.
MIN_COMPILED_SIZE, MAX_COMPILED_THREADS = 2**18, 2

#: The longest filters whose sums are worth unrolling; the loops need less than a tile.
MAX_COMPILED_TAPS = 128


class Loops(LinearMap):
    """Loops compiled by numba, where they serve data better than products."""

    def __init__(self, products: LinearMap, pairs: Tensor):
        self.products, self.layout, self.mode = products, products.layout, products.mode
        by_level = self.layout.level, len(self.layout.signal_shape)
        self._pairs = pairs.detach().expand(*by_level, -1, -1).numpy()

    @staticmethod
    def serve(layout: CoeffLayout, like: Tensor) -> bool:
        """Tell whether loops are installed, apply and are faster on such data."""
        shape = layout.signal_shape
        is_long = len(shape) <= 2 and min(shape) > DENSE_SIZE and layout.level > 0
        return (
            is_long
            and layout.tree == Tree.dwt(layout.level)
            and layout.filter_length <= MAX_COMPILED_TAPS
            and like.device.type == "cpu"
            and torch.get_num_threads() <= MAX_COMPILED_THREADS
            and _import_loops() is not None
        )

    def _make_factors(self, pairs):
        raise NotImplementedError

    @property
    def factors(self):  # type: ignore[override]
        """Those of the products."""
        return self.products.factors

    def apply(self, x, out=None):
        """Transform rows of signals."""
        if not self._suit(x, out):
            return self.products.apply(x, out)
        if out is None:
            out = x.new_empty(len(x), self.layout.n_coeffs_per_channel)
        _import_loops().wavedec_rows(
            x.numpy(), out.numpy(), self._pairs, self.layout, self.mode
        )
        return out

    def apply_transpose(self, y, out=None):
        """Apply the transpose, which the loops know of the adjoint of synthesis."""
        is_adjoint = self.mode == adjoint_mode(self.layout.mode)
        if not (is_adjoint and self._suit(y, out)):
            return self.products.apply_transpose(y, out)
        if out is None:
            out = y.new_empty(len(y), *self.layout.signal_shape)
        pairs = self._pairs[..., ::-1]
        _import_loops().waverec_rows(y.numpy(), out.numpy(), pairs, self.layout)
        return out

    @staticmethod
    def _suit(x: Tensor, out: Tensor | None) -> bool:
        in_order = all(t is None or t.is_contiguous() for t in (x, out))
        return in_order and x.numel() >= MIN_COMPILED_SIZE


@lru_cache(maxsize=1)
def _import_loops() -> Any:
    """Return the compiled loops, None without numba or a place for what it compiles."""
    try:
        return import_module("sk_awave.engine._compiled")
    except (ImportError, RuntimeError):
        return None
