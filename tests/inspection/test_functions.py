"""Functions, frequencies and nearest relative of a wavelet, against closed forms."""

import numpy as np
import pytest
import pywt
from scipy.signal import freqz
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.inspection import (
    closest_wavelet,
    frequency_response,
    wavelet_distance,
    wavelet_functions,
)

FUNCTIONS = [wavelet_functions, frequency_response, closest_wavelet]


@pytest.fixture(scope="module")
def learned():
    X = pywt.data.ecg()[:1000].reshape(-1, 40) / 100.0
    return AdaptiveWaveletTransformer("db3", level=3).fit(X)


@pytest.mark.parametrize("name", ["haar", "db4", "sym5", "coif2"])
def test_functions_are_orthonormal(name):
    phi, psi, x = wavelet_functions(name)
    dx = x[1] - x[0]
    assert dx == 2**-8
    assert phi.shape == psi.shape == x.shape
    assert phi.sum() * dx == pytest.approx(1)
    assert psi.sum() * dx == pytest.approx(0, abs=1e-9)
    for f in (phi, psi):
        assert f @ f * dx == pytest.approx(1)
        assert f[:-256] @ f[256:] * dx == pytest.approx(0, abs=0.02)  # shifted by 1
    assert phi @ psi * dx == pytest.approx(0, abs=0.02)


def test_functions_of_haar_are_known():
    phi, psi, x = wavelet_functions("haar", level=4)
    inside = (x > 0) & (x < 1)
    np.testing.assert_allclose(phi[inside], 1)
    np.testing.assert_allclose(psi[(x > 0) & (x < 0.5)], 1)
    np.testing.assert_allclose(psi[(x > 0.5) & (x < 1)], -1)


def test_functions_are_those_of_synthesis_for_a_biorthogonal_wavelet():
    functions = wavelet_functions("bior2.2")
    *_, phi, psi, x = pywt.Wavelet("bior2.2").wavefun(level=8)
    for got, expected in zip(functions, (phi, psi, x), strict=True):
        np.testing.assert_array_equal(got, expected)
    # Synthesis of bior2.2 is by the triangle.
    triangle = np.maximum(0, 1 - abs(x - x[phi.argmax()]))
    np.testing.assert_allclose(phi, triangle, atol=0.01)


def test_functions_of_analysis():
    phi, psi, *_ = pywt.Wavelet("bior2.2").wavefun(level=8)
    analysis = wavelet_functions("bior2.2", side="analysis")
    np.testing.assert_array_equal(analysis.phi, phi)
    np.testing.assert_array_equal(analysis.psi, psi)
    db2 = (wavelet_functions("db2", side=side) for side in ("synthesis", "analysis"))
    np.testing.assert_equal(*db2)
    with pytest.raises(ValueError, match=r"'side' parameter .* Got 'both'"):
        wavelet_functions("db2", side="both")


@pytest.mark.parametrize("name", ["haar", "db7", "bior4.4"])
def test_frequency_response_is_that_of_scipy(name):
    wavelet = pywt.Wavelet(name)
    frequencies, low, high = frequency_response(wavelet, n_frequencies=33)
    for gains, taps in ((low, wavelet.dec_lo), (high, wavelet.dec_hi)):
        expected = freqz(taps, worN=frequencies, fs=1)[1]
        np.testing.assert_allclose(gains, expected, atol=1e-12)


def test_a_learned_wavelet_is_power_complementary(learned):
    response = frequency_response(learned)
    low, high = abs(response.dec_lo) ** 2, abs(response.dec_hi) ** 2
    assert response.frequencies[[0, -1]].tolist() == [0, 0.5]
    np.testing.assert_allclose(low + low[::-1], 2)
    np.testing.assert_allclose(low + high, 2)
    assert low[0] == pytest.approx(2)
    assert low[-1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", ["psi", "cosine"])
@pytest.mark.parametrize("name", ["db5", "haar", "sym9", "coif3", "db22"])
def test_a_named_wavelet_is_closest_to_itself(name, metric):
    assert closest_wavelet(name, metric=metric) == (name, 0)


@pytest.mark.parametrize("name", ["bior2.2", "rbio3.1", "bior6.8"])
def test_closest_wavelet_of_a_pair_is_a_pair(name):
    assert closest_wavelet(name) == (name, 0)


def test_closest_wavelet_of_a_learned_pair():
    X = pywt.data.ecg()[:1000].reshape(-1, 40) / 100.0
    params = {"level": 2, "parametrization": "biorthogonal", "max_iter": 0}
    kept = AdaptiveWaveletTransformer("bior4.4", **params).fit(X)
    name, distance = closest_wavelet(kept)
    assert name == "bior4.4"
    assert distance == pytest.approx(0, abs=1e-9)


def test_closest_wavelet_under_shift_reversal_and_sign():
    taps = np.array(pywt.Wavelet("sym6").rec_lo)
    taps = -np.pad(taps[::-1], (2, 4))
    high = taps[::-1] * (-1.0) ** np.arange(len(taps))
    bank = taps[::-1], high[::-1], taps, high
    wavelet = pywt.Wavelet("custom", filter_bank=[f.tolist() for f in bank])
    wavelet.orthogonal = True
    name, distance = closest_wavelet(wavelet)
    assert name == "sym6"
    assert distance == pytest.approx(0, abs=1e-9)


def test_closest_wavelet_is_the_smallest_distance(learned):
    names = ["haar", "db2", "db3", "sym4", "bior2.2"]
    distances = [wavelet_distance(learned, name) for name in names]
    name, distance = closest_wavelet(learned, wavelets=names)
    assert (name, distance) == (names[np.argmin(distances)], min(distances))
    assert closest_wavelet(learned)[1] <= distance
    assert closest_wavelet("bior2.2", wavelets=["haar", "bior2.2"]) == ("bior2.2", 0)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_transformers_stand_for_their_wavelet(function, learned):
    np.testing.assert_equal(function(learned), function(learned.wavelet_))
    fixed = WaveletTransformer("sym4", level=1).fit(np.ones((1, 16)))
    np.testing.assert_equal(function(fixed), function("sym4"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_errors(function, learned):
    name = function.__name__
    with pytest.raises(NotFittedError, match="AdaptiveWaveletTransformer"):
        function(AdaptiveWaveletTransformer())
    with pytest.raises(ValueError, match=r"an instance of 'pywt.Wavelet' .* Got 'db99'"):
        function("db99")
    with pytest.raises(TypeError, match=rf"{name} needs .* Got Pipeline .* a step of a"):
        function(make_pipeline(learned))
    X = np.random.default_rng(0).standard_normal((5, 16))
    levels = AdaptiveWaveletTransformer("db2", level=2, per_level=True, max_iter=0)
    with pytest.raises(ValueError, match=rf"{name} takes single wavelets. Got 2 of them"):
        function(levels.fit(X))


def test_errors_of_options():
    with pytest.raises(ValueError, match=r"'n_frequencies' .* Got 1 instead"):
        frequency_response("db2", n_frequencies=1)
    with pytest.raises(ValueError, match=r"'wavelets' parameter .* must not be empty"):
        closest_wavelet("db2", wavelets=[])
    with pytest.raises(ValueError, match=r"'metric' parameter .* Got 'l2'"):
        closest_wavelet("db2", metric="l2")
