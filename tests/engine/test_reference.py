import numpy as np
import pytest
import pywt
import torch
from torch.autograd import gradcheck, gradgradcheck

from sk_awave.engine import FilterBank
from sk_awave.engine._boundary import MODES, coeff_length
from sk_awave.engine._reference import analysis, synthesis, synthesis_adjoint

# Signal lengths, even and odd, that are shorter and longer than six taps.
LENGTHS = (4, 5, 10, 11)


def filters_of(wavelet, rows):
    return FilterBank.from_wavelet(wavelet, "fixed")()[0, 0, rows].detach()


def inputs_of(transform, length, mode, filter_length=6):
    """Random input of a one-level map and random filters, both differentiable."""
    generator = torch.Generator().manual_seed(length)
    shape = (2, length)
    if transform is synthesis:
        shape = (2, coeff_length(length, filter_length, mode))
    kwargs = {"generator": generator, "dtype": torch.float64, "requires_grad": True}
    return torch.randn(shape, **kwargs), torch.randn(2, filter_length, **kwargs)


@pytest.mark.parametrize("mode", MODES)
def test_one_level_equals_pywt_on_batches(mode):
    x = np.random.default_rng(0).standard_normal((2, 3, 13))
    expected = pywt.dwt(x, "bior2.4", mode)
    coeffs = analysis(torch.from_numpy(x), filters_of("bior2.4", slice(0, 2)), mode)
    assert coeffs.shape == (2, 3, 2, expected[0].shape[-1])
    np.testing.assert_allclose(coeffs, np.stack(expected, -2), rtol=0, atol=1e-12)
    signal = synthesis(coeffs, filters_of("bior2.4", slice(2, 4)), mode)
    expected = pywt.idwt(*expected, "bior2.4", mode)
    np.testing.assert_allclose(signal, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("transform", [analysis, synthesis, synthesis_adjoint])
def test_gradients_with_respect_to_signal_and_filters(transform, length, mode):
    x, filters = inputs_of(transform, length, mode)
    assert gradcheck(lambda x, filters: transform(x, filters, mode), (x, filters))


@pytest.mark.parametrize("mode", ["symmetric", "periodization", "antireflect"])
@pytest.mark.parametrize("transform", [analysis, synthesis, synthesis_adjoint])
def test_second_gradients(transform, mode):
    x, filters = inputs_of(transform, 5, mode)
    assert gradgradcheck(lambda x, filters: transform(x, filters, mode), (x, filters))
