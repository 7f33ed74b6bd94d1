"""The skewed lattice: angles and skews <-> the filters of a biorthogonal bank."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from sk_awave.engine._lattice import Orthogonal, chain, lowpass_to_angles, polish
from sk_awave.engine._params import Params
from sk_awave.engine._terms import Term, wavelet_terms

# Note [skewed lattice]
#     The orthonormal lattice with two numbers in place of each rotation, an angle t and a
#     skew u:
#         M = [[cos(t + s), sin(t + s)], [-sin(t - s), cos(t - s)]] sqrt(cosh u)
#     with tan s = tanh(u / 2), of determinant 1 and with singular values exp(+-u / 2). A
#     diagonal matrix commutes with D(z) = diag(1, 1/z), so that a matrix of a lattice
#     counts up to the scales of its rows: the two numbers are all that there is to say.
#     With Q = M_{M-2} ... M_0 and the polyphase matrix H = R(pi / 4) of the Haar wavelet,
#         P(z) = H Q^-1 D(z) M_{M-2} D(z) ... D(z) M_0,
#     so that P(1) = H whatever the numbers: both low-passes sum to sqrt(2) and both
#     high-passes to 0, one vanishing moment on each side. It is "the last angle is pi / 4
#     minus the others", for matrices. The determinant of P is a delay, so the bank
#     reconstructs; without skews it is the orthonormal one. Row 0 of P is rec_lo, and
#     row 1 is -rec_hi; the filters of analysis follow from both by alternating signs. The
#     condition number of one level is at most exp(2 sum |u|), that of the factors.

#: The sine of the angle between two images below which they count as the same.
_COINCIDE = 1e-6

#: The taps below which a power counts as zero, in the tables of PyWavelets, too.
_VANISHES = 1e-10


def lattice_to_filters(angles: Tensor, skews: Tensor) -> Tensor:
    """Map M - 1 angles and as many skews to the filters of a bank of 2 M taps.

    Parameters
    ----------
    angles, skews : tensors of shape (..., M - 1)
        See Note [skewed lattice].

    Returns
    -------
    tensor of shape (..., 4, 2 M)
        ``dec_lo, dec_hi, rec_lo, rec_hi``, in PyWavelets' order and time direction.
    """
    batch_shape, n_matrices = angles.shape[:-1], angles.shape[-1]
    n_banks = math.prod(batch_shape)
    angles, skews = (x.reshape(n_banks, n_matrices) for x in (angles, skews))
    half = (skews / 2).tanh().atan()
    first, second, scale = angles + half, angles - half, skews.cosh().sqrt()
    a, b = scale * first.cos(), scale * first.sin()
    c, d = -scale * second.sin(), scale * second.cos()
    matrices = torch.stack([a, b, c, d], -1).unflatten(-1, (2, 2)).unbind(1)
    inverses = torch.stack([d, -b, -c, a], -1).unflatten(-1, (2, 2)).unbind(1)
    root = math.sqrt(0.5)
    last = angles.new_tensor([[root, root], [-root, root]]).expand(n_banks, 2, 2)
    for inverse in inverses:
        last = last @ inverse
    low, high = chain([*matrices, last]).unbind(1)
    sign = torch.ones_like(low)
    sign[:, ::2] = -1
    filters = torch.stack([sign * high, sign * low, low, -high], 1)
    return filters.reshape(*batch_shape, 4, -1)


def filters_to_lattice(dec_lo: np.ndarray, rec_lo: np.ndarray) -> np.ndarray:
    """Find angles and skews of a biorthogonal bank: undo one matrix at a time.

    Parameters
    ----------
    dec_lo, rec_lo : ndarrays of shape (2 M,)
        The low-passes of analysis and synthesis. They determine the bank.

    Returns
    -------
    ndarray of shape (2 M - 2,)
        The angles, then the skews. The caller checks what filters they make; NaN where
        the bank is no lattice, because its low-passes differ too much in length.
    """
    if np.array_equal(dec_lo, rec_lo[::-1]):
        angles = lowpass_to_angles(rec_lo)
        return np.concatenate([angles, np.zeros_like(angles)])
    n_matrices = len(rec_lo) // 2
    sign = np.where(np.arange(len(rec_lo)) % 2, 1.0, -1.0)
    # Rows low and high, columns even and odd, and powers of 1/z.
    rest = np.stack([rec_lo, sign * dec_lo]).reshape(2, n_matrices, 2).swapaxes(1, 2)
    factors = []
    for i in range(n_matrices - 1, 0, -1):
        factor = _last_factor(rest[:, :, 0], rest[:, :, i])
        if abs(np.linalg.det(factor)) < _COINCIDE:
            return np.full(2 * n_matrices - 2, np.nan)
        rest = np.einsum("ij,jkn->ikn", np.linalg.inv(factor), rest)
        rest = np.stack([rest[0, :, :i], rest[1, :, 1 : i + 1]])
        factors.append(factor)
    factors.append(rest[:, :, 0])
    return polish(_lowpasses, _normalised(factors[:0:-1]), np.r_[dec_lo, rec_lo])


def _lowpasses(parameters: Tensor) -> Tensor:
    """Return both low-passes, one behind the other."""
    return lattice_to_filters(*parameters.tensor_split(2))[::2].flatten()


def _last_factor(lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Return a last matrix; its columns are the images of these two powers.

    For D is singular in both, so that they are of rank one. One of them vanishes where
    zeros fill filters up. Its column is then free, and set at right angles to the other.
    """
    powers = [np.linalg.svd(matrix)[:2] for matrix in (lowest, highest)]
    (first, a), (second, b) = [(image[:, 0], size[0]) for image, size in powers]
    if max(a, b) < _VANISHES:
        return np.eye(2)
    if a < _VANISHES:
        first = np.array([second[1], -second[0]])
    elif b < _VANISHES:
        second = np.array([-first[1], first[0]])
    return np.stack([first, second], 1)


def _normalised(factors: list[np.ndarray]) -> np.ndarray:
    """Return the angles and skews of matrices, passing the scales of rows on."""
    angles, skews, scales = [], [], np.ones(2)
    for factor in factors:
        factor = factor * scales
        (a, b), (c, d) = factor
        signs = np.array([1.0, np.sign(a * d - b * c)])
        first, second = np.arctan2(b, a), np.arctan2(-signs[1] * c, signs[1] * d)
        # Less than a right angle apart, as the determinant is positive.
        apart = (first - second + np.pi) % (2 * np.pi) - np.pi
        skew = np.arctanh(np.sin(apart))
        angles.append(first - apart / 2)
        skews.append(skew)
        scales = signs * np.linalg.norm(factor, axis=1) / np.sqrt(np.cosh(skew))
    return np.array([*angles, *skews])


class Biorthogonal(Params, nn.Module):
    """Angles and skews -> the four filters of a biorthogonal bank, and back.

    All angles and skews give a bank that reconstructs and has a vanishing moment on each
    side. Without skews the bank is orthonormal. Learning has two stages: first the angles
    of an orthonormal bank, then angles and skews together.

    Parameters
    ----------
    alpha_filter : float, default=0.0
        The strength of each of the five filter penalties of Ha et al. (2021). They pull
        the bank towards an orthonormal one.

    Examples
    --------
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.engine import Biorthogonal
    >>> X = pywt.data.ecg().reshape(-1, 64) / 100.0
    >>> loose = AdaptiveWaveletTransformer("db3", parametrization="biorthogonal").fit(X)
    >>> held = Biorthogonal(alpha_filter=100)
    >>> held = AdaptiveWaveletTransformer("db3", parametrization=held).fit(X)
    >>> loose.condition_number_ > held.condition_number_ >= 1
    True
    """

    #: Every choice of angles and skews reconstructs.
    tags = frozenset({"reconstructs"})

    needs = (
        "an orthogonal wavelet of rotations, or low-passes that differ by two taps in "
        "length, as those of 2.2, 3.1, 4.4 and 5.5 of 'bior' and 'rbio'"
    )

    #: What is learned first, where a bank has no skews yet.
    inner = Orthogonal()

    def __init__(self, alpha_filter: float = 0.0):
        super().__init__()
        self.alpha_filter = alpha_filter

    @property
    def terms(self) -> dict[Term, float]:
        """The penalties, with their strength.

        Raises
        ------
        ValueError
            If the strength is negative.
        """
        if self.alpha_filter < 0:
            raise ValueError(
                f"The strength of Biorthogonal must be at least 0. Got {self}."
            )
        return wavelet_terms(penalties=self.alpha_filter)

    def forward(self, original: Tensor) -> Tensor:
        """Map angles and skews of shape (..., 2 M - 2) to filters (..., 4, 2 M)."""
        return lattice_to_filters(*original.tensor_split(2, -1))

    def right_inverse(self, filters: Tensor) -> Tensor:
        """Map filters of shape (..., 4, 2 M) to angles and skews (..., 2 M - 2)."""
        taps = filters.detach().cpu().double().numpy()
        banks = taps.reshape(-1, *taps.shape[-2:])
        rows = np.array([filters_to_lattice(bank[0], bank[2]) for bank in banks])
        return torch.from_numpy(rows).reshape(*taps.shape[:-2], -1).to(filters)

    def restrict(self, original: Tensor) -> Tensor | None:
        """Return the parameters of the inner bank, or None if there are skews."""
        angles, skews = original.tensor_split(2, -1)
        return None if skews.any() else angles

    def release(self, original: Tensor) -> Tensor:
        """Return the parameters that make the filters of the inner bank."""
        return torch.cat([original, torch.zeros_like(original)], -1)

    def extra_repr(self) -> str:
        """Name the strength."""
        return f"alpha_filter={self.alpha_filter}"
