"""Learning of a filter bank: objective, starts and solver in, solution out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from sk_awave.engine._adam import Adam
from sk_awave.engine._bfgs import BFGS
from sk_awave.engine._blocks import SummedObjective
from sk_awave.engine._objective import Objective
from sk_awave.engine._solver import Solution, Solver
from sk_awave.engine._starts import find_starts
from sk_awave.utils._callbacks import FitTask

#: What is called after each iteration; see `Solver.minimize`.
Callback = Callable[[int, float, np.ndarray], bool]

SOLVERS: dict[str, type[Solver]] = {"bfgs": BFGS, "adam": Adam}


class Start(NamedTuple):
    """A start of learning.

    Attributes
    ----------
    name : str
        The name in reports.
    parameters : ndarray of shape (n_parameters,)
    origin : str or None
        The wavelet that it is derived from, if that differs from `name`.
    """

    name: str
    parameters: np.ndarray
    origin: str | None = None


@dataclass
class Learned:
    """The outcome of learning from several starts.

    Attributes
    ----------
    best : Start
        The start of the best solution.
    solution : Solution
        The best.
    starts : list of dict
        Each start, as "wavelet", "loss_before" and "loss_after".
    error : Exception, default=None
        The error that ended learning, where blocks of signals failed in a later pass.
    """

    best: Start
    solution: Solution
    starts: list[dict]
    error: Exception | None = None


@dataclass(frozen=True)
class Learner:
    """Minimises an objective from the most promising starts.

    Parameters
    ----------
    objective : Objective
        Data, bank, tree and terms.
    name : str
        The wavelet at which the bank starts.
    solver : Solver
    init, n_init, max_iter, tol
        See `AdaptiveWaveletTransformer`.
    seed : int
    """

    objective: Objective
    name: str
    solver: Solver
    init: str
    n_init: int
    max_iter: int
    tol: float
    seed: int

    @property
    def n_subtasks(self) -> int:
        """The number of parts of a fit, which are the search and the starts."""
        return 1 if self.init == "wavelet" else 1 + self.n_init

    def find_starts(self, task: FitTask | None = None) -> tuple[list[Start], bool]:
        """Return the starts, the most promising first, and whether all was searched.

        A search that is interrupted returns the best start it has met. Where the bank can
        have none of those that were found, its own start is the only one.

        Parameters
        ----------
        task : FitTask, default=None
            The fit whose part the search is.
        """
        own = Start(self.name, self.objective.start)
        if self.init == "wavelet":
            return [own], True
        search = (task or FitTask()).subtask("search", None).begin()

        def report(name: str, n: int, value: float) -> None:
            message = "Search: the best of %d starts is %s, with %.4g of Haar's objective"
            search.log(message, n, name, value)
            search.subtask("comparison").begin().end()

        found, completed = find_starts(
            self.objective,
            self.init,
            self.n_init,
            self.seed,
            polish=self.max_iter > 0,
            report=report,
        )
        search.end()
        starts = [Start(*start) for start in found] or [own]
        return (starts, True) if completed else (starts[:1], False)

    def learn(
        self,
        starts: list[Start] | None = None,
        task: FitTask | None = None,
    ) -> Learned:
        """Minimise from each start, and keep the best solution.

        Parameters
        ----------
        starts : list of Start, default=None
            By default those that `find_starts` finds. If its search is interrupted,
            nothing more is learned.
        task : FitTask, default=None
            The fit, which is told of each start and iteration.

        Returns
        -------
        Learned
            The outcome of its solution is "interrupted" after Ctrl-C at any stage.
        """
        task, completed = task or FitTask(), True
        if starts is None:
            starts, completed = self.find_starts(task)
        max_iter = self.max_iter if completed else 0
        solutions: list[Solution] = []
        failure = None
        for number, start in enumerate(starts, 1):
            task.log("Start %d of %d: %s", number, len(starts), start.name)
            run = task.subtask("start", max_iter).begin()
            solution, failure = self._try(start, max_iter, Watch(run))
            if solution is None and solutions:
                break  # what earlier starts have found is kept
            if solution is None:
                raise failure
            solutions.append(solution)
            task.log("%s: objective = %.6g", start.name, solution.best_loss)
            is_interrupted = solution.outcome == "interrupted"
            if run.end(solution.parameters) or is_interrupted or failure:
                break
        best = min(range(len(solutions)), key=lambda i: solutions[i].best_loss)
        if not completed or solutions[-1].outcome == "interrupted":
            solutions[best].outcome = "interrupted"
        reports = report_starts(starts, solutions)
        return Learned(starts[best], solutions[best], reports, failure)

    def _try(self, start: Start, max_iter: int, watch: "Watch"):
        """Minimise from a start; return the solution, and the error of failing blocks.

        Data that are read anew in each pass can fail in any of them. What was learned
        until then is not lost. There is no solution before the first iteration.
        """
        try:
            return self._minimize(start.parameters, max_iter, watch), None
        except Exception as error:
            if not isinstance(self.objective, SummedObjective):
                raise
            return watch.solution, error

    def _minimize(self, theta: np.ndarray, max_iter: int, callback: Callback) -> Solution:
        """Minimise from a start; where the bank has an inner one, in that first.

        The inner one has half of the iterations at most.
        """
        settings = {"tol": self.tol, "seed": self.seed}
        run, objective = partial(self.solver.minimize, **settings), self.objective
        inner = objective.bank.at(theta).inner() if max_iter > 0 else None
        if inner is None:
            return run(objective, theta, max_iter=max_iter, callback=callback)

        def released(theta: np.ndarray) -> np.ndarray:
            original = torch.from_numpy(theta).reshape(inner.original.shape)
            return objective.bank.parametrization.release(original).numpy().ravel()

        def at_first(n_iter: int, value: float, theta: np.ndarray) -> bool:
            return callback(n_iter, value, released(theta))

        def at_second(n_iter: int, value: float, theta: np.ndarray) -> bool:
            return callback(n + n_iter, value, theta)

        within = objective.of(inner)
        first = run(within, within.start, max_iter=max_iter // 2, callback=at_first)
        n, theta = first.n_iter, released(first.parameters)
        if first.outcome not in ("converged", "max_iter"):
            return replace(first, parameters=theta, optimizer_state={})
        second = run(objective, theta, max_iter=max_iter - n, callback=at_second)
        second.loss_curve = first.loss_curve + second.loss_curve[1:]
        return second


class Watch:
    """A callback of `Solver.minimize` that reports iterations, and remembers the best.

    Parameters
    ----------
    run : FitTask
        The task of a start.

    Attributes
    ----------
    solution : Solution or None
        The iterations so far.
    """

    def __init__(self, run: FitTask):
        self._run = run
        self.solution: Solution | None = None

    def __call__(self, n_iter: int, value: float, theta: np.ndarray) -> bool:
        self._run.log("Iteration %d: objective = %.6g", n_iter, value)
        if self.solution is None:
            self.solution = Solution(theta.copy(), "failed", [np.nan])
        elif value < self.solution.best_loss:
            self.solution.parameters = theta.copy()
        self.solution.loss_curve.append(value)
        return self._run.subtask("iteration").begin().end(theta)


def report_starts(starts, solutions):
    """Return what each start was, and the objective before and after."""
    return [
        {
            "wavelet": start.name,
            "loss_before": run.loss_curve[0],
            "loss_after": run.best_loss,
        }
        for start, run in zip(starts, solutions, strict=False)
    ]
