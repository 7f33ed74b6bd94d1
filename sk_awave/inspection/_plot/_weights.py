"""Display of the weights of a linear model."""

import numpy as np
import torch

from sk_awave.engine._transform import analysis_map
from sk_awave.inspection._checks import check_head, check_target, split_channel
from sk_awave.inspection._maps import coefficient_map, feature_labels, map_labels
from sk_awave.inspection._plot._bands import (
    add_colour_bar,
    draw_bars,
    draw_mosaic,
    draw_series,
    signed_colours,
)
from sk_awave.inspection._plot._panels import label, make_lines


class WeightDisplay:
    r"""The weights of a linear model, by time and scale and in the signal.

    The weights are those of coefficients or of pooled features. They include the effect
    of scaling and selection between the features and the model. Pooled features have
    different units. So their weights are multiplied by the standard deviations of the
    features in training: these effects can be compared. For coefficients
    :math:`c = A x` with weights :math:`w`, the first panel shows :math:`A^\top w`. These
    are the weights of the values of the signal, as

    .. math:: f(x) = w^\top c + w_0 = (A^\top w)^\top x + w_0.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    weights : dict of str to dict of str to ndarray
        The weights of each band, for each output. The bands of a signal are in the order
        from low to high frequencies. The name of the only output of a regressor is ''.

    signal_weights : dict of str to ndarray of shape (length,) or (height, width)
        The weights of the values of the signal, for each output.

    times : dict of str to ndarray, default=None
        The times of the weights of each band, in samples. None for an image.

    features : dict of str to dict of str to float, default=None
        The effects of pooled features by their names, for each output: the change of
        the output if a feature increases by its standard deviation.

    labels : dict of str to str, default=None
        The labels of bands and features. By default these are their names.

    sampling_frequency : float, default=None
        The number of samples per second. By default time is in samples.

    Attributes
    ----------
    axes_ : ndarray of shape (n_panels, n_outputs) or (n_outputs, n_panels) of Axes
        The panels of each output: the weights of the signal, the weights of its bands,
        and a list of the effects of pooled features. For images they are side by side.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    DecisionDisplay : Draws the contributions to one decision.

    Notes
    -----
    :math:`A^\top w` is not the reconstruction from the weights, ``inverse_transform(w)``.
    The reconstruction is the signal with the coefficients :math:`w`. Its inner product
    with :math:`x` is the decision only if :math:`A` is orthogonal. The two signals agree
    for orthonormal filters with the mode "zero", and with "periodization" if the length
    is even at each level. With other modes they agree away from the ends. They differ for
    biorthogonal filters.

    Large weights show the input that the model uses, not where the classes differ: a
    model also needs weights for noise that it subtracts [1]_.

    References
    ----------
    .. [1] S. Haufe et al. "On the interpretation of weight vectors of linear models in
       multivariate neuroimaging." NeuroImage 87, 2014.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.datasets import make_wavelet_regression
    >>> from sk_awave.inspection import WeightDisplay
    >>> X, y = make_wavelet_regression(200, random_state=0, return_X_y=True)
    >>> pipeline = make_pipeline(WaveletTransformer("db3", level=3), Ridge()).fit(X, y)
    >>> display = WeightDisplay.from_estimator(pipeline)
    >>> list(display.weights[""])
    ['cA3', 'cD3', 'cD2', 'cD1']
    >>> decision = X[0] @ display.signal_weights[""] + pipeline[-1].intercept_
    >>> bool(np.isclose(decision, pipeline.predict(X[:1])[0]))
    True
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        weights,
        signal_weights,
        *,
        times=None,
        features=None,
        labels=None,
        sampling_frequency=None,
    ):
        self.weights = weights
        self.signal_weights = signal_weights
        self.times = times
        self.features = features
        self.labels = labels
        self.sampling_frequency = sampling_frequency

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        target=None,
        channel=0,
        channel_names=None,
        sampling_frequency=None,
        ax=None,
    ):
        """Draw the weights of a linear model.

        Parameters
        ----------
        estimator : fitted Pipeline, AWDClassifier or AWDRegressor
            The model, as in `DecisionDisplay`.

        X : array-like of shape (n_samples, ...), default=None
            The samples that the standard deviations of pooled features are taken from.
            By default these are the training samples, if the pooling was fitted in the
            pipeline.

        target : int or list of int, default=None
            The positions of the outputs. By default all outputs are drawn.

        channel : int, default=0
            The channel whose coefficients are drawn. The list has the pooled features of
            all channels.

        channel_names : list of str, default=None
            The names of the channels in the labels of pooled features.

        sampling_frequency : float, default=None
            The number of samples per second of a signal: time is then in seconds, and
            the labels of bands show frequencies in Hz. By default time is in samples.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : WeightDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        TypeError
            If there is no transformer of sk_awave, or if a step after it is not linear.
        ValueError
            If there is no such target or channel, if samples are volumes, or if the
            standard deviations of pooled features are not known.
        NotFittedError
            If a part of the pipeline is not fitted.
        """
        head = check_head(estimator, cls.__name__, channel_names, sampling_frequency)
        outputs = range(len(head.names)) if target is None else np.atleast_1d(target)
        outputs = {
            head.names[i]: i for i in (check_target(i, len(head.names)) for i in outputs)
        }
        weights, times = _make_maps(head, outputs, channel)
        features = labels = None
        if head.pooled is not None:
            labels = feature_labels(head.pooled, channel_names, sampling_frequency)
            effects = head.weights[:, head.pooled.place] * head.deviations(X)
            features = {
                name: dict(zip(labels, effects[i], strict=True))
                for name, i in outputs.items()
            }
        bands = next(iter(weights.values()), ())
        return cls(
            weights,
            _make_signal_weights(head, outputs, channel),
            times=times,
            features=features,
            labels=map_labels(bands, head.layout, sampling_frequency) | (labels or {}),
            sampling_frequency=sampling_frequency,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the weights: blue is negative, red is positive.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        Returns
        -------
        display : WeightDisplay
            The display itself.
        """
        names = list(self.weights or self.features)
        ratios = [1, 2] * bool(self.weights) + [2] * (self.features is not None)
        is_series = all(each.ndim == 1 for each in self.signal_weights.values())
        lines = make_lines(ax, self, ratios, len(names), upright=is_series)
        if self.weights:
            self._draw_maps(lines, is_series)
        for line, name in zip(lines, names, strict=True):
            if self.features is not None:
                quantity = "effect of one standard deviation"
                draw_bars(line[-1], self.features[name], quantity, self.labels)
            line[0].set_title(name, fontsize="small")
        return self

    def _draw_maps(self, lines, is_series):
        """Draw the weights of the signal and of its bands, of each output."""
        every = [band for bands in self.weights.values() for band in bands.values()]
        colours = signed_colours(every)
        for line, name in zip(lines, self.weights, strict=True):
            above, below, *_ = line
            values, bands = self.signal_weights[name], self.weights[name]
            if is_series:
                scale = colours, self.labels, self.sampling_frequency
                mappable = draw_series(above, below, values, bands, self.times, *scale)
                above.axhline(0, color="0.5", linewidth=0.5)
                label(above, y="weight")
            else:
                above.imshow(values, **signed_colours([values]))
                above.set(xticks=[], yticks=[])
                label(above, y="weights of pixels")
                mappable = draw_mosaic(below, bands, colours)
        if is_series:
            _share_labels(lines)
        add_colour_bar(
            self,
            mappable,
            lines[:, :2].flat,
            "weight of a coefficient",
            below=not is_series or len(lines) > 1,
        )


def _share_labels(lines):
    """Leave the labels of time to the middle column, and the others to the first."""
    for i, (above, below, *_) in enumerate(lines):
        if i != len(lines) // 2:
            below.set_xlabel("")
        if i > 0:
            above.sharey(lines[0, 0])
            for panel in (above, below):
                panel.tick_params(labelleft=False)
                panel.set_ylabel("")


def _make_maps(head, outputs, channel):
    """Return the weights of the bands of one channel by output, and their times."""
    weights, times, part = {}, None, head.coefficients
    if part is not None:
        bank = part.transformer.filter_bank_
        for name, i in outputs.items():
            values = split_channel(
                head.weights[i, part.place], head.layout, (-1,), channel
            )
            weights[name], times = coefficient_map(head.layout, bank, values)
    return weights, times


def _make_signal_weights(head, outputs, channel):
    """Return the weights of the signal from those of its coefficients."""
    part, layout = head.coefficients, head.layout
    if part is None:
        return {}
    like = torch.empty(0, dtype=torch.float64)
    filters = torch.from_numpy(part.transformer.filter_bank_)
    adjoint = analysis_map(layout, filters, like).T
    rows = [
        split_channel(head.weights[i, part.place], layout, (-1,), channel)
        for i in outputs.values()
    ]
    made = adjoint.apply(torch.from_numpy(np.stack(rows))).numpy()
    return dict(zip(outputs, made, strict=True))
