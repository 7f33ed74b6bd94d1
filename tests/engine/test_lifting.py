import copy
import io
import math
import pickle

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from sk_awave.engine import FilterBank

#: The wavelets of linear phase that have steps, and how many numbers are free.
FREE_TAPS = {
    "1.1": 0,
    "1.3": 1,
    "1.5": 2,
    "2.2": 0,
    "2.4": 1,
    "2.6": 2,
    "2.8": 3,
    "4.4": 2,
    "5.5": 3,
    "6.8": 5,
}
WAVELETS = [family + order for order in FREE_TAPS for family in ("bior", "rbio")]


def bank_of(wavelet, **kwargs):
    return FilterBank.from_wavelet(wavelet, "symmetric", **kwargs)


def deviation(filters, wavelet):
    """Return the largest difference to a wavelet, up to the sign of its high-passes."""
    taps = np.array(pywt.Wavelet(wavelet).filter_bank)
    flipped = taps * [[1], [-1], [1], [-1]]
    return min(np.abs(filters - taps).max(), np.abs(filters - flipped).max())


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_every_symmetric_wavelet_is_factored(wavelet):
    bank = bank_of(wavelet)
    assert bank.original.shape == (1, 1, FREE_TAPS[wavelet[4:]])
    assert deviation(bank().detach()[0, 0].numpy(), wavelet) < 1e-10


@pytest.mark.parametrize("wavelet", ["bior3.1", "rbio3.5", "db2", "sym4", "dmey"])
def test_other_wavelets_are_refused(wavelet):
    with pytest.raises(ValueError, match=rf"'{wavelet}' cannot be .*symmetric lifting"):
        bank_of(wavelet)


@st.composite
def banks(draw):
    """Draw banks with random taps, with and without room for more of them."""
    name = draw(st.sampled_from(WAVELETS))
    extra = draw(st.sampled_from([0, 4, 6]))
    length = pywt.Wavelet(name).dec_len + extra
    bank = bank_of(name, filter_length=length)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    theta = rng.uniform(-0.2, 0.2, bank.original.numel())
    return bank.at(bank.original.detach().numpy().ravel() + theta)


@settings(deadline=None, max_examples=80)
@given(banks(), st.sampled_from(["periodization", "symmetric"]), st.integers(2, 50))
def test_any_taps_reconstruct(bank, mode, length):
    wavelet = bank.to_wavelet()
    x = np.random.default_rng(length).standard_normal(length)
    again = pywt.idwt(*pywt.dwt(x, wavelet, mode), wavelet, mode)[:length]
    size = max(np.abs(wavelet.dec_lo).sum(), np.abs(wavelet.dec_hi).sum())
    size *= max(np.abs(wavelet.rec_lo).sum(), np.abs(wavelet.rec_hi).sum())
    np.testing.assert_allclose(again, x, rtol=0, atol=1e-14 * max(size, 1000))


@settings(deadline=None, max_examples=80)
@given(banks())
def test_any_taps_keep_symmetry_and_vanishing_moments(bank):
    filters = bank().detach()[0, 0].numpy()
    size = max(1.0, np.abs(filters).max())
    np.testing.assert_allclose(
        filters.sum(1), [math.sqrt(2), 0, math.sqrt(2), 0], rtol=0, atol=1e-12 * size
    )
    for taps in filters:
        places = np.flatnonzero(np.abs(taps) > 1e-9)
        core = taps[places[0] : places[-1] + 1]
        sign = 1 if core[0] * core[-1] > 0 else -1
        np.testing.assert_allclose(core, sign * core[::-1], rtol=0, atol=1e-12 * size)


@settings(deadline=None, max_examples=80)
@given(banks())
def test_filters_lead_back_to_taps(bank):
    original = bank.original.detach()
    again = bank.parametrization.right_inverse(bank().detach())
    filters = bank.filters(again).detach()
    scale = max(1.0, float(filters.abs().max()))
    torch.testing.assert_close(filters, bank().detach(), rtol=0, atol=1e-9 * scale)
    assert again.shape == original.shape


def test_longer_filters_have_more_taps():
    sizes = [
        bank_of("bior4.4", filter_length=n).original.shape[-1] for n in (10, 14, 18, 22)
    ]
    assert sizes == [2, 3, 4, 5]
    bank = bank_of("bior2.2", filter_length=10)
    np.testing.assert_allclose(
        bank().detach()[0, 0, 2, 2:8], pywt.Wavelet("bior2.2").rec_lo, atol=1e-12
    )
    changed = bank.at([0.1])().detach()[0, 0, 0]
    assert (changed.abs() > 1e-9).sum() == 9  # in place of 5


def test_a_bank_has_simpler_wavelets_of_its_steps():
    steps = bank_of("bior4.4").parametrization
    inside = FilterBank.from_wavelet("bior2.2", steps, filter_length=10, shift=2)
    taps = inside().detach()[0, 0, 2, 2:8]
    np.testing.assert_allclose(taps, pywt.Wavelet("bior2.2").rec_lo, atol=1e-12)
    with pytest.raises(ValueError, match=r"of 10 taps\. Got 18"):
        FilterBank.from_wavelet("bior6.8", steps)


@pytest.mark.parametrize("wavelet", ["bior1.5", "bior2.4", "rbio4.4", "bior6.8"])
def test_gradients(wavelet):
    bank = bank_of(wavelet, n_levels=2)
    original = bank.original.detach() + 0.05
    assert gradcheck(bank.parametrization, original.requires_grad_())


def test_state_of_a_bank_holds_its_steps():
    bank = bank_of("bior4.4").at([0.1, -0.2])
    for again in (copy.deepcopy(bank), pickle.loads(pickle.dumps(bank))):
        assert torch.equal(again(), bank())
    stored = io.BytesIO()
    torch.save(bank.state_dict(), stored)
    stored.seek(0)
    other = bank_of("rbio4.4")
    assert not torch.allclose(other(), bank())
    other.load_state_dict(torch.load(stored, weights_only=True))
    assert torch.equal(other(), bank())
