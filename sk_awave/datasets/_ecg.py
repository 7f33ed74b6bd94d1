"""Windows of a real electrocardiogram."""

from numbers import Integral

import numpy as np
import pywt
from sklearn.utils import Bunch

from sk_awave.utils._sklearn import Interval, validate_params

_ECG = """\
Windows of an electrocardiogram
-------------------------------

These data are measured, not simulated: the {n_values} points of the electrocardiogram
(ECG) that comes with PyWavelets (``pywt.data.ecg``), a "convenient timeseries to use for
testing and demonstration". PyWavelets says neither whose heart it is, nor the sampling
rate, nor the unit of the values, which are stored as integers.

Each of the {n_windows} windows has {length} points, and starts {step} points after the
one before. The values are not scaled. All windows are of the same recording, a few
heartbeats long, and those that overlap share points: scores by cross-validation say
nothing about other hearts.
"""


@validate_params(
    {
        "length": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Integral, 1, None, closed="left"), None],
    },
    prefer_skip_nested_validation=True,
)
def load_ecg_windows(*, length=64, step=None):
    """Load windows of the electrocardiogram that comes with PyWavelets.

    They are real signals without a target. One can learn wavelets from them. Nothing is
    downloaded.

    Parameters
    ----------
    length : int, default=64
        The number of points of a window, at most 1024.

    step : int, default=None
        The number of points from the start of a window to the start of the next. By
        default it is `length`: windows neither overlap nor leave gaps.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary-like object with the attributes:

        data : ndarray of shape (n_windows, length)
            The windows, in the unit of the recording.
        onsets : ndarray of shape (n_windows,)
            The points of the recording where the windows start.
        feature_names : list of str
            The names 't0', 't1', ....
        DESCR : str
            A description of the data.

    Raises
    ------
    ValueError
        If `length` exceeds the length of the recording.

    See Also
    --------
    make_bursts : Makes simulated traces with a response.

    Examples
    --------
    >>> from sk_awave.datasets import load_ecg_windows
    >>> ecg = load_ecg_windows()
    >>> ecg.data.shape
    (16, 64)
    >>> load_ecg_windows(step=8).onsets[:4]
    array([ 0,  8, 16, 24])
    """
    recording = pywt.data.ecg().astype(float)
    if length > len(recording):
        raise ValueError(
            f"length={length} must be at most {len(recording)}, the length of the "
            "recording."
        )
    step = length if step is None else step
    windows = np.lib.stride_tricks.sliding_window_view(recording, length)[::step]
    return Bunch(
        data=windows.copy(),
        onsets=step * np.arange(len(windows)),
        feature_names=[f"t{i}" for i in range(length)],
        DESCR=_ECG.format(
            n_values=len(recording), n_windows=len(windows), length=length, step=step
        ),
    )
