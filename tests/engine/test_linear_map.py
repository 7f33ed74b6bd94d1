import itertools
import math

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_awave.engine import CoeffLayout, FilterBank, Tree, _axis_steps, _transform
from sk_awave.engine._axis_steps import Blocks, Dense
from sk_awave.engine._boundary import MODES
from sk_awave.engine._cascade import Cascade
from sk_awave.engine._fourier import Fourier
from sk_awave.engine._linear_map import Whole
from sk_awave.engine._objective import rows_per_batch
from sk_awave.engine._reference import pack, unpack, wavedec, waverec, waverec_adjoint
from sk_awave.engine._transform import analysis_map, synthesis_map

#: (shape, level, wavelet): one matrix, blocks, and mixtures.
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
    layout = CoeffLayout(shape, None, filters.shape[-1], Tree.dwt(level), mode)
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
def test_maps_are_the_reference(shape, level, wavelet, mode, shared):
    layout, filters, x, flat = make_case(shape, level, wavelet, mode, shared)
    analysis, synthesis = analysis_map(layout, filters), synthesis_map(layout, filters)
    assert_close(analysis.apply(x), pack(wavedec(x, filters, mode, level)))
    expected = pack(waverec_adjoint(x, filters, mode, level))
    assert_close(synthesis.T.apply(x), expected)
    out = torch.full_like(expected, math.nan)
    assert_close(synthesis.T.apply(x, out), expected)
    assert_close(out, expected)
    expected = waverec(unpack(flat, layout), filters, mode, shape)
    assert_close(synthesis.apply(flat), expected)
    out = torch.full_like(x, math.nan)
    synthesis.apply(flat, out)
    assert_close(out, expected)
    back = analysis.T.apply(flat)
    assert (back * x).sum().item() == pytest.approx(
        (flat * analysis.apply(x)).sum().item(), rel=1e-9
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape, level, wavelet", CASES)
@pytest.mark.parametrize("kind", ["analysis", "adjoint", "synthesis"])
def test_gradients_are_those_of_the_reference(shape, level, wavelet, mode, kind):
    layout, filters, x, flat = make_case(shape, level, wavelet, mode, shared=False)
    filters.requires_grad_()
    if kind == "analysis":
        mapped = analysis_map(layout, filters).apply(x)
        expected, weights = pack(wavedec(x, filters, mode, level)), flat
    elif kind == "adjoint":
        mapped = synthesis_map(layout, filters).T.apply(x)
        expected, weights = pack(waverec_adjoint(x, filters, mode, level)), flat
    else:
        mapped = synthesis_map(layout, filters).apply(flat)
        expected = waverec(unpack(flat, layout), filters, mode, shape)
        weights = x
    gradient, expected = (
        torch.autograd.grad((y * weights).sum(), filters)[0] for y in (mapped, expected)
    )
    scale = float(expected.abs().max())
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("tree", [Tree.dwt(2), Tree.stationary(2)])
@pytest.mark.parametrize("shape", [(20,), (200,), (28, 30), (150, 12)])
def test_many_banks_at_once(shape, tree):
    filters = torch.randn(5, 1, 1, 4, 4, dtype=torch.float64)
    layout = CoeffLayout(shape, None, 4, tree, "periodization")
    x = torch.randn(3, *shape, dtype=torch.float64)
    y = analysis_map(layout, filters).apply(x)
    back = synthesis_map(layout, filters).apply(y)
    assert y.shape == (5, 3, layout.n_coeffs)
    for i, bank in enumerate(filters):
        assert_close(y[i], analysis_map(layout, bank).apply(x))
        assert_close(back[i], synthesis_map(layout, bank).apply(y[i]))


@pytest.mark.thread_unsafe  # it changes a constant
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
    layout = CoeffLayout((length,), None, filters.shape[-1], Tree.dwt(level), mode)
    x = torch.randn(2, length, generator=torch.Generator().manual_seed(0), dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_axis_steps, "DENSE_SIZE", dense_size)
        patch.setattr(_transform, "DENSE_SIZE", dense_size)
        flat = analysis_map(layout, filters, like=x).apply(x)
    expected = pack(wavedec(x, filters.to(dtype), mode, level))
    scale = max(1.0, float(expected.abs().max()))
    atol = 100 * torch.finfo(dtype).eps * scale
    torch.testing.assert_close(flat, expected, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "shape, tree, length, kinds",
    [
        ((128,), Tree.dwt(4), 10, None),
        ((8, 16), Tree.dwt(2), 10, None),
        ((100,), Tree.stationary(4), 10, None),
        ((300,), Tree.dwt(3), 10, [Blocks, Blocks, Dense]),
        ((150,), Tree.dwt(1), 76, [Dense]),  # the ends would overlap
        ((28, 200), Tree.dwt(1), 10, [Dense, Blocks]),
        ((8, 2, 6), Tree.dwt(1), 74, [Dense, Dense, Dense]),  # far more coefficients
    ],
)
def test_choice_of_maps(shape, tree, length, kinds):
    mode = "symmetric" if tree.is_decimated else "periodization"
    filters = torch.ones(1, 1, 4, length, dtype=torch.float64)
    linear_map = analysis_map(CoeffLayout(shape, None, length, tree, mode), filters)
    assert isinstance(linear_map, Whole if kinds is None else Cascade)
    stationary = CoeffLayout((300,), None, length, Tree.stationary(3), "periodization")
    assert isinstance(analysis_map(stationary, filters), Fourier)
    assert (linear_map.matrix is None) == (kinds is not None)
    if kinds is not None:
        assert [type(step) for axes in linear_map._steps for step in axes] == kinds


def test_rows_do_not_leak_into_one_another():
    """The last block of a row must not see the next row."""
    layout, filters, x, _ = make_case((1024,), 2, "db5", "zero")
    analysis = analysis_map(layout, filters)
    alone = analysis.apply(x[:1].clone())
    x[1] = 1e9
    assert_close(analysis.apply(x)[:1], alone)


def test_rows_of_a_batch():
    assert rows_per_batch(CoeffLayout((64,), None, 2, Tree.dwt(1), "zero")) == 2**14
    # Where there are more coefficients than samples, their number counts.
    layout = CoeffLayout((64,), None, 2, Tree.stationary(3), "periodization")
    assert rows_per_batch(layout) == 2**12
    assert rows_per_batch(CoeffLayout((2**21,), None, 2, Tree.dwt(1), "zero")) == 1


# Lengths that PyWavelets takes; by one matrix, by blocks, and by cycles of both kinds.
@pytest.mark.parametrize("wavelet", ["haar", "db3", "sym8", "bior2.2", "bior4.4"])
@pytest.mark.parametrize("length, level", [(16, 4), (24, 3), (256, 5), (1536, 6)])
def test_stationary_transform_is_that_of_pywt(wavelet, length, level):
    filters = FilterBank.from_wavelet(wavelet, "fixed")().detach()
    tree = Tree.stationary(level)
    layout = CoeffLayout((length,), None, filters.shape[-1], tree, "periodization")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, length, generator=generator, dtype=torch.float64)
    # PyWavelets refuses norm=True for biorthogonal wavelets, where it would be as well.
    norm = pywt.Wavelet(wavelet).orthogonal
    gains = [2 ** (0.0 if norm else b.level / 2) for b in layout.bands]
    expected = pywt.swt(x.numpy(), wavelet, level, trim_approx=True, norm=norm)
    coeffs = layout.unflatten(analysis_map(layout, filters).apply(x))
    for band, other, gain in zip(coeffs, expected, gains, strict=True):
        assert_close(band * gain, torch.from_numpy(other))
    # Coefficients that no signal has, too.
    flat = torch.randn(2, layout.n_coeffs, generator=generator, dtype=torch.float64)
    given = [
        band.numpy() * gain
        for band, gain in zip(layout.unflatten(flat), gains, strict=True)
    ]
    expected = torch.from_numpy(pywt.iswt(given, wavelet, norm=norm))
    assert_close(synthesis_map(layout, filters).apply(flat), expected)


@pytest.mark.parametrize("wavelet", ["haar", "db3", "sym4"])
@pytest.mark.parametrize("shape, level", [((8, 8), 2), ((16, 32), 3), ((256, 16), 2)])
def test_stationary_images_are_those_of_pywt(wavelet, shape, level):
    filters = FilterBank.from_wavelet(wavelet, "fixed")().detach()
    tree = Tree.stationary(level)
    layout = CoeffLayout(shape, None, filters.shape[-1], tree, "periodization")
    x = torch.randn(2, *shape, dtype=torch.float64)
    flat = analysis_map(layout, filters).apply(x)
    kwargs = {"level": level, "trim_approx": True, "norm": True, "axes": (-2, -1)}
    expected = pywt.swt2(x.numpy(), wavelet, **kwargs)
    assert_close(flat, torch.from_numpy(layout.flatten(expected)))
    given = layout.unflatten(flat.numpy()[0])
    back = synthesis_map(layout, filters).apply(flat)
    assert_close(back[0], torch.from_numpy(pywt.iswt2(given, wavelet, norm=True)))
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=2).map(tuple),
    factor=st.sampled_from([1, 7]),
    level=st.integers(0, 4),
    name=st.sampled_from(["haar", "db2", "coif2", "bior3.3"]),
)
def test_stationary_transform_of_any_length(shape, factor, level, name):
    """Exact inverse and adjoint at lengths that PyWavelets does not take."""
    shape = (factor * shape[0], *shape[1:])
    filters = FilterBank.from_wavelet(name, "fixed")().detach()
    tree = Tree.stationary(level)
    layout = CoeffLayout(shape, None, filters.shape[-1], tree, "periodization")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    flat = torch.randn(2, layout.n_coeffs, generator=generator, dtype=torch.float64)
    analysis, synthesis = analysis_map(layout, filters), synthesis_map(layout, filters)
    y = analysis.apply(x)
    torch.testing.assert_close(synthesis.apply(y), x, rtol=0, atol=1e-9)
    for linear_map in (analysis, synthesis.T):
        one, other = linear_map.apply(x) * flat, linear_map.T.apply(flat) * x
        assert one.sum().item() == pytest.approx(other.sum().item(), abs=1e-9)
    # The whole transform moves with the signal.
    moved = layout.unflatten(analysis.apply(x.roll(1, 1)))
    for band, other in zip(layout.unflatten(y), moved, strict=True):
        parts = (band, other) if len(shape) == 1 or not isinstance(band, tuple) else ()
        if parts:
            assert_close(parts[0].roll(1, 1), parts[1])


@pytest.mark.parametrize("shape", [(32,), (8, 8)])
def test_weighted_norm_is_the_mean_over_shifts_of_the_decimated_norm(shape):
    level, ndim = 2, len(shape)
    filters = FilterBank.from_wavelet("db2")().detach()
    x = torch.randn(1, *shape, dtype=torch.float64)
    norms = []
    decimated = CoeffLayout(shape, None, 4, Tree.dwt(level), "periodization")
    for shift in np.ndindex((2**level,) * ndim):
        moved = x.roll(shift, tuple(range(1, ndim + 1)))
        norms.append(analysis_map(decimated, filters).apply(moved).abs().sum().item())
    layout = CoeffLayout(shape, None, 4, Tree.stationary(level), "periodization")
    coeffs = analysis_map(layout, filters).apply(x)[0].abs().numpy()
    assert coeffs @ layout.weights == pytest.approx(np.mean(norms), rel=1e-12)


def test_energy_of_an_orthogonal_stationary_transform():
    filters = FilterBank.from_wavelet("sym4")().detach()
    layout = CoeffLayout((50,), None, 8, Tree.stationary(3), "periodization")
    x = torch.randn(3, 50, dtype=torch.float64)
    analysis, synthesis = analysis_map(layout, filters), synthesis_map(layout, filters)
    y = analysis.apply(x)
    torch.testing.assert_close(y.square().sum(1), x.square().sum(1))
    # Then attributions and coefficients share one matrix.
    torch.testing.assert_close(synthesis.T.matrix, analysis.matrix)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", ["db3", "bior4.4"])
@pytest.mark.parametrize("shape", [(37,), (150,), (9, 12), (20, 130)])
@pytest.mark.parametrize("kind", ["full", "uneven"])
def test_packets_are_another_tree(shape, wavelet, mode, kind):
    """A tree that no module knows of: PyWavelets' packets, and the exact inverse."""
    ndim = len(shape)
    n_branches = 2**ndim
    splits = [frozenset(itertools.product(range(n_branches), repeat=j)) for j in range(2)]
    if kind == "uneven":
        splits[1] = frozenset([(1,)])
    filters = FilterBank.from_wavelet(wavelet, "fixed")().detach()
    layout = CoeffLayout(
        shape, None, filters.shape[-1], Tree(tuple(splits), is_packet=True), mode
    )
    x = torch.randn(2, *shape, dtype=torch.float64)
    analysis, synthesis = analysis_map(layout, filters), synthesis_map(layout, filters)
    flat = analysis.apply(x)
    packets = pywt.WaveletPacket if ndim == 1 else pywt.WaveletPacket2D
    expected = packets(x[0].numpy(), wavelet, mode, 2)
    for band in layout.bands:
        values = flat[0, band.start : band.stop].reshape(band.shape)
        assert_close(values, torch.from_numpy(expected[band.name].data))
    scale = float(flat.abs().max())
    torch.testing.assert_close(synthesis.apply(flat), x, rtol=0, atol=1e-10 * scale)
    y = torch.randn_like(flat)
    one, other = (synthesis.apply(y) * x).sum(), (y * synthesis.T.apply(x)).sum()
    assert one.item() == pytest.approx(other.item(), rel=1e-9)
    assert len(layout.names()) == len(set(layout.names())) == layout.n_coeffs
