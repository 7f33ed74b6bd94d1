"""How a transformer learns its wavelet: from parameters to the engine and back."""

import warnings
from dataclasses import replace
from numbers import Real

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sk_awave.attribution import METHODS
from sk_awave.attribution import input_gradients as teacher_gradients
from sk_awave.attribution._input_gradients import as_samples
from sk_awave.decomposition._wavelet import _BaseWaveletTransformer
from sk_awave.engine._adam import minimize_adam
from sk_awave.engine._bfgs import minimize_bfgs
from sk_awave.engine._filter_bank import FilterBank, as_wavelet, tags_of
from sk_awave.engine._objective import Objective
from sk_awave.engine._solution import OUTCOMES
from sk_awave.engine._starts import find_starts
from sk_awave.engine._terms import Term, published_terms
from sk_awave.engine._tree import Tree
from sk_awave.utils._callbacks import CallbackSupportMixin, FitTask
from sk_awave.utils._sklearn import FitInterrupted
from sk_awave.utils._validation import as_tensor


class _BaseAdaptiveTransformer(CallbackSupportMixin, _BaseWaveletTransformer):
    """The steps of learning, none of which is public."""

    def _make_learnable_objective(self, X, gradients, y=None):
        """Make the objective at the starting wavelet."""
        self._check_callbacks()
        self._check_extra_terms()
        wavelet = as_wavelet(self.wavelet, type(self).__name__)
        layout = self._make_layout(X.shape[1:], wavelet.dec_len)
        bank = FilterBank.from_wavelet(
            wavelet,
            self.parametrization,
            n_levels=max(1, layout.level) if self.per_level else 1,
            n_axes=self.ndim if self.per_axis else 1,
        )
        self._warn_of_idle_strengths(bank.tags, gradients)
        return self._make_objective(bank, layout, X, gradients, y)

    def _check_callbacks(self):
        """Raise TypeError for callbacks that skorch cannot use."""
        for callback in self.callbacks or []:
            named = isinstance(callback, tuple) and len(callback) == 2
            if not hasattr(callback[1] if named else callback, "on_train_begin"):
                raise TypeError(
                    f"The 'callbacks' parameter of {type(self).__name__} must be a list "
                    f"of skorch callbacks. Got {callback!r} in it."
                )

    def _check_extra_terms(self):
        """Raise TypeError or ValueError for what are no terms with strengths."""
        names = {term.name for term in published_terms()}
        for pair in dict(self.extra_terms or {}).items():
            term, strength = pair
            if not isinstance(term, Term) or not isinstance(strength, Real):
                raise TypeError(
                    f"The 'extra_terms' parameter of {type(self).__name__} must be a "
                    "list of (term, float), with instances of SignalTerm or FilterTerm. "
                    f"Got {pair!r} in it."
                )
            if strength < 0 or term.name in names:
                raise ValueError(
                    f"The 'extra_terms' parameter of {type(self).__name__} must have "
                    "strengths of at least 0, and names of their own. Got "
                    f"{term.name!r} with {strength}."
                )
            names.add(term.name)

    def _warn_of_idle_strengths(self, tags, gradients):
        """Warn of strengths that were set and do not change what is learned."""
        reasons = {}
        bank = f"parametrization={self.parametrization!r}"
        if "reconstructs" in tags:
            reasons["alpha_reconstruction"] = f"{bank} always reconstructs exactly."
        if "orthonormal" in tags:
            reasons["alpha_filter"] = f"every filter of {bank} is orthonormal."
        if {"reconstructs", "orthonormal"} <= tags and not self.extra_terms:
            reasons["alpha_sparsity"] = (
                f"without attributions, sparsity is all that {bank} minimises. Tune the "
                "wavelet's length and start (wavelet, init), level, mode or per_level "
                "instead, or give a teacher."
            )
        reasons["alpha_attribution"] = "there is no teacher and no input_gradients."
        if gradients is not None:
            for name in ("alpha_sparsity", "alpha_attribution"):
                reasons.pop(name, None)
        for name, reason in reasons.items():
            if getattr(self, name) != 1:
                message = f"{name} has no effect: {reason}"
                warnings.warn(message, UserWarning, stacklevel=6)

    def _can_resume(self, objective):
        """Tell whether the parameters of the last fit mean the same here."""
        return getattr(self, "_parameters_kind", None) == self._kind_of(objective)

    def _kind_of(self, objective):
        """Return what the parameters are: angles or taps, of how many filters."""
        bank = objective.bank
        return repr(bank.parametrization), tuple(bank.original.shape)

    def _make_objective(self, bank, layout, X, gradients, y=None):
        """Bring signals and gradients to the device, once, in the shape of the engine."""
        device = self._torch_device(X)
        shape = (len(X), -1, *layout.signal_shape)
        if gradients is not None:  # (n_targets, n, ...): targets become channels
            gradients = as_tensor(gradients, device).transpose(0, 1).reshape(shape)
        terms = published_terms(
            sparsity=self.alpha_sparsity,
            attribution=self.alpha_attribution,
            reconstruction=self.alpha_reconstruction,
            penalties=self.alpha_filter,
            multiply=METHODS.get(self.attribution, False),
        )
        terms |= dict(self.extra_terms or {})
        x = as_tensor(X, device).reshape(shape)
        # Labels of any kind may be there for others, such as the teacher.
        wanted = y is not None and self.extra_terms
        y = as_tensor(np.asarray(y), device) if wanted else None
        return Objective(bank, layout, terms, x, gradients, y)

    def _score(self, X, gradients, y):
        """Return minus the objective per coefficient, over that of the samples per value.

        The identity is the transform without a level: its only band is the samples.
        """
        layout, values = self.layout_, []
        norms = ("sparsity", "attribution")
        tags = tags_of(self.parametrization)
        for tree, filters in (
            (layout.tree, self.filter_bank_),
            (Tree.dwt(0), self.filter_bank_[:1]),
        ):
            at_level = replace(layout, tree=tree)
            bank = FilterBank(filters, "fixed")
            objective = self._make_objective(bank, at_level, X, gradients, y)
            report = objective.report(objective.start)
            # What is zero but for rounding would count at another scale than that of X.
            report |= {
                term.name: 0.0
                for term in objective.terms
                if term.vanishes(tags) or (tree.level == 0 and term.name not in norms)
            }
            # A coefficient counts as often as the norm weights it, in noise.
            count = sum(b.weight**2 * (b.stop - b.start) for b in at_level.bands)
            values.append(objective.total(report) * (tree.level + 1) / count)
        learned, own = values
        return -learned / (own or 1.0)

    def _get_input_gradients(self, X, y, input_gradients):
        """Return the gradients of shape (n_targets, *X.shape), or None without any."""
        if input_gradients is None and self.teacher is None:
            return None
        if input_gradients is None:
            gradients = self._differentiate_teacher(X, y)
        elif self.teacher is None:
            gradients = _check_input_gradients(input_gradients, X, self)
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

    def _find_starts(self, objective, resumed=False):
        """Return names and parameters of the starts, the best first, and if all is found.

        A search that is interrupted returns the most promising start it has met.
        """
        if resumed:
            return [("previous fit", self._parameters)], True
        own = (as_wavelet(self.wavelet).name, objective.start)
        if self.init == "wavelet":
            return [own], True
        starts, completed = find_starts(
            objective, self.init, self.n_init, self._seed(), polish=self.max_iter > 0
        )
        return (starts, True) if completed else (starts[:1] or [own], False)

    def _learn(self, objective, starts, X, y, completed=True):
        """Store the best solution from the starts, and report how learning ended.

        If the search of starts was not `completed`, nothing more is learned.
        """
        max_iter = self.max_iter if completed else 0
        task = FitTask(self, X, y, max_iter * len(starts))
        solutions = self._minimize(objective, starts, task, max_iter)
        best = min(solutions, key=lambda run: run.best_loss)
        if not completed or solutions[-1].outcome == "interrupted":
            best.outcome = "interrupted"
        self._set_solution(objective, best, starts, solutions)
        task.end()
        self._report_outcome(best)

    def _minimize(self, objective, starts, task, max_iter):
        """Run the solver from each start; return the solutions of those that ran."""

        def callback(n_iter, value, theta):
            if self.verbose and self.solver == "bfgs":  # skorch has its own table
                print(f"Iteration {n_iter}: objective = {value:.6g}")
            return task.end_iteration(lambda: self._fitted_filters(objective, theta))

        kwargs = {"max_iter": max_iter, "tol": self.tol, "callback": callback}
        solutions = []
        for _, start in starts:
            if self.solver == "bfgs":
                solutions.append(minimize_bfgs(objective, start, **kwargs))
            else:
                solutions.append(self._minimize_minibatch(objective, start, **kwargs))
            if solutions[-1].outcome == "interrupted":
                break
        return solutions

    def _seed(self):
        return check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _minimize_minibatch(self, objective, start, **kwargs):
        n_rows = len(objective.x)
        return minimize_adam(
            objective,
            start,
            n_rows,
            batch_size=self.batch_size or min(200, n_rows),
            learning_rate=self.learning_rate_init,
            seed=self._seed(),
            device=objective.x.device,
            callbacks=self.callbacks,
            verbose=int(self.verbose),
            **kwargs,
        )

    def _fitted_filters(self, objective, theta):
        """Return the fitted attributes that `transform` needs, as NumPy and Python."""
        bank, layout = objective.bank.at(theta), objective.layout
        name = f"adapted {as_wavelet(self.wavelet).name}"
        n_levels, n_axes = bank.original.shape[:2]
        wavelets = [
            [bank.to_wavelet(level, axis, name) for axis in range(n_axes)]
            for level in range(n_levels)
        ]
        per_level = [tuple(axes) if self.per_axis else axes[0] for axes in wavelets]
        return {
            "filter_bank_": bank().detach().numpy(),
            "wavelet_": per_level if self.per_level else per_level[0],
            "layout_": layout,
            "level_": layout.level,
            "_maps": {},
        }

    def _set_solution(self, objective, solution, starts, solutions):
        """Store the outcome, all of it at once."""
        vars(self).update(
            self._fitted_filters(objective, solution.parameters),
            _parameters=solution.parameters,
            _parameters_kind=self._kind_of(objective),
            _optimizer_state=solution.optimizer_state,
            loss_curve_=solution.loss_curve,
            n_iter_=solution.n_iter,
            objective_terms_=objective.report(solution.parameters),
            starts_=[
                {
                    "wavelet": name,
                    "loss_before": run.loss_curve[0],
                    "loss_after": run.best_loss,
                }
                for (name, _), run in zip(starts, solutions, strict=False)
            ],
        )

    def _report_outcome(self, solution):
        """Warn where the outcome is in doubt; raise KeyboardInterrupt again."""
        if solution.outcome == "interrupted":
            message = (
                f"Fitting was interrupted after {self.n_iter_} iterations; the best "
                "filters so far are kept."
            )
            raise FitInterrupted(message, self)
        if solution.outcome in OUTCOMES:
            message = OUTCOMES[solution.outcome].format(
                max_iter=self.max_iter, tol=self.tol, n_iter=self.n_iter_
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=6)


def _check_input_gradients(input_gradients, X, estimator):
    """Return the gradients as the kind of array that `X` is, or raise an error."""
    gradients = as_samples(input_gradients, estimator, "input_gradients")
    if gradients.shape != X.shape:
        raise ValueError(
            f"input_gradients must have the shape of X, {tuple(X.shape)}. Got "
            f"{tuple(gradients.shape)} instead."
        )
    if torch.is_tensor(X):
        return gradients.to(X)
    return gradients.cpu().numpy().astype(X.dtype, copy=False)
