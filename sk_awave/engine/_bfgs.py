"""Quasi-Newton steps for functions of few parameters that may have kinks."""

import numpy as np

from sk_awave.engine._solver import Solution, Solver

#: The smoothing of each run, in units of the mean absolute value of the data. The second
#: run only starts with a clear memory, which often is enough to leave a kink.
STAGES = (0.0, 0.0, 0.01, 0.0)

#: The trial steps of a line search, and how much of the slope must be left over for it to
#: go on: the constants of the weak Wolfe conditions are common ones.
MAX_TRIALS, SUFFICIENT_DECREASE, CURVATURE = 25, 1e-4, 0.9


class _Diverged(ArithmeticError):
    """The function is not finite."""


class _Run:
    """A run of the solver: counts, remembers the best, and divides by the first value.

    The steps have absolute thresholds, and what is learned must not depend on the unit of
    the data.
    """

    def __init__(self, function, theta, max_iter, tol, callback):
        self.function, self.theta, self.tol = function, theta, tol
        self.max_iter, self.callback = max_iter, callback
        self.solution = Solution(theta.copy())
        self.unit, self.best_value = None, np.inf

    def evaluate(self, theta, smoothing):
        """Return value and gradient, relative to the first value."""
        value, gradient = self.function(theta, smoothing=smoothing)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise _Diverged
        if self.unit is None:
            self.unit = abs(value) or 1.0
        if smoothing == 0 and value < self.best_value:
            self.best_value, self.solution.parameters = value, theta.copy()
        return value / self.unit, gradient / self.unit

    def record(self):
        """Note the end of an iteration; return how the run ends, or None."""
        curve = self.solution.loss_curve
        curve.append(self.best_value)
        n_iter = self.solution.n_iter
        if self.callback is not None and self.callback(
            n_iter, self.best_value, self.solution.parameters
        ):
            return "stopped"
        return "max_iter" if n_iter == self.max_iter else None


class BFGS(Solver):
    """BFGS with a dense Hessian, on all signals together.

    The L1 norm has kinks. The weak Wolfe line search by bisection suits functions with
    kinks (Lewis & Overton 2013), but it can stall at a kink that is not a minimum. After
    a stall the solver therefore runs again: first with a reset Hessian, then with the
    kinks smoothed, and at last without smoothing.

    Examples
    --------
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.engine import BFGS
    >>> AdaptiveWaveletTransformer(solver=BFGS()).solver
    BFGS()
    """

    def __repr__(self) -> str:
        return "BFGS()"

    def minimize(
        self, function, theta, *, max_iter, tol, seed=0, callback=None
    ) -> Solution:
        """Minimise a function from a start; see `Solver`.

        Its loss curve holds the lowest value so far.
        """
        run = _Run(function, theta, max_iter, tol, callback)
        solution = run.solution
        try:
            at_start = run.evaluate(theta, 0.0)
            solution.loss_curve.append(run.best_value)
            solution.outcome = "converged"
            if max_iter > 0 and len(theta) > 0:
                solution.outcome = _run_stages(run, theta, at_start)
        except _Diverged:
            solution.outcome = "diverged"
        except KeyboardInterrupt:
            solution.outcome = "interrupted"
            if run.best_value < solution.best_loss:  # in an iteration without an end
                solution.loss_curve.append(run.best_value)
        solution.loss_curve = solution.loss_curve or [np.nan]
        return solution


def _run_stages(run: _Run, theta: np.ndarray, at_start: tuple) -> str:
    """Iterate without, with, and again without smoothing; return the outcome."""
    smoothing, (value, gradient) = 0.0, at_start
    for stage in STAGES:
        if stage != smoothing:
            value, gradient = run.evaluate(theta, stage)
        smoothing, inverse_hessian = stage, None
        while True:
            step = _search(run, smoothing, theta, value, gradient, inverse_hessian)
            if step is None:
                break
            moved, change = step[0] - theta, step[2] - gradient
            inverse_hessian = _update(inverse_hessian, moved, change)
            drop, (theta, value, gradient) = value - step[1], step
            if (outcome := run.record()) is not None:
                return outcome
            if drop <= run.tol * abs(value):
                break
    return "converged"


def _search(run, smoothing, theta, value, gradient, inverse_hessian):
    """Return the best point along the quasi-Newton direction, None if none is lower."""
    direction = -gradient if inverse_hessian is None else -inverse_hessian @ gradient
    slope = direction @ gradient
    if slope >= 0:
        direction = -gradient
        slope = direction @ gradient
    if slope == 0:
        return None
    step = 1.0 if inverse_hessian is not None else min(1.0, 1.0 / np.abs(gradient).sum())
    low, high, best = 0.0, np.inf, None
    for _ in range(MAX_TRIALS):
        trial = theta + step * direction
        at_trial, slopes = run.evaluate(trial, smoothing)
        if not at_trial <= value + SUFFICIENT_DECREASE * step * slope:
            high = step
        else:
            if best is None or at_trial < best[1]:
                best = trial, at_trial, slopes
            if slopes @ direction >= CURVATURE * slope:
                break
            low = step
        if np.isinf(high):
            step *= 2
        elif best is None:  # the lowest point of the parabola that fits
            rise = at_trial - value - step * slope
            lowest = -slope * step**2 / (2 * rise)
            step = min(max(lowest, 0.1 * high), 0.5 * high)
        else:
            step = (low + high) / 2
        if -slope * (high - low) < 0.1 * run.tol * abs(value):
            break  # what is left to gain would count as a stall
    return best


def _update(inverse_hessian, moved, change):
    """Apply the BFGS update where the curvature is positive.

    The matrix is scaled up first, and never down, where it promises steps that are too
    short (Al-Baali 1998): along the valley of the penalties it would take long to grow.
    """
    curvature = moved @ change
    if curvature <= 1e-14:
        return inverse_hessian
    identity = np.eye(len(moved))
    if inverse_hessian is None:
        inverse_hessian = identity
        scale = curvature / (change @ change)  # of the size that the first step found
    else:
        scale = max(1.0, curvature / (change @ inverse_hessian @ change))
    inverse_hessian = scale * inverse_hessian
    left = identity - np.outer(moved, change) / curvature
    outer = np.outer(moved, moved) / curvature
    return left @ inverse_hessian @ left.T + outer
