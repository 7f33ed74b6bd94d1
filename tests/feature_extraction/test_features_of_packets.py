"""Features of wavelet packets: poolings and thresholds work on the bands of any basis."""

import numpy as np
import pytest
import pywt

from sk_awave import SubbandPooling, WaveletThresholder, WaveletTransformer
from sk_awave.feature_extraction._thresholding import estimate_sigma

BASIS = ["aa", "ad", "daa", "dad", "dd"]


@pytest.fixture
def packets():
    return WaveletTransformer("db2", decomposition="packet", basis=BASIS)


def test_statistics_of_each_packet(packets, ecg):
    pooling = SubbandPooling(packets, statistics=("mean", "max"), n_largest=2).fit(ecg)
    names = [f"{path}_{name}" for path in BASIS for name in ("mean", "max_1", "max_2")]
    assert pooling.get_feature_names_out().tolist() == names
    nodes = pywt.WaveletPacket(ecg[5], "db2", "symmetric", 3)
    expected = []
    for path in BASIS:
        coeffs = np.sort(nodes[path].data)
        expected += [coeffs.mean(), *coeffs[:-3:-1]]
    np.testing.assert_allclose(pooling.transform(ecg)[5], expected, atol=1e-12)


def test_signals_of_unequal_lengths(packets, ecg):
    signals = [x[:length] for x, length in zip(ecg, (64, 50, 37, 64), strict=False)]
    pooling = SubbandPooling(packets, statistics=("std",)).fit(signals)
    nodes = pywt.WaveletPacket(signals[2], "db2", "symmetric", 3)
    expected = [nodes[path].data.std() for path in BASIS]
    np.testing.assert_allclose(pooling.transform(signals)[2], expected, atol=1e-12)


def test_noise_is_estimated_from_all_packets_of_the_finest_details(packets, ecg):
    noisy = ecg + 0.3 * np.random.default_rng(0).standard_normal(ecg.shape)
    thresholder = WaveletThresholder(packets, method="universal").fit(noisy)
    packets.fit(noisy)
    flat, layout = packets.transform(noisy), packets.layout_
    finest = np.concatenate(
        [flat[:, b.start : b.stop] for b in layout.bands if b.name[0] == "d"], axis=1
    )
    known = WaveletThresholder(packets, method="universal")
    sigma = estimate_sigma(finest[:1, np.newaxis]).item()
    expected = known.set_params(sigma=sigma).fit(noisy).denoise(noisy[:1])
    np.testing.assert_allclose(thresholder.denoise(noisy)[:1], expected)
    error = np.square(thresholder.denoise(noisy) - ecg).mean()
    assert error < np.square(noisy - ecg).mean()


def test_no_thresholds_without_details():
    samples = WaveletTransformer("db2", decomposition="packet", basis=[""])
    with pytest.raises(ValueError, match="of packets a basis that is not the samples"):
        WaveletThresholder(samples).fit(np.eye(16))
