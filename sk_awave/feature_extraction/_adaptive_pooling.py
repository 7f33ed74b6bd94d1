"""Pooled bands of wavelets that are chosen for what is to be predicted."""

from numbers import Integral, Real
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sk_awave.engine._layout import MAX_LEVEL
from sk_awave.engine._wavelet import make_wavelet
from sk_awave.feature_extraction._bands import bands_of
from sk_awave.feature_extraction._choice import (
    check_candidates,
    choose_wavelets,
    compute_each,
    find_level,
    make_layout,
    wavelet_candidates,
)
from sk_awave.feature_extraction._elimination import rank_features
from sk_awave.feature_extraction._leave_one_out import groups_of_copies, kernel
from sk_awave.feature_extraction._place import PlacesMixin, deviations
from sk_awave.feature_extraction._pool import THRESHOLDS, Pool
from sk_awave.feature_extraction._ragged import (
    as_array,
    as_given,
    fill_ends,
    may_have_ends,
    sort_by_length,
)
from sk_awave.feature_extraction._statistics import DEFAULT_STATISTICS
from sk_awave.feature_extraction._targets import draw_rows, encode, target_columns
from sk_awave.feature_extraction._wavelet_pool import (
    CompressedPools,
    Compression,
    WaveletPool,
)
from sk_awave.utils._array_api import IS_SUPPORTED, follows_namespace, learns_namespace
from sk_awave.utils._callbacks import CallbackSupportMixin, FitTask
from sk_awave.utils._dask import is_dask_array, map_rows, take_rows
from sk_awave.utils._sklearn import Interval, Options, StrOptions, fit_context
from sk_awave.utils._threads import one_blas_thread
from sk_awave.utils._validation import split_shape, validate_signals


class AdaptiveSubbandPooling(
    PlacesMixin, CallbackSupportMixin, TransformerMixin, BaseEstimator
):
    r"""Pool the bands of several wavelets that are chosen for a target.

    Candidates are the orthogonal wavelets of PyWavelets with at most `filter_length`
    taps, and random orthonormal lattices with a vanishing moment. Wavelets are added one
    after the other. Each step adds the wavelet that gives the smallest leave-one-out
    error of a ridge on the pooled bands of all wavelets chosen so far. This error is
    exact, and needs only one eigendecomposition.

    If the chosen wavelets are little better than the best single wavelet of PyWavelets,
    this single wavelet is used instead. With `n_features`, only the features with the
    largest weights in a ridge are kept.

    Each feature is standardised over the training signals to :math:`z`, and compressed to
    :math:`2 \tanh(z / 2)`, so that outliers do not dominate a linear model. Use a ridge
    after it, such as `RidgeClassifierCV`: the wavelets are chosen for a ridge.

    Series of one axis may have unequal lengths: `X` is then a list of arrays, or an array
    whose rows end in NaN. NaN elsewhere is an error: interpolate these values first.

    Parameters
    ----------
    n_wavelets : int, default=4
        The number of wavelets to choose.

    filter_length : int, default=12
        The number of taps of the random lattices, even, and the maximum number of taps of
        the other candidates.

    n_candidates : int, default=100
        The number of random lattices.

    min_gain : float, default=0.1
        The relative decrease of the leave-one-out error that is required. It is compared
        with the error of the best single wavelet of PyWavelets. If the decrease is
        smaller, this single wavelet is used.

    decomposition : {"stationary", "dwt"}, default="stationary"
        The kind of transform. "stationary" is the stationary transform of the signals and
        their mirror image: its coefficients move with the signal. "dwt" is the discrete
        wavelet transform.

    level : int, default=None
        The number of levels. By default it is the base-2 logarithm of the shortest axis
        minus 2 or, for "dwt", PyWavelets' maximum; but at least 1.

    order : {1, 2}, default=2
        The order of the features. With 2, there are also features of envelopes: the
        absolute values of a detail band are transformed again. For each of the resulting
        details, at the same and at coarser scales, five shares are pooled, such as
        ``|cD1|_cD3_above_q0.5``. They describe how strongly and how fast an oscillation
        comes and goes. Wavelets are chosen without them. 2 requires
        ``decomposition="stationary"``.

    statistics, segments, thresholds
        The statistics of each band; see `SubbandPooling`.

    n_features : int, default=None
        The maximum number of features. A ridge is fitted to all features, and one fifth
        of them is removed: those with the smallest weights. This is repeated until
        `n_features` are left. By default all features are kept.

    target_type : {"auto", "continuous", "multiclass"}, default="auto"
        The type of `y`. "auto" takes numbers for numbers if any has a fraction, and all
        other values for classes. It warns of many different whole numbers.

    ndim : {1, 2, 3}, default=1
        The number of transformed axes.

    signal_shape : tuple of int, default=None
        The shape of samples that are flattened to rows; see `WaveletTransformer`.

    n_jobs : int, default=None
        The number of threads that evaluate candidates.

    random_state : int, RandomState instance or None, default=None
        The seed of the random lattices. If there are more than 400 signals, it is also
        the seed of the 400 that wavelets are chosen on, with some of each class.

    verbose : int, default=0
        With 1 each chosen wavelet is logged, and the error with it.

    Attributes
    ----------
    wavelets_ : list of pywt.Wavelet
        The chosen wavelets.

    leave_one_out_error_ : float
        The mean squared leave-one-out error with all chosen wavelets, relative to the
        variance of the target. It is the error with all features of the bands, without
        those of envelopes. Equal signals are left out together.

    fixed_leave_one_out_error_ : float
        The same error with the best single wavelet of PyWavelets.

    fixed_wavelet_ : str
        The name of the best single wavelet of PyWavelets.

    library_errors_ : dict of str to float
        The error of each wavelet of PyWavelets alone, by name.

    is_adapted_ : bool
        True if the relative decrease of the error was at least `min_gain`. If False,
        `wavelets_` holds the best single wavelet.

    path_ : list of float
        The error after each chosen wavelet.

    level_ : int
        The number of levels.

    support_ : ndarray of shape (n_features_out,)
        The indices of the features that are kept.

    sample_shape_ : tuple of int
        The shape of a sample in `fit`.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    SubbandPooling : Pools the bands of one wavelet.

    Examples
    --------
    >>> from sk_awave.datasets import make_bursts
    >>> from sk_awave.feature_extraction import AdaptiveSubbandPooling
    >>> X, y = make_bursts(200, random_state=0, return_X_y=True)
    >>> pooling = AdaptiveSubbandPooling(2, n_candidates=20, random_state=0).fit(X, y)
    >>> pooling.leave_one_out_error_ <= pooling.fixed_leave_one_out_error_
    True
    >>> few = AdaptiveSubbandPooling(2, n_candidates=20, n_features=3, random_state=0)
    >>> few.fit(X, y).get_feature_names_out().tolist()
    ['w1_cD3_above_q0.1', 'w1_cD3_log_norm4', 'w1_cD2_log_norm4']
    """

    _parameter_constraints = {
        "n_wavelets": [Interval(Integral, 1, None, closed="left")],
        "filter_length": [Interval(Integral, 2, None, closed="left")],
        "n_candidates": [Interval(Integral, 0, None, closed="left")],
        "min_gain": [Interval(Real, 0, 1, closed="both")],
        "decomposition": [StrOptions({"stationary", "dwt"})],
        "order": [Options(Integral, {1, 2})],
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
        order=2,
        level=None,
        statistics=DEFAULT_STATISTICS,
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
        self.order = order
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
    @learns_namespace
    @one_blas_thread()
    def fit(self, X, y) -> Self:
        """Choose wavelets and features, and learn the thresholds of their bands.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape), or list of arrays
            The signals. From a Dask array, at most 400 random rows are loaded into
            memory, and everything is learned from them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers or classes, which must vary. Each column counts as a target.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        name = type(self).__name__
        if y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        if self.order == 2 and self.decomposition == "dwt":
            raise ValueError("order=2 requires decomposition='stationary'. Set order=1.")
        self._make_pool().check(name)
        rng = check_random_state(self.random_state)
        columns = target_columns(y, self.target_type, name)
        check_consistent_length(X, *columns)
        if is_dask_array(X):
            X, y, *columns = take_rows(draw_rows(columns, rng), X, y, *columns)
        rows, order = self._validate(X, reset=True)
        columns, shape = [column[order] for column in columns], rows.shape[2:]
        check_candidates(self.filter_length, self.n_candidates, len(rows), shape)
        candidates = wavelet_candidates(self.filter_length, self.n_candidates, rng)
        few = draw_rows(columns, rng)
        length, kind = self.filter_length, self.decomposition
        self.level_ = find_level(shape, length, kind, self.level)
        target = encode([column[few] for column in columns])
        groups = groups_of_copies(rows[few])
        task = FitTask.begin_fit(self, X, y, 3)
        chosen = self._choose(rows[few], target, groups, candidates, task)
        self.wavelets_ = [make_wavelet(f[0, 0], name) for name, f in chosen]
        self._pools = CompressedPools(
            [self._make_wavelet_pool(filters, self.order) for _, filters in chosen]
        )
        task.log("Pooling the bands of %d signals", len(rows))
        features = task.subtask("pooling").run(self._pools.fit_compute, rows)
        if self.n_features is not None and self.n_features < features.shape[1]:
            ranking = rank_features(features[few], target, self.n_features, groups)
            self._pools.keep(np.sort(ranking[: self.n_features]))
        self._deviations = deviations(features[:, self.support_])
        task.end(is_fitted=True)
        return self

    @property
    def support_(self) -> np.ndarray:
        """The indices of the features that are kept, among all."""
        return self._pools.support

    @follows_namespace
    def transform(self, X) -> np.ndarray:
        """Transform signals to the features of all chosen wavelets.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted, or list of arrays
            The signals. None may be longer than the longest one in `fit`.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_features_out)
            The features, in the order of wavelet, channel and band. They have the dtype
            of `X`.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            return map_rows(self, "transform", X)
        rows, order = self._validate(X, reset=False)
        return as_given(self._pools.compute(rows)[np.argsort(order)], X)

    @property
    def _layout(self):
        """The layout of the bands of each wavelet."""
        return self._pools.pools[0].bands.layout

    def _places(self):
        return self._pools.places()

    def _validate(self, X, reset):
        """Return rows (n, n_channels, *signal_shape) by length, and their order."""
        is_missing = None
        if may_have_ends(self.ndim, self.signal_shape):
            X, is_missing = fill_ends(X, None if reset else self._split[1][-1])
        X = as_array(validate_signals(self, X, reset=reset))
        if reset:
            self._split = split_shape(self.sample_shape_, self.ndim, self.signal_shape)
        return sort_by_length(X.reshape(len(X), -1, *self._split[1]), is_missing)

    def _make_pool(self):
        return Pool(self.statistics, self.segments, self.thresholds, n_largest=1)

    def _make_wavelet_pool(self, filters, order):
        layout = make_layout(
            *self._split, filters.shape[-1], self.level_, self.decomposition
        )
        return WaveletPool(bands_of(layout, filters), self._make_pool(), order)

    def _choose(self, rows, target, groups, candidates, task):
        """Return names and filters of the chosen candidates; store the errors."""
        task.log("Comparing %d wavelets on %d signals", len(candidates), len(rows))
        found = compute_each(self._kernel, rows, candidates, self.n_jobs, task)
        kernels, counts = zip(*found, strict=True)
        settings = len(found) - self.n_candidates, self.n_wavelets, self.min_gain
        choice = task.subtask("choice").run(
            choose_wavelets, kernels, counts, target, *settings, groups
        )
        vars(self).update(choice.attributes([name for name, _ in candidates]))
        chosen = [candidates[i] for i in choice.indices]
        for (name, _), error in zip(chosen, self.path_, strict=True):
            task.log("%s: leave-one-out error = %.6g", name, error)
        return chosen

    def _kernel(self, rows, filters):
        """Return the kernel of one candidate's features, compressed, and their number."""
        features = self._make_wavelet_pool(filters, order=1).fit_compute(rows)
        features = Compression().fit(features).apply(features)
        return kernel(features).astype(np.float32), features.shape[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.array_api_support = IS_SUPPORTED
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
