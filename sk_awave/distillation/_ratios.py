"""The strength of the attributions, chosen by the scores of students."""

from copy import copy

import numpy as np
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from sk_awave.decomposition._fitting import find_gradients
from sk_awave.decomposition._path import check_ratios, learn_path
from sk_awave.distillation._nesting import drop_teachers, find_learner, with_wavelet
from sk_awave.utils._validation import validate_signals
from sk_awave.utils._warnings import warn


def choose_ratio(model, X, y, task):
    """Cross-validate the ratios of a model, each fold with a teacher of its own.

    Parameters
    ----------
    model : AWDClassifier or AWDRegressor
    X : ndarray of shape (n_samples, ...)
    y : ndarray of shape (n_samples,)
    task : FitTask
        The fit of the model.

    Returns
    -------
    fitted : dict
        The fitted attributes "ratio_", "ratios_" and "scores_".

    Raises
    ------
    ValueError
        If ratios are not valid, or none has a score in every fold.
    """
    ratios = check_ratios(model.ratios)
    cv = check_cv(model.cv, y, classifier=is_classifier(model))
    try:
        splits = list(cv.split(X, y))
    except ValueError as error:
        raise ValueError(
            f"The samples do not suit cv={model.cv} (None means five folds), by which "
            f"{type(model).__name__} chooses among ratios: {error}"
        ) from error
    for train, _ in splits:
        model._check_y(y[train])
    n_folds = len(splits)
    search = task.subtask("cross-validation", n_folds, sequential_subtasks=False).begin()
    folds = [search.subtask("fold", len(ratios), task_id=i) for i in range(n_folds)]
    found = Parallel(n_jobs=model.n_jobs, return_as="generator")(
        delayed(fold.run)(_score_fold, each, X, y, ratios, *split, fold)
        for each, fold, split in zip(_seeded(model, n_folds), folds, splits, strict=True)
    )
    scores = []
    for number, of_fold in enumerate(found, 1):
        rounded = np.round(of_fold, 3).tolist()
        task.log("Fold %d of %d: scores %s", number, n_folds, rounded)
        scores.append(of_fold)
    search.end()
    scores = np.column_stack(scores)
    ratio = float(ratios[_best(scores)])
    task.log("Ratio %g has the best mean score", ratio)
    return {"ratio_": ratio, "ratios_": ratios, "scores_": scores}


def check_size(model, n_samples, n_folds, of):
    """Raise ValueError for samples too few for the folds of the default head."""
    if model.estimator is None and n_samples < n_folds:
        name = type(model).__name__
        raise ValueError(
            f"{name} needs at least {n_folds} samples {of}, but n_samples={n_samples}: a "
            "cross-validation chooses the strength of its default head. Set 'estimator' "
            "to a model that needs fewer."
        )


def learn_ratios(learner, X, y, ratios, task):
    """Learn along a path from its teacher; yield the wavelet of each ratio.

    The teacher is differentiated once. Each ratio is a part of the task.
    """
    learner._validate_params()
    X = validate_signals(learner, X, reset=True)
    path = learn_path(learner, X, y, find_gradients(learner, X, y, None), ratios)
    for _ in ratios:
        part = task.subtask("ratio").begin()
        yield next(path)
        part.end()


def nest(transformer, wavelet, X, y):
    """Put a fitted wavelet in the place of the one to be learned, and fit the rest."""
    if find_learner(transformer) is transformer:
        return wavelet
    return with_wavelet(transformer, FrozenEstimator(wavelet)).fit(X, y)


def _seeded(model, n_folds):
    """Return the model of each fold, with a seed of its own if it has a generator.

    Processes would copy the generator, where one process uses it up in turn.
    """
    if not isinstance(model.random_state, np.random.RandomState):
        return [model] * n_folds
    models = [copy(model) for _ in range(n_folds)]
    seeds = model.random_state.randint(2**31 - 1, size=n_folds)
    for each, seed in zip(models, seeds, strict=True):
        each.random_state = int(seed)
    return models


def _score_fold(model, X, y, ratios, train, test, fold):
    """Return the score of the student at each ratio, in a fold."""
    X_train, y_train = X[train], y[train]
    teacher = model._fit_teacher(X_train, y_train)
    transformer = model._wavelet_transformer()
    learner = find_learner(transformer)
    teacher = model._ask(teacher, X_train, y_train)
    learner = clone(learner).set_params(teacher=teacher)
    scores = []
    for wavelet in learn_ratios(learner, X_train, y_train, ratios, fold):
        drop_teachers(wavelet)
        nested = nest(transformer, wavelet, X_train, y_train)
        features, head = model._fit_student(nested, X_train, y_train)
        scorer = check_scoring(head, scoring=model.scoring)
        tested = features.transform(X[test])
        # There is no metadata, but a pipeline that ends with a TransformedTargetRegressor
        # fails to route it to its score.
        with config_context(enable_metadata_routing=False):
            scores.append(scorer(head, tested, y[test]))
    return scores


def _best(scores):
    """Return the row with the best mean; NaN ranks last, as in scikit-learn's search."""
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        means = scores.mean(axis=1)
    if not np.isfinite(means).all():
        warn(f"One or more of the test scores are non-finite: {means}")
    known = np.flatnonzero(~np.isnan(means))
    if len(known) == 0:
        raise ValueError(
            "The test scores are NaN at every ratio, so that there is none to choose. "
            "Check 'scoring' and 'estimator' on one fold."
        )
    return int(known[means[known].argmax()])
