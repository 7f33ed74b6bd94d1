"""The drawing of groups of coefficients."""

import numpy as np
import pytest
import torch

from sk_awave import WaveletTransformer
from sk_awave.attribution import (
    AttributionTree,
    ContextualDecomposition,
    agglomerate_attributions,
)
from sk_awave.inspection import AttributionTreeDisplay, CoefficientDisplay
from sk_awave.inspection._maps import coefficient_map
from sk_awave.inspection._plot._tiles import borders, series_cells


def decompose(transformer, X):
    """Fit the decomposition of a network that was not trained."""
    n_features = X[0].size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Linear(n_features, 5),
            torch.nn.ReLU(),
            torch.nn.Linear(5, 1),
        ).double()
    return ContextualDecomposition(
        transformer.fit(X), net, groups="coefficients", target=0
    ).fit(X)


@pytest.fixture(scope="module")
def signals():
    X = np.random.default_rng(0).standard_normal((3, 32))
    return decompose(WaveletTransformer("db2", level=3), X), X


@pytest.fixture(scope="module")
def images():
    X = np.random.default_rng(0).standard_normal((3, 8, 8))
    return decompose(WaveletTransformer("haar", level=2, ndim=2), X), X


def chain_tree(layout):
    """Join the first coefficient with the second, both with the third, and so on."""
    n = layout.n_coeffs
    first = np.append(0, np.arange(n, 2 * n - 2))
    return AttributionTree(
        children=np.sort(np.stack([first, np.arange(1, n)], 1)),
        interactions=np.zeros(n - 1),
        scores=np.arange(2 * n - 1.0) - n,
        counts=np.arange(2, n + 1),
        names=np.array(layout.names()),
    )


def chain_display(transformer, n_merges):
    """Draw that tree."""
    layout = transformer.layout_
    places = np.arange(layout.n_coeffs)
    bands, times = coefficient_map(layout, transformer.filter_bank_, places)
    length = layout.signal_shape[0] if times else None
    tree = chain_tree(layout)
    params = {"times": times, "length": length, "n_merges": n_merges}
    return AttributionTreeDisplay(tree, bands, **params).plot()


@pytest.mark.parametrize("kind", ["signals", "images"])
@pytest.mark.parametrize("given", [False, True])
def test_protocol(kind, given, request, pyplot):
    decomposition, X = request.getfixturevalue(kind)
    ax = pyplot.subplots(1, 2, layout="constrained")[1][1] if given else None
    display = AttributionTreeDisplay.from_estimator(decomposition, X[0], ax=ax)
    assert display.ax_ is display.axes_[0, 0]
    assert display.axes_.shape == (2, 2)
    assert all(panel.figure is display.figure_ for panel in display.axes_.flat)
    titles = [panel.get_title() for panel in display.axes_.flat]
    assert titles == ["0 merges", "1 merge", "4 merges", "12 merges"]
    assert display.figure_.axes[-1].get_ylabel() == "score of its group"
    expected = agglomerate_attributions(decomposition, X[0])
    np.testing.assert_array_equal(display.tree.children, expected.children)
    assert display.plot() is display


@pytest.mark.parametrize("kind", ["signals", "images"])
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_labels_fit_into_one_column_of_a_journal(kind, style, request, pyplot):
    decomposition, X = request.getfixturevalue(kind)
    with pyplot.style.context(style):
        size = (80 / 25.4, 70 / 25.4)
        figure, ax = pyplot.subplots(figsize=size, layout="constrained")
        display = AttributionTreeDisplay.from_estimator(decomposition, X[0], ax=ax)
        figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for panel in display.axes_.flat:
        box = panel.get_tightbbox()
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
        others = [p for p in display.axes_.flat if p is not panel]
        assert not any(box.overlaps(p.get_window_extent()) for p in others)
        assert all(text.get_color() == "black" for text in panel.texts)  # on white


def test_tiles_of_a_signal_have_the_scores_of_their_groups(signals, pyplot):
    """Each coefficient at its time, as the scalogram draws it."""
    decomposition, X = signals
    transformer = decomposition.transformer
    layout = transformer.layout_
    display = chain_display(transformer, (0, 5))
    times, tree = display.times, display.tree
    scalogram = CoefficientDisplay.from_estimator(transformer, X[0])
    bands = {band.name: band for band in layout.bands}
    for panel, n_merges in zip(display.axes_.flat, (0, 5), strict=True):
        mesh = panel.collections[0]
        columns = mesh.get_coordinates()[0, :, 0]
        centres = (columns[1:] + columns[:-1]) / 2
        expected = tree.scores[tree.nodes(n_merges)]
        rows = scalogram.axes_[1, 0].collections
        for values, name, row in zip(mesh.get_array(), display.bands, rows, strict=True):
            edges = row.get_coordinates()[0, :, 0]
            assert set(edges) <= set(columns)
            inside = (centres > edges[0]) & (centres < edges[-1])
            assert (np.ma.getmaskarray(values) == ~inside).all()
            nearest = abs(centres[inside, None] - times[name]).argmin(1)
            np.testing.assert_array_equal(
                values[inside], expected[bands[name].start + nearest]
            )
        assert mesh.get_clim() == (-layout.n_coeffs, layout.n_coeffs)
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == list(display.bands)


def test_mosaic_of_an_image_has_the_scores_of_its_groups(images, pyplot):
    decomposition, _ = images
    layout = decomposition.transformer.layout_
    display = chain_display(decomposition.transformer, (7,))
    tree, drawn = display.tree, display.ax_.collections[0].get_array()
    cA, details, _ = layout.unflatten(tree.scores[tree.nodes(7)])
    np.testing.assert_array_equal(drawn[:2, :2], cA)
    for place, band in zip([(2, 0), (0, 2), (2, 2)], details, strict=True):
        i, j = place
        np.testing.assert_array_equal(drawn[i : i + 2, j : j + 2], band)
    assert display.ax_.yaxis_inverted()


def test_only_groups_of_several_are_outlined(images, pyplot):
    decomposition, _ = images
    display = chain_display(decomposition.transformer, (0, 1))
    none, two = display.axes_.flat
    assert not any(len(lines.get_segments()) for lines in none.collections[1:])
    upright, level = (lines.get_segments() for lines in two.collections[1:])
    # The first two coefficients are neighbours in a row: six sides of unit length.
    assert {tuple(map(tuple, s)) for s in upright} == {
        ((-0.5, -0.5), (-0.5, 0.5)),
        ((1.5, -0.5), (1.5, 0.5)),
    }
    assert sorted(s[0].tolist() for s in level) == [
        [-0.5, -0.5],
        [-0.5, 0.5],
        [0.5, -0.5],
        [0.5, 0.5],
    ]


def test_borders_run_between_unlike_labels():
    labels = np.array([[7, 7, 1], [2, 7, -1]])
    upright, level = borders(labels, labels == 7)
    assert set(zip(*upright, strict=True)) == {(0, 0), (0, 2), (1, 1), (1, 2)}
    assert set(zip(*level, strict=True)) == {(0, 0), (0, 1), (1, 0), (2, 1)}


@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
@pytest.mark.parametrize("decomposition", ["dwt", "stationary", "packet"])
def test_every_coefficient_has_a_place(mode, decomposition):
    if decomposition == "stationary":
        mode = "auto"
    params = {"level": 2, "mode": mode, "decomposition": decomposition}
    transformer = WaveletTransformer("db2", **params).fit(np.ones((1, 24)))
    layout = transformer.layout_
    places = np.arange(layout.n_coeffs)
    bands, times = coefficient_map(layout, transformer.filter_bank_, places)
    cells, columns = series_cells(bands, times, 24)
    np.testing.assert_array_equal(np.unique(cells[cells >= 0]), places)
    assert (np.diff(columns) > 0).all()
    assert len(cells) == len(layout.bands)


def test_channels(pyplot):
    X = np.random.default_rng(0).standard_normal((2, 2, 16))
    decomposition = decompose(WaveletTransformer("haar", level=2), X)
    kwargs = {"n_merges": [3], "channel": 1}
    display = AttributionTreeDisplay.from_estimator(decomposition, X[0], **kwargs)
    expected = display.tree.scores[display.tree.nodes(3)][16:]
    drawn = display.ax_.collections[0].get_array()
    assert set(drawn.compressed()) == set(expected)
    assert len(display.tree.names) == 32
    with pytest.raises(ValueError, match=r"'channel' .* from 0 to 1\. Got 2 instead"):
        AttributionTreeDisplay.from_estimator(decomposition, X[0], channel=2)


def test_seconds_and_hertz(signals, pyplot):
    decomposition, X = signals
    kwargs = {"n_merges": [2], "sampling_frequency": 100}
    drawn = AttributionTreeDisplay.from_estimator(decomposition, X[0], **kwargs)
    plain = AttributionTreeDisplay.from_estimator(decomposition, X[0], n_merges=[2])
    seconds, samples = (
        display.ax_.collections[0].get_coordinates()[0, :, 0]
        for display in (drawn, plain)
    )
    np.testing.assert_allclose(100 * seconds, samples)
    assert drawn.ax_.get_xlabel() == "time (s)"
    assert plain.ax_.get_xlabel() == "time (samples)"
    names = [text.get_text() for text in drawn.ax_.get_yticklabels()]
    assert names[-1] == "cD1 (25-50 Hz)"
    with pytest.raises(ValueError, match=r"'sampling_frequency' .* Got 0 instead"):
        AttributionTreeDisplay.from_estimator(decomposition, X[0], sampling_frequency=0)


def test_three_panels_leave_one_empty(signals, pyplot):
    decomposition, X = signals
    kwargs = {"n_merges": (0, 2, 38), "connectivity": None, "target": 0}
    display = AttributionTreeDisplay.from_estimator(decomposition, X[0], **kwargs)
    assert [p.axison for p in display.axes_.flat] == [True, True, True, False]


def test_errors(signals, pyplot):
    decomposition, X = signals
    with pytest.raises(ValueError, match=r"one sample, of shape \(32,\) .* X\[i\]"):
        AttributionTreeDisplay.from_estimator(decomposition, X)
    by_band = ContextualDecomposition(
        decomposition.transformer, decomposition.teacher
    ).fit(X)
    with pytest.raises(
        ValueError, match=r"groups='coefficients'\. Got one with 4 groups"
    ):
        AttributionTreeDisplay.from_estimator(by_band, X[0], connectivity=None)
    with pytest.raises(ValueError, match=r"n_merges must be an int from 0 to 38\. Got 3"):
        AttributionTreeDisplay.from_estimator(decomposition, X[0], n_merges=(0, 39))
    assert not pyplot.get_fignums()
    volumes = np.random.default_rng(0).standard_normal((2, 4, 4, 4))
    decomposition = decompose(WaveletTransformer("haar", level=1, ndim=3), volumes)
    with pytest.raises(ValueError, match=r"draws signals and images\. Got ndim=3"):
        AttributionTreeDisplay.from_estimator(decomposition, volumes[0])
