"""Seconds and hertz, where the sampling frequency is known."""

import re
from numbers import Real

import numpy as np

from sk_awave.utils._warnings import warn


def check_sampling_frequency(sampling_frequency, caller, ndim=1):
    """Raise ValueError unless it is None or positive; warn of one of images."""
    if sampling_frequency is None:
        return
    is_number = isinstance(sampling_frequency, Real)
    if not is_number or not 0 < sampling_frequency < np.inf:
        raise ValueError(
            f"The 'sampling_frequency' parameter of {caller} must be a positive number, "
            f"of samples a second, or None. Got {sampling_frequency!r} instead."
        )
    if ndim > 1:
        warn("sampling_frequency has no effect: images have no time.")


def in_time(samples, sampling_frequency):
    """Return times in seconds, or in samples where there is no sampling frequency."""
    return np.asarray(samples) / (sampling_frequency or 1)


def time_label(sampling_frequency):
    """Return the label of an axis of time."""
    return "time (samples)" if sampling_frequency is None else "time (s)"


def range_in_hertz(name, layout, sampling_frequency):
    """Return '16-31 Hz' of a band, a segment or an envelope, here of both its bands."""
    ranges = {band.name: band.frequencies[0] for band in layout.bands}
    names = re.findall(r"[a-zA-Z]+\d*", name.split("[")[0])
    ends = [sampling_frequency * np.array(ranges[each]) for each in names]
    return ", ".join(f"{_short(low)}-{_short(high)} Hz" for low, high in ends)


def _short(frequency):
    """Write a frequency with two digits, or more in front of the point."""
    return f"{frequency:.0f}" if frequency >= 10 else f"{frequency:.2g}"
