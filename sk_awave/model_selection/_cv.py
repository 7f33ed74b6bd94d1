"""An adaptive wavelet whose ratio of attribution to sparsity is cross-validated."""

import warnings
from numbers import Integral
from typing import Self

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
    is_classifier,
)
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sk_awave.decomposition import AdaptiveWaveletTransformer
from sk_awave.feature_extraction._base import check_features, features_of
from sk_awave.model_selection._path import (
    RATIOS,
    attribution_field,
    check_ratios,
    learn_path,
)
from sk_awave.utils._sklearn import (
    HasMethods,
    StrOptions,
    _check_feature_names_in,
    fit_context,
)
from sk_awave.utils._validation import validate_signals


class AdaptiveWaveletTransformerCV(MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Adaptive wavelet with the strength of the attributions chosen by a model's score.

    In each fold the path of `adaptive_wavelet_path` is learned on the training part, and
    the model `estimator` is fitted to the coefficients at each ratio and scored on the
    other part. At the best ratio the wavelet is then learned from all signals. The
    teacher is differentiated once, for all folds and ratios.

    Parameters
    ----------
    transformer : AdaptiveWaveletTransformer
        How to learn, of which clones are fitted; its `alpha_attribution` has no effect.
        It needs a trained teacher that clones share, such as a `Teacher`, or `fit` needs
        `input_gradients`.

    estimator : estimator
        The model whose score counts, of which clones are fitted to the coefficients, or
        to `features` of them.

    features : transformer, default=None
        What summarises the coefficients for `estimator`, such as `SubbandPooling`: an
        unfitted transformer with a parameter `transformer`. By default the coefficients
        themselves. It only serves the choice: `transform` returns coefficients.

    ratios : array-like of shape (n_ratios,), default=RATIOS
        The ratios of attribution to sparsity, each relative to its value at the starting
        wavelet; see `adaptive_wavelet_path`.

    cv : int, cross-validation generator or iterable, default=None
        The folds, five by default.

    scoring : str or callable, default=None
        How to score; by default by the `score` of `estimator`.

    n_jobs : int, default=None
        The number of folds in parallel.

    Attributes
    ----------
    transformer_ : AdaptiveWaveletTransformer
        The transformer learned at the best ratio.

    wavelet_, filter_bank_, level_, layout_
        Those of `transformer_`.

    ratio_ : float
        The ratio with the best mean score, the smallest one if there are several.

    ratios_ : ndarray of shape (n_ratios,)
        The ratios in increasing order.

    scores_ : ndarray of shape (n_ratios, n_folds)
        The score at each ratio in each fold.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    adaptive_wavelet_path : The path without a choice.

    Notes
    -----
    The teacher is not trained here. Where it has seen the test part of a fold, so has, to
    that extent, the choice of the ratio. Judge the result on other data: `AWDClassifier`
    and `AWDRegressor`, which take this as their `transformer`, train the teacher on what
    they are fitted to, and in a cross-validation of theirs nothing leaks.

    Examples
    --------
    >>> from sklearn.linear_model import Lasso, LinearRegression
    >>> from sk_awave import AdaptiveWaveletTransformer, Teacher
    >>> from sk_awave.datasets import make_wavelet_regression
    >>> from sk_awave.model_selection import AdaptiveWaveletTransformerCV
    >>> X, y = make_wavelet_regression(400, random_state=0, return_X_y=True)
    >>> teacher = Teacher(LinearRegression().fit(X, y))
    >>> search = AdaptiveWaveletTransformerCV(
    ...     AdaptiveWaveletTransformer("db3", level=3, teacher=teacher),
    ...     Lasso(alpha=0.1),
    ...     ratios=[0, 1, 10],
    ... ).fit(X, y)
    >>> search.scores_.shape
    (3, 5)
    >>> search.transform(X).shape
    (400, 77)
    """

    _parameter_constraints = {
        "transformer": [AdaptiveWaveletTransformer],
        "estimator": [HasMethods("fit")],
        "features": [BaseEstimator, None],
        "ratios": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        transformer,
        estimator,
        *,
        features=None,
        ratios=RATIOS,
        cv=None,
        scoring=None,
        n_jobs=None,
    ):
        self.transformer = transformer
        self.estimator = estimator
        self.features = features
        self.ratios = ratios
        self.cv = cv
        self.scoring = scoring
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, input_gradients=None) -> Self:
        """Choose the ratio and learn the wavelet.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals.
        y : array-like of shape (n_samples,)
            The target of `estimator`.
        input_gradients : array-like or tensor of the shape of `X`, default=None
            The gradients of a trained model's output with respect to its input, at `X`,
            where `transformer` has no teacher.

        Returns
        -------
        self : object
            Fitted transformer.

        Raises
        ------
        ValueError
            As in `adaptive_wavelet_path`, if no ratio has a score in every fold, or if
            `features` has a transformer of its own.

        Warns
        -----
        UserWarning
            If the score of a ratio is not finite. One that is NaN ranks last.
        """
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        if self.features is not None:
            check_features(self.features, type(self).__name__)
        X = validate_signals(self, X, reset=True)
        y = np.asarray(y)
        check_consistent_length(X, y)
        ratios = check_ratios(self.ratios)
        gradients = attribution_field(self._learner(X), X, y, input_gradients)
        folds = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        scores = Parallel(n_jobs=self.n_jobs)(
            delayed(self._score_path)(X, y, gradients, ratios, train, test)
            for train, test in folds.split(X, y)
        )
        scores = np.column_stack(scores)
        best = _best_score(scores)
        # As in the folds: along the path, which may start elsewhere than at one ratio.
        path = learn_path(self._learner(X), X, y, gradients, ratios[: best + 1])
        self.ratios_, self.scores_ = ratios, scores
        self.ratio_ = float(ratios[best])
        self.transformer_ = path[-1]
        for name in ("wavelet_", "filter_bank_", "level_", "layout_"):
            setattr(self, name, getattr(self.transformer_, name))
        return self

    def transform(self, X) -> np.ndarray:
        """Transform signals to flat wavelet coefficients.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals, of the shape that was fitted.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_coeffs)
            The coefficients, as of `AdaptiveWaveletTransformer`.
        """
        check_is_fitted(self)
        return self.transformer_.transform(validate_signals(self, X, reset=False))

    def inverse_transform(self, X) -> np.ndarray:
        """Reconstruct signals from flat wavelet coefficients.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_coeffs)
            The coefficients.

        Returns
        -------
        X_original : ndarray or tensor of shape (n_samples, *sample_shape)
            The signals, in the shape that was fitted.
        """
        check_is_fitted(self)
        return self.transformer_.inverse_transform(X)

    def inverse_transform_adjoint(self, X):
        """Apply the transpose of `inverse_transform` to signals.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted
            The signals.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_coeffs)
            The scores of the coefficients.
        """
        check_is_fitted(self)
        return self.transformer_.inverse_transform_adjoint(X)

    def get_feature_names_out(self, input_features=None):
        """Name the coefficients, as `AdaptiveWaveletTransformer` does.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked, as usual, against the names seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            Band, level and position.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        return self.transformer_.get_feature_names_out()

    def _learner(self, X):
        """Return a clone of the transformer that knows the shape of `X`."""
        learner = clone(self.transformer)
        learner._validate_params()
        validate_signals(learner, X, reset=True)
        return learner

    def _score_path(self, X, y, gradients, ratios, train, test):
        """Return the scores at all ratios in a fold."""
        learner = self._learner(X)
        path = learn_path(learner, X[train], y[train], gradients[:, train], ratios)
        scorer = check_scoring(self.estimator, scoring=self.scoring)
        scores = []
        for transformer in path:
            featurizer = transformer
            if self.features is not None:
                featurizer = features_of(transformer, self.features)
                featurizer.fit(X[train], y[train])
            model = clone(self.estimator)
            model.fit(_as_array(featurizer.transform(X[train])), y[train])
            scores.append(
                scorer(model, _as_array(featurizer.transform(X[test])), y[test])
            )
        return scores

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = True
        return tags


def _best_score(scores):
    """Return the row with the best mean; NaN ranks last, as in scikit-learn's search."""
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        means = scores.mean(axis=1)
    if not np.isfinite(means).all():
        warnings.warn(
            f"One or more of the test scores are non-finite: {means}", stacklevel=3
        )
    known = np.flatnonzero(~np.isnan(means))
    if len(known) == 0:
        raise ValueError(
            "The test scores are NaN at every ratio, so that there is none to choose. "
            "Check 'scoring' and 'estimator' on one fold."
        )
    return int(known[means[known].argmax()])


def _as_array(features):
    return features.cpu().numpy() if isinstance(features, torch.Tensor) else features
