"""Displays of coefficients, or of what is attributed to them, band by band."""

import numpy as np

from sk_awave.inspection._checks import (
    check_drawable,
    check_transformer,
    split_channel,
)
from sk_awave.inspection._plot._mosaic import make_mosaic
from sk_awave.inspection._plot._panels import SIGNED, draw_image, label, make_panels
from sk_awave.inspection._plot._tiles import frame_bands, tile_edges
from sk_awave.inspection._times import coefficient_times
from sk_awave.utils._validation import as_batch


class _BandDisplay:
    """What is drawn of a value for each coefficient, whatever the value means."""

    #: What the values are: the label of the colour bar.
    _quantity = ""

    def __init__(self, signal, bands, *, times=None):
        self.signal = signal
        self.bands = bands
        self.times = times

    @classmethod
    def _from_values(cls, estimator, batch, values, channel, plot_params):
        """Draw a value for each coefficient of one sample."""
        layout = estimator.layout_
        signal = split_channel(batch, estimator, layout.signal_shape, channel)
        values = split_channel(values, estimator, (-1,), channel)
        order, times = list(layout.bands), None
        if signal.ndim == 1:
            order.sort(key=lambda band: band.frequencies)
            times = coefficient_times(layout, estimator.filter_bank_)
        bands = {
            band.name: values[band.start : band.stop].reshape(band.shape)
            for band in order
        }
        return cls(signal, bands, times=times).plot(**plot_params)

    def plot(self, ax=None, *, per_band=False):
        """Draw the signal and its bands, blue for negative and red for positive values.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The place to draw at, which is split into panels. By default a new figure.

        per_band : bool, default=False
            Whether the values of each band are divided by its largest magnitude, so that
            weak bands can be seen.

        Returns
        -------
        display : object
            Itself.
        """
        bands = {name: np.asarray(band) for name, band in self.bands.items()}
        peaks = {name: np.abs(band).max() or 1.0 for name, band in bands.items()}
        if per_band:
            bands = {name: band / peaks[name] for name, band in bands.items()}
        limit = 1.0 if per_band else max(peaks.values())
        colours = {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
        draw = self._draw_signal if self.signal.ndim == 1 else self._draw_image
        mappable, location = draw(ax, bands, colours)
        panels = list(self.axes_.flat)
        bar = self.figure_.colorbar(mappable, ax=panels, location=location)
        bar.ax.tick_params(labelsize="small")
        unit = " / largest of its band" if per_band else ""
        bar.set_label(self._quantity + unit, fontsize="small")
        return self

    def _draw_signal(self, ax, bands, colours):
        """Draw a row for each band, with its coefficients at their times."""
        axes = make_panels(ax, self, 2, 1, height_ratios=(1, 2))
        above, rows = axes[:, 0]
        above.plot(self.signal, color="C0", linewidth=1)
        above.sharex(rows)
        above.tick_params(labelbottom=False)
        for row, (name, band) in enumerate(bands.items()):
            order, edges = tile_edges(self.times[name], len(self.signal))
            y = row - 0.5, row + 0.5
            mesh = rows.pcolormesh(edges, y, band[order][np.newaxis], **colours)
        rows.set_yticks(range(len(bands)), list(bands))
        for panel in (above, rows):
            for end in (-0.5, len(self.signal) - 0.5):
                panel.axvline(end, color="0.5", linestyle=":", linewidth=0.8)
        label(above, y="signal")
        label(rows, "time (samples)", "band")
        return mesh, "right"

    def _draw_image(self, ax, bands, colours):
        """Draw the bands side by side, each in its cell."""
        left, right = make_panels(ax, self, 1, 2)[0]
        draw_image(left, self.signal, "image")
        mosaic, corners = make_mosaic(bands)
        mappable = right.imshow(mosaic, **colours)
        right.set_xticks([])
        right.set_yticks([])
        label(right, title="bands")
        shapes = {name: band.shape for name, band in bands.items()}
        frame_bands(right, shapes, corners, len(mosaic))
        return mappable, "bottom"


class CoefficientDisplay(_BandDisplay):
    """The wavelet coefficients of a sample.

    Of a signal, a scalogram: a row for each band, each coefficient at the time it stands
    for, which is the centre of what its filter sees, the lowest frequencies at the
    bottom. All but ``mode="periodization"`` have coefficients also beyond the ends of the
    signal, which are dotted. Of an image, the bands side by side, as
    ``pywt.coeffs_to_array`` places them, and packets by frequency, too.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    signal : ndarray of shape (length,) or (height, width)
        One channel of the sample.

    bands : dict of str to ndarray
        The coefficients of each band, of a signal from low to high frequencies.

    times : dict of str to ndarray, default=None
        The times of the coefficients of each band, in samples; None for an image.

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
    AttributionDisplay : The same of attributions.

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
    def from_estimator(cls, estimator, x, *, channel=0, per_band=False, ax=None):
        """Draw the coefficients of a sample.

        Parameters
        ----------
        estimator : fitted transformer
            Of signals or images.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        channel : int, default=0
            The channel that is drawn.

        per_band : bool, default=False
            See `plot`.

        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        display : CoefficientDisplay
            With the drawing in ``figure_``.

        Raises
        ------
        ValueError
            If `x` is not one sample, there is no such channel, or the transformer is one
            of volumes.
        NotFittedError
            If the transformer is not fitted.
        """
        check_drawable(estimator, cls.__name__)
        batch = as_batch(estimator, x)
        values = estimator.transform(batch)
        params = {"ax": ax, "per_band": per_band}
        return cls._from_values(estimator, batch, values, channel, params)


class AttributionDisplay(_BandDisplay):
    """What a teacher's outputs owe to each wavelet coefficient of a sample.

    The scores of ``AdaptiveWaveletTransformer.attributions``, drawn as
    `CoefficientDisplay` draws coefficients.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    signal : ndarray of shape (length,) or (height, width)
        One channel of the sample.

    bands : dict of str to ndarray
        The scores of each band, of a signal from low to high frequencies.

    times : dict of str to ndarray, default=None
        The times of the coefficients of each band, in samples; None for an image.

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
    CoefficientDisplay : The same of coefficients.

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
        cls, estimator, x, y=None, *, target=0, channel=0, per_band=False, ax=None
    ):
        """Draw the attributions of a sample.

        Parameters
        ----------
        estimator : fitted AdaptiveWaveletTransformer
            Of signals or images, with a teacher.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        y : object, default=None
            The label of the sample, only needed with ``target="label"``.

        target : int, default=0
            Which of several targets of the transformer is drawn, by its position.

        channel : int, default=0
            The channel that is drawn.

        per_band : bool, default=False
            See `plot`.

        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        display : AttributionDisplay
            With the drawing in ``figure_``.

        Raises
        ------
        ValueError
            If `x` is not one sample, there is no teacher or no such target or channel, or
            the transformer is one of volumes.
        NotFittedError
            If the transformer is not fitted.
        """
        check_drawable(estimator, cls.__name__)
        check_transformer(estimator, "attributions", cls.__name__)
        batch = as_batch(estimator, x)
        scores = estimator.attributions(batch, None if y is None else np.array([y]))
        scores = np.asarray(scores).reshape(-1, estimator.layout_.n_coeffs)
        if target not in range(len(scores)):
            raise ValueError(
                f"The 'target' parameter must be an integer from 0 to {len(scores) - 1}. "
                f"Got {target!r} instead."
            )
        params = {"ax": ax, "per_band": per_band}
        return cls._from_values(estimator, batch, scores[target], channel, params)
