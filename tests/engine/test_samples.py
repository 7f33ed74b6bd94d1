"""No sample depends on another, whatever the values of the other are."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_awave.engine import CoeffLayout, FilterBank, Tree, _kernel
from sk_awave.engine._boundary import MODES
from sk_awave.engine._library import instruction_sets
from sk_awave.engine._reference import pack, wavedec
from sk_awave.engine._transform import analysis_map, synthesis_map

#: By one matrix, by blocks, or by spectra, along each of one to three axes.
SHAPES = [(17,), (129,), (160,), (1000,), (9, 12), (20, 150), (140, 131), (5, 6, 140)]
TREES = {
    "dwt": Tree.dwt(2),
    "stationary": Tree.stationary(2),
    "packets": Tree((frozenset([()]), frozenset([(0,), (1,)])), is_packet=True),
}
POISONS = [math.nan, math.inf, -math.inf]


def routes(layout, filters):
    """Yield the maps of a transform: of torch, and of each instruction set."""
    for make in (analysis_map, synthesis_map):
        yield make(layout, filters)
    chosen = range(len(instruction_sets()))
    like = torch.empty(0, dtype=torch.float64)
    for i, make in product(chosen, (analysis_map, synthesis_map)):
        linear_map = make(layout, filters, like)
        kernel = getattr(linear_map, "original", linear_map)
        if isinstance(kernel, _kernel.Kernel):
            kernel.instruction_set = i
            yield linear_map


def draw(shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def assert_others_are_the_same(function, rows, place, poison):
    """Compare the other rows with and without what is not finite in one."""
    others = [i for i in range(len(rows)) if i != place]
    poisoned = rows.clone()
    poisoned[place] = poison
    clean = function(rows)[others]
    assert clean.isfinite().all()
    assert torch.equal(function(poisoned)[others], clean)


@settings(deadline=None, max_examples=150)
@given(
    shape=st.sampled_from(SHAPES),
    tree=st.sampled_from(list(TREES)),
    mode=st.sampled_from(MODES),
    wavelet=st.sampled_from(["haar", "db4", "bior2.4"]),
    n_rows=st.integers(2, 40),
    data=st.data(),
)
def test_what_is_not_finite_stays_in_its_sample(shape, tree, mode, wavelet, n_rows, data):
    n_rows = min(n_rows, 9) if math.prod(shape) > 2000 else n_rows
    mode = "periodization" if tree == "stationary" else mode
    tree = TREES[tree]
    filters = FilterBank.from_wavelet(wavelet, "fixed")().detach()
    layout = CoeffLayout(shape, None, filters.shape[-1], tree, mode)
    place = data.draw(st.integers(0, n_rows - 1))
    poison = data.draw(st.sampled_from(POISONS))
    signals, coeffs = draw((n_rows, *shape)), draw((n_rows, layout.n_coeffs))
    for linear_map in routes(layout, filters):
        is_analysis = not hasattr(linear_map, "original")
        rows = (signals, coeffs) if is_analysis else (coeffs, signals)
        for function, x in zip((linear_map.apply, linear_map.T.apply), rows, strict=True):
            assert_others_are_the_same(function, x, place, poison)

            def gradient(x, function=function):
                x = x.detach().requires_grad_()
                (slope,) = torch.autograd.grad(function(x).square().sum(), x)
                return slope

            assert_others_are_the_same(gradient, x, place, poison)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(160,), (9, 140)])
def test_the_reference_keeps_samples_apart(shape, mode):
    filters = FilterBank.from_wavelet("db4", "fixed")().detach()

    def transform(x):
        return pack(wavedec(x, filters, mode, 2))

    for poison in POISONS:
        assert_others_are_the_same(transform, draw((5, *shape)), 2, poison)


@pytest.mark.parametrize("poison", POISONS)
def test_many_banks_keep_samples_apart(poison):
    filters = FilterBank.from_wavelet("db4", "fixed")().detach()
    banks = torch.stack([filters, 2 * filters])
    layout = CoeffLayout((200,), None, 8, Tree.dwt(2), "symmetric")
    for linear_map in routes(layout, banks):
        if hasattr(linear_map, "original"):
            continue

        def apply(rows, linear_map=linear_map):
            return linear_map.apply(rows).movedim(0, 1)

        assert_others_are_the_same(apply, draw((5, 200)), 2, poison)
