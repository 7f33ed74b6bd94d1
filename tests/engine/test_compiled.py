"""The compiled loops against the reference, and when they are used."""

import sys

import numpy as np
import pytest
import torch

from sk_awave import WaveletTransformer
from sk_awave.engine import CoeffLayout, FilterBank, _routes
from sk_awave.engine._boundary import MODES
from sk_awave.engine._multilevel import wavedec, waverec, waverec_adjoint
from sk_awave.engine._plan import TransformPlan


@pytest.fixture
def always(monkeypatch):
    """Use the loops for any number of samples; fail if products are used."""
    pytest.importorskip("numba")
    monkeypatch.setattr(_routes, "MIN_COMPILED_SIZE", 0)
    monkeypatch.setattr(_routes, "DENSE_SIZE", 0)
    monkeypatch.setattr(_routes, "MAX_COMPILED_THREADS", 10**6)
    for name in ("apply", "adjoint"):
        monkeypatch.setattr(_routes.Route, name, None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["haar", "db2", "bior2.2", "db5"])
@pytest.mark.parametrize(
    "shape", [(129,), (1000,), (1023,), (2500,), (16, 17), (41, 40), (9, 100), (64, 5)]
)
def test_loops_are_the_reference(always, name, shape, mode):
    filters = FilterBank.from_wavelet(name, "fixed")().detach()
    filters = torch.cat([filters, 1.1 * filters, 0.9 * filters])  # one for each level
    filters = torch.cat([filters, 1.2 * filters][: len(shape)], 1)  # and axis
    layout = CoeffLayout(shape, None, filters.shape[-1], 3, mode)
    generator = torch.Generator().manual_seed(0)
    kwargs = {"generator": generator, "dtype": torch.float64}
    x, flat = torch.randn(3, *shape, **kwargs), torch.randn(3, layout.n_coeffs, **kwargs)
    plan = TransformPlan(layout)
    analysis = plan.analysis(filters.numpy(), x)
    adjoint = plan.synthesis_adjoint(filters.numpy(), x)
    for actual, expected in (
        (analysis.apply(x), layout.pack(wavedec(x, filters, mode, 3))),
        (adjoint.apply(x), layout.pack(waverec_adjoint(x, filters, mode, 3))),
        (adjoint.adjoint(flat), waverec(layout.unpack(flat), filters, mode, shape)),
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


@pytest.mark.parametrize(
    "why", ["few samples", "many threads", "long filter", "no numba"]
)
def test_products_serve_otherwise(monkeypatch, why):
    monkeypatch.setattr(_routes, "MIN_COMPILED_SIZE", 10**9 if why[0] == "f" else 0)
    monkeypatch.setattr(_routes, "MAX_COMPILED_THREADS", 0 if why[0] == "m" else 10**6)
    monkeypatch.setattr(_routes, "MAX_COMPILED_TAPS", 2 if why[0] == "l" else 128)
    if why == "no numba":
        monkeypatch.setitem(sys.modules, "numba", None)
        monkeypatch.delitem(sys.modules, "sk_awave.engine._compiled", raising=False)
    _routes._import_loops.cache_clear()
    x = torch.randn(2, 300, dtype=torch.float64)
    filters = FilterBank.from_wavelet("db2")().detach()
    layout = CoeffLayout((300,), None, 4, 2, "zero")
    linear_map = TransformPlan(layout).analysis(filters.numpy(), x)
    assert linear_map._loops(x, None) is None
    expected = layout.pack(wavedec(x, filters, "zero", 2))
    torch.testing.assert_close(linear_map.apply(x), expected)
    _routes._import_loops.cache_clear()


def test_products_serve_what_is_not_contiguous(monkeypatch):
    monkeypatch.setattr(_routes, "MIN_COMPILED_SIZE", 0)
    x = torch.randn(300, 2, dtype=torch.float64).T
    filters = FilterBank.from_wavelet("db2")().detach()
    layout = CoeffLayout((300,), None, 4, 2, "zero")
    linear_map = TransformPlan(layout).analysis(filters.numpy(), x)
    assert linear_map._loops(x, None) is None
    expected = layout.pack(wavedec(x, filters, "zero", 2))
    torch.testing.assert_close(linear_map.apply(x), expected)
