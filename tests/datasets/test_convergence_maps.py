"""The maps have the statistics that they were drawn from."""

import time

import numpy as np
import pytest
from scipy import integrate, stats

from sk_awave.datasets import make_convergence_maps
from sk_awave.datasets._convergence_maps import (
    _growth,
    _line_of_sight,
    convergence_power,
    empty_beam,
    gaussian_field,
    lognormal_field,
    matter_power,
)


@pytest.mark.parametrize("omega_m", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("sigma_8", [0.6, 1.1])
def test_sigma_8_is_the_deviation_in_spheres(omega_m, sigma_8):
    def integrand(log_k):
        k = np.exp(log_k)
        x = 8 * k
        sphere = 3 * (np.sin(x) - x * np.cos(x)) / x**3
        return k**3 * matter_power(k, omega_m, sigma_8) * sphere**2 / (2 * np.pi**2)

    variance, _ = integrate.quad(integrand, np.log(1e-5), np.log(100), limit=2000)
    assert variance == pytest.approx(sigma_8**2, rel=1e-3)


def test_matter_power_has_its_limits():
    k = np.array([1e-5, 2e-5])  # scales that never entered the horizon
    low = matter_power(k, 0.3, 0.8)
    assert np.diff(np.log(low)) / np.log(2) == pytest.approx(0.96, abs=0.01)
    grid = np.geomspace(1e-3, 1, 500)
    peak = grid[matter_power(grid, 0.3, 0.8).argmax()]
    assert 0.01 < peak < 0.03, "the horizon when matter and radiation were equal"
    high = matter_power(np.array([50.0, 100.0]), 0.3, 0.8)
    assert -3 < np.diff(np.log(high))[0] / np.log(2) < -2.5


@pytest.mark.parametrize("omega_m", [0.2, 0.3, 1.0])
def test_growth_solves_its_equation(omega_m):
    """The growing mode is an integral over expansion (Heath 1977)."""

    def expansion(a):
        return np.sqrt(omega_m / a**3 + 1 - omega_m)

    def exact(z):
        a = 1 / (1 + z)
        integral, _ = integrate.quad(lambda a: (a * expansion(a)) ** -3, 0, a)
        return expansion(a) * integral

    for z in (0.5, 1.0, 3.0):
        assert _growth(z, omega_m) == pytest.approx(exact(z) / exact(0), rel=1e-6)


def test_distance_in_a_universe_of_matter():
    z, distance, weight = _line_of_sight(1.0, 2.0)
    exact = 2 * 2997.92458 * (1 - 1 / np.sqrt(1 + z))
    # The trapezoidal rule on 100 steps of 0.01: errors of about 1e-4 of the distance, and
    # of 1e-8 of the weight, whose largest value is 2e-4.
    np.testing.assert_allclose(distance, exact, rtol=1e-4, atol=1e-2)
    expected = 1.5 / 2997.92458**2 * exact * (1 - exact / exact[-1]) * (1 + z)
    np.testing.assert_allclose(weight, expected, rtol=1e-3, atol=1e-9)


def test_limber_projection_against_quadrature():
    def distance(z):
        return integrate.quad(
            lambda z: 2997.92458 / np.sqrt(0.3 * (1 + z) ** 3 + 0.7), 0, z
        )[0]

    source = distance(1.0)

    def integrand(z, multipole):
        chi = distance(z)
        kernel = 1.5 * 0.3 / 2997.92458**2 * (1 - chi / source) * (1 + z)
        power = matter_power(multipole / chi, 0.3, 0.8) * _growth(z, 0.3) ** 2
        return kernel**2 * power * 2997.92458 / np.sqrt(0.3 * (1 + z) ** 3 + 0.7)

    multipoles = np.array([[0.0, 100.0], [1000.0, 5000.0]])
    result = convergence_power(multipoles, 0.3, 0.8, 1.0)
    assert result[0, 0] == 0
    for multipole, value in zip(multipoles.ravel()[1:], result.ravel()[1:], strict=True):
        exact, _ = integrate.quad(integrand, 1e-6, 1, args=(multipole,), limit=200)
        assert value == pytest.approx(exact, rel=0.01)


def test_power_of_gaussian_fields():
    """Each mode has the variance it was given, within the error of 2000 draws."""
    rng = np.random.RandomState(0)
    frequencies = 16 * np.fft.fftfreq(16)
    variances = 1 / (1 + np.hypot(*np.meshgrid(frequencies, frequencies))) ** 2
    fields = np.stack([gaussian_field(variances, rng) for _ in range(2000)])
    measured = np.mean(np.abs(np.fft.fft2(fields)) ** 2, axis=0) / 16**2
    # Most modes are complex: their power is exponential. Real ones vary more.
    errors = (measured / variances - 1) * np.sqrt(2000)
    assert np.abs(errors).max() < 6
    assert errors.std() == pytest.approx(1, abs=0.15)
    assert fields.var() == pytest.approx(variances.mean(), rel=0.02)


def test_maps_have_the_power_of_their_cosmology():
    """Nearly Gaussian maps, whose spectra are those of Limber's approximation."""
    maps = make_convergence_maps(
        400, size=32, omega_m_range=(0.3, 0.3), sigma_8_range=(0.1, 0.1), random_state=0
    )
    width = np.radians(maps.field_of_view)
    measured = np.mean(np.abs(np.fft.fft2(maps.data)) ** 2, axis=0) * (width / 32**2) ** 2
    frequencies = 32 * np.fft.fftfreq(32)
    radius = np.hypot(*np.meshgrid(frequencies, frequencies))
    expected = convergence_power(2 * np.pi / width * radius, 0.3, 0.1, 1.0)
    for low, high in [(0.5, 2.5), (2.5, 5), (5, 10), (10, 16)]:
        ring = (radius >= low) & (radius < high)
        error = 4 * np.sqrt(2 / (400 * ring.sum()))  # modes come in conjugate pairs
        ratio = (measured[ring] / expected[ring]).mean()
        assert ratio == pytest.approx(1, abs=error)


def test_lognormal_fields():
    rng = np.random.RandomState(0)
    variances = np.full((64, 64), 0.25)
    fields = np.stack([lognormal_field(variances, 1.0, rng) for _ in range(200)])
    assert fields.min() > -1
    assert fields.mean() == pytest.approx(0, abs=0.005)
    assert fields.var() == pytest.approx(0.25, rel=0.02)
    # Skewness of a lognormal variable of mean 1 and variance 1/4, and its logarithm.
    assert stats.skew(fields, axis=None) == pytest.approx(1.5 + 0.5**3, rel=0.05)
    logs = np.log1p(fields)
    assert logs.mean() == pytest.approx(-np.log(1.25) / 2, abs=0.005)
    assert logs.var() == pytest.approx(np.log(1.25), rel=0.01)
    assert stats.skew(logs, axis=None) == pytest.approx(0, abs=0.01)


def test_moments_and_parameters():
    maps = make_convergence_maps(300, size=32, random_state=0)
    X, (omega_m, sigma_8) = maps.data, maps.target.T
    assert X.shape == (300, 32, 32)
    assert X.dtype == float
    assert abs(X.mean()) < 1e-4 < X.std()
    assert stats.skew(X.reshape(300, -1), axis=1).mean() > 0.1
    assert 0.2 <= omega_m.min() < 0.21 < 0.49 < omega_m.max() <= 0.5
    assert 0.6 <= sigma_8.min() < 0.61 < 0.99 < sigma_8.max() <= 1.0
    assert abs(np.corrcoef(omega_m, sigma_8)[0, 1]) < 0.15
    lowest = X.min(axis=(1, 2))
    assert all(-empty_beam(m, 1.0) < low for m, low in zip(omega_m, lowest, strict=True))
    # More matter, and more of it in clumps: larger fluctuations.
    deviations = X.std(axis=(1, 2))
    for parameter in (omega_m, sigma_8):
        assert stats.spearmanr(parameter, deviations).statistic > 0.3


def test_noise_comes_on_top():
    kwargs = {"n_samples": 20, "size": 32, "random_state": 0}
    noise = make_convergence_maps(noise=0.5, **kwargs).data
    noise -= make_convergence_maps(**kwargs).data
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(0.5, rel=0.02)


def test_bunch_and_random_state():
    maps = make_convergence_maps(5, size=16, random_state=3)
    random_state = np.random.RandomState(3)
    X, y = make_convergence_maps(5, size=16, random_state=random_state, return_X_y=True)
    np.testing.assert_array_equal(maps.data, X)
    np.testing.assert_array_equal(maps.target, y)
    other = make_convergence_maps(5, size=16, random_state=4)
    assert not np.array_equal(other.data, X)
    assert maps.target_names == ["Omega_m", "sigma_8"]
    assert maps.field_of_view == 3.5
    assert "These data are simulated, not measured" in maps.DESCR
    assert "not\nweak-lensing data" in maps.DESCR
    assert "{" not in maps.DESCR


def test_hundreds_of_maps_take_seconds():
    start = time.process_time()
    make_convergence_maps(200, size=64, random_state=0)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_samples": 0}, "'n_samples' parameter of make_convergence_maps"),
        ({"size": 1}, "'size' parameter .* Got 1 instead"),
        ({"field_of_view": 0.0}, "'field_of_view' parameter .* Got 0.0 instead"),
        ({"source_redshift": -1.0}, "'source_redshift' parameter .* Got -1.0"),
        ({"noise": -1.0}, "'noise' parameter .* Got -1.0"),
        ({"omega_m_range": (0.3, 0.2)}, "'omega_m_range' .* in increasing order"),
        ({"omega_m_range": (0.0, 0.2)}, r"from 0.1 to 1.0 .* Got \(0.0, 0.2\) instead"),
        ({"sigma_8_range": (0.0, 1.0)}, r"Got \(0.0, 1.0\) instead"),
        ({"sigma_8_range": ("a", 1)}, r"Got \('a', 1\) instead"),
        ({"sigma_8_range": (0.6, 0.7, 0.8)}, "two numbers"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        make_convergence_maps(**params)
