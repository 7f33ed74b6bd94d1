"""What a solver returns, and how it may end."""

from dataclasses import dataclass, field

import numpy as np

#: The outcomes that deserve a warning, what they mean, and what to do.
OUTCOMES = {
    "max_iter": (
        "The solver reached max_iter={max_iter} before the objective changed by less "
        "than tol={tol}. Increase max_iter or tol."
    ),
    "diverged": (
        "The objective became infinite or NaN after {n_iter} iterations; the best "
        "filters so far are kept. Scale X, or lower learning_rate_init."
    ),
}


@dataclass
class Solution:
    """The best parameters that a solver met.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        Those of the lowest objective met, never worse than the start.
    outcome : str
        "converged", "stopped" (by a callback), "interrupted" (by Ctrl-C), or a key of
        `OUTCOMES`.
    loss_curve : list of float
        The objective at the start and after each iteration or epoch.
    optimizer_state : dict of str to ndarray
        What a mini-batch solver needs to go on.
    """

    parameters: np.ndarray
    outcome: str = "max_iter"
    loss_curve: list[float] = field(default_factory=list)
    optimizer_state: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def best_loss(self) -> float:
        """The lowest finite objective met, infinite if there was none."""
        return min((v for v in self.loss_curve if np.isfinite(v)), default=np.inf)

    @property
    def n_iter(self) -> int:
        """The number of iterations or epochs run."""
        return max(0, len(self.loss_curve) - 1)
