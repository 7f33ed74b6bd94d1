"""The transforms level by level, as their definitions read: the oracle of the tests.

Besides, it is what ``torch.compile`` traces of the layer, as it is made of torch alone.
Coefficients are PyWavelets' to rounding.

"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sk_awave.engine._boundary import adjoint_mode, extend, is_periodized
from sk_awave.engine._layout import CoeffLayout, list_bands, to_pywt


def analysis(x: Tensor, filters: Tensor, mode: str) -> Tensor:
    """Filter, and keep every second sample.

    Parameters
    ----------
    x : tensor of shape (..., n)
    filters : tensor of shape (2, K)
        ``dec_lo`` and ``dec_hi``.
    mode : str
        The extension of the signal beyond its ends.

    Returns
    -------
    tensor of shape (..., 2, n_coeffs)
        ``cA`` and ``cD``.
    """
    extended = extend(x, filters.shape[-1], mode)
    out = F.conv1d(
        extended.reshape(-1, 1, extended.shape[-1]),
        filters.flip(-1).unsqueeze(1),
        stride=2,
    )
    return out.reshape(*x.shape[:-1], 2, out.shape[-1])


def synthesis(coeffs: Tensor, filters: Tensor, mode: str) -> Tensor:
    """Invert `analysis`, up to a last sample too many when the signal was odd.

    Parameters
    ----------
    coeffs : tensor of shape (..., 2, n_coeffs)
    filters : tensor of shape (2, K)
        ``rec_lo`` and ``rec_hi``.
    mode : str
        The mode of the analysis.

    Returns
    -------
    tensor of shape (..., n)
    """
    filter_length, n_coeffs = filters.shape[-1], coeffs.shape[-1]
    crop = filter_length - 2
    if is_periodized(mode):
        # Coefficients from beyond each end reach over it: K / 4 of them.
        wrap = filter_length // 4
        turns = -(-wrap // n_coeffs)
        wrapped = coeffs.repeat(*[1] * (coeffs.ndim - 1), 2 * turns + 1)
        start = turns * n_coeffs - wrap
        coeffs = wrapped[..., start : start + n_coeffs + 2 * wrap]
        crop = filter_length // 2 - 1 + 2 * wrap
    out = F.conv_transpose1d(
        coeffs.reshape(-1, *coeffs.shape[-2:]),
        filters.unsqueeze(1),
        stride=2,
        padding=crop,
    )
    return out.reshape(*coeffs.shape[:-2], out.shape[-1])


def synthesis_adjoint(x: Tensor, filters: Tensor, mode: str) -> Tensor:
    """Apply the adjoint of `synthesis`; see Note [adjoint of synthesis]
    in ``_matrices.py``.

    Parameters
    ----------
    x : tensor of shape (..., n)
    filters : tensor of shape (2, K)
        ``rec_lo`` and ``rec_hi``.
    mode : str
        The mode of the analysis that the synthesis inverts.

    Returns
    -------
    tensor of shape (..., 2, n_coeffs)
    """
    return analysis(x, filters.flip(-1), adjoint_mode(mode))


def _bank(filters: Tensor, level: int, axis: int) -> Tensor:
    """Return the four filters of shape (4, K) of a level (0 is the finest) and axis."""
    n_levels, n_axes = filters.shape[:2]
    return filters[level if n_levels > 1 else 0, axis if n_axes > 1 else 0]


def _decompose(
    x: Tensor, filters: Tensor, mode: str, level: int, step: Callable, rows: slice
) -> list[Tensor]:
    """Split the approximation `level` times with the one-level map `step`."""
    details = []
    for j in range(level):
        bands = x.unsqueeze(1)
        # The last axis first, each new pair in front: bands count as 'aa ad da dd'.
        for axis in reversed(range(x.ndim - 1)):
            pair = _bank(filters, j, axis)[rows]
            bands = step(bands.movedim(axis + 2, -1), pair, mode)
            bands = bands.movedim((-2, -1), (1, axis + 3)).flatten(1, 2)
        x = bands[:, 0]
        details.append(bands[:, 1:])
    return [x, *reversed(details)]


def wavedec(x: Tensor, filters: Tensor, mode: str, level: int) -> list[Tensor]:
    """Multilevel analysis over all axes but the first.

    Parameters
    ----------
    x : tensor of shape (n, *signal_shape)
    filters : tensor of shape (level or 1, ndim or 1, 4, K)
        ``dec_lo, dec_hi, rec_lo, rec_hi`` of each level (the finest first) and axis,
        or shared by them.
    mode : str
        The boundary mode.
    level : int
        The number of levels.

    Returns
    -------
    list of level + 1 tensors
        The approximation, of shape (n, *shape), and the details from coarse to fine,
        of shape (n, 2**ndim - 1, *shape), in the order of PyWavelets' keys: 'd' in 1-D,
        'ad', 'da', 'dd' in 2-D, 'aad' to 'ddd' in 3-D.
    """
    return _decompose(x, filters, mode, level, analysis, slice(0, 2))


def waverec_adjoint(x: Tensor, filters: Tensor, mode: str, level: int) -> list[Tensor]:
    """Apply the adjoint of `waverec`, for signals cropped to the shape of `x`.

    Parameters and returned value are those of `wavedec`.
    """
    return _decompose(x, filters, mode, level, synthesis_adjoint, slice(2, 4))


def waverec(
    coeffs: list[Tensor],
    filters: Tensor,
    mode: str,
    signal_shape: Sequence[int] | None = None,
) -> Tensor:
    """Multilevel synthesis: the inverse of `wavedec`.

    Parameters
    ----------
    coeffs : list of tensors
        As `wavedec` returns them.
    filters, mode
        As in `wavedec`.
    signal_shape : sequence of int, default=None
        The shape to crop to: synthesis makes one sample more of an odd length.

    Returns
    -------
    tensor of shape (n, *signal_shape)
    """
    x, *details = coeffs
    ndim = x.ndim - 1
    for j, detail in zip(reversed(range(len(details))), details, strict=True):
        bands = torch.cat([_crop(x, detail.shape[2:]).unsqueeze(1), detail], 1)
        for axis in range(ndim):
            pair = _bank(filters, j, axis)[2:4]
            bands = bands.unflatten(1, (2, -1)).movedim((1, axis + 3), (-2, -1))
            bands = synthesis(bands, pair, mode).movedim(-1, axis + 2)
        x = bands.squeeze(1)
    return x if signal_shape is None else _crop(x, signal_shape)


def _crop(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Drop what odd lengths left over at the end of each axis but the first."""
    for axis, length in enumerate(shape):
        x = x.narrow(axis + 1, 0, length)
    return x


def bands_to_pywt(bands: list[Tensor], batch_shape: Sequence[int]) -> list:
    """Turn the output of ``wavedec`` to PyWavelets' structure."""
    approximation, *details = bands
    ndim = approximation.ndim - 1
    arrays = [approximation, *(d for level in details for d in level.unbind(1))]
    return to_pywt([a.reshape(*batch_shape, *a.shape[1:]) for a in arrays], ndim)


def bands_from_pywt(coeffs: list, ndim: int) -> tuple[list[Tensor], tuple[int, ...]]:
    """Turn PyWavelets' structure to the input of ``waverec``, and the batch shape."""
    approximation, *details = list_bands(coeffs, ndim)
    batch_shape = tuple(approximation.shape[: approximation.ndim - ndim])
    approximation, *details = (
        a.reshape(-1, *a.shape[a.ndim - ndim :]) for a in (approximation, *details)
    )
    n_details = 2**ndim - 1
    levels = [
        torch.stack(details[i : i + n_details], 1)
        for i in range(0, len(details), n_details)
    ]
    return [approximation, *levels], batch_shape


def pack(bands: list[Tensor]) -> Tensor:
    """Flatten what `wavedec` returns to a tensor of shape (n, n_coeffs)."""
    return torch.cat([band.flatten(1) for band in bands], 1)


def unpack(flat: Tensor, layout: CoeffLayout) -> list[Tensor]:
    """Rebuild what `waverec` takes from a tensor of shape (n, n_coeffs)."""
    layout = replace(layout, n_channels=None)  # channels are rows here
    bands, _ = bands_from_pywt(layout.unflatten(flat), len(layout.signal_shape))
    return bands
