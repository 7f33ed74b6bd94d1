"""Small trained models of every kind that a Teacher takes, all in float64."""

import warnings

import numpy as np
import skorch
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_awave.attribution import Teacher, input_gradients

LENGTH = 12
N_CLASSES = 3


class Recurrent(nn.Module):
    """An LSTM over the samples of one channel."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 5, batch_first=True)
        self.head = nn.Linear(5, N_CLASSES)

    def forward(self, x):
        return self.head(self.lstm(x.transpose(1, 2))[0][:, -1])


def perceptron():
    return nn.Sequential(
        nn.Linear(LENGTH, 16),
        nn.BatchNorm1d(16),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(16, N_CLASSES),
    )


def convolutional():
    return nn.Sequential(
        nn.Conv1d(1, 4, 3, padding=1),
        nn.BatchNorm1d(4),
        nn.Softplus(),
        nn.AvgPool1d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(4 * LENGTH // 2, N_CLASSES),
    )


#: How to make each module, and the shape of a sample that it takes.
MODULES = {
    "perceptron": (perceptron, (LENGTH,)),
    "convolutional": (convolutional, (1, LENGTH)),
    "recurrent": (Recurrent, (1, LENGTH)),
}


def make_module(kind, seed=0):
    """Return a module with statistics of batch normalisation, in train mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        make, shape = MODULES[kind]
        module = make().double()
        module(torch.randn(50, *shape, dtype=torch.float64))
    return module


def rows(n_samples=8, seed=0):
    return np.random.default_rng(seed).standard_normal((n_samples, LENGTH))


def labels(X):
    return np.array(["high", "low", "mid"])[X[:, :3].argmax(1)]


def smooth_function(x):
    """A function of tensors, of one output."""
    x = x.flatten(1)
    return x.tanh() @ torch.arange(1.0, 1.0 + x.shape[1], dtype=x.dtype, device=x.device)


def gradients(model, X, **kwargs):
    """Call `input_gradients` with a model or a Teacher that is asked a question."""
    names = ("method", "target", "n_steps", "noise_level")
    question = {name: kwargs.pop(name) for name in names if name in kwargs}
    is_teacher = isinstance(model, Teacher)
    teacher = model.replace(**question) if is_teacher else Teacher(model, **question)
    return input_gradients(teacher, X, **kwargs)


def make_model(kind, seed=0):
    """Return a model and the shape in which it sees a sample."""
    if kind in MODULES:
        return make_module(kind, seed), MODULES[kind][1]
    X = rows(60, seed + 1)
    if kind == "skorch":
        module = make_module("convolutional", seed)
        net = skorch.NeuralNetClassifier(
            module, criterion=nn.CrossEntropyLoss, max_epochs=1, lr=0.01, verbose=0
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net.fit(X[:, None], np.arange(60) % N_CLASSES)
        return net, (1, LENGTH)
    if kind == "callable":
        return smooth_function, (LENGTH,)
    model, y = {
        "linear regression": (LinearRegression(), X @ np.arange(LENGTH)),
        "logistic regression": (LogisticRegression(), labels(X)),
        "mlp classifier": (MLPClassifier((7, 5), activation="logistic"), labels(X)),
        "mlp regressor": (
            MLPRegressor(hidden_layer_sizes=(7,), activation="tanh"),
            np.tanh(X[:, :2]),
        ),
        "pipeline": (
            make_pipeline(StandardScaler(), MLPClassifier((7,), activation="tanh")),
            X[:, 0] > 0,
        ),
    }[kind.removeprefix("frozen ")]
    networks = [model, *getattr(model, "named_steps", {}).values()]
    for network in networks:
        if isinstance(network, MLPClassifier | MLPRegressor):
            network.set_params(max_iter=20, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X + seed, y)
    return (FrozenEstimator(model) if kind.startswith("frozen") else model), (LENGTH,)


KINDS = [
    *MODULES,
    "skorch",
    "callable",
    "linear regression",
    "logistic regression",
    "mlp classifier",
    "mlp regressor",
    "pipeline",
    "frozen pipeline",
]
