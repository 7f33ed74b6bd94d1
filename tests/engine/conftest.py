import pytest
import torch

from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.engine._atoms import atom_norms
from sk_awave.engine._objective import Objective
from sk_awave.engine._reference import pack, wavedec, waverec, waverec_adjoint
from sk_awave.engine._terms import PENALTIES, Attribution, Reconstruction, Sparsity

#: A strength of its own for each of the published terms.
WEIGHTS = [1.0 + i for i in range(8)]


def _make_objective(
    wavelet="db3",
    parametrization="orthogonal",
    *,
    signal_shape=(32,),
    n_samples=40,
    n_channels=1,
    n_targets=1,
    level=2,
    mode="symmetric",
    n_levels=1,
    n_axes=1,
    multiply=False,
    weights=WEIGHTS,
    noise=0.0,
    scale=1.0,
    dtype=torch.float64,
):
    generator = torch.Generator().manual_seed(0)
    shape = (n_samples, n_channels, *signal_shape)
    x, gradients = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    bank = FilterBank.from_wavelet(
        wavelet, parametrization, n_levels=n_levels, n_axes=n_axes
    )
    off = torch.randn(bank.original.shape, generator=generator, dtype=torch.float64)
    bank.original.data += noise * off
    layout = CoeffLayout(
        signal_shape, n_channels, bank.filter_length, Tree.dwt(level), mode
    )
    published = Reconstruction(), Sparsity(), Attribution(multiply), *PENALTIES
    terms = dict(zip(published, weights, strict=True))
    # Targets are channels: those of the first one come first.
    gradients = torch.cat([gradients, gradients.flip(-1)][:n_targets], 1)
    x = scale * x.cumsum(-1)
    return Objective(bank, layout, terms, x.to(dtype), gradients.to(dtype))


@pytest.fixture
def make_objective():
    """Objectives of random walks with random input gradients, all terms weighted."""
    return _make_objective


@pytest.fixture
def reference_loss():
    """The weighted sum of all terms at filters, by convolutions, with its graph."""

    def loss(objective, filters, smoothing=0.0):
        layout, x, fields = objective.layout, objective.x, objective.input_gradients
        rows, n, n_bands = x.flatten(0, 1), len(x), layout.level + 1
        bands = wavedec(rows, filters, layout.mode, layout.level)
        coeffs = pack(bands)
        scores = waverec_adjoint(fields.flatten(0, 1), filters, layout.mode, layout.level)
        again = waverec(bands, filters, layout.mode, layout.signal_shape)
        scores, scale = pack(scores), fields.abs().mean()
        (attribution,) = (t for t in objective.terms if isinstance(t, Attribution))
        multiplies = attribution.multiply
        if multiplies:
            by_channel = coeffs.reshape(n, 1, x.shape[1], -1)
            scores = scores.reshape(n, -1, *by_channel.shape[2:]) * by_channel
            scale = scale * x.abs().mean()

        weights = torch.ones(coeffs.shape[-1], dtype=torch.float64)
        if objective.bank.is_biorthogonal:  # details count with the norms of their atoms
            sizes = torch.tensor([band.stop - band.start for band in layout.bands])
            weights = atom_norms(layout, filters).repeat_interleave(sizes)

        def norm(values, scale, weights=1.0):
            eps = smoothing * scale
            return (((values**2 + eps**2).sqrt() - eps) * weights).sum() / (n * n_bands)

        values = {
            "reconstruction": (again - rows).square().sum() / n,
            "sparsity": norm(coeffs, x.abs().mean(), weights),
            "attribution": norm(scores, scale, 1.0 if multiplies else 1 / weights),
        }
        tags = objective.bank.tags
        total = sum(
            weight * values[term.name]
            for term, weight in objective.terms.items()
            if term.name in values and not term.vanishes(tags)
        )
        for lowpass in filters[..., 2, :].flatten(0, 1):
            for term, weight in list(objective.terms.items())[3:]:
                if not term.vanishes(tags):
                    total = total + weight * term.value(lowpass)
        return total

    return loss
