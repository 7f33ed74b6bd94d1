"""The multilevel transform as a layer of torch networks."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor, nn

from sk_awave.engine._boundary import MODES, full_length
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._layout import (
    CoeffLayout,
    check_level,
    list_bands,
    resolve_level,
    to_pywt,
)
from sk_awave.engine._reference import (
    bands_from_pywt,
    bands_to_pywt,
    wavedec,
    waverec,
)
from sk_awave.engine._transform import analysis_map, synthesis_map
from sk_awave.engine._tree import Tree


def _as_real(x: Tensor, name: str) -> Tensor:
    """Return a tensor of real floating-point values, or raise TypeError."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be made of tensors. Got {type(x).__name__} instead. Use "
            "torch.as_tensor, or WaveletTransformer for arrays."
        )
    if x.dtype.is_complex:
        raise TypeError(f"{name} must be real. Got {x.dtype} instead.")
    return x if x.dtype.is_floating_point else x.to(torch.get_default_dtype())


def _is_traced() -> bool:
    """Tell if operations of torch are recorded, which the kernel is not."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _lengths(shape: Sequence[int]) -> tuple[int, ...]:
    """Return lengths as numbers. While `torch.jit.trace` records, they are tensors."""
    return tuple(map(int, shape) if torch.jit.is_tracing() else shape)


class MultilevelDWT(nn.Module):
    """Multilevel wavelet transform as a layer, with learned or fixed filters.

    The coefficients are those of PyWavelets, for every boundary mode and every length.
    They are differentiable with respect to the signal and to the filters.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="db5"
        The wavelet, or the wavelet that learning starts from.
    level : int, default=None
        The number of levels. By default it is PyWavelets' maximum for the length of the
        signal, but at least 1. It is required if `per_level` is True.
    mode : str, default="symmetric"
        One of PyWavelets' nine boundary modes.
    ndim : int, default=1
        The number of trailing axes that are transformed.
    parametrization : {"orthogonal", "biorthogonal", "symmetric", "free", "fixed"}, \
            default="orthogonal"
        The parameters that are learned; see :class:`FilterBank`. With "orthogonal",
        "biorthogonal" and "symmetric", all parameters give a wavelet. With "free", your
        loss must have penalties that keep the filter close to a wavelet. With "fixed",
        nothing is learned.
    per_level, per_axis : bool, default=False
        If True, each level (or axis) has its own filters.

    Attributes
    ----------
    filter_bank : FilterBank
        The filters. Its parameters have torch's default dtype, as those of other layers,
        and may be cast with the network. The filters are computed in float64 from them.
        Fixed filters are constants: they are no parameters, and casts leave them.

    See Also
    --------
    FilterBank : The filters of the layer.

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

    level: int | None
    mode: str
    ndim: int
    filter_bank: FilterBank

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
            dtype=torch.get_default_dtype(),
        )

    def forward(self, x: Tensor) -> list:
        """Transform the last `ndim` axes.

        Parameters
        ----------
        x : tensor of shape (..., *signal_shape)
            The signals. Integers are converted to torch's default dtype.

        Returns
        -------
        list
            The coefficients in the structure of PyWavelets' ``wavedec``, ``wavedec2`` or
            ``wavedecn``. Each tensor has the leading axes of `x`, and is contiguous.
        """
        x = _as_real(x, "x")
        if x.ndim < self.ndim:
            raise ValueError(f"x needs at least ndim={self.ndim} axes. Got {x.ndim}.")
        filters = self.filter_bank()
        *signal_shape, taps = _lengths(x.shape[x.ndim - self.ndim :] + filters.shape[-1:])
        level = resolve_level(signal_shape, taps, self.mode, self.level)
        rows = x.reshape(-1, *signal_shape)
        if _is_traced():
            bands = wavedec(rows, filters.to(x), self.mode, level)
            return bands_to_pywt(bands, x.shape[: x.ndim - self.ndim])
        layout = self._layout(tuple(signal_shape), level)
        flat = _apply(analysis_map(layout, filters), rows)
        # Copies: views would keep the memory of all bands as long as one of them.
        leading = x.shape[: x.ndim - self.ndim]
        copies = [
            flat[:, band.start : band.stop]
            .clone(memory_format=torch.contiguous_format)
            .reshape(*leading, *band.shape)
            for band in layout.bands
        ]
        return to_pywt(copies, self.ndim)

    def inverse(
        self, coeffs: list, signal_shape: int | Sequence[int] | None = None
    ) -> Tensor:
        """Reconstruct signals from their coefficients.

        Parameters
        ----------
        coeffs : list
            The coefficients, in the structure that `forward` returns.
        signal_shape : int or sequence of int, default=None
            The shape to crop to. Without it, a signal of odd length gets one additional
            sample, as in PyWavelets.

        Returns
        -------
        x : tensor of shape (..., *signal_shape)
            The signals.

        Raises
        ------
        TypeError
            If `coeffs` are complex.
        ValueError
            If they are not tensors in this structure, or if their shapes do not fit.
        """
        if isinstance(signal_shape, int):
            signal_shape = (signal_shape,)
        if _is_traced():
            bands, batch_shape = bands_from_pywt(coeffs, self.ndim)
            filters = self.filter_bank().to(bands[0])
            x = waverec(bands, filters, self.mode, signal_shape)
            return x.reshape(*batch_shape, *x.shape[1:])
        shapes = self._band_shapes(coeffs)
        if signal_shape is None:
            length, mode = self.filter_bank.filter_length, self.mode
            signal_shape = [full_length(n, length, mode) for n in shapes[-1]]
            signal_shape = shapes[0] if len(shapes) == 1 else signal_shape
        level = (len(shapes) - 1) // (2**self.ndim - 1)
        layout = self._layout(tuple(signal_shape), level)
        if shapes != [band.shape for band in layout.bands]:
            raise ValueError(
                f"coeffs of shapes {shapes}, from the approximation to the finest "
                f"details, do not belong together, or to signals of shape "
                f"{layout.signal_shape}, with filters of {layout.filter_length} taps and "
                f"mode={self.mode!r}."
            )
        flat = layout.flatten(coeffs)
        rows = _as_real(flat, "coeffs").reshape(-1, layout.n_coeffs)
        x = _apply(synthesis_map(layout, self.filter_bank()), rows)
        return x.reshape(*flat.shape[:-1], *x.shape[1:])

    def _layout(self, signal_shape: tuple[int, ...], level: int) -> CoeffLayout:
        taps = self.filter_bank.filter_length
        return CoeffLayout(signal_shape, None, taps, Tree.dwt(level), self.mode)

    def _band_shapes(self, coeffs: list) -> list[tuple[int, ...]]:
        """Return the shapes of the bands in flat order, or raise ValueError."""
        try:
            bands = list_bands(coeffs, self.ndim)
            batches = {tuple(b.shape[: b.ndim - self.ndim]) for b in bands}
            right = len(batches) == 1 and all(isinstance(b, Tensor) for b in bands)
        except (AttributeError, KeyError, TypeError, ValueError):
            right = False
        if not right:
            name = {1: "wavedec", 2: "wavedec2"}.get(self.ndim, "wavedecn")
            raise ValueError(
                f"coeffs must be tensors in the structure of PyWavelets' {name}, as "
                f"forward returns them with ndim={self.ndim}."
            )
        return [tuple(band.shape[band.ndim - self.ndim :]) for band in bands]


def _apply(linear_map, rows: Tensor) -> Tensor:
    """Apply a map to rows, in their dtype and on their device."""
    factors = [factor.to(rows) for factor in linear_map.factors]
    return linear_map.at(factors).apply(rows)
