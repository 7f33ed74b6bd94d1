"""The part of samples that a net must not use, beside PyWavelets and matrices."""

import numpy as np
import pytest
import pywt
import torch

from sk_awave import WaveletTransformer
from sk_awave.neural_network._region import Region, band_weights


def region_of(transformer, bands):
    weights = band_weights(transformer.layout_, bands)
    return Region(torch.from_numpy(weights).double(), transformer)


@pytest.mark.parametrize("wavelet", ["db3", "bior2.2"])
@pytest.mark.parametrize("mode", ["symmetric", "periodization", "zero"])
@pytest.mark.parametrize("length", [32, 37])
def test_part_is_what_pywavelets_composes_of_the_bands(wavelet, mode, length):
    X = np.random.default_rng(0).standard_normal((3, length))
    transformer = WaveletTransformer(wavelet, level=2, mode=mode).fit(X)
    coeffs = pywt.wavedec(X, wavelet, mode, level=2)
    kept = [coeffs[0], 0 * coeffs[1], coeffs[2]]
    expected = pywt.waverec(kept, wavelet, mode)[:, :length]
    part = region_of(transformer, ["cD1", "cA2"]).part(torch.from_numpy(X))
    np.testing.assert_allclose(part.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    "shape, params",
    [
        ((24,), {}),
        ((2, 24), {}),
        ((24,), {"decomposition": "stationary"}),
        ((2, 24), {"decomposition": "packet", "basis": ["a", "da", "dd"]}),
        ((2, 12, 12), {"ndim": 2}),
        ((288,), {"ndim": 2, "signal_shape": (2, 12, 12)}),
    ],
)
def test_parts_of_all_bands_add_up_to_the_samples(shape, params):
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((5, *shape)))
    transformer = WaveletTransformer("db2", level=2, **params).fit(x)
    names = transformer.basis_
    parts = torch.stack([region_of(transformer, [name]).part(x) for name in names])
    assert parts.shape == (len(names), *x.shape)
    torch.testing.assert_close(parts.sum(0), x)
    torch.testing.assert_close(region_of(transformer, names).part(x), x)
    assert (parts.flatten(1).abs().amax(1) > 1e-3).all()


@pytest.mark.parametrize("wavelet", ["db2", "bior2.2"])
@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
def test_gradients_go_to_coefficients_and_back(wavelet, mode):
    g = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 20)))
    transformer = WaveletTransformer(wavelet, level=2, mode=mode).fit(g)
    n_coeffs = transformer.layout_.n_coeffs
    synthesis = transformer.inverse_transform(torch.eye(n_coeffs, dtype=g.dtype))
    atoms = synthesis[band_weights(transformer.layout_, ["cD2"])]
    region = region_of(transformer, ["cD2"])
    torch.testing.assert_close(region.project(g), g @ atoms.T @ atoms)
    if wavelet == "db2" and mode == "periodization":  # where it is a projection
        torch.testing.assert_close(region.part(g), region.project(g))


def test_a_mask_is_both():
    x = torch.arange(12.0).reshape(2, 6)
    region = Region(torch.tensor([1.0, 0, 0, 1, 0, 0]))
    expected = torch.tensor([[0.0, 0, 0, 3, 0, 0], [6.0, 0, 0, 9, 0, 0]])
    assert torch.equal(region.part(x), expected)
    assert torch.equal(region.project(x), expected)


def test_the_dtype_of_the_net_is_kept():
    x = torch.randn(3, 16, dtype=torch.bfloat16)
    transformer = WaveletTransformer("haar", level=2).fit(x)
    weights = torch.from_numpy(band_weights(transformer.layout_, ["cD1"]))
    region = Region(weights, transformer)
    assert region.part(x).dtype == region.project(x).dtype == torch.bfloat16


def test_names_of_bands():
    transformer = WaveletTransformer("haar", level=2).fit(np.ones((2, 16)))
    message = r"bands must be among \['cA2', 'cD2', 'cD1'\]. Got \['cD9'\] instead."
    with pytest.raises(ValueError, match=message):
        band_weights(transformer.layout_, ["cD1", "cD9"])
