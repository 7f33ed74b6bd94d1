"""White noise and a response to a few of its wavelet coefficients."""

from numbers import Integral, Real

import numpy as np
import pywt
from sklearn.utils import Bunch, check_random_state

from sk_awave.utils._budget import check_budget
from sk_awave.utils._sklearn import Interval, StrOptions, validate_params

_WAVELET_REGRESSION = """\
Synthetic regression on wavelet coefficients
--------------------------------------------

These data are simulated, not measured. The {n_samples} signals are white noise: {length}
independent standard normal values each. The response is linear in a few coefficients of
their transform by {wavelet!r} (mode={mode!r}):

    y = {coefficient} * (sum of the details of level {detail_level} at positions {where})
        + {noise} * standard normal noise

All other coefficients have no influence. `coef` holds the true weights of the
coefficients, and `input_gradient` what they amount to for the signal itself:
y = data @ input_gradient + noise.

With the default parameters this is the simulation of W. Ha et al., "Adaptive wavelet
distillation from neural networks through interpretations", NeurIPS 2021 (with other
random numbers).
"""


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "wavelet": [str, pywt.Wavelet],
        "length": [Interval(Integral, 1, None, closed="left")],
        "level": [Interval(Integral, 1, None, closed="left")],
        "detail_level": [Interval(Integral, 1, None, closed="left")],
        "positions": ["array-like"],
        "coefficient": [Interval(Real, None, None, closed="neither")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "mode": [StrOptions(set(pywt.Modes.modes))],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_wavelet_regression(
    n_samples=1000,
    *,
    wavelet="db5",
    length=64,
    level=4,
    detail_level=3,
    positions=(7, 8, 9),
    coefficient=2.0,
    noise=0.1,
    mode="zero",
    random_state=None,
    return_X_y=False,
):
    """Make white noise and a response to a few of its wavelet coefficients.

    With the defaults, this is the simulation of [1]_. It asks: can the wavelet be
    recovered from a model that was trained on `X` and `y`?

    Parameters
    ----------
    n_samples : int, default=1000
        The number of signals. There are 55000 in [1]_; the last 5000 are for testing.

    wavelet : str or pywt.Wavelet, default="db5"
        The true wavelet.

    length : int, default=64
        The number of values of a signal.

    level : int, default=4
        The number of levels of the transform.

    detail_level : int, default=3
        The level of the details that the response depends on. 1 is the finest level.

    positions : array-like of int, default=(7, 8, 9)
        The positions, within that level, of the details that the response depends on.

    coefficient : float, default=2.0
        The weight of these details.

    noise : float, default=0.1
        The standard deviation of the noise of the response.

    mode : {"zero", "symmetric", "constant", "periodic", "smooth", "periodization", \
            "reflect", "antisymmetric", "antireflect"}, default="zero"
        The extension of signals beyond their ends.

    random_state : int, RandomState instance or None, default=None
        The seed of the signals and the noise.

    return_X_y : bool, default=False
        If True, only ``(data, target)`` is returned.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary-like object with the attributes:

        data : ndarray of shape (n_samples, length)
            The signals.
        target : ndarray of shape (n_samples,)
            The response.
        feature_names : list of str
            The names 'x0', 'x1', ....
        wavelet : pywt.Wavelet
            The true wavelet.
        coef : ndarray of shape (n_coeffs,)
            The weights of the coefficients, from coarse to fine. This is the order of
            ``pywt.wavedec`` and of ``WaveletTransformer(wavelet, level=level,
            mode=mode)``.
        input_gradient : ndarray of shape (length,)
            The gradient of the response with respect to a signal. It is the same for all
            signals. A perfect model has this gradient.
        DESCR : str
            A description of the data.

    (data, target) : tuple if ``return_X_y`` is True
        The data and the target alone.

    Raises
    ------
    ValueError
        If the wavelet is unknown, or if `detail_level` or `positions` are outside the
        transform.

    See Also
    --------
    make_bursts : Makes traces whose response is the height of their highest burst.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_awave.datasets import make_wavelet_regression
    >>> simulation = make_wavelet_regression(200, noise=0.0, random_state=0)
    >>> simulation.data.shape, simulation.wavelet.name
    ((200, 64), 'db5')
    >>> np.allclose(simulation.data @ simulation.input_gradient, simulation.target)
    True
    """
    wavelet = _check_wavelet(wavelet)
    check_budget(
        (n_samples + length) * length,
        f"n_samples={n_samples} of length={length}",
        "Use smaller numbers.",
    )
    bands = _wavedec(np.eye(length), wavelet, mode, level)
    positions = _check_positions(positions, detail_level, level, bands)
    weights = [np.zeros(band.shape[1]) for band in bands]
    weights[-detail_level][positions] = coefficient
    coef = np.concatenate(weights)
    input_gradient = np.concatenate(bands, axis=1) @ coef

    rng = check_random_state(random_state)
    X = rng.standard_normal((n_samples, length))
    y = X @ input_gradient + noise * rng.standard_normal(n_samples)
    if return_X_y:
        return X, y
    description = _WAVELET_REGRESSION.format(
        n_samples=n_samples,
        length=length,
        wavelet=wavelet.name,
        mode=mode,
        coefficient=coefficient,
        detail_level=detail_level,
        where=", ".join(map(str, positions)),
        noise=noise,
    )
    return Bunch(
        data=X,
        target=y,
        feature_names=[f"x{i}" for i in range(length)],
        wavelet=wavelet,
        coef=coef,
        input_gradient=input_gradient,
        DESCR=description,
    )


def _check_wavelet(wavelet):
    """Return a discrete wavelet given by name or as such, or raise ValueError."""
    if isinstance(wavelet, pywt.Wavelet):
        return wavelet
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise ValueError(
            "The 'wavelet' parameter of make_wavelet_regression must be a pywt.Wavelet "
            f"or one of pywt.wavelist(kind='discrete'). Got {wavelet!r} instead."
        )
    return pywt.Wavelet(wavelet)


def _wavedec(X, wavelet, mode, level):
    """Do what ``pywt.wavedec`` does, without its warning of a level that is too high."""
    details = []
    for _ in range(level):
        X, detail = pywt.dwt(X, wavelet, mode)
        details.append(detail)
    return [X, *reversed(details)]


def _check_positions(positions, detail_level, level, bands):
    """Return the positions as an array of distinct indices of the band."""
    if detail_level > level:
        raise ValueError(f"detail_level={detail_level} must be at most level={level}.")
    n_details = bands[-detail_level].shape[1]
    positions = np.asarray(positions)
    if (
        positions.ndim != 1
        or not len(positions)
        or positions.dtype.kind not in "iu"
        or positions.min() < 0
        or positions.max() >= n_details
        or len(np.unique(positions)) < len(positions)
    ):
        raise ValueError(
            f"positions must be different integers from 0 to {n_details - 1}, as there "
            f"are {n_details} details of level {detail_level}. Got {positions.tolist()} "
            "instead."
        )
    return positions
