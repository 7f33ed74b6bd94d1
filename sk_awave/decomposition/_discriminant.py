"""The local discriminant basis: the packets that tell most about a target."""

import itertools
from functools import partial

import numpy as np
import torch
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sk_awave.engine._best_basis import best_tree, full_layouts
from sk_awave.engine._objective import rows_per_batch
from sk_awave.engine._transform import analysis_map

#: The share of the mean square below which a variance is rounding.
_ROUNDING = 1e-12


def discriminant_tree(layout, filters, x, y):
    r"""Choose the packets that tell most about a target.

    For classes: in each node, class :math:`q` has the energies :math:`\Gamma_q(k) =
    \sum_{y_i = q} (A x_i)_k^2 / \sum_{y_i = q} \|x_i\|^2`. The value of the node is
    :math:`\sum_k \sum_{q < q'} (\sqrt{\Gamma_q(k)} - \sqrt{\Gamma_{q'}(k)})^2`, a sum of
    squared Hellinger distances. It adds up over nodes. The basis with the largest sum is
    the local discriminant basis of Saito & Coifman ("Local discriminant bases and their
    applications", J. Math. Imaging Vis. 5, 1995); this distance is one of theirs.

    For numbers: the value of the node is :math:`\sum_k \max(r_k^2 - 1 / (n - 1), 0)`,
    where :math:`r_k` is the correlation of :math:`(A x_i)_k^2` with :math:`y_i` over
    the :math:`n` signals. If they are independent, :math:`r_k^2` has the expectation
    :math:`1 / (n - 1)`.

    Parameters
    ----------
    layout : CoeffLayout
        The layout of the full basis.
    filters : tensor of shape (level or 1, ndim or 1, 4, K)
    x : tensor of shape (n, n_channels, *signal_shape)
        The signals. Channels count together.
    y : array-like of shape (n,)
        Classes, or numbers that are not all whole.

    Returns
    -------
    Tree
    """
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    check_consistent_length(x, y)
    is_number = type_of_target(y).startswith("continuous")
    gain = _correlation(x, y) if is_number else _separation(x, y)
    costs = [
        -gain(partial(_energies, full, filters, x)).cpu().numpy()
        for full in full_layouts(layout)
    ]
    return best_tree(costs, 2 ** x[0, 0].ndim)


def _separation(x, y):
    """Return the function that gives each node the distances between the classes."""
    check_classification_targets(y)
    classes, labels = np.unique(y, return_inverse=True)
    if len(classes) == 1:
        raise ValueError(
            "basis='discriminant' tells classes apart: the number of classes has to be "
            "greater than one; got 1 class."
        )
    members = torch.nn.functional.one_hot(torch.from_numpy(labels), len(classes))
    members = members.to(x.device, torch.float64)  # in which squares are finite
    norms = torch.linalg.vector_norm(x.flatten(1), dim=1, dtype=torch.float64)
    totals = members.T @ norms.square()
    totals[totals == 0] = 1  # of zeros
    return lambda energies: _distances(energies(members) / totals[:, None, None])


def _distances(energies):
    """Return the sum of the squared distances of all pairs of classes, for each node."""
    total = energies.new_zeros(energies.shape[1])
    for one, other in itertools.combinations(energies.sqrt(), 2):
        total += (one - other).square().sum(1)
    return total


def _correlation(x, y):
    """Return the function that gives each node its squared correlations with numbers."""
    if np.ptp(y) == 0:
        raise ValueError(
            "basis='discriminant' needs a target that varies; all values of y are equal."
        )
    y = torch.as_tensor(y / np.abs(y).max(), dtype=torch.float64, device=x.device)
    y = y - y.mean()
    ones = torch.ones_like(y)
    weights = torch.stack([ones, y / torch.linalg.vector_norm(y)], 1)

    def gain(energies):
        (total, product), (squares,) = energies(weights), energies(ones[:, None], power=2)
        variance = squares - total.square() / len(y)
        share = product.square() / variance - 1 / (len(y) - 1)
        return share.where(variance > _ROUNDING * squares, 0).clamp(0).sum(1)

    return gain


def _energies(layout, filters, x, weights, power=1):
    """Return weighted sums of powers of the energies of coefficients.

    Parameters
    ----------
    weights : tensor of shape (n, n_sums)

    Returns
    -------
    tensor of shape (n_sums, n_bands, values of a band)
    """
    analysis = analysis_map(layout, filters, like=x)
    size, total = max(1, rows_per_batch(layout) // x.shape[1]), 0
    with torch.no_grad():
        for rows, part in zip(x.split(size), weights.split(size), strict=True):
            coeffs = analysis.apply(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
            total = total + part.T @ coeffs.flatten(1).double().square() ** power
    by_band = total.unflatten(1, (x.shape[1], len(layout.bands), -1))
    return by_band.transpose(1, 2).flatten(2)
