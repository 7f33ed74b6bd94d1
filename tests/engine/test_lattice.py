import math

import numpy as np
import pytest
import pywt
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn.utils import parametrize

from sk_awave.engine._lattice import (
    Orthogonal,
    angles_to_lowpass,
    lowpass_to_angles,
    orthogonal_filters,
)
from sk_awave.engine._terms import autocorrelation

SUPPORTED = [
    *pywt.wavelist("sym"),
    *pywt.wavelist("coif"),
    *(f"db{i}" for i in range(1, 23)),
]

# PyWavelets tabulates some taps no better than this.
TAP_ERROR = 1e-9


def random_angles(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * math.pi * torch.rand(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("n_rotations", range(1, 21))
def test_any_angles_give_an_orthonormal_filter_with_a_vanishing_moment(n_rotations):
    for angles in random_angles(20, n_rotations - 1, seed=n_rotations):
        lowpass = angles_to_lowpass(angles)
        assert lowpass.shape == (2 * n_rotations,)
        shifts = autocorrelation(lowpass)
        expected = torch.zeros_like(shifts)
        expected[n_rotations - 1] = 1
        torch.testing.assert_close(shifts, expected, rtol=0, atol=1e-12)
        assert abs(float(lowpass.sum()) - math.sqrt(2)) < 1e-12


def test_leading_axes_are_independent_filters():
    angles = random_angles(2, 3, 4)
    lowpass = angles_to_lowpass(angles)
    assert lowpass.shape == (2, 3, 10)
    torch.testing.assert_close(lowpass[1, 2], angles_to_lowpass(angles[1, 2]))


@pytest.mark.parametrize("wavelet", SUPPORTED)
def test_wavelets_survive_the_round_trip_through_angles(wavelet):
    lowpass = np.array(pywt.Wavelet(wavelet).rec_lo)
    angles = lowpass_to_angles(lowpass)
    assert angles.shape == (len(lowpass) // 2 - 1,)
    again = angles_to_lowpass(torch.from_numpy(angles))
    np.testing.assert_allclose(again, lowpass, rtol=0, atol=TAP_ERROR)


def test_random_angles_give_filters_whose_angles_give_them_back():
    for angles in random_angles(20, 5):
        lowpass = angles_to_lowpass(angles)
        again = angles_to_lowpass(torch.from_numpy(lowpass_to_angles(lowpass.numpy())))
        torch.testing.assert_close(again, lowpass, rtol=0, atol=TAP_ERROR)


def test_angles_of_db2_are_known_in_closed_form():
    assert lowpass_to_angles(pywt.Wavelet("db2").rec_lo) == pytest.approx([math.pi / 3])
    root = math.sqrt(3)
    expected = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4 * math.sqrt(2))
    lowpass = angles_to_lowpass(torch.tensor([math.pi / 3], dtype=torch.float64))
    np.testing.assert_allclose(lowpass, expected, rtol=0, atol=1e-15)
    # The last angle, -pi/12, turns the first tap: cos(pi/3) cos(-pi/12).
    assert float(lowpass[0]) == pytest.approx(0.5 * math.cos(-math.pi / 12), abs=1e-15)


def test_no_angle_is_haar():
    lowpass = angles_to_lowpass(torch.empty(0, dtype=torch.float64))
    np.testing.assert_allclose(lowpass, math.sqrt(0.5), rtol=0, atol=1e-15)


@pytest.mark.parametrize("shape", [(1,), (4,), (2, 3)])
def test_gradients_of_the_lattice(shape):
    assert gradcheck(angles_to_lowpass, random_angles(*shape).requires_grad_())


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym5", "coif2"])
def test_highpass_follows_as_in_pywt(wavelet):
    wavelet = pywt.Wavelet(wavelet)
    filters = orthogonal_filters(torch.tensor(wavelet.rec_lo, dtype=torch.float64))
    np.testing.assert_allclose(filters, wavelet.filter_bank, rtol=0, atol=TAP_ERROR)


def test_orthogonal_serves_as_a_parametrization_of_torch():
    bank = torch.tensor(pywt.Wavelet("db3").filter_bank, dtype=torch.float64)
    module = nn.Module()
    module.filters = nn.Parameter(bank.clone())
    parametrize.register_parametrization(module, "filters", Orthogonal(), unsafe=True)
    torch.testing.assert_close(module.filters, bank, rtol=0, atol=TAP_ERROR)
    assert module.parametrizations.filters.original.shape == (2,)
    module.filters[2, 0].backward()
    assert module.parametrizations.filters.original.grad.abs().min() > 0
