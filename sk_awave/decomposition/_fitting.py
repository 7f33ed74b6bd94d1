"""From the parameters of a transformer to a learner, and back to fitted attributes."""

import math
from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sk_awave.attribution import input_gradients
from sk_awave.attribution._input_gradients import as_samples, find_field
from sk_awave.attribution._teacher import as_teacher
from sk_awave.decomposition._basis import in_basis, keep_basis
from sk_awave.decomposition._checks import check_extra_terms, warn_of_idle_parameters
from sk_awave.decomposition._learner import (
    SOLVERS,
    Learned,
    Learner,
    Start,
    Watch,
    report_starts,
)
from sk_awave.engine._adam import Adam
from sk_awave.engine._blocks import Blocks, SummedObjective, summed_objective
from sk_awave.engine._filter_bank import FilterBank, terms_of
from sk_awave.engine._objective import Objective
from sk_awave.engine._solver import OUTCOMES
from sk_awave.engine._terms import Attribution, Sparsity
from sk_awave.engine._wavelet import as_wavelet
from sk_awave.utils._budget import check_filter_length
from sk_awave.utils._callbacks import FitTask
from sk_awave.utils._sklearn import FitInterrupted
from sk_awave.utils._validation import as_tensor
from sk_awave.utils._warnings import warn

#: The longest Daubechies wavelet that the lattice starts from.
_LONGEST = 22


def find_gradients(transformer, X, y, given, *, is_block=False, is_checked=False):
    """Return gradients of shape (n_targets, *X.shape), of the teacher or given, or None.

    Those of a block may all be zero. `is_checked` tells that the teacher is known not to
    mix samples.

    Raises
    ------
    ValueError
        If there are a teacher and given gradients, or these have not the shape of `X`.
    """
    teacher = getattr(transformer, "teacher", None)
    if given is not None and teacher is not None:
        raise ValueError("Give either a teacher or input_gradients, not both.")
    if given is None and teacher is None:
        return None
    if given is None:
        seed = transformer.random_state
        if is_block:
            field = find_field(teacher, X, y, random_state=seed, is_checked=is_checked)
        else:
            field = input_gradients(teacher, X, y=y, random_state=seed)
    else:
        field = as_samples(given, transformer, "input_gradients")
        if field.shape != X.shape:
            raise ValueError(
                f"input_gradients must have the shape of X, {tuple(X.shape)}. Got "
                f"{tuple(field.shape)} instead."
            )
    return as_tensor(field).reshape(-1, *X.shape).to(as_tensor(X))


def make_learner(transformer, X, gradients, y, alpha_attribution=None):
    """Make the learner that the parameters of a transformer describe.

    Parameters
    ----------
    transformer : AdaptiveWaveletTransformer
    X : ndarray, tensor or Blocks
        Valid signals.
    gradients : tensor of shape (n_targets, *X.shape) or None
    y : array-like or None
    alpha_attribution : float, default=None
        The strength of the attributions, by default what the parameters say.

    Returns
    -------
    Learner
    """
    check_extra_terms(transformer)
    solver = transformer.solver
    solver = SOLVERS[solver]() if isinstance(solver, str) else solver
    solver.check()
    wavelet = starting_wavelet(transformer)
    filter_length = transformer.filter_length or wavelet.dec_len
    layout = transformer._make_layout(transformer.sample_shape_, filter_length)
    check_filter_length(filter_length, math.prod(layout.signal_shape))
    bank = FilterBank.from_wavelet(
        wavelet,
        transformer.parametrization,
        n_levels=max(1, layout.level) if transformer.per_level else 1,
        n_axes=transformer.ndim if transformer.per_axis else 1,
        filter_length=filter_length,
    )
    own_terms = terms_of(bank.parametrization)
    counted = [t for t, a in own_terms.items() if a > 0 and not t.vanishes(bank.tags)]
    warn_of_idle_parameters(transformer, counted, gradients)
    objective = make_objective(transformer, bank, layout, X, gradients, y, own_terms)
    objective = in_basis(transformer, objective, y)
    if gradients is not None:
        if alpha_attribution is None:
            alpha_attribution = _strength(transformer, objective)
        objective = objective.at(attribution=alpha_attribution)
    return Learner(
        objective=objective,
        name=wavelet.name,
        solver=solver,
        init=transformer.init,
        n_init=transformer.n_init,
        max_iter=transformer.max_iter,
        tol=transformer.tol,
        seed=check_random_state(transformer.random_state).randint(2**31 - 1),
    )


def starting_wavelet(transformer):
    """Return the wavelet, by default the Daubechies wavelet with `filter_length` taps."""
    wavelet = transformer.wavelet
    if wavelet is None:
        n_moments = (transformer.filter_length or 10) // 2
        wavelet = f"db{min(n_moments, _LONGEST)}"
    return as_wavelet(wavelet, type(transformer).__name__)


def make_objective(transformer, bank, layout, X, gradients, y, own_terms):
    """Bring signals and gradients to the device, once, in the shape of the engine.

    `own_terms` are those of the bank that is learned. The attributions have no strength
    yet, as that may depend on the objective.
    """
    teacher = transformer.teacher
    multiplies = teacher is not None and as_teacher(teacher).multiplies
    terms = {Sparsity(): transformer.alpha_sparsity, Attribution(multiplies): 0.0}
    terms |= own_terms
    terms |= dict(transformer.extra_terms or {})
    if isinstance(X, Blocks):
        return summed_objective(bank, layout, terms, X)
    device = transformer._torch_device(X)
    shape = (len(X), -1, *layout.signal_shape)
    if gradients is not None:  # (n_targets, n, ...): targets become channels
        gradients = gradients.to(device).transpose(0, 1).reshape(shape)
    # Labels of any kind may be there for others, such as the teacher.
    wanted = y is not None and transformer.extra_terms
    y = as_tensor(np.asarray(y), device) if wanted else None
    x = as_tensor(X, device).reshape(shape)
    return Objective(bank, layout, terms, x, gradients, y)


def attribution_unit(objective):
    """Return the strength at which attributions count as much as sparsity, at the start.

    Raises
    ------
    ValueError
        If the attributions are zero for every signal.
    """
    terms = objective.report(objective.start)
    if terms["attribution"] == 0:
        raise ValueError("The attributions are zero for every signal.")
    return terms["sparsity"] / terms["attribution"]


def _strength(transformer, objective):
    """Return the strength of the attributions on the published scale."""
    if transformer.alpha_attribution is not None:
        return float(transformer.alpha_attribution)
    unit = (transformer.alpha_sparsity or 1.0) * attribution_unit(objective)
    return float(transformer.attribution_ratio * unit)


def kind_of(bank):
    """Return what parameters are, angles or taps, and of how many filters."""
    kind = type(bank.parametrization)
    steps = getattr(bank.parametrization, "structure", "")
    return f"{kind.__module__}.{kind.__qualname__} {steps}", tuple(bank.original.shape)


def fitted_filters(transformer, objective, theta, origin):
    """Return the fitted attributes that transforms and scores need."""
    bank = objective.bank.at(theta)
    layout = objective.layout_at(bank().detach())
    n_levels, n_axes = bank.original.shape[:2]
    wavelets = [
        [bank.to_wavelet(level, axis, f"adapted {origin}") for axis in range(n_axes)]
        for level in range(n_levels)
    ]
    per_level = [tuple(axes) if transformer.per_axis else axes[0] for axes in wavelets]
    return {
        "wavelet_": per_level if transformer.per_level else per_level[0],
        "layout_": layout,
        "level_": layout.level,
        "strengths_": {term.name: alpha for term, alpha in objective.terms.items()},
        "_maps": {},
    }


def previous_start(transformer, learner):
    """Return where the last fit ended, as a list; None if it means something else."""
    kind = getattr(transformer, "_parameters_kind", None)
    if kind != kind_of(learner.objective.bank):
        return None
    parameters = np.array(transformer._parameters)
    return [Start("previous fit", parameters, transformer._origin)]


def begin_task(transformer, learner, starts, X, y):
    """Begin the fit of a transformer, from given starts or from those to be found."""

    def attributes_at(theta):
        return fitted_filters(transformer, learner.objective, theta, learner.name)

    n_subtasks = learner.n_subtasks if starts is None else len(starts)
    return FitTask.begin_fit(transformer, X, y, n_subtasks, attributes_at)


def finish(transformer, learner, learned, task=None):
    """Store the outcome, all of it at once, and report how learning ended.

    Warns
    -----
    ConvergenceWarning
        Where the outcome is in doubt.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C ended it.
    Exception
        The error of blocks of signals that failed.
    """
    objective, solution = learner.objective, learned.solution
    terms, error = _final_terms(objective, learned)
    origin = learned.best.origin or learned.best.name
    vars(transformer).update(
        fitted_filters(transformer, objective, solution.parameters, origin),
        _parameters=solution.parameters.tolist(),
        _parameters_kind=kind_of(objective.bank),
        _origin=origin,
        _start_wavelet=objective.bank.at(learned.best.parameters).to_wavelet(name=origin),
        _optimizer_state=solution.optimizer_state,
        loss_curve_=solution.loss_curve,
        n_iter_=solution.n_iter,
        objective_terms_=terms,
        starts_=learned.starts,
    )
    if task is not None:
        task.end(is_fitted=True)
    if error is not None:
        error.estimator = transformer
        error.add_note("The best filters so far are kept.")
        raise error
    if solution.outcome == "interrupted":
        message = (
            f"Fitting was interrupted after {solution.n_iter} iterations; the best "
            "filters so far are kept."
        )
        raise FitInterrupted(message, transformer)
    if solution.outcome in OUTCOMES:
        message = OUTCOMES[solution.outcome].format(
            max_iter=learner.max_iter, tol=learner.tol, n_iter=solution.n_iter
        )
        warn(message, ConvergenceWarning)


def _final_terms(objective, learned):
    """Return the terms of the solution, and the error if blocks of signals failed."""
    if learned.error is not None:
        return {}, learned.error
    try:
        return objective.report(learned.solution.parameters), None
    except Exception as error:
        if not isinstance(objective, SummedObjective):
            raise
        return {}, error  # in the last pass


def first_strength(transformer):
    """Return the strength of the attributions in earlier parts, None in the first."""
    if transformer.alpha_attribution is not None:
        return transformer.alpha_attribution
    return getattr(transformer, "strengths_", {}).get("attribution") or None


def learn_epoch(transformer, learner):
    """Go on from the last fit by one epoch of mini-batches, and store the outcome."""
    previous = previous_start(transformer, learner)
    start = previous[0] if previous else Start(learner.name, learner.objective.start)
    if previous:
        learner = replace(learner, objective=keep_basis(transformer, learner.objective))
    solver = learner.solver if isinstance(learner.solver, Adam) else Adam()
    solution = solver.minimize(
        learner.objective,
        start.parameters,
        max_iter=1,
        tol=0,
        seed=learner.seed,
        callback=Watch(FitTask(transformer)),
        keep_best=False,
        optimizer_state=transformer._optimizer_state if previous else None,
    )
    if solution.outcome == "max_iter":
        solution.outcome = "stopped"
    learned = Learned(start, solution, report_starts([start], [solution]))
    if previous:
        solution.loss_curve = [*transformer.loss_curve_, *solution.loss_curve[1:]]
    finish(transformer, learner, learned)
