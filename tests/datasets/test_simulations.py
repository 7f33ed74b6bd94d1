"""The simulations do what they say."""

import subprocess
import sys

import numpy as np
import pytest
import pywt
import torch

from sk_awave import WaveletTransformer
from sk_awave.datasets import make_bursts, make_wavelet_regression

MAKERS = [make_wavelet_regression, make_bursts]


def test_defaults_are_the_simulation_of_the_paper():
    awave = pytest.importorskip("awave")
    simulation = make_wavelet_regression(50, noise=0.0, random_state=0)
    published = awave.DWT1d(wave="db5", mode="zero", J=4)
    coeffs = published(torch.tensor(simulation.data[:, None], dtype=torch.float32))
    expected = 2 * coeffs[3][:, 0, 7:10].sum(dim=1)
    np.testing.assert_allclose(simulation.target, expected.detach(), atol=1e-4)
    assert simulation.data.shape == (50, 64)
    assert simulation.coef.shape == (97,)
    # The variance of the response without noise: 11.93 in the sample of the paper.
    assert (simulation.input_gradient**2).sum() == pytest.approx(11.93, abs=0.08)


@pytest.mark.parametrize("wavelet", ["haar", "sym4", "bior2.2"])
@pytest.mark.parametrize("mode", pywt.Modes.modes)
def test_any_truth(wavelet, mode):
    simulation = make_wavelet_regression(
        20,
        wavelet=wavelet,
        length=37,
        level=3,
        detail_level=2,
        positions=[1, 4],
        coefficient=-3.0,
        noise=0.0,
        mode=mode,
        random_state=0,
    )
    details = pywt.wavedec(simulation.data, wavelet, mode, level=2)[1]
    expected = -3 * (details[:, 1] + details[:, 4])
    np.testing.assert_allclose(simulation.target, expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore:level=4 is too high:UserWarning")
def test_coef_is_in_the_order_of_the_transformer():
    simulation = make_wavelet_regression(30, noise=0.0, random_state=0)
    transformer = WaveletTransformer(simulation.wavelet, level=4, mode="zero")
    Xt = transformer.fit_transform(simulation.data)
    np.testing.assert_allclose(Xt @ simulation.coef, simulation.target, atol=1e-12)
    names = transformer.get_feature_names_out()[simulation.coef != 0]
    assert names.tolist() == ["cD3_7", "cD3_8", "cD3_9"]


def test_noise_of_the_response():
    simulation = make_wavelet_regression(4000, noise=0.5, random_state=0)
    noise = simulation.target - simulation.data @ simulation.input_gradient
    assert noise.mean() == pytest.approx(0, abs=0.03)
    assert noise.std() == pytest.approx(0.5, abs=0.03)
    assert simulation.data.std() == pytest.approx(1, abs=0.01)


def test_custom_wavelet():
    custom = pywt.Wavelet("mine", filter_bank=pywt.Wavelet("db3").filter_bank)
    simulation = make_wavelet_regression(5, wavelet=custom, random_state=0)
    expected = make_wavelet_regression(5, wavelet="db3", random_state=0)
    np.testing.assert_array_equal(simulation.target, expected.target)
    assert simulation.wavelet is custom
    assert "by 'mine' (mode='zero')" in simulation.DESCR


def test_bursts_follow_their_formula():
    bursts = make_bursts(200, length=30, baseline=0.0, noise=0.0, random_state=0)
    expected = np.zeros((200, 30))
    truth = np.stack([bursts.heights, bursts.widths, bursts.onsets], axis=-1)
    for trace, rows in zip(expected, truth, strict=True):
        for height, width, onset in rows:
            for t in range(30):
                if onset < t < onset + width:
                    trace[t] += height * np.sin(np.pi * (t - onset) / width) ** 2
    np.testing.assert_allclose(bursts.data, expected, atol=1e-12)
    np.testing.assert_array_equal(bursts.target, bursts.heights.max(axis=1))


def test_bursts_are_where_they_should():
    bursts = make_bursts(
        3000, max_bursts=4, height_range=(1, 3), width_range=(5, 20), random_state=0
    )
    exists = bursts.heights > 0
    counts = np.bincount(exists.sum(axis=1), minlength=5)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:], 750, atol=100)
    for values, low, high in [(bursts.heights, 1, 3), (bursts.widths, 5, 20)]:
        assert low <= values[exists].min() < values[exists].max() <= high
        assert values[exists].mean() == pytest.approx((low + high) / 2, rel=0.02)
        assert (values[~exists] == 0).all()
    assert bursts.onsets.min() >= 0
    assert (bursts.onsets + bursts.widths).max() <= 40


def test_the_baseline_is_slow():
    kwargs = {"n_samples": 100, "length": 60, "noise": 0.0}
    with_baseline = make_bursts(baseline=2.0, random_state=0, **kwargs).data
    waves = with_baseline - make_bursts(baseline=0.0, random_state=0, **kwargs).data
    assert np.abs(waves).max() <= 2
    # A sinusoid is its second difference times a constant; its period follows from that.
    curvature = -np.diff(waves, 2)[:, 20] / waves[:, 21]
    periods = 2 * np.pi / (2 * np.arcsin(np.sqrt(curvature) / 2))
    assert 60 <= periods.min() < periods.max() <= 180


@pytest.mark.parametrize("make", MAKERS)
def test_bunch_and_random_state(make):
    bunch = make(20, random_state=3)
    X, y = make(20, random_state=np.random.RandomState(3), return_X_y=True)
    np.testing.assert_array_equal(bunch.data, X)
    np.testing.assert_array_equal(bunch.target, y)
    assert not np.array_equal(make(20, random_state=4).data, X)
    assert len(bunch.feature_names) == X.shape[1]
    assert "These data are simulated, not measured." in bunch.DESCR
    assert "{" not in bunch.DESCR


@pytest.mark.parametrize("make", MAKERS)
def test_the_global_random_state_is_left_alone(make):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make(5, random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    "make, params, message",
    [
        (make_wavelet_regression, {"wavelet": "db99"}, "Got 'db99' instead"),
        (make_wavelet_regression, {"wavelet": "mexh"}, "'wavelet' parameter of make_"),
        (make_wavelet_regression, {"mode": "wrap"}, "'mode' parameter .* Got 'wrap'"),
        (make_wavelet_regression, {"n_samples": 0}, "'n_samples' parameter .* Got 0"),
        (make_wavelet_regression, {"noise": -1.0}, "'noise' parameter .* Got -1.0"),
        (
            make_wavelet_regression,
            {"detail_level": 5},
            "detail_level=5 must be at most level=4",
        ),
        (
            make_wavelet_regression,
            {"positions": [14, 15]},
            r"from 0 to 14, as there are 15 details of level 3. Got \[14, 15\]",
        ),
        (make_wavelet_regression, {"positions": [-1]}, "different integers from 0"),
        (make_wavelet_regression, {"positions": [2, 2]}, "different integers from 0"),
        (make_wavelet_regression, {"positions": [1.0]}, "different integers from 0"),
        (make_wavelet_regression, {"positions": []}, r"Got \[\] instead"),
        (make_bursts, {"max_bursts": 0}, "'max_bursts' parameter of make_bursts"),
        (make_bursts, {"height_range": (2, 1)}, "'height_range' .* in increasing order"),
        (make_bursts, {"height_range": (0, 1)}, "two positive numbers"),
        (make_bursts, {"width_range": ("a", 3)}, r"Got \('a', 3\) instead"),
        (make_bursts, {"width_range": (1, 2, 3)}, "two positive numbers"),
        (
            make_bursts,
            {"length": 10},
            r"width_range=\(4.0, 12.0\) goes beyond length=10",
        ),
    ],
)
def test_errors(make, params, message):
    with pytest.raises(ValueError, match=message):
        make(**params)


def test_import_does_not_load_torch():
    code = "import sys, sk_awave.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
