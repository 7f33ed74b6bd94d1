"""Thresholds for wavelet coefficients: small ones are noise."""

import math
from numbers import Real
from typing import Self

import numpy as np
import torch
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sk_awave.feature_extraction._base import BaseOfBands
from sk_awave.utils._array_api import follows_namespace, learns_namespace
from sk_awave.utils._dask import is_dask_array, map_rows
from sk_awave.utils._sklearn import (
    Interval,
    StrOptions,
    fit_context,
)


def universal_threshold(ratios, n_values):
    """Return what the largest of `n_values` independent normal values rarely exceeds."""
    return np.full((*ratios.shape[:-1], 1), np.sqrt(2 * np.log(n_values)))


def bayes_threshold(ratios, n_values):
    """Return the threshold of BayesShrink, the noise being standard normal."""
    excess = np.square(ratios).mean(axis=-1, keepdims=True) - 1
    # A band of nothing but noise has no excess, and loses all its coefficients.
    return 1 / np.sqrt(np.maximum(excess, np.finfo(float).eps))


def sure_threshold(ratios, n_values):
    """Return the threshold of SureShrink, the noise being standard normal."""
    size = ratios.shape[-1]
    universal = np.sqrt(2 * np.log(size))
    # Stein's risk falls only at the coefficients themselves: one of them, or 0, is best.
    zeros = np.zeros((*ratios.shape[:-1], 1))
    candidates = np.concatenate([zeros, np.sort(ratios, axis=-1)], axis=-1)
    squares = np.square(candidates)
    count = np.arange(size + 1)
    risks = size - 2 * count + squares.cumsum(axis=-1) + (size - count) * squares
    risks = np.where(candidates > universal, np.inf, risks)
    best = risks.argmin(axis=-1)[..., None]
    # The risk is too noisy an estimate where few coefficients stand out.
    excess = squares.sum(axis=-1, keepdims=True) / size - 1
    is_sparse = excess <= np.log2(size) ** 1.5 / np.sqrt(size)
    threshold = np.take_along_axis(candidates, best, axis=-1)
    return np.where(is_sparse, universal, threshold)


#: The threshold of each band, in units of the noise: called with absolute coefficients in
#: these units, of shape (..., n_coeffs), and the number of values of a signal.
METHODS = {
    "universal": universal_threshold,
    "sure": sure_threshold,
    "bayes": bayes_threshold,
}


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
        fitted, wrap it in :class:`sklearn.frozen.FrozenEstimator`. The methods assume an
        orthogonal wavelet: then all coefficients have the same noise.

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

    sigma : float, default=None
        The standard deviation of the noise. By default it is estimated for each sample
        and channel: it is the median of the absolute details of the finest level divided
        by 0.6745, the same median for standard normal noise [1]_. Only details along all
        axes are used, without zeros.

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
        "sigma": [Interval(Real, 0, None, closed="left"), None],
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

    def _shrink(self, flat):
        """Shrink flat coefficients, of shape (n_samples, n_coeffs), band by band."""
        layout = self.transformer_.layout_
        coeffs = flat.reshape(len(flat), -1, layout.n_coeffs_per_channel).copy()
        if self.sigma is None:
            # The finest details, or the packets that these are split into.
            last = layout.bands[-1]
            start = min(b.start for b in layout.bands if b.path[0] == last.path[0])
            details = coeffs[..., start:].astype(float)
            sigma = estimate_sigma(details) / last.weight
        else:
            sigma = np.full((*coeffs.shape[:2], 1), float(self.sigma))
        n_values = math.prod(layout.signal_shape)
        for band in layout.bands[1:]:
            part = coeffs[..., band.start : band.stop]
            # In a stationary transform noise is smaller, the coarser the level.
            noise = sigma * band.weight
            unit = np.where(noise > 0, noise, 1.0)
            threshold = noise * METHODS[self.method](np.abs(part) / unit, n_values)
            threshold = threshold.astype(part.dtype)
            part[...] = THRESHOLDINGS[self.thresholding](part, threshold)
        return coeffs.reshape(flat.shape)
