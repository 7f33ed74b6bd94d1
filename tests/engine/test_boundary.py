import numpy as np
import pytest
import pywt
import torch

from sk_awave.engine._boundary import (
    MODES,
    coeff_length,
    extend,
    extension_terms,
    max_level,
)


def test_modes_are_those_of_pywt():
    assert sorted(MODES) == sorted(pywt.Modes.modes)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7])
def test_extension_terms_equal_pywt_pad(mode, length):
    if length == 1 and mode in ("reflect", "antireflect"):
        with pytest.raises(ValueError, match="needs at least 2 samples"):
            extension_terms(np.arange(3), length, mode)
        return
    width = 3 * length + 2  # several turns of every periodic extension
    x = np.random.default_rng(0).standard_normal(length)
    outside = np.r_[-width:0, length : length + width]
    index, weight = extension_terms(outside, length, mode)
    extended = (weight * x[index]).sum(0)
    if (length, mode) == (1, "smooth"):
        mode = "constant"  # as pywt.dwt takes a single sample, though not pywt.pad
    expected = pywt.pad(x, width, mode)[outside + width]
    # Extrapolated values grow with the width: a few dozen roundings of values near 50.
    np.testing.assert_allclose(extended, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("filter_length", [2, 4, 6, 18])
def test_lengths_are_those_of_pywt(mode, filter_length):
    lengths = range(1, 80)
    assert [coeff_length(n, filter_length, mode) for n in lengths] == [
        pywt.dwt_coeff_len(n, filter_length, mode) for n in lengths
    ]
    assert [max_level(n, filter_length) for n in lengths] == [
        pywt.dwt_max_level(n, filter_length) for n in lengths
    ]


def test_unknown_mode_is_refused():
    with pytest.raises(ValueError, match=r"mode must be one of .*Got 'mirror'"):
        extension_terms(np.arange(3), 3, "mirror")


@pytest.mark.parametrize("mode", ["symmetric", "reflect"])
def test_empty_signal_is_refused_by_its_true_need(mode):
    need = {"symmetric": "1 sample", "reflect": "2 samples"}[mode]
    with pytest.raises(ValueError, match=f"needs at least {need}"):
        extension_terms(np.arange(3), 0, mode)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extend_keeps_dtype_and_leading_axes(dtype):
    extended = extend(torch.ones(2, 3, 5, dtype=dtype), 4, "constant")
    assert extended.dtype == dtype
    assert extended.shape == (2, 3, 10)  # four coefficients, two samples each, and K - 2
    assert torch.equal(extended, torch.ones_like(extended))


def test_extension_first_needed_in_inference_mode_serves_training_too():
    x = torch.ones(23, dtype=torch.float64)  # a length no other test extends
    with torch.inference_mode():
        extend(x, 4, "smooth")
    x.requires_grad_()
    extend(x, 4, "smooth").sum().backward()
    assert x.grad.isfinite().all()
