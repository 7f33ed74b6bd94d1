"""The steps of adaptive wavelet distillation, for classifier and regressor alike."""

import warnings
from abc import ABCMeta, abstractmethod
from typing import Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    clone,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
)

from sk_awave.attribution._teacher import Teacher, as_teacher
from sk_awave.decomposition import AdaptiveWaveletTransformer
from sk_awave.distillation._interrupts import ctrl_c_raises
from sk_awave.distillation._report import DistillationReport, make_report
from sk_awave.distillation._rounding import RoundingSelector
from sk_awave.feature_extraction import SubbandPooling
from sk_awave.feature_extraction._base import check_features, features_of
from sk_awave.utils._sklearn import StrOptions, fit_context
from sk_awave.utils._validation import validate_signals


def estimator_has(method):
    """Make a check that the head has a method, for `available_if`."""

    def check(self):
        head = self.estimator_ if hasattr(self, "estimator_") else self._head()
        getattr(head, method)
        return True

    return check


def _find_learner(transformer):
    """Return what learns within a transformer: a search, or what summarises it."""
    while not isinstance(transformer, AdaptiveWaveletTransformer | FrozenEstimator):
        if not hasattr(transformer, "transformer"):
            break
        transformer = transformer.transformer
    return transformer


def _drop_teachers(transformer):
    """Take the teacher from all transformers that a transformer consists of."""
    if isinstance(transformer, AdaptiveWaveletTransformer):
        transformer.set_params(teacher=None)
    for name in ("transformer", "transformer_"):
        if hasattr(transformer, name):
            _drop_teachers(getattr(transformer, name))


class BaseAWD(MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """The steps of distillation, shared by classifier and regressor."""

    _parameter_constraints = {
        "teacher": "no_validation",
        "transformer": [BaseEstimator, None],
        "features": [BaseEstimator, StrOptions({"auto"}), None],
        "estimator": [BaseEstimator, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        teacher=None,
        *,
        transformer=None,
        features="auto",
        estimator=None,
        random_state=None,
    ):
        self.teacher = teacher
        self.transformer = transformer
        self.features = features
        self.estimator = estimator
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y) -> Self:
        """Train the teacher, learn the wavelet from it, and fit the linear model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals.
        y : array-like of shape (n_samples,)
            The target.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        if isinstance(self.features, BaseEstimator):
            check_features(self.features, type(self).__name__)
        X = validate_signals(self, X, reset=True)
        y = self._check_y(y)
        check_consistent_length(X, y)
        transformer, fitted = clone(self._wavelet_transformer()), {}
        learner = _find_learner(transformer)
        if isinstance(learner, AdaptiveWaveletTransformer):
            fitted["teacher_"] = self._fit_teacher(X, y)
            learner.set_params(teacher=self._as_teacher(fitted["teacher_"], y))
            transformer.fit(X, y)
            _drop_teachers(transformer)  # the student does without
        else:
            transformer.fit(X, y)
        features = self._make_features(transformer).fit(X, y)
        head = clone(self._head()).fit(features.transform(X), y)
        vars(self).pop("teacher_", None)  # of an earlier fit
        vars(self).update(
            fitted, transformer_=transformer, features_=features, estimator_=head
        )
        return self

    def predict(self, X) -> np.ndarray:
        """Predict by the linear model on the features; the teacher is not used.

        Parameters
        ----------
        X : array-like of the fitted shape
            The signals.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The predictions.
        """
        features = self._to_features(X)
        return self.estimator_.predict(features)

    @property
    def student_(self):
        """The concise model on its own: a pipeline of features and linear model."""
        check_is_fitted(self)
        return Pipeline([("features", self.features_), ("estimator", self.estimator_)])

    def get_feature_names_out(self, input_features=None):
        """Name the features that the linear model is given.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked, as usual, against the names seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            Names of coefficients, or of their statistics.
        """
        check_is_fitted(self)
        return self.features_.get_feature_names_out(input_features)

    def report(self, X, y, *, cv=5, wavelets=None, n_jobs=None) -> DistillationReport:
        """Compare student, teacher and honest baselines by cross-validation.

        In the spirit of the three desiderata of Murdoch et al. (2019): predictive
        accuracy (of the student, the teacher, and the same head on raw samples, on the
        features of db5 and on those of the best fixed wavelet, which an inner
        cross-validation chooses), descriptive accuracy (the student's agreement with the
        teacher) and relevancy (how much there is to read).

        All wavelets are compared at the student's level. Everything is refitted in each
        fold but what is frozen. The default head chooses its strength anew for each
        contender; give an `estimator` that does so, too, or its strength favours one of
        them. After a search, report its ``best_estimator_`` on samples that the search
        has not seen: on those it has, the student that was chosen on them looks too good.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The signals.
        y : array-like of shape (n_samples,)
            The target.
        cv : int, cross-validation generator or iterable, default=5
            The folds, the same for all.
        wavelets : list of str, default=None
            The candidates for the best fixed wavelet, by default Haar and a few of the
            Daubechies, symlet and coiflet families.
        n_jobs : int, default=None
            The number of folds in parallel.

        Returns
        -------
        report : DistillationReport
            A table, with a text and an HTML form and ``to_frame()``.
        """
        return make_report(self, X, y, cv=cv, wavelets=wavelets, n_jobs=n_jobs)

    def _to_features(self, X):
        check_is_fitted(self)
        return self.features_.transform(validate_signals(self, X, reset=False))

    def _fit_teacher(self, X, y):
        """Return the teacher as it is if it is trained already, or train a clone."""
        if self.teacher is None:
            with warnings.catch_warnings():
                # It need not converge to be distilled, and nobody chose its max_iter.
                warnings.simplefilter("ignore", ConvergenceWarning)
                return self._default_teacher().fit(X.reshape(len(X), -1), y)
        is_trained = isinstance(self.teacher, (Teacher, FrozenEstimator))
        if is_trained or not hasattr(self.teacher, "fit"):
            return self.teacher
        model = clone(self.teacher)
        with ctrl_c_raises(model):
            return model.fit(X, self._teacher_target(y))

    def _teacher_target(self, y):
        """Return the target in the form that the teacher is trained on."""
        return y

    def _as_teacher(self, model, y):
        return as_teacher(model)

    def _wavelet_transformer(self):
        if self.transformer is not None:
            return self.transformer
        return AdaptiveWaveletTransformer(random_state=self.random_state)

    def _head(self):
        return self._default_head() if self.estimator is None else self.estimator

    def _make_features(self, transformer):
        """Return what makes features of signals by a fitted transformer."""
        if isinstance(self.features, BaseEstimator):
            return features_of(transformer, self.features)
        features = FrozenEstimator(transformer)
        if not hasattr(transformer, "layout_"):
            return features  # no coefficients, but features already
        if self.features == "auto":
            # These statistics have the unit of coefficients.
            features = FeatureUnion(
                [("coefficients", features), ("statistics", SubbandPooling(features))],
                verbose_feature_names_out=False,
            )
        return make_pipeline(features, RoundingSelector())

    @abstractmethod
    def _check_y(self, y): ...

    @abstractmethod
    def _default_teacher(self): ...

    @abstractmethod
    def _default_head(self): ...

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags
