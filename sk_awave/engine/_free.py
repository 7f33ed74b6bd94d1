"""The free bank: a low-pass filter that penalties keep near a wavelet."""

from torch import Tensor, nn

from sk_awave.engine._lattice import orthogonal_filters
from sk_awave.engine._params import Params
from sk_awave.engine._terms import Term, wavelet_terms


class Free(Params, nn.Module):
    """The low-pass filter itself is the parameter, as in Ha et al. (2021).

    The high-pass filter is its alternating flip. Only the terms of this bank in the
    objective keep the filters close to a wavelet.

    Parameters
    ----------
    alpha_reconstruction : float, default=1.0
        The strength of the reconstruction error.
    alpha_filter : float, default=1.0
        The strength of each of the five filter penalties (``lamlSum``, ``lamhSum``,
        ``lamL2norm``, ``lamCMF``, ``lamConv`` of the published code).

    Examples
    --------
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.engine import Free
    >>> X = pywt.data.ecg().reshape(-1, 64) / 100.0
    >>> free = Free(alpha_filter=10)
    >>> learner = AdaptiveWaveletTransformer("db2", parametrization=free).fit(X)
    >>> learner.objective_terms_["unit_norm"] > 0
    True
    """

    #: Nothing but the penalties of the objective keeps it a wavelet.
    tags: frozenset[str] = frozenset()

    needs = "an orthogonal wavelet"

    def __init__(self, alpha_reconstruction: float = 1.0, alpha_filter: float = 1.0):
        super().__init__()
        self.alpha_reconstruction = alpha_reconstruction
        self.alpha_filter = alpha_filter

    @property
    def terms(self) -> dict[Term, float]:
        """The terms that keep it near a wavelet, with their strengths.

        Raises
        ------
        ValueError
            If a strength is negative.
        """
        if min(self.alpha_reconstruction, self.alpha_filter) < 0:
            raise ValueError(f"The strengths of Free must be at least 0. Got {self}.")
        return wavelet_terms(self.alpha_reconstruction, self.alpha_filter)

    def forward(self, original: Tensor) -> Tensor:
        """Map low-pass filters of shape (..., K) to filters of shape (..., 4, K)."""
        return orthogonal_filters(original)

    def right_inverse(self, filters: Tensor) -> Tensor:
        """Map filters of shape (..., 4, K) to low-pass filters of shape (..., K)."""
        return filters[..., 2, :]

    def extra_repr(self) -> str:
        """Name the strengths."""
        return ", ".join(f"{name}={value}" for name, value in self.get_params().items())
