"""BFGS from many starts at once, for functions of few parameters."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def minimize_batch(
    function: Callable[[Tensor], tuple[Tensor, Tensor]],
    theta: Tensor,
    *,
    max_iter: int = 40,
    max_trials: int = 8,
    tol: float = 1e-5,
) -> tuple[Tensor, Tensor]:
    """Minimise a function from many starts at once, by BFGS with a dense Hessian.

    The weak Wolfe line search by bisection suits kinks (Lewis & Overton 2013). All starts
    take their trial steps together, so that each costs one batched evaluation.

    Parameters
    ----------
    function : callable
        Maps parameters of shape (n_starts, p) to values of shape (n_starts,) and
        gradients of shape (n_starts, p).
    theta : tensor of shape (n_starts, p)
        The starts, in float64.
    max_iter, max_trials : int
        The number of steps, and of trials in the line search of each.
    tol : float
        The relative decrease below which a start is done.

    Returns
    -------
    theta : tensor of shape (n_starts, p)
    values : tensor of shape (n_starts,)
    """
    n, p = theta.shape

    identity = torch.eye(p, dtype=theta.dtype, device=theta.device)
    inverse_hessian = identity.repeat(n, 1, 1)
    value, gradient = function(theta)
    first_step = 1 / gradient.abs().sum(1).clamp(min=1e-12)
    active = torch.ones(n, dtype=torch.bool, device=theta.device)
    for iteration in range(max_iter):
        direction = -(inverse_hessian @ gradient.unsqueeze(-1)).squeeze(-1)
        uphill = (direction * gradient).sum(1) >= 0
        inverse_hessian[uphill], direction[uphill] = identity, -gradient[uphill]
        slope = (direction * gradient).sum(1)
        step = first_step.clamp(max=1) if iteration == 0 else torch.ones_like(value)
        low, high = torch.zeros_like(value), torch.full_like(value, math.inf)
        best = (theta.clone(), value.clone(), gradient.clone())
        searching = active.clone()
        for _ in range(max_trials):
            trial = theta + step.unsqueeze(1) * direction
            trial_value, trial_gradient = function(trial)
            descends = trial_value <= value + 1e-4 * step * slope
            flat = (trial_gradient * direction).sum(1) >= 0.9 * slope
            take = searching & descends
            for kept, new in zip(best, (trial, trial_value, trial_gradient), strict=True):
                kept[take] = new[take]
            searching &= ~(descends & flat)
            if not searching.any():
                break
            low, high = (
                torch.where(descends, step, low),
                torch.where(descends, high, step),
            )
            step = torch.where(high.isinf(), 2 * step, (low + high) / 2)
        moved, change = best[0] - theta, best[2] - gradient
        active &= value - best[1] > tol * value.abs()
        inverse_hessian = _update(inverse_hessian, moved, change, identity)
        theta, value, gradient = best
        if not active.any():
            break
    return theta, value


def _update(inverse_hessian, moved, change, identity):
    """Apply the BFGS update where the curvature is positive."""
    curvature = (moved * change).sum(1)
    good = curvature > 1e-12
    scale = torch.where(good, 1 / curvature, 0.0).reshape(-1, 1, 1)
    outer = moved.unsqueeze(2) * change.unsqueeze(1) * scale
    left = identity - outer
    updated = left @ inverse_hessian @ left.mT
    updated = updated + moved.unsqueeze(2) * moved.unsqueeze(1) * scale
    return torch.where(good.reshape(-1, 1, 1), updated, inverse_hessian)
