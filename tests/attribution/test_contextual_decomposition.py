"""ContextualDecomposition: groups, transformers, teachers and chunks."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA, KernelPCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from split_nets import LENGTH as NET_LENGTH
from split_nets import NETS, make_net
from teachers import KINDS, LENGTH, N_CLASSES, labels, make_model, make_module, rows
from torch import nn

from sk_awave import WaveletTransformer
from sk_awave.attribution import (
    ContextualDecomposition,
    Teacher,
    _contextual_decomposition,
)
from sk_awave.attribution._split import contextual_parts

EXACT = 1e-10  # float64 rounding; inverses and layers found by differences


def wavelet(X, **kwargs):
    return WaveletTransformer("db2", level=2, **kwargs).fit(X)


def outputs(teacher, X):
    return teacher.outputs(torch.as_tensor(X)).detach().numpy()


def samples(shape, n_samples=8):
    return np.random.default_rng(0).standard_normal((n_samples, *shape))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_teacher(kind):
    model, shape = make_model(kind)
    X, teacher = rows(), Teacher(model, input_shape=shape, target=0)
    cd = ContextualDecomposition(wavelet(X), teacher).fit(X)
    relevant, irrelevant = cd.decompose(X)
    expected = outputs(teacher, X)
    assert relevant.shape == (3, *expected.shape)
    np.testing.assert_allclose(
        relevant + irrelevant, np.broadcast_to(expected, relevant.shape), atol=EXACT
    )
    assert np.abs(relevant).max() > 1e-3
    np.testing.assert_allclose(cd.transform(X), relevant[..., 0].T, rtol=0)


def test_parts_are_those_of_the_signals_of_the_groups():
    X, net = samples((NET_LENGTH,)), make_net("residual")
    transformer = wavelet(X)
    relevant, _ = ContextualDecomposition(transformer, net).fit(X).decompose(X)
    c, start = transformer.transform(X), 0
    for i, band in enumerate(transformer.layout_.bands):
        alone = np.zeros_like(c)
        alone[:, start : band.stop] = c[:, start : band.stop]
        part = torch.from_numpy(transformer.inverse_transform(alone))
        with torch.no_grad():
            expected, _ = contextual_parts(net, torch.from_numpy(X), part[None])
        np.testing.assert_allclose(relevant[i], expected[0], atol=EXACT)
        start = band.stop


def test_a_linear_teacher_is_linear_in_the_parts():
    X = rows(50)
    model = LinearRegression(fit_intercept=False).fit(X, X @ np.arange(LENGTH))
    transformer = wavelet(X)
    cd = ContextualDecomposition(transformer, model, groups="coefficients").fit(X)
    expected = transformer.transform(X) * transformer.inverse_transform_adjoint(
        np.arange(LENGTH) * np.ones_like(X)
    )
    np.testing.assert_allclose(cd.transform(X), expected, atol=EXACT)


def offset(X):
    return MinMaxScaler().fit(X + 3)


@pytest.mark.parametrize("make", [lambda X: PCA(5).fit(X), offset], ids=["pca", "scaler"])
def test_offsets_of_inverses_are_irrelevant(make):
    X = rows(30) + 1
    transformer = make(X)
    model = LinearRegression(fit_intercept=False).fit(X, X @ np.arange(LENGTH))
    n_components = transformer.transform(X).shape[1]
    groups = {"all": np.ones(n_components, bool), "none": []}
    scores = ContextualDecomposition(transformer, model, groups=groups).fit_transform(X)
    zero = transformer.inverse_transform(np.zeros((1, n_components)))
    expected = (transformer.inverse_transform(transformer.transform(X)) - zero) @ (
        model.coef_
    )
    np.testing.assert_allclose(scores[:, 0], expected, atol=EXACT)
    assert not scores[:, 1].any()


def test_groups_of_raw_features():
    X, net = samples((NET_LENGTH,)), make_net("perceptron")
    masks = np.arange(NET_LENGTH) < np.array([[3], [0], [NET_LENGTH]])
    cd = ContextualDecomposition(None, net, groups=masks).fit(X)
    relevant, irrelevant = cd.decompose(X)
    x = torch.from_numpy(X)
    with torch.no_grad():
        expected, total = contextual_parts(net, x, torch.from_numpy(masks[:, None]) * x)
    np.testing.assert_allclose(relevant, expected, atol=EXACT)
    assert not relevant[1].any()
    np.testing.assert_allclose(relevant[2], total, atol=EXACT)
    np.testing.assert_allclose(irrelevant[0], total - expected[0], atol=EXACT)


def test_groups_of_all_kinds_are_the_same():
    X, net = samples((NET_LENGTH,)), make_net("convolutional")
    transformer = wavelet(X)
    n = transformer.layout_.n_coeffs
    place = {band.name: (band.start, band.stop) for band in transformer.layout_.bands}
    masks = np.array(
        [(a <= np.arange(n)) & (np.arange(n) < b) for a, b in place.values()]
    )
    indices = {name: range(a, b) for name, (a, b) in place.items()}
    kinds = {
        "bands": list(place),
        "array": (masks, ["group0", "group1", "group2"]),
        "list": (masks.tolist(), ["group0", "group1", "group2"]),
        "indices": (indices, list(place)),
        "masks": (dict(zip(place, masks, strict=True)), list(place)),
    }
    cd = ContextualDecomposition(transformer, net, target=1).fit(X)
    expected = cd.transform(X)
    assert cd.get_feature_names_out().tolist() == kinds.pop("bands")
    np.testing.assert_array_equal(cd.groups_, masks)
    for groups, names in kinds.values():
        other = ContextualDecomposition(transformer, net, groups=groups, target=1).fit(X)
        np.testing.assert_array_equal(other.transform(X), expected)
        assert other.get_feature_names_out().tolist() == names


def everything(net, X):
    """Return the score of all values of the samples, and the output."""
    groups = np.array([[True] * NET_LENGTH, [False] * NET_LENGTH])
    cd = ContextualDecomposition(None, net, groups=groups).fit(X)
    relevant, irrelevant = cd.decompose(X)
    np.testing.assert_array_equal(relevant[1], 0)
    return relevant[0], relevant[0] + irrelevant[0]


# The branch depends on the batch, and transposed convolutions have units without input.
@pytest.mark.parametrize("name", sorted(NETS.keys() - {"branch", "transposed"}))
def test_the_score_of_everything_is_the_output(name):
    score, output = everything(make_net(name), samples((NET_LENGTH,)))
    np.testing.assert_allclose(score, output, atol=EXACT)


@pytest.mark.parametrize("n_empty", [4, 8, NET_LENGTH])
def test_biases_of_an_empty_background_are_irrelevant(n_empty):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        filters = nn.Conv1d(1, 4, 3, padding=1).double()
        head = nn.Linear(4 * NET_LENGTH, 2).double()
    X = samples((NET_LENGTH,))
    X[:, :n_empty] = 0
    net = nn.Sequential(nn.Unflatten(1, (1, -1)), filters, nn.Flatten(), head)
    score, output = everything(net, X)
    with torch.no_grad():
        n_nothing = n_empty - (
            n_empty < NET_LENGTH
        )  # the filters reach one value further
        biases = torch.zeros(4, NET_LENGTH, dtype=torch.float64)
        biases[:, :n_nothing] = filters.bias[:, None]
        irrelevant = (head.weight @ biases.flatten()).numpy()
        bias = head.bias.numpy()
    relevant = output - bias - irrelevant
    share = np.abs(relevant) / (np.abs(relevant) + np.abs(irrelevant))
    np.testing.assert_allclose(score, relevant + share * bias, atol=EXACT)
    assert (np.abs(score - output) > 1e-3).all()


def test_biases_after_units_that_are_all_zero_are_irrelevant():
    """Of two outputs, one sees units of a ReLU that are dead, and one live units."""
    first, last = nn.Linear(NET_LENGTH, 4).double(), nn.Linear(4, 2).double()
    with torch.no_grad():
        first.bias.copy_(torch.tensor([9.0, 9.0, -99.0, -99.0]))
        last.weight.copy_(torch.tensor([[1.0, -2.0, 0.0, 0.0], [0.0, 0.0, 1.0, -2.0]]))
        last.bias.copy_(torch.tensor([0.5, 0.5]))
    net = nn.Sequential(first, nn.ReLU(), last)
    score, output = everything(net, samples((NET_LENGTH,)))
    np.testing.assert_allclose(score[:, 0], output[:, 0], atol=EXACT)
    np.testing.assert_array_equal(score[:, 1], 0)
    np.testing.assert_array_equal(output[:, 1], 0.5)


def test_the_band_of_a_single_channel_has_no_prefix():
    X = rows()[:, None]
    cd = ContextualDecomposition(wavelet(X), lambda x: x.flatten(1).sum(1)).fit(X)
    assert cd.get_feature_names_out().tolist() == ["cA2", "cD2", "cD1"]


def test_bands_of_channels():
    X = samples((2, 16))
    net = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(42, 1))
    transformer = wavelet(X)
    cd = ContextualDecomposition(transformer, net.double()).fit(X)
    names = [f"ch{c}_{band}" for c in (0, 1) for band in ("cA2", "cD2", "cD1")]
    assert cd.get_feature_names_out().tolist() == names
    for name, mask in zip(names, cd.groups_, strict=True):
        coefficients = transformer.get_feature_names_out()
        assert [c for c, m in zip(coefficients, mask, strict=True) if m] == [
            c for c in coefficients if c.startswith(name)
        ]
    silent = X.copy()
    silent[:, 1] = 0
    scores = cd.transform(silent)
    assert scores[:, :3].all()
    assert not scores[:, 3:].any()


def test_bands_of_images():
    X, net = samples((4, 4)), make_net("pooled")
    transformer = WaveletTransformer("haar", ndim=2, level=1).fit(X)
    cd = ContextualDecomposition(transformer, Teacher(net, input_shape=(16,))).fit(X)
    assert cd.get_feature_names_out().tolist() == transformer.basis_
    assert cd.transform(X).shape == (8, 4)


@pytest.mark.parametrize("name", ["pooled", "gates", "deep lstm"])
def test_chunks_and_order_change_nothing(name, monkeypatch):
    X, net = samples((NET_LENGTH,), 5), make_net(name)
    masks = np.random.default_rng(0).random((7, NET_LENGTH)) < 0.4

    def relevant(masks, **kwargs):
        cd = ContextualDecomposition(None, net, groups=masks, **kwargs).fit(X)
        return cd.decompose(X)[0]

    expected = relevant(masks)
    for batch_size in (1, 2, 5, 100):
        actual = relevant(masks, batch_size=batch_size)
        np.testing.assert_allclose(actual, expected, atol=1e-12)
    order = np.random.default_rng(1).permutation(len(masks))
    np.testing.assert_allclose(relevant(masks[order]), expected[order], atol=1e-12)
    for size in (1, 300, 1500):  # single groups of a sample, some groups, some samples
        monkeypatch.setattr(_contextual_decomposition, "_CHUNK_SIZE", size)
        np.testing.assert_allclose(relevant(masks), expected, atol=1e-12)


def test_chunks_have_the_size_of_the_widest_activation():
    seen = []

    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.head = nn.Linear(NET_LENGTH, 2**16), nn.Linear(2**16, 1)

        def forward(self, x):
            seen.append(len(x))
            return self.head(self.wide(x))

    X = samples((NET_LENGTH,), 9)
    cd = ContextualDecomposition(None, Wide(), groups=np.eye(4, NET_LENGTH) > 0)
    cd.fit(X.astype(np.float32))
    seen.clear()
    cd.transform(X.astype(np.float32))
    # 4 samples x 4 groups, each once for the check; before, one chunk and two alone.
    assert seen == [4, 1, 1, 4, 4, 4, 4, 1, 1]


def test_targets():
    X, module = rows(), make_module("perceptron")
    cd = ContextualDecomposition(wavelet(X), module).fit(X)
    relevant, _ = cd.decompose(X)
    largest = outputs(Teacher(module), X).argmax(1)
    assert len(set(largest)) > 1
    expected = relevant[:, np.arange(len(X)), largest].T
    for target in ("auto", "predicted"):
        np.testing.assert_array_equal(
            cd.set_params(target=target).fit_transform(X), expected
        )
    asked = cd.set_params(target=2).fit_transform(X)
    np.testing.assert_array_equal(asked, relevant[..., 2].T)
    cd.set_params(target="auto", teacher=Teacher(module, target=2))
    np.testing.assert_array_equal(cd.fit_transform(X), asked)
    for target, got in [([2, 0], r"\[2, 0\]"), ("all", "'all'"), ("label", "'label'")]:
        cd.set_params(target=target).fit(X)
        message = rf"one target. Got target={got}. Use decompose\(X\) instead"
        with pytest.raises(ValueError, match=message):
            cd.transform(X)
        assert cd.decompose(X)[0].shape == (3, len(X), N_CLASSES)
    with pytest.raises(ValueError, match="must be an int, a list of ints or a str"):
        cd.set_params(target="largest").fit(X)
    with pytest.raises(ValueError, match="between 0 and 2"):
        cd.set_params(target=3).fit_transform(X)


def test_tensors_in_tensors_out():
    X, net = rows(), make_module("perceptron")
    for transformer, groups in [
        (wavelet(X), "bands"),
        (PCA(4).fit(X), "coefficients"),
        (None, "coefficients"),
    ]:
        cd = ContextualDecomposition(transformer, net, groups=groups).fit(X)
        scores = cd.transform(torch.from_numpy(X))
        assert isinstance(scores, torch.Tensor)
        np.testing.assert_allclose(scores, cd.transform(X), atol=EXACT)
        parts = cd.decompose(torch.from_numpy(X))
        assert all(isinstance(part, torch.Tensor) for part in parts)
        single = cd.transform(X.astype(np.float32))
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, scores, atol=1e-5)
        cd.fit(torch.from_numpy(X))
        with torch.inference_mode():
            np.testing.assert_allclose(cd.transform(X), scores, atol=EXACT)


def test_data_frames_and_names():
    X = pd.DataFrame(rows(30), columns=[f"t{i}" for i in range(LENGTH)])
    model = LinearRegression().fit(X, X["t3"])
    halves = FunctionTransformer(lambda x: x / 2, lambda x: 2 * x)
    for transformer, groups, names in [
        (wavelet(X), "bands", ["cA2", "cD2"]),
        (wavelet(X), "coefficients", ["cA2_0", "cA2_1"]),
        (PCA(4).fit(X), "coefficients", ["pca0", "pca1"]),
        (None, "coefficients", ["t0", "t1"]),
        (halves, "coefficients", [f"contextualdecomposition{i}" for i in (0, 1)]),
        (None, {"start": [0, 1], "end": [-1]}, ["start", "end"]),
    ]:
        cd = ContextualDecomposition(transformer, model, groups=groups)
        scores = cd.set_output(transform="pandas").fit_transform(X)
        assert list(scores.columns[:2]) == names
        assert scores.index.equals(X.index)
    with pytest.raises(ValueError, match="feature names should match"):
        cd.transform(X.rename(columns={"t0": "other"}))


def test_parameters_clone_and_pickle():
    X = rows(30)
    teacher = Teacher(make_module("perceptron"), target=1)
    cd = ContextualDecomposition(FrozenEstimator(wavelet(X)), teacher)
    copied = clone(cd)
    assert copied.teacher is teacher
    scores = cd.fit_transform(X)
    np.testing.assert_array_equal(copied.fit_transform(X), scores)
    loaded = pickle.loads(pickle.dumps(cd))
    np.testing.assert_array_equal(loaded.transform(X), scores)
    assert "ContextualDecomposition(" in repr(cd)


def test_in_a_pipeline():
    X = rows(60)
    y = X[:, 0] > 0
    scaled = make_pipeline(StandardScaler(), MLPClassifier((7,), solver="lbfgs"))
    scaled.set_params(mlpclassifier__random_state=0).fit(X, y)
    cd = ContextualDecomposition(None, scaled, groups="coefficients")
    pipeline = make_pipeline(cd, LogisticRegression()).fit(X, y)
    assert pipeline.score(X, y) > 0.9


def test_teacher_comes_back_as_it_was():
    X, module = rows(), make_module("perceptron").train()
    ContextualDecomposition(wavelet(X), module).fit(X).transform(X)
    assert all(m.training for m in module.modules())
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize(
    "groups, message",
    [
        ("levels", "'groups' parameter of ContextualDecomposition must be"),
        (np.ones((2, 5), bool), r"of shape \(n_groups, 12\).* Got dtype bool .*\(2, 5\)"),
        (np.ones((2, 12)), r"must be a boolean array .* Got dtype float64"),
        (np.ones(12, bool), r"boolean array .* shape \(12,\)"),
        (np.ones((0, 12), bool), "at least one group"),
        ({}, "at least one group"),
        ({"a": [0, 12]}, r"The group 'a' must hold indices of the 12 coefficients"),
        ({"a": [0.5]}, r"The group 'a' must hold indices .* Got array\(\[0.5\]\)"),
        ({"a": [True, False]}, r"or be a boolean mask of shape \(12,\)"),
    ],
)
def test_wrong_groups(groups, message):
    with pytest.raises(ValueError, match=message):
        ContextualDecomposition(None, make_module("perceptron"), groups=groups).fit(
            rows()
        )


def test_bands_without_a_wavelet():
    X = rows(30)
    for transformer in (None, PCA(3).fit(X)):
        with pytest.raises(ValueError, match=r"needs a wavelet transformer. Set groups"):
            ContextualDecomposition(transformer, make_module("perceptron")).fit(X)


def test_transformers_that_do_not_work():
    X, net = rows(30), make_module("perceptron")
    with pytest.raises(TypeError, match=r"must have an inverse_transform, .*LinearReg"):
        ContextualDecomposition(LinearRegression(), net).fit(X)
    with pytest.raises(NotFittedError, match="PCA instance is not fitted yet"):
        ContextualDecomposition(FrozenEstimator(PCA()), net).fit(X)
    kernel = KernelPCA(3, kernel="rbf", fit_inverse_transform=True).fit(X)
    with pytest.raises(ValueError, match=r"must be linear .* that of KernelPCA is not"):
        ContextualDecomposition(kernel, net, groups="coefficients").fit(X)
    with pytest.raises(NotFittedError, match="ContextualDecomposition instance is not"):
        ContextualDecomposition(wavelet(X), net).transform(X)


def leaves_torch(x):
    return torch.from_numpy(np.tanh(x.detach().numpy()))


def random_output(x):
    return x.sum(1) + torch.randn(len(x))


def changes_a_view(x):
    y = x * 2
    y[:, :2].mul_(2)
    return y


@pytest.mark.parametrize(
    "teacher, error, message",
    [
        (LinearRegression(), NotFittedError, "LinearRegression"),
        (None, TypeError, "must be a torch module"),
        (lambda x: x.sum(), ValueError, "must return outputs of shape"),
        (leaves_torch, NotImplementedError, r"no rule for torch.Tensor.numpy\."),
        (nn.Sequential(nn.Softmax(1)), NotImplementedError, r"'0'\)\. Pass the logits"),
        (lambda x: x.new_zeros(len(x), 2), TypeError, "leaves the contextual decomp"),
        (random_output, ValueError, "evaluated again.* draws random numbers"),
        (changes_a_view, ValueError, "differ from the teacher's .* in place"),
    ],
)
def test_teachers_are_checked_in_fit(teacher, error, message):
    with pytest.raises(error, match=message):
        ContextualDecomposition(None, teacher, groups="coefficients").fit(rows())


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"batch_size": 0}, "'batch_size' parameter of ContextualDecomposition .* Got 0"),
        ({"device": 3}, "'device' parameter of ContextualDecomposition .* Got 3"),
    ],
)
def test_wrong_parameters(kwargs, message):
    X = rows(30)
    with pytest.raises(ValueError, match=message):
        ContextualDecomposition(wavelet(X), make_module("perceptron"), **kwargs).fit(X)


def test_device_that_does_not_exist():
    X = rows(30)
    cd = ContextualDecomposition(wavelet(X), make_module("perceptron"), device="tpu")
    with pytest.raises(ValueError, match="'device' parameter of ContextualDecomposition"):
        cd.fit(X).transform(X)


def test_samples_of_another_shape():
    X = samples((2, 16))
    net = nn.Sequential(nn.Flatten(), nn.Linear(32, 2)).double()
    cd = ContextualDecomposition(wavelet(X), net).fit(X)
    with pytest.raises(ValueError, match=r"expecting samples of shape \(2, 16\)"):
        cd.transform(X.reshape(-1, 4, 8))


def test_labels_name_the_classes():
    X = rows(50)
    model = LogisticRegression().fit(X, labels(X))
    cd = ContextualDecomposition(None, model, groups="coefficients").fit(X)
    assert cd.teacher_.classes_.tolist() == ["high", "low", "mid"]


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(set(NETS) - {"parallel"}))
def test_on_a_gpu(name, cuda):
    X, net = samples((NET_LENGTH,)).astype(np.float32), make_net(name).float()
    transformer = wavelet(X)
    expected = ContextualDecomposition(transformer, net, target=0).fit_transform(X)
    cd = ContextualDecomposition(transformer, net.to(cuda), target=0).fit(X)
    with torch.backends.cudnn.flags(allow_tf32=False):
        np.testing.assert_allclose(cd.transform(X), expected, atol=1e-5)
        on_gpu = cd.transform(torch.from_numpy(X).to(cuda))
    assert on_gpu.is_cuda
    np.testing.assert_allclose(on_gpu.cpu(), expected, atol=1e-5)
