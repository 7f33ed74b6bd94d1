"""Display of the groups that coefficients are joined into, merge by merge."""

import numpy as np

from sk_awave.attribution import agglomerate_attributions
from sk_awave.inspection._checks import check_channel, check_drawable
from sk_awave.inspection._plot._panels import SIGNED, label, make_panels
from sk_awave.inspection._plot._tiles import (
    borders,
    frame_bands,
    image_tiles,
    signal_tiles,
)
from sk_awave.inspection._times import coefficient_times


class AttributionTreeDisplay:
    """The groups of coefficients that a model joins, after some numbers of merges.

    A panel for each number of merges. Of a signal, it shows the plane of time and band:
    a row for each band, the lowest frequencies at the bottom, and each coefficient at the
    time it stands for. Of an image, it shows the bands side by side. Coefficients have
    the colour of the score of their group, and groups of several are outlined. Where a
    group is drawn in several parts, these have one colour.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    tree : AttributionTree
        The groups and their scores.

    layout : CoeffLayout
        Where the coefficients stand.

    times : dict of str to ndarray, default=None
        The times of the coefficients of each band, in samples; None for an image.

    n_merges : sequence of int, default=(0, 1, 4, 12)
        The numbers of merges.

    channel : int, default=0
        The channel that is drawn.

    Attributes
    ----------
    axes_ : ndarray of shape (n_rows, n_columns) of matplotlib Axes
        The panels, row by row. Those that are not needed are empty.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sk_awave.attribution.agglomerate_attributions : The groups without a drawing.
    AttributionDisplay : Attributions to single coefficients.

    References
    ----------
    .. [1] C. Singh, W. J. Murdoch, B. Yu. "Hierarchical interpretations for neural
       network predictions." ICLR 2019. arXiv:1806.05337.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> import torch
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.attribution import ContextualDecomposition
    >>> from sk_awave.inspection import AttributionTreeDisplay
    >>> X = np.random.default_rng(0).standard_normal((4, 16))
    >>> wavelet = WaveletTransformer("haar", level=2).fit(X)
    >>> model = torch.nn.Sequential(torch.nn.Linear(16, 2), torch.nn.ReLU()).double()
    >>> decomposition = ContextualDecomposition(
    ...     wavelet, model, groups="coefficients", target=0
    ... ).fit(X)
    >>> display = AttributionTreeDisplay.from_estimator(decomposition, X[0])
    >>> [panel.get_title() for panel in display.axes_.flat]
    ['0 merges', '1 merge', '4 merges', '12 merges']
    >>> plt.close(display.figure_)
    """

    def __init__(self, tree, layout, *, times=None, n_merges=(0, 1, 4, 12), channel=0):
        self.tree = tree
        self.layout = layout
        self.times = times
        self.n_merges = n_merges
        self.channel = channel

    @classmethod
    def from_estimator(
        cls,
        decomposition,
        x,
        *,
        n_merges=(0, 1, 4, 12),
        connectivity="tree",
        target="auto",
        channel=0,
        ax=None,
    ):
        """Join the coefficients of a sample, and draw the groups.

        Parameters
        ----------
        decomposition : fitted ContextualDecomposition
            Of the coefficients of a wavelet transformer of signals or images.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        n_merges : sequence of int, default=(0, 1, 4, 12)
            The numbers of merges, with a panel for each.

        connectivity : {"tree", "bands"}, matrix or None, default="tree"
            As in `sk_awave.attribution.agglomerate_attributions`.

        target : int or "auto", default="auto"
            As in `sk_awave.attribution.agglomerate_attributions`.

        channel : int, default=0
            The channel that is drawn. Groups may reach into others.

        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        display : AttributionTreeDisplay
            With the drawing in ``figure_``.

        Raises
        ------
        NotFittedError
            If the decomposition is not fitted.
        TypeError, ValueError
            If `agglomerate_attributions` cannot join the coefficients, there are not so
            many merges or no such channel, or the transformer is not one of signals or
            images.
        """
        tree = agglomerate_attributions(
            decomposition, x, connectivity=connectivity, target=target
        )
        transformer = decomposition.transformer
        check_drawable(transformer, cls.__name__)
        check_channel(transformer, channel)
        layout, times = transformer.layout_, None
        if len(layout.signal_shape) == 1:
            times = coefficient_times(layout, transformer.filter_bank_)
        params = {"times": times, "n_merges": n_merges, "channel": channel}
        return cls(tree, layout, **params).plot(ax)

    def plot(self, ax=None):
        """Draw a panel for each number of merges.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The place to draw at, which is split into panels. By default a new figure.

        Returns
        -------
        display : AttributionTreeDisplay
            Itself.
        """
        start = self.channel * self.layout.n_coeffs_per_channel
        drawn = slice(start, start + self.layout.n_coeffs_per_channel)
        nodes = [self.tree.nodes(n)[drawn] for n in self.n_merges]
        limit = max(np.abs(self.tree.scores[panel]).max() for panel in nodes) or 1.0
        colours = {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
        n_columns = min(len(nodes), 2)
        axes = make_panels(ax, self, -(-len(nodes) // 2), n_columns)
        draw = self._draw_signal if self.times is not None else self._draw_image
        for panel, n, panel_nodes in zip(axes.flat, self.n_merges, nodes, strict=False):
            mesh = draw(panel, panel_nodes, colours)
            label(panel, title=f"{n} merge{'s' * (n != 1)}")
        for panel in axes.flat[len(nodes) :]:
            panel.set_axis_off()
        if self.times is not None:
            for panel in axes.flat[max(0, len(nodes) - n_columns) : len(nodes)]:
                panel.set_xlabel("time (samples)", fontsize="small")
            for panel in axes[:, 1:].flat:
                panel.set_yticklabels([])
        bar = self.figure_.colorbar(mesh, ax=list(axes.flat))
        bar.ax.tick_params(labelsize="small")
        bar.set_label("score of its group", fontsize="small")
        return self

    def _draw_signal(self, panel, nodes, colours):
        """Draw a row for each band."""
        units, columns, names = signal_tiles(self.layout, self.times)
        rows = np.arange(len(names) + 1) - 0.5
        mesh = self._draw_tiles(panel, nodes, units, rows, columns, colours)
        for end in (-0.5, self.layout.signal_shape[0] - 0.5):
            panel.axvline(end, color="0.5", linestyle=":", linewidth=0.8)
        panel.set_yticks(range(len(names)), names)
        return mesh

    def _draw_image(self, panel, nodes, colours):
        """Draw the bands side by side."""
        units, shapes, corners = image_tiles(self.layout)
        rows, columns = (np.arange(n + 1) - 0.5 for n in units.shape)
        mesh = self._draw_tiles(panel, nodes, units, rows, columns, colours)
        frame_bands(panel, shapes, corners, len(units))
        panel.set(xticks=[], yticks=[], aspect="equal")
        panel.invert_yaxis()
        return mesh

    def _draw_tiles(self, panel, nodes, units, rows, columns, colours):
        """Colour the cells by the scores of their nodes, and outline groups."""
        labels = np.where(units < 0, -1, nodes[units])
        values = np.where(units < 0, np.nan, self.tree.scores[labels])
        mesh = panel.pcolormesh(columns, rows, values, **colours)
        upright, level = borders(labels, labels >= len(self.tree.names))
        line = {"colors": "black", "linewidth": 1}
        i, j = upright
        panel.vlines(columns[j], rows[i], rows[i + 1], **line)
        i, j = level
        panel.hlines(rows[i], columns[j], columns[j + 1], **line)
        return mesh
