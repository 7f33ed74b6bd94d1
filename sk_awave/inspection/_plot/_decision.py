"""Display of the contributions to one decision of a linear model."""

import numpy as np

from sk_awave.inspection._checks import (
    check_head,
    check_target,
    split_channel,
)
from sk_awave.inspection._maps import coefficient_map, map_labels, pooled_map
from sk_awave.inspection._plot._bands import (
    add_colour_bar,
    draw_bars,
    draw_mosaic,
    draw_series,
    signed_colours,
)
from sk_awave.inspection._plot._panels import draw_image, label, make_lines
from sk_awave.utils._validation import as_batch


class DecisionDisplay:
    r"""One decision of a linear model, as a map of contributions by time and scale.

    A linear model of features :math:`c_k` decides by a sum. This display draws its terms:

    .. math:: f(x) = \text{baseline} + \sum_k (w_k c_k + o_k)

    The features :math:`c_k` are coefficients or pooled features. The weights :math:`w_k`
    include the effect of scaling and selection between the features and the model. The
    offsets :math:`o_k` come from scalers: after a `StandardScaler`, the contribution of a
    feature is :math:`w_k (c_k - \bar c_k)`, with its mean :math:`\bar c_k` over the
    training samples. The baseline is the intercept plus the offsets of steps that mix
    features, such as PCA.

    The map of coefficients is like the one of `CoefficientDisplay`. Pooled features of a
    signal are summed by band, and by segment if bands are cut into segments. The largest
    contributions are listed, too. For images, pooled features are only listed.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    signal : ndarray of shape (length,) or (height, width)
        One channel of the sample, as it enters the transformer.

    contributions : ndarray of shape (n_features,)
        The contribution of each feature of all channels to the decision, in the order of
        the features.

    baseline : float
        The decision without the contributions.

    decision : float
        The output of the model: the decision function of a classifier, or the prediction
        of a regressor.

    target : str, default=""
        The name of the output, such as 'class a'.

    bands : dict of str to ndarray, default=None
        The contributions of the channel, by band. None for pooled features of images.

    times : dict of str to ndarray, default=None
        The times of these contributions, in samples. None for an image.

    features : dict of str to float, default=None
        The contributions of the pooled features of all channels, by their names.

    labels : dict of str to str, default=None
        The labels of the bands of a signal. By default these are their names.

    channel : int, default=None
        The channel, if there are several.

    sampling_frequency : float, default=None
        The number of samples per second. By default time is in samples.

    Attributes
    ----------
    axes_ : ndarray of shape (n_panels, 1) or (1, n_panels) of matplotlib Axes
        The panels: the sample, its bands, and a list of pooled features. For images they
        are side by side.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    WeightDisplay : Draws the weights of the model.
    AttributionDisplay : Draws attributions of other models; they need not add up.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.datasets import make_wavelet_regression
    >>> from sk_awave.inspection import DecisionDisplay
    >>> X, y = make_wavelet_regression(200, random_state=0, return_X_y=True)
    >>> pipeline = make_pipeline(WaveletTransformer("db3"), StandardScaler(), Ridge())
    >>> display = DecisionDisplay.from_estimator(pipeline.fit(X, y), X[0])
    >>> parts = sum(band.sum() for band in display.bands.values())
    >>> bool(np.isclose(display.baseline + parts, pipeline.predict(X[:1])[0]))
    True
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        signal,
        contributions,
        baseline,
        decision,
        *,
        target="",
        bands=None,
        times=None,
        features=None,
        labels=None,
        channel=None,
        sampling_frequency=None,
    ):
        self.signal = signal
        self.contributions = contributions
        self.baseline = baseline
        self.decision = decision
        self.target = target
        self.bands = bands
        self.times = times
        self.features = features
        self.labels = labels
        self.channel = channel
        self.sampling_frequency = sampling_frequency

    @classmethod
    def from_estimator(
        cls,
        estimator,
        x,
        *,
        target=None,
        channel=0,
        channel_names=None,
        sampling_frequency=None,
        ax=None,
    ):
        """Draw the contributions to a decision.

        Parameters
        ----------
        estimator : fitted Pipeline, AWDClassifier or AWDRegressor
            A pipeline of three parts: a wavelet transformer, `SubbandPooling` or
            `AdaptiveSubbandPooling` (or a FeatureUnion of coefficients and pooled
            features); affine steps such as StandardScaler and SelectKBest; and a linear
            model. Other transformers may come before. Of a fitted search, the best
            estimator is used.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        target : int, default=None
            The position of the output, if there are several. By default, the output of
            the predicted class.

        channel : int, default=0
            The channel that is drawn. The list has the pooled features of all channels.

        channel_names : list of str, default=None
            The names of the channels in the labels of pooled features.

        sampling_frequency : float, default=None
            The number of samples per second of a signal: time is then in seconds, and
            the labels of bands show frequencies in Hz. By default time is in samples.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : DecisionDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        TypeError
            If there is no transformer of sk_awave, or if a step after it is not linear.
        ValueError
            If `x` is not one sample, if there is no such target or channel, or if samples
            are volumes.
        NotFittedError
            If a part of the pipeline is not fitted.
        """
        head = check_head(estimator, cls.__name__, channel_names, sampling_frequency)
        layout = head.layout
        batch = as_batch(head.sample_shape, x)
        decisions = np.asarray(head.evaluate(batch))[0].reshape(-1)
        target = _choose_target(target, decisions, head)
        sample = head.prepare(batch)
        weights, offsets = head.weights[target], head.offsets[target]
        contributions = weights * head.features(sample) + offsets
        bands, times = _make_map(head, contributions, channel)
        return cls(
            split_channel(sample, layout, layout.signal_shape, channel),
            contributions,
            float(head.baselines[target]),
            float(decisions[target]),
            target=head.names[target],
            bands=bands,
            times=times,
            features=_name_features(head, contributions, channel_names),
            labels=map_labels(bands or (), layout, sampling_frequency),
            channel=channel if (layout.n_channels or 1) > 1 else None,
            sampling_frequency=sampling_frequency,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the sample and the contributions: blue is negative, red is positive.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        Returns
        -------
        display : DecisionDisplay
            The display itself.
        """
        is_series = self.signal.ndim == 1
        ratios = [1] + [2] * ((self.bands is not None) + (self.features is not None))
        (panels,) = make_lines(ax, self, ratios, 1, upright=is_series)
        if self.bands is not None:
            self._draw_map(panels[0], panels[1], is_series)
        else:
            draw_image(panels[0], self.signal, "image")
        if self.features is not None:
            draw_bars(panels[-1], self.features, "contribution of a feature")
        # Titles of images are cut off where these do not fill their place.
        write = panels[0].set_title if is_series else panels[0].set_xlabel
        write(self._summary(), fontsize="small")
        return self

    def _draw_map(self, sample, rows, is_series):
        """Draw the sample and its bands."""
        bands = {name: np.asarray(band) for name, band in self.bands.items()}
        colours = signed_colours(bands.values())
        if is_series:
            scale = colours, self.labels, self.sampling_frequency
            mappable = draw_series(sample, rows, self.signal, bands, self.times, *scale)
            label(sample, y="signal")
        else:
            draw_image(sample, self.signal, "")
            mappable = draw_mosaic(rows, bands, colours)
        of_channel = "" if self.channel is None else f" of channel {self.channel}"
        text = f"contribution{of_channel}"
        add_colour_bar(self, mappable, [sample, rows], text, below=not is_series)

    def _summary(self):
        """Return the sum in words."""
        total = np.sum(self.contributions)
        between = ", " if self.signal.ndim == 1 else "\n"
        return (
            f"{self.target or 'prediction'}: {self.decision:.3g}\n"
            f"baseline {self.baseline:.2g}{between}contributions {total:.3g}"
        )


def _choose_target(target, decisions, head):
    """Return the position of the output to draw."""
    if target is not None:
        return check_target(target, len(decisions))
    if len(decisions) > 1 and not head.classifies:
        raise ValueError(
            f"The model has {len(decisions)} outputs, and none of them is predicted "
            "before the others. Set target to the position of one."
        )
    return int(np.argmax(decisions))


def _make_map(head, contributions, channel):
    """Return the bands and the times of a map of one channel, or None for both."""
    layout, part = head.layout, head.coefficients
    if part is not None:
        values = split_channel(contributions[part.place], layout, (-1,), channel)
        return coefficient_map(layout, part.transformer.filter_bank_, values)
    if len(layout.signal_shape) == 1:
        return pooled_map(head.pooled, contributions[head.pooled.place], channel)
    return None, None


def _name_features(head, contributions, channel_names):
    """Return the contributions of pooled features by name, or None if there are none."""
    if head.pooled is None:
        return None
    names = head.pooled.feature_names(channel_names)
    return dict(zip(names, contributions[head.pooled.place].tolist(), strict=True))
