"""Which coefficients are neighbours."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sk_awave import WaveletTransformer
from sk_awave.attribution._connectivity import make_connectivity
from sk_awave.inspection._times import coefficient_times


def transformer(wavelet, shape, **params):
    ndim = params.pop("ndim", len(shape))
    return WaveletTransformer(wavelet, ndim=ndim, **params).fit(np.ones((1, *shape)))


def neighbours(layout, connectivity="tree"):
    """Return the neighbours of each coefficient, by name."""
    names = np.array(layout.names())
    graph = make_connectivity(connectivity, layout, layout.n_coeffs).toarray()
    assert (graph == graph.T).all()
    assert not graph.diagonal().any()
    return {name: set(names[row]) for name, row in zip(names, graph, strict=True)}


def test_haar_in_full():
    near = neighbours(transformer("haar", (8,), level=2).layout_)
    assert near == {
        "cA2_0": {"cA2_1", "cD2_0"},
        "cA2_1": {"cA2_0", "cD2_1"},
        "cD2_0": {"cD2_1", "cA2_0", "cD1_0", "cD1_1"},
        "cD2_1": {"cD2_0", "cA2_1", "cD1_2", "cD1_3"},
        "cD1_0": {"cD1_1", "cD2_0"},
        "cD1_1": {"cD1_0", "cD1_2", "cD2_0"},
        "cD1_2": {"cD1_1", "cD1_3", "cD2_1"},
        "cD1_3": {"cD1_2", "cD2_1"},
    }


@pytest.mark.parametrize("mode", ["symmetric", "zero", "periodic", "periodization"])
@pytest.mark.parametrize("wavelet", ["haar", "db2", "db5", "sym4", "coif2"])
@pytest.mark.parametrize("length", [96, 115])
def test_parents_are_at_the_same_time(wavelet, mode, length):
    fitted = transformer(wavelet, (length,), level=3, mode=mode)
    layout, near = fitted.layout_, neighbours(fitted.layout_)
    times = coefficient_times(layout, fitted.filter_bank_)
    for child, parent in (("cD1", "cD2"), ("cD2", "cD3")):
        # Not around the ends of a circle, where time begins anew.
        for k in range(2, len(times[child]) - 2):
            (name,) = (n for n in near[f"{child}_{k}"] if n.startswith(parent))
            distances = abs(times[parent] - times[child][k])
            found = distances[int(name.split("_")[1])]
            assert found == pytest.approx(distances.min(), abs=1e-6)


@pytest.mark.parametrize("wavelet", ["haar", "db2"])
def test_stationary_parents_are_at_the_same_time(wavelet):
    fitted = transformer(wavelet, (32,), level=3, decomposition="stationary")
    layout, near = fitted.layout_, neighbours(fitted.layout_)
    times = coefficient_times(layout, fitted.filter_bank_)
    for j, k in itertools.product((1, 2), range(32)):
        (name,) = (n for n in near[f"cD{j}_{k}"] if n.startswith(f"cD{j + 1}_"))
        found = times[f"cD{j + 1}"][int(name.split("_")[1])]
        distance = (found - times[f"cD{j}"][k] + 16) % 32 - 16
        assert abs(distance) < 0.5  # there is none that is nearer


def test_images():
    near = neighbours(transformer("haar", (8, 8), level=2).layout_)
    assert near["cH1_1_2"] == {
        *("cH1_0_2", "cH1_2_2", "cH1_1_1", "cH1_1_3"),
        *("cV1_1_2", "cD1_1_2", "cH2_0_1"),
    }
    children = {n for n in near["cV2_1_0"] if n[2] == "1"}
    assert children == {"cV1_2_0", "cV1_2_1", "cV1_3_0", "cV1_3_1"}
    assert near["cA2_0_0"] == {
        *("cA2_0_1", "cA2_1_0"),
        *("cH2_0_0", "cV2_0_0", "cD2_0_0"),
    }


def test_axes_of_a_rectangle_do_not_mix():
    near = neighbours(transformer("haar", (4, 8), level=1).layout_, "bands")
    assert near["cH1_0_3"] == {"cH1_1_3", "cH1_0_2"}


def test_volumes():
    near = neighbours(transformer("haar", (4, 4, 4), level=2).layout_)
    assert sum(n.startswith("add1") for n in near["add2_0_0_0"]) == 8
    assert len(near["aaa2_0_0_0"]) == 7


@pytest.mark.parametrize("decomposition", ["dwt", "stationary", "packet"])
def test_bands_are_chains(decomposition):
    params = {"basis": "full"} if decomposition == "packet" else {}
    layout = transformer(
        "db2", (32,), level=2, decomposition=decomposition, **params
    ).layout_
    graph = make_connectivity("bands", layout, layout.n_coeffs)
    n_bands, labels = connected_components(graph)
    assert n_bands == len(layout.bands)
    for band in layout.bands:
        assert len(set(labels[band.start : band.stop])) == 1
    assert graph.sum() == 2 * (layout.n_coeffs - n_bands)


@pytest.mark.parametrize(
    "wavelet, shape, params",
    [
        ("db2", (32,), {"level": 3}),
        ("sym5", (50,), {"level": 2, "mode": "periodization"}),
        ("haar", (1,), {"level": 0}),
        ("haar", (5,), {"level": 2}),
        ("db2", (12, 9), {"level": 1}),
        ("db2", (16, 16), {"level": 2, "decomposition": "stationary"}),
        ("haar", (3, 16), {"level": 2, "ndim": 1}),
    ],
)
def test_the_tree_is_connected(wavelet, shape, params):
    layout = transformer(wavelet, shape, **params).layout_
    graph = make_connectivity("tree", layout, layout.n_coeffs)
    assert connected_components(graph)[0] == 1
    assert np.diff(graph.indptr).max() <= 2 * 2 + 2**2 * 3 + 3 + 2


def test_channels_meet_at_the_same_place():
    layout = transformer("haar", (3, 8), level=2, ndim=1).layout_
    near = neighbours(layout)
    assert near["ch1_cD1_2"] == {
        *("ch1_cD1_1", "ch1_cD1_3", "ch1_cD2_1"),
        *("ch0_cD1_2", "ch2_cD1_2"),
    }
    assert neighbours(layout, "bands")["ch1_cD1_2"] == {"ch1_cD1_1", "ch1_cD1_3"}


def test_matrices_are_made_symmetric():
    dense = np.zeros((3, 3))
    dense[[0, 1, 1], [1, 1, 0]] = -2.0
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    for matrix in (dense, dense.tolist(), sparse.coo_array(dense), np.triu(dense)):
        graph = make_connectivity(matrix, None, 3)
        np.testing.assert_array_equal(graph.toarray(), expected)


def test_none_is_all_pairs():
    graph = make_connectivity(None, None, 4)
    np.testing.assert_array_equal(graph.toarray(), ~np.eye(4, dtype=bool))
    assert make_connectivity(None, None, 200).nnz == 200 * 199
    with pytest.raises(ValueError, match=r"at most 200 .* Got 201 instead: use 'tree'"):
        make_connectivity(None, None, 201)


def test_errors():
    layout = transformer("haar", (8,), level=2).layout_
    with pytest.raises(ValueError, match=r"shape \(8, 8\) .* Got \(7, 8\) instead"):
        make_connectivity(np.ones((7, 8)), layout, 8)
    with pytest.raises(ValueError, match=r"'tree', 'bands', .* Got 'trees' instead"):
        make_connectivity("trees", layout, 8)
    for word in ("tree", "bands"):
        with pytest.raises(TypeError, match=r"wavelet transformer\. .*grid_to_graph"):
            make_connectivity(word, None, 8)
    packets = transformer("haar", (8,), level=2, decomposition="packet", basis="full")
    with pytest.raises(ValueError, match=r"wavelet packets.* Use 'bands'"):
        make_connectivity("tree", packets.layout_, 8)
