"""Drawing of samples, bands and features, for all displays."""

import numpy as np

from sk_awave.inspection._plot._mosaic import make_mosaic
from sk_awave.inspection._plot._panels import SIGNED, label
from sk_awave.inspection._plot._tiles import cell_edges
from sk_awave.inspection._sampling import in_time, time_label

#: The features that have a bar of their own, at most.
_MAX_BARS = 8


def signed_colours(arrays):
    """Return settings for colours with white at zero, the same for all arrays."""
    limit = max((np.abs(array).max() for array in arrays), default=0) or 1.0
    return {"cmap": SIGNED, "vmin": -limit, "vmax": limit}


def add_colour_bar(display, mappable, panels, text, *, below):
    """Add a bar of colours to the right of panels, or below them."""
    location = "bottom" if below else "right"
    bar = display.figure_.colorbar(mappable, ax=list(panels), location=location)
    bar.ax.tick_params(labelsize="small")
    bar.set_label(text, fontsize="small")


def draw_series(above, rows, signal, bands, times, colours, labels, sampling_frequency):
    """Draw a signal, and below it one row for each band with its values at their times.

    Parameters
    ----------
    above, rows : matplotlib Axes
    signal : ndarray of shape (length,)
    bands, times : dicts of str to ndarray
        Values, and their times in samples.
    colours : dict
        The settings that `signed_colours` returns.
    labels : dict of str to str
        The labels of the bands; None for their names.
    sampling_frequency : float or None

    Returns
    -------
    mappable : object
        The object that the bar of colours needs.
    """
    length = len(signal)
    t = in_time(np.arange(length), sampling_frequency)
    above.plot(t, signal, color="C0", linewidth=1)
    above.sharex(rows)
    above.tick_params(labelbottom=False)
    for row, (name, band) in enumerate(bands.items()):
        order = np.argsort(times[name])
        edges = in_time(cell_edges(times[name][order], length), sampling_frequency)
        y = row - 0.5, row + 0.5
        mesh = rows.pcolormesh(edges, y, band[order][np.newaxis], **colours)
    names = [(labels or {}).get(name, name) for name in bands]
    rows.set_yticks(range(len(bands)), names)
    if names != list(bands):  # with frequencies they are long
        rows.tick_params(axis="y", labelsize="x-small")
    for panel in (above, rows):
        for end in (-0.5, length - 0.5):
            x = in_time(end, sampling_frequency)
            panel.axvline(x, color="0.5", linestyle=":", linewidth=0.8)
    label(rows, time_label(sampling_frequency), "band" if names == list(bands) else "")
    return mesh


def draw_mosaic(panel, bands, colours):
    """Draw the bands of an image side by side, each in its cell."""
    mosaic, corners = make_mosaic(bands)
    mappable = panel.imshow(mosaic, **colours)
    panel.set_xticks([])
    panel.set_yticks([])
    label(panel, title="bands")
    frame_bands(panel, bands, corners, len(mosaic))
    return mappable


def frame_bands(panel, bands, corners, n_rows):
    """Frame the bands in a mosaic of so many rows, and name them."""
    for name, (top, side) in corners.items():
        height, width = bands[name].shape
        x, y = side + np.array([0, width]) - 0.5, top + np.array([0, height]) - 0.5
        frame = x[[0, 1, 1, 0, 0]], y[[0, 0, 1, 1, 0]]
        panel.plot(*frame, color="0.5", linewidth=0.5)
        if height >= n_rows / 6:  # smaller ones have no room for a name
            # White at zero in any style, so that its default colour may not be seen.
            text = {"fontsize": "xx-small", "color": "black", "va": "top"}
            panel.text(x[0], y[0], f" {name}", **text)


def draw_bars(panel, features, quantity, labels=None):
    """Draw one bar for each of the largest values, and one for the sum of the others.

    Parameters
    ----------
    panel : matplotlib Axes
    features : dict of str to float
    quantity : str
        The name of the values.
    labels : dict of str to str, default=None
        The labels of the features. By default these are their names.
    """
    order = sorted(features, key=lambda name: -abs(features[name]))
    names, others = order[:_MAX_BARS], order[_MAX_BARS:]
    values = [features[name] for name in names]
    names = [(labels or {}).get(name, name) for name in names]
    if others:
        names.append(f"{len(others)} others")
        values.append(sum(features[name] for name in others))
    panel.axvline(0, color="0.5", linewidth=0.8)
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        panel.barh(row, value, color="C3" if value > 0 else "C0", alpha=0.4)
        text = panel.text(0.01, row, f"{value:+.2g}  {name}", va="center")
        text.set(fontsize="x-small", transform=panel.get_yaxis_transform())
        text.set(clip_on=True, in_layout=False)  # long names end with the panel
    panel.invert_yaxis()
    panel.set_yticks([])
    label(panel, quantity)
