"""What AttributionCurveDisplay draws, and its errors."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave.inspection import AttributionCurveDisplay, attribution_curves

FEATURES = [0, "c", (0, 1), "d"]
NAMES = ["a", "b", "c", "d"]
SMALL = {"n_estimators": 5, "random_state": 0}


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).uniform(-1, 1, (100, 4))


@pytest.fixture(scope="module")
def forest(X):
    return RandomForestRegressor(**SMALL).fit(X, X[:, 0] * X[:, 1] + X[:, 2])


def draw(forest, X, features=FEATURES, **kwargs):
    kwargs = {"feature_names": NAMES, "grid_resolution": 9} | kwargs
    return AttributionCurveDisplay.from_estimator(forest, X, features, **kwargs)


def test_panels_lines_and_contours(forest, X, pyplot):
    display = draw(forest, X)
    assert (
        display.axes_.shape == display.lines_.shape == display.contours_.shape == (2, 3)
    )
    drawn = [[a is not None for a in row] for row in display.axes_]
    assert drawn == [[True, True, True], [True, False, False]]
    assert [line is not None for line in display.lines_.flat] == [1, 1, 0, 1, 0, 0]
    assert [line is not None for line in display.contours_.flat] == [0, 0, 1, 0, 0, 0]
    curves = attribution_curves(forest, X, 2, grid_resolution=9)
    line = display.lines_[0, 1]
    np.testing.assert_array_equal(line.get_xdata(), curves.grid_values[0])
    np.testing.assert_array_equal(line.get_ydata(), curves.average[0])
    panels = display.axes_[display.axes_ != np.array(None)]
    assert [panel.get_xlabel() for panel in panels] == ["a", "c", "a", "d"]
    labels = [panel.get_ylabel() for panel in panels]
    assert labels == ["attribution", "", "b", "attribution"]
    limits = {panels[i].get_ylim() for i in (0, 1, 3)}
    assert len(limits) == 1
    deciles = np.quantile(X[:, 0], np.arange(0.1, 1, 0.1))
    np.testing.assert_allclose(display.deciles["a"], deciles, atol=0.05)


def test_contours_are_those_of_the_pair(forest, X, pyplot):
    display = draw(forest, X, [(0, 1)], contour_kw={"levels": [-9, 9], "colors": ["r"]})
    assert list(display.contours_[0, 0].levels) == [-9, 9]
    centre = {0: [-0.5, 0.5], 1: [-0.6, 0.0, 0.6]}
    display = draw(forest, X, [(0, "b")], custom_values={"a": centre[0], "b": centre[1]})
    curves = attribution_curves(forest, X, [0, 1], custom_values=centre)
    np.testing.assert_array_equal(display.curves[0].average, curves.average)
    assert display.axes_[0, 0].get_xlim() == (-0.5, 0.5)
    assert display.axes_[0, 0].get_ylim() == (-0.6, 0.6)


def test_it_is_drawn_where_it_is_told_to(forest, X, pyplot):
    _, ax = pyplot.subplots(1, 2, figsize=(6, 3), layout="constrained")
    display = draw(forest, X, ax=ax[1], n_cols=2, line_kw={"color": "red"})
    assert display.figure_ is ax[1].figure
    assert display.axes_.shape == (2, 2)
    assert all(panel.get_position().x0 > 0.4 for panel in display.axes_.flat)
    assert display.lines_[0, 0].get_color() == "red"
    assert display.plot(n_cols=1) is display
    assert display.axes_.shape == (4, 1)
    with pytest.raises(TypeError, match=r"'ax' .* AttributionCurveDisplay.plot .* Got 3"):
        display.plot(ax=3)


def test_names_of_frames_and_of_none(forest, X, pyplot):
    frame = pd.DataFrame(X, columns=NAMES)
    named = RandomForestRegressor(**SMALL).fit(frame, X[:, 0])
    display = draw(named, frame, feature_names=None)
    assert display.names == [("a",), ("c",), ("a", "b"), ("d",)]
    display = draw(forest, X, [3], feature_names=None)
    assert display.ax_.get_xlabel() == "feature 3"


def test_names_of_a_pipeline(X, pyplot):
    pipeline = make_pipeline(StandardScaler(), RandomForestRegressor(**SMALL))
    pipeline.fit(X, X[:, 0])
    display = draw(pipeline, X, ["x1"], feature_names=None)
    scaled = StandardScaler().fit_transform(X)
    expected = attribution_curves(pipeline[-1], scaled, 1, grid_resolution=9)
    np.testing.assert_array_equal(display.curves[0].average, expected.average)


def test_targets(X, pyplot):
    y = np.array(["low", "mid", "up"])[np.digitize(X[:, 0], [-0.3, 0.3])]
    three = RandomForestClassifier(**SMALL).fit(X, y)
    assert draw(three, X, [0], target="mid").target == 1
    for target in (None, "none"):
        with pytest.raises(ValueError, match=r"one of \['low', 'mid', 'up'\]. Got "):
            draw(three, X, [0], target=target)
    two = RandomForestClassifier(**SMALL).fit(X, y == "up")
    assert draw(two, X, [0]).target == 1
    assert draw(two, X, [0], target=False).target == 0
    outputs = RandomForestRegressor(**SMALL).fit(X, X[:, :2])
    assert draw(outputs, X, [0], target=1).target == 1
    with pytest.raises(ValueError, match=r"must be one of \[0, 1\]. Got None"):
        draw(outputs, X, [0])


def test_some_of_the_rows(forest, X, pyplot):
    y = X[:, 0] * X[:, 1] + X[:, 2]
    for given in (None, y):
        part = draw(forest, X, [0], y=given, subsample=40, random_state=0)
        share = draw(forest, X, [0], y=given, subsample=0.4, random_state=0)
        np.testing.assert_array_equal(part.curves[0].average, share.curves[0].average)
        whole = draw(forest, X, [0], y=given, subsample=1000)
        expected = attribution_curves(forest, X, 0, y=given, grid_resolution=9)
        np.testing.assert_allclose(whole.curves[0].average, expected.average, atol=1e-9)
        assert part.curves[0].counts.sum() < whole.curves[0].counts.sum()
    for wrong in (0, 1.5, "a"):
        with pytest.raises(
            ValueError, match=r"'subsample' parameter of Attribution.*Got"
        ):
            draw(forest, X, [0], subsample=wrong)


def test_errors(forest, X, pyplot):
    with pytest.raises(TypeError, match="AttributionCurveDisplay needs a forest"):
        draw(LinearRegression().fit(X, X[:, 0]), X)
    with pytest.raises(ValueError, match=r"'features' parameter .* Got \['z'\]"):
        draw(forest, X, ["z"])
    with pytest.raises(ValueError, match="one feature or two"):
        draw(forest, X, [(0, 1, 2)])
    assert not pyplot.get_fignums()
