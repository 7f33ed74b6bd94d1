"""Mini-batch Adam on skorch, for data that is large or comes in batches."""

import dis
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import skorch
import torch
from torch import Tensor, nn

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

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(self.n_rows, generator=self.generator).to(self.device)
        for rows in order.split(self.batch_size):
            yield rows, rows


class _LossModule(nn.Module):
    """A function of parameters as a module; its output is its own loss."""

    def __init__(self, function: Callable, theta: np.ndarray):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))
        self._function = function

    def forward(self, rows: Any) -> Tensor:
        theta = self.theta
        value, gradient = self._function(theta.detach().numpy().copy(), rows=rows)
        slope = torch.from_numpy(gradient)
        return value + ((theta - theta.detach()) * slope).sum()


class _Net(skorch.NeuralNet):
    """A net that is fed ready batches and whose module computes the loss."""

    def get_dataset(self, X, y=None):
        return X

    def get_iterator(self, dataset, training=False):
        return dataset

    def infer(self, x, **fit_params):
        return self.module_(x)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        return y_pred


@dataclass
class Adam(Params, Solver):
    """Mini-batch Adam [1]_ on skorch, for large data.

    Parameters
    ----------
    batch_size : int, default=None
        The number of samples in a mini-batch. By default it is at most 200.
    learning_rate : float, default=0.01
        The step size.
    callbacks : list of skorch.callbacks.Callback, default=None
        Callbacks of skorch, such as early stopping, learning-rate schedules and logging.

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
    callbacks: list | None = None

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
        for callback in self.callbacks or []:
            named = isinstance(callback, tuple) and len(callback) == 2
            if not hasattr(callback[1] if named else callback, "on_train_begin"):
                raise TypeError(
                    "The 'callbacks' parameter of Adam must be a list of skorch "
                    f"callbacks. Got {callback!r} in it."
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
        net = _Net(
            _LossModule(function, theta),
            criterion=nn.Identity,
            optimizer=torch.optim.Adam,
            # Relative to the objective, so that its unit does not matter.
            optimizer__eps=_ADAM_EPS * (abs(best) or 1.0 if np.isfinite(best) else 1.0),
            lr=self.learning_rate,
            train_split=None,
            callbacks=self.callbacks,
            verbose=0,
            device=None,
        ).initialize()
        _load_state(net.optimizer_, optimizer_state)
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
            net.notify("on_train_begin", X=batches, y=None)
            while solution.n_iter < max_iter:
                stops = _fit_epoch(net, batches)
                theta = net.module_.theta.detach().numpy().copy()
                value, _ = function(theta, rows=None)
                solution.loss_curve.append(value)
                if not np.isfinite(value):
                    solution.outcome = "diverged"
                    break
                stalls = 0 if best - value > tol * abs(best) else stalls + 1
                if value < best or not keep_best:
                    best, solution.parameters = value, theta
                asked = callback is not None and callback(solution.n_iter, value, theta)
                if stops or asked:
                    solution.outcome = "stopped"
                    break
                if stalls == PATIENCE:
                    solution.outcome = "converged"
                    break
        except KeyboardInterrupt:
            solution.outcome = "interrupted"
        net.notify("on_train_end", X=batches, y=None)
        if solution.outcome != "diverged":  # whose moments may be infinite
            solution.optimizer_state = _save_state(net.optimizer_)
        return solution


def _fit_epoch(net: _Net, batches: Iterable) -> bool:
    """Run an epoch; tell whether a callback asks to stop after it."""
    try:
        net.fit_loop(batches, epochs=1)
    except KeyboardInterrupt as error:
        if not is_stop_request(error):
            raise
        return True
    return False


def is_stop_request(error: KeyboardInterrupt) -> bool:
    """Tell whether a callback of skorch raised it to end the training, and not Ctrl-C.

    Callbacks such as EarlyStopping raise KeyboardInterrupt, by a statement; Ctrl-C comes
    between any two instructions.
    """
    trace: Any = error.__traceback__
    in_callback = False
    while trace.tb_next is not None:
        trace = trace.tb_next
        in_callback |= trace.tb_frame.f_code.co_name == "notify"
    instruction = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return in_callback and dis.opname[instruction] == "RAISE_VARARGS"


def _save_state(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    state = optimizer.state_dict()["state"].get(0, {})
    arrays = {name: value.cpu().numpy().copy() for name, value in state.items()}
    return arrays | {"eps": np.array(optimizer.param_groups[0]["eps"])} if state else {}


def _load_state(optimizer, state: Mapping[str, np.ndarray] | None) -> None:
    if state:
        tensors = {name: torch.tensor(value) for name, value in state.items()}
        optimizer.param_groups[0]["eps"] = float(tensors.pop("eps"))
        optimizer.load_state_dict(optimizer.state_dict() | {"state": {0: tensors}})
