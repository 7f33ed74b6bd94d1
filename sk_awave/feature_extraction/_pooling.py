"""A few statistics of each band of a wavelet transform."""

from numbers import Integral
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution._estimators import unfreeze
from sk_awave.decomposition import WaveletTransformer
from sk_awave.decomposition._base import BaseWaveletTransformer
from sk_awave.feature_extraction._bands import bands_of, split_bands
from sk_awave.feature_extraction._base import BaseOfBands
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
from sk_awave.utils._array_api import as_native, follows_namespace, learns_namespace
from sk_awave.utils._dask import is_dask_array, map_rows, refuse_dask_array
from sk_awave.utils._signals import as_signals
from sk_awave.utils._sklearn import Interval, fit_context
from sk_awave.utils._validation import validate_signals


class SubbandPooling(PlacesMixin, BaseOfBands):
    """Pool each band of a wavelet transform into a few statistics.

    Often it does not matter when an event happens in a signal, only how strong it is and
    at which scale. Each band of each channel is pooled on its own. With
    ``statistics=("max",)`` and a linear model, [1]_ predicts in this way from traces of
    molecules.

    This estimator contains the wavelet transformer instead of following it in a pipeline,
    because only the transformer knows the positions of the bands in its output. The
    parameters of both can be tuned together, as ``transformer__wavelet`` and
    ``n_largest``.

    With a `WaveletTransformer`, series of one axis may have unequal lengths: `X` is then
    a list of arrays, or an array whose rows end in NaN. NaN elsewhere is an error:
    interpolate these values first.

    Parameters
    ----------
    transformer : transformer, default=None
        The `WaveletTransformer` or `AdaptiveWaveletTransformer`. A clone of it is fitted.
        By default it is ``WaveletTransformer(decomposition="stationary")``. To use a
        transformer that is already fitted, wrap it in
        :class:`sklearn.frozen.FrozenEstimator`: statistics can then be tuned without
        learning a wavelet each time. With a stationary transform, signals are extended by
        their mirror image; its coefficients are not pooled.

    statistics : tuple of str, default=("share_above", "positive_share", \
            "log_mean_abs", "log_rms", "log_norm4", "mean", "max", "min")
        The statistics of each band, in this order:

        - "share_above": the shares of the coefficients above thresholds. The thresholds
          are quantiles of the band over all training signals. Coefficients that differ
          from a threshold by no more than a rounding error of float32 are equal to it,
          and not above;
        - "positive_share": the share of the coefficients above zero, in the same way;
        - "log_mean_abs", "log_rms", "log_norm4": the logarithms of the mean absolute
          value, the root mean square and the fourth root of the mean fourth power. Their
          unit is the root mean square of all training details of the channel; for the
          approximation, that of all training coefficients of the channel. A floor of
          0.001 of it keeps the logarithms finite. So an offset of the signals does not
          change the features of details;
        - "max": the `n_largest` largest coefficients, in decreasing order;
        - "min": the `n_largest` smallest coefficients, in increasing order;
        - "absmax": the `n_largest` largest absolute values, in decreasing order;
        - "mean", "std": the mean and the (population) standard deviation;
        - "energy": the sum of squares;
        - "log_energy": the natural logarithm of 1e-12 plus the energy. So it is always
          finite;
        - "entropy": the Shannon entropy, in nats, of the shares of the coefficients in
          the energy. It is zero if at most one coefficient is nonzero. Its maximum is the
          logarithm of the number of coefficients;
        - "quantile": the `quantiles`.

    segments : tuple of int, default=(1,)
        The numbers of equal segments that each band is cut into along each axis. All
        segments are pooled. 1 is the whole band.

    thresholds : tuple of float, default=(.02, .1, .2, .35, .5, .65, .8, .9, .98)
        The quantiles that "share_above" learns as thresholds.

    n_largest : int, default=1
        The number of values of "max", "min" and "absmax"; 6 in [1]_. If a band has fewer
        coefficients, it has one value per coefficient.

    quantiles : tuple of float, default=(0.05, 0.25, 0.5, 0.75, 0.95)
        The quantiles that "quantile" computes.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    WaveletTransformer : Computes all coefficients of a fixed wavelet.
    AdaptiveWaveletTransformer : Computes all coefficients of a learned wavelet.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.

    Examples
    --------
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.datasets import make_bursts
    >>> from sk_awave.feature_extraction import SubbandPooling
    >>> X, y = make_bursts(100, random_state=0, return_X_y=True)
    >>> pooling = SubbandPooling(
    ...     WaveletTransformer("db2", level=2), statistics=("max", "std"), n_largest=2
    ... )
    >>> pooling.fit_transform(X).shape
    (100, 9)
    >>> pooling.get_feature_names_out()[:6].tolist()
    ['cA2_max_1', 'cA2_max_2', 'cA2_std', 'cD2_max_1', 'cD2_max_2', 'cD2_std']
    """

    _parameter_constraints = {
        "transformer": [BaseEstimator, None],
        "statistics": [tuple, list],
        "segments": [tuple, list],
        "thresholds": ["array-like"],
        "n_largest": [Interval(Integral, 1, None, closed="left")],
        "quantiles": ["array-like"],
    }

    def __init__(
        self,
        transformer=None,
        *,
        statistics=DEFAULT_STATISTICS,
        segments=(1,),
        thresholds=THRESHOLDS,
        n_largest=1,
        quantiles=(0.05, 0.25, 0.5, 0.75, 0.95),
    ):
        self.transformer = transformer
        self.statistics = statistics
        self.segments = segments
        self.thresholds = thresholds
        self.n_largest = n_largest
        self.quantiles = quantiles

    @fit_context(prefer_skip_nested_validation=False)
    @learns_namespace
    def fit(self, X, y=None, **fit_params) -> Self:
        """Fit the wavelet transformer.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape), or list of arrays
            The signals.
        y : array-like of shape (n_samples,), default=None
            The target. It is passed to the transformer.
        **fit_params : dict
            Parameters of the transformer's `fit`, such as ``input_gradients``. With
            ``enable_metadata_routing=True`` only those that it requests are passed.

        Returns
        -------
        self : object
            Fitted transformer.

        Raises
        ------
        ValueError
            If `statistics`, `segments`, `thresholds` or `quantiles` are not valid, if a
            band has fewer coefficients than segments, or if a wavelet would be learned
            from signals of unequal lengths.
        TypeError
            If the fitted `transformer` has no ``layout_``.
        """
        refuse_dask_array(self, X)
        pool = self._make_pool()
        pool.check(type(self).__name__)
        X, is_missing = self._fill_ends(X)
        X = X if hasattr(X, "shape") else np.asarray(X)
        learns = not isinstance(unfreeze(self._template()), WaveletTransformer)
        if is_missing is not None and learns:
            raise ValueError(
                "Only a WaveletTransformer pools signals of unequal lengths. Cut them to "
                "one length to learn a wavelet from them."
            )
        self._fit_bands(X, y, fit_params)
        parts, _ = self._parts(X, is_missing)
        self._pool = pool.fit(parts, len(X), self._layout.bands)
        self._deviations = None  # of other data
        return self

    def fit_transform(self, X, y=None, **fit_params):
        """Fit the wavelet transformer, and transform the same signals.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape), or list of arrays
            The signals.
        y : array-like of shape (n_samples,), default=None
            The target. It is passed to the transformer.
        **fit_params : dict
            Parameters of the transformer's `fit`.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_features_out)
            The statistics, as `transform` returns them.
        """
        features = super().fit_transform(X, y, **fit_params)
        self._deviations = deviations(as_native(features))
        return features

    @follows_namespace
    def transform(self, X) -> np.ndarray:
        """Transform signals to the statistics of their bands.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape), or list of arrays
            The signals. They have the shape that was fitted, or are shorter.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_features_out)
            The statistics, by channel, then by band from coarse to fine. They have the
            dtype of `X`. For a tensor, they are computed on the CPU, without gradients,
            and moved to the device of the tensor.

        Raises
        ------
        ValueError
            If an energy is too large for the dtype of `X`, or if a signal is longer than
            those in `fit`.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            return map_rows(self, "transform", X)
        layout = self.transformer_.layout_
        X, is_missing = self._fill_ends(X, layout.signal_shape[-1])
        parts, order = self._parts(X, is_missing)
        pooled = self._pool.compute(parts, [band.name for band in layout.bands])
        return as_given(pooled[np.argsort(order)], X)

    @property
    def _layout(self):
        return self.transformer_.layout_

    def _places(self):
        """Say what each feature is of."""
        bands = [(band.name, band.shape) for band in self._layout.bands]
        n_channels = self._layout.n_channels or 1
        return self._pool.places(*zip(*bands, strict=True), n_channels)

    def _template(self):
        if self.transformer is None:
            return WaveletTransformer(decomposition="stationary")
        return self.transformer

    def _make_pool(self):
        return Pool(
            statistics=self.statistics,
            segments=self.segments,
            thresholds=self.thresholds,
            n_largest=self.n_largest,
            quantiles=self.quantiles,
        )

    def _fill_ends(self, X, length=None):
        wavelet = unfreeze(self._template())
        if isinstance(wavelet, BaseWaveletTransformer) and may_have_ends(
            wavelet.ndim, wavelet.signal_shape
        ):
            return fill_ends(X, length)
        return as_signals(X), None

    def _parts(self, X, is_missing):
        """Return an iterator over the bands of parts, and the order of the signals."""
        layout, wavelet = self.transformer_.layout_, unfreeze(self.transformer_)
        has_filters = isinstance(wavelet, BaseWaveletTransformer)
        if is_missing is None and (layout.tree.is_decimated or not has_filters):
            flat = as_array(self.transformer_.transform(X))
            return iter([split_bands(flat, layout)]), np.arange(len(flat))
        X = as_array(validate_signals(wavelet, X, reset=False))
        rows = X.reshape(len(X), -1, *layout.signal_shape)
        rows, order = sort_by_length(rows, is_missing)
        return bands_of(layout, wavelet.filter_bank_).parts(rows), order
