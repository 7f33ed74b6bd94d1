"""Full-batch L-BFGS on the few parameters of a filter bank."""

from collections.abc import Callable

import numpy as np
import torch

from sk_awave.engine._objective import Objective
from sk_awave.engine._solution import Solution

#: The smoothing of each run, in units of the mean absolute value of the data. The second
#: run only starts with a clear memory, which often is enough to leave a kink.
STAGES = (0.0, 0.0, 0.01, 0.0)


class _Diverged(ArithmeticError):
    """The objective is not finite."""


class _Evaluator:
    """The closure of the optimiser: remembers the last evaluation and the best one.

    The optimiser has absolute thresholds, so it is given the objective relative to its
    value at the start: what is learned must not depend on the unit of the data.
    """

    def __init__(self, objective: Objective, theta: torch.Tensor):
        self.objective = objective
        self.theta = theta
        self.best_value, self.best_theta = np.inf, None
        self._last_theta, self._unit = None, None

    def enter_stage(self, smoothing: float) -> torch.optim.LBFGS:
        """Change the smoothing of the objective; return an optimiser with no memory."""
        self.objective.smoothing = smoothing
        self._last_theta = None
        return torch.optim.LBFGS(
            [self.theta],
            max_iter=1,
            max_eval=25,
            history_size=20,
            line_search_fn="strong_wolfe",
            tolerance_grad=0,
            tolerance_change=0,
        )

    def __call__(self) -> float:
        theta = self.theta.detach().numpy().copy()
        # Each step of the optimiser starts by asking again for where the last one ended.
        if self._last_theta is None or not np.array_equal(theta, self._last_theta):
            value, gradient = self.objective.value_and_gradient(theta)
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                raise _Diverged
            self._unit = self._unit or abs(value) or 1.0
            self._last_theta = theta
            self._relative = value / self._unit, gradient / self._unit
            if self.objective.smoothing == 0 and value < self.best_value:
                self.best_value, self.best_theta = value, theta
        value, gradient = self._relative
        self.theta.grad = torch.from_numpy(gradient)
        return value


def minimize_lbfgs(
    objective: Objective,
    *,
    max_iter: int,
    tol: float,
    callback: Callable[[int, float], bool] | None = None,
) -> Solution:
    """Minimise the objective over its parameters.

    The sum of absolute values has kinks, at which the line search can stall although
    there is a way down. A stall is therefore followed by a second run with a clear
    memory, a third with the kinks smoothed away, and a last one without smoothing.

    Parameters
    ----------
    objective : Objective
        It is left at the best parameters met.
    max_iter : int
        The number of iterations; with 0 the start is evaluated and kept.
    tol : float
        An iteration that lowers the objective by less than this fraction of it stalls.
    callback : callable, default=None
        Called with the iteration (from 1) and the lowest objective so far; stops if it
        returns True.

    Returns
    -------
    Solution
        Its loss curve holds the lowest objective so far.
    """
    theta = torch.from_numpy(objective.get_parameters()).requires_grad_()
    solution = Solution(objective.get_parameters())
    evaluate = _Evaluator(objective, theta)
    try:
        evaluate()
        solution.loss_curve.append(evaluate.best_value)
        if max_iter == 0 or theta.numel() == 0:
            solution.outcome = "converged"
        else:
            solution.outcome = _run_stages(evaluate, solution, max_iter, tol, callback)
    except _Diverged:
        solution.outcome = "diverged"
    except KeyboardInterrupt:
        solution.outcome = "interrupted"
        if evaluate.best_value < solution.best_loss:  # in an iteration without an end
            solution.loss_curve.append(evaluate.best_value)
    solution.loss_curve = solution.loss_curve or [np.nan]
    if evaluate.best_theta is not None:
        solution.parameters = evaluate.best_theta
    objective.smoothing = 0.0
    objective.set_parameters(solution.parameters)
    return solution


def _run_stages(evaluate, solution, max_iter, tol, callback) -> str:
    """Iterate without, with, and again without smoothing; return the outcome."""
    for smoothing in STAGES:
        optimizer = evaluate.enter_stage(smoothing)
        value = evaluate()
        while True:
            if solution.n_iter == max_iter:
                return "max_iter"
            previous = value
            optimizer.step(evaluate)
            value = evaluate()
            solution.loss_curve.append(evaluate.best_value)
            if callback is not None and callback(solution.n_iter, evaluate.best_value):
                return "stopped"
            if previous - value <= tol * abs(previous):
                break
    return "converged"
