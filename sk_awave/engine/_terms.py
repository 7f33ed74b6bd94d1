r"""The terms of the objective: numbers made of coefficients, scores or filters.

The terms of Ha et al. (NeurIPS 2021), on the published scale: for signals ``x_i``,
analysis `A`, synthesis `S`, and the gradients ``v_i = grad f(x_i)`` of a model `f`,

- reconstruction: ``(1/n) sum_i ||S A x_i - x_i||_2^2``;
- sparsity: ``(1/n) sum_i ||A x_i||_1 / B``, over the ``B = level + 1`` tensors that the
  published transform returns;
- attribution: ``(1/n) sum_i ||S^T v_i||_1 / B``, the saliency of a teacher with respect
  to the coefficients (the gradient of ``f(S c)`` is ``S^T grad f``), or
  ``||A x_i * S^T v_i||_1`` for methods that multiply by the input; summed over the
  outputs of the teacher that are attributed;
- five penalties of the low-pass filter, summed over banks. They are all zero for an
  orthonormal filter with a vanishing moment.

In the L1 norms a coefficient counts with the weight of its band.
"""

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from sk_awave.engine._batch import Batch


class Term(ABC):
    """A number that learning makes small.

    A term of signals is a mean over them, and is summed over batches. To add a term,
    write a class with a name and a value; see the page on extending.

    Attributes
    ----------
    name : str
        The name in reports.
    vanishes_if : frozenset of str
        Tags of a bank. If a bank has all of them, the term is zero for all parameters,
        and learning leaves it out. The set is empty for terms that never vanish.
    """

    name: str
    vanishes_if: frozenset[str] = frozenset()

    def vanishes(self, tags: frozenset[str]) -> bool:
        """Tell whether the term is zero for a bank with these tags."""
        return bool(self.vanishes_if) and self.vanishes_if <= tags


class SignalTerm(Term):
    """A term that depends on coefficients, scores or reconstructions of the signals.

    It is a mean over signals, and is summed over batches of them. ``value(batch)``
    returns the contribution of a batch to the mean. Its shape is that of ``batch.coeffs``
    without the last two axes, rows and coefficients. A batch also has ``x``, ``scores``,
    the `y` of `fit`, the number of all signals ``n``, and ``maps.analysis`` and
    ``maps.synthesis``.

    Examples
    --------
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.engine import SignalTerm
    >>> class Fourth(SignalTerm):
    ...     name = "fourth"
    ...
    ...     def value(self, batch):
    ...         return -(batch.coeffs**4).sum((-2, -1)) / batch.n
    >>> X = pywt.data.ecg().reshape(-1, 64) / 100.0
    >>> learner = AdaptiveWaveletTransformer("db2", level=2, extra_terms=[(Fourth(), 1)])
    >>> sorted(learner.fit(X).objective_terms_)[3:5]
    ['fourth', 'highpass_sum']
    """

    #: Whether it is made of the gradients of a teacher.
    needs_gradients = False

    #: Whether it is a sum of norms over bands, such as those of a batch, which are those
    #: of each band if ``batch.by_band``. A best basis minimises the sum of such terms.
    is_additive = False

    @abstractmethod
    def value(self, batch: Batch) -> Tensor:
        """Return the contribution of a batch of signals to the term, of shape (...)."""


class FilterTerm(Term):
    """A term that depends on the filters alone.

    ``value(lowpass)`` returns the sum of the term over the low-pass filters of all levels
    and axes.

    Examples
    --------
    >>> from sk_awave.engine import FilterBank, FilterTerm
    >>> class Roughness(FilterTerm):
    ...     name = "roughness"
    ...
    ...     def value(self, lowpass):
    ...         return lowpass.diff(n=2).square().sum()
    >>> taps = FilterBank.from_wavelet("db2")().detach()[..., 2, :]
    >>> round(float(Roughness().value(taps)), 3)
    1.0
    """

    @abstractmethod
    def value(self, lowpass: Tensor) -> Tensor:
        """Return the sum of the term over low-pass filters (..., K)."""


class Sparsity(SignalTerm):
    """The L1 norm of the coefficients."""

    name = "sparsity"
    is_additive = True

    def value(self, batch):
        """Add the norms of the coefficients."""
        return batch.coeffs_norm()


class Attribution(SignalTerm):
    """The L1 norm of the attributions of a teacher's outputs to the coefficients.

    Parameters
    ----------
    multiply : bool, default=False
        True if attributions are multiplied by the coefficients.
    """

    name = "attribution"
    needs_gradients = True
    is_additive = True

    def __init__(self, multiply: bool = False):
        self.multiply = multiply

    def value(self, batch):
        """Add the norms of the scores."""
        if not self.multiply:
            return batch.scores_norm()
        n_channels = batch.x.shape[1]
        n_targets = batch.input_gradients.shape[1] // n_channels
        scores = batch.scores.unflatten(-2, (-1, n_targets, n_channels))
        scores = scores * batch.coeffs.unflatten(-2, (-1, 1, n_channels))
        return batch.l1_norm(scores.flatten(-4, -2), math.prod(batch.scales))


class Reconstruction(SignalTerm):
    """The squared error of the signals reconstructed from their coefficients.

    It depends on the second moments of the signals alone. Where short signals are many, a
    few rows with the same moments stand for them, and it costs nothing that grows with
    their number.
    """

    name = "reconstruction"
    vanishes_if = frozenset({"reconstructs"})

    def value(self, batch):
        """Add the errors."""
        rows = None if batch.stand_ins is None else batch.stand_ins()
        if rows is None:
            rows, coeffs, share = batch.x.flatten(0, 1), batch.coeffs, 1 / batch.n
        else:
            coeffs, share = batch.maps.analysis.apply(rows), len(batch.x) / batch.n
        error = batch.maps.synthesis.apply(coeffs) - rows
        return error.square().flatten(1 - batch.x.ndim).sum(-1) * share


class _Penalty(FilterTerm):
    """One of the penalties of Ha et al. (2021), as in ``awave.losses``."""

    vanishes_if = frozenset({"orthonormal"})


class LowpassSum(_Penalty):
    """Half the squared deviation of the sum of the taps from the square root of 2."""

    name = "lowpass_sum"

    def value(self, lowpass):
        """Return the penalty."""
        return 0.5 * (lowpass.sum(-1) - math.sqrt(2)).square().sum()


class HighpassSum(_Penalty):
    """Half the squared sum of the taps of the high-pass, the alternating flip."""

    name = "highpass_sum"

    def value(self, lowpass):
        """Return the penalty."""
        alternating = lowpass[..., ::2].sum(-1) - lowpass[..., 1::2].sum(-1)
        return 0.5 * alternating.square().sum()


class UnitNorm(_Penalty):
    """Half the squared deviation of the squared norm from 1."""

    name = "unit_norm"

    def value(self, lowpass):
        """Return the penalty."""
        return 0.5 * (lowpass.square().sum(-1) - 1).square().sum()


class ConjugateMirror(_Penalty):
    """Half the squared deviations of the power of both halves of the spectrum from 2."""

    name = "conjugate_mirror"

    def value(self, lowpass):
        """Return the penalty."""
        low, high = torch.fft.fft(lowpass).abs().square().chunk(2, -1)
        return 0.5 * (low + high - 2).square().sum()


class DoubleShift(_Penalty):
    """Half the squared deviations of the autocorrelations at even shifts from 1 or 0."""

    name = "double_shift"

    def value(self, lowpass):
        """Return the penalty."""
        shifts = autocorrelation(lowpass)
        delta = torch.zeros_like(shifts)
        delta[..., shifts.shape[-1] // 2] = 1
        return 0.5 * (shifts - delta).square().sum()


def autocorrelation(lowpass: Tensor) -> Tensor:
    """Return ``sum_k h[k] h[k + 2 m]`` for every even shift, negative ones included.

    Parameters
    ----------
    lowpass : tensor of shape (..., K)
        Filters of even length.

    Returns
    -------
    tensor of shape (..., K - 1)
        The middle one belongs to shift zero. Orthonormal iff 1 there and 0 elsewhere.
    """
    n_taps = lowpass.shape[-1]
    shifted = F.pad(lowpass, (n_taps - 2, n_taps - 2)).unfold(-1, n_taps, 2)
    return (shifted @ lowpass.unsqueeze(-1)).squeeze(-1)


#: The filter penalties, in the order of the published code.
PENALTIES = (LowpassSum(), HighpassSum(), UnitNorm(), ConjugateMirror(), DoubleShift())


def wavelet_terms(
    reconstruction: float = 1.0, penalties: float = 1.0
) -> dict[Term, float]:
    """Return the terms that keep filters a wavelet, with their strengths."""
    return {Reconstruction(): reconstruction, **dict.fromkeys(PENALTIES, penalties)}
