"""The windows are those of the recording."""

import numpy as np
import pytest
import pywt

from sk_awave.datasets import load_ecg_windows


def test_default_windows_are_all_of_the_recording():
    ecg = load_ecg_windows()
    assert ecg.data.shape == (16, 64)
    assert ecg.data.dtype == float
    np.testing.assert_array_equal(ecg.data.ravel(), pywt.data.ecg())
    assert ecg.onsets.tolist() == list(range(0, 1024, 64))
    assert ecg.feature_names[:2] == ["t0", "t1"]
    assert len(ecg.feature_names) == 64


@pytest.mark.parametrize(
    "length, step, n_windows", [(64, 8, 121), (100, None, 10), (30, 50, 20), (1024, 1, 1)]
)
def test_windows_start_at_their_onsets(length, step, n_windows):
    recording = pywt.data.ecg()
    ecg = load_ecg_windows(length=length, step=step)
    assert ecg.data.shape == (n_windows, length)
    assert np.unique(np.diff(ecg.onsets)).tolist() in ([], [step or length])
    for onset, window in zip(ecg.onsets, ecg.data, strict=True):
        np.testing.assert_array_equal(window, recording[onset : onset + length])


def test_windows_are_a_copy():
    ecg = load_ecg_windows(step=1)
    ecg.data[...] = 0.0
    assert load_ecg_windows().data.any()
    assert pywt.data.ecg().any()


def test_description():
    text = load_ecg_windows(length=32, step=4).DESCR
    assert "Each of the 249 windows has 32 points, and starts 4 points after" in text
    assert "These data are measured, not simulated" in text
    assert "{" not in text


@pytest.mark.parametrize(
    "params, message",
    [
        ({"length": 0}, "'length' parameter of load_ecg_windows must be an int"),
        ({"step": 0}, "'step' parameter of load_ecg_windows must be an int"),
        ({"length": 1025}, "length=1025 must be at most 1024, the length of the rec"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        load_ecg_windows(**params)
