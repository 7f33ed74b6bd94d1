"""Displays of wavelet packets."""

import numpy as np
import pytest
import pywt

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.inspection import (
    AttributionDisplay,
    CoefficientDisplay,
    ReconstructionDisplay,
)
from sk_awave.inspection._times import coefficient_times


def packets(wavelet="db2", basis="full", **params):
    return WaveletTransformer(wavelet, decomposition="packet", basis=basis, **params)


@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
def test_scalogram_has_its_rows_by_frequency(mode, ecg, pyplot):
    transformer = packets(level=3, mode=mode).fit(ecg)
    display = CoefficientDisplay.from_estimator(transformer, ecg[3])
    expected = pywt.WaveletPacket(ecg[3], "db2", mode, 3).get_level(3, "freq")
    rows = display.axes_[1, 0]
    assert [t.get_text() for t in rows.get_yticklabels()] == [n.path for n in expected]
    for mesh, node in zip(rows.collections, expected, strict=True):
        order = np.argsort(display.times[node.path])
        drawn = mesh.get_array().ravel()
        np.testing.assert_allclose(drawn, node.data[order], atol=1e-12)
        edges = mesh.get_coordinates()[0, :, 0]
        np.testing.assert_allclose(np.diff(edges), 8)


def test_times_are_centres_of_what_filters_see():
    transformer = packets("sym4", basis=["a", "daa", "dad", "dd"], mode="zero")
    transformer.fit(np.zeros((1, 64)))
    spikes = np.eye(64)[24:40]
    energy = transformer.transform(spikes) ** 2
    times = coefficient_times(transformer.layout_, transformer.filter_bank_)
    for band in transformer.layout_.bands:
        # Over spikes at all phases, the mean distance of spikes and times vanishes.
        weights = energy[:, band.start : band.stop]
        errors = weights * (times[band.name] - np.arange(24, 40)[:, np.newaxis])
        assert errors.sum() == pytest.approx(0, abs=1e-9)


def test_bands_of_uneven_packets_fill_the_axis(pyplot):
    x = np.cos(np.arange(64.0))
    transformer = packets(basis=["a", "daa", "dad", "dd"], mode="periodization")
    display = CoefficientDisplay.from_estimator(transformer.fit(x[np.newaxis]), x)
    assert list(display.bands) == ["a", "dd", "dad", "daa"]
    for mesh, step in zip(display.axes_[1, 0].collections, (2, 4, 8, 8), strict=True):
        edges = mesh.get_coordinates()[0, :, 0]
        np.testing.assert_allclose(np.diff(edges), step)
        assert len(edges) - 1 == 64 / step


def test_a_single_coefficient_is_as_wide_as_the_signal(pyplot):
    x = np.arange(8.0)
    transformer = WaveletTransformer("haar", level=3).fit(x[np.newaxis])
    display = CoefficientDisplay.from_estimator(transformer, x)
    edges = display.axes_[1, 0].collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(edges, [-0.5, 7.5])


def test_stationary_coefficients_are_drawn_at_their_times(ecg, pyplot):
    transformer = WaveletTransformer("db2", decomposition="stationary", level=2).fit(ecg)
    display = CoefficientDisplay.from_estimator(transformer, ecg[0])
    for mesh, times in zip(
        display.axes_[1, 0].collections, display.times.values(), strict=True
    ):
        edges = mesh.get_coordinates()[0, :, 0]
        np.testing.assert_allclose((edges[1:] + edges[:-1]) / 2, np.sort(times))


def test_mosaic_is_in_pywavelets_order_of_frequencies(pyplot):
    image = pywt.data.camera()[::16, ::16] / 255.0
    transformer = packets("haar", level=2, ndim=2).fit(image[np.newaxis])
    display = CoefficientDisplay.from_estimator(transformer, image)
    nodes = pywt.WaveletPacket2D(image, "haar", "symmetric", 2).get_level(2, "freq")
    expected = np.block([[node.data for node in row] for row in nodes])
    drawn = display.axes_[0, 1].get_images()[0].get_array().filled(np.nan)
    np.testing.assert_allclose(drawn, expected, atol=1e-12)


def test_mosaic_of_uneven_packets_holds_every_coefficient(pyplot):
    image = pywt.data.camera()[::15, ::14] / 255.0
    basis = ["a", "v", "ha", "hv", "hh", "hd", "d"]
    transformer = packets("db3", basis, ndim=2).fit(image[np.newaxis])
    display = CoefficientDisplay.from_estimator(transformer, image)
    drawn = display.axes_[0, 1].get_images()[0].get_array().filled(np.nan)
    (flat,) = transformer.transform(image[np.newaxis])
    np.testing.assert_allclose(np.sort(drawn[np.isfinite(drawn)]), np.sort(flat))


def test_attributions_and_reconstructions(ecg, pyplot):
    learner = AdaptiveWaveletTransformer(
        "db2", decomposition="packet", level=2, max_iter=0, teacher=lambda x: x.sum(1)
    ).fit(ecg)
    display = AttributionDisplay.from_estimator(learner, ecg[0])
    assert set(display.bands) == set(learner.basis_)
    transformer = packets(basis=["a", "da", "dd"]).fit(ecg)
    display = ReconstructionDisplay.from_estimator(transformer, ecg[0])
    assert display.bands == ["da", "dd"]  # the coarsest
    kept = transformer.layout_.unflatten(transformer.transform(ecg[:1]))
    kept["a"] = np.zeros_like(kept["a"])
    expected = transformer.inverse_transform(transformer.layout_.flatten(kept))[0]
    np.testing.assert_allclose(display.reconstruction, expected, atol=1e-12)
    # A basis need not reach the level up to which it was searched.
    spike = np.eye(64)[:1]
    once = packets(basis="best", level=2, mode="periodization").fit(spike)
    display = ReconstructionDisplay.from_estimator(once, spike[0])
    assert display.bands == ["a", "d"]
    np.testing.assert_allclose(display.reconstruction, spike[0], atol=1e-12)
