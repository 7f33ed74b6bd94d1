import math

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from sk_awave.engine import Biorthogonal, FilterBank
from sk_awave.engine._lattice import angles_to_lowpass, orthogonal_filters
from sk_awave.engine._skewed_lattice import lattice_to_filters
from sk_awave.engine._wavelet import make_wavelet

#: Those with two low-passes that differ by two taps in length.
BIORTHOGONAL = [
    f"{family}{order}"
    for family in ("bior", "rbio")
    for order in ("1.1", "2.2", "3.1", "4.4", "5.5")
]
ORTHOGONAL = ["haar", "db2", "db10", "sym8", "coif3"]

#: PyWavelets tabulates some taps no better than this.
TAP_ERROR = 1e-9


@st.composite
def lattices(draw, max_matrices=8, max_skew=0.7):
    """Draw angles and skews, of banks of up to 18 taps."""
    n = draw(st.integers(0, max_matrices))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    angles = rng.uniform(-np.pi, np.pi, n)
    return torch.from_numpy(np.r_[angles, rng.uniform(-max_skew, max_skew, n)])


def wavelet_of(theta):
    return make_wavelet(Biorthogonal()(theta).numpy(), "skewed")


@settings(deadline=None, max_examples=60)
@given(
    lattices(),
    st.sampled_from(["periodization", "symmetric", "zero"]),
    st.integers(2, 50),
)
def test_any_value_reconstructs(theta, mode, length):
    wavelet = wavelet_of(theta)
    x = np.random.default_rng(length).standard_normal(length)
    again = pywt.idwt(*pywt.dwt(x, wavelet, mode), wavelet, mode)[:length]
    size = max(np.abs(wavelet.dec_lo).sum(), np.abs(wavelet.dec_hi).sum())
    size *= max(np.abs(wavelet.rec_lo).sum(), np.abs(wavelet.rec_hi).sum())
    np.testing.assert_allclose(again, x, rtol=0, atol=1e-14 * max(size, 1000))


@settings(deadline=None, max_examples=60)
@given(lattices())
def test_any_value_has_a_vanishing_moment_on_each_side(theta):
    wavelet = wavelet_of(theta)
    size = max(np.abs(taps).max() for taps in wavelet.filter_bank)
    sums = [np.sum(taps) for taps in wavelet.filter_bank]
    expected = [math.sqrt(2), 0, math.sqrt(2), 0]
    np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-13 * max(1, size))


@settings(deadline=None, max_examples=40)
@given(lattices())
def test_the_skews_bound_the_condition_number_of_a_level(theta):
    wavelet, eye = wavelet_of(theta), np.eye(64)
    matrix = np.concatenate(pywt.dwt(eye, wavelet, "periodization"), 1)
    _, skews = theta.tensor_split(2)
    bound = math.exp(2 * float(skews.abs().sum()))
    assert np.linalg.cond(matrix) <= bound * (1 + 1e-9)


def test_the_bound_is_reached_by_a_single_matrix():
    theta = torch.tensor([0.3, 0.2], dtype=torch.float64)
    matrix = np.concatenate(pywt.dwt(np.eye(64), wavelet_of(theta), "periodization"), 1)
    assert np.linalg.cond(matrix) == pytest.approx(math.exp(0.4), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(lattices(max_matrices=6))
def test_taps_lead_back_to_parameters(theta):
    bank = Biorthogonal()
    filters = bank(theta[None])
    again = bank(bank.right_inverse(filters))
    scale = float(filters.abs().max())
    torch.testing.assert_close(again, filters, rtol=0, atol=1e-9 * scale)


def test_parameters_themselves_come_back():
    theta = torch.tensor([0.4, -1.2, 1.0, 0.3, -0.5, 0.2], dtype=torch.float64)
    bank = Biorthogonal()
    again = bank.right_inverse(bank(theta[None]))[0]
    turns = (again - theta)[:3] / math.pi  # half turns change signs only
    assert (turns - turns.round()).abs().max() < 1e-12
    torch.testing.assert_close(again[3:], theta[3:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_matrices", [0, 1, 4, 11])
def test_without_skews_it_is_the_orthonormal_lattice(n_matrices):
    generator = torch.Generator().manual_seed(n_matrices)
    angles = 6 * torch.rand(2, 5, n_matrices, generator=generator, dtype=torch.float64)
    filters = lattice_to_filters(angles, torch.zeros_like(angles))
    assert filters.shape == (2, 5, 4, 2 * n_matrices + 2)
    expected = orthogonal_filters(angles_to_lowpass(angles))
    torch.testing.assert_close(filters, expected, rtol=0, atol=1e-15 * n_matrices + 1e-15)


@pytest.mark.parametrize("wavelet", [*BIORTHOGONAL, *ORTHOGONAL])
@pytest.mark.parametrize("extra, shift", [(0, 0), (4, 0), (4, 2), (4, 4)])
def test_wavelets_that_are_in_it(wavelet, extra, shift):
    taps = pywt.Wavelet(wavelet).filter_bank
    bank = FilterBank.from_wavelet(
        wavelet, "biorthogonal", filter_length=len(taps[0]) + extra, shift=shift
    )
    rest = extra - shift
    before, after = (shift, rest), (rest, shift)
    filters = bank()[0, 0].detach().numpy()
    widths = after, before, before, after
    for made, tap, width in zip(filters, taps, widths, strict=True):
        expected = np.pad(tap, width)
        error = min(np.abs(made - expected).max(), np.abs(made + expected).max())
        assert error < TAP_ERROR
    _, skews = bank.original.detach().tensor_split(2, -1)
    is_orthonormal = wavelet in ORTHOGONAL or wavelet.endswith("1.1")
    assert bool((skews == 0).all()) == is_orthonormal


@pytest.mark.parametrize("wavelet", ["bior1.3", "rbio2.4", "bior3.3", "bior6.8", "dmey"])
def test_wavelets_that_are_not_in_it_are_refused(wavelet):
    text = rf"'{wavelet}' cannot be represented .*differ by two taps"
    with pytest.raises(ValueError, match=text):
        FilterBank.from_wavelet(wavelet, "biorthogonal")


@pytest.mark.parametrize("shape", [(2,), (8,), (2, 6)])
def test_gradients_of_the_lattice(shape):
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(shape, generator=generator, dtype=torch.float64)
    assert gradcheck(Biorthogonal(), theta.requires_grad_())
    flat = torch.zeros(shape, dtype=torch.float64).requires_grad_()  # all skews zero
    assert gradcheck(Biorthogonal(), flat)


def test_huge_skews_have_finite_gradients():
    theta = torch.tensor([0.5, 60.0], dtype=torch.float64, requires_grad=True)
    Biorthogonal()(theta).sum().backward()
    assert theta.grad.isfinite().all()


def test_the_inner_bank_has_the_same_filters():
    bank = FilterBank.from_wavelet("sym4", "biorthogonal", n_levels=2)
    inner = bank.inner()
    assert inner.tags >= {"orthonormal"}
    torch.testing.assert_close(inner(), bank(), rtol=0, atol=4e-15)
    released = bank.parametrization.release(inner.original)
    assert torch.equal(released, bank.original)
    with torch.no_grad():
        bank.original[1, 0, -1] = 0.1
    assert bank.inner() is None
    assert FilterBank.from_wavelet("sym4").inner() is None


def test_a_negative_strength_is_refused():
    with pytest.raises(ValueError, match=r"at least 0\. Got Biorthogonal"):
        _ = Biorthogonal(alpha_filter=-1).terms
