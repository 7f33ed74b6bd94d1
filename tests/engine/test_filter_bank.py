import copy
import io
import pickle
import warnings

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given
from hypothesis import strategies as st

from sk_awave.engine import FilterBank
from sk_awave.engine._filter_bank import PARAMETRIZATIONS

#: The banks that have orthogonal wavelets.
HAVE_ORTHOGONAL = sorted(set(PARAMETRIZATIONS) - {"symmetric"})

# PyWavelets tabulates some taps no better than this.
TAP_ERROR = 1e-9


def taps_of(wavelet):
    return np.array(pywt.Wavelet(wavelet).filter_bank)


@pytest.mark.parametrize("parametrization", HAVE_ORTHOGONAL)
@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym7", "coif3", "db22"])
def test_bank_starts_at_its_wavelet(wavelet, parametrization):
    bank = FilterBank.from_wavelet(wavelet, parametrization)
    taps = taps_of(wavelet)
    assert bank.filter_length == taps.shape[1]
    np.testing.assert_allclose(bank().detach()[0, 0], taps, rtol=0, atol=TAP_ERROR)
    by_object = FilterBank.from_wavelet(pywt.Wavelet(wavelet), parametrization)
    assert torch.equal(by_object(), bank())


def test_every_discrete_wavelet_can_be_fixed():
    for wavelet in pywt.wavelist(kind="discrete"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bank = FilterBank.from_wavelet(wavelet, "fixed")
        assert bool(caught) == (wavelet == "dmey")  # the only one that is inexact
        np.testing.assert_array_equal(bank().detach()[0, 0], taps_of(wavelet))


def cdf_9_7(zeros_before):
    """Return the filters of CDF 9/7, each of odd length with a zero before or behind."""
    h = [0.026748757411, -0.016864118443, -0.078223266529, 0.266864118443]
    g = [0.091271763114, -0.057543526229, -0.591271763114]
    low, high = [*h, 0.602949018236, *h[::-1]], [0, *g, 1.11508705, *g[::-1], 0]
    sign = (-1.0) ** np.arange(9)
    odd = low, high, sign * high, sign * low
    pairs = zip(odd, zeros_before, strict=True)
    filters = [np.pad(taps, (before, 1 - before)) for taps, before in pairs]
    return np.array(filters)[None, None]


def test_filters_that_do_not_reconstruct_raise_a_warning():
    with pytest.warns(UserWarning, match="changes white noise by 1.5 of its norm"):
        FilterBank(cdf_9_7((0, 0, 0, 0)), "fixed")
    for remedy in ((0, 1, 1, 0), (1, 0, 0, 1)):  # as the warning says
        FilterBank(cdf_9_7(remedy), "fixed")


@given(data=st.data(), wavelet=st.sampled_from(["db3", "sym8", "bior2.4", "rbio2.4"]))
def test_the_warning_is_there_iff_signals_do_not_come_back(data, wavelet):
    filters = np.array(pywt.Wavelet(wavelet).filter_bank)
    kind = data.draw(st.sampled_from(["none", "tap", "roll", "order", "sign"]))
    size = data.draw(st.sampled_from([1e-9, 1e-4, 0.5]))
    if kind == "tap":
        filters[data.draw(st.integers(0, 3)), data.draw(st.integers(0, 5))] += size
    elif kind == "roll":
        filters = np.pad(filters, ((0, 0), (0, 2)))
        filters[data.draw(st.integers(0, 3))] = np.roll(filters[0], 1)
    elif kind == "order":
        filters = filters[data.draw(st.permutations(range(4)))]
    elif kind == "sign":
        filters[data.draw(st.integers(0, 3))] *= -1
    wavelet = pywt.Wavelet("own", filter_bank=filters.tolist())
    x = np.random.default_rng(0).standard_normal(64)
    coeffs = pywt.dwt(x, wavelet, "periodization")
    error = np.linalg.norm(pywt.idwt(*coeffs, wavelet, "periodization") - x) / 8
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FilterBank.from_wavelet(wavelet, "fixed")
    assert bool(caught) == (error > 1e-6)


@pytest.mark.parametrize(
    "parametrization, shape",
    [
        ("orthogonal", (3, 2, 2)),
        ("biorthogonal", (3, 2, 4)),
        ("free", (3, 2, 6)),
        ("fixed", (3, 2, 4, 6)),
    ],
)
def test_each_level_and_axis_can_have_filters_of_its_own(parametrization, shape):
    bank = FilterBank.from_wavelet("db3", parametrization, n_levels=3, n_axes=2)
    assert bank.original.shape == shape
    assert bank.original.dtype == torch.float64
    assert bank.original.requires_grad == (parametrization != "fixed")
    assert bank().shape == (3, 2, 4, 6)
    with torch.no_grad():
        bank.original[1, 0] += 0.1
    changed = (bank() - FilterBank.from_wavelet("db3")()).abs().amax((2, 3)) > 0.01
    assert changed.nonzero().tolist() == [[1, 0]]
    np.testing.assert_array_equal(
        bank.to_wavelet(1, 0, "mine").filter_bank, bank().detach()[1, 0]
    )


def assert_padded(actual, expected, atol):
    """Check that zeros were added, all of them at one end."""
    extra = len(actual) - len(expected)
    padded = [np.pad(expected, width) for width in ((0, extra), (extra, 0))]
    assert min(np.abs(actual - p).max() for p in padded) <= atol


@pytest.mark.parametrize("parametrization", HAVE_ORTHOGONAL)
@pytest.mark.parametrize("mode", ["zero", "symmetric"])
def test_zero_taps_leave_the_wavelet(mode, parametrization):
    bank = FilterBank.from_wavelet("db3", parametrization, filter_length=10)
    wavelet = bank.to_wavelet()
    assert bank.filter_length == wavelet.dec_len == 10
    for taps, expected in zip(wavelet.filter_bank, taps_of("db3"), strict=True):
        assert_padded(np.array(taps), expected, TAP_ERROR)
    # The same coefficients, and those that only the longer filter reaches.
    x = np.random.default_rng(0).uniform(-1, 1, 31)
    coeffs = pywt.dwt(x, wavelet, mode)
    if mode == "zero":
        for longer, expected in zip(coeffs, pywt.dwt(x, "db3", mode), strict=True):
            assert_padded(longer, expected, 10 * TAP_ERROR)
    again = pywt.idwt(*coeffs, wavelet, mode)[:31]
    np.testing.assert_allclose(again, x, rtol=0, atol=10 * TAP_ERROR)


@pytest.mark.parametrize("wavelet", ["db2", "bior2.4"])
def test_pywt_computes_with_the_exported_wavelet(wavelet):
    bank = FilterBank.from_wavelet(wavelet, "fixed")
    exported = bank.to_wavelet(name="mine")
    assert exported.name == "mine"
    assert exported.orthogonal == pywt.Wavelet(wavelet).orthogonal
    assert exported.biorthogonal
    x = np.random.default_rng(0).standard_normal(40)
    for coeffs, expected in zip(
        pywt.wavedec(x, exported, level=2), pywt.wavedec(x, wavelet, level=2), strict=True
    ):
        np.testing.assert_allclose(coeffs, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize("parametrization", HAVE_ORTHOGONAL)
def test_bank_can_be_copied_and_pickled(parametrization, duplicate):
    bank = FilterBank.from_wavelet("db3", parametrization, n_levels=2)
    again = duplicate(bank)
    assert torch.equal(again(), bank())
    assert again.original.requires_grad == bank.original.requires_grad
    with torch.no_grad():
        again.original += 0.1
    assert not torch.allclose(again(), bank())


@pytest.mark.parametrize("parametrization", HAVE_ORTHOGONAL)
def test_state_dict_restores_a_bank(parametrization):
    bank = FilterBank.from_wavelet("db3", parametrization)
    with torch.no_grad():
        bank.original += 0.1
    stored = io.BytesIO()
    torch.save(bank.state_dict(), stored)
    stored.seek(0)
    other = FilterBank.from_wavelet("sym3", parametrization)
    other.load_state_dict(torch.load(stored))
    assert torch.equal(other(), bank())


@pytest.mark.parametrize("wavelet", ["bior2.2", "dmey", "db30"])
def test_what_the_lattice_cannot_represent_is_refused(wavelet):
    text = rf"'{wavelet}' cannot be represented .*fixed with WaveletTransformer"
    with pytest.raises(ValueError, match=text):
        FilterBank.from_wavelet(wavelet)


def test_free_filters_need_the_alternating_flip():
    with pytest.raises(ValueError, match=r"'bior2\.2' cannot be represented"):
        FilterBank.from_wavelet("bior2.2", "free")
    assert FilterBank.from_wavelet("dmey", "free").original.shape == (1, 1, 62)


def test_sign_of_the_highpass_is_free_for_each_bank():
    taps = taps_of("db3")
    flipped = taps * [[1], [-1], [1], [-1]]
    bank = FilterBank(np.stack([taps, flipped])[:, None])
    np.testing.assert_allclose(bank().detach()[:, 0, 2], [taps[2]] * 2, atol=TAP_ERROR)


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
@pytest.mark.parametrize("row", range(4))
def test_filters_with_nan_are_refused(parametrization, row):
    taps = taps_of("db3")
    taps[row, 1] = np.nan
    with pytest.raises(ValueError, match="cannot represent these filters"):
        FilterBank(taps[None, None], parametrization)


@pytest.mark.parametrize("shape", [(1, 1, 4, 5), (1, 4, 6), (1, 1, 2, 6)])
def test_filters_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"even filter_length\. Got shape"):
        FilterBank(np.ones(shape))


@pytest.mark.parametrize("filter_length", [4, 7])
def test_filter_length_must_be_even_and_long_enough(filter_length):
    with pytest.raises(ValueError, match=r"even and at least 6, the length of 'db3'"):
        FilterBank.from_wavelet("db3", filter_length=filter_length)


@pytest.mark.parametrize("wavelet", ["nonsense", "morl", 3])
def test_unknown_wavelet_is_refused(wavelet):
    with pytest.raises(ValueError, match=rf"wavelist.*Got {wavelet!r} instead"):
        FilterBank.from_wavelet(wavelet)


def test_unknown_parametrization_is_refused():
    with pytest.raises(ValueError, match=r"one of \['biorthogonal', 'fixed', 'free'"):
        FilterBank.from_wavelet("db3", "learned")


@pytest.mark.parametrize("wavelet", ["db2", pywt.Wavelet("db2")])
def test_a_wavelet_is_no_array_of_filters(wavelet):
    with pytest.raises(TypeError, match=r"use FilterBank\.from_wavelet"):
        FilterBank(wavelet)


@pytest.mark.parametrize("name, near", [("db99", "db9"), ("Sym4", "sym4")])
def test_did_you_mean(name, near):
    with pytest.raises(ValueError, match=f"Got {name!r} .* Did you mean {near!r}"):
        FilterBank.from_wavelet(name)
