"""Choice of features by the exact leave-one-out error of a ridge regression.

The error of the kernel K of p standardised features is that of the ridge that minimises

    mean_i |y_i - b - z_i w / sqrt(p)|^2 + strength |w|^2

over the weights w and the intercept b. The intercept has no penalty. Each row in turn
is left out: the other rows give w and b anew, with the same penalty, strength * n |w|^2
next to the sum of squares, and with features standardised on all rows. All n refits
follow from one fit: the error of row i is r_i / (1 - 1/n - h_i), for its residual r_i
and the diagonal h_i of K (K + strength n p I)^-1. Errors are mean squares, relative to
that of the target about its mean: predicting the mean of the other rows scores
(n / (n - 1))^2.

Copies of a row would predict each other. Where rows have groups, each group is left out
in turn: with the matrix H = 1/n + K (K + strength n p I)^-1 of the fit, the errors of the
rows of a group G are (I - H)_GG^-1 r_G, again exactly those of refits to the other rows.
"""

import numpy as np
from scipy.linalg import eigh, lapack

#: The penalties that are tried; features divided by sqrt(p) have a mean square of 1.
STRENGTHS = np.logspace(-6, 1, 12)

#: Features whose deviation is a smaller share of their largest value are constant: they
#: may come from single precision. Targets are taken as they are, but for rounding.
FEATURE_TOLERANCE, TARGET_TOLERANCE = 1e-7, 1e-13

#: How many candidates, the best at one strength, are compared at all strengths.
N_FINALISTS = 10

#: A row that leaves the others less than this to explain is lost to rounding.
TINY = 1e-10


def encode_target(y, classifies):
    """Return a target as centred numbers that weigh alike.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_outputs)
        Labels of shape (n,) where `classifies`, else numbers.
    classifies : bool
        True if `y` has labels. Each class becomes an output: 1 in the class and -1
        elsewhere, before it is centred.

    Returns
    -------
    target : ndarray of shape (n, n_outputs)
        Of mean 0. Numbers are divided by their standard deviation; constant ones give 0.
    """
    y = np.asarray(y)
    if classifies:
        indicators = np.where(y[:, None] == np.unique(y), 1.0, -1.0)
        return indicators - indicators.mean(axis=0)
    return _standardise(y.reshape(len(y), -1), TARGET_TOLERANCE)


def standardise(features):
    """Return features of mean 0 and population variance 1; constant ones give 0.

    Parameters
    ----------
    features : array-like of shape (n, p)

    Returns
    -------
    standardised : ndarray of shape (n, p) of float64
    """
    return _standardise(features, FEATURE_TOLERANCE)


def _standardise(values, tolerance):
    values = np.asarray(values, dtype=np.float64)
    largest = np.abs(values).max(axis=0)
    values = values / np.where(largest > 0, largest, 1)
    values -= values.mean(axis=0)
    values -= values.mean(axis=0)  # what rounding has left
    deviations = values.std(axis=0)
    varies = deviations > tolerance
    return np.where(varies, values / np.where(varies, deviations, 1), 0)


def kernel(features):
    """Return the inner products of the rows of standardised features.

    The kernel of several sets of features together is the sum of their kernels.

    Parameters
    ----------
    features : array-like of shape (n, p)

    Returns
    -------
    kernel_matrix : ndarray of shape (n, n) of float64
    """
    standardised = standardise(features)
    return standardised @ standardised.T


def groups_of_copies(rows):
    """Return the number of the group of each row: rows that are equal bit by bit.

    Parameters
    ----------
    rows : ndarray of shape (n, ...)

    Returns
    -------
    groups : ndarray of int of shape (n,) or None
        None where all rows differ.

    Raises
    ------
    ValueError
        If all rows are equal.
    """
    numbers: dict = {}
    # 0 is added for -0 to be 0.
    groups = [numbers.setdefault(hash((row + 0).tobytes()), len(numbers)) for row in rows]
    if len(numbers) == 1:
        raise ValueError(
            "The signals in X must differ, for some to be left out and predicted by the "
            f"others. All {len(rows)} that were compared are equal."
        )
    return None if len(numbers) == len(rows) else np.array(groups)


def leave_one_out_error(
    kernel_matrix, n_features, target, strengths=STRENGTHS, groups=None
):
    """Return the least leave-one-out error over the strengths of the penalty.

    Parameters
    ----------
    kernel_matrix : ndarray of shape (n, n)
        Sum of what `kernel` returns.
    n_features : int
        p, how many features the kernel is of, constant ones included.
    target : ndarray of shape (n, n_outputs)
        As `encode_target` returns it.
    strengths : ndarray of shape (n_strengths,)
        Positive.
    groups : array-like of shape (n,), default=None
        The rows of each are left out together; there are at least two. By default each
        row is left out alone.

    Returns
    -------
    error : float
        Relative mean squared error, as above. That of a constant target is 0, since
        every refit predicts it.
    strength : float
        The strength with the least error.
    """
    matrix = _centred(kernel_matrix)
    # The constant vector gets a negative eigenvalue, lest rounding make its 0 positive.
    matrix -= matrix.trace() / len(matrix)
    values, vectors = eigen(matrix)
    penalties = penalties_of(strengths, len(target), n_features)
    errors = errors_of(np.maximum(values, 0), vectors, target, penalties, groups)
    best = int(np.argmin(errors))
    return float(errors[best]), float(strengths[best])


def eigen(matrix):
    """Return the eigenvalues of a symmetric matrix, ascending, and its eigenvectors."""
    driver = "evd" if len(matrix) > 1 else None  # of SciPy 1.10, "evd" fails for one row
    return eigh(matrix, driver=driver, check_finite=False)


def _centred(kernel_matrix):
    """Return a kernel whose rows sum to 0, in double precision."""
    means = np.mean(kernel_matrix, axis=0, dtype=np.float64)
    return kernel_matrix - np.add.outer(means - means.mean(), means)


def penalties_of(strengths, n, n_features):
    """Return what is added to the diagonal of a kernel that is not divided by p."""
    return np.asarray(strengths) * n * max(n_features, 1)


def errors_of(values, vectors, target, penalties, groups=None):
    """Return the error at each penalty, from the eigenvectors of a centred kernel."""
    shrinkage = values / (values + penalties[:, None])
    residuals = target - vectors @ (shrinkage[:, :, None] * (vectors.T @ target))
    if groups is None:
        left = 1 - 1 / len(target) - np.square(vectors) @ shrinkage.T
        return _relative(np.square(residuals).sum(axis=2).T, left, target)

    def left_of(rows):
        few = vectors[rows]
        fits = (few * shrinkage[:, None, None, :]) @ few.swapaxes(1, 2)
        return np.eye(rows.shape[1]) - fits - 1 / len(target)

    return _relative_of_groups(residuals, left_of, target, groups)


def _relative(squares, left, target):
    """Return the error from squared residuals and 1 - 1/n - h, of shape (n, ...)."""
    total = np.square(target).sum()
    if total == 0:
        return np.zeros(squares.shape[1:])
    known = left > TINY
    errors = np.where(known, squares, np.inf) / np.square(np.where(known, left, 1))
    return errors.sum(axis=0) / total


def _relative_of_groups(residuals, left_of, target, groups):
    """Return the error of groups left out.

    Parameters
    ----------
    residuals : ndarray of shape (..., n, n_outputs)
    left_of : callable
        Maps the rows of groups of one size, of shape (n_groups, size), to their blocks of
        I - H, of shape (..., n_groups, size, size).
    target : ndarray of shape (n, n_outputs)
    groups : array-like of shape (n,)

    Returns
    -------
    ndarray of shape (...,)
    """
    _, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    total = np.square(target).sum()
    if total == 0:
        return np.zeros(residuals.shape[:-2])
    order, errors = np.argsort(groups, kind="stable"), 0
    for size in np.unique(sizes):
        rows = order[sizes[groups[order]] == size].reshape(-1, size)
        left_out = np.linalg.solve(left_of(rows), residuals[..., rows, :])
        errors = errors + np.square(left_out).sum(axis=(-3, -2, -1))
    return errors / total


def choose_sets(kernels, n_features, target, n_chosen, chosen=(), groups=None):
    """Choose sets of features, each that which helps most beside those before it.

    Each step adds the set with which all chosen sets together have the least
    leave-one-out error. The error at the strength of the step before picks `N_FINALISTS`
    sets. Their errors at all strengths decide: no set is better at that first strength,
    but one that needs quite another can be missed.

    Parameters
    ----------
    kernels : iterable of ndarray of shape (n, n)
        That of each set; single precision will do.
    n_features : array-like of int of shape (n_sets,)
        The number of features of each set.
    target : ndarray of shape (n, n_outputs)
        As `encode_target` returns it.
    n_chosen : int
        The number of sets to add; fewer are added if there are fewer.
    chosen : sequence of int
        Sets that are chosen already.
    groups : array-like of shape (n,), default=None
        Of rows that are left out together; see `leave_one_out_error`.

    Returns
    -------
    indices : list of int
        The sets added, without those of `chosen`.
    errors : list of float
        The error after each of them.
    """
    kernels, n_features = list(kernels), np.asarray(n_features)
    left = [i for i in range(len(kernels)) if i not in chosen]
    total, count = _sum(kernels, n_features, chosen)
    # With nothing chosen, all sets together tell what strength to begin with.
    typical = (total, count) if len(chosen) else _sum(kernels, n_features, left)
    strength = leave_one_out_error(*typical, target, groups=groups)[1] if left else None
    indices, errors = [], []
    for _ in range(min(n_chosen, len(left))):

        def beside(i, total=total, count=count):
            return total + kernels[i], count + n_features[i]

        results = {
            i: leave_one_out_error(*beside(i), target, groups=groups)
            for i in _finalists(beside, left, target, strength, groups)
        }
        best = min(results, key=results.get)
        error, strength = results[best]
        indices.append(best)
        errors.append(error)
        left.remove(best)
        total, count = beside(best)
    return indices, errors


def _sum(kernels, n_features, sets):
    """Return the kernel of sets together, in double precision, and its features."""
    total = np.zeros(np.shape(kernels[0]) if kernels else 0)
    for i in sets:
        total += kernels[i]
    return total, sum(int(n_features[i]) for i in sets)


def _finalists(beside, left, target, strength, groups):
    """Return the sets with the least errors at one strength, beside those chosen."""
    if len(left) <= N_FINALISTS:
        return left
    errors = [_error_at(*beside(i), target, strength, groups) for i in left]
    return [left[k] for k in np.argsort(errors, kind="stable")[:N_FINALISTS]]


def _error_at(kernel_matrix, n_features, target, strength, groups=None):
    """Return the error at one strength.

    A Cholesky factor and its inverse take 3 ms for 450 rows, an eigendecomposition 27.
    Single precision would make Cholesky only a third faster.
    """
    n = len(target)
    penalty = penalties_of(strength, n, n_features)
    matrix = _centred(kernel_matrix)
    matrix.flat[:: n + 1] += penalty
    factor, _ = lapack.dpotrf(matrix.T, lower=True, overwrite_a=True)
    inverse, _ = lapack.dtrtri(factor, lower=True, overwrite_c=True)
    residuals = penalty * (inverse.T @ (inverse @ target))
    if groups is None:
        left = penalty * np.einsum("ij,ij->j", inverse, inverse) - 1 / n
        return _relative(np.square(residuals).sum(axis=1), left, target)

    def left_of(rows):
        few = inverse.T[rows]
        return penalty * (few @ few.swapaxes(1, 2)) - 1 / n

    return _relative_of_groups(residuals, left_of, target, groups)
