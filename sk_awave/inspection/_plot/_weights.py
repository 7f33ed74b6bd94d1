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

    Weights are those of coefficients, or of pooled features, whatever scales and selects
    these between them and the model. Above the weights :math:`w` of coefficients :math:`c
    = A x` stands what they make in the domain of the signal, :math:`A^\top w`: the
    decision is the inner product with it,

    .. math:: f(x) = w^\top c + b = (A^\top w)^\top x + b.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    weights : dict of str to dict of str to ndarray
        Of each output, the weights of each band, of a signal from low to high
        frequencies. The only output of a regressor is ''.

    signal_weights : dict of str to ndarray of shape (length,) or (height, width)
        Of each output, the weights of the values of the signal.

    times : dict of str to ndarray, default=None
        The times of the weights of each band, in samples; None for an image.

    features : dict of str to dict of str to float, default=None
        Of each output, the weights of pooled features by their names.

    labels : dict of str to str, default=None
        What bands and features are called; by default their names.

    sampling_frequency : float, default=None
        The number of samples a second; by default time is in samples.

    Attributes
    ----------
    axes_ : ndarray of shape (n_panels, n_outputs) or (n_outputs, n_panels) of Axes
        The panels of each output, of images side by side: the weights of the signal,
        those of its bands, and a list of those of pooled features.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    DecisionDisplay : What one decision is made of.

    Notes
    -----
    :math:`A^\top w` is not the reconstruction from the weights, ``inverse_transform(w)``:
    that is the signal whose coefficients they are, and its inner product with :math:`x`
    is the decision only where :math:`A` is orthogonal. The two agree for orthonormal
    filters with the modes "zero" and "periodization" (of lengths that stay even), and
    away from the ends with other modes. They differ for biorthogonal filters.

    Large weights tell what the model listens to, not where the classes differ: a model
    also weighs what it subtracts as noise [1]_.

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
            As of `DecisionDisplay`.

        target : int or list of int, default=None
            Which of several outputs, by their position; by default all.

        channel : int, default=0
            The channel whose coefficients are drawn. Pooled features are listed of all
            channels.

        channel_names : list of str, default=None
            What the channels are called in the names of pooled features.

        sampling_frequency : float, default=None
            Of signals, the number of samples a second: time is then in seconds, and bands
            are drawn with their frequencies in Hz. By default time is in samples.

        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        display : WeightDisplay
            With the drawing in ``figure_``.

        Raises
        ------
        TypeError
            If there is no transformer of sk_awave, or what follows it is not linear.
        ValueError
            If there is no such target or channel, or samples are volumes.
        NotFittedError
            If a part is not fitted.
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
            features = {
                name: dict(zip(labels, head.weights[i, head.pooled.place], strict=True))
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
        """Draw the weights, blue for negative and red for positive ones.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The place to draw at, which is split into panels. By default a new figure.

        Returns
        -------
        display : WeightDisplay
            Itself.
        """
        names = list(self.weights or self.features)
        ratios = [1, 2] * bool(self.weights) + [2] * (self.features is not None)
        is_series = all(each.ndim == 1 for each in self.signal_weights.values())
        lines = make_lines(ax, self, ratios, len(names), upright=is_series)
        if self.weights:
            self._draw_maps(lines, is_series)
        for line, name in zip(lines, names, strict=True):
            if self.features is not None:
                draw_bars(line[-1], self.features[name], "weight", self.labels)
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
    """Return the weights of the signal that those of its coefficients make."""
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
