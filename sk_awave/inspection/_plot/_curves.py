"""Display of the attributions of a forest to one feature, or to two."""

from numbers import Integral

import numpy as np
from scipy.stats.mstats import mquantiles
from sklearn.utils import resample

from sk_awave.inspection._disentangled import attribution_curves
from sk_awave.inspection._forests import Forest
from sk_awave.inspection._plot._panels import label, make_panels


class AttributionCurveDisplay:
    """Attribution curves of features, and contours of pairs.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    curves : list of Bunch
        The result of `attribution_curves` for each panel.

    names : list of tuple of str
        The one or two names of each panel.

    deciles : dict of str to ndarray of shape (9,)
        The deciles of each feature. They are marked on its axis.

    target : int, default=0
        The output that is drawn.

    Attributes
    ----------
    axes_ : ndarray of shape (n_rows, n_cols) of matplotlib Axes
        The panels; None where a cell of the grid has no panel.

    lines_ : ndarray of shape (n_rows, n_cols) of matplotlib Lines
        The curves; None for pairs.

    contours_ : ndarray of shape (n_rows, n_cols) of matplotlib contours
        The contours of pairs; None for curves.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    attribution_curves : Computes the curves.
    sklearn.inspection.PartialDependenceDisplay : Averages over branches instead.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sk_awave.inspection import AttributionCurveDisplay
    >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    >>> forest = RandomForestRegressor(20, random_state=0).fit(X, X[:, 0] * X[:, 1])
    >>> display = AttributionCurveDisplay.from_estimator(forest, X, [0, (0, 1)])
    >>> [ax.get_xlabel() for ax in display.axes_.flat]
    ['feature 0', 'feature 0']
    >>> plt.close(display.figure_)
    """

    def __init__(self, curves, names, deciles, *, target=0):
        self.curves = curves
        self.names = names
        self.deciles = deciles
        self.target = target

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        features,
        *,
        y=None,
        feature_names=None,
        target=None,
        spread=0.25,
        percentiles=(0.05, 0.95),
        grid_resolution=100,
        custom_values=None,
        subsample=None,
        random_state=None,
        n_cols=3,
        line_kw=None,
        contour_kw=None,
        ax=None,
    ):
        """Compute and draw curves of features, and contours of pairs.

        Parameters
        ----------
        estimator : fitted forest or Pipeline
            The forest, as in `disentangled_attributions`.

        X : array-like of shape (n_samples, n_features)
            The rows to average over. Use the training data of the forest.

        features : list of int, str or tuple of two of these
            The features and pairs, one panel each, as in ``[0, "cD1_max", (0, 1)]``.

        y, spread, percentiles, grid_resolution, custom_values
            See `attribution_curves`.

        feature_names : array-like of str, default=None
            The names of the features. By default, they come from the fit of the forest,
            or from the steps before it in the pipeline.

        target : int or label, default=None
            The label of the class that is drawn, or the index of the output. By default
            the only output, or the second of two classes.

        subsample : int, float or None, default=None
            The number of rows to use, or their fraction. By default all rows are used.

        random_state : int, RandomState instance or None, default=None
            The seed of the choice of rows.

        n_cols, line_kw, contour_kw, ax
            See `plot`.

        Returns
        -------
        display : AttributionCurveDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        TypeError, ValueError, NotFittedError
            As in `attribution_curves`, and if there is no such target.
        """
        forest = Forest(estimator, cls.__name__)
        X = forest.see(X)
        if feature_names is not None:
            forest.names = feature_names
        panels = [forest.indices(group) for group in features]
        custom = {forest.indices(f)[0]: v for f, v in (custom_values or {}).items()}
        if subsample is not None:
            X, y = _draw_rows(X, y, subsample, random_state)
        curves = [
            attribution_curves(
                forest.estimator,
                X,
                columns,
                y=y,
                spread=spread,
                percentiles=percentiles,
                grid_resolution=grid_resolution,
                custom_values={c: custom[c] for c in columns if c in custom},
            )
            for columns in panels
        ]
        n_features = forest.estimator.n_features_in_
        names = list(forest.names) or [f"feature {i}" for i in range(n_features)]
        deciles = {
            names[c]: mquantiles(np.asarray(X)[:, c], prob=np.arange(0.1, 1, 0.1))
            for c in {c for columns in panels for c in columns}
        }
        display = cls(
            curves,
            [tuple(names[c] for c in columns) for columns in panels],
            deciles,
            target=_find_target(target, len(curves[0].average), forest.estimator),
        )
        return display.plot(ax=ax, n_cols=n_cols, line_kw=line_kw, contour_kw=contour_kw)

    def plot(self, ax=None, *, n_cols=3, line_kw=None, contour_kw=None):
        """Draw curves and contours.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        n_cols : int, default=3
            The maximum number of panels side by side.

        line_kw : dict, default=None
            Keyword arguments of ``Axes.plot`` for curves.

        contour_kw : dict, default=None
            Keyword arguments of ``Axes.contourf`` for pairs.

        Returns
        -------
        display : AttributionCurveDisplay
            The display itself.
        """
        n_cols = min(n_cols, len(self.curves))
        axes = make_panels(ax, self, -(-len(self.curves) // n_cols), n_cols)
        self.axes_ = axes.astype(object)
        self.lines_, self.contours_ = (np.full(axes.shape, None) for _ in range(2))
        for panel in axes.flat[len(self.curves) :]:
            panel.remove()
        self.axes_.flat[len(self.curves) :] = None
        for i, (curve, names) in enumerate(zip(self.curves, self.names, strict=True)):
            values = curve.average[self.target]
            if len(names) == 1:
                kwargs = {"marker": ".", "markersize": 3} | (line_kw or {})
                drawn = axes.flat[i].plot(*curve.grid_values, values, **kwargs)
                self.lines_.flat[i] = drawn[0]
            else:
                drawn = axes.flat[i].contourf(
                    *curve.grid_values, values.T, **contour_kw or {}
                )
                bar = self.figure_.colorbar(drawn, ax=axes.flat[i])
                bar.ax.tick_params(labelsize="small")
                self.contours_.flat[i] = drawn
            self._label(axes.flat[i], names, is_first=i % n_cols == 0)
        self._share_limits()
        return self

    def _label(self, panel, names, is_first):
        """Name the axes, and mark the deciles of the features at them."""
        marks = {"color": "0.5", "linewidth": 1}
        ends = panel.get_xlim(), panel.get_ylim()
        transform = panel.get_xaxis_transform()
        panel.vlines(self.deciles[names[0]], 0, 0.05, transform=transform, **marks)
        if len(names) == 2:
            transform = panel.get_yaxis_transform()
            panel.hlines(self.deciles[names[1]], 0, 0.05, transform=transform, **marks)
        panel.set(xlim=ends[0], ylim=ends[1])
        label(panel, *names)
        if len(names) == 1 and is_first:
            panel.set_ylabel("attribution", fontsize="small")

    def _share_limits(self):
        """Draw all curves on one scale."""
        panels = self.axes_[self.lines_ != np.array(None)]
        if len(panels):
            limits = np.array([panel.get_ylim() for panel in panels])
            for panel in panels:
                panel.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def _draw_rows(X, y, subsample, random_state):
    """Draw some rows, or a share of them, without replacement."""
    whole = isinstance(subsample, Integral) and subsample >= 1
    if not whole and not (isinstance(subsample, float) and 0 < subsample <= 1):
        raise ValueError(
            "The 'subsample' parameter of AttributionCurveDisplay must be a positive "
            f"integer, a float in (0, 1] or None. Got {subsample!r} instead."
        )
    n_rows = len(X) if hasattr(X, "__len__") else X.shape[0]
    n_drawn = min(n_rows, subsample) if whole else max(1, round(subsample * n_rows))
    arrays = [X] if y is None else [X, y]
    drawn = resample(*arrays, replace=False, n_samples=n_drawn, random_state=random_state)
    return (drawn, None) if y is None else drawn


def _find_target(target, n_outputs, estimator):
    """Return the index of an output that is given by its label, or its index."""
    labels = getattr(estimator, "classes_", None)
    if isinstance(labels, list) or labels is None or len(labels) != n_outputs:
        labels = np.arange(n_outputs)
        if target is None and n_outputs == 1:
            return 0
    elif target is None and n_outputs <= 2:
        return n_outputs - 1
    places = np.flatnonzero(labels == target) if target is not None else []
    if len(places) != 1:
        raise ValueError(
            "The 'target' parameter of AttributionCurveDisplay must be one of "
            f"{labels.tolist()}. Got {target!r} instead."
        )
    return int(places[0])
