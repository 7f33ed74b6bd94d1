"""Adaptive wavelet distillation: teacher, wavelet, features and a sparse linear model."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from sk_awave.distillation._base import BaseAWD
from sk_awave.distillation._checks import check_numbers
from sk_awave.distillation._predictions import output_labels
from sk_awave.distillation._ratios import check_size
from sk_awave.distillation._training import net_to_train
from sk_awave.utils._sklearn import l1_logistic_regression

#: The teacher of those who have none.
_MLP = {"hidden_layer_sizes": (32,), "solver": "lbfgs", "alpha": 1.0, "max_iter": 500}


def _head_has(method):
    """Make a check that the head has a method, for `available_if`."""

    def check(self):
        head = self.estimator_ if hasattr(self, "estimator_") else self._head()
        getattr(head, method)
        return True

    return check


class AWDClassifier(ClassifierMixin, BaseAWD):
    """Distil a network into a sparse linear classifier of wavelet features.

    Adaptive wavelet distillation [1]_ has three steps. A teacher is trained. A wavelet is
    learned in which both the signals and the attributions of the teacher are sparse. A
    linear model, the head, is fitted to features of the wavelet coefficients. Predictions
    do not need the teacher.

    Parameters
    ----------
    teacher : estimator, FrozenEstimator, Teacher, torch.nn.Module or callable, \
            default=None
        The model to distil. An estimator, such as a skorch net, is cloned and trained in
        `fit`, so in each fold of a cross-validation. The targets of a skorch net are
        indices into ``classes_``. If the model is already trained, pass it in a
        `FrozenEstimator` or a `Teacher`, or as a module or a function. Its classes are
        labels, or indices of the sorted labels. A `Teacher` also sets the method and the
        target; its model need not be trained yet. By default, the teacher is a small
        `MLPClassifier` on scaled samples.

    transformer : transformer, default=None
        The wavelet transform to learn. A clone of it is fitted. By default it is
        ``AdaptiveWaveletTransformer()``. A fixed `WaveletTransformer` needs no teacher;
        it is a baseline of the same form.

    features : "auto", transformer or None, default="auto"
        The features that the head is fitted to:

        - "auto": the coefficients, and the largest absolute values, the mean and the
          standard deviation of each band (see `SubbandPooling`). Coefficients describe
          events at a certain time; statistics describe events at any time. The L1 penalty
          of the head chooses among them;
        - a transformer that summarises the coefficients, such as `SubbandPooling`. It
          must be unfitted. Leave its parameter `transformer` unset: it is set to the
          learned one;
        - None: the coefficients alone.

        Coefficients and statistics that vary by rounding errors only are left out. If
        `transformer` itself summarises a wavelet transformer, as in
        ``SubbandPooling(AdaptiveWaveletTransformer())``, then "auto" and None both mean
        its output.

    estimator : classifier, default=None
        The head. By default it is an L1-regularised logistic regression on scaled
        features. A cross-validation within the training samples chooses its strength.

    ratios : array-like of shape (n_ratios,), default=None
        Candidates for the `attribution_ratio` of the transformer. A cross-validation
        chooses among them. In each fold a teacher is trained, and wavelets are learned
        from it along the path of `adaptive_wavelet_path`. By default, the
        `attribution_ratio` of the transformer is used.

    cv : int, cross-validation generator or iterable, default=None
        The folds of the choice among `ratios`. By default there are five.

    scoring : str or callable, default=None
        The score of a head in the choice among `ratios`. By default it is the head's
        `score`.

    n_jobs : int, default=None
        The number of folds in parallel.

    random_state : int, RandomState instance or None, default=None
        The seed of the default teacher, transformer and head.

    verbose : int, default=0
        With 1 each stage and the scores of each fold are logged. The transformer has a
        `verbose` of its own.

    Attributes
    ----------
    teacher_ : estimator, Teacher, torch.nn.Module or callable
        The trained teacher. It does not exist if `transformer` learns nothing.

    transformer_ : transformer
        The transformer with the learned wavelet, ``transformer_.wavelet_``.

    features_ : transformer
        The transformer from signals to the features of the head.

    estimator_ : classifier
        The fitted head.

    ratio_ : float
        The ratio with the best mean score; of several, the smallest. It only exists with
        `ratios`.

    ratios_ : ndarray of shape (n_ratios,)
        The ratios in increasing order. They only exist with `ratios`.

    scores_ : ndarray of shape (n_ratios, n_folds)
        The score at each ratio in each fold. They only exist with `ratios`.

    student_ : Pipeline
        The pipeline of `features_` and `estimator_`. Predictions need nothing else.

    classes_ : ndarray of shape (n_classes,)
        The class labels.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    AWDRegressor : Distils a network for regression.

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

    _parameter_constraints = {**BaseAWD._parameter_constraints}

    @property
    def classes_(self):
        """The class labels."""
        return self.estimator_.classes_

    @available_if(_head_has("predict_proba"))
    def predict_proba(self, X) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of the fitted shape
            The signals.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            The probabilities, in the order of ``classes_``.
        """
        features = self._to_features(X)
        return self.estimator_.predict_proba(features)

    @available_if(_head_has("decision_function"))
    def decision_function(self, X) -> np.ndarray:
        """Evaluate the decision function of the head.

        Parameters
        ----------
        X : array-like of the fitted shape
            The signals.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The values, one column per class if there are more than two.
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
        check_size(self, np.unique(y, return_counts=True)[1].max(), 3, "of one class")
        return y

    def _teacher_target(self, y):
        """Return the targets of the teacher: nets of skorch take indices only."""
        net = net_to_train(self.teacher)
        if net is None:
            return y
        codes = np.unique(y, return_inverse=True)[1]
        # A net with a threshold is a binary one, whose loss takes floats.
        return codes.astype(np.float32) if hasattr(net, "threshold") else codes

    def _ask(self, model, X, y):
        teacher, labels = super()._ask(model, X, y), np.unique(y)
        if net_to_train(self.teacher) is not None:
            teacher.classes_ = np.arange(len(labels))  # by `_teacher_target`
        teacher.classes_ = output_labels(teacher, X, labels)
        return teacher

    def _default_teacher(self):
        mlp = MLPClassifier(**_MLP, random_state=self.random_state)
        return make_pipeline(StandardScaler(), mlp)

    def _default_head(self):
        logistic = l1_logistic_regression(self.random_state)
        search = GridSearchCV(logistic, {"C": [0.1, 1.0, 10.0]}, cv=3)
        return make_pipeline(StandardScaler(), search)


class AWDRegressor(RegressorMixin, BaseAWD):
    """Distil a network into a sparse linear regression on wavelet features.

    Adaptive wavelet distillation [1]_ has three steps. A teacher is trained. A wavelet is
    learned in which both the signals and the attributions of the teacher are sparse. A
    linear model, the head, is fitted to features of the wavelet coefficients. Predictions
    do not need the teacher.

    Parameters
    ----------
    teacher : estimator, FrozenEstimator, Teacher, torch.nn.Module or callable, \
            default=None
        The model to distil, as in `AWDClassifier`. One with several outputs needs
        ``Teacher(model, target=...)``. By default, the teacher is a small `MLPRegressor`
        on scaled samples and targets.

    transformer : transformer, default=None
        The wavelet transform to learn, as in `AWDClassifier`.

    features : "auto", transformer or None, default="auto"
        The features that the head is fitted to, as in `AWDClassifier`.

    estimator : regressor, default=None
        The head. By default it is a Lasso on scaled features and targets. A
        cross-validation within the training samples chooses its strength.

    ratios, cv, scoring, n_jobs
        See `AWDClassifier`.

    random_state : int, RandomState instance or None, default=None
        The seed of the default teacher and transformer.

    verbose : int, default=0
        As in `AWDClassifier`.

    Attributes
    ----------
    teacher_ : estimator, Teacher, torch.nn.Module or callable
        The trained teacher. It does not exist if `transformer` learns nothing.

    transformer_ : transformer
        The transformer with the learned wavelet, ``transformer_.wavelet_``.

    features_ : transformer
        The transformer from signals to the features of the head.

    estimator_ : regressor
        The fitted head.

    ratio_ : float
        The ratio with the best mean score; of several, the smallest. It only exists with
        `ratios`.

    ratios_ : ndarray of shape (n_ratios,)
        The ratios in increasing order. They only exist with `ratios`.

    scores_ : ndarray of shape (n_ratios, n_folds)
        The score at each ratio in each fold. They only exist with `ratios`.

    student_ : Pipeline
        The pipeline of `features_` and `estimator_`. Predictions need nothing else.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    AWDClassifier : Distils a network for classification.

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

    _parameter_constraints = {**BaseAWD._parameter_constraints}

    def _check_y(self, y):
        y = check_numbers(y)
        check_size(self, len(y), 5, "in all")
        return y

    def _default_teacher(self):
        mlp = MLPRegressor(**_MLP, random_state=self.random_state)
        return _of_scaled_target(make_pipeline(StandardScaler(), mlp))

    def _default_head(self):
        lasso = LassoCV(alphas=np.logspace(-3, 0, 10), tol=1e-3, max_iter=10_000)
        return make_pipeline(StandardScaler(), _of_scaled_target(lasso))


def _of_scaled_target(regressor):
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())
