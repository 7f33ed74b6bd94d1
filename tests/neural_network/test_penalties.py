"""The penalties, beside brute force, closed forms and finite differences."""

import numpy as np
import pytest
import torch
from torch import nn

from sk_awave import WaveletTransformer
from sk_awave.attribution._split import contextual_parts
from sk_awave.neural_network._penalties import PENALTIES, gradient, removal
from sk_awave.neural_network._region import Region, band_weights

N_SAMPLES, LENGTH = 5, 24


@pytest.fixture(params=["bands", "mask", "masks"])
def region(request):
    rng = np.random.default_rng(0)
    if request.param == "bands":
        transformer = WaveletTransformer("bior2.2", level=2).fit(np.ones((1, LENGTH)))
        weights = band_weights(transformer.layout_, ["cD1"])
        return Region(torch.from_numpy(weights).double(), transformer)
    shape = (LENGTH,) if request.param == "mask" else (N_SAMPLES, LENGTH)
    return Region(torch.from_numpy(rng.integers(0, 2, shape)).double())


@pytest.fixture
def x():
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.standard_normal((N_SAMPLES, LENGTH)))


def make_net(n_outputs=3):
    torch.manual_seed(0)
    layers = nn.Linear(LENGTH, 6), nn.Tanh(), nn.Linear(6, n_outputs)
    return nn.Sequential(*layers).double()


def test_removal_is_the_mean_square_of_single_differences(region, x):
    net, part = make_net(), region.part(x)
    squares = [
        (net(row)[k] - net(row - p)[k]) ** 2
        for row, p in zip(x, part, strict=True)
        for k in range(3)
    ]
    torch.testing.assert_close(removal(net, x, region), torch.stack(squares).mean())


def test_mean_over_signs_of_gradient_is_that_over_outputs(region, x, monkeypatch):
    net = make_net()
    jacobian = torch.stack([torch.autograd.functional.jacobian(net, row) for row in x])
    squares = [(region.project(g) * g).sum() for g in jacobian.unbind(1)]
    expected = torch.stack(squares).sum() / (N_SAMPLES * 3)
    values = []
    for pattern in ([0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]):
        signs = torch.tensor(pattern, dtype=x.dtype).expand(N_SAMPLES, 3)
        monkeypatch.setattr(torch, "randint_like", lambda *_, signs=signs: signs)
        values.append(gradient(net, x, region))
    torch.testing.assert_close(torch.stack(values).mean(), expected)


@pytest.mark.parametrize("name", PENALTIES)
def test_derivatives_are_those_of_finite_differences(name, region, x):
    net = make_net(n_outputs=1)  # for which signs do not matter
    names = [name for name, _ in net.named_parameters()]

    def penalty(*values):
        params = dict(zip(names, values, strict=True))
        forward = lambda x: torch.func.functional_call(net, params, x)  # noqa: E731
        return PENALTIES[name](forward, x, region)

    values = [p.detach().requires_grad_() for p in net.parameters()]
    assert torch.autograd.gradcheck(penalty, values)


@pytest.mark.parametrize("name", PENALTIES)
def test_linear_nets_in_closed_form(name, region, x):
    weight = torch.from_numpy(np.random.default_rng(2).standard_normal((1, LENGTH)))
    value = PENALTIES[name](lambda x: x @ weight.T, x, region)
    if name == "gradient":
        rows = weight.expand(N_SAMPLES, -1)
        expected = (rows * region.project(rows)).sum(1).mean()
    else:
        lost = region.part(x) @ weight.T
        expected = (lost**2 if name == "removal" else lost.abs()).mean()
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("name", PENALTIES)
def test_nothing_where_there_is_no_region(name, x):
    region = Region(torch.zeros(LENGTH, dtype=x.dtype))
    value = PENALTIES[name](make_net(), x, region).item()
    assert value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_interactions_count(name):
    """Of ``relu(-1 + 2)`` the decomposition gives the -1 nothing, but it has its say."""
    x = torch.tensor([[-1.0, 2.0]], dtype=torch.float64)
    region = Region(torch.tensor([1.0, 0.0], dtype=x.dtype))

    def net(x):
        return torch.relu(x.sum(1, keepdim=True))

    published, _ = contextual_parts(net, x, region.part(x)[None])
    assert published.item() == 0
    assert PENALTIES[name](net, x, region).item() == pytest.approx(1)


class Attention(nn.Module):
    def __init__(self, kind):
        super().__init__()
        if kind == "encoder":
            self.attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        else:
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.head = nn.Linear(LENGTH, 1)

    def forward(self, x):
        x = x.unflatten(1, (-1, 4))
        if isinstance(self.attention, nn.MultiheadAttention):
            x = self.attention(x, x, x, need_weights=False)[0]
        else:
            x = self.attention(x)
        return self.head(x.flatten(1))


@pytest.mark.parametrize("kind", ["encoder", "attention"])
def test_gradients_of_attention_have_derivatives(kind, x):
    """The kernels that attention prefers have no second derivative."""
    torch.manual_seed(0)
    net = Attention(kind).double().eval()
    region = Region(torch.ones(LENGTH).double())
    names = [name for name, _ in net.named_parameters()]

    def penalty(*values):
        params = dict(zip(names, values, strict=True))
        forward = lambda x: torch.func.functional_call(net, params, x)  # noqa: E731
        return gradient(forward, x, region)

    values = [p.detach().requires_grad_() for p in net.parameters()]
    assert torch.autograd.gradcheck(penalty, values, fast_mode=True)
