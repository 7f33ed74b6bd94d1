"""Draw the pictures of the cards on the landing page.

Usage: ``python docs/draw_cards.py docs/images``.
"""

import sys
from itertools import pairwise, product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt

from sk_awave import WaveletThresholder, WaveletTransformer
from sk_awave.inspection import wavelet_functions

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#999999"


def noisy_doppler():
    """Return the signal of Donoho and Johnstone, in noise, and without it."""
    clean = pywt.data.demo_signal("Doppler", 512)
    noise = 0.12 * np.random.default_rng(0).standard_normal(512)
    return clean + noise, clean


def draw_wavelet(ax, left, right, low, high):
    """Draw db5 into a rectangle of the axes."""
    _, psi, x = wavelet_functions("db5")
    psi = (psi - psi.min()) / np.ptp(psi)
    ax.plot(left + (right - left) * x / x[-1], low + (high - low) * psi, color=BLUE)


def draw_classify(ax):
    """Two classes of points, and the line between them."""
    points = np.random.default_rng(1).standard_normal((2, 25, 2))
    for centre, color, cloud in zip((-1.8, 1.8), (BLUE, ORANGE), points, strict=True):
        ax.scatter(*(0.8 * cloud + [centre, 0]).T, 22, color)
    ax.plot([-0.5, 0.5], [-2, 2], color=GREY)


def draw_denoise(ax):
    """A signal before and after thresholding."""
    noisy, _ = noisy_doppler()
    denoiser = WaveletThresholder(WaveletTransformer("sym8", level=5))
    ax.plot(noisy, color=GREY, linewidth=0.6)
    ax.plot(denoiser.fit(noisy[None]).denoise(noisy[None])[0], color=BLUE, linewidth=2)


def draw_distil(ax):
    """A network, an arrow and a wavelet."""
    layers = [[(x, y) for y in np.linspace(-1, 1, n)] for x, n in enumerate((3, 4, 2))]
    for layer, following in pairwise(layers):
        for start, end in product(layer, following):
            ax.plot(*zip(start, end, strict=True), color=GREY, linewidth=0.7)
    for layer in layers:
        ax.scatter(*zip(*layer, strict=True), 60, ORANGE, zorder=3)
    ax.annotate("", (3.2, 0), (2.4, 0), arrowprops={"arrowstyle": "-|>", "color": GREY})
    draw_wavelet(ax, 3.3, 6, -1, 1)


def draw_explain(ax):
    """The coefficients of a signal, time by scale."""
    _, clean = noisy_doppler()
    bands = pywt.wavedec(clean, "sym4", "periodization", level=5)[1:]
    rows = [np.repeat(band, 512 // len(band)) / np.abs(band).max() for band in bands]
    ax.imshow(rows, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)


def draw_torch(ax):
    """A tree of filters, each level half as wide as the one before."""
    for level in range(4):
        width, last = 2.0**-level, level == 3
        ax.barh(-level, 0.96 * width, 0.7, color=BLUE if last else GREY, align="edge")
        if level:
            ax.barh(-level, 0.96 * width, 0.7, left=width, color=BLUE, align="edge")


def draw_large(ax):
    """Blocks of a file, an arrow and a wavelet."""
    for row, column in np.ndindex(3, 4):
        color = ORANGE if (row, column) == (0, 3) else GREY
        ax.barh(row - 1, 0.5, 0.7, left=0.6 * column, color=color)
    ax.annotate("", (3.2, 0), (2.5, 0), arrowprops={"arrowstyle": "-|>", "color": GREY})
    draw_wavelet(ax, 3.3, 6, -1.2, 1.2)


DRAWN = (
    draw_classify,
    draw_denoise,
    draw_distil,
    draw_explain,
    draw_torch,
    draw_large,
)

if __name__ == "__main__":
    for draw in DRAWN:
        figure = plt.figure(figsize=(3, 1.2), dpi=120)
        ax = figure.add_axes((0.05, 0.05, 0.9, 0.9))
        draw(ax)
        ax.margins(0.08)
        ax.set_axis_off()
        name = f"card-{draw.__name__.removeprefix('draw_')}.png"
        figure.savefig(Path(sys.argv[1], name), transparent=True)
