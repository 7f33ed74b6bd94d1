"""Wavelets that stay what they are in copies, pickles and worker processes."""

import difflib

import numpy as np
import pywt

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
        reconstructs = wavelet.biorthogonal or _reconstructs(*filters)
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


def _reconstructs(dec_lo, dec_hi, rec_lo, rec_hi) -> bool:
    """Tell if a signal comes back, but for a delay."""
    if len({len(dec_lo), len(dec_hi), len(rec_lo), len(rec_hi)}) > 1:
        return False
    back = np.convolve(dec_lo, rec_lo) + np.convolve(dec_hi, rec_hi)
    signs = (-1.0) ** np.arange(len(dec_lo))
    alias = np.convolve(signs * dec_lo, rec_lo) + np.convolve(signs * dec_hi, rec_hi)
    back[np.abs(back).argmax()] -= 2
    return bool(max(np.abs(back).max(), np.abs(alias).max()) < _TOLERANCE)
