"""Histograms of the peaks of images."""

import math
from numbers import Integral, Real
from typing import Self

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sk_awave.decomposition._wavelet import WaveletTransformer
from sk_awave.feature_extraction._base import BaseContainer
from sk_awave.feature_extraction._kernels import (
    HEIGHT,
    LAPLACE,
    single_wavelet,
    wavelet_kernels,
)
from sk_awave.utils._budget import check_budget
from sk_awave.utils._sklearn import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    fit_context,
)
from sk_awave.utils._validation import split_shape, validate_signals
from sk_awave.utils._warnings import warn

#: Learned bins span all training responses but this share at each end.
_TAIL = 0.005

#: Responses this close to the end of a bin are equal to it, in units of the range of all
#: bins. It exceeds the rounding errors of float32.
_TIE = 1e-6

#: What is read at peaks: the names of the responses of each choice.
RESPONSES = {
    "wavelet": ("LL", "LH", "HL", "HH"),
    "height": ("height",),
    "laplace": ("laplace",),
    "roberts": ("roberts",),
}


def find_peaks(images):
    """Mark the inner pixels that are higher than each of their eight neighbours."""
    _, height, width = images.shape
    if min(height, width) < 3:
        return np.zeros((len(images), 0, 0), dtype=bool)
    inner = images[:, 1:-1, 1:-1]
    peaks = np.ones(inner.shape, dtype=bool)
    for i in range(3):
        for j in range(3):
            if (i, j) != (1, 1):
                peaks &= inner > images[:, i : i + height - 2, j : j + width - 2]
    return peaks


class PeakCounter(BaseContainer):
    """Count the peaks of images by their responses to small kernels.

    A peak is a pixel that is higher than its eight neighbours. The response of a peak is
    the sum of its neighbourhood, weighted by a 3 x 3 kernel. The features of an image are
    the histograms of the responses of all its peaks. With the kernels of a learned
    wavelet and a linear model, [1]_ estimates cosmological parameters in this way from
    maps of weak gravitational lensing.

    Parameters
    ----------
    transformer : transformer, default=None
        The `WaveletTransformer` or `AdaptiveWaveletTransformer` for
        ``kernels="wavelet"``. A clone of it is fitted, and its ``wavelet_`` is used. By
        default it is ``WaveletTransformer(ndim=2)``. To use a transformer that is already
        fitted, wrap it in :class:`sklearn.frozen.FrozenEstimator`.

    kernels : {"wavelet", "height", "laplace", "roberts"}, default="wavelet"
        The kernels, or another value at the peaks:

        - "wavelet": four kernels, the products of the filters of the wavelet. Only three
          neighbouring taps of each filter are used: those that differ most from the mean
          of the filter. The mean is removed from all kernels but "LL". "LH" is low-pass
          along the last axis and high-pass along the first;
        - "height": the value of the peak;
        - "laplace": minus the Laplace operator, by the kernel
          ``[[-1, -4, -1], [-4, 20, -4], [-1, -4, -1]] / 6`` [2]_;
        - "roberts": the sum of the gradients of the four squares of pixels around the
          peak. The gradient of a square is Roberts' cross: the root of the sum of squares
          of the differences along both diagonals [2]_.

    n_bins : int, default=22
        The number of bins of each histogram. All have the same width.

    range : tuple of two floats, default=None
        The lower end of the first bin and the upper end of the last bin, for all
        responses. In [1]_ they are zero and a value chosen by validation. By default they
        are the 0.5 and 99.5 per cent quantiles of the responses in `fit`, for each
        kernel. Peaks beyond the ends are counted in the first or the last bin.

    signal_shape : tuple of int, default=None
        The shape ``(height, width)`` of images that are flattened to the rows of `X`.
        Without it, a row is an image with a height of one pixel, and has no peaks.

    Attributes
    ----------
    transformer_ : transformer or None
        The fitted transformer; None unless ``kernels="wavelet"``.

    kernels_ : ndarray of shape (n_kernels, 3, 3) or None
        The kernels. They are applied by correlation (not mirrored). None for "roberts",
        as that response is not linear.

    bin_edges_ : ndarray of shape (n_responses, n_bins + 1)
        The ends of the bins.

    image_shape_ : tuple of two ints
        The height and the width.

    sample_shape_ : tuple of int
        The shape of a sample in `fit`.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    SubbandPooling : Statistics of all coefficients, not only of those at peaks.
    sk_awave.datasets.make_convergence_maps : Makes maps with such peaks.

    Notes
    -----
    The kernels and responses are those of the published code of [1]_. As in that code,
    the last three taps of a filter are no candidates. The published code drops the peaks
    beyond the ends of the histogram. A response that differs from the end of two bins by
    rounding only is counted in the upper one.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.
    .. [2] D. Ribli, B. A. Pataki, I. Csabai. "An improved cosmological parameter
       inference scheme motivated by deep learning." Nature Astronomy 3, 2019.

    Examples
    --------
    >>> from sk_awave.feature_extraction import PeakCounter
    >>> from sk_awave.datasets import make_convergence_maps
    >>> X, y = make_convergence_maps(20, size=32, random_state=0, return_X_y=True)
    >>> counter = PeakCounter().fit(X)
    >>> counter.transform(X).shape
    (20, 88)
    >>> counter.get_feature_names_out()[[0, 29, 87]].tolist()
    ['LL_bin_00', 'LH_bin_07', 'HH_bin_21']
    """

    _parameter_constraints = {
        "transformer": [BaseEstimator, None],
        "kernels": [StrOptions(set(RESPONSES))],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "range": [tuple, list, None],
        "signal_shape": [tuple, list, None],
    }

    def __init__(
        self,
        transformer=None,
        *,
        kernels="wavelet",
        n_bins=22,
        range=None,
        signal_shape=None,
    ):
        self.transformer = transformer
        self.kernels = kernels
        self.n_bins = n_bins
        self.range = range
        self.signal_shape = signal_shape

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params) -> Self:
        """Fit the transformer, and learn the bins.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, height, width) or \
                (n_samples, n_features)
            The images.
        y : array-like of shape (n_samples,), default=None
            The target. It is passed to the transformer.
        **fit_params : dict
            Parameters of the transformer's `fit`. With ``enable_metadata_routing=True``
            only those that the transformer requests are passed.

        Returns
        -------
        self : object
            Fitted transformer.

        Raises
        ------
        ValueError
            If `range` is not two increasing numbers, if `X` has no images of
            `signal_shape`, or if the transformer has several wavelets.
        TypeError
            If the fitted `transformer` has no ``wavelet_``.

        Warns
        -----
        UserWarning
            If no image has a peak and no `range` is given.
        """
        self._check_range()
        X = validate_signals(self, X, reset=True)
        self.image_shape_ = self._find_image_shape()
        n_values = len(RESPONSES[self.kernels]) * self.n_bins
        parameter, size = f"n_bins={self.n_bins}", math.prod(self.image_shape_)
        check_budget(n_values, parameter, "Use fewer bins.", size)
        self.transformer_ = None
        self.kernels_ = {"height": HEIGHT, "laplace": LAPLACE}.get(self.kernels)
        if self.kernels == "wavelet":
            images = X.reshape(-1, *self.image_shape_)
            transformer = self._fit_transformer(images, y, fit_params, "wavelet_", "")
            self.kernels_ = wavelet_kernels(single_wavelet(transformer))
            self.transformer_ = transformer
        _, responses = self._responses(X)
        epsilon = (torch if isinstance(X, torch.Tensor) else np).finfo(X.dtype).eps
        low, high = self._find_range(responses, epsilon)
        self.bin_edges_ = np.linspace(low, high, self.n_bins + 1, axis=-1)
        return self

    def transform(self, X) -> np.ndarray:
        """Count the peaks.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, height, width) or \
                (n_samples, n_features)
            The images, of the shape that was fitted.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_responses * n_bins)
            The number of peaks of each image in each bin, by response. It has the dtype
            of `X`. For a tensor, peaks are counted on the CPU, and the result is moved to
            the device of the tensor.
        """
        check_is_fitted(self)
        X = validate_signals(self, X, reset=False)
        samples, responses = self._responses(X)
        counts = [
            self._histograms(len(X), samples, values, edges)
            for values, edges in zip(responses.T, self.bin_edges_, strict=True)
        ]
        counts = np.concatenate(counts, axis=1)
        if isinstance(X, torch.Tensor):
            return torch.from_numpy(counts).to(X)
        return counts.astype(X.dtype)

    def get_feature_names_out(self, input_features=None):
        """Name the bins.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the features. They are only compared with those seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            The names, with response and bin: 'LH_bin_07', 'height_bin_00'.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        digits = max(2, len(str(self.n_bins - 1)))
        names = [
            f"{name}_bin_{i:0{digits}}"
            for name in RESPONSES[self.kernels]
            for i in range(self.n_bins)
        ]
        return np.asarray(names, dtype=object)

    def _template(self):
        default = self.transformer is None
        return WaveletTransformer(ndim=2) if default else self.transformer

    def _check_range(self):
        """Raise ValueError for what `_parameter_constraints` cannot express."""
        ends = (0, 1) if self.range is None else self.range
        numbers = all(isinstance(end, Real) and math.isfinite(end) for end in ends)
        if len(ends) != 2 or not numbers or not ends[0] < ends[1]:
            raise ValueError(
                "The 'range' parameter of PeakCounter must be two finite numbers in "
                f"increasing order, or None. Got {self.range!r} instead."
            )

    def _find_image_shape(self):
        """Return height and width."""
        shape = self.sample_shape_
        if len(shape) == 1 and self.signal_shape is None:
            return (1, *shape)
        n_channels, image_shape = split_shape(shape, 2, self.signal_shape)
        if n_channels not in (None, 1):
            raise ValueError(
                "PeakCounter counts in images of one channel: use one PeakCounter for "
                f"each channel. Got {n_channels} channels instead."
            )
        return image_shape

    def _find_range(self, responses, epsilon):
        """Return the lower and upper end of the bins of each response."""
        n_responses = responses.shape[1]
        if self.range is not None:
            return tuple(np.full(n_responses, float(end)) for end in self.range)
        if not len(responses):
            warn(
                f"No image, of shape {self.image_shape_}, has a peak, which is a pixel "
                "higher than its eight neighbours: no bins can be learned. If rows of X "
                "are flattened images, set signal_shape to (height, width).",
            )
            return np.zeros(n_responses), np.ones(n_responses)
        low, high = np.quantile(responses, (_TAIL, 1 - _TAIL), axis=0)
        # All responses may be the same but for rounding.
        differ = high - low > 16 * epsilon * np.maximum(np.abs(low), np.abs(high))
        half = np.where(differ, 0.0, 0.5)
        return low - half, high + half

    def _histograms(self, n_samples, samples, values, edges):
        """Count the values of each sample in bins; the first and last bin are open."""
        ends = edges[1:-1] - _TIE * (edges[-1] - edges[0])
        bins = np.searchsorted(ends, values, side="right")
        places = samples * self.n_bins + bins
        counts = np.bincount(places, minlength=n_samples * self.n_bins)
        return counts.reshape(n_samples, self.n_bins)

    def _responses(self, X):
        """Return the sample of each peak, and its responses as columns."""
        images = X.reshape(-1, *self.image_shape_)
        images = images.cpu().numpy() if isinstance(X, torch.Tensor) else images
        peaks = find_peaks(images)
        samples = np.nonzero(peaks)[0]
        if not len(samples):
            return samples, np.empty((0, len(RESPONSES[self.kernels])))
        patches = sliding_window_view(images, (3, 3), axis=(1, 2))[peaks].astype(float)
        if self.kernels_ is None:
            falling = patches[:, 1:, 1:] - patches[:, :-1, :-1]
            rising = patches[:, 1:, :-1] - patches[:, :-1, 1:]
            return samples, np.hypot(falling, rising).sum(axis=(1, 2))[:, None]
        # Not a product of matrices, whose rounding depends on the number of rows.
        return samples, np.einsum("pij,kij->pk", patches, self.kernels_)
