"""What a wavelet looks like: its functions, its frequencies, its nearest relative."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from sk_awave.engine._filter_bank import biorthogonal_wavelets, library_filters
from sk_awave.inspection._checks import single_wavelet
from sk_awave.inspection._distance import wavelet_distance
from sk_awave.inspection._sampling import check_sampling_frequency, in_time


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
        How often the functions are refined: there are ``2 ** level`` samples a unit of
        time.

    side : {"synthesis", "analysis"}, default="synthesis"
        Which pair of a biorthogonal wavelet: that from which signals are composed, or
        that with which they are compared. An orthogonal wavelet has but one.

    sampling_frequency : float, default=None
        The number of samples a second: time is then in seconds. By default it is in
        samples.

    Returns
    -------
    functions : WaveletFunctions
        The named tuple ``(phi, psi, x)`` of arrays of equal length, by PyWavelets'
        ``wavefun``: scaling function, wavelet and time; at level :math:`j` of a transform
        they are stretched by :math:`2^j`.

    Raises
    ------
    ValueError
        If the wavelet or the side is unknown, a transformer has several wavelets, or the
        sampling frequency is not positive.
    NotFittedError
        If the transformer is not fitted.

    See Also
    --------
    WaveletDisplay : Draws them.

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
        How many frequencies, evenly spaced from 0 to 0.5 cycles a sample with both ends.

    sampling_frequency : float, default=None
        The number of samples a second: frequencies are then in Hz. By default they are in
        cycles a sample.

    Returns
    -------
    response : FrequencyResponse
        The named tuple ``(frequencies, dec_lo, dec_hi)``: frequencies, and complex gains
        :math:`H(f) = \sum_n h_n e^{-2 \pi i f n}` of the two filters, with :math:`f` in
        cycles a sample. Those of an orthonormal wavelet obey :math:`|H(f)|^2 + |H(0.5 -
        f)|^2 = 2`.

    Raises
    ------
    ValueError
        If the wavelet is unknown, a transformer has several wavelets, `n_frequencies` is
        less than 2, or the sampling frequency is not positive.
    NotFittedError
        If the transformer is not fitted.

    See Also
    --------
    FilterBankDisplay : Draws them.

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
    frequencies = np.linspace(0, 0.5, n_frequencies)
    waves = np.exp(-2j * np.pi * np.outer(frequencies, np.arange(wavelet.dec_len)))
    frequencies *= sampling_frequency or 1
    return FrequencyResponse(frequencies, waves @ wavelet.dec_lo, waves @ wavelet.dec_hi)


def closest_wavelet(estimator_or_wavelet, *, metric="psi", wavelets=None):
    """Find the named wavelet that is nearest, up to shift, time reversal and sign.

    Parameters
    ----------
    estimator_or_wavelet : fitted transformer, pywt.Wavelet or str
        A transformer stands for its ``wavelet_``; or a discrete wavelet, or its name.

    metric : {"psi", "cosine"}, default="psi"
        See `wavelet_distance`.

    wavelets : list of str, default=None
        The names to choose from. By default the orthogonal wavelets of PyWavelets that
        learning can start from: haar, db2 to db22, sym4 to sym20 and coif1 to coif17; for
        a wavelet that is not orthogonal also the biorthogonal ones, bior and rbio.

    Returns
    -------
    name : str
        The nearest wavelet, the first of several at the same distance.
    distance : float
        Its distance.

    Raises
    ------
    ValueError
        If a wavelet is unknown, `wavelets` is empty, or a transformer has several
        wavelets.
    NotFittedError
        If the transformer is not fitted.

    See Also
    --------
    wavelet_distance : The distance.

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
