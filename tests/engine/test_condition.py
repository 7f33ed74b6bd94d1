import numpy as np
import pytest
import pywt
import torch

from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.engine._condition import condition_number


def condition(wavelet, shape, tree, **kwargs):
    filters = FilterBank.from_wavelet(wavelet, "fixed", **kwargs)().detach()
    layout = CoeffLayout(shape, 2, filters.shape[-1], tree, "symmetric")
    return condition_number(layout, filters)


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("wavelet", ["bior2.2", "bior3.1", "bior4.4", "rbio5.5"])
@pytest.mark.parametrize("level", [1, 3])
def test_it_is_that_of_the_matrix_of_pywt(wavelet, level):
    eye = np.eye(8 * 2**level)
    coeffs = pywt.wavedec(eye, wavelet, "periodization", level=level)
    expected = np.linalg.cond(np.concatenate(coeffs, 1))
    assert expected > 1.1
    actual = condition(wavelet, (100,), Tree.dwt(level))
    assert actual == pytest.approx(expected, rel=1e-4)


def test_it_is_that_of_images():
    eye = np.eye(256).reshape(256, 16, 16)
    coeffs = pywt.dwt2(eye, "bior2.2", "periodization")
    matrix = np.concatenate([c.reshape(256, -1) for c in (coeffs[0], *coeffs[1])], 1)
    actual = condition("bior2.2", (20, 28), Tree.dwt(1))
    assert actual == pytest.approx(np.linalg.cond(matrix), rel=1e-4)


@pytest.mark.parametrize("shape", [(64,), (12, 12)])
@pytest.mark.parametrize("tree", [Tree.dwt(0), Tree.dwt(2), Tree.stationary(2)])
def test_orthonormal_banks_have_one(shape, tree):
    assert condition("db3", shape, tree) == pytest.approx(1, rel=1e-9)


def test_the_redundant_transform_amplifies_less():
    stationary = condition("bior3.1", (64,), Tree.stationary(3))
    assert 1.5 < stationary < 0.5 * condition("bior3.1", (64,), Tree.dwt(3))


def test_levels_beyond_the_signal_do_not_count():
    deep = condition("bior2.2", (3,), Tree.dwt(62), n_levels=62)
    assert deep == condition("bior2.2", (3,), Tree.dwt(2))


def test_deep_transforms_of_volumes_fit_in_memory():
    deep = condition("bior2.2", (64, 64, 64), Tree.dwt(6))
    assert deep == condition("bior2.2", (64, 64, 64), Tree.dwt(3))


def test_each_level_has_filters_of_its_own():
    haar = FilterBank.from_wavelet("haar", "fixed", filter_length=6)()
    filters = torch.cat([haar, FilterBank.from_wavelet("bior2.2", "fixed")()]).detach()
    layout = CoeffLayout((64,), None, 6, Tree.dwt(2), "symmetric")
    # The coarser level alone: Haar keeps the energy.
    expected = condition("bior2.2", (64,), Tree.dwt(1))
    assert condition_number(layout, filters) == pytest.approx(expected, rel=1e-4)
