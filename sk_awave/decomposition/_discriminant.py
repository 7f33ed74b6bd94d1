"""The local discriminant basis: the packets in which classes differ most."""

import itertools

import numpy as np
import torch
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sk_awave.engine._best_basis import best_tree, full_layouts
from sk_awave.engine._objective import rows_per_batch
from sk_awave.engine._transform import analysis_map


def discriminant_tree(layout, filters, x, y):
    r"""Choose the packets in which the energies of classes differ most.

    In each node, class :math:`c` has the energies :math:`\Gamma_c(k) = \sum_{i \in c}
    (A x_i)_k^2 / \sum_{i \in c} \|x_i\|^2`, and the node counts :math:`\sum_k \sum_{c <
    c'} (\sqrt{\Gamma_c(k)} - \sqrt{\Gamma_{c'}(k)})^2`, squared Hellinger distances,
    which add up over nodes. The basis in which they add up to most is the local
    discriminant basis of Saito & Coifman ("Local discriminant bases and their
    applications", J. Math. Imaging Vis. 5, 1995), who have this distance among others.

    Parameters
    ----------
    layout : CoeffLayout
        Of the full basis.
    filters : tensor of shape (level or 1, ndim or 1, 4, K)
    x : tensor of shape (n, n_channels, *signal_shape)
        The signals. Channels count together.
    y : array-like of shape (n,)
        Classes, or numbers: then the classes are those above their median and the others.

    Returns
    -------
    Tree
    """
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    check_consistent_length(x, y)
    if type_of_target(y).startswith("continuous"):
        y = y > np.median(y)
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
    costs = [
        -_distances(_energies(full, filters, x, members) / totals[:, None, None])
        for full in full_layouts(layout)
    ]
    return best_tree([cost.cpu().numpy() for cost in costs], 2 ** x[0, 0].ndim)


def _energies(layout, filters, x, members):
    """Return the energies of each class, (n_classes, n_bands, values of a band)."""
    analysis = analysis_map(layout, filters, like=x)
    size, total = max(1, rows_per_batch(layout) // x.shape[1]), 0
    with torch.no_grad():
        for rows, part in zip(x.split(size), members.split(size), strict=True):
            coeffs = analysis.apply(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
            total = total + part.T @ coeffs.flatten(1).double().square()
    by_band = total.unflatten(1, (x.shape[1], len(layout.bands), -1))
    return by_band.transpose(1, 2).flatten(2)


def _distances(energies):
    """Return the sum of the squared distances of all pairs of classes, for each band."""
    total = energies.new_zeros(energies.shape[1])
    for one, other in itertools.combinations(energies.sqrt(), 2):
        total += (one - other).square().sum(1)
    return total
