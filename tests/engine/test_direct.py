"""The way without a graph of torch, against the graph."""

import numpy as np
import pytest
import torch

from sk_awave.engine import CoeffLayout, FilterBank, SignalTerm, Tree
from sk_awave.engine import _direct as module
from sk_awave.engine._lattice import Orthogonal, linearize_angles
from sk_awave.engine._library import instruction_sets
from sk_awave.engine._objective import Objective
from sk_awave.engine._terms import Attribution, Sparsity

pytestmark = pytest.mark.skipif(not instruction_sets(), reason="no kernel was built")


@pytest.mark.parametrize("shape", [(0,), (1,), (5,), (3, 2, 4), (2, 19)])
def test_lattice_is_that_of_torch(shape):
    rng = np.random.default_rng(0)
    angles = torch.from_numpy(rng.uniform(-3, 3, shape)).requires_grad_()
    expected = Orthogonal()(angles)
    filters, pull = linearize_angles(angles.detach().numpy())
    np.testing.assert_allclose(filters, expected.detach(), rtol=0, atol=1e-15)
    gradient = rng.normal(size=filters.shape)
    (slopes,) = torch.autograd.grad(
        expected, angles, torch.from_numpy(gradient), materialize_grads=True
    )
    np.testing.assert_allclose(pull(gradient), slopes, rtol=0, atol=1e-13)
    # Angles that are not contiguous, and of another dtype.
    wide = np.stack([angles.detach().numpy()] * 2, -1).astype(np.float32)[..., 0]
    again, _ = linearize_angles(wide)
    np.testing.assert_allclose(again, filters, atol=1e-6)


def make_objective(shape, tree, n_levels=1, n_axes=1, dtype=torch.float64, **kwargs):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(20, 2, *shape, dtype=dtype, generator=rng)
    gradients = torch.randn(20, 6, *shape, dtype=dtype, generator=rng)
    bank = FilterBank.from_wavelet("db3", n_levels=n_levels, n_axes=n_axes)
    mode = "smooth" if tree.is_decimated else "periodization"
    layout = CoeffLayout(shape, 2, 6, tree, mode)
    terms = {Sparsity(): 1.3, Attribution(): 0.7}
    return Objective(bank, layout, kwargs.pop("terms", terms), x, gradients, **kwargs)


def evaluate_by_graph(objective, theta, **kwargs):
    objective._counted_norms = lambda: []
    try:
        return objective(theta, **kwargs)
    finally:
        del objective._counted_norms


@pytest.mark.parametrize("tree", [Tree.dwt(3), Tree.stationary(2)])
@pytest.mark.parametrize("shape", [(64,), (20, 30)])
@pytest.mark.parametrize("per_level", [False, True])
@pytest.mark.parametrize("per_axis", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_value_and_gradient_are_those_of_the_graph(
    shape, tree, per_level, per_axis, smoothing
):
    n_levels, n_axes = tree.level if per_level else 1, len(shape) if per_axis else 1
    objective = make_objective(shape, tree, n_levels, n_axes)
    rng = np.random.default_rng(0)
    theta = objective.start + 0.1 * rng.normal(size=objective.start.shape)
    assert len(objective._counted_norms()) == 2
    value, gradient = objective(theta, smoothing=smoothing)
    expected, slopes = evaluate_by_graph(objective, theta, smoothing=smoothing)
    assert value == pytest.approx(expected, rel=1e-13)
    size = np.abs(slopes).max()
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-12 * size)
    # Strengths are those of this objective, not of that whose norms are shared.
    weaker = objective.at(sparsity=0.0)
    value, gradient = weaker(theta, smoothing=smoothing)
    expected, slopes = evaluate_by_graph(weaker, theta, smoothing=smoothing)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-12 * size)


def test_gradient_by_finite_differences():
    objective = make_objective((40,), Tree.dwt(2))
    theta = objective.start + np.array([0.3, -0.2])
    _, gradient = objective(theta, smoothing=0.5)
    steps = 1e-6 * np.eye(2)
    differences = [
        (objective(theta + h, smoothing=0.5)[0] - objective(theta - h, smoothing=0.5)[0])
        / 2e-6
        for h in steps
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-8)


class Fourth(SignalTerm):
    name = "fourth"

    def value(self, batch):
        return (batch.coeffs**4).sum((-2, -1)) / batch.n


class OwnBank(Orthogonal):
    def forward(self, original):
        return super().forward(2 * original)

    def right_inverse(self, filters):
        return super().right_inverse(filters) / 2


@pytest.mark.parametrize("reason", ["term", "subclass", "product", "bank", "no kernel"])
def test_the_graph_serves_all_else(reason, monkeypatch):
    class Sparser(Sparsity):
        def value(self, batch):
            return 2 * super().value(batch)

    terms = {
        "term": {Sparsity(): 1.0, Fourth(): 0.1},
        "subclass": {Sparser(): 1.0},
        "product": {Attribution(multiply=True): 1.0},
    }.get(reason, {Sparsity(): 1.0})
    objective = make_objective((64,), Tree.dwt(2), terms=terms)
    theta = objective.start + 0.1
    if reason == "bank":
        objective.bank = FilterBank.from_wavelet("db3", OwnBank())
        theta = objective.start + 0.1
    if reason == "no kernel":
        monkeypatch.setattr(module.Kernel, "serves", staticmethod(lambda *args: False))
    assert objective._counted_norms() == []
    value, gradient = objective(theta)
    report = objective.report(theta)
    assert value == pytest.approx(objective.total(report))
    moved = [objective(theta + step)[0] for step in ([1e-6, 0], [-1e-6, 0])]
    assert gradient[0] == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-4)


def test_mini_batches_go_by_the_graph():
    objective = make_objective((64,), Tree.dwt(2))
    rows = torch.arange(7)
    theta = objective.start + 0.1
    value, gradient = objective(theta, rows=rows)
    part = make_objective((64,), Tree.dwt(2))
    part.x, part.input_gradients = part.x[rows], part.input_gradients[rows]
    expected, slopes = part(theta)
    assert value == pytest.approx(expected)
    np.testing.assert_allclose(gradient, slopes, atol=1e-10)


@pytest.mark.parametrize("shape", [(40,), (12, 9)])
def test_many_banks_at_once(shape):
    objective = make_objective(shape, Tree.dwt(2))
    rng = np.random.default_rng(0)
    original = torch.from_numpy(rng.uniform(-3, 3, (5, *objective.bank.original.shape)))
    values, gradients = objective.values(original)
    objective._counted_norms = lambda: []
    expected, slopes = objective.values(original)
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(gradients, slopes)
    del objective._counted_norms
    for one, value, gradient in zip(original, values, gradients, strict=True):
        alone, slope = objective(one.numpy().ravel())
        assert alone == float(value)
        np.testing.assert_array_equal(slope, gradient.numpy().ravel())
