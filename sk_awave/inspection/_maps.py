"""Values of coefficients and of pooled features, at their place by band and time."""

import numpy as np

from sk_awave.inspection._sampling import range_in_hertz
from sk_awave.inspection._times import coefficient_times


def coefficient_map(layout, filter_bank, values):
    """Place a value for each coefficient of one channel.

    Returns
    -------
    bands : dict of str to ndarray
        The values of each band, of signals from low to high frequencies.
    times : dict of str to ndarray
        The times of the values in samples; None for images.
    """
    bands = {
        band.name: values[band.start : band.stop].reshape(band.shape)
        for band in _ordered(layout)
    }
    is_signal = len(layout.signal_shape) == 1
    return bands, coefficient_times(layout, filter_bank) if is_signal else None


def pooled_map(part, values, channel):
    """Add the values of pooled features up, by band and segment of a signal.

    There is one row for each number of segments, 'cD3' and 'cD3[i/4]', and one row for
    all envelopes of a band, '|cD3|'.

    Returns
    -------
    bands : dict of str to ndarray
        The sums in each segment.
    times : dict of str to ndarray
        The middle of the segments, in samples.
    """
    rows = {}
    for place, value in zip(part.transformer._places(), values, strict=True):
        if place.channel == channel:
            index, count = _segment(place)
            row = rows.setdefault((_carrier(place.band), count), np.zeros(count))
            row[index] += value
    names = [band.name for band in _ordered(part.layout)]
    names += [f"|{name}|" for name in names]
    order = sorted(rows, key=lambda key: (names.index(key[0]), key[1]))
    bands = {_row_name(*key): rows[key] for key in order}
    (length,) = part.layout.signal_shape
    times = {
        name: (np.arange(len(row)) + 0.5) * length / len(row) - 0.5
        for name, row in bands.items()
    }
    return bands, times


def map_labels(bands, layout, sampling_frequency):
    """Return the labels of the rows of a map: 'cD3 (16-31 Hz)'."""
    if sampling_frequency is None or len(layout.signal_shape) > 1:
        return {name: name for name in bands}
    return {
        name: f"{name} ({range_in_hertz(name, layout, sampling_frequency)})"
        for name in bands
    }


def feature_labels(part, channel_names, sampling_frequency):
    """Return the label of each pooled feature, by its name.

    With a sampling frequency, 'cD3_log_rms' becomes 'cD3 (16-31 Hz) log_rms'.
    """
    names = part.feature_names(channel_names)
    if sampling_frequency is None or len(part.layout.signal_shape) > 1:
        return {name: name for name in names}
    labels = {}
    for name, place in zip(names, part.transformer._places(), strict=True):
        hertz = range_in_hertz(place.band, part.layout, sampling_frequency)
        start = name.removesuffix(f"_{place.value}")
        labels[name] = f"{start} ({hertz}) {place.value}"
    return labels


def _ordered(layout):
    """Return the bands of images as they are, those of signals by frequency."""
    if len(layout.signal_shape) > 1:
        return list(layout.bands)
    return sorted(layout.bands, key=lambda band: band.frequencies)


def _segment(place):
    """Return the segment of a feature, counted from 0, and the number of segments."""
    if not place.segment:
        return 0, 1
    number, count = place.segment.strip("[]").split("/")
    return int(number) - 1, int(count)


def _carrier(band):
    """Return '|cD1|' for the envelope '|cD1|_cD3', and other names unchanged."""
    return f"|{band.split('|')[1]}|" if "|" in band else band


def _row_name(name, count):
    return name if count == 1 else f"{name}[i/{count}]"
