"""Analysis and synthesis as linear maps: the one place where a route is chosen.

The compiled kernel (`Kernel`) serves data on the CPU, where it was built. Elsewhere a
short signal is multiplied with the matrix of the whole transform (`Whole`). Of longer
ones each level is taken along each axis (`Cascade`), or their spectra are multiplied if
the transform is stationary (`Fourier`). The factors of all maps are functions of the
filters, by operations of torch, and products of torch are differentiated by products.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from sk_awave.engine._axis_steps import DENSE_SIZE
from sk_awave.engine._boundary import adjoint_mode
from sk_awave.engine._cascade import Cascade
from sk_awave.engine._fourier import Fourier
from sk_awave.engine._kernel import Kernel
from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._linear_map import LinearMap, Whole

#: The entries up to which a matrix is made for samples of several axes: long filters make
#: far more coefficients of short axes than there are samples.
MAX_DENSE_ENTRIES = 2**22


def analysis_map(
    layout: CoeffLayout, filters: Tensor, like: Tensor | None = None
) -> LinearMap:
    """Return the map of signals to coefficients.

    Parameters
    ----------
    layout : CoeffLayout
    filters : tensor of shape (..., level or 1, ndim or 1, 4, K)
        ``dec_lo, dec_hi, rec_lo, rec_hi`` of each level (the finest first) and axis, or
        shared by them. The factors are differentiable functions of them, in float64 on
        the CPU.
    like : tensor, default=None
        A tensor with the dtype and the device of the data. The kernel may then serve;
        its results can be differentiated once. By default factors are in float64, and
        can be differentiated again.

    Returns
    -------
    LinearMap
        Its method `apply` takes rows of signals, of shape ``(n_rows, *signal_shape)``, to
        rows of coefficients, and that of its transpose `T` goes the other way.

    Examples
    --------
    >>> import torch
    >>> from sk_awave.engine import CoeffLayout, FilterBank, Tree, analysis_map
    >>> layout = CoeffLayout((8,), None, 2, Tree.dwt(1), "symmetric")
    >>> filters = FilterBank.from_wavelet("haar", "fixed")()
    >>> x = torch.ones(1, 8, dtype=torch.float64)
    >>> analysis_map(layout, filters).apply(x).round(decimals=4)
    tensor([[1.4142, 1.4142, 1.4142, 1.4142, 0.0000, 0.0000, 0.0000, 0.0000]],
           dtype=torch.float64)
    """
    return _choose(layout, filters[..., :2, :], layout.mode, like)


def synthesis_map(
    layout: CoeffLayout, filters: Tensor, like: Tensor | None = None
) -> LinearMap:
    """Return the map of coefficients to signals.

    It is made as the transpose of its adjoint; see Note [adjoint of synthesis] in
    ``_matrices.py``.

    Parameters
    ----------
    layout, filters, like
        Those of `analysis_map`.

    Returns
    -------
    LinearMap
        Its method `apply` takes rows of coefficients to rows of signals.

    Examples
    --------
    >>> import torch
    >>> from sk_awave.engine import CoeffLayout, FilterBank, Tree
    >>> from sk_awave.engine import analysis_map, synthesis_map
    >>> layout = CoeffLayout((8,), None, 4, Tree.dwt(1), "symmetric")
    >>> filters = FilterBank.from_wavelet("db2", "fixed")()
    >>> x = torch.arange(8.0, dtype=torch.float64).reshape(1, 8)
    >>> coeffs = analysis_map(layout, filters).apply(x)
    >>> torch.allclose(synthesis_map(layout, filters).apply(coeffs), x)
    True
    """
    pairs = filters[..., 2:4, :].flip(-1)
    return _choose(layout, pairs, adjoint_mode(layout.mode), like).T


def _choose(
    layout: CoeffLayout, pairs: Tensor, mode: str, like: Tensor | None
) -> LinearMap:
    """Choose a route for a transform by filters of shape (..., 2, K)."""
    pairs = pairs.cpu()
    if like is not None and Kernel.serves(layout, like):
        return Kernel(layout, pairs, mode)
    chosen: LinearMap
    if is_whole(layout):
        chosen = Whole(layout, pairs, mode)
    elif not layout.tree.is_decimated:
        chosen = Fourier(layout, pairs, mode)
    else:
        chosen = Cascade(layout, pairs, mode)
    if like is None:
        return chosen
    return chosen.at(_brought_to(like, chosen.factors))


def _brought_to(like: Tensor, factors: Sequence[Tensor]) -> Sequence[Tensor]:
    """Cast factors, and bring them to where the data are in one transfer each way."""
    if like.device.type == "cpu" or len(factors) < 2:
        return [factor.to(like) for factor in factors]
    flat = torch.cat([factor.flatten() for factor in factors]).to(like)
    parts = flat.split([factor.numel() for factor in factors])
    return [part.view(factor.shape) for part, factor in zip(parts, factors, strict=True)]


def is_whole(layout: CoeffLayout) -> bool:
    """Tell whether a transform is the product with a single matrix."""
    sizes = [math.prod(shape) for shape in layout.shapes]
    n_bands = 2 ** len(layout.signal_shape)
    levels = [n * n_bands * m for n, m in pairwise(sizes)]
    entries = max([sizes[0] * layout.n_coeffs_per_channel, *levels])
    return sizes[0] <= DENSE_SIZE and entries <= MAX_DENSE_ENTRIES
