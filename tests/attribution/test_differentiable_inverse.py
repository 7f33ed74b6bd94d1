"""TransformImportance of transforms that are not linear, against autograd."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from teachers import LENGTH, make_module, rows
from torch import nn

from sk_awave.attribution import Teacher, TransformImportance

EXACT = 1e-10


class Autoencoder(nn.Module):
    """A pair of small networks; dropout and batch norm differ by mode."""

    def __init__(self, decoder, latent=(4,)):
        super().__init__()
        size = int(np.prod(latent))
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(LENGTH, size), nn.BatchNorm1d(size), nn.Tanh()
        )
        self.decoder, self.latent = decoder, latent

    def transform(self, X):
        return self.encoder(X).reshape(-1, *self.latent)

    def inverse_transform(self, Xt):
        return self.decoder(Xt)


def autoencoder(kind="flat"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if kind == "flat":
            layers = nn.Linear(4, 9), nn.Tanh(), nn.Dropout(0.5), nn.Linear(9, LENGTH)
            model = Autoencoder(nn.Sequential(*layers))
        else:  # 2 channels of 6 to one of 12
            layers = nn.ConvTranspose1d(2, 1, 2, stride=2), nn.Softplus(), nn.Flatten()
            model = Autoencoder(nn.Sequential(*layers), latent=(2, 6))
        model = model.double()
        model.encoder(torch.randn(50, LENGTH, dtype=torch.float64))
    return model


class Fitted(TransformerMixin, BaseEstimator):
    """An estimator: arrays in and out of transform, tensors through its inverse."""

    def fit(self, X, y=None):
        self.model_ = autoencoder().eval()
        return self

    def transform(self, X):
        with torch.no_grad():
            return self.model_.transform(torch.from_numpy(np.asarray(X))).numpy()

    def inverse_transform(self, Xt):
        return self.model_.inverse_transform(Xt)


def wavy(x):
    x = x.flatten(1)
    weights = torch.linspace(-1, 2, x.shape[1], dtype=x.dtype)
    return (x @ weights).sin() + (x**2).sum(1) * (x @ weights.flip(0))


def autograd_scores(f, model, X):
    """Differentiate f(S(c) + r) with respect to c, r = x - S(c) held fixed."""
    model = model.eval()
    X = torch.as_tensor(X)
    C = model.transform(X).detach().requires_grad_()
    samples = model.inverse_transform(C).reshape(X.shape)
    outputs = f(samples + (X - samples).detach())
    (gradient,) = torch.autograd.grad(outputs.sum(), C)
    return gradient.flatten(1).numpy(), C.detach().flatten(1).numpy()


@pytest.mark.parametrize("kind", ["flat", "convolutional"])
@pytest.mark.parametrize("shape", [(LENGTH,), (1, LENGTH)])
def test_scores_are_the_gradients(kind, shape):
    model, X = autoencoder(kind), rows(9).reshape(9, *shape)
    expected, C = autograd_scores(wavy, model, X)
    model.train()
    trim = TransformImportance(model, wavy).fit(X)
    assert trim.n_components_ == C.shape[1]
    np.testing.assert_allclose(trim.transform(X), expected, rtol=EXACT, atol=EXACT)
    trim.set_params(batch_size=4)
    np.testing.assert_allclose(trim.transform(X), expected, rtol=EXACT, atol=EXACT)
    trim.set_params(teacher=Teacher(wavy, method="input_x_gradient"))
    product = trim.fit_transform(X)
    np.testing.assert_allclose(product, C * expected, rtol=EXACT, atol=EXACT)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_scores_are_finite_differences():
    model, X = autoencoder(), rows(3)
    scores = TransformImportance(model, wavy).fit(X).transform(X)
    model.eval()
    with torch.no_grad():
        x = torch.from_numpy(X)
        C = model.transform(x)
        residual = x - model.inverse_transform(C)
        for i, step in enumerate(1e-5 * torch.eye(4, dtype=torch.float64)):
            up, down = (
                wavy(model.inverse_transform(c) + residual) for c in (C + step, C - step)
            )
            change = (up - down) / 2e-5
            np.testing.assert_allclose(scores[:, i], change, rtol=1e-6, atol=1e-6)


def test_estimators_whose_inverse_takes_tensors():
    X = rows(9)
    fitted = Fitted().fit(X)
    expected, C = autograd_scores(wavy, fitted.model_, X)
    trim = TransformImportance(fitted, wavy).fit(X)
    np.testing.assert_allclose(trim.transform(X), expected, rtol=EXACT, atol=EXACT)
    tensor = trim.transform(torch.from_numpy(X))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor, expected, rtol=EXACT, atol=EXACT)
    trim = TransformImportance(fitted, Teacher(wavy, method="input_x_gradient")).fit(X)
    frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(LENGTH)])
    scores = trim.set_output(transform="pandas").fit(frame).transform(frame)
    np.testing.assert_allclose(scores, C * expected, rtol=EXACT, atol=EXACT)
    assert scores.columns[0] == "transformimportance0"


class LinearPair:
    """PCA, in tensors."""

    def __init__(self, pca):
        self.components = torch.from_numpy(pca.components_)
        self.mean = torch.from_numpy(pca.mean_)

    def transform(self, X):
        return (X - self.mean) @ self.components.T

    def inverse_transform(self, Xt):
        return Xt @ self.components + self.mean


@pytest.mark.parametrize("target", [1, "all"])
@pytest.mark.parametrize(
    "method", ["saliency", "input_x_gradient", "integrated_gradients"]
)
def test_a_linear_decoder_is_the_linear_case(method, target):
    X = rows(30)
    pca = PCA(4).fit(X)
    teacher = Teacher(make_module("perceptron"), method=method, target=target)
    expected = TransformImportance(pca, teacher).fit(X).attributions(X)
    actual = TransformImportance(LinearPair(pca), teacher).fit(X).attributions(X)
    np.testing.assert_allclose(actual, expected, rtol=EXACT, atol=EXACT)


def test_single_precision_clone_and_pickle():
    X = rows(9)
    expected, _ = autograd_scores(wavy, autoencoder(), X)
    trim = TransformImportance(autoencoder().float(), wavy).fit(X)
    scores = trim.transform(X)
    assert scores.dtype == np.float64
    # float32 rounding of gradients of size 100
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(clone(trim).fit(X).transform(X), scores)
    loaded = pickle.loads(pickle.dumps(trim))
    np.testing.assert_array_equal(loaded.transform(X), scores)


class Detached(LinearPair):
    def inverse_transform(self, Xt):
        return super().inverse_transform(Xt.detach())


class Longer(LinearPair):
    def inverse_transform(self, Xt):
        return torch.hstack([Xt, super().inverse_transform(Xt)])


class OfArrays(LinearPair):
    def inverse_transform(self, Xt):
        return Xt.numpy()


@pytest.mark.parametrize("kind", [Detached, Longer, OfArrays])
def test_pairs_that_cannot_be_differentiated(kind):
    X = rows(30)
    pair = kind(PCA(4).fit(X))
    with pytest.raises(ValueError, match=rf"take and return .*That of {kind.__name__} d"):
        TransformImportance(pair, wavy).fit(X)


@pytest.mark.gpu
def test_on_a_gpu(cuda):
    X = rows(9)
    expected, _ = autograd_scores(wavy, autoencoder(), X)
    trim = TransformImportance(autoencoder().to(cuda), wavy).fit(X)
    np.testing.assert_allclose(trim.transform(X), expected, rtol=EXACT, atol=EXACT)
