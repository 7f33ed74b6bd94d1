"""The two-channel filter bank: parameters in, four filters out."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pywt
import torch
from torch import Tensor, nn

from sk_awave.engine._condition import warn_if_inexact
from sk_awave.engine._free import Free
from sk_awave.engine._lattice import Orthogonal
from sk_awave.engine._lifting import Symmetric
from sk_awave.engine._skewed_lattice import Biorthogonal
from sk_awave.engine._terms import Term, wavelet_terms
from sk_awave.engine._wavelet import as_wavelet, make_wavelet
from sk_awave.utils._budget import check_budget, check_filter_length

#: Largest deviation at which a filter still counts as represented exactly.
_TOLERANCE = 1e-9


class Fixed(nn.Identity):
    """Four fixed filters; nothing is learned.

    Parameters
    ----------
    tags : frozenset of str, default=frozenset()
        The properties of these filters.
    """

    needs = "finite filters"

    def __init__(self, tags: frozenset[str] = frozenset()):
        super().__init__()
        self.tags = tags

    def right_inverse(self, filters: Tensor) -> Tensor:
        """Return the filters."""
        return filters


PARAMETRIZATIONS: dict[str, Any] = {
    "orthogonal": Orthogonal,
    "biorthogonal": Biorthogonal,
    "symmetric": Symmetric,
    "free": Free,
    "fixed": Fixed,
}

#: The names of those that something learns.
LEARNED = frozenset(PARAMETRIZATIONS) - {"fixed"}


def as_parametrization(parametrization: str | nn.Module) -> Any:
    """Return a parametrization given by name, or a copy of one given as a module."""
    if isinstance(parametrization, str):
        return PARAMETRIZATIONS[parametrization]()
    return copy.deepcopy(parametrization)


def terms_of(parametrization: Any) -> Mapping[Term, float]:
    """Return the terms that keep it a wavelet, with strengths, where no tag does."""
    own = hasattr(parametrization, "terms")
    return parametrization.terms if own else wavelet_terms()


def _needs(parametrization: Any) -> str:
    """Say what filters a parametrization can represent."""
    return getattr(parametrization, "needs", "filters that it can represent")


class FilterBank(nn.Module):
    """A two-channel filter bank, learned or fixed.

    It is called without arguments, and returns the filters as one tensor through which
    gradients flow to the parameters.

    Parameters
    ----------
    filters : array-like of shape (n_levels or 1, n_axes or 1, 4, K)
        The filters ``dec_lo, dec_hi, rec_lo, rec_hi``, in PyWavelets' order and time
        direction, of each level (the finest first) and axis. If all share them, these
        axes have length 1. The number of taps K is even.
    parametrization : {"orthogonal", "biorthogonal", "symmetric", "free", "fixed"} or \
            Module, default="orthogonal"
        The parameters that are learned:

        - "orthogonal": K / 2 - 1 rotation angles of a lattice with K taps. All angles
          give an exactly orthonormal bank with a vanishing moment (Vaidyanathan & Hoang
          1988);
        - "biorthogonal": K - 2 angles and skews of a lattice with K taps. All of them
          give a bank that reconstructs exactly, with a vanishing moment on each side; see
          `Biorthogonal`;
        - "symmetric": the taps of the symmetric lifting steps of a biorthogonal wavelet
          of linear phase. All taps give a bank that reconstructs exactly, has a vanishing
          moment on each side, and is symmetric (Sweldens 1996);
        - "free": the low-pass filter ``rec_lo``. The high-pass is its alternating flip.
          Only penalties keep the bank close to a wavelet (Ha et al. 2021); `Free` sets
          their strengths;
        - "fixed": none. Any bank is allowed, such as a biorthogonal one;
        - a module of your own. Its ``forward`` maps parameters to filters, and its
          ``right_inverse`` maps filters to parameters. Its ``tags`` are the properties
          that always hold. It may have ``terms`` that keep the bank a wavelet. See the
          page on extending.

    dtype : torch.dtype, default=torch.float64
        The dtype of the parameters that are learned. Whatever it is, and whatever the
        module is cast to, filters are computed from them in float64.

    Attributes
    ----------
    original : torch.nn.Parameter or tensor
        The parameters that are learned. Fixed filters are a plain tensor in float64.

    Raises
    ------
    ValueError
        If the parametrization cannot represent the filters.

    Warns
    -----
    UserWarning
        If fixed filters do not reconstruct: the round trip errs by more than 1e-6.

    Examples
    --------
    >>> from sk_awave.engine import FilterBank
    >>> bank = FilterBank.from_wavelet("db2")
    >>> bank.original.shape, bank().shape
    (torch.Size([1, 1, 1]), torch.Size([1, 1, 4, 4]))
    >>> bank.to_wavelet().rec_lo[0]
    0.4829629131445...
    """

    _lost: Tensor | None

    def __init__(
        self,
        filters,
        parametrization: str | nn.Module = "orthogonal",
        *,
        dtype: torch.dtype = torch.float64,
    ):
        super().__init__()
        is_own = isinstance(parametrization, nn.Module)
        if not is_own and parametrization not in PARAMETRIZATIONS:
            raise ValueError(
                f"parametrization must be one of {sorted(PARAMETRIZATIONS)}, or a "
                f"module. Got {parametrization!r} instead."
            )
        if isinstance(filters, str | pywt.Wavelet):
            raise TypeError(
                "filters must be an array. Got a wavelet instead: use "
                "FilterBank.from_wavelet."
            )
        filters = torch.as_tensor(np.array(filters), dtype=torch.float64)
        if filters.ndim != 4 or filters.shape[2] != 4 or filters.shape[3] % 2:
            raise ValueError(
                "filters must have shape (n_levels, n_axes, 4, filter_length) with an "
                f"even filter_length. Got shape {tuple(filters.shape)} instead."
            )
        if parametrization == "fixed":
            warn_if_inexact(filters)
        # Held, not registered with torch's parametrize, which would forbid pickling.
        self.parametrization = as_parametrization(parametrization)
        if not filters.isfinite().all():
            raise ValueError(
                "A bank cannot represent these filters: some are not finite."
            )
        original = self.parametrization.right_inverse(filters)
        # What is not learned is no parameter: casts leave it, and optimizers and those
        # who gather parameters do not see it.
        learned, held = parametrization != "fixed", original.to(dtype)
        self.original = nn.Parameter(held) if learned else original
        # With what the dtype has lost, the bank is exactly the one it starts from.
        lost = (original - held).float() if learned and dtype != torch.float64 else None
        self.register_buffer("_lost", lost, persistent=False)
        made = self().detach()
        fits = made.shape == filters.shape
        error = deviation(made, filters) if fits else math.inf
        if not error <= _TOLERANCE:
            raise ValueError(
                f"parametrization={parametrization!r} cannot represent these filters "
                f"(they differ by {error:.1e}). It needs {_needs(self.parametrization)}."
            )

    @classmethod
    def from_wavelet(
        cls,
        wavelet,
        parametrization: str | nn.Module = "orthogonal",
        *,
        n_levels: int = 1,
        n_axes: int = 1,
        filter_length: int | None = None,
        shift: int | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> "FilterBank":
        """Make a bank that starts at a wavelet.

        Parameters
        ----------
        wavelet : str or pywt.Wavelet
            A discrete wavelet.
        parametrization : str or Module, default="orthogonal"
            The parametrization; see the class.
        n_levels, n_axes : int, default=1
            The number of levels and axes that have filters of their own.
        filter_length : int, default=None
            The number of taps. It is even and at least the number of taps of the wavelet.
            A shorter wavelet is padded with zeros (zero angles of the lattice).
        shift : int, default=None
            The number of zeros before ``rec_lo``, even. By default it is 0, or about half
            of all zeros for a biorthogonal wavelet.
        dtype : torch.dtype, default=torch.float64
            The dtype of the parameters; see the class.

        Returns
        -------
        FilterBank

        Raises
        ------
        ValueError
            If the wavelet is unknown, or if the parametrization cannot represent it.
        """
        wavelet = as_wavelet(wavelet)
        filters = np.array(wavelet.filter_bank, dtype=float)
        if not np.isfinite(filters).all():
            raise ValueError(
                f"The filters of the wavelet {wavelet.name!r} contain NaN or infinity."
            )
        length = filter_length or wavelet.dec_len
        check_filter_length(length, 0)
        check_budget(
            n_levels * n_axes * 4 * length,
            f"n_levels={n_levels} with n_axes={n_axes}",
            "Use fewer levels or axes with filters of their own.",
            sample_size=0,
        )
        extra = length - wavelet.dec_len
        if extra < 0 or extra % 2:
            raise ValueError(
                f"filter_length must be even and at least {wavelet.dec_len}, the length "
                f"of {wavelet.name!r}. Got {filter_length} instead."
            )
        if shift is None:
            is_orthogonal = np.allclose(filters[0], filters[2][::-1])
            shift = 0 if is_orthogonal else extra // 4 * 2
        # Zeros around rec_lo, and reversed around its reversal and its alternating flip.
        before, after = (shift, extra - shift), (extra - shift, shift)
        widths = after, before, before, after
        filters = np.stack([np.pad(f, w) for f, w in zip(filters, widths, strict=True)])
        try:
            tiled = np.tile(filters, (n_levels, n_axes, 1, 1))
            return cls(tiled, parametrization, dtype=dtype)
        except ValueError as error:
            is_own = isinstance(parametrization, nn.Module)
            if is_own or parametrization not in PARAMETRIZATIONS:
                raise
            raise ValueError(
                f"The wavelet {wavelet.name!r} cannot be represented by "
                f"parametrization={parametrization!r}, which needs "
                f"{PARAMETRIZATIONS[parametrization].needs}. Start from another one, or "
                "keep this one fixed with WaveletTransformer."
            ) from error

    def get_extra_state(self) -> dict[str, Tensor | None]:
        """Return what belongs to the state of a bank without being a parameter."""
        is_fixed = not isinstance(self.original, nn.Parameter)
        return {"fixed": self.original if is_fixed else None, "lost": self._lost}

    def set_extra_state(self, state: dict[str, Tensor | None]) -> None:
        """Set it."""
        if state["fixed"] is not None:
            self.original = state["fixed"].clone()
        lost = state["lost"]
        self._lost = None if lost is None else lost.to(self.original.device)

    @property
    def filter_length(self) -> int:
        """The number of taps of each filter."""
        return self().shape[-1]

    @property
    def tags(self) -> frozenset[str]:
        """The properties that hold at any parameters: "reconstructs", "orthonormal"."""
        return self.parametrization.tags

    @property
    def is_biorthogonal(self) -> bool:
        """Tell if it reconstructs at any parameters without being always orthonormal."""
        return "reconstructs" in self.tags and "orthonormal" not in self.tags

    def forward(self) -> Tensor:
        """Return the filters, of shape (n_levels or 1, n_axes or 1, 4, K)."""
        original = self.original.double()
        return self.filters(original if self._lost is None else original + self._lost)

    def filters(self, original: Tensor) -> Tensor:
        """Return the filters at other parameters, of the shape of `original`."""
        return self.parametrization(original)

    def at(self, theta: np.ndarray) -> "FilterBank":
        """Return a bank of the same kind with other parameters, given flat."""
        other = copy.deepcopy(self)
        flat = torch.as_tensor(theta, dtype=torch.float64)
        other.original.data.copy_(flat.reshape(other.original.shape))
        other._lost = None
        return other

    @property
    def has_lattices(self) -> bool:
        """Tell if it can have the filters of orthonormal lattices."""
        return not self.is_biorthogonal or hasattr(self.parametrization, "inner")

    def inner(self) -> "FilterBank | None":
        """Return the bank that is learned before this one, from the same parameters.

        It is None if the parametrization has no such bank, or if that bank cannot have
        these filters.
        """
        restrict = getattr(self.parametrization, "restrict", None)
        original = None if restrict is None else restrict(self.original.detach())
        if original is None:
            return None
        inner = FilterBank(self().detach().numpy(), self.parametrization.inner)
        return inner.at(original)

    def to_wavelet(self, level: int = 0, axis: int = 0, name: str = "learned"):
        """Return the bank of a level (0 is the finest) and axis as a `pywt.Wavelet`."""
        return make_wavelet(self().detach()[level, axis].cpu().numpy(), name)


def deviation(filters: Tensor, target: Tensor) -> float:
    """Return the largest difference, whatever the sign of the high-pass pair."""
    low, high = (filters - target)[..., ::2, :], (filters - target)[..., 1::2, :]
    flipped = (filters + target)[..., 1::2, :]
    low, high, flipped = (a.abs().amax((-2, -1)) for a in (low, high, flipped))
    return float(torch.maximum(low, torch.minimum(high, flipped)).max())
