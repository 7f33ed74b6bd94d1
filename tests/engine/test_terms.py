import math

import numpy as np
import pytest
import pywt
import torch
from torch.autograd import gradcheck

from sk_awave.engine._terms import PENALTIES, autocorrelation


def filter_terms(lowpass):
    return {term.name: term.value(lowpass) for term in PENALTIES}


def off_wavelet(n_taps):
    """A random filter that meets none of the conditions."""
    generator = torch.Generator().manual_seed(n_taps)
    return torch.randn(n_taps, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("n_taps", [2, 4, 6, 12])
def test_autocorrelation_holds_every_even_shift(n_taps):
    h = off_wavelet(n_taps)
    full = np.correlate(h.numpy(), h.numpy(), "full")  # lags 1 - K to K - 1
    np.testing.assert_allclose(autocorrelation(h), full[1::2], rtol=0, atol=1e-13)


@pytest.mark.parametrize("n_taps", [2, 4, 6, 12])
def test_terms_equal_their_formulas(n_taps):
    h = off_wavelet(n_taps).numpy()
    high = h[::-1] * (-1.0) ** np.arange(n_taps)
    power = np.abs(np.fft.fft(h)) ** 2
    half = n_taps // 2
    delta = np.zeros(n_taps - 1)
    delta[half - 1] = 1
    shifts = np.correlate(h, h, "full")[1::2]
    expected = {
        "lowpass_sum": 0.5 * (h.sum() - math.sqrt(2)) ** 2,
        "highpass_sum": 0.5 * high.sum() ** 2,
        "unit_norm": 0.5 * (h @ h - 1) ** 2,
        "conjugate_mirror": 0.5 * ((power[:half] + power[half:] - 2) ** 2).sum(),
        "double_shift": 0.5 * ((shifts - delta) ** 2).sum(),
    }
    terms = filter_terms(torch.from_numpy(h))
    assert tuple(terms) == tuple(expected)
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif3"])
@pytest.mark.parametrize("attribute", ["rec_lo", "dec_lo"])
def test_terms_vanish_at_wavelets_in_either_time_direction(wavelet, attribute):
    taps = torch.tensor(getattr(pywt.Wavelet(wavelet), attribute), dtype=torch.float64)
    # Squares of deviations of at most 1e-10, which PyWavelets' tables have.
    assert max(filter_terms(taps).values()) < 1e-20


def test_terms_of_several_filters_are_sums():
    filters = torch.stack([off_wavelet(6), off_wavelet(6) ** 2, -off_wavelet(6)])
    together = filter_terms(filters)
    apart = [filter_terms(h) for h in filters]
    for name, value in together.items():
        assert float(value) == pytest.approx(sum(float(t[name]) for t in apart))


def test_gradients_of_the_terms():
    h = off_wavelet(6).requires_grad_()
    assert gradcheck(lambda h: torch.stack(list(filter_terms(h).values())), h)
