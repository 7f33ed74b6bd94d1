"""A few statistics of each band of a wavelet transform."""

from numbers import Integral, Real
from typing import Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sk_awave.feature_extraction._base import BaseOfBands
from sk_awave.feature_extraction._statistics import STATISTICS, statistic_names
from sk_awave.utils._sklearn import Interval, _check_feature_names_in, fit_context


class SubbandPooling(BaseOfBands):
    """Pool each band of a wavelet transform into a few statistics.

    Where in a signal something happens often does not matter, only how strongly and at
    which scale. Each band of each channel is pooled on its own. With
    ``statistics=("max",)`` and a linear model after it, this is how [1]_ predicts from
    traces of molecules.

    It contains the wavelet transformer, rather than following it in a pipeline, because
    only the transformer knows where in its flat output each band stands. All parameters
    of both can then be tuned together, as ``transformer__wavelet`` or ``n_largest``.

    Parameters
    ----------
    transformer : transformer, default=None
        A `WaveletTransformer` or `AdaptiveWaveletTransformer`, of which a clone is
        fitted; by default ``WaveletTransformer()``. One that is fitted already is kept as
        it is when wrapped in :class:`sklearn.frozen.FrozenEstimator`: statistics can then
        be tuned without learning a wavelet each time.

    statistics : tuple of str, default=("absmax", "mean", "std")
        What is computed of each band, in this order:

        - "max": the `n_largest` largest coefficients, in decreasing order;
        - "min": the `n_largest` smallest, in increasing order;
        - "absmax": the `n_largest` largest absolute values, in decreasing order;
        - "mean", "std": mean and (population) standard deviation;
        - "energy": the sum of squares;
        - "log_energy": its natural logarithm, of 1e-12 plus the energy so that it is
          finite;
        - "entropy": the Shannon entropy, in nats, of the shares of the coefficients in
          the energy: zero for a single nonzero coefficient (or none), at most the
          logarithm of their number;
        - "quantile": the `quantiles`.

    n_largest : int, default=6
        The number of order statistics "max", "min" and "absmax", as in [1]_. A band of
        fewer coefficients has as many as it has coefficients.

    quantiles : tuple of float, default=(0.25, 0.5, 0.75)
        What "quantile" computes.

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
    WaveletTransformer : All coefficients of a fixed wavelet.
    AdaptiveWaveletTransformer : All coefficients of a learned wavelet.

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
        "n_largest": [Interval(Integral, 1, None, closed="left")],
        "quantiles": ["array-like"],
    }

    def __init__(
        self,
        transformer=None,
        *,
        statistics=("absmax", "mean", "std"),
        n_largest=6,
        quantiles=(0.25, 0.5, 0.75),
    ):
        self.transformer = transformer
        self.statistics = statistics
        self.n_largest = n_largest
        self.quantiles = quantiles

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params) -> Self:
        """Fit the wavelet transformer.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals.
        y : array-like of shape (n_samples,), default=None
            Passed to the transformer.
        **fit_params : dict
            Passed to the transformer's `fit`, such as ``input_gradients``. With
            ``enable_metadata_routing=True``, as the transformer requests.

        Returns
        -------
        self : object
            Fitted transformer.

        Raises
        ------
        ValueError
            If `statistics` or `quantiles` are not valid.
        TypeError
            If `transformer` has no ``layout_`` once it is fitted.
        """
        self._check_statistics()
        return self._fit_bands(X, y, fit_params)

    def transform(self, X) -> np.ndarray:
        """Transform signals to the statistics of their bands.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals, of the shape that was fitted.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_features_out)
            The statistics, by channel, then by band from coarse to fine; with the dtype
            of `X`. For a tensor they are computed on the CPU, without gradients, and
            brought back to its device.

        Raises
        ------
        ValueError
            If an energy is too large for the dtype of `X`.
        """
        check_is_fitted(self)
        flat = self.transformer_.transform(X)
        is_tensor = isinstance(flat, torch.Tensor)
        pooled = self._pool(flat.cpu().numpy() if is_tensor else np.asarray(flat))
        return torch.from_numpy(pooled).to(flat) if is_tensor else pooled

    def get_feature_names_out(self, input_features=None):
        """Name the statistics.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked, as usual, against the names seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            Band and statistic: 'cD3_max_1', 'cD3_energy', 'cD3_q0.25'; with a prefix
            ``ch0_`` where there are several channels.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        layout = self.transformer_.layout_
        names = [
            f"{band.name}_{name}"
            for band in layout.bands
            for statistic in self.statistics
            for name in statistic_names(statistic, band.stop - band.start, self)
        ]
        n_channels = layout.n_channels or 1
        if n_channels > 1:
            names = [f"ch{c}_{name}" for c in range(n_channels) for name in names]
        return np.asarray(names, dtype=object)

    def _check_statistics(self):
        """Raise ValueError for what `_parameter_constraints` cannot express."""
        chosen = list(self.statistics)
        known = all(name in STATISTICS for name in chosen)
        if not chosen or not known or len(set(chosen)) < len(chosen):
            raise ValueError(
                "The 'statistics' parameter of SubbandPooling must be different names "
                f"among {sorted(STATISTICS)}. Got {self.statistics!r} instead."
            )
        quantiles = list(self.quantiles)
        valid = all(isinstance(q, Real) and 0 <= q <= 1 for q in quantiles)
        if not quantiles or not valid or len(set(quantiles)) < len(quantiles):
            raise ValueError(
                "The 'quantiles' parameter of SubbandPooling must be different numbers "
                f"from 0 to 1. Got {self.quantiles!r} instead."
            )

    def _pool(self, flat):
        """Pool flat coefficients, of shape (n_samples, n_coeffs), band by band."""
        layout = self.transformer_.layout_
        coeffs = flat.reshape(len(flat), -1, layout.n_coeffs_per_channel)
        pooled = [
            self._compute(statistic, coeffs[..., band.start : band.stop], band.name)
            for band in layout.bands
            for statistic in self.statistics
        ]
        pooled = np.concatenate(pooled, axis=-1, dtype=flat.dtype)
        return pooled.reshape(len(flat), -1)

    def _compute(self, statistic, coeffs, band_name):
        """Compute a statistic of a band; raise ValueError where it overflows."""
        with np.errstate(all="ignore"):
            values = STATISTICS[statistic](coeffs, self)
        if not np.isfinite(values).all():
            instead = ", or use 'log_energy'" if statistic == "energy" else ""
            raise ValueError(
                f"The statistic {statistic!r} of band {band_name} is too large for "
                f"{coeffs.dtype}. Scale X{instead}."
            )
        return values
