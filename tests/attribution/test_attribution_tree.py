"""The greedy joining of groups, on scores in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.cluster.hierarchy import dendrogram, is_valid_linkage

from sk_awave.attribution import AttributionTree
from sk_awave.attribution._agglomeration import agglomerate
from sk_awave.attribution._connectivity import make_connectivity


def quadratic(seed, n_units):
    """Return a score with an interaction of each pair, and more for larger groups."""
    rng = np.random.default_rng(seed)
    linear, pairs = rng.standard_normal(n_units), rng.standard_normal((n_units, n_units))

    def score(groups):
        assert groups.dtype == bool
        assert groups.ndim == 2
        z = groups.astype(float)
        return z @ linear + ((z @ pairs) * z).sum(1) + 0.1 * z.sum(1) ** 3

    return score


def random_graph(seed, n_units, density=0.4):
    rng = np.random.default_rng(seed)
    return make_connectivity(rng.random((n_units, n_units)) < density, None, n_units)


def names(n_units):
    return np.array([f"u{i}" for i in range(n_units)])


def brute_force(score, adjacency):
    """Score every pair of neighbouring groups anew before each merge."""
    groups = [frozenset([i]) for i in range(len(adjacency))]
    merges = []

    def value(group):
        return score(np.isin(np.arange(len(adjacency)), list(group))[np.newaxis])[0]

    while True:
        candidates = [
            (value(a | b) - value(a) - value(b), a, b)
            for a in groups
            for b in groups
            if a != b and adjacency[np.ix_(sorted(a), sorted(b))].any()
        ]
        if not candidates:
            return merges
        interaction, a, b = max(candidates, key=lambda c: abs(c[0]))
        groups = [g for g in groups if g not in (a, b)] + [a | b]
        merges.append((interaction, {a, b}, value(a | b)))


@given(st.integers(0, 10_000), st.integers(1, 7), st.floats(0.1, 1))
@settings(max_examples=50, deadline=None)
def test_equal_to_brute_force(seed, n_units, density):
    score, graph = quadratic(seed, n_units), random_graph(seed, n_units, density)
    tree = agglomerate(score, graph, names(n_units))
    expected = brute_force(score, graph.toarray())
    assert len(tree.children) == len(expected) == len(tree.counts)
    members = [frozenset([i]) for i in range(n_units)]
    for i, (interaction, pair, value) in enumerate(expected):
        a, b = tree.children[i]
        assert a < b < n_units + i
        assert {members[a], members[b]} == pair
        members.append(members[a] | members[b])
        assert tree.interactions[i] == pytest.approx(interaction, abs=1e-10)
        assert tree.scores[n_units + i] == pytest.approx(value, abs=1e-10)
        assert tree.counts[i] == len(members[-1])


def test_interaction_is_what_a_merge_adds():
    tree = agglomerate(quadratic(0, 9), random_graph(0, 9), names(9))
    a, b = tree.children.T
    added = tree.scores[9:] - tree.scores[a] - tree.scores[b]
    np.testing.assert_allclose(tree.interactions, added, atol=1e-12)
    total = tree.scores[:9].sum() + tree.interactions.sum()
    assert total == pytest.approx(tree.scores[-1])


def test_additive_scores_do_not_interact():
    linear = np.random.default_rng(0).standard_normal(12)
    tree = agglomerate(lambda g: g @ linear, random_graph(0, 12, 1), names(12))
    assert np.abs(tree.interactions).max() <= 1e-10
    assert tree.scores[-1] == pytest.approx(linear.sum())


def test_minimum_of_two_is_joined_first():
    values = np.array([1.0, 0.5, 2.0, -1.0, 3.0])

    def score(groups):
        part = groups * values
        return np.minimum(part[:, 1], part[:, 4]) + part.sum(1)

    tree = agglomerate(score, make_connectivity(None, None, 5), names(5))
    assert tree.children[0].tolist() == [1, 4]
    assert tree.interactions == pytest.approx([0.5, 0, 0, 0])


def test_only_neighbours_are_joined():
    """The pair of largest interaction is not one of neighbours."""
    chain = sparse.diags([np.ones(3)], offsets=[1], shape=(4, 4))

    def score(groups):
        return 5.0 * (groups[:, 0] & groups[:, 3]) + 1.0 * (groups[:, 1] & groups[:, 2])

    tree = agglomerate(score, make_connectivity(chain, None, 4), names(4))
    assert tree.children[0].tolist() == [1, 2]
    assert tree.interactions == pytest.approx([1, 0, 5])


def test_order_of_units_does_not_matter():
    n_units = 8
    score, graph = quadratic(3, n_units), random_graph(3, n_units)
    order = np.random.default_rng(1).permutation(n_units)

    def permuted(groups):
        inverse = np.empty_like(groups)
        inverse[:, order] = groups
        return score(inverse)

    tree = agglomerate(score, graph, names(n_units))
    other = agglomerate(permuted, graph[order][:, order], names(n_units)[order])
    np.testing.assert_allclose(other.interactions, tree.interactions, atol=1e-10)
    for n_merges in range(n_units):
        expected = {frozenset(tree.names[g]) for g in tree.groups(n_merges)}
        assert {frozenset(other.names[g]) for g in other.groups(n_merges)} == expected


def test_ties_go_to_the_first_nodes():
    tree = agglomerate(lambda g: 0.0 * g.sum(1), random_graph(0, 5, 1), names(5))
    assert tree.children.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_each_pair_is_scored_once():
    """A chain of n has n - 1 first pairs, and at most two new ones after a merge."""
    n_units, seen = 20, []
    score = quadratic(0, n_units)

    def counted(groups):
        seen.extend(map(tuple, groups))
        return score(groups)

    chain = sparse.diags([np.ones(19)], offsets=[1], shape=(20, 20))
    agglomerate(counted, make_connectivity(chain, None, n_units), names(n_units))
    assert len(seen) <= 4 * n_units


def test_groups_and_nodes():
    tree = agglomerate(quadratic(5, 7), random_graph(5, 7, 0.7), names(7))
    for n_merges in range(7):
        groups, nodes = tree.groups(n_merges), tree.nodes(n_merges)
        assert len(groups) == 7 - n_merges
        np.testing.assert_array_equal(np.sort(np.concatenate(groups)), np.arange(7))
        for node, group in zip(np.unique(nodes), groups, strict=True):
            assert (nodes[group] == node).all()
            assert len(group) == (1 if node < 7 else tree.counts[node - 7])
    assert tree.groups(0)[3].tolist() == [3]


@pytest.mark.parametrize("n_merges", [-1, 7, 1.0, True, None])
def test_impossible_numbers_of_merges(n_merges):
    tree = agglomerate(quadratic(5, 7), random_graph(5, 7, 1), names(7))
    for method in (tree.groups, tree.nodes):
        with pytest.raises(ValueError, match=r"int from 0 to 6\. Got"):
            method(n_merges)


@pytest.mark.parametrize("density", [0.0, 0.15, 1.0])
def test_linkage_is_one_of_scipy(density):
    n_units = 9
    graph = random_graph(2, n_units, density)
    tree = agglomerate(quadratic(2, n_units), graph, names(n_units))
    n_trees, _ = sparse.csgraph.connected_components(graph)
    assert len(tree.children) == n_units - n_trees
    assert (n_trees > 1) is (density < 1)  # the parameters do what they are for
    linkage = tree.linkage()
    assert is_valid_linkage(linkage)
    drawn = dendrogram(linkage, labels=tree.names, no_plot=True)
    assert sorted(drawn["ivl"]) == sorted(tree.names)
    n_merges = len(tree.children)
    np.testing.assert_array_equal(linkage[:n_merges, :2], tree.children)
    np.testing.assert_array_equal(linkage[:n_merges, 2], np.arange(1, 1 + n_merges))
    assert set(linkage[n_merges:, 2]) <= {1 + n_merges}
    assert linkage[-1, 3] == n_units


def test_a_single_unit_is_a_tree():
    tree = agglomerate(lambda g: 2.0 * g.sum(1), random_graph(0, 1), names(1))
    assert isinstance(tree, AttributionTree)
    assert tree.children.shape == (0, 2)
    assert tree.scores.tolist() == [2]
    assert tree.linkage().shape == (0, 4)
