import numpy as np
import pytest
import torch

from sk_awave.engine._bfgs import BFGS
from sk_awave.engine._boundary import MODES
from sk_awave.engine._reference import wavedec, waverec
from sk_awave.engine._terms import autocorrelation
from sk_awave.engine._transform import synthesis_map


def minimize(objective, *, max_iter=100, tol=1e-5, **kwargs):
    return BFGS().minimize(
        objective, objective.start, max_iter=max_iter, tol=tol, **kwargs
    )


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
    start, _ = objective(objective.start)
    solution = minimize(objective, max_iter=300)
    assert solution.outcome == "converged"
    curve = solution.loss_curve
    assert curve[0] == pytest.approx(start, rel=1e-12)
    assert np.all(np.diff(curve) <= 0)
    assert curve[-1] < start * 0.999
    assert solution.n_iter == len(curve) - 1
    assert objective(solution.parameters)[0] == pytest.approx(curve[-1], rel=1e-12)


def test_filters_are_orthonormal_at_every_step(make_objective):
    objective = make_objective("sym5", n_levels=2)
    deviations, seen = [], []

    def inspect(iteration, value, theta):
        deviations.append(deviation(objective.bank.at(theta)))
        seen.append((iteration, value))

    solution = minimize(objective, callback=inspect)
    assert solution.n_iter > 3
    assert max(deviations) < 1e-12
    assert seen == list(enumerate(solution.loss_curve))[1:]


@pytest.mark.parametrize("mode", MODES)
def test_learned_filters_reconstruct_in_every_mode(make_objective, mode):
    objective = make_objective("db3", mode=mode, signal_shape=(33,), noise=0.3)
    theta = minimize(objective, max_iter=5).parameters
    assert np.abs(theta - objective.start).max() > 1e-3
    x = objective.x[:, 0]
    filters = objective.bank.at(theta)().detach()
    bands = wavedec(x, filters, mode, 2)
    again = waverec(bands, filters, mode, (33,))
    scale = max(float(band.abs().max()) for band in bands)
    torch.testing.assert_close(again, x, rtol=0, atol=1e-12 * scale)


def test_zero_iterations_keep_the_start(make_objective):
    objective = make_objective("db3")
    solution = minimize(objective, max_iter=0)
    assert solution.outcome == "converged"
    assert solution.loss_curve == [objective(objective.start)[0]]
    np.testing.assert_array_equal(solution.parameters, objective.start)


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
    solution = minimize(objective)
    assert solution.outcome == "diverged"
    assert np.isfinite(solution.parameters).all()
    np.testing.assert_allclose(solution.parameters, objective.start, rtol=0, atol=1e-6)


@pytest.mark.thread_unsafe  # in other threads Ctrl-C ends pytest
def test_interruption_keeps_the_best(make_objective):
    objective = make_objective("db3")
    values = []

    def interrupt(iteration, value, theta):
        values.append(value)
        if iteration == 2:
            raise KeyboardInterrupt

    solution = minimize(objective, callback=interrupt)
    assert solution.outcome == "interrupted"
    assert solution.loss_curve[1:] == values
    assert values[-1] < solution.loss_curve[0]
    assert objective(solution.parameters)[0] == pytest.approx(values[-1], rel=1e-12)


def test_callback_can_stop(make_objective):
    objective = make_objective("db3")
    solution = minimize(objective, callback=lambda iteration, *_: iteration == 2)
    assert solution.outcome == "stopped"
    assert solution.n_iter == 2
    value, _ = objective(solution.parameters)
    assert value == pytest.approx(solution.loss_curve[-1], rel=1e-12)


def test_learning_finds_the_wavelet_that_made_the_data(make_objective):
    """Signals with few coefficients in one wavelet, learned from another nearby."""
    objective = make_objective("db3", signal_shape=(32,), mode="periodization")
    layout = objective.layout
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(40, layout.n_coeffs, generator=generator, dtype=torch.float64)
    flat *= torch.rand(flat.shape, generator=generator) < 0.1
    truth = objective.bank().detach()
    objective.x = synthesis_map(layout, truth).apply(flat).unsqueeze(1)
    objective = objective.at(attribution=0.0)
    start = objective.start + 0.1
    assert (objective.bank.at(start)() - truth).abs().max() > 0.05
    solution = BFGS().minimize(objective, start, max_iter=200, tol=1e-9)
    learned = objective.bank.at(solution.parameters)().detach()
    torch.testing.assert_close(learned, truth, rtol=0, atol=1e-4)


@pytest.mark.thread_unsafe  # in other threads Ctrl-C ends pytest
def test_interruption_in_an_iteration_keeps_what_it_found():
    """The best point is that of a line search which has no end."""
    calls = []

    def function(theta, smoothing):
        calls.append(theta.copy())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return float(theta @ theta), 2 * theta

    solution = BFGS().minimize(function, np.array([8.0, 0.5]), max_iter=10, tol=0)
    assert solution.outcome == "interrupted"
    np.testing.assert_array_equal(solution.parameters, calls[1])
    assert solution.best_loss == float(calls[1] @ calls[1]) < 64.25


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
@pytest.mark.parametrize("n", [2, 10])
def test_smooth_and_kinked_functions(unit, n):
    """Rosenbrock's valley, and a sum of absolute values in skewed directions."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((3 * n, n))

    def valley(theta, smoothing):
        a, b = theta[:-1], theta[1:]
        gradient = np.zeros(n)
        gradient[:-1] = -400 * a * (b - a**2) - 2 * (1 - a)
        gradient[1:] += 200 * (b - a**2)
        value = float((100 * (b - a**2) ** 2 + (1 - a) ** 2).sum())
        return unit * value, unit * gradient

    def kinked(theta, smoothing):
        values = directions @ theta
        size = np.sqrt(values**2 + smoothing**2)
        slopes = values / np.where(size > 0, size, 1)
        value = float((size - smoothing).sum())
        return unit * value, unit * (directions.T @ slopes)

    kwargs = {"max_iter": 1000, "tol": 1e-12}
    solution = BFGS().minimize(valley, np.full(n, -0.5), **kwargs)
    np.testing.assert_allclose(solution.parameters, 1, atol=1e-4)
    solution = BFGS().minimize(kinked, rng.standard_normal(n), **kwargs)
    assert solution.best_loss < 1e-2 * solution.loss_curve[0]
