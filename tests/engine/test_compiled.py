"""The compiled loops against the reference, and when they are used."""

import sys

import numpy as np
import pytest
import torch

from sk_awave import WaveletTransformer
from sk_awave.engine import CoeffLayout, FilterBank, Tree, _loops, _transform
from sk_awave.engine._boundary import MODES
from sk_awave.engine._cascade import Cascade
from sk_awave.engine._linear_map import Whole
from sk_awave.engine._loops import Loops
from sk_awave.engine._reference import pack, unpack, wavedec, waverec, waverec_adjoint
from sk_awave.engine._transform import analysis_map, synthesis_map


@pytest.fixture
def always(monkeypatch):
    """Use the loops for any number of samples; fail if products are used."""
    pytest.importorskip("numba")
    monkeypatch.setattr(_loops, "MIN_COMPILED_SIZE", 0)
    monkeypatch.setattr(_loops, "DENSE_SIZE", 0)
    monkeypatch.setattr(_transform, "DENSE_SIZE", 0)
    monkeypatch.setattr(_loops, "MAX_COMPILED_THREADS", 10**6)
    for cls in (Cascade, Whole):
        for name in ("apply", "apply_transpose"):
            monkeypatch.setattr(cls, name, None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["haar", "db2", "bior2.4"])  # each is compiled anew
@pytest.mark.parametrize(
    "shape", [(129,), (1000,), (1023,), (2500,), (16, 17), (41, 40), (9, 100), (64, 5)]
)
def test_loops_are_the_reference(always, name, shape, mode):
    filters = FilterBank.from_wavelet(name, "fixed")().detach()
    filters = torch.cat([filters, 1.1 * filters, 0.9 * filters])  # one for each level
    filters = torch.cat([filters, 1.2 * filters][: len(shape)], 1)  # and axis
    layout = CoeffLayout(shape, None, filters.shape[-1], Tree.dwt(3), mode)
    generator = torch.Generator().manual_seed(0)
    kwargs = {"generator": generator, "dtype": torch.float64}
    x, flat = torch.randn(3, *shape, **kwargs), torch.randn(3, layout.n_coeffs, **kwargs)
    analysis = analysis_map(layout, filters, like=x)
    synthesis = synthesis_map(layout, filters, like=x)
    for actual, expected in (
        (analysis.apply(x), pack(wavedec(x, filters, mode, 3))),
        (synthesis.T.apply(x), pack(waverec_adjoint(x, filters, mode, 3))),
        (synthesis.apply(flat), waverec(unpack(flat, layout), filters, mode, shape)),
    ):
        # Extrapolating modes amplify, and rounding with it.
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12 * scale)


def test_loops_serve_the_transformer(always):
    X = np.random.default_rng(0).normal(size=(4, 500)).astype(np.float32)
    transformer = WaveletTransformer("db2", level=4).fit(X)
    Xt = transformer.transform(X)
    assert Xt.dtype == np.float32
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=1e-5)


def test_batches_are_large_enough_for_the_loops(monkeypatch):
    loops = pytest.importorskip("sk_awave.engine._compiled")
    sizes = []
    for name in ("wavedec_rows", "waverec_rows"):
        original = getattr(loops, name)

        def record(x, *args, original=original):
            sizes.append(len(x))
            original(x, *args)

        monkeypatch.setattr(loops, name, record)
    X = np.random.default_rng(0).normal(size=(2000, 1000)).astype(np.float32)
    transformer = WaveletTransformer("db2", level=4).fit(X[:1])
    transformer.inverse_transform(transformer.transform(X))
    assert sum(sizes) == 4000


@pytest.mark.parametrize(
    "why", ["few samples", "many threads", "long filter", "no numba"]
)
def test_products_serve_otherwise(monkeypatch, why):
    monkeypatch.setattr(_loops, "MIN_COMPILED_SIZE", 10**9 if why[0] == "f" else 0)
    monkeypatch.setattr(_loops, "MAX_COMPILED_THREADS", 0 if why[0] == "m" else 10**6)
    monkeypatch.setattr(_loops, "MAX_COMPILED_TAPS", 2 if why[0] == "l" else 128)
    if why == "no numba":
        monkeypatch.setitem(sys.modules, "numba", None)
        monkeypatch.delitem(sys.modules, "sk_awave.engine._compiled", raising=False)
    _loops._import_loops.cache_clear()
    x = torch.randn(2, 300, dtype=torch.float64)
    filters = FilterBank.from_wavelet("db2")().detach()
    layout = CoeffLayout((300,), None, 4, Tree.dwt(2), "periodization")
    linear_map = analysis_map(layout, filters, like=x)
    assert isinstance(linear_map, Loops) == (why == "few samples")
    used = []
    apply = Cascade.apply
    monkeypatch.setattr(
        Cascade, "apply", lambda self, *args: (used.append(1), apply(self, *args))[1]
    )
    torch.testing.assert_close(
        linear_map.apply(x), analysis_map(layout, filters).apply(x)
    )
    assert len(used) == 2
    _loops._import_loops.cache_clear()


def test_products_serve_what_is_not_contiguous(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(_loops, "MIN_COMPILED_SIZE", 0)
    x = torch.randn(300, 2, dtype=torch.float64).T
    filters = FilterBank.from_wavelet("db2")().detach()
    layout = CoeffLayout((300,), None, 4, Tree.dwt(2), "zero")
    linear_map = analysis_map(layout, filters, like=x)
    assert not linear_map._suit(x, None)
    expected = pack(wavedec(x, filters, "zero", 2))
    torch.testing.assert_close(linear_map.apply(x), expected)
