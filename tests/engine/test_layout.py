import dataclasses
import pickle
import warnings

import numpy as np
import pytest
import pywt
import torch

from sk_awave.engine import CoeffLayout, Tree
from sk_awave.engine._boundary import MODES
from sk_awave.engine._layout import resolve_level

WAVELET = "db2"
SHAPES = [(17,), (9, 12), (5, 6, 7)]


def layout_of(signal_shape, n_channels=None, level=2, mode="symmetric"):
    return CoeffLayout(signal_shape, n_channels, 4, Tree.dwt(level), mode)


def decompose(x, layout):
    """PyWavelets' coefficients over the last axes, in its structure for the dimension."""
    ndim = len(layout.signal_shape)
    axes = tuple(range(-ndim, 0))
    function = {1: pywt.wavedec, 2: pywt.wavedec2, 3: pywt.wavedecn}[ndim]
    kwargs = {"axis": -1} if ndim == 1 else {"axes": axes}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Level value of")
        return function(x, WAVELET, layout.mode, layout.level, **kwargs)


def leaves(coeffs):
    """The arrays of PyWavelets' structure, in its own order."""
    for item in coeffs:
        if isinstance(item, dict):
            yield from (item[key] for key in sorted(item))
        elif isinstance(item, tuple):
            yield from item
        else:
            yield item


def assert_same(coeffs, expected):
    for a, b in zip(leaves(coeffs), leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("signal_shape", SHAPES)
@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_flat_order_is_that_of_ravel_coeffs(signal_shape, mode, level):
    layout = layout_of(signal_shape, level=level, mode=mode)
    x = np.random.default_rng(0).standard_normal(signal_shape)
    coeffs = decompose(x, layout)
    expected = pywt.ravel_coeffs(coeffs)[0]
    assert layout.n_coeffs == layout.n_coeffs_per_channel == len(expected)
    np.testing.assert_array_equal(layout.flatten(coeffs), expected)
    assert_same(layout.unflatten(expected), coeffs)


@pytest.mark.parametrize("signal_shape", SHAPES)
def test_unflatten_gives_what_pywt_reconstructs_from(signal_shape):
    layout = layout_of(signal_shape)
    x = np.random.default_rng(0).standard_normal(signal_shape)
    coeffs = layout.unflatten(layout.flatten(decompose(x, layout)))
    ndim = len(signal_shape)
    inverse = {1: pywt.waverec, 2: pywt.waverec2, 3: pywt.waverecn}[ndim]
    again = inverse(coeffs, WAVELET, layout.mode)
    again = again[tuple(slice(n) for n in signal_shape)]
    np.testing.assert_allclose(again, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("n_channels", [None, 1, 3])
@pytest.mark.parametrize("batch_shape", [(), (2,), (2, 5)])
@pytest.mark.parametrize("signal_shape", SHAPES)
def test_flatten_inverts_unflatten(signal_shape, batch_shape, n_channels, as_tensor):
    layout = layout_of(signal_shape, n_channels)
    flat = np.random.default_rng(0).standard_normal((*batch_shape, layout.n_coeffs))
    flat = torch.from_numpy(flat) if as_tensor else flat
    coeffs = layout.unflatten(flat)
    channels = () if n_channels is None else (n_channels,)
    band = layout.bands[0]
    assert tuple(coeffs[0].shape) == (*batch_shape, *channels, *band.shape)
    again = layout.flatten(coeffs)
    assert type(again) is type(flat)
    np.testing.assert_array_equal(again, flat)


def test_channels_follow_each_other():
    layout = layout_of((9, 12), 3)
    x = np.random.default_rng(0).standard_normal((4, 3, 9, 12))
    expected = [layout_of((9, 12)).flatten(decompose(x[:, c], layout)) for c in range(3)]
    flat = layout.flatten(decompose(x, layout))
    np.testing.assert_array_equal(flat, np.concatenate(expected, -1))


def test_wrong_number_of_coefficients_is_refused():
    layout = layout_of((17,))
    with pytest.raises(ValueError, match=rf"must have {layout.n_coeffs} coefficients"):
        layout.unflatten(np.zeros((2, layout.n_coeffs - 1)))


def test_names_tell_band_level_and_position():
    layout = layout_of((60,), level=4)
    names = layout.names()
    assert len(names) == len(set(names)) == layout.n_coeffs
    assert names[0] == "cA4_0"
    assert {"cD4_0", "cD1_12"} <= set(names)
    assert names[-1] == f"cD1_{layout.shapes[1][0] - 1}"


@pytest.mark.parametrize(
    "signal_shape, some_names",
    [
        ((9, 12), ["cA2_0_0", "cH2_3_4", "cV1_5_6", "cD1_0_2"]),
        ((5, 6, 7), ["aaa2_0_0_0", "aad1_0_2_3", "dda2_1_1_1", "ddd1_2_3_4"]),
    ],
)
def test_names_in_several_dimensions(signal_shape, some_names):
    layout = layout_of(signal_shape)
    names = layout.names()
    assert len(set(names)) == layout.n_coeffs
    assert set(some_names) <= set(names)
    # The name leads to the coefficient.
    coeffs = layout.unflatten(np.array(names))
    details = coeffs[-1]  # the finest
    if isinstance(details, dict):
        assert details["aad"][0, 2, 3] == "aad1_0_2_3"
    else:
        assert [d[0, 2] for d in details] == ["cH1_0_2", "cV1_0_2", "cD1_0_2"]


def test_names_have_a_prefix_only_with_several_channels():
    one, several = layout_of((8,), 1), layout_of((8,), 2)
    assert one.names() == layout_of((8,)).names()
    assert several.names()[0] == "ch0_cA2_0"
    assert several.names()[one.n_coeffs] == "ch1_cA2_0"
    assert len(set(several.names())) == several.n_coeffs == 2 * one.n_coeffs


def test_layout_is_a_value():
    layout, same = layout_of((9, 12), 3), layout_of((9, 12), 3)
    assert layout.bands is layout.bands
    assert layout == same
    assert hash(layout) == hash(same)
    assert layout != layout_of((9, 12), 2)
    again = pickle.loads(pickle.dumps(layout))
    assert again == layout
    assert again.bands == layout.bands
    with pytest.raises(dataclasses.FrozenInstanceError):
        layout.level = 5


def test_default_level_is_that_of_pywt_for_the_shortest_axis():
    assert resolve_level((64, 20), 4, "zero", None) == pywt.dwt_max_level(20, 4)
    assert resolve_level((2,), 4, "zero", None) == 1


def test_level_too_deep_warns_and_negative_raises():
    with pytest.warns(UserWarning, match=r"level=5 is too high.*beyond level 2"):
        assert resolve_level((17,), 4, "zero", 5) == 5
    with pytest.raises(ValueError, match=r"an int from 0 to 62, or None\. Got -1"):
        resolve_level((17,), 4, "zero", -1)


@pytest.mark.parametrize("level", [True, False, 63, 10**12, 2.0])
def test_no_such_level(level):
    # At once: a loop over the levels would take minutes.
    match = f"an int from 0 to 62, or None. Got {level} instead"
    with pytest.raises(ValueError, match=match):
        resolve_level((17,), 4, "symmetric", level)


@pytest.mark.parametrize("mode", MODES)
def test_levels_that_the_mode_cannot_extend_are_refused_at_once(mode):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if mode in ("reflect", "antireflect"):
            with pytest.raises(
                ValueError, match=r"at level 3 one axis has 1\. Use level=2"
            ):
                resolve_level((9, 4), 2, mode, 3)
        else:
            assert resolve_level((9, 4), 2, mode, 3) == 3
