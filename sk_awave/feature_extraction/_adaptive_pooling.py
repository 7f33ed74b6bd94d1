"""Pooled bands of wavelets that are chosen for what is to be predicted."""

from numbers import Integral, Real
from typing import Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sk_awave.engine import CoeffLayout, Tree
from sk_awave.engine._filter_bank import make_wavelet
from sk_awave.engine._layout import MAX_LEVEL
from sk_awave.feature_extraction._bands import bands_of
from sk_awave.feature_extraction._choice import (
    choose_wavelets,
    encode,
    find_level,
    wavelet_candidates,
)
from sk_awave.feature_extraction._leave_one_out import select_features
from sk_awave.feature_extraction._pool import THRESHOLDS, Pool
from sk_awave.utils._sklearn import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    fit_context,
)
from sk_awave.utils._validation import split_shape, validate_signals

#: The signals on which wavelets are chosen, at most.
_MAX_ROWS = 400


class AdaptiveSubbandPooling(TransformerMixin, BaseEstimator):
    """Statistics of the bands of several wavelets, which are chosen for a target.

    Candidates are the orthogonal wavelets of PyWavelets of at most `filter_length` taps,
    and random orthonormal lattices with a vanishing moment. One after the other is
    added whose pooled bands, together with those chosen before, have the least
    leave-one-out error of a ridge. That error is exact, and costs one decomposition.

    Where this is little better than the best single wavelet of PyWavelets, this one is
    kept. A ridge, such as `RidgeClassifierCV`, suits the features: the choice is made for
    it.

    Parameters
    ----------
    n_wavelets : int, default=4
        How many wavelets are chosen.

    filter_length : int, default=12
        The number of taps, even: of the random lattices, and at most of the others.

    n_candidates : int, default=100
        The number of random lattices.

    min_gain : float, default=0.1
        By which share the leave-one-out error must fall below that of the best single
        wavelet of PyWavelets; otherwise this one is kept.

    decomposition : {"stationary", "dwt"}, default="stationary"
        The stationary transform of the signals and their mirror image, whose coefficients
        move with the signal, or the discrete wavelet transform.

    level : int, default=None
        The number of levels. By default the logarithm to base 2 of the shortest axis,
        less 2, or for "dwt" PyWavelets' maximum; at least 1.

    statistics, segments, thresholds
        What is computed of each band, as in `SubbandPooling`.

    n_features : int, default=None
        How many single features are kept, chosen one after the other by the same error;
        by default all.

    target_type : {"auto", "continuous", "multiclass"}, default="auto"
        Whether `y` holds numbers or classes. "auto" takes floats with a fraction for
        numbers, and all else for classes.

    ndim : {1, 2, 3}, default=1
        The number of transformed axes.

    signal_shape : tuple of int, default=None
        The shape of samples that are flattened to rows; see `WaveletTransformer`.

    n_jobs : int, default=None
        The number of threads that evaluate candidates.

    random_state : int, RandomState instance or None, default=None
        Determines the random lattices, and on which signals wavelets are chosen, where
        there are more than 400.

    verbose : int, default=0
        With 1 each chosen wavelet is printed, and the error with it.

    Attributes
    ----------
    wavelets_ : list of pywt.Wavelet
        The chosen wavelets.

    leave_one_out_error_ : float
        The mean squared leave-one-out error with all of them, relative to the variance of
        the target.

    fixed_leave_one_out_error_ : float
        That of the best single wavelet of PyWavelets.

    fixed_wavelet_ : str
        The name of this one.

    is_adapted_ : bool
        Whether the gain was at least `min_gain`, so that `wavelets_` are those of the
        choice.

    path_ : list of float
        The error after each chosen wavelet.

    level_ : int
        The number of levels.

    support_ : ndarray of shape (n_features_out,)
        The columns of all features that are kept.

    sample_shape_ : tuple of int
        The shape of a sample in `fit`.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    SubbandPooling : The same of one wavelet.

    Examples
    --------
    >>> from sk_awave.datasets import make_bursts
    >>> from sk_awave.feature_extraction import AdaptiveSubbandPooling
    >>> X, y = make_bursts(200, random_state=0, return_X_y=True)
    >>> pooling = AdaptiveSubbandPooling(2, n_candidates=20, random_state=0).fit(X, y)
    >>> pooling.leave_one_out_error_ <= pooling.fixed_leave_one_out_error_
    True
    >>> pooling.get_feature_names_out()[0]
    'w1_cA3_above_q0.02'
    """

    _parameter_constraints = {
        "n_wavelets": [Interval(Integral, 1, None, closed="left")],
        "filter_length": [Interval(Integral, 2, None, closed="left")],
        "n_candidates": [Interval(Integral, 0, None, closed="left")],
        "min_gain": [Interval(Real, 0, 1, closed="both")],
        "decomposition": [StrOptions({"stationary", "dwt"})],
        "level": [Interval(Integral, 0, MAX_LEVEL, closed="both"), None],
        "statistics": [tuple, list],
        "segments": [tuple, list],
        "thresholds": ["array-like"],
        "n_features": [Interval(Integral, 1, None, closed="left"), None],
        "target_type": [StrOptions({"auto", "continuous", "multiclass"})],
        "ndim": [Interval(Integral, 1, 3, closed="both")],
        "signal_shape": [tuple, list, Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_wavelets=4,
        *,
        filter_length=12,
        n_candidates=100,
        min_gain=0.1,
        decomposition="stationary",
        level=None,
        statistics=("share_above",),
        segments=(1,),
        thresholds=THRESHOLDS,
        n_features=None,
        target_type="auto",
        ndim=1,
        signal_shape=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_wavelets = n_wavelets
        self.filter_length = filter_length
        self.n_candidates = n_candidates
        self.min_gain = min_gain
        self.decomposition = decomposition
        self.level = level
        self.statistics = statistics
        self.segments = segments
        self.thresholds = thresholds
        self.n_features = n_features
        self.target_type = target_type
        self.ndim = ndim
        self.signal_shape = signal_shape
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y) -> Self:
        """Choose the wavelets, and learn the thresholds of their bands.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            What is to be predicted.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        name = type(self).__name__
        if y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        X = validate_signals(self, X, reset=True)
        target = encode(y, self.target_type)
        check_consistent_length(X, target)
        self._make_pool().check(name)
        self._split = split_shape(self.sample_shape_, self.ndim, self.signal_shape)
        rows, rng = self._rows(X), check_random_state(self.random_state)
        candidates = wavelet_candidates(self.filter_length, self.n_candidates, rng)
        few = np.arange(len(rows))
        if len(rows) > _MAX_ROWS:
            few = np.sort(rng.choice(len(rows), _MAX_ROWS, replace=False))
        self.level_ = find_level(
            rows.shape[2:], self.filter_length, self.decomposition, self.level
        )
        target = target[few] - target[few].mean(0)
        chosen = self._choose(rows[few], target, candidates)
        names, self._filters = zip(*[candidates[i] for i in chosen], strict=True)
        self.wavelets_ = [
            make_wavelet(filters[0, 0], name)
            for name, filters in zip(names, self._filters, strict=True)
        ]
        self._pools = [
            self._make_pool().fit(self._parts(rows, filters), len(rows))
            for filters in self._filters
        ]
        self._keep(rows[few], target)
        return self

    def transform(self, X) -> np.ndarray:
        """Transform signals to the statistics of the bands of all chosen wavelets.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted
            The signals.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_features_out)
            The statistics, by wavelet, channel and band; with the dtype of `X`.
        """
        check_is_fitted(self)
        X = validate_signals(self, X, reset=False)
        features = self._compute(self._rows(X))[:, self.support_]
        if not isinstance(X, torch.Tensor):
            return features
        return torch.from_numpy(features).to(X.device)

    def get_feature_names_out(self, input_features=None):
        """Name the statistics.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked, as usual, against the names seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            Wavelet, band, segment and statistic: 'w2_cD3[2/4]_log_rms'.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        pools = zip(self._pools, self._filters, strict=True)
        names = [
            f"w{i}_{name}"
            for i, (pool, filters) in enumerate(pools, start=1)
            for name in pool.names(self._layout(filters))
        ]
        return np.asarray(names, dtype=object)[self.support_]

    def _rows(self, X):
        """Return signals as an array (n_samples, n_channels, *signal_shape)."""
        X = X.cpu().numpy() if isinstance(X, torch.Tensor) else X
        return X.reshape(len(X), -1, *self._split[1])

    def _make_pool(self):
        return Pool(self.statistics, self.segments, self.thresholds)

    def _layout(self, filters):
        """Return the layout of a sample in the bands of a wavelet."""
        is_stationary = self.decomposition == "stationary"
        mode = "periodization" if is_stationary else "symmetric"
        tree = (Tree.stationary if is_stationary else Tree.dwt)(self.level_)
        channels, shape = self._split
        return CoeffLayout(shape, channels, filters.shape[-1], tree, mode)

    def _choose(self, rows, target, candidates):
        """Return the indices of the chosen candidates; store the errors."""
        features = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._features)(rows, filters) for _, filters in candidates
        )
        n_fixed = len(candidates) - self.n_candidates
        choice = choose_wavelets(
            features, target, n_fixed, self.n_wavelets, self.min_gain
        )
        self.fixed_wavelet_ = candidates[choice.fixed][0]
        self.fixed_leave_one_out_error_ = choice.fixed_error
        self.is_adapted_ = choice.is_adapted
        self.path_, self.leave_one_out_error_ = choice.path, choice.path[-1]
        if self.verbose:
            for i, error in zip(choice.indices, self.path_, strict=True):
                print(f"{candidates[i][0]}: leave-one-out error = {error:.6g}")
        return choice.indices

    def _parts(self, rows, filters):
        """Yield the bands of parts of the signals."""
        return bands_of(self._layout(filters), filters).parts(rows)

    def _features(self, rows, filters):
        """Return the features of one candidate, with thresholds of these signals."""
        parts = list(self._parts(rows, filters))
        pool = self._make_pool().fit(parts, len(rows))
        return pool.compute(parts, self._layout(filters))

    def _compute(self, rows):
        """Return the features of all chosen wavelets."""
        pools = zip(self._pools, self._filters, strict=True)
        features = [
            pool.compute(self._parts(rows, filters), self._layout(filters))
            for pool, filters in pools
        ]
        return np.concatenate(features, axis=1)

    def _keep(self, rows, target):
        """Choose which features are kept."""
        features = self._compute(rows)
        self.support_ = np.arange(features.shape[1])
        if self.n_features is not None and self.n_features < features.shape[1]:
            self.support_ = np.sort(select_features(features, target, self.n_features))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
