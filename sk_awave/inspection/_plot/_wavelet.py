"""Displays of a wavelet: its functions, its filters and their frequencies."""

import numpy as np

from sk_awave.inspection._checks import check_transformer, single_wavelet
from sk_awave.inspection._functions import frequency_response, wavelet_functions
from sk_awave.inspection._plot._panels import label, make_panels
from sk_awave.inspection._sampling import in_time, time_label


class WaveletDisplay:
    """The scaling function and the wavelet, with those that learning started from.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    functions : dict of str to WaveletFunctions
        The result of `wavelet_functions` for each wavelet. The keys are titles: '' for a
        single wavelet; 'level 1', 'level 1, axis 0' and so on for several; 'synthesis'
        and 'analysis' for a biorthogonal pair.

    start : dict of str to WaveletFunctions, default=None
        The functions of the wavelet that learning started from, with the same titles.

    start_name : str, default=None
        The name of the wavelet that learning started from.

    sampling_frequency : float, default=None
        The number of samples per second, if time is in seconds.

    Attributes
    ----------
    axes_ : ndarray of shape (n_wavelets, 2) of matplotlib Axes
        The panels, one row per wavelet: scaling function and wavelet.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    wavelet_functions : Computes the functions.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.inspection import WaveletDisplay
    >>> X = pywt.data.ecg()[:1000].reshape(-1, 40) / 100.0
    >>> transformer = AdaptiveWaveletTransformer("db3", level=3).fit(X)
    >>> display = WaveletDisplay.from_estimator(transformer)
    >>> [line.get_label() for line in display.ax_.get_lines()]
    ['db3', 'learned']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, functions, *, start=None, start_name=None, sampling_frequency=None
    ):
        self.functions = functions
        self.start = start
        self.start_name = start_name
        self.sampling_frequency = sampling_frequency

    @classmethod
    def from_estimator(cls, estimator, *, sampling_frequency=None, ax=None):
        """Draw the wavelet of a transformer, or any wavelet.

        Parameters
        ----------
        estimator : fitted transformer, pywt.Wavelet or str
            The wavelet, or a transformer with one. With ``per_level`` or ``per_axis``,
            all wavelets are drawn. If wavelets are biorthogonal, both sides are drawn. If
            the transformer learns, the wavelet that the best run started from is drawn,
            too.

        sampling_frequency : float, default=None
            The number of samples per second: time is then in seconds. By default it is in
            samples.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : WaveletDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        """
        sides = _titled_sides(estimator)
        scale = {"sampling_frequency": sampling_frequency}
        functions = {
            title: wavelet_functions(wavelet, side=side, **scale)
            for title, (wavelet, side) in sides.items()
        }
        if not hasattr(estimator, "loss_curve_"):
            return cls(functions, **scale).plot(ax=ax)
        start = estimator._start_wavelet
        start_functions = {
            title: wavelet_functions(start, side=side, **scale)
            for title, (_, side) in sides.items()
        }
        display = cls(functions, start=start_functions, start_name=start.name, **scale)
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the functions; those of the start get the sign of the learned ones.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        Returns
        -------
        display : WaveletDisplay
            The display itself.
        """
        axes = make_panels(ax, self, len(self.functions), 2)
        for row, title in zip(axes, self.functions, strict=True):
            for panel, name in zip(row, ("phi", "psi"), strict=True):
                self._draw(panel, title, name)
            label(row[0], y=title or "amplitude")
        label(axes[0, 0], y=axes[0, 0].get_ylabel(), title=r"scaling function $\varphi$")
        label(axes[0, 1], title=r"wavelet $\psi$")
        for panel in axes[-1]:
            panel.set_xlabel(time_label(self.sampling_frequency), fontsize="small")
        for panel in axes[:-1].flat:
            panel.tick_params(labelbottom=False)
        if self.start is not None:
            axes[0, 0].legend(fontsize="x-small", frameon=False, handlelength=1)
        return self

    def _draw(self, panel, title, name):
        functions = self.functions[title]
        learned = getattr(functions, name)
        if self.start is not None:
            start = self.start[title]
            ghost = getattr(start, name)
            n = min(len(ghost), len(learned))
            sign = -1 if ghost[:n] @ learned[:n] < 0 else 1
            panel.plot(start.x, sign * ghost, color="0.65", label=self.start_name)
        panel.plot(functions.x, learned, color="C0", label="learned")


class FilterBankDisplay:
    """The taps of the analysis filters, and their gains.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    dec_lo, dec_hi : array-like of shape (n_taps,)
        The low-pass and the high-pass filter.

    response : FrequencyResponse
        The result of `frequency_response` for the two filters.

    sampling_frequency : float, default=None
        The number of samples per second, if frequencies are in Hz.

    Attributes
    ----------
    axes_ : ndarray of shape (1, 2) of matplotlib Axes
        The panels: taps and gains.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    frequency_response : Computes the gains.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sk_awave.inspection import FilterBankDisplay
    >>> display = FilterBankDisplay.from_estimator("db2")
    >>> [line.get_label() for line in display.axes_[0, 1].get_lines()]
    ['low-pass', 'high-pass']
    >>> plt.close(display.figure_)
    """

    def __init__(self, dec_lo, dec_hi, response, *, sampling_frequency=None):
        self.dec_lo = dec_lo
        self.dec_hi = dec_hi
        self.response = response
        self.sampling_frequency = sampling_frequency

    @classmethod
    def from_estimator(cls, estimator, *, sampling_frequency=None, ax=None):
        """Draw the filters of a transformer, or of any wavelet.

        Parameters
        ----------
        estimator : fitted transformer, pywt.Wavelet or str
            The wavelet, or a transformer with a single wavelet. For a transformer with
            several wavelets, pass one of its ``wavelet_``.

        sampling_frequency : float, default=None
            The number of samples per second: time is then in seconds, and frequencies are
            in Hz. By default they are in samples and in cycles per sample.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : FilterBankDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        ValueError
            If the transformer has several wavelets.
        NotFittedError
            If the transformer is not fitted.
        """
        wavelet = single_wavelet(estimator, cls.__name__)
        filters = np.array(wavelet.dec_lo), np.array(wavelet.dec_hi)
        scale = {"sampling_frequency": sampling_frequency}
        return cls(*filters, frequency_response(wavelet, **scale), **scale).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the taps and the gains.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        Returns
        -------
        display : FilterBankDisplay
            The display itself.
        """
        taps, gains = make_panels(ax, self, 1, 2)[0]
        filters = (self.dec_lo, "C0", "o"), (self.dec_hi, "C1", "s")
        for values, colour, marker in filters:
            t = in_time(np.arange(len(values)), self.sampling_frequency)
            stems = taps.stem(t, values, linefmt=colour, markerfmt=marker, basefmt="k-")
            stems.markerline.set(color=colour, markersize=3)
            stems.baseline.set(color="0.5", linewidth=0.8)
        frequencies, low, high = self.response
        gains.plot(frequencies, np.abs(low), "C0-", label="low-pass")
        gains.plot(frequencies, np.abs(high), "C1--", label="high-pass")
        gains.legend(
            fontsize="x-small", frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1)
        )
        fs = self.sampling_frequency
        label(taps, "tap (samples)" if fs is None else time_label(fs), "value")
        unit = "frequency\n(cycles/sample)" if fs is None else "frequency (Hz)"
        label(gains, unit, "gain")
        return self


def _titled_wavelets(source):
    """Return each wavelet of a transformer, or the one given, by its title."""
    if hasattr(source, "fit"):
        check_transformer(source, "wavelet_", "WaveletDisplay")
        source = source.wavelet_
    levels = source if isinstance(source, list) else [source]
    titled = {}
    for i, wavelets in enumerate(levels, 1):
        title = [f"level {i}"] if isinstance(source, list) else []
        if isinstance(wavelets, tuple):
            for axis, wavelet in enumerate(wavelets):
                titled[", ".join([*title, f"axis {axis}"])] = wavelet
        else:
            titled["".join(title)] = wavelets
    return titled


def _titled_sides(source):
    """Return each wavelet with its sides (two if it is biorthogonal), by the title."""
    titled = {}
    for title, wavelet in _titled_wavelets(source).items():
        wavelet = single_wavelet(wavelet, "WaveletDisplay")
        if wavelet.orthogonal:
            titled[title] = wavelet, "synthesis"
        else:
            for side in ("synthesis", "analysis"):
                titled[", ".join(filter(None, [title, side]))] = wavelet, side
    return titled
