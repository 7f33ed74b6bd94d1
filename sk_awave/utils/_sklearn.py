"""scikit-learn's names that are not public or not the same in all versions."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import sklearn
from sklearn.base import _fit_context
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils.validation import (
    _check_feature_names,
    _check_feature_names_in,
    _check_n_features,
)

from sk_awave.utils._masks import refuse_masked

__all__ = [
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_check_feature_names",
    "_check_feature_names_in",
    "_check_n_features",
    "FitInterrupted",
    "fit_context",
    "l1_logistic_regression",
    "validate_parameter_constraints",
    "validate_params",
]

_Fit = TypeVar("_Fit", bound=Callable)


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C in a fit. The estimator has kept the best state that was met.

    Parameters
    ----------
    message : str
    estimator : estimator, default=None
        The one that was fitted.
    """

    def __init__(self, message, estimator=None):
        super().__init__(message)
        self.estimator = estimator


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Fit], _Fit]:
    """Decorate `fit` as scikit-learn does, and let it leave no trace if it fails.

    An estimator that a failing fit has changed in part would go on with attributes that
    do not belong together. What an interrupted fit keeps on purpose stays. Arguments with
    masked values are refused.

    Parameters
    ----------
    prefer_skip_nested_validation : bool
        As in scikit-learn.

    Returns
    -------
    decorator : callable
    """
    context = _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)

    def decorator(fit):
        fit = context(fit)  # within, as it ends callbacks, which are forgotten below

        @wraps(fit)
        def wrapper(estimator, *args, **kwargs):
            for name, value in (*zip(("X", "y"), args, strict=False), *kwargs.items()):
                refuse_masked(value, name)
            before = dict(vars(estimator))
            try:
                return fit(estimator, *args, **kwargs)
            except BaseException as error:
                if getattr(error, "estimator", None) is not estimator:
                    vars(estimator).clear()
                    vars(estimator).update(before)
                raise

        return wrapper

    return decorator


def l1_logistic_regression(random_state=None):
    """Make a logistic regression with an L1 penalty, by its name before or since 1.8."""
    new = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8)
    penalty = {"l1_ratio": 1} if new else {"penalty": "l1"}
    return LogisticRegression(
        **penalty, solver="saga", tol=1e-2, max_iter=500, random_state=random_state
    )
