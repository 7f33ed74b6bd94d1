"""The place of each coefficient in the flat vector, and its name."""

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._boundary import coeff_length, max_level, min_length
from sk_awave.engine._tree import Path, Tree

#: No signal is so long that it has more levels.
MAX_LEVEL = 62


def detail_keys(ndim: int) -> list[str]:
    """Return PyWavelets' keys of the details of one level: 'ad', 'da', 'dd' in 2-D."""
    return ["".join(key) for key in itertools.product(*["ad"] * ndim)][1:]


def branch_names(ndim: int) -> list[str]:
    """Return PyWavelets' names of the branches of packets, of one letter in 1-D and 2-D.

    In 2-D 'h' is high-pass along the first axis, 'v' along the second, 'd' along both.
    """
    return {1: list("ad"), 2: list("avhd")}.get(ndim) or ["a" * ndim, *detail_keys(ndim)]


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
    path : tuple of int
        The branches from the signal to the band; see `Tree`.
    name : str
        The name: 'cA3', 'cD1' in 1-D; 'cA3', 'cH1', 'cV1', 'cD1' in 2-D; 'aaa3', 'add1'
        in 3-D. For packets it is PyWavelets' path: 'aad', or in 2-D 'ahd'.
    kind : {"approximation", "detail"}
        The kind. In an approximation, every branch is low-pass along all axes.
    level : int
        The level. 1 is the finest.
    start, stop : int
        The place of the band in the flat coefficients of the channel.
    shape : tuple of int
        The shape of its coefficients.
    weight : float
        The factor of its coefficients in L1 norms. It is 1, or in a stationary transform
        ``2^(-level / 2)`` for each axis. The norm of a stationary transform is then the
        mean, over all shifts, of the norm of the decimated transform.

    Examples
    --------
    >>> from sk_awave.engine import CoeffLayout, Tree
    >>> layout = CoeffLayout((8, 8), None, 2, Tree.dwt(1), "symmetric")
    >>> layout.bands[1].name, layout.bands[1].kind, layout.bands[1].shape
    ('cV1', 'detail', (4, 4))
    """

    path: Path
    name: str
    kind: str
    level: int
    start: int
    stop: int
    shape: tuple[int, ...]
    weight: float = 1.0

    @property
    def frequencies(self) -> tuple[tuple[float, float], ...]:
        """The lowest and the highest frequency along each axis, in cycles per sample.

        They are exact for ideal filters. Decimation reverses the spectrum of a high-pass
        half. So the frequencies of the packet 'da' are above those of 'dd'.
        """
        ranges = []
        for axis in reversed(range(len(self.shape))):
            place, upper = 0, 0
            for branch in self.path:
                upper ^= branch >> axis & 1
                place = 2 * place + upper
            width = 0.5 / 2 ** len(self.path)
            ranges.append((place * width, (place + 1) * width))
        return tuple(ranges)


@dataclass(frozen=True)
class CoeffLayout:
    """The flat order of the coefficients: PyWavelets' ``ravel_coeffs``, by channel.

    Parameters
    ----------
    signal_shape : tuple of int
        The transformed axes of a sample.
    n_channels : int or None
        The length of the channel axis; None if samples have none.
    filter_length : int
        The number of taps.
    tree : Tree
        The nodes that are split, and the kind of level.
    mode : str
        The extension of signals beyond their ends.

    Examples
    --------
    >>> from sk_awave.engine import CoeffLayout, Tree
    >>> layout = CoeffLayout((8,), None, 2, Tree.dwt(2), "symmetric")
    >>> [(band.name, band.start, band.stop) for band in layout.bands]
    [('cA2', 0, 2), ('cD2', 2, 4), ('cD1', 4, 8)]
    >>> layout.names()[:3]
    ['cA2_0', 'cA2_1', 'cD2_0']
    """

    signal_shape: tuple[int, ...]
    n_channels: int | None
    filter_length: int
    tree: Tree
    mode: str

    def __getstate__(self):  # without properties that were asked for
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def level(self) -> int:
        """The number of levels."""
        return self.tree.level

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the bands of each level, from the signal to the coarsest."""
        shapes = [self.signal_shape]
        for _ in range(self.level):
            coarser = shapes[-1]
            if self.tree.is_decimated:
                taps, mode = self.filter_length, self.mode
                coarser = tuple(coeff_length(n, taps, mode) for n in coarser)
            shapes.append(coarser)
        return tuple(shapes)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """The subbands of one channel in flat order: coarse to fine."""
        return tuple(self._iter_bands())

    def _iter_bands(self) -> Iterator[Band]:
        ndim = len(self.signal_shape)
        keys = ["".join(key) for key in itertools.product("ad", repeat=ndim)]
        vocabulary = {
            1: {"a": "cA", "d": "cD"},
            2: {"aa": "cA", "da": "cH", "ad": "cV", "dd": "cD"},
        }.get(ndim, {})
        start = 0
        for path in self.tree.leaves(2**ndim):
            level, shape = len(path), self.shapes[len(path)]
            stop = start + math.prod(shape)
            key = keys[path[-1] if path else 0]
            kind = "detail" if any(path) else "approximation"
            weight = 1.0 if self.tree.is_decimated else 2 ** (-level * ndim / 2)
            name = f"{vocabulary.get(key, key)}{level}"
            if self.tree.is_packet:
                name = "".join(branch_names(ndim)[branch] for branch in path)
            yield Band(path, name, kind, level, start, stop, shape, weight)
            start = stop

    @cached_property
    def weights(self) -> np.ndarray | None:
        """The weight of each coefficient of a channel; None if all are 1."""
        if all(band.weight == 1 for band in self.bands):
            return None
        sizes = [band.stop - band.start for band in self.bands]
        return np.repeat([band.weight for band in self.bands], sizes)

    @property
    def n_coeffs_per_channel(self) -> int:
        """The number of coefficients of one channel."""
        return self.bands[-1].stop

    @property
    def n_coeffs(self) -> int:
        """The number of coefficients of a sample."""
        return (self.n_channels or 1) * self.n_coeffs_per_channel

    def names(self, channel_names: Sequence[str] | None = None) -> list[str]:
        """Name every coefficient: 'cD1_12', 'cH2_3_4', 'ch0_cA4_0' with channels."""
        names = [
            "_".join([band.name, *map(str, position)])
            for band in self.bands
            for position in np.ndindex(band.shape)
        ]
        return [p + name for p in self.prefixes(channel_names) for name in names]

    def prefixes(self, channel_names: Sequence[str] | None = None) -> list[str]:
        """Return the prefixes of channels: ``ch0_``, ``Fz_``; empty for a single one."""
        if channel_names is None:
            if self.n_channels in (None, 1):
                return [""]
            channel_names = [f"ch{c}" for c in range(self.n_channels)]
        return [f"{name}_" for name in channel_names]

    def unflatten(self, flat):
        """Rebuild PyWavelets' structure from flat coefficients.

        Parameters
        ----------
        flat : array or tensor of shape (..., n_coeffs)
            The coefficients of one sample, or of any number of samples.

        Returns
        -------
        list or dict
            The structure that ``pywt.waverec``, ``waverec2`` or ``waverecn`` take (over
            the last axes), with arrays of shape ``(..., [n_channels,] *band_shape)``. For
            packets, a dict from paths to such arrays.
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
        if self.tree.is_packet:
            return {b.name: a for b, a in zip(self.bands, arrays, strict=True)}
        return to_pywt(arrays, len(self.signal_shape))

    def flatten(self, coeffs):
        """Flatten PyWavelets' structure: the inverse of `unflatten`.

        Parameters
        ----------
        coeffs : list or dict
            The structure that ``pywt.wavedec``, ``wavedec2`` or ``wavedecn`` return (over
            the last axes). For packets, a dict from paths to arrays.

        Returns
        -------
        array or tensor of shape (..., n_coeffs)
            The flat coefficients.
        """
        ndim = len(self.signal_shape)
        if self.tree.is_packet:
            arrays = [coeffs[band.name] for band in self.bands]
        else:
            arrays = list_bands(coeffs, ndim)
        n_batch = arrays[0].ndim - ndim
        batch_shape = tuple(arrays[0].shape[:n_batch])
        arrays = [a.reshape(*batch_shape, math.prod(a.shape[n_batch:])) for a in arrays]
        is_tensor = isinstance(arrays[0], Tensor)
        flat = torch.cat(arrays, -1) if is_tensor else np.concatenate(arrays, -1)
        return flat if self.n_channels is None else flat.reshape(*batch_shape[:-1], -1)


def to_pywt(arrays: list, ndim: int) -> list:
    """Group the details of each level, given in the order of `detail_keys`."""
    approximation, *details = arrays
    if ndim == 1:
        return list(arrays)
    keys = detail_keys(ndim)
    levels: list = [
        dict(zip(keys, details[i : i + len(keys)], strict=True))
        for i in range(0, len(details), len(keys))
    ]
    if ndim == 2:  # PyWavelets' tuple (cH, cV, cD)
        levels = [(level["da"], level["ad"], level["dd"]) for level in levels]
    return [approximation, *levels]


def list_bands(coeffs: list, ndim: int) -> list:
    """List approximation and details in flat order."""
    approximation, *levels = coeffs
    if ndim == 1:
        return list(coeffs)
    if ndim == 2:
        levels = [{"da": h, "ad": v, "dd": d} for h, v, d in levels]
    keys = detail_keys(ndim)
    return [approximation, *(level[key] for level in levels for key in keys)]
