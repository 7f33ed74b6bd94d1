"""Contextual decomposition of networks: published values, formulas and identities."""

from pathlib import Path

import numpy as np
import pytest
import torch
from split_nets import LENGTH, NETS, make_net
from torch import nn
from torch.nn import functional as F
from torch.overrides import wrap_torch_function

from sk_awave.attribution import decomposition_rule
from sk_awave.attribution._split import contextual_parts
from sk_awave.attribution._split_recurrent import gate_shares
from sk_awave.attribution._split_rules import share as share_of_bias

DATA = Path(__file__).parent / "data"
PUBLISHED = 1e-10  # what the published code and these rules may differ by at 0/0
EXACT = 1e-12  # float64 rounding of a few dozen operations


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def samples(n_samples=4, n_groups=3):
    """Return samples and parts of them."""
    return random(n_samples, LENGTH), random(n_groups, n_samples, LENGTH, seed=1)


def decompose(forward, x, parts):
    with torch.no_grad():
        return contextual_parts(forward, x, parts)


def load_reference(name):
    with np.load(DATA / f"cd_{name}.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file}
    state = {k.removeprefix("state."): v for k, v in arrays.items() if "state." in k}
    return arrays, state


def assert_close(actual, expected, tolerance=EXACT):
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


def test_published_perceptron():
    reference, state = load_reference("mlp")
    net = nn.Sequential(
        *(nn.Linear(12, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 8), nn.ReLU()),
        nn.Linear(8, 3),
    ).double()
    net.load_state_dict(state)
    x, parts = reference["x"], reference["masks"][:, None] * reference["x"]
    relevant, total = decompose(net.eval(), x, parts)
    assert_close(relevant, reference["relevant"], PUBLISHED)
    assert_close(total - relevant, reference["irrelevant"], PUBLISHED)
    assert_close(total, reference["output"])


def test_published_lstm_of_words():
    # Its scores leave the bias of the output out.
    reference, state = load_reference("text")
    lstm, head = nn.LSTM(3, 6).double(), state["hidden_to_label.weight"]
    lstm.load_state_dict({k[5:]: v for k, v in state.items() if k.startswith("lstm.")})
    words = state["embed.weight"][reference["words"][:, 0]][None]
    place = torch.arange(words.shape[1])
    masks = [(place >= first) & (place <= last) for first, last in reference["spans"]]
    parts = words * torch.stack(masks)[:, None, :, None]

    def forward(vectors):
        return F.linear(lstm.eval()(vectors.transpose(0, 1))[1][0][-1], head)

    relevant, total = decompose(forward, words, parts)
    assert_close(relevant[:, 0], reference["relevant"], PUBLISHED)
    assert_close(total - relevant[:, 0], reference["irrelevant"], PUBLISHED)
    assert_close(total[0] + state["hidden_to_label.bias"], reference["output"])


@pytest.mark.parametrize("function", [torch.sigmoid, torch.tanh])
def test_published_shares_of_gates(function):
    reference, _ = load_reference("rules")
    a, b, c = (reference[name] for name in "abc")
    first, bias = gate_shares(a, a + b + c, c, function)
    second, _ = gate_shares(b, a + b + c, c, function)
    expected = reference[f"three_{function.__name__}"]
    assert_close(torch.stack([first, second, bias]), expected)


def test_published_tanh():
    reference, _ = load_reference("rules")
    a, b = reference["a"][:, None], reference["b"][:, None]
    relevant, total = decompose(torch.tanh, a + b, a[None])
    expected = reference["two_tanh"][..., None]
    assert_close(torch.stack([relevant[0], total - relevant[0]]), expected)


@pytest.mark.parametrize("name", NETS)
def test_parts_add_up_to_the_model(name):
    net, (x, parts) = make_net(name), samples()
    with torch.no_grad():
        expected = net(x).reshape(len(x), -1)
    relevant, total = decompose(net, x, parts)
    assert relevant.shape == (3, *expected.shape)
    assert_close(total, expected)
    assert relevant.isfinite().all()
    assert not np.allclose(relevant, total)
    # Nothing is exactly nothing; all is all, but for rounding in shares of small values.
    nothing, _ = decompose(net, x, torch.zeros_like(parts))
    assert not nothing.any()
    everything, _ = decompose(net, x, x[None])
    assert_close(everything[0], expected, PUBLISHED)


@pytest.mark.parametrize("name", NETS)
def test_groups_and_samples_do_not_interact(name):
    net, (x, parts) = make_net(name), samples()
    x = x.abs() if name == "branch" else x  # which looks at the sum of the batch
    relevant, _ = decompose(net, x, parts)
    for group in range(len(parts)):
        for row in range(len(x)):
            rows = slice(row, row + 1)
            alone, _ = decompose(net, x[rows], parts[group, rows][None])
            assert_close(alone[0, 0], relevant[group, row])


@pytest.mark.parametrize("name", ["perceptron", "residual", "gates", "deep lstm"])
def test_gradients(name):
    net, (x, parts) = make_net(name), samples(2, 2)
    weights = [p for p in net.parameters() if p.ndim > 1][:2]

    def relevant(x, parts, *weights):
        return contextual_parts(net, x, parts)[0]

    inputs = x.requires_grad_(), parts.requires_grad_(), *weights
    assert torch.autograd.gradcheck(relevant, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ["perceptron", "residual", "gates", "deep lstm"])
def test_gradients_of_nothing(name):
    # A penalty on an empty group must not spoil the training of a network.
    net, (x, parts) = make_net(name), samples()
    parts = torch.zeros_like(parts).requires_grad_()
    contextual_parts(net, x, parts)[0].square().sum().backward()
    for tensor in (parts, *net.parameters()):
        assert tensor.grad is None or tensor.grad.isfinite().all()


def test_gradient_at_an_empty_part():
    # tanh is not split at 0: what a small part adds, alone and last, is kept.
    x, part = random(3, 4), torch.zeros(1, 3, 4, dtype=torch.float64, requires_grad=True)
    contextual_parts(torch.tanh, x, part)[0].sum().backward()
    assert_close(part.grad[0], 1 - x.tanh() ** 2 / 2)


def test_linear_model():
    x, parts = samples()
    net = nn.Sequential(nn.Linear(LENGTH, 8, bias=False), nn.Linear(8, 2, bias=False))
    net, (first, second) = net.double(), (layer.weight.double() for layer in net)
    relevant, _ = decompose(net, x, parts)
    assert_close(relevant, parts @ (second @ first).T.detach())


def share(r, i):
    return abs(r) / (abs(r) + abs(i))


def with_bias(r, i, bias):
    return r + share(r, i) * bias


def half(f):
    """The rule of elementwise functions that are 0 at 0."""
    return lambda r, i: (f(r) + f(r + i) - f(i)) / 2


W = random(3, LENGTH, seed=2)
B = random(3, seed=3)
FILTER = random(5, 1, 3, seed=4)
SHIFT = random(5, seed=5)
MEAN, VARIANCE = random(LENGTH, seed=6), random(LENGTH, seed=7) ** 2 + 0.1
SCALE = 2 / np.sqrt(VARIANCE.numpy() + 1e-5)


def convolved(x):
    """Return the correlation of rows with `FILTER`, in NumPy."""
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=-1)
    return np.einsum("...tk,ck->...ct", windows, FILTER[:, 0].numpy())


def convolve_with_bias(r, i):
    return with_bias(convolved(r), convolved(i), SHIFT.numpy()[:, None])


def pooled(r, i):
    r, t = (v.reshape(*v.shape[:-1], -1, 4) for v in (r, r + i))
    place = t.argmax(-1, keepdims=True)
    return np.take_along_axis(r, np.broadcast_to(place, (*r.shape[:-1], 1)), -1)[..., 0]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_rule(r, i):
    part = (sigmoid(r) - 0.5 + sigmoid(r + i) - sigmoid(i)) / 2
    return with_bias(part, sigmoid(r + i) - 0.5 - part, 0.5)


#: A function, and the rule in NumPy: from relevant and irrelevant to relevant part.
RULES = {
    "linear": (
        lambda x: F.linear(x, W, B),
        lambda r, i: with_bias(r @ W.numpy().T, i @ W.numpy().T, B.numpy()),
    ),
    "matmul and constant": (
        lambda x: x @ W.T + B,
        lambda r, i: with_bias(r @ W.numpy().T, i @ W.numpy().T, B.numpy()),
    ),
    "convolution": (lambda x: F.conv1d(x[:, None], FILTER, SHIFT), convolve_with_bias),
    "transposed convolution": (
        # Of zeros and ones: each value twice.
        lambda x: F.conv_transpose1d(
            x[:, None], torch.ones(1, 1, 2).double(), B[:1], stride=2
        ),
        lambda r, i: with_bias(np.repeat(r, 2, -1), np.repeat(i, 2, -1), B.numpy()[0]),
    ),
    "batch norm": (
        lambda x: F.batch_norm(x, MEAN, VARIANCE, torch.full_like(MEAN, 2.0), MEAN),
        lambda r, i: with_bias(SCALE * r, SCALE * i, MEAN.numpy() * (1 - SCALE)),
    ),
    "relu": (torch.relu, lambda r, i: np.maximum(r, 0)),
    "max pool": (lambda x: F.max_pool1d(x, 4), pooled),
    "max pool with indices": (lambda x: F.max_pool1d(x, 4, return_indices=True), pooled),
    "adaptive max pool": (lambda x: F.adaptive_max_pool1d(x, LENGTH // 4), pooled),
    "maximum over an axis": (lambda x: x.unflatten(1, (-1, 4)).amax(2), pooled),
    "values of a maximum": (lambda x: x.unflatten(1, (-1, 4)).max(2).values, pooled),
    "minimum over an axis": (
        lambda x: -(-x).unflatten(1, (-1, 4)).min(dim=2, keepdim=True).values[..., 0],
        pooled,
    ),
    "average pool": (
        lambda x: F.avg_pool1d(x, 4),
        lambda r, i: r.reshape(*r.shape[:-1], -1, 4).mean(-1),
    ),
    "constant": (lambda x: x + 3, lambda r, i: with_bias(r, i, 3)),
    "constant first": (lambda x: 3 - x, lambda r, i: with_bias(-r, -i, 3)),
    "multiple of a constant": (
        lambda x: torch.add(x, torch.ones(1).double(), alpha=3),
        lambda r, i: with_bias(r, i, 3),
    ),
    "normalised input": (
        lambda x: (x - 0.5) / 0.1,
        lambda r, i: with_bias(r, i, -0.5) / 0.1,
    ),
    "sum": (lambda x: x + torch.relu(x), lambda r, i: r + np.maximum(r, 0)),
    "difference": (lambda x: x - torch.relu(x), lambda r, i: r - np.maximum(r, 0)),
    "product": (lambda x: x * torch.relu(x), lambda r, i: r * np.maximum(r, 0)),
    "tanh": (torch.tanh, half(np.tanh)),
    "square": (lambda x: x**2, half(np.square)),
    "sigmoid": (torch.sigmoid, sigmoid_rule),
    "leaky relu": (
        lambda x: F.leaky_relu(x, 0.1, True),
        half(lambda x: np.maximum(x, 0.1 * x)),
    ),
    "padding": (
        lambda x: F.pad(x, (1, 1), value=2.0),
        lambda r, i: np.pad(r, [*[(0, 0)] * (r.ndim - 1), (1, 1)]),
    ),
    "constant beside it": (
        lambda x: torch.cat([x, torch.ones_like(x)], 1),
        lambda r, i: np.concatenate([r, np.zeros_like(r)], -1),
    ),
    "constant in its place": (
        lambda x: x.masked_fill(x > 0, 7.0),
        lambda r, i: np.where(r + i > 0, 0, r),
    ),
    "choice": (
        lambda x: torch.where(x > 0, x, x * 2),
        lambda r, i: np.where(r + i > 0, r, 2 * r),
    ),
    "transpose": (lambda x: x.T.mT.flip(1), lambda r, i: r[..., ::-1]),
    "pieces": (lambda x: torch.stack(x.chunk(4, 1)).sum(0), lambda r, i: sum_of_four(r)),
    "mask": (lambda x: x[:, torch.arange(LENGTH) < 3], lambda r, i: r[..., :3]),
    "in place": (
        lambda x: x.clone().mul_(2).add_(1).relu_(),
        lambda r, i: np.maximum(with_bias(2 * r, 2 * i, 1), 0),
    ),
}


def sum_of_four(r):
    return r.reshape(*r.shape[:-1], 4, -1).sum(-2)


@pytest.mark.parametrize("name", RULES)
def test_rules_against_their_formulas(name):
    forward, rule = RULES[name]
    x, parts = samples()
    relevant, total = decompose(forward, x, parts)
    with np.errstate(divide="ignore"):
        expected = rule(parts.numpy(), (x - parts).numpy())
    expected = expected.reshape(len(parts), len(x), -1)
    np.testing.assert_allclose(relevant, expected, atol=EXACT)
    outputs = forward(x)
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs
    assert_close(total, outputs.reshape(len(x), -1))


IMAGE = (1, 4, 4)

#: Linear maps of the samples, which are those of the relevant part.
LINEAR = {
    "shapes": lambda x: (
        x.view(len(x), 4, -1)
        .transpose(1, 2)
        .permute(0, 2, 1)
        .flatten(1)
        .unflatten(1, (2, 8))
    ),
    "axes": lambda x: x[:, None].movedim(1, 2).swapaxes(1, 2).squeeze(1).unsqueeze(-1),
    "like another": lambda x: x.view_as(x.reshape(-1, 4)).reshape_as(x),
    "selection": lambda x: x.narrow(1, 2, 9).index_select(1, torch.tensor([3, 1])),
    "one": lambda x: x.select(1, 3) + x[..., 2],
    "gather": lambda x: x.gather(1, torch.arange(8).repeat(len(x), 1)),
    "splits": lambda x: sum(x.split([3, 3, 10], 1)[:2]) + x.tensor_split(4, 1)[0][:, :3],
    "repeats": lambda x: x.repeat(1, 2).flip(1).roll(1, 1) + x.tile(1, 2),
    "expansions": lambda x: (
        x[:, None].expand(-1, 3, -1) + x[:, None].expand_as(x[:, None])
    ),
    "interleaved": lambda x: x.repeat_interleave(2, 1),
    "windows": lambda x: x.unfold(1, 4, 2).contiguous(),
    "patches": lambda x: F.fold(F.unfold(x.reshape(-1, *IMAGE), 2), (4, 4), 2),
    "shuffles": lambda x: F.pixel_shuffle(F.pixel_unshuffle(x.reshape(-1, *IMAGE), 2), 2),
    "channels": lambda x: torch.channel_shuffle(x.reshape(-1, 4, 2, 2), 2),
    "dtypes": lambda x: x.to(torch.float64).type_as(x).double().clone().detach().cpu(),
    "sums": lambda x: (
        x.cumsum(1).diff(dim=1) + x.mean(1, keepdim=True) - x.sum(1)[:, None]
    ),
    "pools": lambda x: F.adaptive_avg_pool2d(
        F.avg_pool2d(x.reshape(-1, *IMAGE), 2, 1), 2
    ),
    "volumes": lambda x: F.avg_pool3d(x.reshape(-1, 1, 4, 2, 2), 2),
    "interpolation": lambda x: F.interpolate(x[:, None], 31, mode="linear"),
    "bicubic": lambda x: F.interpolate(x.reshape(-1, *IMAGE), 7, mode="bicubic"),
    "reflection": lambda x: F.pad(x[:, None], (3, 3), mode="reflect"),
    "products": lambda x: (x @ W.T).mul(B) / 2 + (3 * x).matmul(W.mT) + torch.mm(x, W.T),
    "batches": lambda x: torch.bmm(x[:, None], W.T.expand(len(x), -1, -1)),
    "vectors": lambda x: x.mv(W[0]) - torch.tensordot(x, W[1], 1),
    "einsum": lambda x: torch.einsum("bt,ct->bc", x, W),
    "dropout": lambda x: F.alpha_dropout(F.dropout(x, training=False), training=False),
    "dropped channels": lambda x: nn.Dropout2d().eval()(x.reshape(-1, 4, 2, 2)),
    "masked": lambda x: torch.where(W[0] > 0, x, 0.0).masked_fill(W[1] > 0, 0.0),
}


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch 2.3
@pytest.mark.parametrize("name", LINEAR)
def test_linear_maps(name):
    x, parts = samples()
    relevant, total = decompose(LINEAR[name], x, parts)
    assert_close(total, LINEAR[name](x).reshape(len(x), -1))
    expected = torch.stack([LINEAR[name](part) for part in parts])
    assert_close(relevant, expected.reshape(relevant.shape))


ELEMENTWISE = [
    *(torch.tanh, torch.sigmoid, torch.abs, torch.exp, torch.expm1, torch.square),
    *(torch.sin, torch.cos, torch.atan, torch.erf, F.gelu, F.elu, F.selu, F.celu, F.silu),
    *(F.mish, F.leaky_relu, F.softplus, F.hardtanh, F.relu6, F.hardswish, F.hardsigmoid),
    *(F.softsign, F.logsigmoid, F.tanhshrink, F.softshrink, F.hardshrink),
    *(nn.PReLU().double(), nn.Threshold(0.1, 0.2), lambda x: x.clamp(-0.5, 0.7)),
]


@pytest.mark.parametrize(
    "function", ELEMENTWISE, ids=lambda f: getattr(f, "__name__", type(f).__name__)
)
def test_elementwise_functions(function):
    x, parts = samples()
    relevant, total = decompose(function, x, parts)
    with torch.no_grad():
        assert_close(total, function(x))
        zero = function(torch.zeros(1, 1).double())
        part = (function(parts) - zero + function(x) - function(x - parts)) / 2
        expected = part + zero * share(part, function(x) - zero - part).nan_to_num()
    assert_close(relevant, expected)
    nothing, _ = decompose(function, x, torch.zeros_like(parts))
    assert not nothing.any()


def test_input_in_place_is_left_alone():
    x, parts = samples()
    before = x.clone(), parts.clone()
    decompose(lambda x: x.mul_(2).relu_(), x, parts)
    assert torch.equal(x, before[0])
    assert torch.equal(parts, before[1])


def named(**modules):
    """A network of named modules, one after the other."""
    net = nn.Sequential()
    for name, module in modules.items():
        net.add_module(name, module)
    return net.double().eval()


class First(nn.Module):
    """The first value that a module returns."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x.unsqueeze(-1))[0][:, -1]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        x = x.unflatten(1, (4, 4))
        return self.heads(x, x, x, need_weights=False)[0].flatten(1)


@pytest.mark.parametrize(
    "module, function, place",
    [
        (nn.Softmax(1), "torch.nn.functional.softmax", "'head'"),
        (nn.LogSoftmax(1), "torch.nn.functional.log_softmax", "'head'"),
        (nn.LayerNorm(LENGTH), "torch.nn.functional.layer_norm", "'head'"),
        (First(nn.GRU(1, 3, batch_first=True)), "torch.gru", "'head.module'"),
        (First(nn.LSTM(1, 3, proj_size=2)), "torch.lstm", "'head.module'"),
        (Attention(), r"torch.\S*multi_head_attention_forward", "'head.heads'"),
    ],
    ids=str,
)
def test_functions_without_a_rule_are_named(module, function, place):
    net, (x, parts) = named(hidden=nn.Linear(LENGTH, LENGTH), head=module), samples()
    remedy = "Pass the logits, or register" if "softmax" in function else "Register"
    message = rf"has no rule for {function} \(in module {place}\)\. {remedy} one with"
    with pytest.raises(NotImplementedError, match=message):
        decompose(net, x, parts)


@pytest.mark.parametrize(
    "forward, name",
    [
        (lambda x: x.data, r"torch.Tensor.data.__get__. It takes values out"),
        (lambda x: torch.from_numpy(x.detach().numpy()), r"torch.Tensor.numpy. It takes"),
        (lambda x: x * x.sum().item(), r"torch.Tensor.item. It takes values out"),
        (lambda x: x * float(x.sum()), r"torch.Tensor.__float__. It takes values out"),
        (lambda x: 1 / x, r"torch.Tensor.__rtruediv__"),
        (lambda x: x / x.sum(), r"torch.Tensor.div"),
        (lambda x: x.div(2, rounding_mode="floor"), r"torch.Tensor.div"),
        (lambda x: x**0.5, r"torch.Tensor.\w*pow"),
        (lambda x: x.max(), r"torch.Tensor.max"),
        (lambda x: F.linear(W, x), r"torch.nn.functional.linear"),
    ],
)
def test_ways_out_of_the_decomposition(forward, name):
    with pytest.raises(NotImplementedError, match=f"has no rule for {name}"):
        decompose(forward, *samples())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript():
    net = torch.jit.script(named(head=nn.Linear(LENGTH, 2)))
    with pytest.raises(NotImplementedError, match=r"TorchScript.* that was scripted"):
        decompose(net, *samples())


def test_outputs_that_do_not_come_from_the_input():
    with pytest.raises(TypeError, match="leaves the contextual decomposition"):
        decompose(lambda x: torch.zeros(len(x), 2), *samples())


@pytest.mark.parametrize(
    "module, layer",
    [
        (nn.Dropout(), "dropout"),
        (nn.BatchNorm1d(LENGTH), "batch normalisation"),
        (First(nn.LSTM(1, 3)), "the LSTM"),
    ],
    ids=str,
)
def test_training_mode(module, layer):
    message = rf"{layer}.* is in training mode. Call model.eval\(\) first"
    with pytest.raises(ValueError, match=message):
        decompose(named(module=module).train(), *samples())


def test_rule_of_the_user():
    @wrap_torch_function(lambda x: (x,))
    def root(x):
        return x.abs().sqrt()  # whose derivative at 0 is no number

    net = nn.Sequential(nn.Linear(LENGTH, 3)).double()
    x, parts = samples()

    def forward(x):
        return root(net(x))

    with pytest.raises(NotImplementedError, match=r"has no rule for root\. Register"):
        decompose(forward, x, parts)

    @decomposition_rule(root)
    def rule(func, total, x):
        return total * share(x.relevant, x.irrelevant)

    relevant, total = decompose(forward, x, parts)
    inner, inner_total = decompose(net, x, parts)
    assert_close(relevant, total * share(inner, inner_total - inner))


def test_rule_of_a_wrong_shape():
    @wrap_torch_function(lambda x: (x,))
    def double(x):
        return 2 * x

    @decomposition_rule(double)
    def rule(func, total, x):
        return x.relevant.sum()

    with pytest.raises(ValueError, match=r"of shape \(4, 16\). Got \(\) instead"):
        decompose(double, *samples())


def test_float32():
    net, (x, parts) = make_net("residual"), samples()
    expected, _ = decompose(net, x, parts)
    actual, total = decompose(net.float(), x.float(), parts.float())
    assert actual.dtype == total.dtype == torch.float32
    assert_close(actual.double(), expected, 1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", NETS)
def test_on_a_gpu(name, cuda):
    if name == "parallel":
        pytest.skip("copies the network to every device")
    net, (x, parts) = make_net(name).float(), samples()
    expected, _ = decompose(net, x.float(), parts.float())
    with torch.backends.cudnn.flags(allow_tf32=False):
        net = net.to(cuda)
        actual, _ = decompose(net, x.float().to(cuda), parts.float().to(cuda))
    assert_close(actual.cpu(), expected, 1e-5)


def test_shares_of_rounding_errors_are_small():
    """Beside the largest value of a sample; else rounding would decide over a bias."""
    relevant = torch.tensor([[1.0, 1e-17, 0.0, 0.5], [1e-17, 0.0, 0.0, 0.0]]).double()
    irrelevant = torch.tensor([[0.0, 0.0, 0.0, 1.5], [0.0, 0.0, 0.0, 0.0]]).double()
    shares = share_of_bias(relevant, irrelevant)
    assert_close(shares[0, [0, 3]], torch.tensor([1.0, 0.25]).double(), 1e-12)
    assert shares[0, 1] < 0.1
    assert (shares[:, 2] == 0).all()
    assert shares[1, 0] > 0.9  # a sample of small values is not one of errors
