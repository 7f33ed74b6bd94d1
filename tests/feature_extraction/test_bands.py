"""Bands with mirrored ends against PyWavelets, and their parts."""

import numpy as np
import pytest
import pywt

from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.feature_extraction import _bands
from sk_awave.feature_extraction._bands import (
    Envelopes,
    bands_of,
    cut_segments,
    split_bands,
)


def make_bands(name, shape, level, n_channels=None):
    filters = FilterBank.from_wavelet(name, "fixed")().detach().numpy()
    tree = Tree.stationary(level)
    n_taps = filters.shape[-1]
    layout = CoeffLayout(shape, n_channels, n_taps, tree, "periodization")
    return layout, bands_of(layout, filters)


@pytest.mark.filterwarnings("ignore:norm=True, but the wavelet is not orthogonal")
@pytest.mark.parametrize("name", ["haar", "sym4", "bior2.2"])
@pytest.mark.parametrize("length, level", [(40, 3), (200, 3), (8, 1)])
def test_mirrored_bands_are_those_of_pywavelets(name, length, level):
    X = np.random.default_rng(0).standard_normal((3, 2, length))
    _, bands = make_bands(name, (length,), level, 2)
    (actual,) = bands.parts(X)
    twice = np.concatenate([X, X[..., ::-1]], axis=-1)
    expected = pywt.swt(twice, name, level, trim_approx=True, norm=True)
    for j, (band, coeffs) in enumerate(zip(actual, expected, strict=True)):
        steps = level - max(0, j - 1)
        aligned = np.roll(coeffs, (2**steps - 1) // 2, axis=-1)[..., :length]
        np.testing.assert_allclose(band, aligned, atol=1e-12)


def test_mirrored_images():
    X = np.random.default_rng(0).standard_normal((2, 1, 12, 8))
    _, bands = make_bands("db2", (12, 8), 1)
    (actual,) = bands.parts(X)
    twice = np.concatenate([X, X[..., ::-1]], -1)
    twice = np.concatenate([twice, twice[..., ::-1, :]], -2)
    ((average, (horizontal, vertical, diagonal)),) = pywt.swt2(twice, "db2", 1, norm=True)
    bands = [average, vertical, horizontal, diagonal]
    for band, expected in zip(actual, bands, strict=True):
        np.testing.assert_allclose(band, expected[..., :12, :8], atol=1e-12)


def test_a_jump_between_the_ends_is_not_seen():
    ramp = np.linspace(0, 1, 64).reshape(1, 1, 64)
    _, bands = make_bands("haar", (64,), 3)
    (mirrored,) = bands.parts(ramp)
    periodic = pywt.swt(ramp, "haar", 3, trim_approx=True, norm=True)
    assert max(np.abs(band).max() for band in mirrored[1:]) < 0.1
    assert max(np.abs(band).max() for band in periodic[1:]) > 0.4


@pytest.mark.parametrize("place", [0, 10, 63, 99])
def test_coefficients_stand_where_the_signal_is(place):
    x = np.zeros((1, 1, 100))
    x[..., place] = 1
    layout, bands = make_bands("sym8", (100,), 4)
    (actual,) = bands.parts(x)
    for band, described in zip(actual, layout.bands, strict=True):
        energy = band[0, 0] ** 2
        centre = (energy * np.arange(100)).sum() / energy.sum()
        # At the ends half of an atom is cut off.
        assert abs(centre - place) < 3 * 2 ** len(described.path)


def test_parts_are_what_the_whole_is(monkeypatch):
    X = np.random.default_rng(0).standard_normal((7, 2, 150))
    _, bands = make_bands("db3", (150,), 2, 2)
    (whole,) = bands.parts(X)
    monkeypatch.setattr(_bands, "PART_SIZE", 2 * 2 * 3 * 300)
    parts = list(bands.parts(X))
    assert len(parts) > 1
    for i, band in enumerate(whole):
        joined = np.concatenate([part[i] for part in parts])
        np.testing.assert_allclose(joined, band, atol=1e-12)


def test_flat_coefficients_are_split():
    layout = CoeffLayout((10,), 2, 4, Tree.dwt(2), "symmetric")
    flat = np.arange(3.0 * layout.n_coeffs).reshape(3, -1)
    bands = split_bands(flat, layout)
    coeffs = layout.unflatten(flat)
    for band, expected in zip(bands, coeffs, strict=True):
        np.testing.assert_array_equal(band, expected)


def test_segments_cover_a_band_once():
    parts = cut_segments((7, 9), (1, 3))
    assert [name for _, name in parts[:3]] == ["", "[1/3,1/3]", "[1/3,2/3]"]
    covered = np.zeros((7, 9), int)
    for place, _ in parts[1:]:
        covered[place] += 1
    assert (covered == 1).all()
    with pytest.raises(ValueError, match=r"shape \(2,\) cannot be cut into 3 segments"):
        cut_segments((2,), (1, 3))


def test_envelopes_by_pywavelets():
    X = np.random.default_rng(0).standard_normal((3, 2, 40))
    level = 3
    _, bands = make_bands("sym4", (40,), level, 2)
    envelopes = Envelopes(bands)
    actual = envelopes.compute(*bands.parts(X))
    assert envelopes.names == [
        *["|cD3|_cD3", "|cD2|_cD3", "|cD2|_cD2"],
        *["|cD1|_cD3", "|cD1|_cD2", "|cD1|_cD1"],
    ]
    (first,) = bands.parts(X)
    expected = []
    for j, band in enumerate(first[1:]):
        step, n_levels = 2 ** (level - 1 - j), j + 1
        envelope = np.abs(band)[..., ::step]
        length = envelope.shape[-1]
        twice = np.concatenate([envelope, envelope[..., ::-1]], axis=-1)
        missing = -twice.shape[-1] % 2**n_levels
        assert missing == 0
        coeffs = pywt.swt(twice, "sym4", n_levels, trim_approx=True, norm=True)
        for k, detail in enumerate(coeffs[1:]):
            shift = (2 ** (n_levels - k) - 1) // 2
            expected.append(np.roll(detail, shift, axis=-1)[..., :length])
    for band, coeffs, shape in zip(actual, expected, envelopes.shapes, strict=True):
        assert band.shape[2:] == shape
        np.testing.assert_allclose(band, coeffs, atol=1e-12)


def test_envelopes_of_images_have_all_orientations():
    X = np.random.default_rng(0).standard_normal((2, 1, 12, 9))
    _, bands = make_bands("db2", (12, 9), 2)
    envelopes = Envelopes(bands)
    actual = envelopes.compute(*bands.parts(X))
    assert len(envelopes.names) == len(set(envelopes.names)) == 9 + 18
    assert [band.shape[2:] for band in actual] == envelopes.shapes


def test_envelopes_tell_a_steady_oscillation_from_one_that_comes_and_goes():
    t = np.arange(256)
    steady = np.cos(np.pi / 2 * t)
    beats = steady * np.cos(2 * np.pi * t / 32)
    X = np.stack([steady, np.sqrt(2) * beats])[:, None]
    _, bands = make_bands("sym8", (256,), 4, 1)
    (first,) = bands.parts(X)
    second = Envelopes(bands).compute(first)
    energies = [np.square(band[:, 0]).mean(-1) for band in first]
    total = np.sum(energies, axis=0)
    assert total[0] == pytest.approx(total[1], rel=0.05)
    slow = Envelopes(bands).names.index("|cD1|_cD3")
    strength = np.square(second[slow][:, 0]).mean(-1)
    assert strength[1] > 10 * strength[0]
