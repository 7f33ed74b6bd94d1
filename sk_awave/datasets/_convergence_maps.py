"""Maps of the convergence of weak gravitational lensing, of known cosmology."""

import math
from numbers import Integral, Real

import numpy as np
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.special import hyp2f1
from sklearn.utils import Bunch, check_random_state

from sk_awave.utils._budget import check_budget
from sk_awave.utils._sklearn import Interval, validate_params

#: The speed of light over the Hubble constant, in Mpc / h.
_HUBBLE_LENGTH = 2997.92458
#: What is not varied: Hubble constant / (100 km/s/Mpc), baryons, spectral index.
_HUBBLE, _OMEGA_B, _SPECTRAL_INDEX = 0.7, 0.046, 0.96
#: The temperature of the cosmic microwave background in kelvin.
_TEMPERATURE = 2.7255

_CONVERGENCE_MAPS = """\
Synthetic maps of gravitational convergence
-------------------------------------------

These data are simulated, not measured, and the simulation is a caricature: they are not
weak-lensing data, and no result on them says anything about cosmology. Each of the
{n_samples} maps has {size} x {size} pixels, {field_of_view} degrees wide, and is a
shifted lognormal field:

- matter density Omega_m and amplitude sigma_8 of each map are uniform in
  {omega_m_range} and {sigma_8_range}; the universe is flat, with h = {hubble},
  Omega_b = {omega_b} and n_s = {spectral_index};
- the power spectrum of matter is linear, by the formula of Eisenstein and Hu (1998)
  without wiggles, and projected by Limber's approximation for sources at redshift
  {source_redshift}. Nonlinear growth is missing, and with it most of the power on small
  scales and the peaks of clusters of galaxies;
- a periodic Gaussian field with this power spectrum is drawn, and transformed to a
  lognormal one of the same variance, whose lowest value is that of an empty line of
  sight (Taruya et al. 2002). The transform changes the power spectrum slightly;
- {noise} * standard normal noise is added to each pixel.

The target has the columns Omega_m and sigma_8.
"""


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "size": [Interval(Integral, 2, None, closed="left")],
        "field_of_view": [Interval(Real, 0, 20, closed="right")],
        "omega_m_range": [tuple, list],
        "sigma_8_range": [tuple, list],
        "source_redshift": [Interval(Real, 0, 10, closed="right")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_convergence_maps(
    n_samples=100,
    *,
    size=64,
    field_of_view=3.5,
    omega_m_range=(0.2, 0.5),
    sigma_8_range=(0.6, 1.0),
    source_redshift=1.0,
    noise=0.0,
    random_state=None,
    return_X_y=False,
):
    """Make lognormal maps of weak lensing for two cosmological parameters.

    These maps replace simulations of gravitational lensing such as those of [1]_. The
    latter are too large for a package. The power spectrum and the skewness of the maps
    depend on the matter density and on the amplitude of its fluctuations, by the formulas
    of [2]_ and [3]_. They have far too little power on small scales. So results on them
    do not hold for real maps.

    Parameters
    ----------
    n_samples : int, default=100
        The number of maps.

    size : int, default=64
        The number of pixels along each side of a map.

    field_of_view : float, default=3.5
        The length of each side in degrees, at most 20 (the sky is assumed to be flat).

    omega_m_range : tuple of two floats, default=(0.2, 0.5)
        The smallest and largest matter density, at least 0.1 and at most 1.

    sigma_8_range : tuple of two floats, default=(0.6, 1.0)
        The smallest and largest amplitude, at least 0.01 and at most 10. The amplitude is
        the standard deviation of the linear matter density today in spheres of radius
        8 Mpc / h.

    source_redshift : float, default=1.0
        The redshift of the sources, at most 10.

    noise : float, default=0.0
        The standard deviation of the noise of each pixel. With the other defaults the
        standard deviation of a map is 0.004 to 0.014.

    random_state : int, RandomState instance or None, default=None
        The seed of the maps.

    return_X_y : bool, default=False
        If True, only ``(data, target)`` is returned.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary-like object with the attributes:

        data : ndarray of shape (n_samples, size, size)
            The maps.
        target : ndarray of shape (n_samples, 2)
            The matter density and the amplitude of each map.
        target_names : list of str
            The names 'Omega_m' and 'sigma_8'.
        field_of_view : float
            The parameter `field_of_view`.
        DESCR : str
            A description of the data and of their limits.

    (data, target) : tuple if ``return_X_y`` is True
        The data and the target alone.

    Raises
    ------
    ValueError
        If a range is not two increasing numbers within its bounds.

    See Also
    --------
    sk_awave.feature_extraction.PeakCounter : Counts the peaks of such maps.

    References
    ----------
    .. [1] D. Ribli, B. A. Pataki, J. M. Zorrilla Matilla, D. Hsu, Z. Haiman, I. Csabai.
       "Weak lensing cosmology with convolutional neural networks on noisy data." Monthly
       Notices of the Royal Astronomical Society 490(2), 2019.
    .. [2] D. J. Eisenstein, W. Hu. "Baryonic features in the matter transfer function."
       The Astrophysical Journal 496(2), 1998.
    .. [3] A. Taruya, M. Takada, T. Hamana, I. Kayo, T. Futamase. "Lognormal property of
       weak-lensing fields." The Astrophysical Journal 571(2), 2002.

    Examples
    --------
    >>> from sk_awave.datasets import make_convergence_maps
    >>> maps = make_convergence_maps(5, size=32, random_state=0)
    >>> maps.data.shape, maps.target_names
    ((5, 32, 32), ['Omega_m', 'sigma_8'])
    """
    ranges = [
        _check_range("omega_m_range", omega_m_range, 0.1, 1.0),
        _check_range("sigma_8_range", sigma_8_range, 0.01, 10.0),
    ]
    check_budget(
        n_samples * size**2, f"n_samples={n_samples} of size={size}", "Use fewer."
    )
    rng = check_random_state(random_state)
    low, high = np.transpose(ranges)
    y = rng.uniform(low, high, size=(n_samples, 2))
    width = math.radians(field_of_view)
    multipoles = 2 * np.pi / width * np.hypot(*_frequencies(size))
    X = np.empty((n_samples, size, size))
    for x, (omega_m, sigma_8) in zip(X, y, strict=True):
        power = convergence_power(multipoles, omega_m, sigma_8, source_redshift)
        shift = empty_beam(omega_m, source_redshift)
        x[...] = lognormal_field(power * (size / width) ** 2, shift, rng)
    X += noise * rng.standard_normal(X.shape)
    if return_X_y:
        return X, y
    description = _CONVERGENCE_MAPS.format(
        n_samples=n_samples,
        size=size,
        field_of_view=field_of_view,
        omega_m_range=tuple(omega_m_range),
        sigma_8_range=tuple(sigma_8_range),
        source_redshift=source_redshift,
        noise=noise,
        hubble=_HUBBLE,
        omega_b=_OMEGA_B,
        spectral_index=_SPECTRAL_INDEX,
    )
    return Bunch(
        data=X,
        target=y,
        target_names=["Omega_m", "sigma_8"],
        field_of_view=field_of_view,
        DESCR=description,
    )


def _check_range(name, bounds, lowest, highest):
    """Return two increasing numbers within bounds, or raise ValueError."""
    numbers = all(isinstance(bound, Real) for bound in bounds)
    if len(bounds) != 2 or not numbers or not lowest <= bounds[0] <= bounds[1] <= highest:
        raise ValueError(
            f"The '{name}' parameter of make_convergence_maps must be two numbers from "
            f"{lowest} to {highest} in increasing order. Got {bounds!r} instead."
        )
    return bounds


def _frequencies(size):
    """Return the frequencies of a Fourier transform along both axes, as integers."""
    frequencies = size * np.fft.fftfreq(size)
    return np.meshgrid(frequencies, frequencies, indexing="ij")


def matter_power(k, omega_m, sigma_8):
    """Return the linear power spectrum of matter today.

    The wave number `k` is in h / Mpc, the power in (Mpc / h)^3.
    """
    # The integral over spheres of 8 Mpc / h is smooth in the logarithm of k.
    grid = np.geomspace(1e-4, 20, 400)
    x = 8 * grid
    sphere = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    integrand = _power_shape(grid, omega_m) * (sphere * grid) ** 2 / (2 * np.pi**2)
    variance = trapezoid(integrand * grid, np.log(grid))
    return sigma_8**2 / variance * _power_shape(k, omega_m)


def _power_shape(k, omega_m):
    """Return the matter power spectrum up to a factor, as Eisenstein and Hu (1998)."""
    matter, baryons = omega_m * _HUBBLE**2, _OMEGA_B * _HUBBLE**2
    fraction = _OMEGA_B / omega_m
    sound = 44.5 * np.log(9.83 / matter) / np.sqrt(1 + 10 * baryons**0.75)
    alpha = 1 - 0.328 * np.log(431 * matter) * fraction
    alpha += 0.38 * np.log(22.3 * matter) * fraction**2
    damping = 1 + (0.43 * k * _HUBBLE * sound) ** 4
    shape = omega_m * _HUBBLE * (alpha + (1 - alpha) / damping)
    q = k * (_TEMPERATURE / 2.7) ** 2 / shape
    log = np.log(2 * np.e + 1.8 * q)
    transfer = log / (log + (14.2 + 731 / (1 + 62.5 * q)) * q**2)
    return k**_SPECTRAL_INDEX * transfer**2


def _growth(redshift, omega_m):
    """Return the linear growth until then, 1 today, in closed form."""
    now, then = (
        hyp2f1(1 / 3, 1, 11 / 6, (1 - 1 / omega_m) / (1 + z) ** 3) / (1 + z)
        for z in (0.0, redshift)
    )
    return then / now


def _line_of_sight(omega_m, source_redshift):
    """Return redshift, distance in Mpc / h, and the weight of each distance."""
    z = np.linspace(0, source_redshift, 101)
    expansion = np.sqrt(omega_m * (1 + z) ** 3 + 1 - omega_m)
    distance = _HUBBLE_LENGTH * cumulative_trapezoid(1 / expansion, z, initial=0)
    lever = distance * (1 - distance / distance[-1])
    return z, distance, 1.5 * omega_m / _HUBBLE_LENGTH**2 * lever * (1 + z)


def convergence_power(multipoles, omega_m, sigma_8, source_redshift):
    """Return the power spectrum of convergence in Limber's approximation; 0 at 0."""
    z, distance, weight = _line_of_sight(omega_m, source_redshift)
    # At distance 0 the wave numbers are infinite, and there is no power.
    z, distance, weight = z[1:], distance[1:], weight[1:]
    positive = multipoles > 0
    ends = multipoles[positive].min(), multipoles[positive].max()
    grid = np.geomspace(*ends, 64)
    matter = matter_power(grid[:, None] / distance, omega_m, sigma_8)
    kernel = (weight / distance * _growth(z, omega_m)) ** 2
    power = np.zeros_like(multipoles)
    projected = trapezoid(kernel * matter, distance, axis=-1)
    logs = np.interp(np.log(multipoles[positive]), np.log(grid), np.log(projected))
    power[positive] = np.exp(logs)
    return power


def empty_beam(omega_m, source_redshift):
    """Return how far below the mean the convergence of an empty line of sight is."""
    _, distance, weight = _line_of_sight(omega_m, source_redshift)
    return trapezoid(weight, distance)


def gaussian_field(variances, rng):
    """Draw a periodic Gaussian field; white noise has variances of 1."""
    white = np.fft.fft2(rng.standard_normal(variances.shape))
    return np.fft.ifft2(white * np.sqrt(variances)).real


def lognormal_field(variances, shift, rng):
    """Draw a field of zero mean above ``-shift``, of the Gaussian field's variance."""
    total = np.log1p(variances.mean() / shift**2)
    field = gaussian_field(variances / variances.mean() * total, rng)
    return shift * np.expm1(field - total / 2)
