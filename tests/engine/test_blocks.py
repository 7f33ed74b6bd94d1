"""Blocks of data add up to the whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sk_awave.engine import BFGS, Adam, Tree
from sk_awave.engine._best_basis import BestBasis, full_basis
from sk_awave.engine._blocks import Block, Blocks, summed_objective
from sk_awave.engine._objective import Objective


class ListedBlocks(Blocks):
    """Blocks in memory, handed to functions in groups as by workers."""

    def __init__(self, blocks, n_groups=1):
        self.blocks, self.n_groups = blocks, n_groups

    def __iter__(self):
        return iter(self.blocks)

    def map(self, function, *args):
        groups = [range(i, len(self.blocks), self.n_groups) for i in range(self.n_groups)]
        results = {}
        for group in groups:
            parts = function((self.blocks[i] for i in group), *args)
            results |= dict(zip(group, parts, strict=True))
        return [results[i] for i in range(len(self.blocks))]


def split(objective, lengths, n_groups=1):
    """Return the same objective of blocks."""
    starts = np.cumsum([0, *lengths[:-1]])
    blocks = []
    for i, (start, n) in enumerate(zip(starts, lengths, strict=True)):
        data = (None if a is None else a[start : start + n] for a in objective._data)
        blocks.append(Block(2 * i, *data))  # numbers may have gaps
    blocks = ListedBlocks(blocks, n_groups)
    summed = summed_objective(objective.bank, objective.layout, objective.terms, blocks)
    return summed.recast(type(objective), objective.layout)


CASES = {
    "kernel": ("db3", "orthogonal", {"weights": [0.0, 1.0, 2.0] + [0.0] * 5}),
    "graph": ("db3", "orthogonal", {"multiply": True, "n_targets": 2}),
    "free": ("db3", "free", {"noise": 0.05}),
    "free, long": ("db3", "free", {"noise": 0.05, "signal_shape": (300,)}),
    "biorthogonal": ("bior2.2", "biorthogonal", {"noise": 0.05, "n_channels": 2}),
    "images": ("db2", "orthogonal", {"signal_shape": (8, 8), "n_axes": 2}),
    "float32": ("db3", "orthogonal", {"dtype": torch.float32}),
}


@pytest.fixture(params=CASES)
def whole(request, make_objective):
    wavelet, parametrization, kwargs = CASES[request.param]
    return make_objective(wavelet, parametrization, **kwargs)


@pytest.fixture
def packets(make_objective):
    """An objective that chooses its best basis."""
    whole = make_objective("db2", weights=[0.0, 1.0, 2.0] + [0.0] * 5)
    tree = Tree.packets(full_basis(2, 2), 2)
    return whole.recast(BestBasis, replace(whole.layout, tree=tree))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_value_and_gradient_are_those_of_the_whole(whole, smoothing):
    summed, theta = split(whole, [17, 1, 22]), whole.start + 0.1
    value, gradient = whole(theta, smoothing=smoothing)
    summed_value, summed_gradient = summed(theta, smoothing=smoothing)
    # The smoothing of float32 data adds the rounding of their scale.
    rtol = 1e-12 if whole.x.dtype == torch.float64 else 1e-6
    np.testing.assert_allclose(summed_value, value, rtol=rtol)
    atol = rtol * abs(gradient).max()
    np.testing.assert_allclose(summed_gradient, gradient, rtol=0, atol=atol)


def test_reports_strengths_and_starts_are_those_of_the_whole(whole):
    summed = split(whole, [17, 1, 22]).at(sparsity=7.0)
    whole, theta = whole.at(sparsity=7.0), whole.start + 0.1
    report = whole.report(theta)
    exact = whole.x.dtype == torch.float64
    rtol, atol = (1e-12, 1e-12) if exact else (1e-6, 1e-10)  # of what is zero
    assert summed.report(theta) == pytest.approx(report, rel=rtol, abs=atol)
    assert summed.total(report) == whole.total(report)
    assert summed.n_rows == whole.n_rows
    np.testing.assert_array_equal(summed.start, whole.start)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    n_groups=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_equal_blocks_give_equal_bits_wherever_they_are(
    make_objective, lengths, n_groups, seed
):
    whole = make_objective("db3", n_samples=sum(lengths))
    theta = whole.start + 0.1
    value, gradient = split(whole, lengths)(theta)
    elsewhere = split(whole, lengths, min(n_groups, len(lengths)))
    assert elsewhere(theta)[0] == value
    np.testing.assert_array_equal(elsewhere(theta)[1], gradient)
    rows = np.random.default_rng(seed).permutation(sum(lengths))[:5]
    taken, expected = elsewhere.take(rows), whole.take(rows)
    for one, other in zip(taken._data, expected._data, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


def test_best_basis_is_that_of_all_blocks(packets):
    # Each block alone may have another basis.
    summed, theta = split(packets, [3, 20, 17]), packets.start + 0.1
    filters = packets.bank.at(theta)().detach()
    assert summed.layout_at(filters) == packets.layout_at(filters)
    np.testing.assert_allclose(summed(theta)[0], packets(theta)[0], rtol=1e-12)
    np.testing.assert_allclose(summed(theta)[1], packets(theta)[1], rtol=1e-10)
    assert isinstance(summed.take(np.arange(4)), BestBasis)


def test_maps_are_made_once_for_all_blocks(packets, monkeypatch):
    count, whole = [], packets.recast(Objective, packets.layout)
    original = Objective._maps
    monkeypatch.setattr(
        Objective, "_maps", lambda *a, **k: count.append(1) or original(*a, **k)
    )
    split(whole, [10] * 4)(whole.start)
    assert len(count) == 1


def test_mini_batches_hold_every_row_once_and_stay_in_blocks(make_objective):
    summed = split(make_objective("db3"), [17, 1, 22])
    batches = summed.batches(5, seed=0)
    for _ in range(2):
        parts = list(batches)
        assert [part.number for part in parts] == [0] * 4 + [2] + [4] * 5
        assert len(parts) == len(batches)
        for block in summed.blocks:
            rows = torch.cat([p.x for p in parts if p.number == block.number])
            assert sorted(rows.sum((1, 2))) == sorted(block.x.sum((1, 2)))


@pytest.mark.parametrize("solver", [BFGS(), Adam(batch_size=7)])
def test_solvers_learn_from_blocks(make_objective, solver):
    whole = make_objective("db3", weights=[0.0, 1.0, 2.0] + [0.0] * 5)
    kwargs = {"max_iter": 30, "tol": 1e-4}
    expected = solver.minimize(whole, whole.start, **kwargs)
    solution = solver.minimize(split(whole, [17, 1, 22]), whole.start, **kwargs)
    # Of other mini-batches, the minimum is the same but for the last steps.
    rel = 1e-12 if isinstance(solver, BFGS) else 1e-2
    assert solution.best_loss == pytest.approx(expected.best_loss, rel=rel)
    assert solution.best_loss < whole(whole.start)[0]
