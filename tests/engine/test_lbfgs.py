import numpy as np
import pytest
import torch

from sk_awave.engine._boundary import MODES
from sk_awave.engine._conditions import autocorrelation
from sk_awave.engine._lbfgs import minimize_lbfgs
from sk_awave.engine._multilevel import wavedec, waverec


def minimize(objective, *, max_iter=100, tol=1e-5, **kwargs):
    return minimize_lbfgs(objective, max_iter=max_iter, tol=tol, **kwargs)


def deviation(bank):
    """How far the low-pass filters are from orthonormal, at worst."""
    shifts = [autocorrelation(h) for h in bank().detach()[:, :, 2].flatten(0, 1)]
    for shift in shifts:
        shift[len(shift) // 2] -= 1
    return float(torch.stack(shifts).abs().max())


@pytest.mark.parametrize("n_levels", [1, 2])
@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
@pytest.mark.parametrize("wavelet", ["db2", "sym5"])
def test_learning_lowers_the_objective(
    make_objective, wavelet, parametrization, n_levels
):
    objective = make_objective(wavelet, parametrization, n_levels=n_levels)
    start = objective.value()
    solution = minimize(objective)
    assert solution.outcome == "converged"
    curve = solution.loss_curve
    assert curve[0] == pytest.approx(start, rel=1e-12)
    assert np.all(np.diff(curve) <= 0)
    assert curve[-1] < start * 0.999
    assert solution.n_iter == len(curve) - 1
    # The objective is left at what is returned.
    np.testing.assert_array_equal(objective.get_parameters(), solution.parameters)
    assert objective.value() == pytest.approx(curve[-1], rel=1e-12)


def test_filters_are_orthonormal_at_every_step(make_objective):
    objective = make_objective("sym5", n_levels=2)
    deviations, seen = [], []

    def inspect(iteration, value):
        deviations.append(deviation(objective.bank))
        seen.append((iteration, value))

    solution = minimize(objective, callback=inspect)
    assert solution.n_iter > 3
    assert max(deviations) < 1e-12
    assert seen == list(enumerate(solution.loss_curve))[1:]


@pytest.mark.parametrize("mode", MODES)
def test_learned_filters_reconstruct_in_every_mode(make_objective, mode):
    objective = make_objective("db3", mode=mode, signal_shape=(33,), noise=0.3)
    start = objective.get_parameters()
    minimize(objective, max_iter=5)
    assert np.abs(objective.get_parameters() - start).max() > 1e-3
    x = objective.x[:, 0]
    filters = objective.bank().detach()
    bands = wavedec(x, filters, mode, 2)
    again = waverec(bands, filters, mode, (33,))
    scale = max(float(band.abs().max()) for band in bands)
    torch.testing.assert_close(again, x, rtol=0, atol=1e-12 * scale)


def test_zero_iterations_keep_the_start(make_objective):
    objective = make_objective("db3")
    start = objective.get_parameters()
    solution = minimize(objective, max_iter=0)
    assert solution.outcome == "converged"
    assert solution.loss_curve == [pytest.approx(objective.value())]
    np.testing.assert_array_equal(solution.parameters, start)


def test_few_iterations_are_told(make_objective):
    solution = minimize(make_objective("db3"), max_iter=2)
    assert solution.outcome == "max_iter"
    assert solution.n_iter == 2


def test_haar_has_nothing_to_learn(make_objective):
    solution = minimize(make_objective("haar"))
    assert solution.outcome == "converged"
    assert solution.n_iter == 0
    assert solution.parameters.shape == (0,)


# Squares overflow at once; or only away from the start, where the error is nearly zero.
@pytest.mark.parametrize("scale", [1e155, 1e200])
def test_divergence_keeps_the_best(make_objective, scale):
    objective = make_objective("db3", "free", scale=scale)
    start = objective.get_parameters()
    solution = minimize(objective)
    assert solution.outcome == "diverged"
    assert np.isfinite(solution.parameters).all()
    np.testing.assert_allclose(solution.parameters, start, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(objective.get_parameters(), solution.parameters)


def test_interruption_keeps_the_best(make_objective):
    objective = make_objective("db3")
    values = []

    def interrupt(iteration, value):
        values.append(value)
        if iteration == 2:
            raise KeyboardInterrupt

    solution = minimize(objective, callback=interrupt)
    assert solution.outcome == "interrupted"
    assert solution.loss_curve[1:] == values
    assert values[-1] < solution.loss_curve[0]
    assert objective.value() == pytest.approx(values[-1], rel=1e-12)
    np.testing.assert_array_equal(objective.get_parameters(), solution.parameters)


def test_callback_can_stop(make_objective):
    objective = make_objective("db3")
    solution = minimize(objective, callback=lambda iteration, value: iteration == 2)
    assert solution.outcome == "stopped"
    assert solution.n_iter == 2
    assert objective.value() == pytest.approx(solution.loss_curve[-1], rel=1e-12)


def test_learning_finds_the_wavelet_that_made_the_data(make_objective):
    """Signals with few coefficients in one wavelet, learned from another nearby."""
    objective = make_objective("db3", signal_shape=(32,), mode="periodization")
    layout = objective.plan.layout
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(40, layout.n_coeffs, generator=generator, dtype=torch.float64)
    flat *= torch.rand(flat.shape, generator=generator) < 0.1
    truth = objective.bank().detach()
    synthesis = objective.plan.synthesis_adjoint(truth.numpy(), flat).adjoint
    objective.x = synthesis(flat).unsqueeze(1)
    objective.weights = dict.fromkeys(objective.weights, 0.0) | {"sparsity": 1.0}
    objective.set_parameters(objective.get_parameters() + 0.1)
    assert (objective.bank() - truth).abs().max() > 0.05
    minimize(objective, max_iter=200, tol=1e-9)
    torch.testing.assert_close(objective.bank().detach(), truth, rtol=0, atol=1e-4)
