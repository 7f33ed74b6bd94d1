"""Mini-batch Adam, for data that is large or comes in batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._imports import import_optimizers
from sk_awave.engine._params import Params
from sk_awave.engine._solver import Solution, Solver

#: Epochs without progress after which the objective counts as converged.
PATIENCE = 10

#: Adam's floor of the size of a gradient, for an objective of 1: torch's default.
_ADAM_EPS = 1e-8


class ShuffledRows:
    """The numbers of rows in shuffled mini-batches, in another order in every epoch.

    Fetching and collating samples one by one would cost several times the step itself.

    Parameters
    ----------
    n_rows, batch_size : int
    seed : int
        Of the shuffling.
    device : torch.device or None
    """

    def __init__(
        self, n_rows: int, batch_size: int, seed: int, device: torch.device | None = None
    ):
        self.n_rows, self.batch_size, self.device = n_rows, batch_size, device
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return -(-self.n_rows // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        order = torch.randperm(self.n_rows, generator=self.generator).to(self.device)
        yield from order.split(self.batch_size)


@dataclass
class Adam(Params, Solver):
    """Mini-batch Adam [1]_, for large data.

    Parameters
    ----------
    batch_size : int, default=None
        The number of samples in a mini-batch. By default it is at most 200.
    learning_rate : float, default=0.01
        The step size.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba. "Adam: a method for stochastic optimization." ICLR 2015.

    Examples
    --------
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.engine import Adam
    >>> X = pywt.data.ecg().reshape(-1, 64) / 100.0
    >>> solver = Adam(learning_rate=0.02)
    >>> learner = AdaptiveWaveletTransformer("db2", solver=solver, random_state=0).fit(X)
    >>> min(learner.loss_curve_) < learner.loss_curve_[0]
    True
    """

    batch_size: int | None = None
    learning_rate: float = 0.01

    def check(self) -> None:
        """Raise TypeError or ValueError for settings that cannot be used."""
        size, rate = self.batch_size, self.learning_rate
        if size is not None and not (isinstance(size, Integral) and size >= 1):
            raise ValueError(
                "The 'batch_size' parameter of Adam must be a positive int or None. Got "
                f"{size!r} instead."
            )
        if not (isinstance(rate, Real) and rate > 0):
            raise ValueError(
                "The 'learning_rate' parameter of Adam must be a positive float. Got "
                f"{rate!r} instead."
            )

    def minimize(
        self,
        function,
        theta,
        *,
        max_iter,
        tol,
        seed=0,
        callback=None,
        keep_best: bool = True,
        optimizer_state: Mapping[str, np.ndarray] | None = None,
    ) -> Solution:
        """Minimise a function from a start; see `Solver`.

        An iteration is an epoch. The run ends after `PATIENCE` epochs without progress.

        Parameters
        ----------
        function, theta, max_iter, tol, seed, callback
            See `Solver`.
        keep_best : bool, default=True
            True to return the best epoch, False to return the last finite one.
        optimizer_state : mapping, default=None
            The `Solution.optimizer_state` of an earlier run that this run continues.

        Returns
        -------
        Solution
        """
        import_optimizers()
        solution = Solution(theta.copy(), loss_curve=[np.nan])
        try:
            best, _ = function(theta, rows=None)
            solution.loss_curve = [best]
        except KeyboardInterrupt:
            solution.outcome = "interrupted"
            return solution
        leaf = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
        # The floor is relative to the objective, so that its unit does not matter.
        floor = _ADAM_EPS * (abs(best) or 1.0 if np.isfinite(best) else 1.0)
        adam = torch.optim.Adam([leaf], lr=self.learning_rate, eps=floor)
        _load_state(adam, optimizer_state)
        size = self.batch_size or min(200, function.n_rows)
        batches: Any = (
            function.batches(size, seed)
            if hasattr(function, "batches")
            else ShuffledRows(function.n_rows, size, seed, function.device)
        )
        stalls = 0
        try:
            if max_iter == 0 or len(theta) == 0:
                max_iter, solution.outcome = 0, "converged"
            while solution.n_iter < max_iter:
                for rows in batches:
                    # A copy: the step changes the leaf in place.
                    _, slope = function(leaf.detach().numpy().copy(), rows=rows)
                    leaf.grad = torch.from_numpy(slope)
                    adam.step()
                theta = leaf.detach().numpy().copy()
                value, _ = function(theta, rows=None)
                solution.loss_curve.append(value)
                if not np.isfinite(value):
                    solution.outcome = "diverged"
                    break
                stalls = 0 if best - value > tol * abs(best) else stalls + 1
                if value < best or not keep_best:
                    best, solution.parameters = value, theta
                if callback is not None and callback(solution.n_iter, value, theta):
                    solution.outcome = "stopped"
                    break
                if stalls == PATIENCE:
                    solution.outcome = "converged"
                    break
        except KeyboardInterrupt:
            solution.outcome = "interrupted"
        if solution.outcome != "diverged":  # whose moments may be infinite
            solution.optimizer_state = _save_state(adam)
        return solution


def _save_state(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    state = optimizer.state_dict()["state"].get(0, {})
    arrays = {name: value.cpu().numpy().copy() for name, value in state.items()}
    return arrays | {"eps": np.array(optimizer.param_groups[0]["eps"])} if state else {}


def _load_state(optimizer, state: Mapping[str, np.ndarray] | None) -> None:
    if state:
        tensors = {name: torch.tensor(value) for name, value in state.items()}
        optimizer.param_groups[0]["eps"] = float(tensors.pop("eps"))
        optimizer.load_state_dict(optimizer.state_dict() | {"state": {0: tensors}})
