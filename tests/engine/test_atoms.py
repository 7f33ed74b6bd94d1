import numpy as np
import pytest
import pywt
import torch
from torch.autograd import gradcheck

from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.engine._atoms import atom_norms, noise_levels
from sk_awave.engine._transform import analysis_map, synthesis_map


def layout_of(shape, tree, n_taps):
    return CoeffLayout(shape, None, n_taps, tree, "periodization")


def filters_of(*wavelets):
    """Return filters of shape (n_wavelets, 1, 4, K), one for each level."""
    banks = [FilterBank.from_wavelet(name, "fixed")() for name in wavelets]
    return torch.cat(banks).detach()


@pytest.mark.parametrize("wavelet", ["bior1.3", "bior4.4", "rbio3.1", "bior6.8"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_norms_are_those_of_the_atoms_of_pywt(wavelet, ndim):
    filters = filters_of(wavelet)
    layout = layout_of((32,) * ndim, Tree.dwt(3), filters.shape[-1])
    norms = atom_norms(layout, filters)
    assert norms[0] == 1
    letters = {2: "avhd", 3: ["aaa", "aad", "ada", "add", "daa", "dad", "dda", "ddd"]}
    for band, norm in zip(layout.bands[1:], norms[1:], strict=True):
        branch = band.path[-1]
        bits = [branch >> i & 1 for i in range(ndim)]
        atoms = [pywt.upcoef("ad"[bit], [1.0], wavelet, level=band.level) for bit in bits]
        expected = np.prod([np.linalg.norm(atom) for atom in atoms])
        assert float(norm) == pytest.approx(expected, rel=1e-12)
        assert ndim == 1 or letters[ndim][branch] in (band.name, band.name[:3], *"avhd")


def test_orthonormal_banks_have_atoms_of_norm_one():
    for wavelet in ("haar", "db4", "sym7", "coif2"):
        filters = filters_of(wavelet)
        layout = layout_of((16, 16), Tree.dwt(3), filters.shape[-1])
        norms = atom_norms(layout, filters)
        torch.testing.assert_close(norms, torch.ones_like(norms), rtol=0, atol=1e-9)


PACKETS = Tree((frozenset({()}), frozenset({(0,), (1,)})), is_packet=True)


@pytest.mark.parametrize(
    "shape, tree, by_axis",
    [
        ((64,), Tree.dwt(2), False),
        ((64,), PACKETS, False),
        ((64,), Tree.stationary(2), False),
        ((48, 48), Tree.dwt(2), True),
    ],
)
def test_norms_are_those_of_synthesis(shape, tree, by_axis):
    filters = filters_of("bior2.2", "rbio2.2")
    if by_axis:
        filters = torch.cat([filters, filters.flip(0)], 1)  # of levels and axes
    layout = layout_of(shape, tree, filters.shape[-1])
    synthesis = synthesis_map(layout, filters)
    for band, norm in zip(layout.bands, atom_norms(layout, filters), strict=True):
        coeffs = torch.zeros(1, layout.n_coeffs, dtype=torch.float64)
        inside = np.ravel_multi_index([n // 2 for n in band.shape], band.shape)
        coeffs[0, band.start + inside] = 1
        # The gain of a stationary level is in the weight of the band.
        expected = synthesis.apply(coeffs).norm() / band.weight
        if band.kind == "approximation":
            expected = 1.0
        assert float(norm) == pytest.approx(float(expected), rel=1e-12), band.name


def test_many_banks_at_once():
    filters = filters_of("bior2.2", "rbio2.2", "db3")[:, None, None]  # (3, 1, 1, 1, ...)
    filters = filters[:, :, 0]
    layout = layout_of((16,), Tree.dwt(2), 6)
    norms = atom_norms(layout, filters)
    assert norms.shape == (3, 3)
    for bank, norm in zip(filters, norms, strict=True):
        torch.testing.assert_close(atom_norms(layout, bank), norm)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_gradients(level):
    layout = layout_of((16, 16), Tree.dwt(level), 6)
    filters = filters_of("bior2.2").requires_grad_()
    assert atom_norms(layout, filters).shape == (3 * level + 1,)
    if level:
        assert gradcheck(lambda f: atom_norms(layout, f), filters)


@pytest.mark.parametrize("wavelet", ["db3", "bior1.3", "bior4.4", "rbio3.1"])
@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("tree", [Tree.dwt(3), Tree.stationary(3)])
def test_noise_has_the_norms_of_the_rows_of_analysis(wavelet, ndim, tree):
    """The coefficient of a band is an inner product; noise in it has the norm."""
    filters = filters_of(wavelet)
    shape = (128,) if ndim == 1 else (32, 32)
    layout = layout_of(shape, tree, filters.shape[-1])
    analysis, levels = analysis_map(layout, filters), noise_levels(layout, filters)
    for band, level in zip(layout.bands, levels, strict=True):
        unit = torch.zeros(1, layout.n_coeffs, dtype=torch.float64)
        unit[0, (band.start + band.stop) // 2] = 1
        expected = analysis.T.apply(unit).norm()
        if (filters.shape[-1] - 1) * 2**band.level < min(shape):  # it does not wrap
            torch.testing.assert_close(level, expected)
