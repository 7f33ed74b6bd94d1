"""When in the signal a coefficient is."""

import numpy as np
from scipy.signal import fftconvolve


def coefficient_times(layout, filter_bank):
    """Return the time of each coefficient of each band, in samples.

    One level is ``a[k] = sum_i h[i] x[2k + s - i]``, with ``s = 1``, or half the number
    of taps with periodization. By induction, a coefficient of level j is that of a
    single, longer filter: ``sum_m H[m] x[2^j k + s (2^j - 1) - m]``, or of the stationary
    transform with ``k`` in place of ``2^j k``. Its time is the mean of those it sees,
    weighted by ``H[m]^2``.

    Parameters
    ----------
    layout : CoeffLayout
        Of signals.
    filter_bank : ndarray of shape (n_levels or 1, n_axes or 1, 4, K)
        The filters.

    Returns
    -------
    times : dict of str to ndarray
        The time of each coefficient, by band. With periodization, within the signal (that
        of an odd length goes on by a sample at each level).
    """
    delays, chain = {"cA0": 0.0}, np.ones(1)
    for level in range(1, layout.level + 1):
        filters = filter_bank[min(level, len(filter_bank)) - 1, 0, :2]
        spread = np.zeros((2, 2 ** (level - 1) * (filters.shape[1] - 1) + 1))
        spread[:, :: 2 ** (level - 1)] = filters
        chain, details = (fftconvolve(chain, taps) for taps in spread)
        delays[f"cA{level}"] = _centre_of_energy(chain)
        delays[f"cD{level}"] = _centre_of_energy(details)
    periodic = layout.mode == "periodization"
    shift = layout.filter_length // 2 if periodic else 1
    times = {}
    for band in layout.bands:
        step = 2**band.level if layout.tree.is_decimated else 1
        t = step * np.arange(*band.shape) - delays[band.name]
        t += shift * (2**band.level - 1)
        times[band.name] = (t + 0.5) % (step * len(t)) - 0.5 if periodic else t
    return times


def _centre_of_energy(taps):
    return np.average(np.arange(len(taps)), weights=taps**2)
