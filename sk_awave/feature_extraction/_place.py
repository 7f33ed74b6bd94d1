"""The origin of a pooled feature."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_awave.feature_extraction._ragged import as_array
from sk_awave.utils._validation import channel_names_in


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


def deviations(features):
    """Return a list of standard deviations of features, as large as floats may be."""
    features = as_array(features)
    unit = np.abs(features).max(axis=0).astype(float)
    unit[unit == 0] = 1
    return (unit * (features / unit).std(axis=0)).tolist()


class PlacesMixin:
    """Names pooled features; a class has `_layout`, and `_places` of each feature.

    `_deviations` of the training features bring weights to one unit.
    """

    _deviations = None

    def get_feature_names_out(self, input_features=None):
        """Name the features.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the channels, if samples have a channel axis. Otherwise, the
            names of the features; they are only compared with those seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            The names, with band, segment and statistic: 'cD3_log_rms', 'cD3[2/4]_max_1'.
            With several channels there is a prefix, either ``ch0_`` and so on or the name
            of the channel, as in 'Fz_cD3_log_rms'. Where several wavelets are chosen,
            their number comes first: 'w2_Fz_cD3_log_rms'.
        """
        check_is_fitted(self)
        channels = channel_names_in(self, input_features, self._layout.n_channels)
        prefixes = self._layout.prefixes(channels)
        return np.asarray([place.name(prefixes) for place in self._places()], object)
