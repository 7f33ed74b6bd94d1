"""The method as published: awave's trainer, its loss, and ours that is the same."""

import contextlib
import io
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from libraries import Case, awave, awave_module, noise
from scipy.signal import lfilter
from torch import nn

from sk_awave import Teacher
from sk_awave.engine import CoeffLayout, FilterBank, Free, Tree
from sk_awave.engine._objective import Objective
from sk_awave.engine._terms import (
    Attribution,
    ConjugateMirror,
    Sparsity,
    wavelet_terms,
)


class Task(NamedTuple):
    """Signals to learn from, and perhaps a network to distil."""

    shape: tuple
    network: str | None = None
    epochs: int = 300
    target: int = 0


TASKS = (
    Task((500, 64)),
    Task((256, 28, 28), epochs=100),
    Task((500, 64), "MLP"),
    Task((100, 40), "LSTM"),
    Task((100, 28, 28), "CNN", 100, target=6),
)


def walks(shape):
    """Make noise that is correlated along every axis, like most signals."""
    X = noise(shape)
    for axis in range(1, X.ndim):
        X = lfilter([0.45], [1, -0.9], X, axis)
    return X.astype(np.float32)


class Recurrent(nn.Module):
    """An LSTM that reads a signal, and a linear layer that reads its last state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, x):
        """Map (n, 1, length) to (n, 1)."""
        return self.head(self.lstm(x.mT)[0][:, -1])


def make_network(name):
    """Make a network, of samples with a channel axis, with random weights."""
    torch.manual_seed(0)
    if name == "LSTM":
        return Recurrent()
    if name == "MLP":
        layers = [nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Linear(32, 1))
    if name == "CNN":
        layers = [nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU()]
        layers += [nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(320, 50), nn.ReLU(), nn.Linear(50, 10))
    return None


def as_teacher(network, X, target=0):
    """Wrap a network for signals without a channel axis."""
    input_shape = (1, *X.shape[1:])
    return network and Teacher(network, input_shape=input_shape, target=target)


def published_loss():
    """Make the published loss with its default strengths.

    Its conjugate-mirror term does not run with today's torch.
    """
    names = ("lSum", "hSum", "L2norm", "CMF", "Conv", "L1wave", "L1attr")
    return awave.get_loss_f(**{f"lam{name}": float(name != "CMF") for name in names})


class PublishedStep:
    """A step of the published trainer, whose learning rate of 0 keeps the filter."""

    def __init__(self, X, network=None, target=0):
        self.x = torch.from_numpy(X).unsqueeze(1)
        self.transform = awave_module(Case(X.shape))
        self.loss = published_loss()
        self.trainer = awave.Trainer(
            network,
            self.transform,
            torch.optim.Adam(self.transform.parameters(), lr=0.0),
            self.loss,
            target=target,
            attr_methods="Saliency",
            device="cpu",
        )

    def __call__(self):
        """Take a step; return the loss."""
        return self.trainer._train_iteration(self.x)

    def at(self, rec_lo):
        """Return the loss and its gradient at a filter, of any length."""
        h0 = self.transform.h0
        value = torch.as_tensor(rec_lo, dtype=h0.dtype).reshape(1, 1, -1)
        if h0.shape != value.shape:
            self.transform.h0 = h0 = nn.Parameter(value)
        h0.data = value
        return self(), h0.grad.numpy().ravel()


def fit_published(X, network, task, wavelet="db5", **strengths):
    """Learn with awave, full batches at a rate of 0.01; return the low-pass filter."""
    transform, x = awave_module(Case(X.shape, wavelet=wavelet)), torch.from_numpy(X)
    transform.device = "cpu"  # which DWT2d of the release needs, but does not set
    with contextlib.redirect_stdout(io.StringIO()):
        transform.fit(
            X=x if X.ndim == 3 else x.unsqueeze(1),
            pretrained_model=network,
            lr=0.01,
            num_epochs=task.epochs,
            target=task.target,
            lamCMF=0,
            **strengths,
        )
    return transform.h0.detach().ravel()


class PublishedFree(Free):
    """A free filter with the terms of `published_loss`."""

    @property
    def terms(self):
        """The terms that keep it near a wavelet, but for one."""
        terms = super().terms.items()
        return {term: a for term, a in terms if not isinstance(term, ConjugateMirror)}


def make_objective(x, parametrization, gradients=None, offset=0.0):
    """Make the objective that is the loss of `PublishedStep`, near the start."""
    bank = FilterBank.from_wavelet("db5", parametrization)
    generator = np.random.default_rng(0)
    shift = torch.tensor(generator.normal(size=bank.original.shape))
    bank.original.data += offset * shift
    layout = CoeffLayout(tuple(x.shape[1:]), 1, bank.filter_length, Tree.dwt(4), "zero")
    terms = {Sparsity(): 1.0, Attribution(): 1.0, **wavelet_terms()}
    terms |= {term: 0.0 for term in terms if isinstance(term, ConjugateMirror)}
    x, gradients = (t if t is None else t.unsqueeze(1) for t in (x, gradients))
    return Objective(bank, layout, terms, x, gradients)


def our_step(objective):
    """Return the function that evaluates loss and gradient."""
    return partial(objective, objective.start)
