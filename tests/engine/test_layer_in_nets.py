"""The layer as a part of networks: casts, sharding, tracing, export and compilation."""

import warnings

import pytest
import torch
from torch import nn

from sk_awave.engine import FilterBank, MultilevelDWT

KINDS = [
    ("orthogonal", "db4"),
    ("biorthogonal", "bior4.4"),
    ("symmetric", "bior4.4"),
    ("free", "db4"),
    ("fixed", "bior4.4"),
]
by_kind = pytest.mark.parametrize("parametrization, wavelet", KINDS)


class RoundTrip(nn.Module):
    """Transforms and reconstructs."""

    def __init__(self, signal_shape, wavelet="db2", **kwargs):
        super().__init__()
        self.signal_shape = signal_shape
        kwargs = {"level": 1, "ndim": len(signal_shape)} | kwargs
        self.dwt = MultilevelDWT(wavelet, **kwargs)

    def forward(self, x):
        return self.dwt.inverse(self.dwt(x), signal_shape=self.signal_shape)


class Flat(RoundTrip):
    """Returns all coefficients in one tensor."""

    def forward(self, x):
        return torch.cat([band.flatten(1) for band in leaves(self.dwt(x))], 1)


def draw(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def assert_reconstructs(net, x, tolerance):
    back = net(x)
    assert back.dtype == x.dtype
    assert type(back) is torch.Tensor
    assert (back.double() - x.double()).abs().max() < tolerance


@by_kind
@pytest.mark.parametrize("start", [torch.float32, torch.float64])
def test_the_start_is_exact_whatever_the_dtype_of_parameters(
    parametrization, wavelet, start
):
    exact = FilterBank.from_wavelet(wavelet, parametrization)
    bank = FilterBank.from_wavelet(wavelet, parametrization, dtype=start)
    assert all(parameter.dtype == start for parameter in bank.parameters())
    assert bank().dtype == torch.float64
    torch.testing.assert_close(bank(), exact(), rtol=0, atol=1e-13)


@by_kind
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_parameters_have_the_default_dtype(parametrization, wavelet, dtype):
    torch.set_default_dtype(dtype)
    try:
        layer = MultilevelDWT(wavelet, parametrization=parametrization)
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(parameter.dtype == dtype for parameter in layer.parameters())
    exact = FilterBank.from_wavelet(wavelet, parametrization)
    torch.testing.assert_close(layer.filter_bank(), exact(), rtol=0, atol=1e-9)
    other = MultilevelDWT(wavelet, parametrization=parametrization).to(dtype)
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other.filter_bank(), exact(), rtol=0, atol=1e-9)


@by_kind
@pytest.mark.parametrize(
    "dtype, tolerance",
    [
        (torch.float64, 1e-10),  # as the taps of bior4.4 are tabulated
        (torch.float32, 5e-6),
        (torch.float16, 2e-2),
        (torch.bfloat16, 2e-1),
    ],
)
def test_a_net_may_be_cast(parametrization, wavelet, dtype, tolerance):
    if parametrization == "free" and dtype in (torch.float16, torch.bfloat16):
        tolerance *= 5  # its taps are rounded, and with them what reconstructs
    net = RoundTrip((150,), wavelet, level=2, parametrization=parametrization).to(dtype)
    assert_reconstructs(net, draw(3, 150).to(dtype), tolerance)
    if parametrization not in ("free", "fixed"):
        # Whatever their parameters have lost, they reconstruct.
        assert_reconstructs(net.double(), draw(3, 150), 1e-12)
        net(draw(3, 150)).square().sum().backward()
        assert (net.dwt.filter_bank.original.grad.abs() < 1e-9).all()


def test_casts_leave_fixed_filters():
    dwt = MultilevelDWT("db4", parametrization="fixed")
    before = dwt.filter_bank().clone()
    assert list(dwt.parameters()) == []
    assert torch.equal(dwt.half().filter_bank(), before)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="no torch.distributed")
@pytest.mark.parametrize("parametrization", ["orthogonal", "fixed"])
def test_parameters_can_be_sharded(parametrization):
    import torch.distributed as dist
    from torch.distributed.fsdp import FullyShardedDataParallel

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        net = nn.Sequential(
            nn.Linear(64, 64),
            MultilevelDWT("db2", level=2, parametrization=parametrization),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a single process
            net = FullyShardedDataParallel(net, device_id=torch.device("cpu"))
        loss = sum(band.abs().sum() for band in net(torch.randn(4, 64)))
        loss.backward()
        assert loss.isfinite()
    finally:
        dist.destroy_process_group()


@by_kind
@pytest.mark.parametrize(
    "signal_shape, mode",
    [((41,), "symmetric"), ((20, 31), "periodization"), ((19, 18, 20), "antireflect")],
)
def test_jit_trace_records_the_transform(parametrization, wavelet, signal_shape, mode):
    x, more = draw(2, *signal_shape), draw(5, *signal_shape)
    for cls in (RoundTrip, Flat):
        net = cls(signal_shape, wavelet, parametrization=parametrization, mode=mode)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what depends on the shape of the signals
            # It traces twice and compares, so that what is cached would be seen.
            traced = torch.jit.trace(net, x)
        outputs = traced(more), net(more)
        torch.testing.assert_close(*outputs, rtol=0, atol=1e-10)
        if parametrization != "fixed" and cls is Flat:
            losses = (output.abs().sum() for output in outputs)
            slopes = (torch.autograd.grad(f, net.parameters())[0] for f in losses)
            torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-3)


def leaves(coeffs):
    return torch.utils._pytree.tree_leaves(coeffs)


def export(net, x):
    return torch.export.export(net, (x,)).module()


def export_of_any_batch(net, x):
    shapes = ({0: torch.export.Dim("batch", min=2)},)
    return torch.export.export(net, (x,), dynamic_shapes=shapes).module()


def compiled(net, x):
    torch._dynamo.reset()
    return torch.compile(net, fullgraph=True, backend="aot_eager")


def under_fake_tensors(net, x):
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        net(mode.from_tensor(x))
    return net


def in_inference_mode(net, x):
    with torch.inference_mode():
        net(x)
    return net


@pytest.mark.parametrize("first", [export, compiled, under_fake_tensors])
@pytest.mark.parametrize(
    "second", [export, export_of_any_batch, compiled, in_inference_mode]
)
def test_a_trace_leaves_nothing_behind(first, second, request):
    """Constants are cached for all: none may belong to a trace."""
    # A length of its own, whose constants no other test has made.
    length = 30 + hash_of(request.node.name)
    x = draw(2, length, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler
        for way in (first, second):
            try:
                traced = way(RoundTrip((length,)), x)
            except NotImplementedError:
                assert way is under_fake_tensors
                continue
            assert_reconstructs(traced, x, 1e-5)
    net = RoundTrip((length,))
    assert_reconstructs(net, x.clone().requires_grad_(), 1e-5)
    net(x).square().sum().backward()


def hash_of(name):
    return sum(map(ord, name)) % 1000


@pytest.mark.parametrize("batch_shape", [(), (1,), (7,), (2, 3)])
@pytest.mark.parametrize("signal_shape", [(40,), (12, 14)])
def test_bands_are_contiguous_and_keep_no_other_memory(batch_shape, signal_shape):
    dwt = MultilevelDWT("db2", level=2, ndim=len(signal_shape), mode="periodization")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the level
        bands = leaves(dwt(draw(*batch_shape, *signal_shape)))
    for band in bands:
        assert band.is_contiguous()
        storage = band.untyped_storage().nbytes()
        assert storage == band.numel() * band.element_size()
