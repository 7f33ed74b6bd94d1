"""Disentangled attributions of forests: scores and curves of groups of features."""

from numbers import Integral, Real

import numpy as np
from scipy.stats.mstats import mquantiles
from sklearn.utils import Bunch

from sk_awave.inspection._forests import Forest
from sk_awave.inspection._leaves import tree_curves, tree_scores


def disentangled_attributions(
    estimator, X, features, *, background, y=None, centered=True
):
    r"""Score a group of features at samples, along the splits of a forest.

    On the path of a sample through a tree, only splits on features of the group are used.
    The score of a tree is the mean of `y` over all rows of the background that these
    splits send the same way as the sample. The score of the forest is the mean over its
    trees [1]_. Splits on all features of the group are used together, so the score of a
    pair includes its interaction.

    Parameters
    ----------
    estimator : fitted forest or Pipeline
        A RandomForest, ExtraTrees or GradientBoosting classifier or regressor of
        scikit-learn, or a Pipeline that ends with one. The features of a Pipeline are
        the input of its last step.

    X : array-like of shape (n_samples, n_features)
        The samples to score.

    features : int, str or list of these
        The features of the group, by index or name, or as a boolean mask of all features.

    background : array-like of shape (n_rows, n_features)
        The rows to average over. Use the training data of the forest.

    y : array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
        The targets of the background. Class labels are encoded as 0 and 1 for each class.
        By default, the output of each tree takes the place of `y`, and outputs are added
        as in the model. The scores then explain the model, in units of ``predict`` for
        regressors, ``predict_proba`` for forests of classifiers and
        ``decision_function`` for boosted classifiers.

    centered : bool, default=True
        If True, the mean over the background is subtracted. A group that no tree splits
        on then scores 0.

    Returns
    -------
    scores : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The scores. There is one column per class of a classifier, or per output if there
        are several. A tree is left out if its splits send no row of the background the
        same way as the sample. If all trees are left out, the score is NaN.

    Raises
    ------
    TypeError
        If the estimator is of another kind.
    ValueError
        If there are no such features or the data do not fit. Also without `y`, if
        boosting started from an estimator that is not constant.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    attribution_curves : The scores as a function of one feature or two.
    sklearn.inspection.partial_dependence : Averages over branches instead.

    Notes
    -----
    Without `y`, and with ``centered=False``, two identities hold. The score of the group
    of all features is the prediction, if the background is the training data. The score
    of a group that no tree splits on is the mean prediction.

    In the published code, a tree whose path has no split on the group scores 0. This
    pulls the scores towards 0. Here such a tree scores its mean.

    References
    ----------
    .. [1] S. Devlin, C. Singh, W. J. Murdoch, B. Yu. "Disentangled attribution curves for
       interpreting random forests and boosted trees." arXiv:1905.07631, 2019.

    Examples
    --------
    In an exclusive or, a feature alone has no effect:

    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sk_awave.inspection import disentangled_attributions
    >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    >>> y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    >>> forest = RandomForestRegressor(20, random_state=0).fit(X, y)
    >>> sample = [[0.5, -0.5, 0.5]]
    >>> for group in (0, 1, [0, 1]):
    ...     score = disentangled_attributions(forest, sample, group, background=X)
    ...     print(group, score.round(1) + 0.0)
    0 [0.]
    1 [0.]
    [0, 1] [0.4]
    """
    forest = Forest(estimator, "disentangled_attributions")
    columns = forest.indices(features)
    rows, points = forest.read(background), forest.read(X)
    total = forest.of_outputs(rows) if y is None else forest.of_targets(y, rows)
    scores, _ = _combine(tree_scores(forest, columns, rows, points, total.of_rows), total)
    if centered:
        means = [values.mean(axis=0) for values in total.of_rows]
        scores -= total.offset + np.sum(total.weights * means, axis=0)
    return scores[:, 0] if scores.shape[1] == 1 else scores


def attribution_curves(
    estimator,
    X,
    features,
    *,
    y=None,
    spread=0.25,
    percentiles=(0.05, 0.95),
    grid_resolution=100,
    custom_values=None,
):
    r"""Compute the attribution of one feature, or of a pair, as a function of its values.

    For each leaf of a tree, only the splits on the given features are used. Some rows of
    `X` satisfy these splits. Those of them within `spread` standard deviations of their
    mean form an interval, or a rectangle for a pair. Its value is the mean of `y` over
    these rows. The curve of a tree is the mean over its intervals, weighted by their
    number of rows. The curve of the forest is the mean over its trees [1]_.

    Parameters
    ----------
    estimator : fitted forest or Pipeline
        The forest, as in `disentangled_attributions`.

    X : array-like of shape (n_samples, n_features)
        The rows to average over. Use the training data of the forest.

    features : int, str or list of one or two of these
        The feature or the pair, by index or name.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The targets, as in `disentangled_attributions`. By default the curve explains the
        model.

    spread : float, default=0.25
        The half width of the intervals, in standard deviations.

    percentiles : tuple of float, default=(0.05, 0.95)
        The first and last value of the grid, as quantiles of the feature.

    grid_resolution : int, default=100
        The number of evenly spaced values of the grid. If a feature has fewer distinct
        values, these are the grid.

    custom_values : dict, default=None
        The grids of some of the features, as increasing arrays. The keys are indices or
        names, as in `features`.

    Returns
    -------
    curves : Bunch
        - ``average``: ndarray of shape (n_outputs, n_values) or (n_outputs, n_values_0,
          n_values_1), with NaN where no tree has an interval;
        - ``grid_values``: list of the arrays of values;
        - ``counts``: ndarray of the shape of the grid, the number of rows of the
          intervals at each value, summed over all leaves and trees.

    Raises
    ------
    TypeError, ValueError, NotFittedError
        As in `disentangled_attributions`, and if a parameter is not valid.

    See Also
    --------
    AttributionCurveDisplay : Draws the curves.
    sklearn.inspection.partial_dependence : Averages over branches instead.

    Notes
    -----
    A value of the grid stands for the cell around it, halfway to its neighbours. An
    interval counts in each cell that it touches. If some trees have no interval in a
    cell, its value is the mean of the other trees. If no tree has one, the value is NaN.
    The published code fills such a cell from its neighbours. With a larger `spread`,
    there are fewer gaps and the curve is smoother.

    The curve does not estimate a conditional mean; a kernel smoother of `y` is a better
    estimate. See the guide.

    References
    ----------
    .. [1] S. Devlin, C. Singh, W. J. Murdoch, B. Yu. "Disentangled attribution curves for
       interpreting random forests and boosted trees." arXiv:1905.07631, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sk_awave.inspection import attribution_curves
    >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    >>> forest = RandomForestRegressor(20, random_state=0).fit(X, X[:, 0] ** 2)
    >>> curves = attribution_curves(forest, X, 0, custom_values={0: [-0.8, 0, 0.8]})
    >>> curves.average.round(1)
    array([[0.6, 0. , 0.5]])
    """
    forest = Forest(estimator, "attribution_curves")
    columns = forest.indices(features)
    if len(columns) > 2:
        raise ValueError(
            "The 'features' parameter of attribution_curves must be one feature or two. "
            f"Got {len(columns)} instead."
        )
    _check_curve_parameters(spread, percentiles, grid_resolution)
    rows = forest.read(X)
    custom = {forest.indices(f)[0]: v for f, v in (custom_values or {}).items()}
    grids = [
        _check_grid(custom[column])
        if column in custom
        else _make_grid(rows[:, column], percentiles, grid_resolution)
        for column in columns
    ]
    total = forest.of_outputs(rows) if y is None else forest.of_targets(y, rows)
    curves = tree_curves(forest, columns, rows, total.of_rows, grids, spread)
    average, counts = _combine(curves, total)
    average = np.moveaxis(average, -1, 0)
    return Bunch(average=average, grid_values=grids, counts=counts)


def _combine(pairs, total):
    """Add up trees by their weights; those without rows count as the others' mean."""
    weighted = known = count = 0
    for (sums, counts), weights in zip(pairs, total.weights, strict=True):
        has_rows = counts[..., None] > 0
        means = np.where(has_rows, sums / np.maximum(counts, 1)[..., None], 0)
        weighted = weighted + weights * means
        known = known + weights * has_rows
        count = count + counts
    with np.errstate(invalid="ignore"):
        share = weighted / known
    return total.offset + total.weights.sum(axis=0) * share, count


def _make_grid(x, percentiles, grid_resolution):
    """Return the values of a feature at which its curve is computed."""
    distinct = np.unique(x)
    if len(distinct) < grid_resolution:
        return distinct
    low, high = mquantiles(x, prob=percentiles)
    if low == high:
        raise ValueError(
            f"The quantiles {percentiles} of a feature are equal, {low}: set other "
            "'percentiles' or 'custom_values'."
        )
    return np.linspace(low, high, grid_resolution)


def _check_grid(values):
    """Return an increasing grid, or raise ValueError."""
    grid = np.array(values, dtype=np.float64)
    if grid.ndim != 1 or len(grid) == 0 or not (np.diff(grid) > 0).all():
        raise ValueError(
            "The 'custom_values' parameter of attribution_curves must hold increasing "
            f"values of one dimension. Got {values!r} instead."
        )
    return grid


def _check_curve_parameters(spread, percentiles, grid_resolution):
    """Raise ValueError unless the parameters of curves are valid."""
    if not isinstance(spread, Real) or not 0 <= spread < np.inf:
        must = "'spread' parameter of attribution_curves must be a float of at least 0"
        raise ValueError(f"The {must}. Got {spread!r} instead.")
    if np.shape(percentiles) != (2,) or not 0 <= percentiles[0] < percentiles[1] <= 1:
        must = "'percentiles' parameter of attribution_curves must be two increasing"
        raise ValueError(f"The {must} numbers from 0 to 1. Got {percentiles!r} instead.")
    if not isinstance(grid_resolution, Integral) or grid_resolution < 2:
        must = "'grid_resolution' parameter of attribution_curves must be an integer of"
        raise ValueError(f"The {must} at least 2. Got {grid_resolution!r} instead.")
