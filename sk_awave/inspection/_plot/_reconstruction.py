"""Display of the reconstruction of a sample from some of its bands."""

import numpy as np

from sk_awave.inspection._checks import check_drawable, split_channel
from sk_awave.inspection._plot._panels import draw_image, label, make_panels
from sk_awave.inspection._sampling import (
    check_sampling_frequency,
    in_time,
    time_label,
)
from sk_awave.utils._validation import as_batch


class ReconstructionDisplay:
    """A sample, and its reconstruction from some of its bands.

    For the reconstruction, all other coefficients are set to zero.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    signal : ndarray of shape (length,) or (height, width)
        One channel of the sample.

    reconstruction : ndarray of the shape of `signal`
        The reconstruction of `signal` from the bands.

    bands : sequence of str
        The names of the bands.

    sampling_frequency : float, default=None
        The number of samples per second. By default time is in samples.

    Attributes
    ----------
    axes_ : ndarray of shape (1, 1) or (1, 2) of matplotlib Axes
        The panel of a signal, or the panels of an image and its reconstruction.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> import pywt
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.inspection import ReconstructionDisplay
    >>> X = pywt.data.ecg().reshape(-1, 128) / 100.0
    >>> transformer = WaveletTransformer("db2", level=2).fit(X)
    >>> bands = ["cA2", "cD2", "cD1"]
    >>> display = ReconstructionDisplay.from_estimator(transformer, X[0], bands=bands)
    >>> np.allclose(display.reconstruction, X[0])
    True
    >>> plt.close(display.figure_)
    """

    def __init__(self, signal, reconstruction, bands, *, sampling_frequency=None):
        self.signal = signal
        self.reconstruction = reconstruction
        self.bands = bands
        self.sampling_frequency = sampling_frequency

    @classmethod
    def from_estimator(
        cls, estimator, x, *, bands=None, channel=0, sampling_frequency=None, ax=None
    ):
        """Draw a sample and its reconstruction from some bands.

        Parameters
        ----------
        estimator : fitted transformer
            A fitted transformer of signals or images.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        bands : sequence of str, default=None
            The names of the bands, as in ``("cA4", "cD4")``. By default, the bands of the
            coarsest level.

        channel : int, default=0
            The channel that is drawn.

        sampling_frequency : float, default=None
            The number of samples per second of a signal: time is then in seconds. By
            default it is in samples.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        ValueError
            If `x` is not one sample, if there is no such channel or band, or if the
            transformer is one of volumes.
        NotFittedError
            If the transformer is not fitted.
        """
        check_drawable(estimator, cls.__name__)
        batch = as_batch(estimator.sample_shape_, x)
        layout = estimator.layout_
        ndim = len(layout.signal_shape)
        check_sampling_frequency(sampling_frequency, cls.__name__, ndim)
        bands = _check_bands(bands, layout)
        kept = np.concatenate(
            [np.full(band.stop - band.start, band.name in bands) for band in layout.bands]
        )
        coeffs = np.asarray(estimator.transform(batch)) * np.tile(
            kept, layout.n_channels or 1
        )
        signal, reconstruction = (
            split_channel(values, layout, layout.signal_shape, channel)
            for values in (batch, estimator.inverse_transform(coeffs))
        )
        params = {"sampling_frequency": sampling_frequency}
        return cls(signal, reconstruction, bands, **params).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the sample and its reconstruction.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw in; with an image, two panels replace it. By default, a new
            figure is made.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself.
        """
        names = " + ".join(self.bands)
        if len(self.bands) > 3:
            names = f"{len(self.bands)} bands"
        if self.signal.ndim == 2:
            left, right = make_panels(ax, self, 1, 2)[0]
            limits = np.min(self.signal), np.max(self.signal)
            draw_image(left, self.signal, "image", limits)
            draw_image(right, self.reconstruction, names, limits)
            return self
        panel = make_panels(ax, self)[0, 0]
        t = in_time(np.arange(len(self.signal)), self.sampling_frequency)
        panel.plot(t, self.signal, color="0.65", label="signal")
        panel.plot(t, self.reconstruction, color="C0", label=names)
        panel.legend(fontsize="x-small", frameon=False, handlelength=1)
        label(panel, time_label(self.sampling_frequency), "amplitude")
        return self


def _check_bands(bands, layout):
    """Return the names of bands, or raise ValueError if one is unknown."""
    if bands is None:
        coarsest = max(band.level for band in layout.bands)
        return [band.name for band in layout.bands if band.level == coarsest]
    bands = [bands] if isinstance(bands, str) else list(bands)
    valid = [band.name for band in layout.bands]
    if not bands or not set(bands) <= set(valid):
        raise ValueError(
            f"The 'bands' parameter must be names among {valid}. Got {bands} instead."
        )
    return bands
