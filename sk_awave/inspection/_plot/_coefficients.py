"""Displays of coefficients, or of attributions to them, band by band."""

import numpy as np

from sk_awave.inspection._checks import (
    check_drawable,
    check_target,
    check_transformer,
    split_channel,
)
from sk_awave.inspection._maps import coefficient_map, map_labels
from sk_awave.inspection._plot._bands import (
    add_colour_bar,
    draw_mosaic,
    draw_series,
    signed_colours,
)
from sk_awave.inspection._plot._panels import draw_image, label, make_panels
from sk_awave.inspection._sampling import check_sampling_frequency
from sk_awave.utils._validation import as_batch


class _BandDisplay:
    """The drawing of one value for each coefficient, whatever the value means."""

    #: What the values are: the label of the colour bar.
    _quantity = ""

    def __init__(
        self, signal, bands, *, times=None, labels=None, sampling_frequency=None
    ):
        self.signal = signal
        self.bands = bands
        self.times = times
        self.labels = labels
        self.sampling_frequency = sampling_frequency

    @classmethod
    def _from_values(
        cls, estimator, batch, values, channel, sampling_frequency, plot_params
    ):
        """Draw one value for each coefficient of one sample."""
        layout = estimator.layout_
        ndim = len(layout.signal_shape)
        check_sampling_frequency(sampling_frequency, cls.__name__, ndim)
        signal = split_channel(batch, layout, layout.signal_shape, channel)
        values = split_channel(values, layout, (-1,), channel)
        bands, times = coefficient_map(layout, estimator.filter_bank_, values)
        labels = map_labels(bands, layout, sampling_frequency)
        params = {"labels": labels, "sampling_frequency": sampling_frequency}
        return cls(signal, bands, times=times, **params).plot(**plot_params)

    def plot(self, ax=None, *, per_band=False):
        """Draw the signal and its bands, blue for negative and red for positive values.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        per_band : bool, default=False
            If True, the values of each band are divided by its largest magnitude, so that
            weak bands are visible.

        Returns
        -------
        display : object
            The display itself.
        """
        bands = {name: np.asarray(band) for name, band in self.bands.items()}
        if per_band:
            peaks = {name: np.abs(band).max() or 1.0 for name, band in bands.items()}
            bands = {name: band / peaks[name] for name, band in bands.items()}
        colours = signed_colours([1.0] if per_band else bands.values())
        is_series = self.signal.ndim == 1
        if is_series:
            above, rows = make_panels(ax, self, 2, 1, height_ratios=(1, 2))[:, 0]
            scale = colours, self.labels, self.sampling_frequency
            mappable = draw_series(above, rows, self.signal, bands, self.times, *scale)
            label(above, y="signal")
        else:
            left, right = make_panels(ax, self, 1, 2)[0]
            draw_image(left, self.signal, "image")
            mappable = draw_mosaic(right, bands, colours)
        unit = " / largest of its band" if per_band else ""
        text = self._quantity + unit
        add_colour_bar(self, mappable, self.axes_.flat, text, below=not is_series)
        return self


class CoefficientDisplay(_BandDisplay):
    """The wavelet coefficients of a sample.

    For a signal this is a scalogram: there is one row for each band, the lowest
    frequencies at the bottom, and each coefficient is at the centre of its filter in
    time. In all modes but "periodization", some coefficients are beyond the ends of the
    signal. Dotted lines mark these ends. For an image, the bands are side by side, in
    the order of ``pywt.coeffs_to_array``; packets are ordered by frequency, too.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    signal : ndarray of shape (length,) or (height, width)
        One channel of the sample.

    bands : dict of str to ndarray
        The coefficients of each band. The bands of a signal are in the order from low to
        high frequencies.

    times : dict of str to ndarray, default=None
        The times of the coefficients of each band, in samples. None for an image.

    labels : dict of str to str, default=None
        The labels of the bands of a signal. By default these are their names.

    sampling_frequency : float, default=None
        The number of samples per second. By default time is in samples.

    Attributes
    ----------
    axes_ : ndarray of shape (2, 1) or (1, 2) of matplotlib Axes
        The panels: the sample and its bands.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    AttributionDisplay : Draws attributions in the same way.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pywt
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.inspection import CoefficientDisplay
    >>> X = pywt.data.ecg().reshape(-1, 128) / 100.0
    >>> transformer = WaveletTransformer("db2", level=3).fit(X)
    >>> display = CoefficientDisplay.from_estimator(transformer, X[0])
    >>> [tick.get_text() for tick in display.axes_[1, 0].get_yticklabels()]
    ['cA3', 'cD3', 'cD2', 'cD1']
    >>> plt.close(display.figure_)
    """

    _quantity = "coefficient"

    @classmethod
    def from_estimator(
        cls, estimator, x, *, channel=0, sampling_frequency=None, per_band=False, ax=None
    ):
        """Draw the coefficients of a sample.

        Parameters
        ----------
        estimator : fitted transformer
            A fitted transformer of signals or images.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        channel : int, default=0
            The channel that is drawn.

        sampling_frequency : float, default=None
            The number of samples per second of a signal: time is then in seconds, and
            the labels of bands show frequencies in Hz. By default time is in samples.

        per_band : bool, default=False
            See `plot`.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : CoefficientDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        ValueError
            If `x` is not one sample, if there is no such channel, or if the transformer
            is one of volumes.
        NotFittedError
            If the transformer is not fitted.
        """
        check_drawable(estimator, cls.__name__)
        batch = as_batch(estimator.sample_shape_, x)
        values = estimator.transform(batch)
        params = {"ax": ax, "per_band": per_band}
        scale = channel, sampling_frequency
        return cls._from_values(estimator, batch, values, *scale, params)


class AttributionDisplay(_BandDisplay):
    """The attributions of a teacher's output to the wavelet coefficients of a sample.

    The scores are those of ``AdaptiveWaveletTransformer.attributions`` [1]_. They are
    drawn as `CoefficientDisplay` draws coefficients.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    signal : ndarray of shape (length,) or (height, width)
        One channel of the sample.

    bands : dict of str to ndarray
        The scores of each band. The bands of a signal are in the order from low to high
        frequencies.

    times : dict of str to ndarray, default=None
        The times of the coefficients of each band, in samples. None for an image.

    labels : dict of str to str, default=None
        The labels of the bands of a signal. By default these are their names.

    sampling_frequency : float, default=None
        The number of samples per second. By default time is in samples.

    Attributes
    ----------
    axes_ : ndarray of shape (2, 1) or (1, 2) of matplotlib Axes
        The panels: the sample and its bands.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    CoefficientDisplay : Draws coefficients in the same way.

    References
    ----------
    .. [1] C. Singh, W. Ha, F. Lanusse, V. Boehm, J. Liu, B. Yu. "Transformation
       importance with applications to cosmology." arXiv:2003.01926, 2020.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_awave import AdaptiveWaveletTransformer, Teacher
    >>> from sk_awave.datasets import make_wavelet_regression
    >>> from sk_awave.inspection import AttributionDisplay
    >>> X, y = make_wavelet_regression(200, random_state=0, return_X_y=True)
    >>> teacher = Teacher(LinearRegression().fit(X, y))
    >>> transformer = AdaptiveWaveletTransformer("db3", level=3, teacher=teacher).fit(X)
    >>> display = AttributionDisplay.from_estimator(transformer, X[0])
    >>> list(display.bands)
    ['cA3', 'cD3', 'cD2', 'cD1']
    >>> plt.close(display.figure_)
    """

    _quantity = "attribution"

    @classmethod
    def from_estimator(
        cls,
        estimator,
        x,
        y=None,
        *,
        target=0,
        channel=0,
        sampling_frequency=None,
        per_band=False,
        ax=None,
    ):
        """Draw the attributions of a sample.

        Parameters
        ----------
        estimator : fitted AdaptiveWaveletTransformer
            A fitted transformer of signals or images, with a teacher.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        y : object, default=None
            The label of the sample. It is only needed with ``target="label"``.

        target : int, default=0
            The position of the target that is drawn, if the transformer has several.

        channel : int, default=0
            The channel that is drawn.

        sampling_frequency : float, default=None
            The number of samples per second of a signal: time is then in seconds, and
            the labels of bands show frequencies in Hz. By default time is in samples.

        per_band : bool, default=False
            See `plot`.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : AttributionDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        ValueError
            If `x` is not one sample, if there is no teacher, no such target or no such
            channel, or if the transformer is one of volumes.
        NotFittedError
            If the transformer is not fitted.
        """
        check_drawable(estimator, cls.__name__)
        check_transformer(estimator, "attributions", cls.__name__)
        batch = as_batch(estimator.sample_shape_, x)
        scores = estimator.attributions(batch, None if y is None else np.array([y]))
        scores = np.asarray(scores).reshape(-1, estimator.layout_.n_coeffs)
        target = check_target(target, len(scores))
        params = {"ax": ax, "per_band": per_band}
        scale = channel, sampling_frequency
        return cls._from_values(estimator, batch, scores[target], *scale, params)
