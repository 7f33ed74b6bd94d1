"""Full-batch L-BFGS on the few parameters of a filter bank."""

from collections.abc import Callable

import numpy as np
import torch

from sk_awave.engine._objective import Objective
from sk_awave.engine._solution import Solution


class _Diverged(ArithmeticError):
    """The objective is not finite."""


class _Evaluator:
    """The closure of the optimiser: remembers the last evaluation and the best one."""

    def __init__(self, objective: Objective, theta: torch.Tensor):
        self.objective = objective
        self.theta = theta
        self.best_value = np.inf
        self.best_theta = self.last_theta = None

    def __call__(self) -> float:
        theta = self.theta.detach().numpy().copy()
        # Each step of the optimiser starts by asking again for where the last one ended.
        if self.last_theta is None or not np.array_equal(theta, self.last_theta):
            value, gradient = self.objective.value_and_gradient(theta)
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                raise _Diverged
            self.last_theta, self.value, self.gradient = theta, value, gradient
            if value < self.best_value:
                self.best_value, self.best_theta = value, theta
        self.theta.grad = torch.from_numpy(self.gradient)
        return self.value


def _new_optimizer(theta: torch.Tensor) -> torch.optim.LBFGS:
    return torch.optim.LBFGS(
        [theta],
        max_iter=1,
        max_eval=25,
        history_size=20,
        line_search_fn="strong_wolfe",
        tolerance_grad=0,
        tolerance_change=0,
    )


def minimize_lbfgs(
    objective: Objective,
    *,
    max_iter: int,
    tol: float,
    callback: Callable[[int, float], bool] | None = None,
) -> Solution:
    """Minimise the objective over its parameters.

    The sum of absolute values has kinks, at which the line search can stall although
    other directions descend. A stall therefore clears the memory of the method once, and
    only a second one in a row counts as convergence.

    Parameters
    ----------
    objective : Objective
        It is left at the best parameters met.
    max_iter : int
        The number of iterations; with 0 the start is evaluated and kept.
    tol : float
        An iteration that lowers the objective by less than this fraction of it stalls.
    callback : callable, default=None
        Called with the iteration (from 1) and the objective; stops if it returns True.

    Returns
    -------
    Solution
    """
    theta = torch.from_numpy(objective.get_parameters()).requires_grad_()
    solution = Solution(objective.get_parameters())
    evaluate = _Evaluator(objective, theta)
    optimizer, stalls = _new_optimizer(theta), 0
    try:
        solution.loss_curve.append(evaluate())
        if max_iter == 0 or theta.numel() == 0:
            solution.outcome = "converged"
        while solution.n_iter < max_iter and theta.numel():
            previous = evaluate.best_value
            optimizer.step(evaluate)
            solution.loss_curve.append(evaluate.best_value)
            if callback is not None and callback(solution.n_iter, evaluate.best_value):
                solution.outcome = "stopped"
                break
            if previous - evaluate.best_value > tol * abs(previous):
                stalls = 0
                continue
            stalls += 1
            if stalls == 2:
                solution.outcome = "converged"
                break
            with torch.no_grad():
                theta.copy_(torch.from_numpy(evaluate.best_theta))
            optimizer = _new_optimizer(theta)
    except _Diverged:
        solution.outcome = "diverged"
    except KeyboardInterrupt:
        solution.outcome = "interrupted"
    if evaluate.best_theta is not None:
        solution.parameters = evaluate.best_theta
    objective.set_parameters(solution.parameters)
    return solution
