"""Ctrl-C at every stage of a distillation."""

import signal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, AWDRegressor
from sk_awave.engine._objective import Objective

X = np.random.default_rng(0).standard_normal((60, 16)).astype(np.float32)
Y = X[:, :1] * 2


class Net(nn.Module):
    """A linear model whose training Ctrl-C interrupts, or not."""

    interrupted = False
    calls = 0

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 1)

    def forward(self, x):
        Net.calls += 1
        if Net.interrupted and Net.calls == 3:
            signal.raise_signal(signal.SIGINT)
        return self.linear(x)


class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def awd(teacher=None):
    wavelet = AdaptiveWaveletTransformer("db2", level=2, tol=1e-2)
    return AWDRegressor(teacher, transformer=wavelet, random_state=0)


class FlatTarget(NeuralNetRegressor):
    """Takes a target of one axis, as scikit-learn's regressors do."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return super().get_loss(y_pred[:, 0], y_true, *args, **kwargs)


@pytest.fixture
def interrupt_net(monkeypatch):
    monkeypatch.setattr(Net, "interrupted", True)
    monkeypatch.setattr(Net, "calls", 0)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda net: net,
        lambda net: make_pipeline(FunctionTransformer(), net),
        lambda net: TransformedTargetRegressor(net, transformer=StandardScaler()),
    ],
)
def test_a_net_does_not_swallow_it(interrupt_net, wrap):
    net = FlatTarget(Net, max_epochs=5, verbose=0, train_split=None)
    with pytest.raises(KeyboardInterrupt):
        awd(wrap(net)).fit(X, Y[:, 0])
    assert Net.calls == 3


def test_a_search_over_distillations_ends(interrupt_net):
    net = FlatTarget(Net, max_epochs=5, verbose=0, train_split=None)
    search = GridSearchCV(awd(net), {"transformer__level": [1, 2]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y[:, 0])
    assert Net.calls == 3


def test_a_callback_may_still_end_the_training():
    net = FlatTarget(Net, max_epochs=5, verbose=0, train_split=None, callbacks=[Stop()])
    model = awd(net).fit(X, Y[:, 0])
    assert len(model.teacher_.history) == 1
    assert "fit_loop" not in vars(model.teacher_)
    assert model.predict(X).shape == (60,)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_network_of_scikit_learn_does_not_swallow_it(solver, monkeypatch):
    calls = []

    def backward(self, *args):
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return original(self, *args)

    original = MLPRegressor._backprop
    monkeypatch.setattr(MLPRegressor, "_backprop", backward)
    with pytest.raises(KeyboardInterrupt):
        awd(MLPRegressor(hidden_layer_sizes=(4,), solver=solver, random_state=0)).fit(
            X, Y[:, 0]
        )
    assert len(calls) == 3


def test_an_interrupted_wavelet_leaves_the_model_as_it_was(monkeypatch):
    model = awd().fit(X, Y[:, 0])
    before, expected = dict(vars(model)), model.predict(X)
    calls = []

    def evaluate(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    original = Objective.__call__
    monkeypatch.setattr(Objective, "__call__", evaluate)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :12], Y[:, 0])
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict(X), expected)
    unfitted = clone(model)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        unfitted.fit(X, Y[:, 0])
    assert set(vars(unfitted)) == set(unfitted.get_params(deep=False))
