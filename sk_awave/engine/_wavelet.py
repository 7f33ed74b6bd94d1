"""Wavelets by name, and such as stay what they are in copies, pickles and workers."""

import difflib
from collections.abc import Iterator, Sequence

import numpy as np
import pywt

from sk_awave.engine._condition import reconstruction_error

#: Largest deviation at which filters count as orthogonal, or as biorthogonal.
_TOLERANCE = 1e-9


class Wavelet(pywt.Wavelet):
    """A `pywt.Wavelet` whose copies and pickles are as good as itself.

    Those of a `pywt.Wavelet` keep name and filters only, and no longer know if these are
    orthogonal, nor the family of a wavelet of the library.

    Parameters
    ----------
    name : str
        The name of a wavelet of the library, or of the filters.
    filter_bank : sequence of four lists, default=None
        The filters, if they are not those of a wavelet of the library.
    orthogonal, biorthogonal : bool, default=None
        The properties of the filters.
    """

    def __new__(cls, name, filter_bank=None, orthogonal=None, biorthogonal=None):
        """Make a wavelet of PyWavelets, which knows no more than name and filters."""
        wavelet = super().__new__(cls, name, filter_bank)
        if filter_bank is not None:
            wavelet.orthogonal, wavelet.biorthogonal = orthogonal, biorthogonal
        return wavelet

    def __reduce__(self):
        """Return the arguments that make it again."""
        if self.short_family_name:  # of the library
            return type(self), (self.name,)
        filters, flags = self.filter_bank, (self.orthogonal, self.biorthogonal)
        return type(self), (self.name, filters, *flags)


def as_wavelet(wavelet, owner: str = "FilterBank.from_wavelet") -> Wavelet:
    """Return a discrete wavelet given by name or as such, or raise ValueError.

    `owner` is whose parameter it is, for the message.
    """
    if isinstance(wavelet, Wavelet):
        return wavelet
    names = pywt.wavelist(kind="discrete")
    if isinstance(wavelet, pywt.Wavelet):
        filters = wavelet.filter_bank
        if wavelet.name in names and pywt.Wavelet(wavelet.name).filter_bank == filters:
            return Wavelet(wavelet.name)
        # A copy has lost its flags, so that False means nothing.
        reconstructs = wavelet.biorthogonal or _reconstructs(filters)
        is_orthogonal = wavelet.orthogonal or (reconstructs and _is_mirrored(*filters))
        return Wavelet(wavelet.name, filters, is_orthogonal, reconstructs)
    if wavelet not in names:
        similar = difflib.get_close_matches(str(wavelet).lower(), names, n=1)
        hint = f" Did you mean {similar[0]!r}?" if similar else ""
        raise ValueError(
            f"The 'wavelet' parameter of {owner} must be an instance of 'pywt.Wavelet' "
            f"or a str among pywt.wavelist(kind='discrete'). Got {wavelet!r} instead."
            f"{hint}"
        )
    return Wavelet(wavelet)


def make_wavelet(filters: np.ndarray, name: str) -> Wavelet:
    """Wrap learned filters of shape (4, K) as a wavelet that knows what it is."""
    return Wavelet(name, [f.tolist() for f in filters], _is_mirrored(*filters), True)


def _is_mirrored(dec_lo, dec_hi, rec_lo, rec_hi) -> bool:
    """Tell if analysis is the transpose of synthesis."""
    return bool(np.allclose(dec_lo, np.flip(rec_lo), atol=_TOLERANCE))


def _reconstructs(filters: Sequence[Sequence[float]]) -> bool:
    """Tell if signals come back."""
    have_one_length = len({len(taps) for taps in filters}) == 1
    return have_one_length and reconstruction_error(np.array(filters)) < _TOLERANCE


def library_filters(filter_length: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and ``rec_lo`` of the wavelets that the lattice has and that fit."""
    aliases = {"db1", "sym2", "sym3"}  # of haar, db2 and db3
    too_long = {"dmey", *(f"db{n}" for n in range(23, 39))}
    for name in pywt.wavelist(kind="discrete"):
        wavelet = pywt.Wavelet(name)
        fits = wavelet.orthogonal and wavelet.dec_len <= filter_length
        if fits and name not in aliases | too_long:
            yield name, np.array(wavelet.rec_lo)


def biorthogonal_wavelets(filter_length: float) -> Iterator[pywt.Wavelet]:
    """Yield the wavelets that fit of the two families without orthogonal ones."""
    for name in (*pywt.wavelist("bior"), *pywt.wavelist("rbio")):
        wavelet = pywt.Wavelet(name)
        if wavelet.dec_len <= filter_length and not name.endswith("1.1"):  # haar
            yield wavelet
