"""Forests as sums over trees: leaves, outputs, weights."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_awave.attribution._affine import without_feature_names
from sk_awave.utils._masks import refuse_masked

_FORESTS = (
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
)
_BOOSTING = (GradientBoostingClassifier, GradientBoostingRegressor)


class Sum(NamedTuple):
    """A sum over trees: ``offset + sum of weights * tree(x)``.

    The weights have shape (n_trees, n_outputs); ``of_rows`` holds the output of each tree
    for each row of the background, of shape (n_rows, n_outputs).
    """

    of_rows: list
    weights: np.ndarray
    offset: np.ndarray


class Forest:
    """A fitted ensemble of trees, behind the transformers of a pipeline if there are any.

    Parameters
    ----------
    estimator : estimator
        The estimator of the user.
    caller : str
        The name of the function that the user called, for errors.
    """

    def __init__(self, estimator, caller):
        steps = None
        if isinstance(estimator, Pipeline):
            steps = estimator[:-1] if len(estimator) > 1 else None
            estimator = estimator[-1]
        if not isinstance(estimator, _FORESTS + _BOOSTING):
            names = ", ".join(kind.__name__ for kind in _FORESTS + _BOOSTING)
            raise TypeError(
                f"{caller} needs a forest: one of {names}, or a Pipeline that ends with "
                f"one. Got {type(estimator).__name__} instead."
            )
        check_is_fitted(estimator)
        self.estimator, self._steps, self._caller = estimator, steps, caller
        self._boosts = isinstance(estimator, _BOOSTING)
        self.trees = [tree.tree_ for tree in np.ravel(estimator.estimators_)]
        self.names = getattr(estimator, "feature_names_in_", ())
        if hasattr(steps, "get_feature_names_out"):
            self.names = steps.get_feature_names_out()

    def see(self, X):
        """Return the input of the forest: samples after the steps of a pipeline."""
        refuse_masked(X)
        return X if self._steps is None else self._steps.transform(X)

    def read(self, X):
        """Return the input of the forest as valid numbers."""
        return validate_data(self.estimator, self.see(X), dtype=np.float64, reset=False)

    def leaves(self, x):
        """Yield the leaves of samples in each tree; trees compare values in float32."""
        x = x.astype(np.float32)
        return (tree.apply(x) for tree in self.trees)

    def indices(self, features):
        """Return the columns of features that are given by index, name or mask."""
        n_features = self.estimator.n_features_in_
        if np.shape(features) == (n_features,) and np.asarray(features).dtype == bool:
            features = np.flatnonzero(features)
        features = np.ravel(np.asarray(features, dtype=object)).tolist()
        known = {name: i for i, name in enumerate(self.names)}
        columns = [known.get(f, f) for f in features]
        right = all(
            isinstance(c, Integral) and c in range(n_features) and not isinstance(c, bool)
            for c in columns
        )
        if not right or not 0 < len(columns) == len(set(columns)):
            raise ValueError(
                f"The 'features' parameter of {self._caller} must be different integers "
                f"from 0 to {n_features - 1}, or names of features. Got {features} "
                "instead."
            )
        return columns

    def of_targets(self, y, rows):
        """Read `y` as the sum that the trees approximate: the mean of each one's."""
        refuse_masked(y, "y")
        y = self._encode(y)
        check_consistent_length(rows, y)
        weights = np.ones((len(self.trees), y.shape[1]))
        n_kinds = np.shape(self.estimator.estimators_)[1] if self._boosts else 1
        if n_kinds > 1:  # a tree for each class
            weights *= np.resize(np.eye(n_kinds), weights.shape)
        weights /= weights.sum(axis=0)
        return Sum([y] * len(self.trees), weights, np.zeros(y.shape[1]))

    def of_outputs(self, rows):
        """Read the outputs of the model as a sum over its trees."""
        values = [self._outputs(tree.value) for tree in self.trees]
        if not self._boosts:
            weights = np.full((len(values), values[0].shape[1]), 1 / len(values))
            offset = np.zeros(weights.shape[1])
        else:
            n_stages, n_kinds = self.estimator.estimators_.shape
            weights = self.estimator.learning_rate * np.tile(
                np.eye(n_kinds), (n_stages, 1)
            )
            values = [v * (w > 0) for v, w in zip(values, weights, strict=True)]
        of_rows = [v[leaf] for v, leaf in zip(values, self.leaves(rows), strict=True)]
        if self._boosts:
            offset = self._offset(rows, sum(map(np.multiply, of_rows, weights)))
        return Sum(of_rows, weights, offset)

    def _encode(self, y):
        """Return targets as numbers of shape (n_rows, n_outputs), 0 and 1 of classes."""
        if not is_classifier(self.estimator):
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
            return y.reshape(len(y), -1)
        y, classes = np.asarray(y), self.estimator.classes_
        y = y.reshape(len(y), -1)
        classes = classes if isinstance(classes, list) else [classes]
        if len(classes) != y.shape[1] or not all(
            np.isin(column, known).all()
            for column, known in zip(y.T, classes, strict=True)
        ):
            raise ValueError(
                f"The 'y' parameter of {self._caller} must hold the labels of the rows, "
                f"among the classes {classes} of the estimator."
            )
        parts = [column[:, None] == c for column, c in zip(y.T, classes, strict=True)]
        return np.hstack(parts).astype(np.float64)

    def _outputs(self, value):
        """Return the values of nodes, of shape (n_nodes, n_outputs)."""
        if self._boosts or not is_classifier(self.estimator):
            return value[:, :, 0]
        n_classes = np.atleast_1d(self.estimator.n_classes_)
        return np.hstack([value[:, i, :n] for i, n in enumerate(n_classes)])

    def _offset(self, rows, of_trees):
        """Return the start of boosting; it must be the same for every row."""
        model = without_feature_names(self.estimator)
        read = getattr(model, "decision_function", model.predict)
        outputs = read(rows).reshape(len(rows), -1)
        start = outputs - of_trees
        if np.ptp(start, axis=0).max() > 1e-8 * np.abs(outputs).max():
            raise ValueError(
                f"{self._caller} with y=None needs a constant to boost from. Got "
                f"init={self.estimator.init!r} instead: pass y, or fit with init=None."
            )
        return start[0]
