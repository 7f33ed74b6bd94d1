import pytest
import torch

from sk_awave.engine import CoeffLayout, FilterBank
from sk_awave.engine._objective import TERMS, Objective
from sk_awave.engine._plan import TransformPlan


def _make_objective(
    wavelet="db3",
    parametrization="orthogonal",
    *,
    signal_shape=(32,),
    n_samples=40,
    n_channels=1,
    level=2,
    mode="symmetric",
    n_levels=1,
    n_axes=1,
    weights=None,
    noise=0.0,
    scale=1.0,
    dtype=torch.float64,
):
    generator = torch.Generator().manual_seed(0)
    shape = (n_samples, n_channels, *signal_shape)
    x, gradients = torch.randn(2, *shape, generator=generator, dtype=dtype)
    bank = FilterBank.from_wavelet(
        wavelet, parametrization, n_levels=n_levels, n_axes=n_axes
    )
    off = torch.randn(bank.original.shape, generator=generator, dtype=torch.float64)
    bank.original.data += noise * off
    layout = CoeffLayout(signal_shape, n_channels, bank.filter_length, level, mode)
    if weights is None:
        weights = {term: 1.0 + i for i, term in enumerate(TERMS)}
    plan = TransformPlan(layout)
    return Objective(bank, plan, scale * x.cumsum(-1), weights, gradients)


@pytest.fixture
def make_objective():
    """Objectives of random walks with random input gradients, all terms weighted."""
    return _make_objective
