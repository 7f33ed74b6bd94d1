"""Display of groups of coefficients, merge by merge."""

import numpy as np

from sk_awave.attribution import agglomerate_attributions
from sk_awave.inspection._checks import check_channel, check_drawable
from sk_awave.inspection._maps import coefficient_map, map_labels
from sk_awave.inspection._plot._bands import add_colour_bar, frame_bands, signed_colours
from sk_awave.inspection._plot._mosaic import make_mosaic
from sk_awave.inspection._plot._panels import label, make_panels
from sk_awave.inspection._plot._tiles import borders, series_cells
from sk_awave.inspection._sampling import check_sampling_frequency, in_time, time_label


class AttributionTreeDisplay:
    """The groups of coefficients that a model joins, after some numbers of merges.

    There is one panel for each number of merges. For a signal, it has one row for each
    band, the lowest frequencies at the bottom, and shows each coefficient at its time.
    For an image, it shows the bands side by side. The colour of a coefficient is the
    score of its group [1]_. Groups of several coefficients are outlined. All parts of a
    group have the same colour, even if they are not adjacent.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    tree : AttributionTree
        The groups and their scores.

    bands : dict of str to ndarray of int
        The coefficients of each band, as indices of `tree`. The bands of a signal are in
        the order from low to high frequencies.

    times : dict of str to ndarray, default=None
        The times of the coefficients of each band, in samples. None for an image.

    length : int, default=None
        The number of samples of a signal; None for an image.

    labels : dict of str to str, default=None
        The labels of the bands of a signal. By default these are their names.

    sampling_frequency : float, default=None
        The number of samples per second. By default time is in samples.

    n_merges : sequence of int, default=(0, 1, 4, 12)
        The numbers of merges.

    Attributes
    ----------
    axes_ : ndarray of shape (n_rows, n_columns) of matplotlib Axes
        The panels, row by row. The last ones may be empty.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sk_awave.attribution.agglomerate_attributions : Computes the groups.
    AttributionDisplay : Draws attributions to single coefficients.

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

    def __init__(
        self,
        tree,
        bands,
        *,
        times=None,
        length=None,
        labels=None,
        sampling_frequency=None,
        n_merges=(0, 1, 4, 12),
    ):
        self.tree = tree
        self.bands = bands
        self.times = times
        self.length = length
        self.labels = labels
        self.sampling_frequency = sampling_frequency
        self.n_merges = n_merges

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
        sampling_frequency=None,
        ax=None,
    ):
        """Join the coefficients of a sample, and draw the groups.

        Parameters
        ----------
        decomposition : fitted ContextualDecomposition
            The decomposition, with a wavelet transformer of signals or images.

        x : array-like or tensor of the shape of a sample in fit
            The sample.

        n_merges : sequence of int, default=(0, 1, 4, 12)
            The numbers of merges. There is one panel for each.

        connectivity : {"tree", "bands"}, matrix or None, default="tree"
            See `sk_awave.attribution.agglomerate_attributions`.

        target : int or "auto", default="auto"
            See `sk_awave.attribution.agglomerate_attributions`.

        channel : int, default=0
            The channel that is drawn. Groups may include coefficients of other channels.

        sampling_frequency : float, default=None
            The number of samples per second of a signal: time is then in seconds, and
            the labels of bands show frequencies in Hz. By default time is in samples.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : AttributionTreeDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        NotFittedError
            If the decomposition is not fitted.
        TypeError, ValueError
            If `agglomerate_attributions` cannot join the coefficients, if there are not
            so many merges, if there is no such channel, or if the units are not the
            coefficients of signals or images.
        """
        tree = agglomerate_attributions(
            decomposition, x, connectivity=connectivity, target=target
        )
        transformer = decomposition.transformer
        check_drawable(transformer, cls.__name__)
        layout = transformer.layout_
        check_channel(layout, channel)
        ndim = len(layout.signal_shape)
        check_sampling_frequency(sampling_frequency, cls.__name__, ndim)
        if len(tree.names) != layout.n_coeffs:
            raise ValueError(
                f"{cls.__name__} draws a decomposition with groups='coefficients'. Got "
                f"one with {len(tree.names)} groups of {layout.n_coeffs} coefficients."
            )
        units = np.arange(layout.n_coeffs).reshape(-1, layout.n_coeffs_per_channel)
        bands, times = coefficient_map(layout, transformer.filter_bank_, units[channel])
        return cls(
            tree,
            bands,
            times=times,
            length=layout.signal_shape[0] if ndim == 1 else None,
            labels=map_labels(bands, layout, sampling_frequency),
            sampling_frequency=sampling_frequency,
            n_merges=n_merges,
        ).plot(ax)

    def plot(self, ax=None):
        """Draw one panel for each number of merges.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        Returns
        -------
        display : AttributionTreeDisplay
            The display itself.
        """
        nodes = [self.tree.nodes(n) for n in self.n_merges]
        drawn = np.concatenate([band.ravel() for band in self.bands.values()])
        colours = signed_colours([self.tree.scores[panel[drawn]] for panel in nodes])
        n_columns = min(len(nodes), 2)
        axes = make_panels(ax, self, -(-len(nodes) // 2), n_columns)
        draw = self._draw_image if self.times is None else self._draw_series
        for panel, n, panel_nodes in zip(axes.flat, self.n_merges, nodes, strict=False):
            label(panel, title=f"{n} merge{'s' * (n != 1)}")
            mesh = draw(panel, panel_nodes, colours)
        for panel in axes.flat[len(nodes) :]:
            panel.set_axis_off()
        if self.times is not None:
            for panel in axes.flat[max(0, len(nodes) - n_columns) : len(nodes)]:
                label(panel, time_label(self.sampling_frequency), title=panel.get_title())
            for panel in axes[:, 1:].flat:
                panel.set_yticklabels([])
        add_colour_bar(self, mesh, axes.flat, "score of its group", below=False)
        return self

    def _draw_series(self, panel, nodes, colours):
        """Draw a row for each band."""
        cells, columns = series_cells(self.bands, self.times, self.length)
        rows = np.arange(len(cells) + 1) - 0.5
        columns = in_time(columns, self.sampling_frequency)
        mesh = self._draw_cells(panel, nodes, cells, rows, columns, colours)
        for end in (-0.5, self.length - 0.5):
            x = in_time(end, self.sampling_frequency)
            panel.axvline(x, color="0.5", linestyle=":", linewidth=0.8)
        names = [(self.labels or {}).get(name, name) for name in self.bands]
        panel.set_yticks(range(len(names)), names)
        if names != list(self.bands):  # with frequencies they are long
            panel.tick_params(axis="y", labelsize="x-small")
        return mesh

    def _draw_image(self, panel, nodes, colours):
        """Draw the bands side by side."""
        mosaic, corners = make_mosaic(self.bands)
        cells = np.nan_to_num(mosaic, nan=-1).astype(int)
        rows, columns = (np.arange(n + 1) - 0.5 for n in cells.shape)
        mesh = self._draw_cells(panel, nodes, cells, rows, columns, colours)
        frame_bands(panel, self.bands, corners, len(cells))
        panel.set(xticks=[], yticks=[], aspect="equal")
        panel.invert_yaxis()
        return mesh

    def _draw_cells(self, panel, nodes, cells, rows, columns, colours):
        """Colour the cells by the scores of their nodes, and outline groups."""
        labels = np.where(cells < 0, -1, nodes[cells])
        values = np.where(cells < 0, np.nan, self.tree.scores[labels])
        mesh = panel.pcolormesh(columns, rows, values, **colours)
        upright, level = borders(labels, labels >= len(self.tree.names))
        line = {"colors": "black", "linewidth": 1}
        i, j = upright
        panel.vlines(columns[j], rows[i], rows[i + 1], **line)
        i, j = level
        panel.hlines(rows[i], columns[j], columns[j + 1], **line)
        return mesh
