"""The multilevel separable transform in any number of dimensions, and its module."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn

from sk_awave.engine._boundary import MODES, coeff_length
from sk_awave.engine._dwt import analysis, synthesis, synthesis_adjoint
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._layout import (
    bands_from_pywt,
    bands_to_pywt,
    check_level,
    resolve_level,
)


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
    for axis, length in enumerate(shape, start=1):
        x = x.narrow(axis, 0, length)
    return x


def _as_real(x: Tensor, name: str) -> Tensor:
    """Return a tensor of real floating-point values, or raise TypeError."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be made of tensors. Got {type(x).__name__} instead. Use "
            "torch.as_tensor, or WaveletTransformer for arrays."
        )
    if x.is_complex():
        raise TypeError(f"{name} must be real. Got {x.dtype} instead.")
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())


class MultilevelDWT(nn.Module):
    """Multilevel wavelet transform as a layer, with learned or fixed filters.

    The coefficients are PyWavelets', for every boundary mode and every length, and
    differentiable with respect to the signal and to the filters.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="db5"
        The wavelet, or where learning starts from.
    level : int, default=None
        The number of levels. By default PyWavelets' maximum for the length of the
        signal, and at least 1; needed when `per_level`.
    mode : str, default="symmetric"
        One of PyWavelets' nine boundary modes.
    ndim : int, default=1
        How many trailing axes are transformed.
    parametrization : {"orthogonal", "free", "fixed"}, default="orthogonal"
        What is learned: the angles of an orthonormal lattice (every value of which is a
        wavelet), the low-pass filter itself (which penalties must keep near one), or
        nothing. See :class:`FilterBank`.
    per_level, per_axis : bool, default=False
        Whether each level, or each axis, has its own filters.

    Attributes
    ----------
    filter_bank : FilterBank
        The filters.

    See Also
    --------
    FilterBank : The learned filters themselves.

    Examples
    --------
    >>> import torch
    >>> from sk_awave import MultilevelDWT
    >>> dwt = MultilevelDWT("db2", level=2)
    >>> x = torch.linspace(0, 1, 16, dtype=torch.float64).reshape(1, 1, 16)
    >>> cA2, cD2, cD1 = dwt(x)
    >>> cA2.shape, cD1.shape
    (torch.Size([1, 1, 6]), torch.Size([1, 1, 9]))
    >>> torch.allclose(dwt.inverse([cA2, cD2, cD1], signal_shape=(16,)), x)
    True
    """

    def __init__(
        self,
        wavelet="db5",
        *,
        level: int | None = None,
        mode: str = "symmetric",
        ndim: int = 1,
        parametrization: str = "orthogonal",
        per_level: bool = False,
        per_axis: bool = False,
    ):
        super().__init__()
        if isinstance(ndim, bool) or not isinstance(ndim, Integral) or ndim < 1:
            raise ValueError(f"ndim must be an int of at least 1. Got {ndim!r} instead.")
        if mode not in MODES:
            raise ValueError(f"mode must be one of {list(MODES)}. Got {mode!r} instead.")
        if level is not None:
            check_level(level)
        if per_level and level is None:
            raise ValueError("per_level=True needs the number of levels: set level.")
        self.level = level
        self.mode = mode
        self.ndim = ndim
        self.filter_bank = FilterBank.from_wavelet(
            wavelet,
            parametrization,
            n_levels=max(1, level) if per_level else 1,
            n_axes=ndim if per_axis else 1,
        )

    def forward(self, x: Tensor) -> list:
        """Transform the last `ndim` axes.

        Parameters
        ----------
        x : tensor of shape (..., *signal_shape)
            Integers are transformed in torch's default dtype.

        Returns
        -------
        list
            The structure of PyWavelets' ``wavedec``, ``wavedec2`` or ``wavedecn``, each
            coefficient tensor with the leading axes of `x`.
        """
        x = _as_real(x, "x")
        if x.ndim < self.ndim:
            raise ValueError(f"x needs at least ndim={self.ndim} axes. Got {x.ndim}.")
        signal_shape = x.shape[x.ndim - self.ndim :]
        filters = self.filter_bank().to(x.dtype)
        level = resolve_level(signal_shape, filters.shape[-1], self.mode, self.level)
        bands = wavedec(x.reshape(-1, *signal_shape), filters, self.mode, level)
        return bands_to_pywt(bands, x.shape[: x.ndim - self.ndim])

    def inverse(self, coeffs: list, signal_shape: Sequence[int] | None = None) -> Tensor:
        """Reconstruct signals from their coefficients.

        Parameters
        ----------
        coeffs : list
            As `forward` returns them.
        signal_shape : sequence of int, default=None
            The shape to crop to. Without it an odd length comes back with one sample
            more, as it does in PyWavelets.

        Returns
        -------
        x : tensor of shape (..., *signal_shape)

        Raises
        ------
        TypeError
            If `coeffs` are not real tensors.
        ValueError
            If they do not belong together, or to this `ndim`, mode and filter length.
        """
        if not torch.compiler.is_compiling():
            self._check_coeffs(coeffs, signal_shape)
        bands, batch_shape = bands_from_pywt(coeffs, self.ndim)
        bands = [_as_real(band, "coeffs") for band in bands]
        filters = self.filter_bank().to(bands[0].dtype)
        x = waverec(bands, filters, self.mode, signal_shape)
        return x.reshape(*batch_shape, *x.shape[1:])

    def _check_coeffs(self, coeffs, signal_shape):
        """Raise an error for coefficients that do not belong together."""
        try:
            bands, _ = bands_from_pywt(coeffs, self.ndim)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            name = {1: "wavedec", 2: "wavedec2"}.get(self.ndim, "wavedecn")
            raise ValueError(
                f"coeffs must be tensors in the structure of PyWavelets' {name}, as "
                f"forward returns them with ndim={self.ndim}."
            ) from error
        length = self.filter_bank.filter_length
        first, *shapes = [tuple(band.shape[-self.ndim :]) for band in bands]
        if signal_shape is not None:
            shapes.append(tuple(signal_shape))
        fits = first == (shapes or [first])[0] and all(
            coarse == tuple(coeff_length(n, length, self.mode) for n in fine)
            for coarse, fine in pairwise(shapes)
        )
        if not fits:
            raise ValueError(
                f"coeffs of shapes {[first, *shapes]}, from the approximation to the "
                f"finest details or to signal_shape, do not belong together with filters "
                f"of {length} taps and mode={self.mode!r}."
            )
