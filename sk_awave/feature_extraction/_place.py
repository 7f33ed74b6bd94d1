"""The origin of a pooled feature."""

from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """The origin of a pooled feature.

    Attributes
    ----------
    channel : int
    band : str
        'cD3', or '|cD1|_cD3' of an envelope.
    segment : str
        '' of the whole band, '[2/4]' of a part.
    value : str
        The statistic, as 'max_1'.
    wavelet : int
        The number of the wavelet, from 1; 0 if wavelets are not chosen.
    """

    channel: int
    band: str
    segment: str
    value: str
    wavelet: int = 0

    def name(self, prefixes):
        """Return the name of the feature; `prefixes` are those of the channels."""
        wavelet = f"w{self.wavelet}_" if self.wavelet else ""
        channel = prefixes[self.channel]
        return f"{wavelet}{channel}{self.band}{self.segment}_{self.value}"


def name_places(places, prefixes):
    """Return the names of features, as `get_feature_names_out` does."""
    return np.asarray([place.name(prefixes) for place in places], dtype=object)
