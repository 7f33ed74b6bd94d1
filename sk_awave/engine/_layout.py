"""Where each coefficient stands in the flat vector, and what it is called."""

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._boundary import coeff_length, max_level, min_length

#: No signal is so long that it has more levels.
MAX_LEVEL = 62


def detail_keys(ndim: int) -> list[str]:
    """Return PyWavelets' keys of the details of one level: 'ad', 'da', 'dd' in 2-D."""
    return ["".join(key) for key in itertools.product("ad", repeat=ndim)][1:]


def check_level(level: int) -> None:
    """Raise ValueError if there cannot be so many levels."""
    is_int = isinstance(level, Integral) and not isinstance(level, bool)
    if not is_int or not 0 <= level <= MAX_LEVEL:
        raise ValueError(
            f"level must be an int from 0 to {MAX_LEVEL}, or None. Got {level!r} instead."
        )


def resolve_level(
    signal_shape: Sequence[int], filter_length: int, mode: str, level: int | None
) -> int:
    """Choose the number of levels, or check the given one.

    Parameters
    ----------
    signal_shape : sequence of int
    filter_length : int
    mode : str
    level : int or None
        With None, PyWavelets' maximum for the shortest axis, and at least 1.

    Returns
    -------
    int

    Warns
    -----
    UserWarning
        If the level is deeper than PyWavelets' maximum (as PyWavelets warns).

    Raises
    ------
    ValueError
        If the level is not from 0 to `MAX_LEVEL`, or `mode` cannot extend the signal of
        some level.
    """
    deepest = min(max_level(length, filter_length) for length in signal_shape)
    if level is None:
        level = max(1, deepest)
    else:
        check_level(level)
        if level > deepest and not torch.compiler.is_compiling():
            warnings.warn(
                f"level={level} is too high: with {filter_length} taps and signals of "
                f"shape {tuple(signal_shape)} all coefficients beyond level {deepest} "
                "experience boundary effects.",
                stacklevel=2,
            )
    for length in signal_shape:
        for j in range(level):
            if length < min_length(mode):
                raise ValueError(
                    f"mode={mode!r} needs at least {min_length(mode)} samples along each "
                    f"axis at each level, and at level {j + 1} one axis has {length}. "
                    f"Use level={j} or another mode, such as 'symmetric'."
                )
            length = coeff_length(length, filter_length, mode)
    return level


@dataclass(frozen=True)
class Band:
    """One subband of one channel.

    Attributes
    ----------
    name : str
        'cA3', 'cD1' in 1-D; 'cA3', 'cH1', 'cV1', 'cD1' in 2-D; 'aaa3', 'add1' in 3-D.
    level : int
        1 is the finest.
    start, stop : int
        Its place in the flat coefficients of the channel.
    shape : tuple of int

    Examples
    --------
    >>> from sk_awave.engine import CoeffLayout
    >>> layout = CoeffLayout((8, 8), None, filter_length=2, level=1, mode="symmetric")
    >>> layout.bands[1]
    Band(name='cV1', level=1, start=16, stop=32, shape=(4, 4))
    """

    name: str
    level: int
    start: int
    stop: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class CoeffLayout:
    """The flat order of the coefficients: PyWavelets' ``ravel_coeffs``, by channel.

    Parameters
    ----------
    signal_shape : tuple of int
        The transformed axes of a sample.
    n_channels : int or None
        The length of the channel axis; None where samples have none.
    filter_length, level, mode
        What the transform is.

    Examples
    --------
    >>> from sk_awave.engine import CoeffLayout
    >>> layout = CoeffLayout((8,), None, filter_length=2, level=2, mode="symmetric")
    >>> [(band.name, band.start, band.stop) for band in layout.bands]
    [('cA2', 0, 2), ('cD2', 2, 4), ('cD1', 4, 8)]
    >>> layout.names()[:3]
    ['cA2_0', 'cA2_1', 'cD2_0']
    """

    signal_shape: tuple[int, ...]
    n_channels: int | None
    filter_length: int
    level: int
    mode: str

    def __post_init__(self):
        check_level(self.level)  # True equals 1, and would be found in caches for it

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the bands of each level, from the signal to the coarsest."""
        shapes = [self.signal_shape]
        for _ in range(self.level):
            shapes.append(
                tuple(coeff_length(n, self.filter_length, self.mode) for n in shapes[-1])
            )
        return tuple(shapes)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """The subbands of one channel in flat order: coarse to fine."""
        return tuple(self._iter_bands())

    def _iter_bands(self) -> Iterator[Band]:
        ndim = len(self.signal_shape)
        vocabulary = {
            1: {"a": "cA", "d": "cD"},
            2: {"aa": "cA", "da": "cH", "ad": "cV", "dd": "cD"},
        }.get(ndim, {})
        details = [
            (key, level)
            for level in range(self.level, 0, -1)
            for key in detail_keys(ndim)
        ]
        start = 0
        for key, level in [("a" * ndim, self.level), *details]:
            shape = self.shapes[level]
            stop = start + math.prod(shape)
            yield Band(f"{vocabulary.get(key, key)}{level}", level, start, stop, shape)
            start = stop

    @property
    def n_coeffs_per_channel(self) -> int:
        """The number of coefficients of one channel."""
        return self.bands[-1].stop

    @property
    def n_coeffs(self) -> int:
        """The number of coefficients of a sample."""
        return (self.n_channels or 1) * self.n_coeffs_per_channel

    def names(self) -> list[str]:
        """Name every coefficient: 'cD1_12', 'cH2_3_4', 'ch0_cA4_0' with channels."""
        names = [
            "_".join([band.name, *map(str, position)])
            for band in self.bands
            for position in np.ndindex(band.shape)
        ]
        if (self.n_channels or 1) == 1:
            return names
        return [f"ch{c}_{name}" for c in range(self.n_channels) for name in names]

    def unflatten(self, flat):
        """Rebuild PyWavelets' structure from flat coefficients.

        Parameters
        ----------
        flat : array or tensor of shape (..., n_coeffs)
            One sample, or any number of them.

        Returns
        -------
        list
            What ``pywt.waverec``, ``waverec2`` or ``waverecn`` take (over the last axes):
            arrays of shape ``(..., [n_channels,] *band_shape)``.
        """
        if flat.shape[-1] != self.n_coeffs:
            raise ValueError(
                f"The last axis must have {self.n_coeffs} coefficients. Got an array of "
                f"shape {tuple(flat.shape)} instead."
            )
        batch_shape = tuple(flat.shape[:-1])
        if self.n_channels is not None:
            batch_shape += (self.n_channels,)
        flat = flat.reshape(*batch_shape, self.n_coeffs_per_channel)
        arrays = [
            flat[..., band.start : band.stop].reshape(*batch_shape, *band.shape)
            for band in self.bands
        ]
        return _to_pywt(arrays, len(self.signal_shape))

    def flatten(self, coeffs):
        """Flatten PyWavelets' structure: the inverse of `unflatten`.

        Parameters
        ----------
        coeffs : list
            As ``pywt.wavedec``, ``wavedec2`` or ``wavedecn`` return it (over the last
            axes).

        Returns
        -------
        array or tensor of shape (..., n_coeffs)
        """
        ndim = len(self.signal_shape)
        n_batch = coeffs[0].ndim - ndim
        batch_shape = tuple(coeffs[0].shape[:n_batch])
        arrays = [a.reshape(*batch_shape, -1) for a in _from_pywt(coeffs, ndim)]
        is_tensor = isinstance(arrays[0], Tensor)
        flat = torch.cat(arrays, -1) if is_tensor else np.concatenate(arrays, -1)
        return flat if self.n_channels is None else flat.reshape(*batch_shape[:-1], -1)

    def pack(self, bands: list[Tensor]) -> Tensor:
        """Flatten what ``wavedec`` returns to a tensor of shape (n, n_coeffs)."""
        return torch.cat([band.flatten(1) for band in bands], 1)

    def unpack(self, flat: Tensor) -> list[Tensor]:
        """Rebuild what ``waverec`` takes from a tensor of shape (n, n_coeffs)."""
        n_details = 2 ** len(self.signal_shape) - 1
        shapes = [(n_details, *shape) for shape in reversed(self.shapes[1:])]
        shapes = [self.shapes[-1], *shapes]
        parts = flat.split([math.prod(shape) for shape in shapes], dim=1)
        return [p.reshape(-1, *s) for p, s in zip(parts, shapes, strict=True)]


def bands_to_pywt(bands: list[Tensor], batch_shape: Sequence[int]) -> list:
    """Turn the output of ``wavedec`` to PyWavelets' structure."""
    approximation, *details = bands
    ndim = approximation.ndim - 1
    arrays = [approximation, *(d for level in details for d in level.unbind(1))]
    return _to_pywt([a.reshape(*batch_shape, *a.shape[1:]) for a in arrays], ndim)


def bands_from_pywt(coeffs: list, ndim: int) -> tuple[list[Tensor], tuple[int, ...]]:
    """Turn PyWavelets' structure to the input of ``waverec``, and the batch shape."""
    approximation, *details = _from_pywt(coeffs, ndim)
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


def _to_pywt(arrays: list, ndim: int) -> list:
    """Group the details of each level, given in the order of `detail_keys`."""
    approximation, *details = arrays
    if ndim == 1:
        return list(arrays)
    keys = detail_keys(ndim)
    levels = [
        dict(zip(keys, details[i : i + len(keys)], strict=True))
        for i in range(0, len(details), len(keys))
    ]
    if ndim == 2:  # PyWavelets' tuple (cH, cV, cD)
        levels = [(level["da"], level["ad"], level["dd"]) for level in levels]
    return [approximation, *levels]


def _from_pywt(coeffs: list, ndim: int) -> list:
    """List approximation and details in the order of `detail_keys`."""
    approximation, *levels = coeffs
    if ndim == 1:
        return list(coeffs)
    if ndim == 2:
        levels = [{"da": h, "ad": v, "dd": d} for h, v, d in levels]
    keys = detail_keys(ndim)
    return [approximation, *(level[key] for level in levels for key in keys)]
