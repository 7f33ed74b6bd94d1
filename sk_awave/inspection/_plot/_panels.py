"""The panels of displays: the only module here that needs matplotlib."""

import numpy as np

#: Distinct to every kind of colour vision, with white at zero.
SIGNED = "RdBu_r"


def make_panels(ax, display, n_rows=1, n_columns=1, **ratios):
    """Split a new figure, or the place of `ax`, into panels; tell `display` of them."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                f"{type(display).__name__}.plot requires matplotlib. You can install it "
                "with `pip install matplotlib`."
            ) from error
        _, ax = plt.subplots(layout="constrained")
    elif not hasattr(ax, "get_subplotspec"):
        raise TypeError(
            f"The 'ax' parameter of {type(display).__name__}.plot must be an Axes of "
            f"matplotlib or None. Got {ax!r} instead."
        )
    panels = [ax]
    if n_rows * n_columns > 1:
        place = ax.get_subplotspec()
        if place is None:
            raise ValueError("ax must be one of plt.subplots, to be split into panels.")
        ax.set_axis_off()
        grid = place.subgridspec(n_rows, n_columns, **ratios)
        panels = [ax.figure.add_subplot(grid[i]) for i in range(n_rows * n_columns)]
    for panel in panels:
        panel.tick_params(labelsize="small")
    display.figure_, display.ax_ = ax.figure, panels[0]
    display.axes_ = np.array(panels).reshape(n_rows, n_columns)
    return display.axes_


def make_lines(ax, display, ratios, n_lines, *, upright):
    """Make `n_lines` lines of panels of these relative lengths, columns if upright.

    Returns
    -------
    ndarray of shape (n_lines, len(ratios)) of matplotlib Axes
    """
    if upright:
        return make_panels(ax, display, len(ratios), n_lines, height_ratios=ratios).T
    return make_panels(ax, display, n_lines, len(ratios))


def label(panel, x="", y="", title=""):
    """Label a panel in the font size of its ticks, so that it fits narrow figures."""
    panel.set_xlabel(x, fontsize="small")
    panel.set_ylabel(y, fontsize="small")
    panel.set_title(title, fontsize="small")


def draw_image(panel, image, title, limits=(None, None)):
    """Draw an image in grey, without ticks."""
    panel.imshow(image, cmap="gray", vmin=limits[0], vmax=limits[1])
    panel.set_xticks([])
    panel.set_yticks([])
    label(panel, title=title)
