import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_awave.engine import CoeffLayout, FilterBank, _axis_maps, _plan
from sk_awave.engine._axis_maps import BlockedMap, DenseMap
from sk_awave.engine._boundary import MODES
from sk_awave.engine._multilevel import wavedec, waverec, waverec_adjoint
from sk_awave.engine._plan import TransformPlan
from sk_awave.engine._routes import Route

#: (shape, level, wavelet): one matrix, blocks of one and of two levels, and mixtures.
CASES = [
    ((1,), 1, "haar"),
    ((17,), 2, "bior2.2"),
    ((128,), 4, "db2"),
    ((129,), 3, "db5"),
    ((1000,), 6, "haar"),
    ((1001,), 5, "rbio3.1"),
    ((1023,), 4, "sym8"),
    ((333,), 2, "db20"),
    ((170,), 1, "db38"),
    ((5, 6), 2, "db2"),
    ((28, 30), 3, "db3"),
    ((140, 151), 3, "bior4.4"),
    ((300, 17), 2, "haar"),
    ((9, 7, 12), 2, "db2"),
    ((5, 140, 6), 1, "db2"),
]


def make_case(shape, level, wavelet, mode, shared=True):
    """Return layout, filters, signals and coefficients; filters differ if not shared."""
    if mode in ("reflect", "antireflect") and 1 in shape:
        pytest.skip("PyWavelets has no such transform either")
    filters = FilterBank.from_wavelet(wavelet, "fixed")().detach()
    if not shared:
        scale = 1 + 0.1 * torch.arange(level * len(shape)).double()
        filters = scale.reshape(level, len(shape), 1, 1) * filters
    layout = CoeffLayout(shape, None, filters.shape[-1], level, mode)
    generator = torch.Generator().manual_seed(0)
    kwargs = {"generator": generator, "dtype": torch.float64}
    x = torch.randn(3, *shape, **kwargs)
    return layout, filters, x, torch.randn(3, layout.n_coeffs, **kwargs)


def assert_close(actual, expected):
    # Extrapolating modes amplify, and rounding with it.
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape, level, wavelet", CASES)
@pytest.mark.parametrize("shared", [True, False])
def test_routes_are_the_reference(shape, level, wavelet, mode, shared):
    layout, filters, x, flat = make_case(shape, level, wavelet, mode, shared)
    plan = TransformPlan(layout)
    analysis, adjoint = (
        plan.analysis(filters.numpy(), x),
        plan.synthesis_adjoint(filters.numpy(), x),
    )
    assert_close(analysis.apply(x), layout.pack(wavedec(x, filters, mode, level)))
    expected = layout.pack(waverec_adjoint(x, filters, mode, level))
    assert_close(adjoint.apply(x), expected)
    expected = waverec(layout.unpack(flat), filters, mode, shape)
    assert_close(adjoint.adjoint(flat), expected)
    out = torch.empty_like(x)
    assert adjoint.adjoint(flat, out=out) is out
    assert_close(out, expected)
    back = analysis.adjoint(flat)
    assert (back * x).sum().item() == pytest.approx(
        (flat * analysis.apply(x)).sum().item(), rel=1e-9
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape, level, wavelet", CASES)
@pytest.mark.parametrize("adjoint", [False, True])
def test_gradients_are_those_of_the_reference(shape, level, wavelet, mode, adjoint):
    layout, filters, x, flat = make_case(shape, level, wavelet, mode, shared=False)
    plan = TransformPlan(layout)
    linear_map = (plan.synthesis_adjoint if adjoint else plan.analysis)(
        filters.numpy(), x
    )
    for rows, weights in ((x[:2], flat[:2]), (x[2:], flat[2:])):
        inputs = []
        linear_map.apply(rows, inputs=inputs)
        linear_map.accumulate(weights, inputs)
        assert not inputs
    gradient = torch.from_numpy(linear_map.filter_gradient())
    filters.requires_grad_()
    reference = waverec_adjoint if adjoint else wavedec
    loss = (layout.pack(reference(x, filters, mode, level)) * flat).sum()
    (expected,) = torch.autograd.grad(loss, filters)
    scale = float(expected.abs().max())
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-11 * scale)


@settings(deadline=None, max_examples=60)
@given(
    length=st.integers(1, 700),
    name=st.sampled_from(["haar", "db2", "db4", "sym7", "coif3", "bior3.3"]),
    level=st.integers(0, 5),
    mode=st.sampled_from(MODES),
    dense_size=st.sampled_from([0, 32, 128]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_any_length(length, name, level, mode, dense_size, dtype):
    """Small dense sizes make blocks serve signals hardly longer than their ends."""
    if mode in ("reflect", "antireflect") and length < 64:
        length += 64
    filters = FilterBank.from_wavelet(name, "fixed")().detach()
    layout = CoeffLayout((length,), None, filters.shape[-1], level, mode)
    x = torch.randn(2, length, generator=torch.Generator().manual_seed(0), dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_axis_maps, "DENSE_SIZE", dense_size)
        flat = TransformPlan(layout).analysis(filters.numpy(), x).apply(x)
    expected = layout.pack(wavedec(x, filters.to(dtype), mode, level))
    scale = max(1.0, float(expected.abs().max()))
    atol = 100 * torch.finfo(dtype).eps * scale
    torch.testing.assert_close(flat, expected, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "shape, level, length, kinds",
    [
        ((128,), 4, 10, [DenseMap]),
        ((8, 16), 2, 10, [DenseMap]),
        ((1024,), 5, 10, [BlockedMap, BlockedMap, DenseMap]),
        ((1024,), 3, 10, [BlockedMap, BlockedMap]),
        ((333,), 2, 40, [BlockedMap, BlockedMap]),  # two levels see too far
        ((150,), 1, 76, [DenseMap]),  # the ends would overlap
        ((28, 200), 1, 10, [DenseMap, BlockedMap]),
    ],
)
def test_choice_of_maps(shape, level, length, kinds):
    route = Route(CoeffLayout(shape, None, length, level, "symmetric"))
    assert [type(m) for step in route._steps for m in step.maps] == kinds


def test_blocks_ignore_what_memory_held(monkeypatch):
    """Rows that do not fill their blocks, after memory held NaN."""
    layout, filters, x, _ = make_case((1001,), 2, "db5", "zero")
    plan = TransformPlan(layout)
    expected = layout.pack(wavedec(x, filters, "zero", 2))
    out = torch.full((3, layout.n_coeffs), math.nan, dtype=torch.float64)
    assert_close(plan.analysis(filters.numpy(), x).apply(x, out=out), expected)


def test_rows_do_not_leak_into_one_another():
    """The last block of a row must not see the next row."""
    layout, filters, x, _ = make_case((1024,), 2, "db5", "zero")
    plan = TransformPlan(layout)
    alone = plan.analysis(filters.numpy(), x).apply(x[:1].clone())
    x[1] = 1e9
    assert_close(plan.analysis(filters.numpy(), x).apply(x)[:1], alone)


def test_chunks_cover_all_rows(monkeypatch):
    monkeypatch.setattr(_plan, "CHUNK_SIZE", 100)
    plan = TransformPlan(CoeffLayout((4, 8), None, 2, 1, "zero"))
    assert plan.rows_per_chunk == 3
    assert list(plan.chunks(8)) == [0, 3, 6]
    monkeypatch.setattr(_plan, "CHUNK_SIZE", 10)
    assert plan.rows_per_chunk == 1
    # Where there are more coefficients than samples, their number counts.
    monkeypatch.setattr(_plan, "CHUNK_SIZE", 1000)
    layout = CoeffLayout((5, 6), None, 10, 1, "zero")
    assert TransformPlan(layout).rows_per_chunk == 1000 // layout.n_coeffs
