"""Weights and decisions of linear models, as they are drawn."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler

from sk_awave import (
    AdaptiveSubbandPooling,
    AWDClassifier,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.engine._boundary import MODES
from sk_awave.feature_extraction._place import deviations
from sk_awave.inspection import DecisionDisplay, WeightDisplay

# Ends of signals may have constant coefficients, which SelectKBest warns of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Features .* are constant"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in divide"),
]

DISPLAYS = [DecisionDisplay, WeightDisplay]
RNG = np.random.default_rng(0)
SIGNALS = {
    "signals": RNG.standard_normal((60, 32)) + 1,
    "odd signals": RNG.standard_normal((60, 27)) + 1,
    "channels": RNG.standard_normal((60, 2, 32)) + 1,
    "images": RNG.standard_normal((60, 9, 8)) + 1,
}
Y = np.array(list("abc"))[np.arange(60) % 3]


def model(X, y=Y, first=None, **params):
    """Fit a linear classifier of coefficients, which are scaled and selected."""
    if first is None:
        ndim = 2 if X.shape[1:] == (9, 8) else 1
        params = {"wavelet": "db2", "level": 2, "ndim": ndim} | params
        first = WaveletTransformer(**params)
    last = StandardScaler(), SelectKBest(k=20), RidgeClassifier()
    return make_pipeline(first, *last).fit(X, y)


def add_up(bands):
    return sum(band.sum() for band in bands.values())


@pytest.fixture(scope="module")
def pipeline():
    return model(SIGNALS["signals"])


@pytest.mark.filterwarnings("ignore:level=2 is too high")
@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("y", [Y, Y == "a"], ids=["three", "two"])
def test_maps_of_decisions_add_up(kind, y, pyplot):
    X = SIGNALS[kind]
    fitted = model(X, y)
    decisions = fitted.decision_function(X[:1]).ravel()
    channels = range(2) if kind == "channels" else range(1)
    for target, expected in enumerate(decisions):
        drawn = [
            DecisionDisplay.from_estimator(fitted, X[0], target=target, channel=channel)
            for channel in channels
        ]
        total = sum(add_up(display.bands) for display in drawn)
        assert drawn[0].baseline + total == pytest.approx(expected, abs=1e-10)
        assert drawn[0].decision == expected
        own = X[0, -1] if kind == "channels" else X[0]
        np.testing.assert_array_equal(drawn[-1].signal, own)
        sum_of_all = drawn[0].contributions.sum() + drawn[0].baseline
        assert sum_of_all == pytest.approx(expected, abs=1e-10)
        pyplot.close("all")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", ["db2", "bior2.4"])
@pytest.mark.parametrize("kind", ["signals", "odd signals", "images"])
@pytest.mark.filterwarnings("ignore:level=2 is too high")
def test_the_decision_is_the_inner_product_with_the_signal_weights(
    mode, wavelet, kind, pyplot
):
    X = SIGNALS[kind]
    # No scaler: at ends some details are rounding errors, which it would blow up.
    transformer = WaveletTransformer(wavelet, level=2, mode=mode, ndim=X.ndim - 1)
    fitted = make_pipeline(transformer, RidgeClassifier()).fit(X, Y)
    display = WeightDisplay.from_estimator(fitted)
    at_zero = fitted.decision_function(np.zeros((1, *X.shape[1:])))[0]
    made = np.stack(list(display.signal_weights.values()))
    products = np.tensordot(X[:9], made, axes=(*[[*range(1, X.ndim)]] * 2,))
    expected = fitted.decision_function(X[:9])
    np.testing.assert_allclose(products + at_zero, expected, atol=1e-10)


@pytest.mark.parametrize("decomposition", ["stationary", "packet"])
def test_signal_weights_of_other_decompositions(decomposition, pyplot):
    X = SIGNALS["signals"]
    fitted = model(X, decomposition=decomposition)
    display = WeightDisplay.from_estimator(fitted)
    at_zero = fitted.decision_function(np.zeros((1, 32)))[0]
    made = np.stack(list(display.signal_weights.values()), axis=1)
    expected = fitted.decision_function(X[:9])
    np.testing.assert_allclose(X[:9] @ made + at_zero, expected, atol=1e-10)
    assert set(display.weights["class a"]) == set(fitted[0].basis_)


def test_signal_weights_of_channels_add_up(pyplot):
    X = SIGNALS["channels"]
    fitted = model(X)
    at_zero = fitted.decision_function(np.zeros((1, 2, 32)))[0]
    total = at_zero
    for channel in range(2):
        display = WeightDisplay.from_estimator(fitted, channel=channel)
        total = total + X[5, channel] @ np.stack(list(display.signal_weights.values())).T
    np.testing.assert_allclose(total, fitted.decision_function(X[5:6])[0], atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_signal_weights_and_reconstructions(mode, pyplot):
    """They agree with orthonormal filters, but for the ends in most modes."""
    X = RNG.standard_normal((60, 128))
    wavelet = WaveletTransformer("db2", level=2, mode=mode)
    fitted = make_pipeline(wavelet, RidgeClassifier()).fit(X, Y)
    display = WeightDisplay.from_estimator(fitted, target=0)
    reconstruction = wavelet.inverse_transform(fitted[-1].coef_[:1])[0]
    made = display.signal_weights["class a"]
    np.testing.assert_allclose(made[16:-16], reconstruction[16:-16], atol=1e-12)
    everywhere = np.allclose(made, reconstruction, atol=1e-12)
    assert everywhere == (mode in ("zero", "periodization"))


def test_weights_are_those_of_the_model(pipeline, pyplot):
    display = WeightDisplay.from_estimator(pipeline)
    assert list(display.weights) == ["class a", "class b", "class c"]
    kept, scale = pipeline[2].get_support(), pipeline[1].scale_
    for row, bands in zip(pipeline[-1].coef_, display.weights.values(), strict=True):
        flat = np.concatenate([bands[name] for name in ("cA2", "cD2", "cD1")])
        np.testing.assert_allclose(flat[kept] * scale[kept], row, rtol=1e-12)
        np.testing.assert_array_equal(flat[~kept], 0)
    assert display.axes_.shape == (2, 3)
    for column, name in zip(display.axes_.T, display.weights, strict=True):
        assert column[0].get_title() == name
        line, *_ = column[0].get_lines()
        np.testing.assert_array_equal(line.get_ydata(), display.signal_weights[name])
        drawn = [mesh.get_array().ravel() for mesh in column[1].collections]
        for mesh, (band, values) in zip(
            drawn, display.weights[name].items(), strict=True
        ):
            order = np.argsort(display.times[band])
            np.testing.assert_array_equal(mesh, values[order])


def test_targets(pipeline, pyplot):
    x = SIGNALS["signals"][0]
    assert list(WeightDisplay.from_estimator(pipeline, target=1).weights) == ["class b"]
    several = WeightDisplay.from_estimator(pipeline, target=[2, 0])
    assert list(several.weights) == ["class c", "class a"]
    for i, name in enumerate("abc"):
        display = DecisionDisplay.from_estimator(pipeline, x, target=i)
        assert display.target == f"class {name}"
        assert display.ax_.get_title().startswith(f"class {name}: ")
    predicted = pipeline.predict(x[np.newaxis])[0]
    display = DecisionDisplay.from_estimator(pipeline, x)
    assert display.target == f"class {predicted}"


def test_outputs_of_regressors(pyplot):
    X = SIGNALS["signals"]
    two = make_pipeline(WaveletTransformer("haar", level=1), LinearRegression())
    two.fit(X, X[:, :2])
    with pytest.raises(ValueError, match=r"2 outputs, .* Set target to the position"):
        DecisionDisplay.from_estimator(two, X[0])
    display = DecisionDisplay.from_estimator(two, X[0], target=1)
    assert display.decision == pytest.approx(X[0, 1])
    one = two.fit(X, X[:, 0])
    display = DecisionDisplay.from_estimator(one, X[0])
    assert display.ax_.get_title().startswith("prediction: ")
    assert list(WeightDisplay.from_estimator(one).weights) == [""]


POOLINGS = [
    SubbandPooling(WaveletTransformer("db2", level=2), segments=(1, 2, 4)),
    SubbandPooling(segments=(2,)),
    AdaptiveSubbandPooling(2, n_candidates=1, segments=(1, 2), random_state=0),
]


@pytest.mark.parametrize("pooling", POOLINGS, ids=["dwt", "stationary", "adaptive"])
@pytest.mark.parametrize("kind", ["signals", "channels"])
def test_pooled_features(pooling, kind, pyplot):
    X = SIGNALS[kind]
    fitted = model(X, Y == "a", first=pooling)
    (expected,) = fitted.decision_function(X[:1])
    drawn = [DecisionDisplay.from_estimator(fitted, X[0], sampling_frequency=100)]
    if kind == "channels":
        drawn.append(DecisionDisplay.from_estimator(fitted, X[0], channel=1))
    (display, *_) = drawn
    total = display.baseline + sum(display.features.values())
    assert total == pytest.approx(expected, abs=1e-10)
    total = display.baseline + sum(add_up(each.bands) for each in drawn)
    assert total == pytest.approx(expected, abs=1e-10)
    assert list(display.features) == fitted[0].get_feature_names_out().tolist()
    weights = WeightDisplay.from_estimator(fitted)
    (features,) = weights.features.values()
    assert list(features) == list(display.features)
    kept = fitted[2].get_support()
    expected = fitted[-1].coef_.ravel()
    np.testing.assert_allclose(np.array(list(features.values()))[kept], expected)
    assert weights.axes_.shape == (1, 1)


UNITS = SubbandPooling(
    WaveletTransformer("db2", level=2), statistics=("max", "mean", "std", "absmax")
)
MIXED = FeatureUnion(
    [("a", WaveletTransformer("haar", level=1)), ("b", UNITS)],
    transformer_weights={"b": 5.0},
)


@pytest.mark.parametrize("factor", [2.0**10, 2.0**-10])
@pytest.mark.parametrize(
    "steps",
    [
        (UNITS, StandardScaler(), RidgeClassifier()),
        (UNITS, RobustScaler(), LogisticRegression(C=0.1)),
        (UNITS, LinearRegression()),
        (UNITS, StandardScaler(), PCA(8), Ridge()),
        (UNITS, StandardScaler(), SelectKBest(k=7), Ridge()),
        (AdaptiveSubbandPooling(2, n_candidates=1, random_state=0), Ridge()),
        (MIXED, StandardScaler(), Ridge()),
    ],
)
def test_effects_do_not_depend_on_the_units_of_a_channel(steps, factor, pyplot):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((90, 2, 32)), np.arange(90) % 2
    X[:, 0] *= (1 + y)[:, np.newaxis]
    drawn = []
    for units in (1, 1), (1, factor):
        scaled = X * np.array(units)[:, np.newaxis]
        fitted = clone(make_pipeline(*steps)).fit(scaled, y)
        for given in (None, scaled):
            display = WeightDisplay.from_estimator(fitted, given)
            bars = [bar.get_width() for bar in display.axes_[-1, 0].patches]
            (features,) = display.features.values()
            drawn.append((features, bars[:8], display))
    for features, bars, display in drawn:
        assert features == pytest.approx(drawn[0][0], rel=1e-6, abs=1e-8)
        np.testing.assert_allclose(bars, drawn[0][1], rtol=1e-6, atol=1e-8)
        largest = max(features, key=lambda name: abs(features[name]))
        assert display.labels[largest] in display.axes_[-1, 0].texts[0].get_text()
        assert "ch0" in largest or isinstance(steps[0], AdaptiveSubbandPooling)


def test_effects_are_changes_by_a_standard_deviation(pyplot):
    X = SIGNALS["channels"]
    fitted = make_pipeline(clone(UNITS), Ridge()).fit(X, X[:, 0, 5])
    (features,) = WeightDisplay.from_estimator(fitted).features.values()
    deviations = fitted[0].transform(X).std(axis=0)
    np.testing.assert_allclose([*features.values()], fitted[-1].coef_ * deviations)
    (features,) = WeightDisplay.from_estimator(fitted, X[:20]).features.values()
    deviations = fitted[0].transform(X[:20]).std(axis=0)
    np.testing.assert_allclose([*features.values()], fitted[-1].coef_ * deviations)


def test_deviations_of_other_data_are_asked_for(pyplot):
    X = SIGNALS["channels"]
    frozen = FrozenEstimator(clone(UNITS).fit(X))
    fitted = make_pipeline(frozen, StandardScaler(), Ridge()).fit(X, X[:, 0, 5])
    with pytest.raises(ValueError, match=r"are not known\. Pass the training"):
        WeightDisplay.from_estimator(fitted)
    (features,) = WeightDisplay.from_estimator(fitted, X).features.values()
    np.testing.assert_allclose([*features.values()], fitted[-1].coef_, rtol=1e-10)
    frozen.estimator.fit_transform(X)
    assert WeightDisplay.from_estimator(fitted).features[""] == pytest.approx(features)
    frozen.estimator.fit(X)
    with pytest.raises(ValueError, match="are not known"):
        WeightDisplay.from_estimator(fitted)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_deviations_of_large_and_small_features(scale, pyplot):
    X = scale * SIGNALS["channels"]
    pooling = SubbandPooling(statistics=("max",)).fit(SIGNALS["channels"])
    expected = scale * np.array(deviations(pooling.transform(SIGNALS["channels"])))
    np.testing.assert_allclose(deviations(pooling.fit_transform(X)), expected)


def test_pooled_features_stand_in_their_segment(pyplot):
    X = SIGNALS["signals"]
    fitted = model(X, Y == "a", first=POOLINGS[0])
    display = DecisionDisplay.from_estimator(fitted, X[0])
    assert list(display.bands)[:4] == ["cA2", "cA2[i/2]", "cA2[i/4]", "cD2"]
    for name, number in ("cD1", ""), ("cD1", "[2/4]"), ("cD2", "[1/2]"):
        row = f"{name}[i/{number[-2]}]" if number else name
        cell = int(number[1]) - 1 if number else 0
        own = [v for k, v in display.features.items() if k.startswith(f"{name}{number}_")]
        assert display.bands[row][cell] == pytest.approx(sum(own), abs=1e-12)
    np.testing.assert_allclose(display.times["cD1[i/4]"], [3.5, 11.5, 19.5, 27.5])
    for mesh in display.axes_[1, 0].collections:
        edges = mesh.get_coordinates()[0, :, 0]
        np.testing.assert_allclose(edges[[0, -1]], [-0.5, 31.5])


def test_envelopes_stand_with_their_band(pyplot):
    X = SIGNALS["signals"]
    fitted = model(X, Y == "a", first=POOLINGS[2])
    display = DecisionDisplay.from_estimator(fitted, X[0], sampling_frequency=100)
    own = [v for name, v in display.features.items() if "_|cD2|_" in name]
    assert display.bands["|cD2|"][0] == pytest.approx(sum(own), abs=1e-12)
    assert display.labels["|cD2|"] == "|cD2| (12-25 Hz)"
    weights = WeightDisplay.from_estimator(fitted, sampling_frequency=100)
    label = weights.labels["w1_|cD1|_cD2_above_q0.5"]
    assert label == "w1_|cD1|_cD2 (25-50 Hz, 12-25 Hz) above_q0.5"
    assert weights.labels["w1_cD1[2/2]_max_1"] == "w1_cD1[2/2] (25-50 Hz) max_1"


def test_bars_are_the_largest_and_the_sum_of_the_others(pyplot):
    features = {f"f{i}": (-1) ** i * float(i) for i in range(12)}
    display = WeightDisplay({}, {}, features={"": features}).plot()
    widths = [bar.get_width() for bar in display.ax_.patches]
    assert widths == [-11, 10, -9, 8, -7, 6, -5, 4, -3 + 2 - 1 + 0]
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts[0] == "-11  f11"
    assert texts[-1] == "-2  4 others"


def test_names_of_channels(pyplot):
    X = SIGNALS["channels"]
    fitted = model(X, Y == "a", first=SubbandPooling())
    names = fitted[0].get_feature_names_out(["Fz", "Cz"]).tolist()
    display = DecisionDisplay.from_estimator(fitted, X[0], channel_names=["Fz", "Cz"])
    assert list(display.features) == names
    weights = WeightDisplay.from_estimator(fitted, channel_names=["Fz", "Cz"])
    assert list(weights.features["class True"]) == names
    for kind, names in (("channels", ["Fz"]), ("signals", ["Fz", "Cz"])):
        fitted = model(SIGNALS[kind], Y == "a", first=SubbandPooling())
        with pytest.raises(ValueError, match=r"'channel_names' .* one for each channel"):
            WeightDisplay.from_estimator(fitted, channel_names=names)


def test_unions_have_a_map_and_a_list(pyplot):
    X = SIGNALS["signals"]
    wavelet = WaveletTransformer("db2", level=2)
    union = FeatureUnion([("a", wavelet), ("b", SubbandPooling(wavelet))])
    fitted = model(X, Y == "a", first=union)
    display = DecisionDisplay.from_estimator(fitted, X[0])
    total = add_up(display.bands) + sum(display.features.values()) + display.baseline
    assert total == pytest.approx(fitted.decision_function(X[:1])[0], abs=1e-10)
    assert display.axes_.shape == (3, 1)
    assert WeightDisplay.from_estimator(fitted).axes_.shape == (3, 1)


@pytest.mark.parametrize("features", ["auto", None])
def test_awd(features, pyplot):
    X = SIGNALS["signals"]
    wavelet = WaveletTransformer("db2", level=2)
    awd = AWDClassifier(transformer=wavelet, features=features, random_state=0)
    awd.set_params(estimator=make_pipeline(StandardScaler(), RidgeClassifier()))
    awd.fit(X, Y)
    display = DecisionDisplay.from_estimator(awd, X[0], target=2)
    total = add_up(display.bands) + display.baseline
    total += sum((display.features or {"": 0}).values())
    assert total == pytest.approx(awd.decision_function(X[:1])[0, 2], abs=1e-10)
    assert list(WeightDisplay.from_estimator(awd, target=0).weights) == ["class a"]


@pytest.mark.filterwarnings("ignore:level=2 is too high")
@pytest.mark.parametrize("is_pooled", [True, False])
def test_images(is_pooled, pyplot):
    X = SIGNALS["images"]
    wavelet = WaveletTransformer("haar", level=2, ndim=2)
    first = SubbandPooling(wavelet) if is_pooled else wavelet
    fitted = model(X, first=first)
    display = DecisionDisplay.from_estimator(fitted, X[0])
    left, right = display.axes_[0]
    np.testing.assert_array_equal(left.get_images()[0].get_array(), X[0])
    assert left.get_xlabel().startswith("class ")
    if is_pooled:
        assert display.bands is None
        assert len(right.patches) == 9
        total = sum(display.features.values())
    else:
        total = np.nansum(right.get_images()[0].get_array().filled(np.nan))
    expected = fitted.decision_function(X[:1]).max()
    assert display.baseline + total == pytest.approx(expected, abs=1e-10)
    weights = WeightDisplay.from_estimator(fitted, target=[0, 1])
    assert weights.axes_.shape == ((1, 2) if is_pooled else (2, 2))


def draw(display, fitted, x, **params):
    arguments = (x,) if display is DecisionDisplay else ()
    return display.from_estimator(fitted, *arguments, **params)


@pytest.mark.parametrize("display", DISPLAYS)
def test_protocol(display, pipeline, pyplot):
    _, (_, ax) = pyplot.subplots(1, 2, figsize=(6, 3), layout="constrained")
    drawn = draw(display, pipeline, SIGNALS["signals"][0], ax=ax)
    assert isinstance(drawn, display)
    assert drawn.ax_ is drawn.axes_[0, 0]
    assert drawn.figure_ is ax.figure
    assert len(pyplot.get_fignums()) == 1
    assert drawn.plot() is drawn
    assert len(pyplot.get_fignums()) == 2


@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("sampling_frequency", [None, 250])
def test_one_column_of_a_journal(display, style, sampling_frequency, pipeline, pyplot):
    with pyplot.style.context(style):
        figure, ax = pyplot.subplots(figsize=(80 / 25.4, 2.6), layout="constrained")
        params = {"sampling_frequency": sampling_frequency, "ax": ax}
        drawn = draw(display, pipeline, SIGNALS["signals"][0], **params)
        figure.canvas.draw()  # warns where there is no room
    width, height = figure.canvas.get_width_height()
    for panel in drawn.axes_.flat:
        box, inside = panel.get_tightbbox(), panel.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
        assert inside.width > 0.1 * width
        others = [p for p in drawn.axes_.flat if p is not panel]
        assert not any(box.overlaps(p.get_window_extent()) for p in others)


@pytest.mark.parametrize("display", DISPLAYS)
def test_errors(display, pipeline, pyplot):
    X = SIGNALS["signals"]
    name = display.__name__
    with pytest.raises(TypeError, match=rf"{name} needs a pipeline .* Got RidgeClass"):
        draw(display, RidgeClassifier().fit(X, Y), X[0])
    mlp = make_pipeline(
        WaveletTransformer("haar"), MLPClassifier((2,), tol=1, max_iter=50)
    )
    with pytest.raises(
        TypeError, match=rf"{name} needs a linear .* MLPClassifier is nei"
    ):
        draw(display, mlp.fit(X, Y), X[0])
    with pytest.raises(NotFittedError):
        draw(display, make_pipeline(WaveletTransformer(), RidgeClassifier()), X[0])
    for target in (3, -1, True, "a"):
        with pytest.raises(ValueError, match=r"'target' parameter .* from 0 to 2"):
            draw(display, pipeline, X[0], target=target)
    with pytest.raises(ValueError, match=r"'channel' parameter .* from 0 to 0"):
        draw(display, pipeline, X[0], channel=1)
    volumes = WaveletTransformer("haar", level=1, ndim=3)
    volumes = make_pipeline(volumes, RidgeClassifier())
    volumes.fit(X.reshape(60, 4, 4, 2), Y)
    with pytest.raises(ValueError, match=rf"{name} draws signals and images"):
        draw(display, volumes, X[0].reshape(4, 4, 2))
    assert not pyplot.get_fignums()


def test_one_sample_is_drawn(pipeline):
    X = SIGNALS["signals"]
    for x in (X[:1], X[0, :30]):
        with pytest.raises(ValueError, match=r"one sample, of shape \(32,\) .* X\[i\]"):
            DecisionDisplay.from_estimator(pipeline, x)


def test_a_step_in_front_of_channels(pyplot):
    X = SIGNALS["signals"].reshape(-1, 2, 16)
    cut = FunctionTransformer(lambda X: X[..., 4:])
    pipeline = make_pipeline(cut, SubbandPooling(), RidgeClassifier()).fit(X, Y)
    display = DecisionDisplay.from_estimator(pipeline, X[0], target=0)
    np.testing.assert_allclose(display.decision, pipeline.decision_function(X[:1])[0, 0])
    assert display.signal.shape == (12,)
    with pytest.raises(ValueError, match="expecting 24 features"):
        DecisionDisplay.from_estimator(pipeline, X)


def test_frames_and_tensors(pipeline, pyplot):
    X = SIGNALS["signals"]
    frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(32)])
    named = model(frame).set_output(transform="pandas").fit(frame, Y)
    drawn = DecisionDisplay.from_estimator(named, frame.iloc[0], target=0)
    expected = DecisionDisplay.from_estimator(pipeline, X[0], target=0)
    np.testing.assert_allclose(drawn.contributions, expected.contributions)
    drawn = DecisionDisplay.from_estimator(pipeline, torch.tensor(X[0]), target=0)
    np.testing.assert_array_equal(drawn.contributions, expected.contributions)


def test_what_stands_in_front_is_drawn_as_it_comes_out(pyplot):
    X = SIGNALS["signals"]
    scaler = StandardScaler()
    last = WaveletTransformer("haar", level=2), LogisticRegression()
    fitted = make_pipeline(scaler, *last).fit(X, Y)
    display = DecisionDisplay.from_estimator(fitted, X[0])
    np.testing.assert_array_equal(display.signal, scaler.transform(X[:1])[0])
