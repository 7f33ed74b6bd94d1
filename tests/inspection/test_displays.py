"""What the displays draw: their data, their labels, their errors."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import pywt
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from sk_awave import AdaptiveWaveletTransformer, Teacher, WaveletTransformer
from sk_awave.engine import CoeffLayout, Tree
from sk_awave.inspection import (
    AttributionDisplay,
    CoefficientDisplay,
    FilterBankDisplay,
    ObjectiveDisplay,
    ReconstructionDisplay,
    WaveletDisplay,
    frequency_response,
    wavelet_functions,
)
from sk_awave.inspection._times import coefficient_times

#: With a sample as second argument, and without.
OF_SAMPLES = [CoefficientDisplay, AttributionDisplay, ReconstructionDisplay]
OF_WAVELETS = [WaveletDisplay, FilterBankDisplay, ObjectiveDisplay]


@pytest.fixture(scope="module")
def learned(ecg):
    teacher = Teacher(LinearRegression().fit(ecg, ecg[:, 20] - ecg[:, 30]))
    return AdaptiveWaveletTransformer("db2", level=3, teacher=teacher).fit(ecg)


def arguments(display, x):
    return (x,) if display in OF_SAMPLES else ()


@pytest.mark.parametrize("display", OF_SAMPLES + OF_WAVELETS)
@pytest.mark.parametrize("given", [False, True])
def test_protocol(display, given, learned, ecg, pyplot):
    ax = None
    if given:
        _, ax = pyplot.subplots(1, 2, figsize=(6, 3), layout="constrained")
        ax = ax[1]
    drawn = display.from_estimator(learned, *arguments(display, ecg[0]), ax=ax)
    assert isinstance(drawn, display)
    assert drawn.ax_ is drawn.axes_[0, 0]
    assert all(panel.figure is drawn.figure_ for panel in drawn.axes_.flat)
    if given:
        assert drawn.figure_ is ax.figure
        assert all(p.get_position().x0 > 0.4 for p in drawn.axes_.flat)
    assert len(pyplot.get_fignums()) == 1
    assert drawn.plot() is drawn
    assert len(pyplot.get_fignums()) == 2


@pytest.mark.parametrize("display", OF_SAMPLES + OF_WAVELETS)
def test_labels_fit_into_one_column_of_a_journal(display, learned, ecg, pyplot):
    figure, ax = pyplot.subplots(figsize=(80 / 25.4, 2.4), layout="constrained")
    drawn = display.from_estimator(learned, *arguments(display, ecg[0]), ax=ax)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for panel in drawn.axes_.flat:
        box = panel.get_tightbbox()
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
        others = [p for p in drawn.axes_.flat if p is not panel]
        assert not any(box.overlaps(p.get_window_extent()) for p in others)


@pytest.mark.parametrize("display", OF_SAMPLES + OF_WAVELETS)
def test_unfitted_transformers_and_pipelines_are_refused(display, learned, ecg, pyplot):
    args = arguments(display, ecg[0])
    with pytest.raises(NotFittedError, match="AdaptiveWaveletTransformer"):
        display.from_estimator(AdaptiveWaveletTransformer(), *args)
    with pytest.raises(TypeError, match=rf"{display.__name__} needs .* Got Pipeline"):
        display.from_estimator(make_pipeline(learned), *args)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize("display", OF_SAMPLES + OF_WAVELETS)
def test_what_is_no_axes_is_refused(display, learned, ecg, pyplot):
    with pytest.raises(TypeError, match=rf"'ax' .* {display.__name__}.plot .* Got 3 in"):
        display.from_estimator(learned, *arguments(display, ecg[0]), ax=3)


def test_axes_that_cannot_be_split_are_refused(learned, pyplot):
    ax = pyplot.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match=r"one of plt\.subplots"):
        WaveletDisplay.from_estimator(learned, ax=ax)


def test_matplotlib_is_needed_only_to_draw(learned, monkeypatch):
    code = "import sys, sk_awave.inspection; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"WaveletDisplay\.plot requires matplotlib"):
        WaveletDisplay.from_estimator(learned)


def test_wavelet_display_shows_start_and_wavelet(learned, pyplot):
    display = WaveletDisplay.from_estimator(learned)
    for panel, name in zip(display.axes_[0], ("phi", "psi"), strict=True):
        start, now = panel.get_lines()
        expected = wavelet_functions("db2")
        sign = np.sign(getattr(expected, name) @ now.get_ydata())
        np.testing.assert_allclose(start.get_ydata(), sign * getattr(expected, name))
        functions = wavelet_functions(learned)
        np.testing.assert_allclose(now.get_ydata(), getattr(functions, name))
        np.testing.assert_allclose(now.get_xdata(), functions.x)
        assert panel.get_xlabel() == "time (samples)"
    texts = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert texts == ["db2", "learned"]


def test_wavelet_display_turns_the_start_to_the_sign_of_the_learned(pyplot):
    phi, psi, _ = functions = wavelet_functions("db3")
    start = functions._replace(psi=-psi)
    kwargs = {"start": {"": start}, "start_name": "-db3"}
    display = WaveletDisplay({"": functions}, **kwargs).plot()
    for panel, expected in zip(display.axes_[0], (phi, psi), strict=True):
        for line in panel.get_lines():
            np.testing.assert_array_equal(line.get_ydata(), expected)


def test_wavelet_display_shows_both_wavelets_of_a_pair(ecg, pyplot):
    display = WaveletDisplay.from_estimator("bior2.2")
    assert list(display.functions) == ["synthesis", "analysis"]
    assert display.axes_.shape == (2, 2)
    for row, side in zip(display.axes_, display.functions, strict=True):
        assert row[0].get_ylabel() == side
        (line,) = row[1].get_lines()
        expected = wavelet_functions("bior2.2", side=side).psi
        np.testing.assert_array_equal(line.get_ydata(), expected)
    learned = AdaptiveWaveletTransformer(
        "bior2.2", level=2, parametrization="biorthogonal", per_level=True, tol=1e-2
    ).fit(ecg)
    display = WaveletDisplay.from_estimator(learned)
    assert list(display.functions)[2:] == ["level 2, synthesis", "level 2, analysis"]
    start, now = display.axes_[3, 1].get_lines()
    psi = wavelet_functions("bior2.2", side="analysis").psi
    np.testing.assert_allclose(np.abs(start.get_ydata()), np.abs(psi), atol=1e-9)
    expected = wavelet_functions(learned.wavelet_[1], side="analysis").psi
    np.testing.assert_array_equal(now.get_ydata(), expected)


def test_wavelet_display_of_a_fixed_wavelet_has_no_start(pyplot):
    fixed = WaveletTransformer("sym4", level=1).fit(np.ones((1, 16)))
    for source in ("sym4", pywt.Wavelet("sym4"), fixed):
        display = WaveletDisplay.from_estimator(source)
        assert display.start is None
        assert [len(p.get_lines()) for p in display.axes_.flat] == [1, 1]


@pytest.mark.parametrize(
    "params, titles",
    [
        ({"per_level": True}, ["level 1", "level 2"]),
        ({"per_axis": True}, ["axis 0", "axis 1"]),
        (
            {"per_level": True, "per_axis": True},
            ["level 1, axis 0", "level 1, axis 1", "level 2, axis 0", "level 2, axis 1"],
        ),
    ],
)
def test_several_wavelets(params, titles, digits, pyplot):
    X = digits[0][:5]
    several = AdaptiveWaveletTransformer("db2", level=2, ndim=2, max_iter=0, **params)
    with pytest.warns(UserWarning, match="level=2 is too high"):
        several.fit(X)
    display = WaveletDisplay.from_estimator(several)
    assert [row[0].get_ylabel() for row in display.axes_] == titles
    with pytest.raises(ValueError, match="FilterBankDisplay takes single wavelets"):
        FilterBankDisplay.from_estimator(several)
    if len(titles) == 2:
        FilterBankDisplay.from_estimator(several.wavelet_[0])


def test_filter_bank_display(learned, pyplot):
    display = FilterBankDisplay.from_estimator(learned)
    taps, gains = display.axes_[0]
    stems = [container.markerline.get_ydata() for container in taps.containers]
    np.testing.assert_array_equal(stems, learned.filter_bank_[0, 0, :2])
    frequencies, *responses = frequency_response(learned)
    for line, response in zip(gains.get_lines(), responses, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), frequencies)
        np.testing.assert_array_equal(line.get_ydata(), abs(response))
    assert "cycles/sample" in gains.get_xlabel()


@pytest.mark.parametrize("mode", ["symmetric", "zero", "periodic", "periodization"])
@pytest.mark.parametrize("wavelet", ["haar", "db2", "db4", "sym5", "coif2", "bior2.4"])
def test_a_spike_is_where_its_coefficients_are(wavelet, mode):
    n, level = 256, 3
    spikes = np.eye(n)[96:160]  # every phase of every level, far from both ends
    transformer = WaveletTransformer(wavelet, level=level, mode=mode).fit(spikes)
    layout = transformer.layout_
    energy = transformer.transform(spikes) ** 2
    times = coefficient_times(layout, transformer.filter_bank_)
    for band in layout.bands:
        weights = energy[:, band.start : band.stop]
        centres = weights @ times[band.name] / weights.sum(1)
        errors = centres - np.arange(96, 160)
        assert abs(errors).max() < 2**band.level
        # On average over the phases there is no error at all.
        assert np.average(errors, weights=weights.sum(1)) == pytest.approx(0, abs=1e-9)


def test_times_with_filters_of_each_level(ecg):
    transformer = AdaptiveWaveletTransformer("db3", level=2, per_level=True).fit(ecg)
    bank = transformer.filter_bank_
    spikes = np.eye(64)[24:40]
    energy = transformer.transform(spikes) ** 2
    for name, t in coefficient_times(transformer.layout_, bank).items():
        band = next(b for b in transformer.layout_.bands if b.name == name)
        weights = energy[:, band.start : band.stop]
        errors = weights * (t - np.arange(24, 40)[:, np.newaxis])
        assert errors.sum() == pytest.approx(0, abs=1e-9)


def test_times_of_haar_and_of_no_level():
    haar = np.array(pywt.Wavelet("haar").filter_bank)[np.newaxis, np.newaxis]
    times = coefficient_times(CoeffLayout((8,), None, 2, Tree.dwt(2), "zero"), haar)
    np.testing.assert_allclose(times["cD1"], [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_allclose(times["cA2"], [1.5, 5.5])
    times = coefficient_times(CoeffLayout((3,), None, 2, Tree.dwt(0), "zero"), haar)
    np.testing.assert_array_equal(times["cA0"], [0, 1, 2])


@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
def test_scalogram(mode, ecg, pyplot):
    transformer = WaveletTransformer("db2", level=3, mode=mode).fit(ecg)
    x = ecg[3]
    display = CoefficientDisplay.from_estimator(transformer, x)
    above, rows = display.axes_[:, 0]
    np.testing.assert_array_equal(above.get_lines()[0].get_ydata(), x)
    coeffs = pywt.wavedec(x, "db2", level=3, mode=mode)
    names = ["cA3", "cD3", "cD2", "cD1"]
    assert [t.get_text() for t in rows.get_yticklabels()] == list(display.bands) == names
    largest = max(abs(c).max() for c in coeffs)
    for row, (mesh, name, band) in enumerate(
        zip(rows.collections, names, coeffs, strict=True)
    ):
        order = np.argsort(display.times[name])
        np.testing.assert_allclose(mesh.get_array().ravel(), band[order], atol=1e-12)
        edges = mesh.get_coordinates()[0, :, 0]
        step = 2 ** int(name[2])
        np.testing.assert_allclose(np.diff(edges), step)
        centres = (edges[1:] + edges[:-1]) / 2
        np.testing.assert_allclose(centres, display.times[name][order])
        assert mesh.get_coordinates()[[0, 1], 0, 1].tolist() == [row - 0.5, row + 0.5]
        np.testing.assert_allclose(mesh.get_clim(), (-largest, largest))
    assert rows.get_xlabel() == "time (samples)"
    assert display.figure_.axes[-1].get_ylabel() == "coefficient"
    if mode == "periodization":
        assert all((t >= -0.5).all() and (t < 63.5).all() for t in display.times.values())


def test_scalogram_of_a_spike_is_drawn_at_it(pyplot):
    x = np.zeros(64)
    x[37] = 1
    transformer = WaveletTransformer("haar", level=3).fit(x[np.newaxis])
    display = CoefficientDisplay.from_estimator(transformer, x)
    for mesh in display.axes_[1, 0].collections:
        edges = mesh.get_coordinates()[0, :, 0]
        brightest = abs(mesh.get_array().ravel()).argmax()
        assert edges[brightest] < 37 < edges[brightest + 1]


def test_each_band_on_its_own_scale(ecg, pyplot):
    transformer = WaveletTransformer("db2", level=2).fit(ecg)
    for x in (ecg[0], np.zeros(64)):
        display = CoefficientDisplay.from_estimator(transformer, x, per_band=True)
        for mesh in display.axes_[1, 0].collections:
            assert mesh.get_clim() == (-1, 1)
            assert abs(mesh.get_array()).max() == pytest.approx(float(x.any()))
    assert "largest of its band" in display.figure_.axes[-1].get_ylabel()


@pytest.mark.parametrize("mode", ["symmetric", "zero", "periodization"])
def test_mosaic_is_that_of_pywavelets(mode, pyplot):
    image = pywt.data.camera()[::10, ::9] / 255.0
    transformer = WaveletTransformer("db3", level=3, ndim=2, mode=mode)
    transformer.fit(image[np.newaxis])
    display = CoefficientDisplay.from_estimator(transformer, image)
    left, right = display.axes_[0]
    np.testing.assert_array_equal(left.get_images()[0].get_array(), image)
    coeffs = pywt.wavedec2(image, "db3", level=3, mode=mode)
    expected, _ = pywt.coeffs_to_array(coeffs, padding=np.nan)
    drawn = right.get_images()[0].get_array().filled(np.nan)
    np.testing.assert_allclose(drawn, expected, atol=1e-12)
    low, high = right.get_images()[0].get_clim()
    assert -low == high == pytest.approx(np.nanmax(abs(expected)))
    names = {text.get_text().strip() for text in right.texts}
    assert {"cH1", "cV1", "cD1"} <= names
    tops = {t.get_text().strip(): t.get_position() for t in right.texts}
    assert tops["cV1"][0] > tops["cH1"][0]  # right of it: vertical edges
    assert tops["cV1"][1] < tops["cH1"][1]


def test_channels(pyplot, ecg):
    X = ecg[:20].reshape(10, 2, 64)
    transformer = WaveletTransformer("db2", level=2).fit(X)
    expected = pywt.wavedec(X[4, 1], "db2", level=2)
    display = CoefficientDisplay.from_estimator(transformer, X[4], channel=1)
    np.testing.assert_array_equal(display.signal, X[4, 1])
    for band, coeffs in zip(display.bands.values(), expected, strict=True):
        np.testing.assert_allclose(band, coeffs, atol=1e-12)
    display = ReconstructionDisplay.from_estimator(transformer, X[4], channel=1)
    low = pywt.waverec([*expected[:2], np.zeros_like(expected[2])], "db2")
    np.testing.assert_allclose(display.reconstruction, low, atol=1e-12)
    for channel in (2, -1, None):
        with pytest.raises(ValueError, match=rf"from 0 to 1. Got {channel} instead"):
            CoefficientDisplay.from_estimator(transformer, X[4], channel=channel)


def test_attribution_display(learned, ecg, pyplot):
    display = AttributionDisplay.from_estimator(learned, ecg[5])
    scores = np.concatenate(list(display.bands.values()))
    np.testing.assert_array_equal(scores, learned.attributions(ecg[5:6])[0])
    np.testing.assert_array_equal(display.signal, ecg[5])
    assert display.figure_.axes[-1].get_ylabel() == "attribution"
    fixed = WaveletTransformer("db2", level=3).fit(ecg)
    with pytest.raises(TypeError, match=r"has 'attributions'\. Got WaveletTransformer"):
        AttributionDisplay.from_estimator(fixed, ecg[5])
    untaught = AdaptiveWaveletTransformer("db2", level=3, max_iter=0).fit(ecg)
    with pytest.raises(ValueError, match="attributions needs a teacher"):
        AttributionDisplay.from_estimator(untaught, ecg[5])


def test_attributions_of_several_targets_or_a_label(digits, pyplot):
    images, y = digits
    X = images.reshape(len(images), -1)
    classifier = LogisticRegression(max_iter=1000, tol=1e-2).fit(X, y)
    teacher = Teacher(classifier, target=[2, 7])
    params = {"wavelet": "haar", "ndim": 2, "signal_shape": (8, 8), "max_iter": 0}
    every = AdaptiveWaveletTransformer(teacher=teacher, **params)
    every.set_params(level=2).fit(X)
    display = AttributionDisplay.from_estimator(every, X[0], target=1)
    flat = np.concatenate([band.ravel() for band in display.bands.values()])
    np.testing.assert_array_equal(flat, every.attributions(X[:1])[1, 0])
    assert display.signal.shape == (8, 8)
    with pytest.raises(ValueError, match=r"'target' .* from 0 to 1. Got 2 instead"):
        AttributionDisplay.from_estimator(every, X[0], target=2)
    label = every.set_params(teacher=teacher.replace(target="label")).fit(X, y)
    display = AttributionDisplay.from_estimator(label, X[0], y[0])
    flat = np.concatenate([band.ravel() for band in display.bands.values()])
    np.testing.assert_array_equal(flat, label.attributions(X[:1], y[:1])[0])


@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
def test_objective_display(parametrization, ecg, pyplot):
    transformer = AdaptiveWaveletTransformer(
        "db2", level=2, parametrization=parametrization
    ).fit(ecg)
    display = ObjectiveDisplay.from_estimator(transformer)
    curve, bars = display.axes_[0]
    np.testing.assert_array_equal(
        curve.get_lines()[0].get_ydata(), transformer.loss_curve_
    )
    widths = [bar.get_width() for bar in bars.patches]
    assert sum(widths) == pytest.approx(min(transformer.loss_curve_))
    assert curve.get_xlabel() == "iteration"
    texts = [text.get_text() for text in bars.texts]
    assert len(texts) == len(transformer.objective_terms_)
    assert texts[0].startswith(" sparsity: ")
    exact = parametrization == "orthogonal"
    assert (" double shift: 0" in texts) is exact


def test_objective_display_counts_epochs_and_refuses_what_learns_nothing(ecg, pyplot):
    transformer = AdaptiveWaveletTransformer("db2", level=2, solver="adam")
    transformer.partial_fit(ecg)
    display = ObjectiveDisplay.from_estimator(transformer)
    assert display.ax_.get_xlabel() == "epoch"
    fixed = WaveletTransformer("db2", level=2).fit(ecg)
    with pytest.raises(TypeError, match=r"has 'loss_curve_'\. Got WaveletTransformer"):
        ObjectiveDisplay.from_estimator(fixed)


@pytest.mark.parametrize("bands", [("cA3", "cD3"), "cD1", None])
def test_reconstruction_of_a_signal(bands, ecg, pyplot):
    transformer = WaveletTransformer("db2", level=3).fit(ecg)
    display = ReconstructionDisplay.from_estimator(transformer, ecg[0], bands=bands)
    names = ["cA3", "cD3", "cD2", "cD1"]
    coeffs = [
        c if name in (bands or ("cA3", "cD3")) else np.zeros_like(c)
        for name, c in zip(names, pywt.wavedec(ecg[0], "db2", level=3), strict=True)
    ]
    signal, reconstruction = display.ax_.get_lines()
    np.testing.assert_array_equal(signal.get_ydata(), ecg[0])
    expected = pywt.waverec(coeffs, "db2")
    np.testing.assert_allclose(reconstruction.get_ydata(), expected, atol=1e-12)
    assert reconstruction.get_label() == ("cD1" if bands == "cD1" else "cA3 + cD3")


def test_reconstruction_of_an_image(digits, pyplot):
    X = digits[0]
    transformer = WaveletTransformer("haar", level=2, ndim=2).fit(X)
    display = ReconstructionDisplay.from_estimator(transformer, X[0], bands=["cA2"])
    means = X[0].reshape(2, 4, 2, 4).mean((1, 3))
    drawn = [panel.get_images()[0] for panel in display.axes_[0]]
    np.testing.assert_array_equal(drawn[0].get_array(), X[0])
    np.testing.assert_allclose(drawn[1].get_array(), np.kron(means, np.ones((4, 4))))
    assert drawn[0].get_clim() == drawn[1].get_clim()
    assert [p.get_title() for p in display.axes_[0]] == ["image", "cA2"]
    every = [band.name for band in transformer.layout_.bands]
    display = ReconstructionDisplay.from_estimator(transformer, X[0], bands=every)
    np.testing.assert_allclose(display.reconstruction, X[0], atol=1e-12)
    assert display.axes_[0, 1].get_title() == "7 bands"


def test_wrong_bands_name_the_valid_ones(learned, ecg):
    for bands in (["cA3", "cD9"], "cH1", []):
        with pytest.raises(ValueError, match=r"'cA3', 'cD3', 'cD2', 'cD1'\]. Got"):
            ReconstructionDisplay.from_estimator(learned, ecg[0], bands=bands)


@pytest.mark.parametrize("display", OF_SAMPLES)
def test_samples_of_another_shape_are_refused(display, learned, ecg):
    for x in (ecg[:1], ecg[0, :30]):
        with pytest.raises(ValueError, match=r"one sample, of shape \(64,\) .* X\[i\]"):
            display.from_estimator(learned, x)


@pytest.mark.parametrize("display", [CoefficientDisplay, ReconstructionDisplay])
def test_volumes_are_refused(display):
    volumes = WaveletTransformer("haar", level=1, ndim=3).fit(np.ones((2, 4, 4, 4)))
    with pytest.raises(ValueError, match=r"draws signals and images\. Got ndim=3"):
        display.from_estimator(volumes, np.ones((4, 4, 4)))


@pytest.mark.parametrize("display", OF_SAMPLES)
def test_tensors_and_rows_of_frames(display, ecg, learned, pyplot):
    expected = display.from_estimator(learned, ecg[0])
    drawn = [display.from_estimator(learned, torch.tensor(ecg[0], requires_grad=True))]
    frame = pd.DataFrame(ecg, columns=[f"t{i}" for i in range(64)])
    if display is not AttributionDisplay:
        named = WaveletTransformer(learned.wavelet_, level=3).set_output(
            transform="pandas"
        )
        drawn.append(display.from_estimator(named.fit(frame), frame.iloc[0]))
    for other in drawn:
        np.testing.assert_array_equal(other.signal, ecg[0])
        if display is not ReconstructionDisplay:
            for name, band in expected.bands.items():
                np.testing.assert_allclose(other.bands[name], band, atol=1e-12)
        else:
            np.testing.assert_allclose(
                other.reconstruction, expected.reconstruction, atol=1e-12
            )


def test_times_of_a_stationary_transform():
    """Those of an impulse: the middle of its coefficients is where it is."""
    x = np.zeros((1, 256))
    x[0, 100] = 1
    transformer = WaveletTransformer("db3", level=4, decomposition="stationary").fit(x)
    times = coefficient_times(transformer.layout_, transformer.filter_bank_)
    coeffs = transformer.layout_.unflatten(transformer.transform(x)[0])
    for band, values in zip(transformer.layout_.bands, coeffs, strict=True):
        centre = np.average(times[band.name], weights=values**2)
        assert centre == pytest.approx(100, abs=1e-6)
