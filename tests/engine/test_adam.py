import signal

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping

from sk_awave.engine._adam import PATIENCE, Adam, ShuffledRows
from sk_awave.engine._terms import autocorrelation

SETTINGS = ("batch_size", "learning_rate", "callbacks")


def minimize(objective, start=None, **kwargs):
    start = objective.start if start is None else start
    kwargs = {"max_iter": 3, "tol": 0.0, "batch_size": 8} | kwargs
    settings = {name: kwargs.pop(name) for name in SETTINGS if name in kwargs}
    return Adam(**settings).minimize(objective, start, **kwargs)


@pytest.fixture
def on_batch_end():
    """A skorch callback that calls a function of the net after each batch."""

    def make(function):
        callback = Callback()
        callback.on_batch_end = lambda net, **kwargs: function(net)
        return callback

    return make


def test_batches_hold_every_row_once_in_a_new_order():
    batches = ShuffledRows(10, batch_size=4, seed=0)
    assert len(batches) == 3
    epochs = [list(batches), list(batches)]
    orders = [torch.cat([rows for _, rows in epoch]).tolist() for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != orders[1]
    assert [len(rows) for _, rows in epochs[0]] == [4, 4, 2]


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


def test_filters_are_orthonormal_at_every_step(make_objective, on_batch_end):
    objective = make_objective("sym5", n_levels=2)
    deviations = []

    def inspect(net):
        theta = net.module_.theta.detach().numpy()
        for lowpass in objective.bank.at(theta)().detach()[:, 0, 2]:
            shifts = autocorrelation(lowpass)
            shifts[len(shifts) // 2] -= 1
            deviations.append(float(shifts.abs().max()))

    minimize(objective, callbacks=[on_batch_end(inspect)])
    assert len(deviations) == 2 * 3 * 5  # levels, epochs, batches of 8 of 40 rows
    assert max(deviations) < 1e-12


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
def test_interruption_keeps_the_best(make_objective, on_batch_end):
    objective = make_objective("db3")

    def interrupt(net):
        if len(net.history) == 3:
            signal.raise_signal(signal.SIGINT)

    solution = minimize(objective, max_iter=50, callbacks=[on_batch_end(interrupt)])
    assert solution.outcome == "interrupted"
    assert solution.n_iter == 2
    best = min(solution.loss_curve)
    assert objective(solution.parameters)[0] == best < solution.loss_curve[0]


def test_early_stopping_stops(make_objective):
    objective = make_objective("db3")
    stopping = EarlyStopping(monitor="train_loss", patience=2, sink=lambda text: None)
    solution = minimize(objective, max_iter=50, learning_rate=1.0, callbacks=[stopping])
    assert solution.outcome == "stopped"
    assert stopping.misses_ == 2
    assert solution.n_iter < 50
    assert objective(solution.parameters)[0] == min(solution.loss_curve)


def test_callback_can_stop(make_objective):
    seen = []

    def stop_after_two(epoch, value, theta):
        seen.append((epoch, value))
        return epoch == 2

    solution = minimize(make_objective("db3"), max_iter=50, callback=stop_after_two)
    assert solution.outcome == "stopped"
    assert seen == list(enumerate(solution.loss_curve))[1:]
    assert solution.n_iter == 2


@pytest.mark.thread_unsafe  # in other threads Ctrl-C ends pytest
@pytest.mark.parametrize("ending", ["max_iter", "stopped", "interrupted"])
def test_callbacks_see_the_whole_run(make_objective, on_batch_end, ending):
    events = []
    callback = Callback()
    callback.on_train_begin = lambda net, **kwargs: events.append("begin")
    callback.on_epoch_end = lambda net, **kwargs: events.append("epoch")
    callback.on_train_end = lambda net, **kwargs: events.append("end")

    def interrupt(net):
        if ending == "interrupted" and len(net.history) == 3:
            signal.raise_signal(signal.SIGINT)

    callbacks = [callback, on_batch_end(interrupt)]
    if ending == "stopped":  # no loss falls below zero: two misses after the first epoch
        kwargs = {"threshold": 1, "patience": 2, "sink": lambda text: None}
        callbacks.append(EarlyStopping(monitor="train_loss", **kwargs))
    solution = minimize(make_objective("db3"), max_iter=4, callbacks=callbacks)
    assert solution.outcome == ending
    assert events == ["begin", *["epoch"] * events.count("epoch"), "end"]
    # Each epoch that was finished counts.
    assert solution.n_iter == events.count("epoch")


def test_skorch_prints_nothing(make_objective, capsys):
    minimize(make_objective("db3"))
    assert capsys.readouterr().out == ""


def test_any_callback_of_skorch_may_stop(make_objective, on_batch_end):
    """By KeyboardInterrupt, which is how skorch's own callbacks do it."""

    def stop(net):
        if len(net.history) == 3:
            raise KeyboardInterrupt

    solution = minimize(
        make_objective("db3"), max_iter=50, callbacks=[on_batch_end(stop)]
    )
    assert solution.outcome == "stopped"
    assert solution.n_iter == 3
