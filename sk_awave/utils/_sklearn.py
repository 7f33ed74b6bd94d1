"""scikit-learn's names that are not public or not the same in all versions."""

import sklearn
from sklearn.base import _fit_context
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import (
    _check_feature_names,
    _check_feature_names_in,
    _check_n_features,
)

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "_check_feature_names",
    "_check_feature_names_in",
    "_check_n_features",
    "_fit_context",
    "l1_logistic_regression",
    "validate_params",
]


def l1_logistic_regression(random_state=None):
    """Make a logistic regression with an L1 penalty, by its name before or since 1.8."""
    new = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8)
    penalty = {"l1_ratio": 1} if new else {"penalty": "l1"}
    return LogisticRegression(
        **penalty, solver="saga", tol=1e-2, max_iter=500, random_state=random_state
    )
