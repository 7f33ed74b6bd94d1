"""The compiled kernel against the reference and PyWavelets, and who serves without it."""

from dataclasses import replace

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_awave import WaveletTransformer
from sk_awave.engine import CoeffLayout, FilterBank, Tree, _kernel, _library
from sk_awave.engine._boundary import MODES, adjoint_mode
from sk_awave.engine._cascade import Cascade
from sk_awave.engine._fourier import Fourier
from sk_awave.engine._kernel import Kernel
from sk_awave.engine._library import instruction_sets
from sk_awave.engine._linear_map import Whole
from sk_awave.engine._reference import pack, unpack, wavedec, waverec, waverec_adjoint
from sk_awave.engine._transform import analysis_map, synthesis_map

needs_kernel = pytest.mark.skipif(not instruction_sets(), reason="no kernel was built")
SETS = range(max(1, len(instruction_sets())))


def make_case(shape, level, wavelet, mode, n_rows, dtype=torch.float64):
    """Return layout, filters of each level and axis, signals and coefficients."""
    filters = FilterBank.from_wavelet(wavelet, "fixed")().detach()
    scale = 1 + 0.1 * torch.arange(level * len(shape)).double()
    filters = scale.reshape(level, len(shape), 1, 1) * filters
    layout = CoeffLayout(shape, None, filters.shape[-1], Tree.dwt(level), mode)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n_rows, *shape, generator=generator, dtype=dtype)
    flat = torch.randn(n_rows, layout.n_coeffs, generator=generator, dtype=dtype)
    return layout, filters, x, flat


def kernels(layout, filters, instruction_set=0):
    """Return analysis, and the adjoint of synthesis."""
    analysis = Kernel(layout, filters[..., :2, :], layout.mode)
    pairs = filters[..., 2:, :].flip(-1)
    adjoint = Kernel(layout, pairs, adjoint_mode(layout.mode))
    analysis.instruction_set = adjoint.instruction_set = instruction_set
    return analysis, adjoint


def assert_equal_to_rounding(actual, expected):
    # Extrapolating modes amplify, and rounding with it.
    scale = max(1.0, float(expected.abs().max()))
    units = 1e-12 if actual.dtype == torch.float64 else 1e-4
    expected = expected.to(actual.dtype)
    torch.testing.assert_close(actual, expected, rtol=0, atol=units * scale)


def assert_is_the_reference(shape, level, wavelet, mode, n_rows, dtype, chosen=0):
    layout, filters, x, flat = make_case(shape, level, wavelet, mode, n_rows, dtype)
    analysis, adjoint = kernels(layout, filters, chosen)
    double, doubles = x.double(), flat.double()
    expected = pack(wavedec(double, filters, mode, level))
    assert_equal_to_rounding(analysis.apply(x), expected)
    expected = pack(waverec_adjoint(double, filters, mode, level))
    assert_equal_to_rounding(adjoint.apply(x), expected)
    expected = waverec(unpack(doubles, layout), filters, mode, shape)
    assert_equal_to_rounding(adjoint.T.apply(flat), expected)
    back = analysis.T.apply(doubles)
    products = (back * double).sum(), (analysis.apply(double) * doubles).sum()
    scale = float((back * double).abs().sum())
    torch.testing.assert_close(*products, rtol=0, atol=1e-11 * max(1.0, scale))


@needs_kernel
@settings(deadline=None, max_examples=300)
@given(
    length=st.integers(1, 300),
    wavelet=st.sampled_from(["haar", "db2", "bior2.4", "db5", "sym8", "coif4", "db20"]),
    level=st.integers(1, 5),
    mode=st.sampled_from(MODES),
    n_rows=st.integers(1, 70),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    chosen=st.sampled_from(SETS),
)
def test_any_length(length, wavelet, level, mode, n_rows, dtype, chosen):
    if mode in ("reflect", "antireflect", "smooth") and length < 64:
        length += 64  # shorter ones cannot be extended, or grow with every level
    assert_is_the_reference((length,), level, wavelet, mode, n_rows, dtype, chosen)


@needs_kernel
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(5000,), (40001,), (28, 30), (9, 200), (7, 12, 10)])
@pytest.mark.parametrize("n_rows", [2, 19])
def test_long_signals_and_more_axes(shape, mode, n_rows):
    for wavelet in ("db2", "bior2.4"):
        assert_is_the_reference(shape, 3, wavelet, mode, n_rows, torch.float64)


@needs_kernel
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(2,), (63,), (1000,), (12, 31)])
def test_forward_is_that_of_pywt(shape, mode):
    layout, _, x, _ = make_case(shape, 2, "db3", mode, 5)
    filters = FilterBank.from_wavelet("db3", "fixed")().detach()
    analysis, _ = kernels(layout, filters)
    with pytest.warns() if min(shape) < 20 else pytest.MonkeyPatch.context():
        wavedec_of = pywt.wavedec if len(shape) == 1 else pywt.wavedec2
        axes = {} if len(shape) == 1 else {"axes": (-2, -1)}
        expected = layout.flatten(wavedec_of(x.numpy(), "db3", mode, 2, **axes))
    assert_equal_to_rounding(analysis.apply(x), torch.from_numpy(expected))


@needs_kernel
@pytest.mark.parametrize("shape", [(100,), (70000,), (40, 30)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_threads_and_chunks_change_no_bit(shape, dtype, monkeypatch):
    layout, filters, x, flat = make_case(shape, 3, "db4", "symmetric", 37, dtype)
    analysis, adjoint = kernels(layout, filters)

    def everything(rows_of_chunk):
        parts = zip(x.split(rows_of_chunk), flat.split(rows_of_chunk), strict=True)
        parts = [(analysis.apply(a), adjoint.T.apply(b)) for a, b in parts]
        return [torch.cat(part) for part in zip(*parts, strict=True)]

    def slopes():
        value = analysis.norm(x, 0.1)
        return value, torch.autograd.grad(value, pairs)[0]

    analysis.factors = (pairs := analysis.factors[0].clone().requires_grad_(),)
    monkeypatch.setattr(_library, "VALUES_PER_THREAD", 1)
    monkeypatch.setattr(_kernel, "PART_BYTES", 2**14)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    with torch.no_grad():
        alone = everything(37)
        expected = slopes_alone = None
    slopes_alone = slopes()
    for n_threads, chunk in ((3, 37), (2, 5), (1, 1)):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=n_threads: n)
        with torch.no_grad():
            for actual, expected in zip(everything(chunk), alone, strict=True):
                assert torch.equal(actual, expected)
        for actual, expected in zip(slopes(), slopes_alone, strict=True):
            assert torch.equal(actual, expected)
    for size in (0, 2**30):  # no signals are interleaved, or all
        monkeypatch.setattr(_kernel, "INTERLEAVED_BYTES", size)
        with torch.no_grad():
            for actual, expected in zip(everything(37), alone, strict=True):
                assert torch.equal(actual, expected)


@needs_kernel
def test_rows_that_are_few_or_not_contiguous():
    layout, filters, x, flat = make_case((50, 20), 2, "db2", "reflect", 20)
    analysis, adjoint = kernels(layout, filters)
    expected = analysis.apply(x)
    assert analysis.apply(x[:0]).shape == (0, layout.n_coeffs)
    assert torch.equal(analysis.apply(x[:1]), expected[:1])
    assert torch.equal(analysis.apply(x[::3]), expected[::3])
    assert torch.equal(analysis.apply(x.mT.contiguous().mT), expected)
    out = torch.full_like(expected.T, np.nan).T
    assert analysis.apply(x, out) is out
    assert torch.equal(out, expected)
    out = torch.full_like(x, np.nan)
    adjoint.T.apply(flat, out)
    assert torch.equal(out, adjoint.T.apply(flat))
    # What is not finite stays in its row.
    x[3, 0, 0] = np.nan
    spoilt = analysis.apply(x).isnan().any(1)
    assert spoilt.nonzero().flatten().tolist() == [3]


@needs_kernel
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "shape, wavelet", [((40,), "db5"), ((700,), "haar"), ((12, 15), "db2")]
)
@pytest.mark.parametrize("n_rows", [3, 20])
def test_gradients(shape, wavelet, mode, n_rows):
    torch.manual_seed(0)  # no coefficient crosses a kink within a step
    layout, filters, x, flat = make_case(shape, 2, wavelet, mode, n_rows)
    # Of a wavelet some coefficients of an extension are zero: a kink of the norm.
    filters = filters + 0.1 * torch.randn(filters.shape, dtype=torch.float64)
    analysis, _ = kernels(layout, filters)
    pairs = analysis.factors[0].clone().requires_grad_()
    analysis.factors = (pairs,)
    towards = torch.randn(pairs.shape, dtype=torch.float64)
    with torch.no_grad():
        moved = [
            analysis.at([pairs + step * towards]) for step in (1e-6, -1e-6)
        ]  # central differences
    functions = {
        "analysis": lambda linear_map: (linear_map.apply(x) * flat).sum(),
        "transpose": lambda linear_map: (linear_map.T.apply(flat) * x).sum(),
        "norm": lambda linear_map: linear_map.norm(x, 0.0),
        "smooth norm": lambda linear_map: linear_map.norm(x, 0.3),
    }
    for name, function in functions.items():
        (gradient,) = torch.autograd.grad(function(analysis), pairs)
        slope = float((gradient * towards).sum())
        values = [float(function(linear_map)) for linear_map in moved]
        expected = (values[0] - values[1]) / 2e-6
        size = float((gradient * towards).abs().sum())
        assert slope == pytest.approx(expected, rel=1e-4, abs=1e-5 * size), name
    # Norms are those of the coefficients.
    coeffs = analysis.apply(x)
    exact = coeffs.abs().sum(), ((coeffs**2 + 0.09).sqrt() - 0.3).sum()
    norms = analysis.norm(x, 0.0), analysis.norm(x, 0.3)
    torch.testing.assert_close(norms, exact)
    rows = x.clone().requires_grad_()
    (actual,) = torch.autograd.grad((analysis.apply(rows) * flat).sum(), rows)
    torch.testing.assert_close(actual, analysis.T.apply(flat))


@needs_kernel
@settings(deadline=None, max_examples=100)
@given(
    shape=st.one_of(
        st.tuples(st.integers(1, 300)),
        st.tuples(st.integers(1, 20), st.integers(1, 40)),
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
    ),
    wavelet=st.sampled_from(["haar", "db2", "bior2.4", "db5", "sym8", "db20"]),
    level=st.integers(1, 7),
    n_rows=st.integers(1, 9),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    chosen=st.sampled_from(SETS),
)
def test_stationary_is_the_product_of_spectra(
    shape, wavelet, level, n_rows, dtype, chosen
):
    layout, filters, x, _ = make_case(shape, level, wavelet, "periodization", n_rows)
    layout = replace(layout, tree=Tree.stationary(level))
    pairs = filters[..., :2, :].clone().requires_grad_()
    spectra = Fourier(layout, pairs, "periodization")
    direct = Kernel(layout, pairs, "periodization")
    direct.instruction_set = chosen
    rows, coeffs = x.to(dtype), spectra.apply(x)
    flat = torch.randn(coeffs.shape, dtype=torch.float64)
    weights = torch.from_numpy(layout.weights)
    smoothing = float(coeffs.detach().abs().max())  # whose slopes rounding cannot turn
    sizes = coeffs**2 / ((coeffs**2 + smoothing**2).sqrt() + smoothing)
    functions = [
        (direct.apply(rows), coeffs),
        (direct.T.apply(flat.to(dtype)), spectra.T.apply(flat)),
        (direct.norm(rows, smoothing), (weights * sizes).sum()),
    ]
    for actual, expected in functions:
        slopes = [
            torch.autograd.grad(y.sum(), pairs, retain_graph=True)[0]
            for y in (actual, expected)
        ]
        for a, b in ((actual, expected), slopes):
            scale = max(1.0, float(b.detach().abs().max()))
            assert_equal_to_rounding(a.detach().to(dtype) / scale, b.detach() / scale)


@needs_kernel
@pytest.mark.parametrize("shape", [(33,), (6, 9)])
def test_many_banks(shape):
    layout, filters, x, flat = make_case(shape, 2, "db2", "smooth", 5)
    scale = torch.tensor([1.0, 0.5, -2.0]).reshape(3, 1, 1, 1, 1).double()
    banks = scale * filters
    analysis, adjoint = kernels(layout, banks)
    pairs = analysis.factors[0].clone().requires_grad_()
    analysis.factors = (pairs,)
    norms = analysis.norm(x, 0.1)
    (slopes,) = torch.autograd.grad((norms * scale.flatten()).sum(), pairs)
    coeffs, signals = analysis.apply(x), adjoint.T.apply(flat)
    backs = adjoint.T.apply(coeffs)
    for i, bank in enumerate(banks):
        one, other = kernels(layout, bank)
        alone = pairs[i].detach().requires_grad_()
        one.factors = (alone,)
        assert torch.equal(coeffs[i], one.apply(x))
        assert torch.equal(signals[i], other.T.apply(flat))
        assert torch.equal(backs[i], other.T.apply(coeffs[i]))
        assert torch.equal(norms[i], one.norm(x, 0.1))
        (slope,) = torch.autograd.grad(float(scale[i]) * one.norm(x, 0.1), alone)
        assert torch.equal(slopes[i], slope)


@needs_kernel
def test_slopes_of_long_signals_are_summed_in_double():
    layout, filters, x, _ = make_case((65536,), 2, "db2", "zero", 3, torch.float32)
    analysis, _ = kernels(layout, filters)
    slopes = []
    for rows in (x, x.double()):
        pairs = analysis.factors[0].clone().requires_grad_()
        value = analysis.at([pairs]).norm(rows, 0.1)
        slopes += torch.autograd.grad(value, pairs)
    error = (slopes[0] - slopes[1]).abs().max() / slopes[1].abs().max()
    assert error < 2e-7


@pytest.mark.parametrize("has_kernel", [True, False])
def test_who_serves(monkeypatch, has_kernel):
    if has_kernel and not instruction_sets():
        pytest.skip("no kernel was built")
    if not has_kernel:
        monkeypatch.setattr(_library, "load_library", lambda: None)
        monkeypatch.setattr(_kernel, "load_library", lambda: None)
    assert bool(instruction_sets()) == has_kernel
    x = torch.randn(2, 300, dtype=torch.float64)
    filters = FilterBank.from_wavelet("db2")().detach()
    layout = CoeffLayout((300,), None, 4, Tree.dwt(2), "periodization")
    served = analysis_map(layout, filters, like=x)
    assert isinstance(served, Kernel if has_kernel else Cascade)
    products = analysis_map(layout, filters)
    assert isinstance(products, Cascade)
    assert_equal_to_rounding(served.apply(x), products.apply(x))
    back = synthesis_map(layout, filters, like=x).apply(served.apply(x))
    assert_equal_to_rounding(back, x)
    short = CoeffLayout((30,), None, 4, Tree.stationary(2), "periodization")
    served = analysis_map(short, filters, like=x)
    assert isinstance(served, Kernel if has_kernel else Whole)
    packets = Tree((frozenset([()]), frozenset([(0,), (1,)])), is_packet=True)
    other = CoeffLayout((30,), None, 4, packets, "symmetric")
    assert isinstance(analysis_map(other, filters, like=x), Whole)
    assert not isinstance(analysis_map(layout, filters, like=x.half()), Kernel)


@needs_kernel
@pytest.mark.parametrize("shape", [(40,), (12, 9)])
def test_results_go_to_places_that_are_not_contiguous(shape):
    """The kernel writes rows one behind the other, whatever the strides of a place."""
    layout, filters, x, flat = make_case(shape, 2, "db2", "symmetric", 5)
    analysis, _ = kernels(layout, filters)
    for function, rows in ((analysis.apply, x), (analysis.T.apply, flat)):
        expected = function(rows)
        wide = torch.zeros(*expected.shape, 3, dtype=expected.dtype)
        place = wide[..., 1]
        assert not place.is_contiguous()
        assert function(rows, place) is place
        assert torch.equal(place, expected)
        assert (wide[..., ::2] == 0).all()


@needs_kernel
def test_the_kernel_serves_the_transformer(monkeypatch):
    for cls in (Cascade, Whole):
        monkeypatch.setattr(cls, "apply", None)
        monkeypatch.setattr(cls, "apply_transpose", None)
    X = np.random.default_rng(0).normal(size=(4, 500)).astype(np.float32)
    transformer = WaveletTransformer("db2", level=4).fit(X)
    Xt = transformer.transform(X)
    assert Xt.dtype == np.float32
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=1e-5)
