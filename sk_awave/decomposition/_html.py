"""The wavelet of a fitted transformer, as notebooks show it below the parameters."""

from html import escape
from itertools import chain

import numpy as np

#: How many wavelets (of levels and axes) are shown, and points of a curve: a few kB.
_MOST_WAVELETS, _MOST_POINTS = 4, 150

_WIDTH, _HEIGHT = 240, 80


def wavelets_html(wavelets):
    """Picture each wavelet function, beside the taps of its filters.

    The analysis filters determine an orthogonal wavelet. A biorthogonal one is shown with
    both wavelets and all four filters.

    Parameters
    ----------
    wavelets : pywt.Wavelet, or tuple or list of them
        The ``wavelet_`` of a fitted transformer.

    Returns
    -------
    html : str
    """
    per_level = wavelets if isinstance(wavelets, list) else [wavelets]
    levels = [level if isinstance(level, tuple) else (level,) for level in per_level]
    flat = list(chain(*levels))
    html = "".join(_wavelet_html(wavelet) for wavelet in flat[:_MOST_WAVELETS])
    if len(flat) > _MOST_WAVELETS:
        html += f"<p>and {len(flat) - _MOST_WAVELETS} more in <code>wavelet_</code></p>"
    return f'<div style="font-family:monospace">{html}</div>'


def _wavelet_html(wavelet):
    name = escape(wavelet.name)
    pairs = wavelet.wavefun(level=6)[:-1]
    sides = {"": pairs[1]}
    if not wavelet.orthogonal:
        sides = {"synthesis ": pairs[3], "analysis ": pairs[1]}
    rows = "".join(
        f"<tr><th>{filter_name}</th>"
        + "".join(f"<td>{tap:.4f}</td>" for tap in getattr(wavelet, filter_name))
        + "</tr>"
        for filter_name in ("dec_lo", "dec_hi", "rec_lo", "rec_hi")[: 2 * len(sides)]
    )
    pictures = "".join(
        _psi_svg(psi, f"{side}wavelet function of {name}") for side, psi in sides.items()
    )
    return (
        f'<details open=""><summary>Wavelet: {name}</summary>{pictures}'
        '<div style="overflow-x:auto"><table style="text-align:right">'
        f"{rows}</table></div></details>"
    )


def _psi_svg(psi, title):
    """Draw a wavelet function as a polyline."""
    psi = psi[:: -(-len(psi) // _MOST_POINTS)]
    across = np.linspace(0, _WIDTH, len(psi))
    down = _HEIGHT * (0.5 - 0.45 * psi / np.abs(psi).max())
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="{title}">'
        f'<path d="M0 {_HEIGHT / 2}H{_WIDTH}" stroke="#999" stroke-width="0.5"/>'
        f'<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="1.5"/>'
        "</svg>"
    )
