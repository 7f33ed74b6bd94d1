"""The functions of a wavelet, its frequencies, and the closest named wavelet."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from sk_awave.engine._wavelet import biorthogonal_wavelets, library_filters
from sk_awave.inspection._checks import single_wavelet
from sk_awave.inspection._distance import wavelet_distance
from sk_awave.inspection._sampling import check_sampling_frequency, in_time
from sk_awave.utils._budget import check_budget


class WaveletFunctions(NamedTuple):
    """Scaling function and wavelet, sampled at `x`."""

    phi: np.ndarray
    psi: np.ndarray
    x: np.ndarray


class FrequencyResponse(NamedTuple):
    """Complex gains of the two filters of analysis at `frequencies`."""

    frequencies: np.ndarray
    dec_lo: np.ndarray
    dec_hi: np.ndarray


def wavelet_functions(
    estimator_or_wavelet, *, level=8, side="synthesis", sampling_frequency=None
):
    r"""Sample the scaling function and the wavelet function.

    Parameters
    ----------
    estimator_or_wavelet : fitted transformer, pywt.Wavelet or str
        A transformer stands for its ``wavelet_``; or a discrete wavelet, or its name.

    level : int, default=8
        The number of refinements of the functions. There are ``2 ** level`` samples per
        unit of time.

    side : {"synthesis", "analysis"}, default="synthesis"
        The pair of functions of a biorthogonal wavelet: signals are sums of the functions
        of synthesis, and coefficients are inner products with those of analysis. For an
        orthogonal wavelet both are the same.

    sampling_frequency : float, default=None
        The number of samples per second: time is then in seconds. By default it is in
        samples.

    Returns
    -------
    functions : WaveletFunctions
        The named tuple ``(phi, psi, x)`` of arrays of equal length: scaling function,
        wavelet and time, from PyWavelets' ``wavefun``. At level :math:`j` of a transform,
        the functions are stretched by :math:`2^j`.

    Raises
    ------
    ValueError
        If the wavelet or the side is unknown, if a transformer has several wavelets, or
        if the sampling frequency is not positive.
    NotFittedError
        If the transformer is not fitted.

    See Also
    --------
    WaveletDisplay : Draws the functions.

    Examples
    --------
    >>> from sk_awave.inspection import wavelet_functions
    >>> phi, psi, x = wavelet_functions("db2")
    >>> bool(abs(phi.sum() / 2**8 - 1) < 1e-9), bool(abs(psi.sum()) < 1e-9)
    (True, True)
    """
    wavelet = single_wavelet(estimator_or_wavelet, "wavelet_functions")
    if side not in ("synthesis", "analysis"):
        raise ValueError(
            "The 'side' parameter of wavelet_functions must be 'synthesis' or "
            f"'analysis'. Got {side!r} instead."
        )
    check_sampling_frequency(sampling_frequency, "wavelet_functions")
    check_budget(2**level * wavelet.dec_len, f"level={level}", "Use fewer levels.", 0)
    *pairs, x = wavelet.wavefun(level=level)
    x = in_time(x, sampling_frequency)
    return WaveletFunctions(*(pairs[:2] if side == "analysis" else pairs[-2:]), x)


def frequency_response(
    estimator_or_wavelet, *, n_frequencies=512, sampling_frequency=None
):
    r"""Compute the gains of the filters of analysis.

    Parameters
    ----------
    estimator_or_wavelet : fitted transformer, pywt.Wavelet or str
        A transformer stands for its ``wavelet_``; or a discrete wavelet, or its name.

    n_frequencies : int, default=512
        The number of frequencies. They are evenly spaced from 0 to 0.5 cycles per sample,
        including both ends.

    sampling_frequency : float, default=None
        The number of samples per second: frequencies are then in Hz. By default they are
        in cycles per sample.

    Returns
    -------
    response : FrequencyResponse
        The named tuple ``(frequencies, dec_lo, dec_hi)``: the frequencies, and the
        complex gains of the two filters. The gain of the low-pass filter :math:`h` is
        :math:`H(\nu) = \sum_k h_k e^{-2 \pi i \nu k}`, with :math:`\nu` in cycles per
        sample. For an orthonormal wavelet, :math:`|H(\nu)|^2 + |H(0.5 - \nu)|^2 = 2`.

    Raises
    ------
    ValueError
        If the wavelet is unknown, if a transformer has several wavelets, if
        `n_frequencies` is less than 2, or if the sampling frequency is not positive.
    NotFittedError
        If the transformer is not fitted.

    See Also
    --------
    FilterBankDisplay : Draws the gains.

    Examples
    --------
    >>> from sk_awave.inspection import frequency_response
    >>> frequencies, low, high = frequency_response("haar", n_frequencies=3)
    >>> frequencies
    array([0.  , 0.25, 0.5 ])
    >>> abs(low).round(2)
    array([1.41, 1.  , 0.  ])
    """
    wavelet = single_wavelet(estimator_or_wavelet, "frequency_response")
    if not isinstance(n_frequencies, Integral) or n_frequencies < 2:
        raise ValueError(
            "The 'n_frequencies' parameter of frequency_response must be an integer of "
            f"at least 2. Got {n_frequencies!r} instead."
        )
    check_sampling_frequency(sampling_frequency, "frequency_response")
    parameter, n_values = (
        f"n_frequencies={n_frequencies}",
        n_frequencies * wavelet.dec_len,
    )
    check_budget(n_values, parameter, "Use fewer.", 0)
    frequencies = np.linspace(0, 0.5, n_frequencies)
    waves = np.exp(-2j * np.pi * np.outer(frequencies, np.arange(wavelet.dec_len)))
    frequencies *= sampling_frequency or 1
    return FrequencyResponse(frequencies, waves @ wavelet.dec_lo, waves @ wavelet.dec_hi)


def closest_wavelet(estimator_or_wavelet, *, metric="psi", wavelets=None):
    """Find the closest named wavelet, up to shift, time reversal and sign.

    Parameters
    ----------
    estimator_or_wavelet : fitted transformer, pywt.Wavelet or str
        A transformer stands for its ``wavelet_``; or a discrete wavelet, or its name.

    metric : {"psi", "cosine"}, default="psi"
        The metric; see `wavelet_distance`.

    wavelets : list of str, default=None
        The names to choose from. By default these are the orthogonal wavelets of
        PyWavelets that learning can start from: haar, db2 to db22, sym4 to sym20 and
        coif1 to coif17. For a wavelet that is not orthogonal, the biorthogonal ones (bior
        and rbio) are included.

    Returns
    -------
    name : str
        The closest wavelet. Of several at the same distance, it is the first one.
    distance : float
        The distance of this wavelet.

    Raises
    ------
    ValueError
        If a wavelet is unknown, if `wavelets` is empty, or if a transformer has several
        wavelets.
    NotFittedError
        If the transformer is not fitted.

    See Also
    --------
    wavelet_distance : Computes the distance of two wavelets.

    Examples
    --------
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.inspection import closest_wavelet
    >>> X = pywt.data.ecg()[:1000].reshape(-1, 40) / 100.0
    >>> transformer = AdaptiveWaveletTransformer("db3", level=3).fit(X)
    >>> name, distance = closest_wavelet(transformer)
    >>> name, 0 < distance < 1
    ('db3', True)
    >>> closest_wavelet("db5")
    ('db5', 0.0)
    """
    wavelet = single_wavelet(estimator_or_wavelet, "closest_wavelet")
    if wavelets is None:
        wavelets = [name for name, _ in library_filters(np.inf)]
        if not wavelet.orthogonal:
            wavelets += [other.name for other in biorthogonal_wavelets(np.inf)]
    if len(wavelets) == 0:
        raise ValueError("The 'wavelets' parameter of closest_wavelet must not be empty.")
    distances = {
        name: wavelet_distance(wavelet, name, metric=metric) for name in wavelets
    }
    name = min(distances, key=distances.get)
    return name, distances[name]
