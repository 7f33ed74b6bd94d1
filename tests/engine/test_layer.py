import warnings

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import gradcheck

from sk_awave.engine import CoeffLayout, FilterBank, MultilevelDWT, Tree
from sk_awave.engine._boundary import MODES
from sk_awave.engine._reference import (
    bands_to_pywt,
    pack,
    unpack,
    wavedec,
    waverec,
    waverec_adjoint,
)

WAVELETS = sorted(pywt.wavelist(kind="discrete"), key=lambda w: pywt.Wavelet(w).dec_len)

#: Allowed differences relative to the largest coefficient where it exceeds 1:
#: extrapolation amplifies, and rounding with it.
EXACT = 1e-12
SINGLE = 5e-6  # some tens of roundings of float32

#: What the taps that PyWavelets tabulates allow; but "dmey" is orthonormal only to 2e-3.
ROUND_TRIP = 1e-10


@pytest.fixture(autouse=True)
def _no_warnings_of_deep_levels():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Level value of")
        warnings.filterwarnings("ignore", "These filters do not reconstruct")  # dmey
        yield


def filters_of(wavelet):
    return FilterBank.from_wavelet(wavelet, "fixed")().detach()


def stack_banks(names):
    """Filters of several wavelets of equal length, of shape (len(names), 4, K)."""
    return torch.stack([filters_of(name)[0, 0] for name in names])


def leaves(coeffs):
    """The arrays of PyWavelets' structure for any dimension, in its own order."""
    for item in coeffs:
        if isinstance(item, dict):
            yield from (item[key] for key in sorted(item))
        elif isinstance(item, tuple):
            yield from item
        else:
            yield item


def assert_same(coeffs, expected, tolerance=EXACT):
    expected = list(leaves(expected))
    scale = max(1.0, *(np.abs(a).max() for a in expected))
    for a, b in zip(leaves(coeffs), expected, strict=True):
        np.testing.assert_allclose(a.detach(), b, rtol=0, atol=tolerance * scale)
    return scale


def decompose(x, wavelet, mode, level, ndim):
    """PyWavelets' coefficients over the last axes, in the structure for the dimension."""
    axes = tuple(range(-ndim, 0))
    if ndim == 1:
        return pywt.wavedec(x, wavelet, mode, level)
    return (pywt.wavedec2 if ndim == 2 else pywt.wavedecn)(x, wavelet, mode, level, axes)


def reconstruct(coeffs, wavelet, mode, signal_shape):
    axes = tuple(range(-len(signal_shape), 0))
    if len(axes) == 1:
        x = pywt.waverec(coeffs, wavelet, mode)
    else:
        inverse = pywt.waverec2 if len(axes) == 2 else pywt.waverecn
        x = inverse(coeffs, wavelet, mode, axes)
    return x[(..., *(slice(n) for n in signal_shape))]


def random_rows(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1


@pytest.mark.parametrize("mode", MODES)
def test_every_wavelet_at_every_length_equals_pywt(mode):
    """A third of the wavelets at each length, in rotation, goes three levels deep."""
    banks = {wavelet: filters_of(wavelet) for wavelet in WAVELETS}
    for length in (*range(1, 41), 63, 100):
        x = random_rows(1, length, seed=length)
        for i, wavelet in enumerate(WAVELETS):
            for level in (3, 2, 1) if (i + length) % 3 == 0 else (1,):
                try:
                    expected = pywt.wavedec(x[0].numpy(), wavelet, mode, level)
                except ValueError:  # "reflect" and "antireflect" of a single sample
                    with pytest.raises(ValueError, match="at least 2 samples"):
                        wavedec(x, banks[wavelet], mode, level)
                    continue
                bands = wavedec(x, banks[wavelet], mode, level)
                lengths = [band.shape[-1] for band in bands]
                assert lengths == [len(c) for c in expected], (wavelet, length)
                flat = np.concatenate(expected)
                scale = max(1.0, np.abs(flat).max())
                error = torch.cat([b.flatten() for b in bands]).numpy() - flat
                assert np.abs(error).max() <= EXACT * scale, (wavelet, length)
                break


@pytest.mark.parametrize("mode", MODES)
def test_every_wavelet_reconstructs_as_pywt_does(mode):
    for i, wavelet in enumerate(WAVELETS):
        filters = filters_of(wavelet)
        orthogonal = pywt.Wavelet(wavelet).orthogonal and wavelet != "dmey"
        for length in (2 + i % 2, 9 + i % 2, 40 + i % 2):  # even or odd, in turn
            level = 1 if length < 4 else 3
            x = random_rows(1, length, seed=length)
            bands = wavedec(x, filters, mode, level)
            again = waverec(bands, filters, mode, (length,))[0].numpy()
            coeffs = [band.flatten().numpy() for band in bands]
            scale = max(1.0, *(np.abs(c).max() for c in coeffs))
            expected = pywt.waverec(coeffs, wavelet, mode)[:length]
            assert np.abs(again - expected).max() <= EXACT * scale, (wavelet, length)
            if orthogonal:
                error = np.abs(again - x[0].numpy()).max()
                assert error <= ROUND_TRIP * scale, (wavelet, length)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("signal_shape", [(9, 6), (1, 7), (5, 4, 3)])
@pytest.mark.parametrize("wavelet", ["haar", "sym4", "bior2.4"])
def test_several_dimensions_equal_pywt(wavelet, signal_shape, mode):
    ndim, level = len(signal_shape), 2
    x = random_rows(2, *signal_shape)
    filters = filters_of(wavelet)
    try:
        expected = decompose(x.numpy(), wavelet, mode, level, ndim)
    except ValueError:
        with pytest.raises(ValueError, match="at least 2 samples"):
            wavedec(x, filters, mode, level)
        return
    bands = wavedec(x, filters, mode, level)
    scale = assert_same(bands_to_pywt(bands, (2,)), expected)
    again = waverec(bands, filters, mode, signal_shape)
    torch.testing.assert_close(again, x, rtol=0, atol=ROUND_TRIP * scale)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "names, signal_shape",
    [(("db3", "coif1"), (9, 12)), (("db3", "bior2.2", "coif1"), (5, 6, 7))],
)
def test_filters_per_axis_equal_pywt(names, signal_shape, mode):
    x = random_rows(2, *signal_shape)
    filters = stack_banks(names)[None]
    expected = decompose(x.numpy(), names, mode, 2, len(names))
    bands = wavedec(x, filters, mode, 2)
    scale = assert_same(bands_to_pywt(bands, (2,)), expected)
    again = waverec(bands, filters, mode, signal_shape)
    torch.testing.assert_close(again, x, rtol=0, atol=EXACT * scale)


@pytest.mark.parametrize("mode", MODES)
def test_filters_per_level_equal_pywt_level_by_level(mode):
    names = ("db3", "bior2.2", "coif1")  # the finest first
    x = random_rows(1, 21)
    filters = stack_banks(names)[:, None]
    approximation, details = x[0].numpy(), []
    for name in names:
        approximation, detail = pywt.dwt(approximation, name, mode)
        details.insert(0, detail)
    bands = wavedec(x, filters, mode, 3)
    scale = assert_same(bands_to_pywt(bands, ()), [approximation, *details])
    again = waverec(bands, filters, mode, (21,))
    torch.testing.assert_close(again, x, rtol=0, atol=EXACT * scale)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("signal_shape", [(17,), (30,), (9, 6)])
def test_single_precision_equals_pywt_to_its_rounding(signal_shape, mode):
    x = random_rows(2, *signal_shape).float()
    filters = filters_of("db4").float()
    expected = decompose(x.double().numpy(), "db4", mode, 2, len(signal_shape))
    bands = wavedec(x, filters, mode, 2)
    assert bands[0].dtype == torch.float32
    scale = assert_same(bands_to_pywt(bands, (2,)), expected, SINGLE)
    again = waverec(bands, filters, mode, signal_shape)
    torch.testing.assert_close(again, x, rtol=0, atol=SINGLE * scale)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_transform_equals_pywt(data):
    ndim = data.draw(st.integers(1, 3))
    side = st.integers(1, {1: 50, 2: 12, 3: 6}[ndim])
    signal_shape = tuple(data.draw(st.lists(side, min_size=ndim, max_size=ndim)))
    batch_shape = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    wavelet = data.draw(st.sampled_from(WAVELETS))
    mode = data.draw(st.sampled_from(MODES))
    level = data.draw(st.integers(0, {1: 5, 2: 2, 3: 1}[ndim]))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    x = random_rows(*batch_shape, *signal_shape).to(dtype)
    tolerance = SINGLE if dtype == torch.float32 else EXACT
    dwt = MultilevelDWT(
        wavelet, level=level, mode=mode, ndim=ndim, parametrization="fixed"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # also our own warning of deep levels
        try:
            expected = decompose(x.double().numpy(), wavelet, mode, level, ndim)
        except ValueError:
            with pytest.raises(ValueError, match="at least 2 samples"):
                dwt(x)
            return
        coeffs = dwt(x)
    scale = assert_same(coeffs, expected, tolerance)
    again = dwt.inverse(coeffs, signal_shape)
    assert again.dtype == dtype
    reference = reconstruct(expected, wavelet, mode, signal_shape)
    np.testing.assert_allclose(again.detach(), reference, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", ["db3", "sym8", "bior2.4"])
@pytest.mark.parametrize("signal_shape", [(16,), (17,), (5,), (7, 8), (3, 4, 5)])
def test_adjoint_of_synthesis_on_random_vectors(signal_shape, wavelet, mode):
    filters = filters_of(wavelet)
    layout = CoeffLayout(signal_shape, None, filters.shape[-1], Tree.dwt(2), mode)
    c, x = random_rows(1, layout.n_coeffs), random_rows(1, *signal_shape, seed=1)
    forward = waverec(unpack(c, layout), filters, mode, signal_shape)
    adjoint = pack(waverec_adjoint(x, filters, mode, 2))
    difference = float((forward * x).sum() - (c * adjoint).sum())
    assert abs(difference) <= EXACT * float(forward.norm() * x.norm())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", ["db2", "rbio2.2"])
@pytest.mark.parametrize("length", [12, 13])
def test_adjoint_is_the_transposed_matrix_of_pywt(length, wavelet, mode):
    filters = filters_of(wavelet)
    layout = CoeffLayout((length,), None, filters.shape[-1], Tree.dwt(2), mode)
    matrix = [
        pywt.waverec(layout.unflatten(unit), wavelet, mode)[:length]
        for unit in np.eye(layout.n_coeffs)
    ]
    unit_signals = torch.eye(length, dtype=torch.float64)
    adjoint = pack(waverec_adjoint(unit_signals, filters, mode, 2))
    np.testing.assert_allclose(adjoint.T, matrix, rtol=0, atol=EXACT)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "signal_shape, parametrization",
    [((9,), "orthogonal"), ((9,), "free"), ((3, 4), "orthogonal")],
)
def test_gradients_of_all_levels(signal_shape, parametrization, mode):
    bank = FilterBank.from_wavelet("db2", parametrization, n_axes=len(signal_shape))
    make_filters = bank.parametrization
    layout = CoeffLayout(signal_shape, None, 4, Tree.dwt(2), mode)
    original = bank.original.detach().requires_grad_()
    x = random_rows(1, *signal_shape).requires_grad_()
    flat = random_rows(1, layout.n_coeffs).requires_grad_()

    def analyse(x, original):
        return pack(wavedec(x, make_filters(original), mode, 2))

    def synthesise(flat, original):
        bands = unpack(flat, layout)
        return waverec(bands, make_filters(original), mode, signal_shape)

    assert gradcheck(analyse, (x, original))
    assert gradcheck(synthesise, (flat, original))


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_layer_has_the_structure_of_pywt(ndim):
    signal_shape = (13, 12, 15)[:ndim]
    x = random_rows(2, 3, *signal_shape)
    dwt = MultilevelDWT("db2", level=2, ndim=ndim)
    coeffs = dwt(x)
    expected = decompose(x.numpy(), "db2", "symmetric", 2, ndim)
    assert [type(a) for a in coeffs[1:]] == [
        torch.Tensor if ndim == 1 else type(b) for b in expected[1:]
    ]
    assert_same(coeffs, expected)
    again = dwt.inverse(coeffs, signal_shape)
    torch.testing.assert_close(again, x, rtol=0, atol=EXACT)
    # Without a shape, an odd length comes back with one sample more, as in PyWavelets.
    uncropped = dwt.inverse(coeffs)
    assert uncropped.shape[2:] == tuple(n + n % 2 for n in signal_shape)


@pytest.mark.parametrize("batch_shape", [(), (0,), (2, 3)])
def test_layer_takes_any_leading_axes(batch_shape):
    dwt = MultilevelDWT("db2", level=2)
    x = torch.ones(*batch_shape, 16)
    coeffs = dwt(x)
    assert [c.shape for c in coeffs] == [(*batch_shape, n) for n in (6, 6, 9)]
    assert dwt.inverse(coeffs).shape == x.shape


@pytest.mark.parametrize("length", [40, 41])
def test_the_shape_of_series_may_be_a_length(length):
    dwt, x = MultilevelDWT("db2", level=2), random_rows(3, length)
    torch.testing.assert_close(dwt.inverse(dwt(x), length), x, rtol=0, atol=EXACT)


def test_signal_with_too_few_axes_is_refused():
    with pytest.raises(ValueError, match="ndim"):
        MultilevelDWT("db2", level=1, ndim=2)(torch.ones(8))


def test_default_level_is_that_of_pywt():
    assert len(MultilevelDWT("db2")(torch.ones(64))) == 1 + pywt.dwt_max_level(64, 4)


def test_level_too_deep_warns():
    with pytest.warns(UserWarning, match="level=3 is too high"):
        coeffs = MultilevelDWT("db4", level=3)(torch.ones(10))
    assert len(coeffs) == 4


@pytest.mark.parametrize("per_level", [False, True])
def test_negative_level_is_refused(per_level):
    with pytest.raises(ValueError, match="level must be an int from 0 to 62"):
        MultilevelDWT("db4", level=-1, per_level=per_level)(torch.ones(10))


def test_filters_per_level_need_a_level():
    with pytest.raises(ValueError, match="per_level=True needs the number of levels"):
        MultilevelDWT("db2", per_level=True)


@pytest.mark.parametrize("per_level", [False, True])
def test_level_zero_is_the_identity(per_level):
    dwt = MultilevelDWT("db2", level=0, per_level=per_level)
    x = random_rows(2, 9)
    assert torch.equal(dwt(x)[0], x)
    assert torch.equal(dwt.inverse([x]), x)


@pytest.mark.parametrize("per_level", [False, True])
@pytest.mark.parametrize("per_axis", [False, True])
@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
def test_what_is_learned_gets_gradients(parametrization, per_axis, per_level):
    dwt = MultilevelDWT(
        "db3",
        level=2,
        ndim=2,
        parametrization=parametrization,
        per_level=per_level,
        per_axis=per_axis,
    )
    (parameter,) = dwt.parameters()
    size = 2 if parametrization == "orthogonal" else 6
    assert parameter.shape == (2 if per_level else 1, 2 if per_axis else 1, size)
    sum(c.abs().sum() for c in leaves(dwt(random_rows(2, 20, 20)))).backward()
    assert (parameter.grad != 0).all()


def test_fixed_filters_are_not_trainable_but_pass_gradients_on():
    dwt = MultilevelDWT("bior2.2", level=1, parametrization="fixed")
    assert not any(p.requires_grad for p in dwt.parameters())
    x = random_rows(2, 15).requires_grad_()
    dwt(x)[1].square().sum().backward()
    assert (x.grad != 0).any()


@pytest.mark.parametrize(
    "parametrization, wavelets",
    [
        ("orthogonal", ("db3", "coif1")),
        ("biorthogonal", ("db3", "rbio2.2")),
        ("symmetric", ("bior4.4", "rbio4.4")),
        ("free", ("db3", "coif1")),
        ("fixed", ("db3", "bior2.2")),
    ],
)
def test_state_dict_restores_the_layer(parametrization, wavelets):
    dwt, other = (
        MultilevelDWT(wavelet, level=2, parametrization=parametrization)
        for wavelet in wavelets
    )
    with torch.no_grad():
        dwt.filter_bank.original += 0.1
    other.load_state_dict(dwt.state_dict())
    x = random_rows(2, 63)
    for a, b in zip(dwt(x), other(x), strict=True):
        assert torch.equal(a, b)


def test_training_in_a_network_lowers_the_loss():
    torch.manual_seed(0)
    dwt = MultilevelDWT("db3", level=2)
    net = nn.Sequential(nn.Linear(20, 20), dwt)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    x = random_rows(8, 20).float()

    def loss():
        return sum(c.abs().mean() for c in net(x))

    before = loss()
    before.backward()
    assert all((p.grad != 0).any() for p in net.parameters())
    optimizer.step()
    assert loss() < before
    again = dwt.inverse(dwt(x), (20,))
    torch.testing.assert_close(again, x, rtol=0, atol=SINGLE)


def assert_compiles(dwt, *signals):
    """Run a layer and its inverse without a break of the graph."""
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dynamo warns of what it looks at itself
        forward = torch.compile(dwt, fullgraph=True, backend="eager")
        inverse = torch.compile(dwt.inverse, fullgraph=True, backend="eager")
        for x in signals:
            coeffs, expected = forward(x), dwt(x)
            for a, b in zip(leaves(coeffs), leaves(expected), strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=EXACT)
            again = inverse(coeffs, tuple(x.shape[x.ndim - dwt.ndim :]))
            torch.testing.assert_close(again, x, rtol=0, atol=EXACT)


@pytest.mark.parametrize("mode", MODES)
def test_layer_compiles_for_two_lengths(mode):
    dwt = MultilevelDWT("db2", level=1, mode=mode)
    assert_compiles(dwt, random_rows(2, 13), random_rows(2, 20))


@pytest.mark.parametrize(
    "kwargs, signal_shape",
    [
        ({"parametrization": "free"}, (40,)),
        ({"ndim": 2, "level": 2, "per_level": True, "per_axis": True}, (13, 12)),
    ],
)
def test_variants_of_the_layer_compile(kwargs, signal_shape):
    assert_compiles(MultilevelDWT("db2", **kwargs), random_rows(2, *signal_shape))


def test_layer_with_too_deep_a_level_compiles():
    assert_compiles(MultilevelDWT("db2", level=2), random_rows(2, 5))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_integers_are_transformed_as_floats(dtype):
    x = torch.arange(24).reshape(2, 12).to(dtype)
    dwt = MultilevelDWT("db2", level=2)
    for a, b in zip(dwt(x), dwt(x.float()), strict=True):
        assert torch.equal(a, b)
    assert dwt(x)[0].dtype == torch.float32


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((2, 8)), "x must be made of tensors. Got ndarray instead"),
        (torch.zeros(2, 8) * 1j, "x must be real. Got torch.complex64"),
    ],
)
def test_what_the_layer_does_not_take(x, message):
    with pytest.raises(TypeError, match=message):
        MultilevelDWT("db2", level=1)(x)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"ndim": 0}, "ndim must be an int of at least 1. Got 0"),
        ({"ndim": 1.0}, "ndim must be an int of at least 1. Got 1.0"),
        ({"level": True}, "level must be an int from 0 to 62"),
        ({"mode": "wrap"}, "mode must be one of .* Got 'wrap'"),
    ],
)
def test_bad_parameters_of_the_layer(kwargs, message):
    with pytest.raises(ValueError, match=message):
        MultilevelDWT("db2", **kwargs)


def test_coefficients_that_do_not_belong_together():
    dwt, images = MultilevelDWT("db2", level=2), MultilevelDWT("db2", level=2, ndim=2)
    cA2, cD2, cD1 = coeffs = dwt(random_rows(2, 20))
    for wrong in (
        [cA2, cD1, cD2],
        [cA2, cD2, cD1[..., :-1]],
        [cA2[..., 1:], cD2, cD1],
        [cA2, cD2[..., 1:], cD1],
    ):
        with pytest.raises(ValueError, match=r"do not belong together, .* of 4 taps"):
            dwt.inverse(wrong)
    with pytest.raises(ValueError, match=r"or to signals of shape \(30,\)"):
        dwt.inverse(coeffs, (30,))
    dwt.inverse(coeffs, (19,))  # the other length with as many coefficients
    for wrong in (coeffs, [cA2, (cD2, cD1)], [c.detach().numpy() for c in coeffs], [], 3):
        with pytest.raises(ValueError, match="structure of PyWavelets' wavedec2"):
            images.inverse(wrong)
    with pytest.raises(ValueError, match="structure of PyWavelets' wavedec,"):
        dwt.inverse([c.detach().numpy() for c in coeffs])
