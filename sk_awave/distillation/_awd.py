"""Adaptive wavelet distillation: teacher, wavelet, features and a sparse linear model."""

import warnings
from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    RegressorMixin,
    clone,
)
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from sk_awave.attribution._teacher import Teacher, as_teacher
from sk_awave.decomposition import AdaptiveWaveletTransformer
from sk_awave.distillation._report import DistillationReport, make_report
from sk_awave.distillation._rounding import RoundingSelector
from sk_awave.utils._sklearn import _fit_context, l1_logistic_regression
from sk_awave.utils._validation import validate_signals

#: The teacher of those who have none.
_MLP = {"hidden_layer_sizes": (32,), "solver": "lbfgs", "alpha": 1.0, "max_iter": 500}


def _estimator_has(method):
    """Make a check that the head has a method, for `available_if`."""

    def check(self):
        head = self.estimator_ if hasattr(self, "estimator_") else self._head()
        getattr(head, method)
        return True

    return check


class _BaseAWD(MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """The steps of distillation, shared by classifier and regressor."""

    _parameter_constraints = {
        "teacher": "no_validation",
        "transformer": [BaseEstimator, None],
        "features": [BaseEstimator, None],
        "estimator": [BaseEstimator, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        teacher=None,
        *,
        transformer=None,
        features=None,
        estimator=None,
        random_state=None,
    ):
        self.teacher = teacher
        self.transformer = transformer
        self.features = features
        self.estimator = estimator
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
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
        X = validate_signals(self, X, reset=True)
        y = self._check_y(y)
        check_consistent_length(X, y)
        transformer = clone(self._wavelet_transformer())
        if isinstance(transformer, AdaptiveWaveletTransformer):
            self.teacher_ = self._fit_teacher(X, y)
            transformer.set_params(teacher=as_teacher(self.teacher_)).fit(X, y)
            transformer.set_params(teacher=None)  # the student does without it
        else:
            transformer.fit(X, y)
        self.transformer_ = transformer
        self.features_ = transformer
        if self.features is not None:
            frozen = FrozenEstimator(transformer)
            self.features_ = clone(self.features).set_params(transformer=frozen).fit(X, y)
        self.estimator_ = clone(self._head()).fit(self.features_.transform(X), y)
        return self

    def predict(self, X):
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
        accuracy (of the student, the teacher, and the same linear model on raw samples,
        db5 and the best fixed wavelet, which an inner cross-validation chooses),
        descriptive accuracy (the student's agreement with the teacher) and relevancy (how
        much there is to read). Everything is refitted in each fold but a frozen teacher.

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
        return clone(self.teacher).fit(X, y)

    def _wavelet_transformer(self):
        if self.transformer is not None:
            return self.transformer
        return AdaptiveWaveletTransformer(random_state=self.random_state)

    def _head(self):
        return self._default_head() if self.estimator is None else self.estimator

    def _scaled(self, head):
        """Put a head behind a scaler; statistics differ in unit, coefficients do not."""
        clean = [RoundingSelector()] if self.features is None else []
        return make_pipeline(*clean, StandardScaler(), head)

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


class AWDClassifier(ClassifierMixin, _BaseAWD):
    """Distil a network into a sparse linear classifier of wavelet features.

    A teacher is trained, a wavelet learned in which both the signals and the teacher's
    attributions are sparse, and a linear model fitted to features of its coefficients:
    adaptive wavelet distillation [1]_. Predictions do not need the teacher.

    Parameters
    ----------
    teacher : estimator, FrozenEstimator, Teacher, torch.nn.Module or callable, \
            default=None
        The model to distill. An estimator, such as a skorch net, is cloned and trained in
        `fit` and so, in a cross-validation, in each fold. A model that is trained already
        is given in a `FrozenEstimator` or a `Teacher`, or as a module or a function. By
        default a small :class:`~sklearn.neural_network.MLPClassifier` on scaled samples.

    transformer : transformer, default=None
        The wavelet transform to learn, of which a clone is fitted; by default
        ``AdaptiveWaveletTransformer()``. With a fixed `WaveletTransformer` no teacher is
        trained, which makes a baseline of the same form.

    features : transformer, default=None
        What summarises the coefficients, such as `SubbandPooling`: an unfitted
        transformer with a parameter `transformer`, which is set to the learned one. By
        default the coefficients are the features.

    estimator : classifier, default=None
        The head, by default an L1-regularised logistic regression on scaled features.

    random_state : int, RandomState instance or None, default=None
        For the default teacher, transformer and head.

    Attributes
    ----------
    teacher_ : estimator, Teacher, torch.nn.Module or callable
        The trained teacher; absent if `transformer` learns nothing.

    transformer_ : transformer
        The transformer with the learned wavelet, ``transformer_.wavelet_``.

    features_ : transformer
        From signals to the features of the head.

    estimator_ : classifier
        The fitted head.

    student_ : Pipeline
        `features_` and `estimator_`: all that predictions need.

    classes_ : ndarray of shape (n_classes,)
        The class labels.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    AWDRegressor : The same for regression.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.distillation import AWDClassifier
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> wavelet = AdaptiveWaveletTransformer("db2", ndim=2, signal_shape=(8, 8))
    >>> model = AWDClassifier(transformer=wavelet, random_state=0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.95
    True
    """

    _parameter_constraints = {**_BaseAWD._parameter_constraints}

    @property
    def classes_(self):
        """The class labels."""
        return self.estimator_.classes_

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of the fitted shape
            The signals.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``.
        """
        features = self._to_features(X)
        return self.estimator_.predict_proba(features)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Evaluate the decision function of the head.

        Parameters
        ----------
        X : array-like of the fitted shape
            The signals.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Distances to the separating planes.
        """
        features = self._to_features(X)
        return self.estimator_.decision_function(features)

    def _check_y(self, y):
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        if len(np.unique(y)) < 2:
            name = type(self).__name__
            raise ValueError(
                f"{name} needs samples of at least 2 classes, but the data contains only "
                "one class."
            )
        return y

    def _default_teacher(self):
        mlp = MLPClassifier(**_MLP, random_state=self.random_state)
        return make_pipeline(StandardScaler(), mlp)

    def _default_head(self):
        return self._scaled(l1_logistic_regression(self.random_state))


class AWDRegressor(RegressorMixin, _BaseAWD):
    """Distil a network into a sparse linear regression on wavelet features.

    A teacher is trained, a wavelet learned in which both the signals and the teacher's
    attributions are sparse, and a linear model fitted to features of its coefficients:
    adaptive wavelet distillation [1]_. Predictions do not need the teacher.

    Parameters
    ----------
    teacher : estimator, FrozenEstimator, Teacher, torch.nn.Module or callable, \
            default=None
        As in `AWDClassifier`; by default a small
        :class:`~sklearn.neural_network.MLPRegressor` on scaled samples.

    transformer : transformer, default=None
        As in `AWDClassifier`.

    features : transformer, default=None
        As in `AWDClassifier`.

    estimator : regressor, default=None
        The head, by default a Lasso with ``alpha=0.01`` on scaled features and target.

    random_state : int, RandomState instance or None, default=None
        For the default teacher and transformer.

    Attributes
    ----------
    teacher_ : estimator, Teacher, torch.nn.Module or callable
        The trained teacher; absent if `transformer` learns nothing.

    transformer_ : transformer
        The transformer with the learned wavelet, ``transformer_.wavelet_``.

    features_ : transformer
        From signals to the features of the head.

    estimator_ : regressor
        The fitted head.

    student_ : Pipeline
        `features_` and `estimator_`: all that predictions need.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    AWDClassifier : The same for classification.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.

    Examples
    --------
    >>> from sk_awave.datasets import make_bursts
    >>> from sk_awave.distillation import AWDRegressor
    >>> from sk_awave.feature_extraction import SubbandPooling
    >>> X, y = make_bursts(300, random_state=0, return_X_y=True)
    >>> pooling = SubbandPooling(statistics=("max",), n_largest=6)
    >>> model = AWDRegressor(features=pooling, random_state=0).fit(X[:200], y[:200])
    >>> model.get_feature_names_out()[0]
    'cA2_max_1'
    >>> model.predict(X[200:]).shape
    (100,)
    """

    _parameter_constraints = {**_BaseAWD._parameter_constraints}

    def _check_y(self, y):
        y = column_or_1d(y, warn=True)
        return check_array(y, ensure_2d=False, dtype="numeric", input_name="y")

    def _default_teacher(self):
        mlp = MLPRegressor(**_MLP, random_state=self.random_state)
        return make_pipeline(StandardScaler(), mlp)

    def _default_head(self):
        lasso = TransformedTargetRegressor(
            Lasso(alpha=0.01), transformer=StandardScaler()
        )
        return self._scaled(lasso)
