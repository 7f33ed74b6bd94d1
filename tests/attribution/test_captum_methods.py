"""Methods of captum in TransformImportance, against captum behind the inverse."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from teachers import LENGTH, N_CLASSES, rows
from torch import nn

from sk_awave import WaveletTransformer
from sk_awave.attribution import Teacher, TransformImportance, input_gradients

captum = pytest.importorskip("captum.attr")
pytestmark = [  # captum says what it does to modules and tensors
    pytest.mark.filterwarnings("ignore:Setting forward, backward hooks"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require"),
]


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Linear(LENGTH, 9), nn.ReLU(), nn.Linear(9, N_CLASSES)
        return nn.Sequential(*layers).double().eval()


def behind(transformer, X, net):
    """Return the network behind a linear inverse, as in the published code."""
    offset = transformer.inverse_transform(
        np.zeros((1, transformer.transform(X).shape[1]))
    )
    matrix = transformer.inverse_transform(np.eye(transformer.transform(X).shape[1]))
    inverse = nn.Linear(*matrix.shape).double()
    with torch.no_grad():
        inverse.weight.copy_(torch.from_numpy((matrix - offset).T))
        inverse.bias.copy_(torch.from_numpy(offset[0]))
    return nn.Sequential(inverse, *net)


# Without a residual, so that the published code needs none.
@pytest.mark.parametrize("make", [lambda: PCA(LENGTH), lambda: WaveletTransformer("db2")])
def test_deep_lift(make):
    X, net = rows(), network()
    transformer = make().fit(rows(40))
    coefficients = torch.from_numpy(transformer.transform(X))

    def method(forward, x, target):
        start = torch.from_numpy(zero).expand_as(x)
        lift = captum.DeepLift(net, multiply_by_inputs=False)
        return lift.attribute(x, start, target=target)

    zero = transformer.inverse_transform(np.zeros((1, coefficients.shape[1])))
    teacher = Teacher(net, method=method, target=1)
    actual = TransformImportance(transformer, teacher).fit(X).transform(X)
    whole = captum.DeepLift(behind(transformer, X, net)).attribute(coefficients, target=1)
    scores = actual * coefficients.detach().numpy()
    np.testing.assert_allclose(scores, whole.detach(), atol=1e-10)
    field = input_gradients(teacher, X)
    expected = method(None, torch.from_numpy(X), 1)
    np.testing.assert_allclose(field, expected.detach(), atol=1e-12)


def test_gradient_shap():
    X, net = rows(), network()
    transformer = PCA(LENGTH).fit(rows(40))
    background = rows(20, seed=5)
    settings = {"n_samples": 7, "stdevs": 0.0, "target": 1}

    def method(forward, x, target):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002  (captum draws baselines by it)
        shap = captum.GradientShap(forward, multiply_by_inputs=False)
        start = torch.from_numpy(background)
        return shap.attribute(x, start, **settings | {"target": target})

    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        teacher = Teacher(net, method=method, target=1)
        actual = TransformImportance(transformer, teacher).fit(X).transform(X)
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        whole = behind(transformer, X, net)
        shap = captum.GradientShap(whole, multiply_by_inputs=False)
        coefficients, start = (
            torch.from_numpy(transformer.transform(rows)) for rows in (X, background)
        )
        expected = shap.attribute(coefficients, start, **settings)
    np.random.set_state(state)  # noqa: NPY002
    np.testing.assert_allclose(actual, expected.detach(), atol=1e-10)
