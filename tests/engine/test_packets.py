"""Wavelet packets: transforms by any tree, and the best basis inside the objective."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import pywt
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sk_awave.engine import CoeffLayout, FilterBank, SignalTerm, Tree, _transform
from sk_awave.engine import _objective as objective_module
from sk_awave.engine._best_basis import BestBasis, best_tree, full_basis
from sk_awave.engine._boundary import MODES, min_length
from sk_awave.engine._objective import Objective
from sk_awave.engine._starts import find_starts
from sk_awave.engine._terms import Attribution, Reconstruction, Sparsity
from sk_awave.engine._transform import analysis_map, synthesis_map

PACKETS = {1: pywt.WaveletPacket, 2: pywt.WaveletPacket2D}


def filters_of(wavelet):
    return FilterBank.from_wavelet(wavelet, "fixed")().detach()


def layout_of(shape, tree, filter_length=4, mode="symmetric"):
    return CoeffLayout(shape, None, filter_length, tree, mode)


@st.composite
def trees(draw, n_branches, level):
    """Any packets: of each node it is drawn whether it is split."""
    leaves, nodes = [], [()]
    for _ in range(level):
        split = {path for path in nodes if draw(st.booleans())}
        leaves += [path for path in nodes if path not in split]
        nodes = [(*path, b) for path in nodes if path in split for b in range(n_branches)]
    return Tree.packets(leaves + nodes, level)


def assert_packets(shape, tree, wavelet, mode):
    """Analysis is PyWavelets', synthesis its inverse, its transpose the transpose."""
    filters, ndim = filters_of(wavelet), len(shape)
    layout = layout_of(shape, tree, filters.shape[-1], mode)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, *shape)))
    analysis, synthesis = analysis_map(layout, filters), synthesis_map(layout, filters)
    flat = analysis.apply(x)
    packets = PACKETS[ndim](x[0].numpy(), wavelet, mode, tree.level)
    # Extrapolating modes amplify, and rounding with it.
    scale = max(1.0, float(flat.abs().max()))
    for name, values in layout.unflatten(flat[0]).items():
        expected = packets[name].data if name else packets.data
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12 * scale)
    # The tables of biorthogonal wavelets are good to about 1e-12.
    error = float((synthesis.apply(flat) - x).abs().max())
    assert error < 1e-10 * scale
    y = torch.randn_like(flat)
    one, other = (synthesis.apply(y) * x).sum(), (y * synthesis.T.apply(x)).sum()
    assert abs(float(one - other)) < 1e-11 * scale * len(flat[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", ["db3", "sym4", "bior4.4"])
@pytest.mark.parametrize("shape", [(37,), (40,), (300,), (9, 12), (20, 130)])
def test_full_packets_of_every_mode(shape, wavelet, mode):
    level = 3 if len(shape) == 1 else 2
    tree = Tree.packets(full_basis(level, 2 ** len(shape)), level)
    assert_packets(shape, tree, wavelet, mode)


@pytest.mark.thread_unsafe  # it changes a constant
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_packets_of_any_tree_mode_and_length(data):
    ndim = data.draw(st.sampled_from([1, 2]))
    tree = data.draw(trees(2**ndim, level=4 if ndim == 1 else 2))
    shape = tuple(data.draw(st.lists(st.integers(1, 41), min_size=ndim, max_size=ndim)))
    mode = data.draw(st.sampled_from(MODES))
    wavelet = data.draw(st.sampled_from(["haar", "db3", "sym4", "bior4.4"]))
    lengths = layout_of(shape, tree, pywt.Wavelet(wavelet).dec_len, mode).shapes
    assume(min(map(min, lengths)) >= min_length(mode))
    with pytest.MonkeyPatch.context() as patch:  # by one matrix, or level by level
        patch.setattr(_transform, "DENSE_SIZE", data.draw(st.sampled_from([0, 2000])))
        assert_packets(shape, tree, wavelet, mode)


def test_flat_order_is_that_of_pywavelets():
    for ndim, packets in PACKETS.items():
        shape = (16,) * ndim
        layout = layout_of(shape, Tree.packets(full_basis(2, 2**ndim), 2))
        nodes = packets(np.zeros(shape), "db2", "symmetric", 2).get_level(2, "natural")
        # In two dimensions PyWavelets lists 'h' before 'v', PyWavelets' arrays after.
        expected = sorted(node.path for node in nodes)
        assert sorted(band.name for band in layout.bands) == expected
        if ndim == 1:
            assert [band.name for band in layout.bands] == [node.path for node in nodes]


def test_frequencies_are_in_pywavelets_order():
    layout = layout_of((16,), Tree.packets(full_basis(3, 2), 3))
    bands = sorted(layout.bands, key=lambda band: band.frequencies)
    packets = pywt.WaveletPacket(np.zeros(16), "db2", "symmetric", 3)
    nodes = packets.get_level(3, "freq")
    assert [band.name for band in bands] == [node.path for node in nodes]
    edges = [band.frequencies[0] for band in bands]
    assert edges == [(i / 16, (i + 1) / 16) for i in range(8)]

    layout = layout_of((16, 16), Tree.packets(full_basis(2, 4), 2))
    grid = pywt.WaveletPacket2D(np.zeros((16, 16)), "db2", "zero", 2).get_level(2, "freq")
    place = {
        node.path: (i, j) for i, row in enumerate(grid) for j, node in enumerate(row)
    }
    for band in layout.bands:
        assert tuple(8 * low for low, _ in band.frequencies) == place[band.name]


def test_a_tone_is_where_its_frequency_says():
    x = np.cos(2 * np.pi * 0.34 * np.arange(512))[np.newaxis]
    layout = layout_of((512,), Tree.packets([(0,), (1, 0), (1, 1)], 2), 40, "symmetric")
    flat = analysis_map(layout, filters_of("db20")).apply(torch.from_numpy(x))
    energies = {
        b.frequencies[0]: float(flat[0, b.start : b.stop].square().sum())
        for b in layout.bands
    }
    assert max(energies, key=energies.get) == (0.25, 0.375)
    assert max(energies.values()) > 0.95 * sum(energies.values())


def test_unflatten_gives_paths_and_flatten_takes_them():
    tree = Tree.packets([(0,), (1, 0), (1, 1)], 3)
    layout = replace(layout_of((17,), tree), n_channels=2)
    flat = np.random.default_rng(0).standard_normal((4, layout.n_coeffs))
    arrays = layout.unflatten(flat)
    assert list(arrays) == ["a", "da", "dd"]
    assert arrays["da"].shape == (4, 2, layout.bands[1].shape[0])
    np.testing.assert_array_equal(layout.flatten(arrays), flat)
    # The order of a dict does not matter, its names do.
    moved = {name: arrays[name] for name in ("dd", "a", "da")}
    np.testing.assert_array_equal(layout.flatten(moved), flat)


def test_only_packets_split_details():
    with pytest.raises(ValueError, match=r"detail \(1,\) is split, but is_packet=False"):
        Tree((frozenset([()]), frozenset([(1,)])))


def bases(path, level, n_branches):
    """All bases of the part of a tree below a node, one by one."""
    yield [path]
    if len(path) < level:
        below = [list(bases((*path, b), level, n_branches)) for b in range(n_branches)]
        for parts in itertools.product(*below):
            yield [leaf for part in parts for leaf in part]


@pytest.mark.parametrize("level, n_branches, count", [(3, 2, 25), (2, 4, 16)])
@pytest.mark.parametrize("seed", range(5))
def test_best_tree_is_that_of_brute_force(level, n_branches, count, seed):
    rng = np.random.default_rng(seed)
    costs = [rng.random(n_branches**j) / n_branches**j for j in range(1, level + 1)]
    by_path = {
        path: cost
        for j, level_costs in enumerate(costs, 1)
        for path, cost in zip(full_basis(j, n_branches), level_costs, strict=True)
    }
    samples, *every = bases((), level, n_branches)
    assert samples == [()]
    assert len(every) == count
    expected = min(every, key=lambda basis: sum(map(by_path.get, basis)))
    tree = best_tree(costs, n_branches)
    assert tree.leaves(n_branches) == tuple(expected)
    assert tree.level == level


def test_ties_are_not_split():
    costs = [np.array([2.0, 2.0]), np.array([1.0, 1.0, 1.0, 0.5]), np.array(8 * [0.5])]
    assert best_tree(costs, 2).leaves(2) == ((0,), (1, 0), (1, 1))
    costs = [np.array([0.1 + 0.2, 1.0]), np.array([0.15, 0.15, 1.0, 1.0])]
    assert costs[0][0] > costs[1][:2].sum()  # by rounding
    assert best_tree(costs, 2).leaves(2) == ((0,), (1,))
    assert best_tree([], 2) == Tree.packets([()], 0)


class Fourth(SignalTerm):
    """A term that no basis is chosen by."""

    name = "fourth"

    def value(self, batch):
        return batch.coeffs.pow(4).sum((-2, -1)) / batch.n


def make_objective(
    terms=None,
    shape=(64,),
    level=3,
    wavelet="db5",
    mode="symmetric",
    parametrization="orthogonal",
    n_channels=1,
    noise=0.05,
):
    """Oscillating bursts, of which packets are good, and noise as gradients."""
    rng = np.random.default_rng(0)
    n, time = 12, np.arange(shape[-1])
    frequency, centre = rng.uniform(0.18, 0.3, (n, 1)), rng.uniform(20, 44, (n, 1))
    phase = 2 * np.pi * (frequency * time + rng.random((n, 1)))
    x = np.cos(phase) * np.exp(-(((time - centre) / 9) ** 2))
    x = x.reshape(n, 1, *[1] * (len(shape) - 1), -1) * np.ones((1, n_channels, *shape))
    x = torch.from_numpy(x + noise * rng.standard_normal(x.shape))
    gradients = torch.from_numpy(rng.standard_normal(x.shape)).cumsum(-1) / 10
    bank = FilterBank.from_wavelet(wavelet, parametrization)
    if parametrization == "free":
        off = rng.standard_normal(bank.original.shape)
        bank.original.data += 0.02 * torch.from_numpy(off)
    tree = Tree.packets(full_basis(level, 2 ** len(shape)), level)
    layout = CoeffLayout(shape, n_channels, bank.filter_length, tree, mode)
    terms = {Sparsity(): 1.0} if terms is None else terms
    return BestBasis(bank, layout, terms, x, gradients)


class Bounded(SignalTerm):
    """A term of one's own that chooses the basis."""

    name = "bounded"
    is_additive = True

    def value(self, batch):
        return batch.l1_norm(batch.coeffs.tanh(), 1.0)


CASES = {
    "sparsity": {},
    "both": {"terms": {Sparsity(): 1.0, Attribution(): 2.0}},
    "product": {"terms": {Sparsity(): 0.1, Attribution(True): 1.0}, "n_channels": 2},
    "own term": {"terms": {Bounded(): 1.0}},
    "image": {"shape": (6, 32), "level": 2, "wavelet": "db3", "mode": "periodization"},
    "level by level": {"shape": (150,), "mode": "reflect"},
}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("case", CASES)
def test_the_objective_is_the_minimum_over_all_bases(case, smoothing):
    objective = make_objective(**CASES[case])
    layout, theta = objective.layout, objective.start
    n_branches = 2 ** len(layout.signal_shape)
    values = {}
    _, *others = bases((), layout.level, n_branches)
    for leaves in others:
        tree = Tree.packets(leaves, layout.level)
        at_tree = objective.recast(Objective, replace(layout, tree=tree))
        values[tree], _ = at_tree(theta, smoothing=smoothing)
    value, _ = objective(theta, smoothing=smoothing)
    assert value == pytest.approx(min(values.values()), rel=1e-12)
    filters = objective.bank.filters(objective.bank.original)
    chosen = objective.layout_at(filters, smoothing).tree
    assert chosen == min(values, key=values.get)
    assert chosen.leaves(n_branches) != Tree.dwt(layout.level).leaves(n_branches)
    if smoothing == 0:
        assert objective.total(objective.report(theta)) == pytest.approx(value)


@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
@pytest.mark.parametrize("case", CASES)
def test_gradient_is_that_of_the_minimum(case, parametrization):
    objective = make_objective(parametrization=parametrization, **CASES[case])
    theta, step = objective.start, 1e-6
    _, gradient = objective(theta)
    slopes = [
        (objective(theta + step * unit)[0] - objective(theta - step * unit)[0]) / 2 / step
        for unit in np.eye(len(theta))
    ]
    scale = np.abs(slopes).max()
    assert scale > 1e-3
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-8 * scale)


def test_the_number_of_levels_stays_that_of_the_full_basis():
    """Else a shallow tree would divide by fewer bands, and terms would not add up."""
    objective = make_objective()
    value, _ = objective.recast(
        Objective, replace(objective.layout, tree=Tree.packets([(0,), (1,)], 3))
    )(objective.start)
    one = objective.recast(Objective, replace(objective.layout, tree=Tree.dwt(1)))
    assert 4 * value == pytest.approx(2 * one(objective.start)[0], rel=1e-12)


@pytest.mark.parametrize("size", [1, 5])
def test_batches_do_not_change_the_basis(monkeypatch, size):
    objective = make_objective(**CASES["both"])
    before = objective(objective.start)
    monkeypatch.setattr(objective_module, "BATCH_SIZE", 150 * size)
    after = objective(objective.start)
    assert after[0] == pytest.approx(before[0], rel=1e-12)
    np.testing.assert_allclose(after[1], before[1], rtol=1e-10)


def test_a_mini_batch_chooses_by_its_own_rows():
    objective = make_objective(**CASES["both"])
    rows = torch.tensor([3, 1])
    few = make_objective(**CASES["both"])
    few.x, few.input_gradients = objective.x[rows], objective.input_gradients[rows]
    value, gradient = objective(objective.start, rows=rows)
    expected = few(objective.start)
    assert value == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-10)


@pytest.mark.parametrize("terms", [None, {Sparsity(): 1.0, Fourth(): 0.1}])
@pytest.mark.parametrize("shape", [(64,), (150,)])
def test_many_banks_each_have_a_basis(shape, terms):
    objective = make_objective(terms, shape=shape, wavelet="db3")
    names = ("db3", "sym3", "coif1", "db3")
    banks = [FilterBank.from_wavelet(name).original.detach() for name in names]
    banks = torch.stack(banks)
    values, gradients = objective.values(banks)
    trees = []
    for bank, value, gradient in zip(banks, values, gradients, strict=True):
        layout = objective.layout_at(objective.bank.filters(bank))
        trees.append(layout.tree)
        at_tree = objective.recast(Objective, layout)
        (expected,), (slope,) = at_tree.values(bank.unsqueeze(0))
        assert float(value) == pytest.approx(float(expected), rel=1e-12)
        torch.testing.assert_close(gradient, slope)
    assert len(set(trees)) > 1


@pytest.mark.parametrize("length", [64, 150])  # by a matrix, and level by level
def test_samples_are_split_once_at_least(length):
    """A spike is sparse as it is, but of what is not split no filter can be learned."""
    objective = make_objective(shape=(length,), mode="periodization")
    objective.x = torch.eye(length, dtype=torch.float64)[:8, None]
    banks = objective.bank.original.detach().expand(3, -1, -1, -1)
    assert objective.layout_at(objective.bank().detach()).tree.leaves(2) == ((0,), (1,))
    assert objective(objective.start)[1].any()
    assert objective.values(banks)[1].any()
    # On request they are not split.
    tree = Tree.packets([()], 3)
    samples = objective.recast(Objective, replace(objective.layout, tree=tree))
    value, gradient = samples(objective.start)
    values, gradients = samples.values(banks)
    assert value == pytest.approx(1 / 4)
    np.testing.assert_allclose(values, 1 / 4)
    assert not gradient.any()
    assert not gradients.any()


def test_terms_that_are_not_additive_do_not_choose():
    objective = make_objective(
        {Sparsity(): 1.0, Fourth(): 1e3, Reconstruction(): 1.0}, parametrization="free"
    )
    filters = objective.bank.filters(objective.bank.original)
    chosen = objective.layout_at(filters)
    objective.terms = {Sparsity(): 1.0}
    assert chosen == objective.layout_at(filters)
    objective.terms = {Fourth(): 1.0}  # nothing to choose by
    assert objective.layout_at(filters).tree.leaves(2) == ((0,), (1,))


@pytest.mark.parametrize("strategy", ["library", "grow"])
def test_starts_are_compared_in_their_own_basis(strategy):
    objective = make_objective(wavelet="db3")
    ((_, best), *_), completed = find_starts(objective, strategy, 2, 0)
    assert completed
    assert objective(best)[0] < objective(objective.start)[0]
