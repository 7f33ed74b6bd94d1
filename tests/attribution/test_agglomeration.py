"""The joining of coefficients that models use together."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.cluster.hierarchy import is_valid_linkage
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.image import grid_to_graph
from sklearn.preprocessing import FunctionTransformer

from sk_awave import WaveletTransformer
from sk_awave.attribution import (
    ContextualDecomposition,
    Teacher,
    agglomerate_attributions,
)


class Minimum(torch.nn.Module):
    """``min(a, b)`` of two inner products, plus those with all samples, as ReLUs."""

    def __init__(self, a, b, linear):
        super().__init__()
        self.weight = torch.tensor(np.stack([a, a - b, linear]))

    def forward(self, x):
        z = x.flatten(1) @ self.weight.T
        return z[:, 0] - z[:, 1].relu() + z[:, 2]


def samples(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal((3, *shape))


def minimum(transformer, X, *pair):
    """Return the decomposition of the minimum of two coefficients, in an orthonormal
    transform, of which the coefficients are those of the samples and the atoms."""
    n_components = transformer.fit(X).transform(X).shape[1]
    atoms = transformer.inverse_transform(np.eye(n_components)).reshape(n_components, -1)
    names = list(transformer.get_feature_names_out())
    a, b = (atoms[names.index(name)] for name in pair)
    net = Minimum(a, b, samples(X[0].size, seed=9)[0].ravel())
    return ContextualDecomposition(transformer, net, groups="coefficients").fit(X)


@pytest.mark.parametrize(
    "transformer, shape, pair",
    [
        (WaveletTransformer("haar", level=3), (16,), ("cD2_1", "cD1_3")),
        (WaveletTransformer("haar", level=2), (3, 8), ("ch0_cD1_2", "ch2_cD1_2")),
        (WaveletTransformer("haar", level=2, ndim=2), (8, 8), ("cH2_0_1", "cH1_1_2")),
        (WaveletTransformer("haar", level=2, ndim=2), (8, 8), ("cA2_1_1", "cD2_1_1")),
    ],
)
@pytest.mark.parametrize("connectivity", ["tree", None])
def test_pair_that_a_network_needs_together(transformer, shape, pair, connectivity):
    X = samples(*shape)
    decomposition = minimum(transformer, X, *pair)
    x = transformer.inverse_transform(np.ones((1, decomposition.n_components_)))[0]
    tree = agglomerate_attributions(decomposition, x, connectivity=connectivity)
    assert set(tree.names[tree.children[0]]) == set(pair)
    assert tree.interactions[0] == pytest.approx(1)  # min(1, 1) - min(1, 0) - min(0, 1)
    output = decomposition.teacher_.outputs(torch.tensor(x[np.newaxis]))
    assert tree.scores[-1] == pytest.approx(output.item())


def test_linear_model_without_an_intercept_has_no_interactions():
    X = samples(24)
    weight = torch.tensor(X[2])
    transformer = WaveletTransformer("db2", level=2).fit(X)
    decomposition = ContextualDecomposition(
        transformer, lambda x: x @ weight, groups="coefficients"
    ).fit(X)
    for connectivity in ("tree", "bands", None):
        tree = agglomerate_attributions(decomposition, X[0], connectivity=connectivity)
        assert np.abs(tree.interactions).max() <= 1e-10


def network(n_features, n_outputs=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Linear(n_features, 6),
            torch.nn.ReLU(),
            torch.nn.Linear(6, n_outputs),
        ).double()


def fitted(X, groups="coefficients", n_outputs=1, **params):
    transformer = WaveletTransformer("db2", level=2).fit(X)
    net = network(X[0].size, n_outputs)
    return ContextualDecomposition(transformer, net, groups=groups, **params).fit(X)


def test_scores_are_those_of_the_decomposition():
    X = samples(16)
    decomposition = fitted(X)
    before = dict(vars(decomposition))
    tree = agglomerate_attributions(decomposition, X[1])
    assert vars(decomposition).keys() == before.keys()
    assert all(vars(decomposition)[name] is before[name] for name in before)
    n_units = len(tree.names)
    np.testing.assert_array_equal(tree.names, decomposition.get_feature_names_out())
    masks = list(np.eye(n_units, dtype=bool))
    for a, b in tree.children:
        masks.append(masks[a] | masks[b])
    direct = fitted(X, groups=np.array(masks)).transform(X[1:2])[0]
    np.testing.assert_allclose(tree.scores, direct, atol=1e-12)
    output = decomposition.teacher_.outputs(torch.tensor(X[1:2])).item()
    assert tree.scores[-1] == pytest.approx(output)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_batch_size_changes_nothing(batch_size):
    X = samples(16)
    expected = agglomerate_attributions(fitted(X), X[0])
    tree = agglomerate_attributions(fitted(X, batch_size=batch_size), X[0])
    np.testing.assert_array_equal(tree.children, expected.children)


def test_one_of_several_outputs():
    X = samples(16)
    trees = [
        agglomerate_attributions(fitted(X, n_outputs=3, target=k), X[0]) for k in range(3)
    ]
    several = fitted(X, n_outputs=3)
    for k, expected in enumerate(trees):
        tree = agglomerate_attributions(several, X[0], target=k)
        np.testing.assert_array_equal(tree.scores, expected.scores)
    predicted = agglomerate_attributions(several, X[0])
    outputs = several.teacher_.outputs(torch.tensor(X[:1]))[0]
    assert predicted.scores[-1] == pytest.approx(outputs.max().item())
    for target in ("all", [0, 1]):
        with pytest.raises(ValueError, match=r"one output, .* target=.* to an int"):
            agglomerate_attributions(fitted(X, n_outputs=3, target=target), X[0])
    with pytest.raises(ValueError, match="between 0 and 2"):
        agglomerate_attributions(several, X[0], target=3)
    with pytest.raises(ValueError, match=r"'target' parameter of agglomerate_attr"):
        agglomerate_attributions(several, X[0], target="all")


def test_outputs_that_tie_are_not_mixed():
    """The first one is predicted, whatever the rounding errors of a group."""
    X = samples(16)
    net = network(16)
    decomposition = ContextualDecomposition(
        None, lambda x: net(x) * torch.tensor([1.0, 1.0]), groups="coefficients"
    ).fit(X)
    trees = [
        agglomerate_attributions(decomposition, X[0], connectivity=None, target=target)
        for target in ("auto", 0)
    ]
    np.testing.assert_array_equal(trees[0].scores, trees[1].scores)


def test_groups_are_joined_as_coefficients_are():
    """The bands as units, and two unions of coefficients, some in none."""
    X = samples(16)
    tree = agglomerate_attributions(fitted(X, "bands"), X[0], connectivity=None)
    assert list(tree.names) == ["cA2", "cD2", "cD1"]
    output = fitted(X).teacher_.outputs(torch.tensor(X[:1])).item()
    assert tree.scores[-1] == pytest.approx(output)
    parts = fitted(X, {"early": [5, 10, 11], "late": [8, 17]})
    tree = agglomerate_attributions(parts, X[0], connectivity=np.ones((2, 2)))
    both = fitted(X, {"both": [5, 8, 10, 11, 17]}).transform(X[:1])[0, 0]
    assert tree.scores[-1] == pytest.approx(both)
    np.testing.assert_array_equal(tree.scores[:2], parts.transform(X[:1])[0])
    with pytest.raises(TypeError, match=r"'tree' needs coefficients of a wavelet"):
        agglomerate_attributions(parts, X[0])
    overlapping = fitted(X, {"a": [1, 2], "b": [2]})
    with pytest.raises(ValueError, match=r"joins groups that do not overlap"):
        agglomerate_attributions(overlapping, X[0], connectivity=None)


@pytest.mark.parametrize("transformer", [None, FunctionTransformer()])
def test_pixels_without_a_transform(transformer):
    X = samples(12)
    transformer = transformer and transformer.fit(X)
    decomposition = ContextualDecomposition(
        transformer, network(12), groups="coefficients"
    ).fit(X)
    grid = grid_to_graph(3, 4)
    tree = agglomerate_attributions(decomposition, X[0], connectivity=grid)
    assert len(tree.children) == 11
    with pytest.raises(TypeError, match="grid_to_graph"):
        agglomerate_attributions(decomposition, X[0])


def test_forests():
    X = samples(16)
    decomposition = fitted(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_band = agglomerate_attributions(decomposition, X[0], connectivity="bands")
    assert len(by_band.names) - len(by_band.children) == 3
    groups = by_band.groups(len(by_band.children))
    assert {frozenset(by_band.names[g]) for g in groups} == {
        frozenset(n for n in by_band.names if n.startswith(band))
        for band in ("cA2", "cD2", "cD1")
    }
    n_units = len(by_band.names)
    two = sparse.block_diag([np.ones((4, 4)), np.ones((n_units - 4,) * 2)], format="coo")
    with pytest.warns(UserWarning, match="has 2 components, .* forest") as record:
        tree = agglomerate_attributions(decomposition, X[0], connectivity=two)
    assert record[0].filename == __file__
    assert len(tree.children) == n_units - 2
    assert is_valid_linkage(tree.linkage())


def test_samples_of_other_kinds():
    X = samples(16)
    expected = agglomerate_attributions(fitted(X), X[0])
    frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(16)])
    for source, x in (
        (X, torch.tensor(X[0])),
        (X, X[0].tolist()),
        (frame, frame.iloc[0]),
    ):
        transformer = WaveletTransformer("db2", level=2).fit(source)
        decomposition = ContextualDecomposition(
            transformer, network(16), groups="coefficients"
        ).set_output(transform="pandas")
        tree = agglomerate_attributions(decomposition.fit(source), x)
        np.testing.assert_allclose(tree.scores, expected.scores, atol=1e-12)
    for wrong in (X, X[:1], X[0, :10]):
        with pytest.raises(ValueError, match=r"one sample, of shape \(16,\) .* X\[i\]"):
            agglomerate_attributions(fitted(X), wrong)


def test_what_is_not_fitted_is_refused():
    unfitted = ContextualDecomposition(None, Teacher(network(4)))
    with pytest.raises(NotFittedError, match="ContextualDecomposition"):
        agglomerate_attributions(unfitted, np.ones(4))
