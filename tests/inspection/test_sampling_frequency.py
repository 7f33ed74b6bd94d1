"""Seconds and hertz in place of samples and cycles a sample."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline

from sk_awave import AdaptiveWaveletTransformer, Teacher, WaveletTransformer
from sk_awave.inspection import (
    AttributionDisplay,
    CoefficientDisplay,
    DecisionDisplay,
    FilterBankDisplay,
    ReconstructionDisplay,
    WaveletDisplay,
    WeightDisplay,
    frequency_response,
    wavelet_functions,
)

FS = 250.0
OF_TRANSFORMERS = {
    AttributionDisplay: True,
    CoefficientDisplay: True,
    ReconstructionDisplay: True,
    WaveletDisplay: False,
    FilterBankDisplay: False,
}
OF_MODELS = {DecisionDisplay: True, WeightDisplay: False}


@pytest.fixture(scope="module")
def learned(ecg):
    teacher = Teacher(LinearRegression().fit(ecg, ecg[:, 20]))
    return AdaptiveWaveletTransformer(
        "db2", level=3, teacher=teacher, max_iter=0, mode="periodization"
    ).fit(ecg)


@pytest.fixture(scope="module")
def model(ecg, learned):
    y = np.arange(len(ecg)) % 2
    return make_pipeline(WaveletTransformer("db2", level=3), RidgeClassifier()).fit(
        ecg, y
    )


def draw(display, source, x, **params):
    needs_sample = (OF_TRANSFORMERS | OF_MODELS)[display]
    return display.from_estimator(source, *(x,) * needs_sample, **params)


def abscissae(panel):
    """Everything that is drawn along the axis of time, of meshes their edges."""
    lines = [line.get_xdata() for line in panel.get_lines() if len(line.get_xdata()) > 2]
    meshes = [
        mesh.get_coordinates()[0, :, 0]
        for mesh in panel.collections
        if hasattr(mesh, "get_coordinates")
    ]
    return np.concatenate([*lines, *meshes, []])


@pytest.mark.parametrize("display", [*OF_TRANSFORMERS, *OF_MODELS])
def test_axes_are_divided_by_it(display, learned, model, ecg, pyplot):
    source = model if display in OF_MODELS else learned
    before = draw(display, source, ecg[0])
    after = draw(display, source, ecg[0], sampling_frequency=FS)
    assert after.sampling_frequency == FS
    seen = 0
    for old, new in zip(before.axes_.flat, after.axes_.flat, strict=True):
        scale = FS if "Hz" in new.get_xlabel() else 1 / FS
        np.testing.assert_allclose(abscissae(new), scale * abscissae(old), rtol=1e-12)
        seen += len(abscissae(new))
        names = {
            "time (samples)": "time (s)",
            "tap (samples)": "time (s)",
            "frequency\n(cycles/sample)": "frequency (Hz)",
        }
        assert new.get_xlabel() == names.get(old.get_xlabel(), old.get_xlabel())
        for line, other in zip(old.get_lines(), new.get_lines(), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), other.get_ydata())
    assert seen > 60
    # What is stored can be drawn again, and anew in samples.
    again = after.plot().axes_.flat[0]
    np.testing.assert_array_equal(abscissae(again), abscissae(after.axes_.flat[0]))


@pytest.mark.parametrize("display", [AttributionDisplay, CoefficientDisplay, *OF_MODELS])
def test_bands_have_their_range(display, learned, model, ecg, pyplot):
    source = model if display in OF_MODELS else learned
    drawn = draw(display, source, ecg[0], sampling_frequency=FS)
    rows = [tick.get_text() for tick in drawn.axes_[1, 0].get_yticklabels()]
    ranges = ["0-16", "16-31", "31-62", "62-125"]
    names = ["cA3", "cD3", "cD2", "cD1"]
    expected = [f"{n} ({r} Hz)" for n, r in zip(names, ranges, strict=True)]
    assert rows == expected


def test_slow_signals(ecg, pyplot):
    transformer = WaveletTransformer("db2", level=3).fit(ecg)
    drawn = CoefficientDisplay.from_estimator(transformer, ecg[0], sampling_frequency=2)
    assert list(drawn.labels.values())[:2] == ["cA3 (0-0.12 Hz)", "cD3 (0.12-0.25 Hz)"]


def test_ranges_of_packets(ecg, pyplot):
    transformer = WaveletTransformer(
        "db2", decomposition="packet", basis="full", level=2
    ).fit(ecg)
    drawn = CoefficientDisplay.from_estimator(transformer, ecg[0], sampling_frequency=80)
    expected = ["aa (0-10 Hz)", "ad (10-20 Hz)", "dd (20-30 Hz)", "da (30-40 Hz)"]
    assert list(drawn.labels.values()) == expected


def test_a_sine_is_in_the_band_of_its_frequency(pyplot):
    t = np.arange(512) / FS
    x = np.sin(2 * np.pi * 22 * t)
    transformer = WaveletTransformer("db8", level=4).fit(x[np.newaxis])
    drawn = CoefficientDisplay.from_estimator(transformer, x, sampling_frequency=FS)
    strongest = max(drawn.bands, key=lambda name: np.sum(drawn.bands[name] ** 2))
    assert drawn.labels[strongest] == "cD3 (16-31 Hz)"


def test_functions():
    frequencies, low, high = frequency_response("db3", sampling_frequency=FS)
    plain = frequency_response("db3")
    np.testing.assert_array_equal(frequencies, FS * plain.frequencies)
    np.testing.assert_array_equal([low, high], plain[1:])
    phi, psi, x = wavelet_functions("db3", sampling_frequency=FS)
    plain = wavelet_functions("db3")
    np.testing.assert_array_equal(x, plain.x / FS)
    np.testing.assert_array_equal([phi, psi], plain[:2])


@pytest.mark.parametrize("value", [0, -1.0, np.inf, np.nan, "250"])
def test_other_values_are_refused(value, learned, model, ecg):
    message = r"'sampling_frequency' parameter of {} must be a positive number.* Got "
    for function in (frequency_response, wavelet_functions):
        with pytest.raises(ValueError, match=message.format(function.__name__)):
            function("db2", sampling_frequency=value)
    for display in [*OF_TRANSFORMERS, *OF_MODELS]:
        source = model if display in OF_MODELS else learned
        with pytest.raises(ValueError, match="'sampling_frequency' parameter"):
            draw(display, source, ecg[0], sampling_frequency=value)


@pytest.mark.parametrize(
    "display", [CoefficientDisplay, ReconstructionDisplay, *OF_MODELS]
)
def test_images_have_no_time(display, digits, pyplot):
    X, y = digits
    transformer = WaveletTransformer("haar", level=1, ndim=2).fit(X)
    source = transformer
    if display in OF_MODELS:
        source = make_pipeline(transformer, RidgeClassifier()).fit(X, y > 4)
    with pytest.warns(UserWarning, match="sampling_frequency has no effect: images"):
        draw(display, source, X[0], sampling_frequency=FS)
