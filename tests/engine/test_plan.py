import pytest
import torch

from sk_awave.engine import CoeffLayout, FilterBank, _plan
from sk_awave.engine._boundary import MODES
from sk_awave.engine._plan import TransformPlan


@pytest.fixture
def both_routes(monkeypatch):
    """Call a method of a plan by matrix, then by filtering."""

    def call(plan, name, rows, filters):
        method = getattr(plan, name)
        assert plan._is_dense(len(rows))
        dense = method(rows, filters)
        monkeypatch.setattr(_plan, "DENSE_SIZE", 0)
        assert not plan._is_dense(len(rows))
        return dense, method(rows, filters)

    return call


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("signal_shape", [(17,), (16,), (5, 6)])
@pytest.mark.parametrize("name", ["analysis", "synthesis", "synthesis_adjoint"])
def test_dense_and_filtering_routes_agree(both_routes, name, signal_shape, mode):
    plan = TransformPlan(CoeffLayout(signal_shape, None, 6, 2, mode))
    filters = FilterBank.from_wavelet("bior2.2", "fixed")()
    generator = torch.Generator().manual_seed(0)
    n_coeffs = plan.layout.n_coeffs
    shape = (n_coeffs,) if name == "synthesis" else signal_shape
    rows = torch.randn(40, *shape, generator=generator, dtype=torch.float64)
    dense, filtered = both_routes(plan, name, rows, filters)
    assert dense.shape == filtered.shape
    assert dense.shape[1:] == (signal_shape if name == "synthesis" else (n_coeffs,))
    # Extrapolation amplifies, and rounding with it.
    scale = max(1.0, float(filtered.abs().max()))
    torch.testing.assert_close(dense, filtered, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("name", ["analysis", "synthesis", "synthesis_adjoint"])
def test_both_routes_have_the_same_gradients(both_routes, name):
    plan = TransformPlan(CoeffLayout((9,), None, 6, 2, "symmetric"))
    filters = FilterBank.from_wavelet("bior2.2", "fixed")().detach().requires_grad_()
    shape = (plan.layout.n_coeffs,) if name == "synthesis" else (9,)
    generator = torch.Generator().manual_seed(0)
    kwargs = {"generator": generator, "dtype": torch.float64, "requires_grad": True}
    rows = torch.randn(40, *shape, **kwargs)
    gradients = [
        torch.autograd.grad(out.square().sum(), (rows, filters))
        for out in both_routes(plan, name, rows, filters)
    ]
    for dense, filtered in zip(*gradients, strict=True):
        torch.testing.assert_close(dense, filtered, rtol=1e-10, atol=1e-10)


def test_few_or_long_rows_are_filtered():
    assert not TransformPlan(CoeffLayout((16,), None, 2, 1, "zero"))._is_dense(16)
    long = _plan.DENSE_SIZE + 1
    assert not TransformPlan(CoeffLayout((long,), None, 2, 1, "zero"))._is_dense(10**6)


def test_chunks_cover_all_rows(monkeypatch):
    monkeypatch.setattr(_plan, "CHUNK_SIZE", 100)
    plan = TransformPlan(CoeffLayout((5, 6), None, 2, 1, "zero"))
    assert plan.rows_per_chunk == 3
    assert list(plan.chunks(8)) == [0, 3, 6]
    monkeypatch.setattr(_plan, "CHUNK_SIZE", 10)
    assert plan.rows_per_chunk == 1
