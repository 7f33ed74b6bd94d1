"""The steps of adaptive wavelet distillation, for classifier and regressor alike."""

import warnings
from abc import ABCMeta, abstractmethod
from numbers import Integral
from typing import Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    clone,
    is_regressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer_names
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
)

from sk_awave.attribution import TransformImportance
from sk_awave.attribution._teacher import Teacher, as_teacher
from sk_awave.decomposition import AdaptiveWaveletTransformer
from sk_awave.distillation._checks import check_several_samples, warn_of_idle_parameters
from sk_awave.distillation._nesting import drop_teachers, find_learner, wavelet_of
from sk_awave.distillation._ratios import choose_ratio, learn_ratios, nest
from sk_awave.distillation._report import DistillationReport, make_report
from sk_awave.distillation._rounding import RoundingSelector
from sk_awave.distillation._training import needs_training, train
from sk_awave.feature_extraction import SubbandPooling
from sk_awave.feature_extraction._base import check_features, features_of
from sk_awave.utils._callbacks import CallbackSupportMixin, FitTask
from sk_awave.utils._sklearn import StrOptions, fit_context
from sk_awave.utils._validation import validate_signals

#: What stands beside the coefficients; in their unit, which `RoundingSelector` needs.
STATISTICS = ("absmax", "mean", "std")


class BaseAWD(CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """The steps of distillation, shared by classifier and regressor."""

    _parameter_constraints = {
        "teacher": "no_validation",
        "transformer": [BaseEstimator, None],
        "features": [BaseEstimator, StrOptions({"auto"}), None],
        "estimator": [BaseEstimator, None],
        "ratios": ["array-like", None],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        teacher=None,
        *,
        transformer=None,
        features="auto",
        estimator=None,
        ratios=None,
        cv=None,
        scoring=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.teacher = teacher
        self.transformer = transformer
        self.features = features
        self.estimator = estimator
        self.ratios = ratios
        self.cv = cv
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

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
        check_several_samples(self, X)
        y = self._check_y(y)
        check_consistent_length(X, y)
        transformer, fitted = clone(self._wavelet_transformer()), {}
        learner = find_learner(transformer)
        learns = isinstance(learner, AdaptiveWaveletTransformer)
        warn_of_idle_parameters(self, learner)
        searches = learns and self.ratios is not None
        task = FitTask.begin_fit(self, X, y, 2 + learns + searches)
        if searches:
            fitted = choose_ratio(self, X, y, task)
        if learns:
            task.log("Training the teacher")
            fitted["teacher_"] = task.subtask("teacher").run(self._fit_teacher, X, y)
            transformer = self._learn(transformer, X, y, fitted, task)
        else:
            task.subtask("wavelet").fit(transformer, X, y)
        task.log("Fitting the linear model")
        features, head = task.subtask("student").run(self._fit_student, transformer, X, y)
        for name in ("teacher_", "ratio_", "ratios_", "scores_"):
            vars(self).pop(name, None)  # of an earlier fit
        vars(self).update(
            fitted, transformer_=transformer, features_=features, estimator_=head
        )
        task.end(is_fitted=True)
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

    def attributions(self, X, y=None) -> np.ndarray:
        """Attribute the outputs of the teacher to the coefficients of the wavelet.

        Parameters
        ----------
        X : array-like of the fitted shape
            The signals.
        y : array-like of shape (n_samples,), default=None
            The labels, for a teacher with ``target="label"``.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_coeffs) or \
                (n_targets, n_samples, n_coeffs)
            The scores of `TransformImportance`, in the order of the coefficients. If
            there are several targets, there is one array of scores per target.

        Raises
        ------
        ValueError
            If the wavelet is fixed, as there is no teacher then.
        """
        check_is_fitted(self)
        if not hasattr(self, "teacher_"):
            raise ValueError(
                "attributions needs a teacher, and there is none where the wavelet is "
                "fixed. Set 'transformer' to an AdaptiveWaveletTransformer."
            )
        X = validate_signals(self, X, reset=False)
        importance = TransformImportance(
            wavelet_of(self.transformer_),
            self._ask(self.teacher_, X, getattr(self, "classes_", None)),
            random_state=self.random_state,
        )
        return importance.fit(X).attributions(X, y)

    @property
    def student_(self):
        """The concise model on its own: a pipeline of features and linear model."""
        check_is_fitted(self)
        return Pipeline([("features", self.features_), ("estimator", self.estimator_)])

    def get_feature_names_out(self, input_features=None):
        """Name the features of the linear model.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the columns of `X`. They are only compared with those in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            The names of coefficients, or of their statistics.
        """
        check_is_fitted(self)
        return self.features_.get_feature_names_out(input_features)

    def report(self, X, y, *, cv=5, wavelets=None, n_jobs=None) -> DistillationReport:
        """Compare the student, its teacher and baselines by cross-validation.

        The report has the three desiderata of Murdoch et al. (2019):

        - predictive accuracy of the student, of the teacher, and of the same head on raw
          samples, on features of db5, and on features of the best fixed wavelet. An inner
          cross-validation chooses the best fixed wavelet;
        - descriptive accuracy: the agreement of the student with the teacher;
        - relevancy: the number of features that a reader must look at.

        All wavelets have the level of the student. In each fold everything is refitted
        that is not frozen. The default head chooses its strength for each contender
        separately. An `estimator` of your own should do so, too; otherwise its strength
        favours one contender. After a search, report its ``best_estimator_`` on samples
        that the search has not seen: on the others, its score is too optimistic.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The signals.
        y : array-like of shape (n_samples,)
            The target.
        cv : int, cross-validation generator or iterable, default=5
            The folds. They are the same for all contenders.
        wavelets : list of str, default=None
            The candidates for the best fixed wavelet. By default they are Haar and a few
            of the Daubechies, symlet and coiflet families.
        n_jobs : int, default=None
            The number of folds in parallel.

        Returns
        -------
        report : DistillationReport
            The report. It prints as a table, also in notebooks, and has ``to_frame()``.
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
        model = self.teacher
        if not needs_training(model):
            return model
        shape = None
        if isinstance(model, Teacher):
            model, shape = model.untrained, model.input_shape
        return train(model, X, self._teacher_target(y), shape)

    def _learn(self, transformer, X, y, fitted, task):
        """Learn the wavelet from the fitted teacher; with a ratio, on the path to it.

        Returns
        -------
        transformer : transformer
            The fitted transformer, without the teacher.
        """
        learner = find_learner(transformer)
        learner.set_params(teacher=self._ask(fitted["teacher_"], X, y))
        task.log("Learning the wavelet")
        if "ratio_" not in fitted:
            task.subtask("wavelet").fit(transformer, X, y)
        else:
            ratios = fitted["ratios_"][fitted["ratios_"] <= fitted["ratio_"]]
            path = task.subtask("wavelet", len(ratios)).begin()
            *_, wavelet = learn_ratios(learner, X, y, ratios, path)
            transformer = nest(transformer, wavelet, X, y)
            path.end()
        drop_teachers(transformer)
        return transformer

    def _fit_student(self, transformer, X, y):
        """Fit features and head on a fitted transformer."""
        features = self._make_features(transformer)
        # A pipeline also takes what has no fit_transform.
        transformed = make_pipeline(features).fit_transform(X, y)
        return features, clone(self._head()).fit(transformed, y)

    def _teacher_target(self, y):
        """Return the target in the form that the teacher is trained on."""
        return y

    def _ask(self, model, X, y):
        """Return a trained model as a teacher, with the user's method and target."""
        own = self.teacher
        if isinstance(own, Teacher) and not own.is_trained:
            teacher = own.replace(model=model)
        else:
            teacher = as_teacher(model).replace()  # the user's own is left as it is
        teacher.is_regressor |= is_regressor(self)
        return teacher

    def _wavelet_transformer(self):
        if self.transformer is not None:
            return self.transformer
        return AdaptiveWaveletTransformer(random_state=self.random_state)

    def _head(self):
        return self._default_head() if self.estimator is None else self.estimator

    def _make_features(self, transformer):
        """Return a transformer from signals to features, by a fitted transformer."""
        if isinstance(self.features, BaseEstimator):
            return features_of(transformer, self.features)
        features = FrozenEstimator(transformer)
        if not hasattr(transformer, "layout_"):
            return features  # no coefficients, but features already
        if self.features == "auto":
            pooling = SubbandPooling(features, statistics=STATISTICS, n_largest=6)
            features = FeatureUnion(
                [("coefficients", features), ("statistics", pooling)],
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
