"""Teachers whose outputs for a sample depend on more than that sample are refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sk_awave import AdaptiveWaveletTransformer, AWDRegressor, WaveletTransformer
from sk_awave.attribution import (
    ContextualDecomposition,
    Teacher,
    TransformImportance,
    input_gradients,
)
from sk_awave.attribution._input_gradients import find_field

LENGTH = 16
DTYPES = [torch.float64, torch.float32, torch.bfloat16]


def rows(n_samples=12, seed=0):
    return np.random.default_rng(seed).standard_normal((n_samples, LENGTH))


class Mixed(nn.Module):
    """A small network on top of a function of the whole batch."""

    def __init__(self, mix):
        super().__init__()
        self.first, self.last = nn.Linear(LENGTH, 8), nn.Linear(8, 2)
        self.mix = mix

    def forward(self, x):
        return self.last(torch.tanh(self.mix(self.first(x))))


class Series(nn.Module):
    """Recurrent or attention layers that take rows, or samples, for the time steps."""

    def __init__(self, layer, takes_rows):
        super().__init__()
        self.layer, self.last, self.takes_rows = layer, nn.Linear(8, 2), takes_rows

    def forward(self, x):
        x = x if self.takes_rows else x.unflatten(1, (2, 8))
        if isinstance(self.layer, nn.MultiheadAttention):
            x = x if self.takes_rows is False else x[:, :8]
            y = self.layer(x, x, x)[0]
        else:
            y = self.layer(x)[0]
        return self.last(y if self.takes_rows else y[:, -1])


MIXING = {
    "centred": lambda: Mixed(lambda x: x - x.mean(0)),
    "scaled by the maximum": lambda: Mixed(lambda x: x / x.abs().max()),
    "standardised": lambda: Mixed(lambda x: x / (x.std(0) + 1e-3)),
    "softmax over the batch": lambda: Mixed(lambda x: x.softmax(0)),
    "sum of all before": lambda: Mixed(lambda x: x.cumsum(0)),
    "neighbours": lambda: Mixed(lambda x: x + 0.1 * x.roll(1, 0)),
    "attention over the batch": lambda: Mixed(lambda x: (x @ x.T).softmax(1) @ x),
    "a hundredth of the mean": lambda: Mixed(lambda x: x - 0.01 * x.mean(0)),
    "batch statistics": lambda: Mixed(nn.BatchNorm1d(8, track_running_stats=False)),
    "LSTM of rows": lambda: Series(nn.LSTM(LENGTH, 8), True),
    "GRU of rows, batch_first": lambda: Series(nn.GRU(LENGTH, 8, batch_first=True), True),
    "batch_first forgotten": lambda: Series(nn.LSTM(8, 8), False),
    "attention of rows": lambda: Series(nn.MultiheadAttention(8, 2), True),
    "attention without batch_first": lambda: Series(nn.MultiheadAttention(8, 2), False),
}

#: What changes outputs by some percent.
WEAK = ("neighbours", "a hundredth of the mean", "scaled by the maximum", "standardised")

# Of a deviation of one sample, and of scripts.
pytestmark = [
    pytest.mark.filterwarnings("ignore:std:UserWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning"),
]


def made(make, dtype=torch.float64):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().to(dtype).eval()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", MIXING)
def test_samples_that_interact_are_refused(name, dtype):
    if dtype == torch.bfloat16 and name in WEAK:
        pytest.skip("bfloat16 has two digits")
    net = made(MIXING[name], dtype)
    for n_samples in (2, 3, 12):
        with pytest.raises(ValueError, match="depend on the other samples of its batch"):
            input_gradients(Teacher(net, target=0), rows(n_samples))


@pytest.mark.parametrize("name", MIXING)
def test_copies_of_one_sample_before_others(name):
    X = rows()
    X[1:3] = X[0]
    with pytest.raises(ValueError, match=r"batch_first=True.*batch statistics.*centring"):
        input_gradients(made(MIXING[name]), X)


@pytest.mark.parametrize("method", ["integrated_gradients", "expected_gradients"])
def test_all_methods_look(method):
    teacher = Teacher(made(MIXING["centred"]), method=method)
    with pytest.raises(ValueError, match="depend on the other samples"):
        input_gradients(teacher, rows())


def fit_blocks(net, X):
    AdaptiveWaveletTransformer("db2", level=1, teacher=net).fit(Blocks(X))


class Blocks:
    def __init__(self, X):
        self.X = X

    def __iter__(self):
        return iter([self.X[:5], self.X[5:]])


WAYS = {
    "importance": lambda net, X: TransformImportance(
        WaveletTransformer("db2", level=1).fit(X), net
    ).fit(X),
    "learning": lambda net, X: AdaptiveWaveletTransformer(
        "db2", level=1, teacher=net
    ).fit(X),
    "blocks": fit_blocks,
    "decomposition": lambda net, X: ContextualDecomposition(
        None, net, groups=np.eye(LENGTH) > 0
    ).fit(X),
    "distillation": lambda net, X: AWDRegressor(
        Teacher(net, target=0), features=None
    ).fit(X, X[:, 0]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["centred", "LSTM of rows", "batch statistics"])
def test_whatever_differentiates_or_decomposes_refuses(way, name):
    with pytest.raises(ValueError, match="depend on the other samples"):
        WAYS[way](made(MIXING[name]), rows())


def test_data_of_later_calls_are_looked_at():
    """The first two samples may not show what others do."""
    net = made(lambda: Mixed(lambda x: x - x.mean(0) if (x > 5).any() else x))
    X = rows()
    wavelet = WaveletTransformer("db2", level=1).fit(X)
    importance = TransformImportance(wavelet, Teacher(net, target=0)).fit(X)
    decomposition = ContextualDecomposition(wavelet, Teacher(net, target=0)).fit(X)
    for estimator in importance, decomposition:
        estimator.transform(X)
        with pytest.raises(ValueError, match="depend on the other samples"):
            estimator.transform(100 * X)


class Squeezed(nn.Module):
    """It squeezes also the axis of a single sample, and cannot go on with it then."""

    def __init__(self, goes_on):
        super().__init__()
        self.first, self.last, self.goes_on = (
            nn.Linear(LENGTH, 1),
            nn.Linear(1, 2),
            goes_on,
        )

    def forward(self, x):
        y = self.first(x).squeeze()
        return y if self.goes_on is False else self.last(y[:, None])


class MaxNorm(nn.Linear):
    """It limits its weights when it is called, as constrained layers of EEG nets do."""

    def forward(self, x):
        self.weight.data = torch.renorm(self.weight.data, 2, 0, 0.1)
        return super().forward(x)


class Recorded(nn.Linear):
    """It keeps activations and a count, which are no state of its outputs."""

    n_calls = 0

    def forward(self, x):
        self.n_calls, self.seen = self.n_calls + 1, super().forward(x)
        return self.seen


class Undefined(nn.Linear):
    """It has a buffer that holds NaN, of values that it does not use."""

    def __init__(self):
        super().__init__(LENGTH, 2)
        self.register_buffer("unused", torch.tensor([1.0, torch.nan]))


def layers(*inner):
    return lambda: nn.Sequential(nn.Linear(LENGTH, 8), *inner, nn.Linear(8, 2))


APART = {
    "layer normalisation": layers(nn.LayerNorm(8)),
    "group normalisation": layers(nn.GroupNorm(2, 8)),
    "batch normalisation": layers(nn.BatchNorm1d(8)),
    "dropout": layers(nn.Dropout(0.5)),
    "spectral norm": layers(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))),
    "LSTM": lambda: Series(nn.LSTM(8, 8, batch_first=True), False),
    "attention": lambda: Series(nn.MultiheadAttention(8, 2, batch_first=True), False),
    "squeezed": lambda: Squeezed(False),
    "squeezed within": lambda: Squeezed(True),
    "maximal norm": lambda: MaxNorm(LENGTH, 2),
    "recorded": lambda: Recorded(LENGTH, 2),
    "undefined": Undefined,
    "scripted": lambda: torch.jit.script(layers(nn.ReLU())()),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", APART)
@pytest.mark.parametrize("scale, offset", [(1, 0), (1e-6, 0), (1, 3e4), (1e6, 0)])
def test_samples_that_do_not_interact_are_accepted(name, dtype, scale, offset):
    """Rounding depends on the size of a batch, and grows where large numbers cancel."""
    teacher = Teacher(made(APART[name], dtype), target=0)
    X = scale * rows(200, seed=1) + offset
    assert np.isfinite(find_field(teacher, X)).all()
    X[:] = X[0]
    assert np.isfinite(find_field(teacher, X[:7])).all()
    if not name.startswith("squeezed"):
        assert np.isfinite(find_field(teacher, X[:1])).all()


def test_lazy_layers_are_completed():
    net = nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.Linear(4, 1))
    assert input_gradients(net, rows()).shape == (12, LENGTH)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_large_numbers_that_cancel(dtype):
    """As of samples that are far from zero, whose mean the weights take out."""
    offset = 1e-2 / torch.finfo(dtype).eps
    X = np.random.default_rng(0).standard_normal((200, 999)) + offset
    net = made(lambda: nn.Linear(999, 2), dtype)
    with torch.no_grad():
        net.weight -= net.weight.mean(1, keepdim=True)
        outputs = net(torch.tensor(X, dtype=dtype))
        alone = torch.cat([net(torch.tensor(row, dtype=dtype)) for row in X[:2, None]])
        gap = (outputs[:2] - alone).abs() / outputs.abs().amax(0)
    if not (gap > torch.finfo(dtype).eps ** 0.5).any():
        pytest.skip("sums have the same order here")
    assert np.isfinite(find_field(Teacher(net, target=0), X)).all()


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_size_of_the_outputs_does_not_matter(size):
    X = rows().astype("f")
    net = made(layers(nn.Tanh()), torch.float32)
    input_gradients(lambda x: size * net(x) + 100 * size, X)
    with pytest.raises(ValueError, match="depend on the other samples"):
        input_gradients(lambda x: size * net(x - x.mean(0)) + 100 * size, X)


def test_outputs_of_other_sizes_hide_nothing():
    teacher = Teacher(lambda x: torch.stack([1e9 * x[:, 0], (x - x.mean(0))[:, 1]], 1))
    with pytest.raises(ValueError, match="depend on the other samples"):
        input_gradients(teacher.replace(target="all"), rows())


def test_outputs_that_are_zero_in_the_batch():
    with pytest.raises(ValueError, match="depend on the other samples"):
        input_gradients(lambda x: x.sum(1) * (len(x) == 1), rows())


def in_training():
    return nn.Sequential(nn.Linear(LENGTH, 8), nn.Dropout(0.5), nn.Linear(8, 1)).double()


def exported_in_training():
    net = in_training()
    x = torch.from_numpy(rows())
    batch = torch.export.Dim.AUTO
    return torch.export.export(net, (x,), dynamic_shapes=[{0: batch}]).module()


class Hidden(nn.Module):
    """It goes on from where the last evaluation ended."""

    def __init__(self):
        super().__init__()
        self.last = 0.0

    def forward(self, x):
        self.last = 0.5 * self.last + x.mean().item()
        return x.sum(1) + self.last


CHANGING = {
    "dropout as a function": lambda: lambda x: F.dropout(x, 0.5).sum(1),
    "noise": lambda: lambda x: (x + torch.randn_like(x)).sum(1),
    "exported in training mode": exported_in_training,
    "hidden state": Hidden,
    "function of a module in training mode": lambda: in_training().forward,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("n_samples", [1, 2, 12])
def test_chance_is_said_to_be_that(name, n_samples):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        teacher = CHANGING[name]()
        with pytest.raises(ValueError, match=r"evaluated again.*random numbers.*in eval"):
            input_gradients(teacher, rows(n_samples))


class Counts(nn.Linear):
    """It changes a buffer or a parameter, in one way or another."""

    def __init__(self, how):
        super().__init__(LENGTH, 1)
        self.register_buffer("n_seen", torch.zeros(3))
        self.how = how

    def forward(self, x):
        with torch.no_grad():
            if self.how == "in place":
                self.n_seen += len(x)
            elif self.how == "anew":
                self.n_seen = self.n_seen + 1
            elif self.how == "data":
                self.n_seen.data.add_(1)
            elif self.how == "order":
                self.n_seen = (torch.arange(3.0) + self.n_seen[0] + 1) % 3
            elif self.how == "statistics":
                self.bias.lerp_(x.mean().to(self.bias), 0.1)
        return super().forward(x)


@pytest.mark.parametrize("how", ["in place", "anew", "data", "order", "statistics"])
@pytest.mark.parametrize("n_samples", [1, 2, 12])
def test_a_teacher_that_changes_itself_is_refused(how, n_samples):
    name = "bias" if how == "statistics" else "n_seen"
    for teacher in Counts(how), nn.Sequential(Counts(how).requires_grad_(False)):
        with pytest.raises(ValueError, match=f"changes its own state.*{name}.*training"):
            input_gradients(teacher, rows(n_samples).astype("f"))


class Drifts(nn.Linear):
    """Its many weights decay whenever it is called."""

    def forward(self, x):
        self.weight.data = 0.999 * self.weight.data
        return super().forward(x)


def test_large_parameters_that_change_are_seen():
    net = nn.Sequential(nn.Linear(LENGTH, 2**9), Drifts(2**9, 2**9), nn.Linear(2**9, 2))
    with pytest.raises(ValueError, match=r"changes its own state.*1\.weight"):
        input_gradients(net, rows().astype("f"))


def test_exports_for_one_size_of_batches_are_named():
    net = nn.Sequential(nn.Linear(LENGTH, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x = torch.from_numpy(rows())
    exported = torch.export.export(net, (x,)).module()
    with pytest.raises(ValueError, match=r"teacher .* Export .* batches of any size"):
        input_gradients(exported, x)
    dynamic = [{0: torch.export.Dim.AUTO}]
    exported = torch.export.export(net, (x,), dynamic_shapes=dynamic).module()
    torch.testing.assert_close(input_gradients(exported, x), input_gradients(net, x))
