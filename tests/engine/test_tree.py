import pickle

import pytest

from sk_awave.engine import CoeffLayout, Tree


def test_leaves_of_the_transform_are_coarse_to_fine():
    assert Tree.dwt(0).leaves(2) == ((),)
    assert Tree.dwt(3).leaves(2) == ((0, 0, 0), (0, 0, 1), (0, 1), (1,))
    expected = ((0, 0), (0, 1), (0, 2), (0, 3), (1,), (2,), (3,))
    assert Tree.dwt(2).leaves(4) == expected


def test_leaves_of_any_tree_are_depth_first():
    tree = Tree.packets([(0,), (1, 1), (1, 0, 1), (1, 0, 0)], level=3)
    assert tree.splits == (frozenset([()]), frozenset([(1,)]), frozenset([(1, 0)]))
    assert tree.leaves(2) == ((0,), (1, 0, 0), (1, 0, 1), (1, 1))
    assert tree.level == 3


@pytest.mark.parametrize(
    "splits", [[{(0,)}], [{()}, {()}], [{()}, {(0,)}, {(1, 0)}], [set(), {(0,)}]]
)
def test_splits_without_their_parents_are_refused(splits):
    with pytest.raises(ValueError, match="cannot be split at level"):
        Tree(tuple(map(frozenset, splits)))


def test_trees_are_values():
    assert Tree.dwt(2) == pickle.loads(pickle.dumps(Tree.dwt(2))) != Tree.dwt(3)
    assert Tree.dwt(2) != Tree.stationary(2)
    assert len({Tree.dwt(2), Tree.dwt(2), Tree.stationary(2)}) == 2


def test_bands_of_a_stationary_layout():
    layout = CoeffLayout((6, 4), 2, 4, Tree.stationary(2), "periodization")
    bands = layout.bands
    assert [band.name for band in bands] == [
        *("cA2", "cV2", "cH2", "cD2", "cV1", "cH1", "cD1")
    ]
    assert [band.kind for band in bands] == ["approximation"] + 6 * ["detail"]
    assert {band.shape for band in bands} == {(6, 4)}
    assert [band.weight for band in bands] == 4 * [0.25] + 3 * [0.5]
    assert layout.n_coeffs == 2 * 7 * 24
    assert layout.weights.shape == (7 * 24,)
    assert CoeffLayout((6, 4), 2, 4, Tree.dwt(2), "zero").weights is None
