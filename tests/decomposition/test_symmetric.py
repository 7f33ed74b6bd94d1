"""Transformers whose learned bank has symmetric filters."""

import numpy as np
import pytest
import pywt
from sklearn.base import clone

from sk_awave import AdaptiveWaveletTransformer
from sk_awave.engine._lifting import Symmetric


def make(wavelet="bior4.4", **params):
    kwargs = {"level": 2, "mode": "periodization", "parametrization": "symmetric"}
    return AdaptiveWaveletTransformer(wavelet, **kwargs | params)


@pytest.mark.parametrize("wavelet", ["bior4.4", "rbio4.4", "bior2.4", "bior1.5"])
@pytest.mark.parametrize("decomposition", ["dwt", "stationary"])
def test_it_learns_and_stays_symmetric(ecg, wavelet, decomposition):
    transformer = make(wavelet, decomposition=decomposition).fit(ecg)
    assert transformer.loss_curve_[-1] < transformer.loss_curve_[0]
    start = np.array(pywt.Wavelet(wavelet).filter_bank)
    taps = transformer.filter_bank_[0, 0]
    np.testing.assert_array_equal(np.abs(taps) > 1e-9, np.abs(start) > 1e-9)
    for row in taps:
        core = row[np.abs(row) > 1e-9]
        np.testing.assert_allclose(np.abs(core), np.abs(core[::-1]), rtol=1e-9)
    again = transformer.inverse_transform(transformer.transform(ecg))
    np.testing.assert_allclose(again, ecg, rtol=0, atol=1e-11)


def test_filters_of_linear_phase_do_not_move_edges(ecg):
    """Symmetric signals around the grid have symmetric coefficients."""
    learned = make().fit(ecg)
    x = np.random.default_rng(0).standard_normal(33)
    x = np.concatenate([x, x[-2:0:-1]])  # x[n] = x[-n], of period 64
    coeffs = pywt.swt(x, learned.wavelet_, level=1, trim_approx=True)
    for band in coeffs:
        mirrored = band[::-1]
        shifts = [np.abs(np.roll(mirrored, k) - band).max() for k in range(64)]
        assert min(shifts) < 1e-9


@pytest.mark.parametrize("init", ["library", "random", "best"])
def test_starts_are_searched_among_its_own(ecg, init):
    transformer = make(init=init, n_init=2, random_state=0).fit(ecg)
    single = make().fit(ecg)
    assert transformer.loss_curve_[-1] <= single.loss_curve_[-1] * (1 + 1e-3)
    names = [start["wavelet"] for start in transformer.starts_]
    known = {"library": "bior", "random": "random", "best": ("bior", "rbio", "random")}
    assert all(name.startswith(known[init]) for name in names)


def test_lattices_do_not_grow_to_it(ecg):
    with pytest.raises(ValueError, match=r"init='grow' is for banks .*Symmetric"):
        make(init="grow").fit(ecg)


def test_longer_filters_are_never_worse(ecg):
    short = make("bior2.2").fit(ecg)  # without a free tap
    assert short.n_iter_ == 0
    long = make("bior2.2", filter_length=10).fit(ecg)
    assert long.loss_curve_[0] == pytest.approx(short.loss_curve_[0], rel=1e-9)
    assert long.loss_curve_[-1] < short.loss_curve_[-1]


def test_images_and_banks_of_levels_and_axes(digits):
    X = digits[0][:60]
    for params in ({}, {"per_level": True}, {"per_axis": True}):
        transformer = make("bior2.4", ndim=2, level=1, tol=1e-3, **params)
        transformer.set_params(mode="symmetric")
        transformer = clone(transformer)
        with pytest.warns(UserWarning, match="too high"):
            transformer.fit(X)
        assert transformer.loss_curve_[-1] < transformer.loss_curve_[0]


def test_steps_are_of_the_wavelet_of_each_fit(ecg):
    transformer = make(parametrization=Symmetric()).fit(ecg)
    again = clone(transformer).fit(ecg)
    np.testing.assert_array_equal(again.filter_bank_, transformer.filter_bank_)
    other = again.set_params(wavelet="rbio4.4").fit(ecg)
    expected = make("rbio4.4").fit(ecg)
    np.testing.assert_array_equal(other.filter_bank_, expected.filter_bank_)


def test_an_orthogonal_wavelet_is_refused(ecg):
    with pytest.raises(ValueError, match=r"'db3' cannot be .*symmetric lifting steps"):
        make("db3").fit(ecg)
    with pytest.raises(ValueError, match=r"'db5' cannot be .*symmetric lifting steps"):
        make(None).fit(ecg)


def test_warm_start_knows_its_steps(ecg):
    transformer = make(warm_start=True).fit(ecg)
    last = transformer.loss_curve_[-1]
    transformer.fit(ecg)
    assert transformer.loss_curve_[0] == pytest.approx(last, rel=1e-12)
    transformer.set_params(wavelet="rbio4.4").fit(ecg)
    assert transformer.starts_[0]["wavelet"] == "rbio4.4"
