"""Thresholds for wavelet coefficients: small ones are noise."""

import math
from numbers import Real
from typing import Self

import numpy as np
import torch
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sk_awave.engine._atoms import noise_levels
from sk_awave.feature_extraction._base import BaseOfBands
from sk_awave.feature_extraction._threshold_rules import METHODS
from sk_awave.utils._array_api import follows_namespace, learns_namespace
from sk_awave.utils._dask import is_dask_array, map_rows
from sk_awave.utils._sklearn import (
    Interval,
    StrOptions,
    fit_context,
)
from sk_awave.utils._warnings import warn

#: The condition number along an axis above which thresholds are poor: small coefficients
#: may then be large parts of a signal.
POOR_CONDITION = 1.5


def soft(coeffs, threshold):
    """Move the coefficients towards zero by the threshold."""
    return coeffs - np.clip(coeffs, -threshold, threshold)


def firm(coeffs, threshold):
    """Do as `soft` at the threshold, leave what is beyond its double, and interpolate."""
    is_small = np.abs(coeffs) <= 2 * threshold
    return np.where(is_small, 2 * soft(coeffs, threshold), coeffs)


# PyWavelets' functions divide by the coefficients, and its firm one takes one threshold
# and forgets a large coefficient if it is the first, and alone.
THRESHOLDINGS = {
    "soft": soft,
    "hard": lambda coeffs, threshold: np.where(np.abs(coeffs) < threshold, 0, coeffs),
    "firm": firm,
}


def estimate_sigma(details):
    """Estimate the standard deviation of noise along the last axis from fine details.

    Zeros are left out, as in scikit-image: they come from where there is no signal.
    """
    ordered = np.sort(np.abs(details), axis=-1)
    size = ordered.shape[-1]
    n_zeros = (ordered == 0).sum(axis=-1, keepdims=True)
    middle = [(n_zeros + size - 1) // 2, np.minimum((n_zeros + size) // 2, size - 1)]
    median = sum(np.take_along_axis(ordered, i, axis=-1) for i in middle) / 2
    return median / norm.ppf(0.75)


class WaveletThresholder(BaseOfBands):
    r"""Set small wavelet coefficients to zero, and so remove noise.

    White noise is small in all coefficients, and a signal is large in a few of them. So
    the details are shrunk towards zero; the approximation does not change.
    ``transform(X)`` returns the coefficients, and ``denoise(X)`` the signals without
    noise: ``inverse_transform(transform(X))``.

    This estimator contains the wavelet transformer instead of following it in a pipeline,
    because only the transformer knows the positions of the bands in its output.

    Parameters
    ----------
    transformer : transformer, default=None
        The `WaveletTransformer` or `AdaptiveWaveletTransformer`. A clone of it is fitted.
        By default it is ``WaveletTransformer()``. To use a transformer that is already
        fitted, wrap it in :class:`sklearn.frozen.FrozenEstimator`. Use an orthogonal
        wavelet, or one with a ``condition_number_`` near 1: of others, such as "bior3.1",
        small coefficients may be large parts of a signal, and a warning says so.

    method : {"bayes", "sure", "universal"}, default="bayes"
        The choice of thresholds, for each sample and channel on its own:

        - "bayes": BayesShrink [3]_. The threshold of a band is
          :math:`\sigma^2 / \sqrt{\max(\mathrm{var} - \sigma^2, 0)}`, where
          :math:`\sigma` is the standard deviation of the noise and :math:`\mathrm{var}`
          the variance of the band. With soft thresholding it is the closest to the truth
          on most signals and images;
        - "sure": SureShrink, the hybrid scheme [2]_. The threshold of a band minimises
          Stein's unbiased estimate of the risk of soft thresholding. If too few
          coefficients are large for this estimate, it is the universal threshold for
          the number of coefficients of the band;
        - "universal": VisuShrink [1]_. All bands have the threshold
          :math:`\sigma \sqrt{2 \ln N}`, where :math:`N` is the number of values of the
          signal. It leaves hardly any noise, but also removes more of the signal than the
          other methods.

    thresholding : {"soft", "hard", "firm"}, default="soft"
        The rule for the coefficients. Coefficients below the threshold become zero. Those
        above it are moved towards zero by the threshold ("soft"), or do not change
        ("hard"). With "firm", those above twice the threshold do not change, and those
        between are interpolated [4]_.

    sigma : float or "per_level", default=None
        The standard deviation of the noise. By default it is estimated for each sample
        and channel: it is the median of the absolute details of the finest level divided
        by 0.6745, the same median for standard normal noise [1]_. Only details along all
        axes are used, without zeros. The noise of each band follows from the filters.
        With "per_level" the noise of each band is estimated from that band, for noise
        that is not white [5]_.

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
    SubbandPooling : Computes a few statistics of each band.

    References
    ----------
    .. [1] D. L. Donoho, I. M. Johnstone. "Ideal spatial adaptation by wavelet shrinkage."
       Biometrika 81(3), 1994.
    .. [2] D. L. Donoho, I. M. Johnstone. "Adapting to unknown smoothness via wavelet
       shrinkage." Journal of the American Statistical Association 90(432), 1995.
    .. [3] S. G. Chang, B. Yu, M. Vetterli. "Adaptive wavelet thresholding for image
       denoising and compression." IEEE Transactions on Image Processing 9(9), 2000.
    .. [4] H.-Y. Gao, A. G. Bruce. "WaveShrink with firm shrinkage." Statistica Sinica 7,
       1997.
    .. [5] I. M. Johnstone, B. W. Silverman. "Wavelet threshold estimators for data with
       correlated noise." Journal of the Royal Statistical Society B 59(2), 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_awave import WaveletThresholder, WaveletTransformer
    >>> truth = np.repeat([[0.0, 3.0, -1.0, 2.0]], 32, axis=1)
    >>> X = truth + 0.3 * np.random.default_rng(0).standard_normal(truth.shape)
    >>> thresholder = WaveletThresholder(WaveletTransformer("haar", level=4)).fit(X)
    >>> Xt = thresholder.transform(X)
    >>> print(f"{(Xt == 0).mean():.0%}")  # most coefficients were noise
    62%
    >>> denoised = thresholder.denoise(X)
    >>> np.round([(X - truth).std(), (denoised - truth).std()], 2)
    array([0.29, 0.13])
    """

    _parameter_constraints = {
        "transformer": [BaseEstimator, None],
        "method": [StrOptions(set(METHODS))],
        "thresholding": [StrOptions(set(THRESHOLDINGS))],
        "sigma": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"per_level"}),
            None,
        ],
    }

    def __init__(
        self, transformer=None, *, method="bayes", thresholding="soft", sigma=None
    ):
        self.transformer = transformer
        self.method = method
        self.thresholding = thresholding
        self.sigma = sigma

    @fit_context(prefer_skip_nested_validation=False)
    @learns_namespace
    def fit(self, X, y=None, **fit_params) -> Self:
        """Fit the wavelet transformer.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
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
            If the transformer has no details: it has no level, or no packet is split.
        TypeError
            If the fitted `transformer` has no ``layout_``.
        """
        self._fit_bands(X, y, fit_params)
        if len(self.transformer_.layout_.bands) == 1:
            raise ValueError(
                "WaveletThresholder changes details, but level=0 has none. Use a "
                "transformer with level=1 or more, and of packets a basis that is not "
                "the samples."
            )
        self._warn_if_poor()
        return self

    @follows_namespace
    def transform(self, X) -> np.ndarray:
        """Transform signals to coefficients without noise.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals, of the shape that was fitted.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_coeffs)
            The coefficients, in the order of ``transformer_.layout_``. They have the
            dtype of `X`. For a tensor, they are shrunk on the CPU, without gradients, and
            moved to the device of the tensor.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            return map_rows(self, "transform", X)
        flat = self.transformer_.transform(X)
        is_tensor = isinstance(flat, torch.Tensor)
        shrunk = self._shrink(flat.cpu().numpy() if is_tensor else np.asarray(flat))
        return torch.from_numpy(shrunk).to(flat) if is_tensor else shrunk

    @follows_namespace
    def inverse_transform(self, X) -> np.ndarray:
        """Reconstruct signals from flat coefficients.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_coeffs)
            The coefficients, in the order of `transform`.

        Returns
        -------
        X_original : ndarray or tensor of shape (n_samples, *sample_shape)
            The signals, in the shape that was fitted.
        """
        check_is_fitted(self)
        return self.transformer_.inverse_transform(X)

    def denoise(self, X):
        """Remove noise from signals: ``inverse_transform(transform(X))``.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals, of the shape that was fitted.

        Returns
        -------
        denoised : ndarray or tensor of shape (n_samples, *sample_shape)
            The signals without noise, in the shape that was fitted.
        """
        return self.inverse_transform(self.transform(X))

    def get_feature_names_out(self, input_features=None):
        """Name the coefficients, as the transformer does.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the features. They are passed on to the transformer.

        Returns
        -------
        feature_names_out : ndarray of str
            The names, with band, level and position: 'cA4_0' and 'cD1_12' in 1-D.
        """
        check_is_fitted(self)
        return self.transformer_.get_feature_names_out(input_features)

    def _warn_if_poor(self):
        """Warn if small coefficients may be large parts of a signal."""
        filters = self.transformer_.filter_bank_
        if np.allclose(filters[..., :2, :], filters[..., 2:, ::-1]):  # orthogonal
            return
        ndim = len(self.transformer_.layout_.signal_shape)
        condition = self.transformer_.condition_number_ ** (1 / ndim)
        if condition > POOR_CONDITION:
            warn(
                f"The condition number of the transform is {condition:.2g} along each "
                f"axis. Above {POOR_CONDITION} thresholds remove much of the signal with "
                "the noise: use an orthogonal wavelet, or a nearly orthogonal one such "
                "as 'bior4.4'."
            )

    def _shrink(self, flat):
        """Shrink flat coefficients, of shape (n_samples, n_coeffs), band by band."""
        layout = self.transformer_.layout_
        coeffs = flat.reshape(len(flat), -1, layout.n_coeffs_per_channel).copy()
        filters = torch.from_numpy(self.transformer_.filter_bank_)
        levels = noise_levels(layout, filters).tolist()  # of white noise of sigma = 1
        bands = [
            (coeffs[..., band.start : band.stop], level)
            for band, level in zip(layout.bands, levels, strict=True)
        ]
        if self.sigma is None:
            # The finest details, or the packets that these are split into.
            last = layout.bands[-1].path[0]
            finest = [
                part.astype(float) / level
                for band, (part, level) in zip(layout.bands, bands, strict=True)
                if band.path[0] == last
            ]
            sigma = estimate_sigma(np.concatenate(finest, axis=-1))
        elif self.sigma != "per_level":
            sigma = np.full((*coeffs.shape[:2], 1), float(self.sigma))
        n_values = math.prod(layout.signal_shape)
        for part, level in bands[1:]:
            if self.sigma == "per_level":
                noise = estimate_sigma(part.astype(float))
            else:
                noise = sigma * level
            unit = np.where(noise > 0, noise, 1.0)
            threshold = noise * METHODS[self.method](np.abs(part) / unit, n_values)
            threshold = threshold.astype(part.dtype)
            part[...] = THRESHOLDINGS[self.thresholding](part, threshold)
        return coeffs.reshape(flat.shape)
