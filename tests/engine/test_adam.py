import signal

import numpy as np
import pytest
import torch

from sk_awave.engine._adam import PATIENCE, Adam, ShuffledRows
from sk_awave.engine._terms import autocorrelation

SETTINGS = ("batch_size", "learning_rate")


def minimize(objective, start=None, **kwargs):
    start = objective.start if start is None else start
    kwargs = {"max_iter": 3, "tol": 0.0, "batch_size": 8} | kwargs
    settings = {name: kwargs.pop(name) for name in SETTINGS if name in kwargs}
    return Adam(**settings).minimize(objective, start, **kwargs)


class Watched:
    """An objective that calls a function with the parameters of each batch."""

    def __init__(self, objective, function):
        self.objective, self.function = objective, function
        self.n_rows, self.device = objective.n_rows, objective.device

    def __call__(self, theta, rows=None, **kwargs):
        if rows is not None:
            self.function(theta)
        return self.objective(theta, rows=rows, **kwargs)


def test_batches_hold_every_row_once_in_a_new_order():
    batches = ShuffledRows(10, batch_size=4, seed=0)
    assert len(batches) == 3
    epochs = [list(batches), list(batches)]
    orders = [torch.cat(epoch).tolist() for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != orders[1]
    assert [len(rows) for rows in epochs[0]] == [4, 4, 2]


@pytest.mark.parametrize("n_levels", [1, 2])
@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
def test_learning_lowers_the_objective(make_objective, parametrization, n_levels):
    objective = make_objective("db3", parametrization, n_levels=n_levels, noise=0.1)
    start, _ = objective(objective.start)
    solution = minimize(objective, max_iter=5)
    assert solution.outcome == "max_iter"
    assert solution.n_iter == 5
    assert solution.loss_curve[0] == start
    assert objective(solution.parameters)[0] == min(solution.loss_curve) < start


@pytest.mark.parametrize("keep_best", [False, True])
def test_best_or_last_epoch_is_kept(make_objective, keep_best):
    objective = make_objective("db3")
    solution = minimize(objective, learning_rate=1.0, keep_best=keep_best)  # overshoots
    curve = solution.loss_curve
    assert curve[-1] > min(curve)
    value, _ = objective(solution.parameters)
    assert value == (min(curve) if keep_best else curve[-1])


def test_filters_are_orthonormal_at_every_step(make_objective):
    objective = make_objective("sym5", n_levels=2)
    deviations = []

    def inspect(theta):
        for lowpass in objective.bank.at(theta)().detach()[:, 0, 2]:
            shifts = autocorrelation(lowpass)
            shifts[len(shifts) // 2] -= 1
            deviations.append(float(shifts.abs().max()))

    minimize(Watched(objective, inspect), objective.start)
    assert len(deviations) == 2 * 3 * 5  # levels, epochs, batches of 8 of 40 rows
    assert max(deviations) < 1e-12


@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
def test_steps_are_those_of_the_paper(make_objective, parametrization):
    """Adam as Kingma and Ba write it, with all rows in a batch."""
    objective = make_objective("db3", parametrization, noise=0.1)
    theta, rate, floor = objective.start, 0.02, 1e-8 * objective(objective.start)[0]
    m, v, curve = 0.0, 0.0, [objective(theta)[0]]
    for t in range(1, 6):
        _, slope = objective(theta)
        m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
        step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + floor)
        theta = theta - rate * step
        curve.append(objective(theta)[0])
    solution = minimize(objective, max_iter=5, batch_size=40, learning_rate=rate)
    np.testing.assert_allclose(solution.loss_curve, curve, rtol=1e-9)


def test_equal_seeds_repeat_a_run_and_leave_the_state_of_torch(make_objective):
    state = torch.get_rng_state()
    first, again, other = (
        minimize(make_objective("db3"), seed=seed, keep_best=False) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert first.loss_curve == again.loss_curve
    assert np.abs(first.parameters - other.parameters).max() > 0
    assert torch.equal(torch.get_rng_state(), state)


def test_optimizer_state_continues_a_run(make_objective):
    """With all rows in a batch the order does not matter, up to rounding."""
    whole = minimize(make_objective("db3"), max_iter=4, batch_size=40, keep_best=False)
    objective = make_objective("db3")
    kwargs = {"max_iter": 2, "batch_size": 40, "keep_best": False}
    half = minimize(objective, **kwargs)
    assert half.optimizer_state["step"] == 2
    kwargs["optimizer_state"] = half.optimizer_state
    rest = minimize(objective, half.parameters, seed=1, **kwargs)
    del kwargs["optimizer_state"]
    assert rest.optimizer_state["step"] == 4
    np.testing.assert_allclose(rest.parameters, whole.parameters, rtol=0, atol=1e-12)
    forgetful = minimize(objective, half.parameters, seed=1, **kwargs)
    assert np.abs(forgetful.parameters - whole.parameters).max() > 1e-6


def test_optimizer_state_is_not_changed_by_going_on(make_objective):
    objective = make_objective("db3")
    state = minimize(objective).optimizer_state
    copies = {name: value.copy() for name, value in state.items()}
    minimize(objective, optimizer_state=state)
    for name, value in copies.items():
        np.testing.assert_array_equal(state[name], value)


def test_no_progress_converges(make_objective):
    solution = minimize(make_objective("db3"), max_iter=100, tol=1.0)
    assert solution.outcome == "converged"
    assert solution.n_iter == PATIENCE


def test_zero_epochs_keep_the_start(make_objective):
    objective = make_objective("db3")
    solution = minimize(objective, max_iter=0)
    assert solution.outcome == "converged"
    assert solution.loss_curve == [objective(objective.start)[0]]
    np.testing.assert_array_equal(solution.parameters, objective.start)


def test_haar_has_nothing_to_learn(make_objective):
    solution = minimize(make_objective("haar"))
    assert solution.outcome == "converged"
    assert solution.n_iter == 0
    assert solution.parameters.shape == (0,)


@pytest.mark.parametrize("keep_best", [False, True])
def test_divergence_keeps_the_best(make_objective, keep_best):
    objective = make_objective("db3", "free")
    solution = minimize(objective, learning_rate=1e100, keep_best=keep_best)
    assert solution.outcome == "diverged"
    np.testing.assert_array_equal(solution.parameters, objective.start)


def test_run_can_go_on_after_divergence(make_objective):
    objective = make_objective("db3", "free", noise=0.05)
    diverged = minimize(objective, learning_rate=1e100)
    state = diverged.optimizer_state
    solution = minimize(objective, max_iter=20, optimizer_state=state)
    assert solution.outcome == "max_iter"
    assert solution.loss_curve[-1] < solution.loss_curve[0]


@pytest.mark.thread_unsafe  # in other threads Ctrl-C ends pytest
def test_interruption_keeps_the_best(make_objective):
    objective, calls = make_objective("db3"), []

    def interrupt(theta):
        calls.append(theta)
        if len(calls) == 2 * 5 + 3:  # in the third epoch
            signal.raise_signal(signal.SIGINT)

    solution = minimize(Watched(objective, interrupt), objective.start, max_iter=50)
    assert solution.outcome == "interrupted"
    assert solution.n_iter == 2
    best = min(solution.loss_curve)
    assert objective(solution.parameters)[0] == best < solution.loss_curve[0]


def test_callback_can_stop(make_objective):
    seen = []

    def stop_after_two(epoch, value, theta):
        seen.append((epoch, value))
        return epoch == 2

    solution = minimize(make_objective("db3"), max_iter=50, callback=stop_after_two)
    assert solution.outcome == "stopped"
    assert seen == list(enumerate(solution.loss_curve))[1:]
    assert solution.n_iter == 2
