"""The interface of solvers: what they take and return, and how they may end."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

#: The outcomes that deserve a warning, what they mean, and what to do.
OUTCOMES = {
    "max_iter": (
        "The solver reached max_iter={max_iter} before the objective changed by less "
        "than tol={tol}. Increase max_iter or tol."
    ),
    "diverged": (
        "The objective became infinite or NaN after {n_iter} iterations; the best "
        "filters so far are kept. Scale X, or lower the learning rate of Adam."
    ),
}


@dataclass
class Solution:
    """The best parameters that a solver has found.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        The parameters with the lowest objective so far, never worse than the start.
    outcome : str
        "converged", "stopped" (by a callback), "interrupted" (by Ctrl-C), or a key of
        `OUTCOMES`.
    loss_curve : list of float
        The objective at the start and after each iteration or epoch.
    optimizer_state : dict of str to ndarray
        The state that a mini-batch solver needs to continue.

    Examples
    --------
    >>> from sk_awave.engine import Solution
    >>> Solution([0.5], "converged", [3.0, 2.0]).n_iter
    1
    """

    parameters: np.ndarray
    outcome: str = "max_iter"
    loss_curve: list[float] = field(default_factory=list)
    optimizer_state: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def best_loss(self) -> float:
        """The lowest finite objective so far; infinite if there is none."""
        return min((v for v in self.loss_curve if np.isfinite(v)), default=np.inf)

    @property
    def n_iter(self) -> int:
        """The number of iterations or epochs."""
        return max(0, len(self.loss_curve) - 1)


class Function(Protocol):
    """A function of parameters: a mean over rows of data, with its gradient.

    Attributes
    ----------
    n_rows : int
        The number of rows.
    device : torch.device
        The device where the numbers of rows are needed.

    Notes
    -----
    If rows are not all in memory, it has a method ``batches(size, seed)``. This returns
    an iterable of mini-batches, which are then its `rows`.
    """

    n_rows: int
    device: torch.device

    def __call__(
        self, theta: np.ndarray, *, smoothing: float = 0.0, rows: Any = None
    ) -> tuple[float, np.ndarray]:
        """Return value and gradient, of some rows or of all."""


class Solver(ABC):
    """Minimises functions of parameters. It has settings, but no other state.

    Examples
    --------
    A solver of your own:

    >>> import pywt
    >>> from scipy.optimize import minimize
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.engine import Solution, Solver
    >>> class LBFGS(Solver):
    ...     def minimize(self, function, theta, *, max_iter, tol, **kwargs):
    ...         options = {"maxiter": max_iter, "ftol": tol}
    ...         settings = {"jac": True, "method": "L-BFGS-B", "options": options}
    ...         run = minimize(function, theta, **settings)
    ...         return Solution(run.x, "converged", [function(theta)[0], run.fun])
    >>> X = pywt.data.ecg().reshape(-1, 64) / 100.0
    >>> learner = AdaptiveWaveletTransformer("db2", solver=LBFGS()).fit(X)
    >>> learner.loss_curve_[-1] < learner.loss_curve_[0]
    True
    """

    def check(self) -> None:
        """Raise TypeError or ValueError for settings that cannot be used."""
        return

    @abstractmethod
    def minimize(
        self,
        function: Function,
        theta: np.ndarray,
        *,
        max_iter: int,
        tol: float,
        seed: int = 0,
        callback: Callable[[int, float, np.ndarray], bool] | None = None,
    ) -> Solution:
        """Minimise a function from a start.

        Parameters
        ----------
        function : Function
            The function of parameters. It returns value and gradient.
        theta : ndarray of shape (n_parameters,)
            The start.
        max_iter : int
            The maximum number of iterations. With 0 the start is evaluated and kept.
        tol : float
            The relative decrease of the function below which an iteration makes no
            progress.
        seed : int, default=0
            The seed of random numbers.
        callback : callable, default=None
            A function of the number of the iteration (from 1), a value and its
            parameters. It is called at each iteration. If it returns True, the solver
            stops.

        Returns
        -------
        Solution
            The best parameters, and the history of the run.
        """
