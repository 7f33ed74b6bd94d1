"""The time of each coefficient."""

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
        The layout of signals.
    filter_bank : ndarray of shape (n_levels or 1, n_axes or 1, 4, K)
        The filters.

    Returns
    -------
    times : dict of str to ndarray
        The time of each coefficient, by band. With periodization, times are within the
        signal. A signal of odd length is extended by one sample at each level.
    """
    chains = {(): np.ones(1)}
    periodic = layout.mode == "periodization"
    shift = layout.filter_length // 2 if periodic else 1
    times = {}
    for band in layout.bands:
        chain = _chain(band.path, filter_bank, chains)
        step = 2**band.level if layout.tree.is_decimated else 1
        t = step * np.arange(*band.shape) - _centre_of_energy(chain)
        t += shift * (2**band.level - 1)
        times[band.name] = (t + 0.5) % (step * len(t)) - 0.5 if periodic else t
    return times


def _chain(path, filter_bank, known):
    """Return the filter that leads from the signal to a node; keep it in `known`."""
    if path not in known:
        parent = _chain(path[:-1], filter_bank, known)
        level = min(len(path), len(filter_bank)) - 1
        taps, gap = filter_bank[level, 0, path[-1]], 2 ** (len(path) - 1)
        spread = np.zeros(gap * (len(taps) - 1) + 1)
        spread[::gap] = taps
        known[path] = fftconvolve(parent, spread)
    return known[path]


def _centre_of_energy(taps):
    return np.average(np.arange(len(taps)), weights=taps**2)
