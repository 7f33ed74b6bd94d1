"""How a transformer learns its wavelet: from parameters to the engine and back."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sk_awave.attribution import METHODS
from sk_awave.attribution import input_gradients as teacher_gradients
from sk_awave.decomposition._wavelet import _BaseWaveletTransformer, as_tensor
from sk_awave.engine._candidates import find_starts
from sk_awave.engine._conditions import FILTER_TERMS
from sk_awave.engine._filter_bank import FilterBank, as_wavelet
from sk_awave.engine._lbfgs import minimize_lbfgs
from sk_awave.engine._minibatch import minimize_minibatch
from sk_awave.engine._objective import Objective
from sk_awave.engine._plan import TransformPlan
from sk_awave.engine._solution import OUTCOMES
from sk_awave.utils._callbacks import CallbackSupportMixin, FitTask


class _BaseAdaptiveTransformer(CallbackSupportMixin, _BaseWaveletTransformer):
    """The steps of learning, none of which is public."""

    def _make_learnable_objective(self, X, gradients, resume=False):
        """Make the objective at the starting wavelet, or where the last fit ended."""
        wavelet = as_wavelet(self.wavelet)
        layout = self._make_layout(X.shape[1:], wavelet.dec_len)
        bank = FilterBank.from_wavelet(
            wavelet,
            self.parametrization,
            n_levels=max(1, layout.level) if self.per_level else 1,
            n_axes=self.ndim if self.per_axis else 1,
        )
        objective = self._make_objective(bank, layout, X, gradients)
        if resume and len(self._parameters) == objective.n_parameters:
            objective.set_parameters(self._parameters)
        return objective

    def _make_objective(self, bank, layout, X, gradients):
        """Bring signals and gradients to the device, once, in the shape of the engine."""
        device = self._torch_device(X)
        shape = (len(X), -1, *layout.signal_shape)
        if gradients is not None:  # (n_targets, n, ...): targets become channels
            gradients = as_tensor(gradients, device).transpose(0, 1).reshape(shape)
        weights = {
            "reconstruction": self.alpha_reconstruction,
            "sparsity": self.alpha_sparsity,
            "attribution": self.alpha_attribution,
            **dict.fromkeys(FILTER_TERMS, self.alpha_filter),
        }
        x = as_tensor(X, device).reshape(shape)
        plan = TransformPlan(layout)
        multiply = METHODS.get(self.attribution, False)
        return Objective(bank, plan, x, weights, gradients, multiply)

    def _get_input_gradients(self, X, y, input_gradients):
        """Return the gradients of shape (n_targets, *X.shape), or None without any."""
        if input_gradients is None and self.teacher is None:
            return None
        if input_gradients is None:
            gradients = self._differentiate_teacher(X, y)
        elif self.teacher is None:
            gradients = _check_input_gradients(input_gradients, X)
        else:
            raise ValueError("Give either a teacher or input_gradients, not both.")
        return gradients.reshape(-1, *X.shape)

    def _differentiate_teacher(self, X, y):
        return teacher_gradients(
            self.teacher,
            X,
            method=self.attribution,
            target=self.target,
            y=y,
            random_state=self.random_state,
        )

    def _find_starts(self, objective, resume):
        """Return names and parameters of the starts, the most promising first."""
        if resume:
            return [("previous fit", objective.get_parameters())]
        if self.init == "wavelet":
            return [(as_wavelet(self.wavelet).name, objective.get_parameters())]
        return find_starts(
            objective, self.init, self.n_init, self._seed(), polish=self.max_iter > 0
        )

    def _learn(self, objective, starts, X, y):
        """Store the best solution from the starts; tell whether learning completed."""
        task = FitTask(self, X, y, self.max_iter * len(starts))
        solutions = self._minimize(objective, starts, task)
        self._set_solution(objective, min(solutions, key=lambda run: run.best_loss))
        self.starts_ = [
            {
                "wavelet": name,
                "loss_before": run.loss_curve[0],
                "loss_after": run.best_loss,
            }
            for (name, _), run in zip(starts, solutions, strict=False)
        ]
        task.end()
        return solutions[-1].outcome != "interrupted"

    def _minimize(self, objective, starts, task):
        """Run the solver from each start; return the solutions of those that ran."""

        def callback(n_iter, value):
            if self.verbose and self.solver == "lbfgs":  # skorch has its own table
                print(f"Iteration {n_iter}: objective = {value:.6g}")
            return task.end_iteration(lambda: self._fitted_filters(objective))

        kwargs = {"max_iter": self.max_iter, "tol": self.tol, "callback": callback}
        solutions = []
        for _, parameters in starts:
            objective.set_parameters(parameters)
            if self.solver == "lbfgs":
                solutions.append(minimize_lbfgs(objective, **kwargs))
            else:
                solutions.append(self._minimize_minibatch(objective, **kwargs))
            if solutions[-1].outcome == "interrupted":
                break
        return solutions

    def _seed(self):
        return check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _minimize_minibatch(self, objective, **kwargs):
        return minimize_minibatch(
            objective,
            batch_size=self.batch_size or min(200, len(objective.x)),
            learning_rate=self.learning_rate_init,
            seed=self._seed(),
            callbacks=self.callbacks,
            verbose=int(self.verbose),
            **kwargs,
        )

    def _fitted_filters(self, objective):
        """Return the fitted attributes that `transform` needs, as NumPy and Python."""
        bank, layout = objective.bank, objective.plan.layout
        name = f"adapted {as_wavelet(self.wavelet).name}"
        n_levels, n_axes = bank.original.shape[:2]
        wavelets = [
            [bank.to_wavelet(level, axis, name) for axis in range(n_axes)]
            for level in range(n_levels)
        ]
        per_level = [tuple(axes) if self.per_axis else axes[0] for axes in wavelets]
        return {
            "filter_bank_": bank().detach().cpu().numpy(),
            "wavelet_": per_level if self.per_level else per_level[0],
            "layout_": layout,
            "level_": layout.level,
        }

    def _set_solution(self, objective, solution):
        """Store the outcome, and say so if there is a doubt about it."""
        objective.set_parameters(solution.parameters)
        vars(self).update(self._fitted_filters(objective))
        self._parameters = solution.parameters
        self._optimizer_state = solution.optimizer_state
        self.loss_curve_ = solution.loss_curve
        self.n_iter_ = solution.n_iter
        self.objective_terms_ = objective.terms()
        if solution.outcome in OUTCOMES:
            message = OUTCOMES[solution.outcome].format(
                max_iter=self.max_iter, tol=self.tol, n_iter=self.n_iter_
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=5)


def _check_input_gradients(input_gradients, X):
    """Return the gradients as the kind of array that `X` is, or raise ValueError."""
    if isinstance(X, torch.Tensor):
        gradients = torch.as_tensor(input_gradients).detach().to(X)
    else:
        gradients = np.asarray(input_gradients, dtype=X.dtype)
    if gradients.shape != X.shape:
        raise ValueError(
            f"input_gradients must have the shape of X, {tuple(X.shape)}. Got "
            f"{tuple(gradients.shape)} instead."
        )
    isfinite = torch.isfinite if torch.is_tensor(gradients) else np.isfinite
    if not isfinite(gradients).all():
        raise ValueError("input_gradients contains NaN or infinity.")
    return gradients
