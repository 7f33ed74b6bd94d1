"""What notebooks show of a transformer."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import pywt
from sklearn import config_context
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer


@pytest.fixture(scope="module")
def learned(ecg):
    return AdaptiveWaveletTransformer("db3", level=2).fit(ecg)


def test_the_wavelet_function_is_drawn(learned):
    tree = ElementTree.fromstring(learned._fitted_html())
    points = tree.find(".//polyline").attrib["points"].split()
    x, y = np.array([point.split(",") for point in points], dtype=float).T
    assert (np.diff(x) > 0).all()
    assert x[0] == 0
    assert x[-1] <= 240
    assert (y > 0).all()
    assert (y < 80).all()
    psi = learned.wavelet_.wavefun(level=6)[1]
    psi = psi[::3]  # of 321 samples at most 150 are shown
    np.testing.assert_allclose(y, 40 - 36 * psi / abs(psi).max(), atol=0.06)
    np.testing.assert_allclose(x, np.linspace(0, 240, len(psi)), atol=0.06)
    assert tree.find(".//summary").text == "Wavelet: adapted db3"


def test_the_filters_are_listed(learned):
    tree = ElementTree.fromstring(learned._fitted_html())
    rows = tree.findall(".//tr")
    assert [row.find("th").text for row in rows] == ["dec_lo", "dec_hi"]
    taps = [[float(cell.text) for cell in row.findall("td")] for row in rows]
    np.testing.assert_allclose(taps, learned.filter_bank_[0, 0, :2], atol=5e-5)


@pytest.mark.parametrize("show", ["_repr_html_", "_repr_mimebundle_"])
def test_it_follows_what_scikit_learn_shows(show, learned):
    html = getattr(learned, show)()
    html = html["text/html"] if isinstance(html, dict) else html
    before, extra = html[: -len(learned._fitted_html())], learned._fitted_html()
    assert html == before + extra
    ids = r"sk-[a-z-]*\d+"
    expected = estimator_html_repr(learned)
    assert re.sub(ids, "", before) == re.sub(ids, "", expected)
    assert len(extra) < 10_000


def test_nothing_before_fit_and_no_html_as_text(learned):
    transformer = AdaptiveWaveletTransformer()
    assert "polyline" not in transformer._repr_html_()
    assert transformer._fitted_html() == ""
    with config_context(display="text"):
        assert not hasattr(learned, "_repr_html_")
        assert list(learned._repr_mimebundle_()) == ["text/plain"]


def test_names_are_escaped():
    bank = pywt.Wavelet("haar").filter_bank
    wavelet = pywt.Wavelet('<b onclick="x">', filter_bank=bank)
    html = WaveletTransformer(wavelet, level=1).fit(np.ones((1, 8)))._fitted_html()
    assert "<b" not in html
    assert 'onclick="' not in html
    tree = ElementTree.fromstring(html)
    assert tree.find(".//summary").text == 'Wavelet: <b onclick="x">'


def test_both_wavelets_of_a_pair():
    transformer = WaveletTransformer("bior2.2", level=1).fit(np.ones((1, 16)))
    tree = ElementTree.fromstring(transformer._fitted_html())
    pictures = tree.findall(".//svg")
    sides = [picture.get("aria-label").split()[0] for picture in pictures]
    assert sides == ["synthesis", "analysis"]
    curves = [p.find("polyline").get("points").split() for p in pictures]
    _, psi_d, _, psi_r, _ = pywt.Wavelet("bior2.2").wavefun(level=6)
    for curve, psi in zip(curves, (psi_r, psi_d), strict=True):
        down = 40 - np.array([float(point.split(",")[1]) for point in curve])
        expected = psi[:: -(-len(psi) // 150)]
        scale = down @ expected / (expected @ expected)
        np.testing.assert_allclose(down, scale * expected, rtol=0, atol=0.06)
    names = [header.text for header in tree.findall(".//th")]
    assert names == ["dec_lo", "dec_hi", "rec_lo", "rec_hi"]


@pytest.mark.filterwarnings("ignore:These filters do not reconstruct")
@pytest.mark.parametrize("wavelet", ["haar", "dmey", "bior6.8", "db38"])
def test_any_wavelet_in_a_few_kilobytes(wavelet):
    transformer = WaveletTransformer(wavelet, level=1).fit(np.ones((1, 256)))
    html = transformer._fitted_html()
    n_filters = 2 if transformer.wavelet_.orthogonal else 4
    assert len(html) < 3_000 * n_filters
    cells = ElementTree.fromstring(html).findall(".//td")
    assert len(cells) == n_filters * len(transformer.wavelet_.dec_lo)


def test_of_many_wavelets_some_are_shown():
    params = {"level": 3, "ndim": 2, "per_level": True, "per_axis": True, "max_iter": 0}
    X = np.random.default_rng(0).standard_normal((3, 32, 32))
    transformer = AdaptiveWaveletTransformer("db2", **params).fit(X)
    tree = ElementTree.fromstring(transformer._fitted_html())
    assert len(tree.findall(".//svg")) == 4
    assert "and 2 more in " in "".join(tree.itertext())


def test_diagrams_of_pipelines_are_scikit_learns(ecg):
    pipeline = make_pipeline(WaveletTransformer("db2", level=2), LinearRegression())
    html = pipeline.fit(ecg, ecg[:, 0])._repr_html_()
    assert "WaveletTransformer" in html
    assert "polyline" not in html.rpartition("</style>")[2]
