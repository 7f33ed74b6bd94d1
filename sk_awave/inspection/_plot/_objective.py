"""Display of the objective during learning."""

from sk_awave.engine import Adam
from sk_awave.inspection._checks import check_transformer
from sk_awave.inspection._plot._panels import label, make_panels


class ObjectiveDisplay:
    """The objective during learning, and its terms at the end.

    It is recommended to create it by `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    loss_curve : list of float
        The objective at the start and after each iteration.

    contributions : dict of str to float
        The terms at the end, times their strengths. They add up to the objective.

    step : str, default="iteration"
        The name of an iteration.

    Attributes
    ----------
    axes_ : ndarray of shape (1, 2) of matplotlib Axes
        The panels: the objective and its terms.

    ax_ : matplotlib Axes
        The first panel.

    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.inspection import ObjectiveDisplay
    >>> X = pywt.data.ecg()[:1000].reshape(-1, 40) / 100.0
    >>> transformer = AdaptiveWaveletTransformer("db3", level=3).fit(X)
    >>> display = ObjectiveDisplay.from_estimator(transformer)
    >>> bool(abs(sum(display.contributions.values()) - min(display.loss_curve)) < 1e-9)
    True
    >>> plt.close(display.figure_)
    """

    def __init__(self, loss_curve, contributions, *, step="iteration"):
        self.loss_curve = loss_curve
        self.contributions = contributions
        self.step = step

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the objective of a transformer.

        Parameters
        ----------
        estimator : fitted AdaptiveWaveletTransformer
            The transformer. With ``max_iter=0`` the wavelet is fixed, and the curve has
            one point.

        ax : matplotlib Axes, default=None
            The axes to draw in; see `plot`.

        Returns
        -------
        display : ObjectiveDisplay
            The display, with the drawing in ``figure_``.

        Raises
        ------
        TypeError
            If the transformer learns nothing.
        NotFittedError
            If the transformer is not fitted.
        """
        check_transformer(estimator, "loss_curve_", cls.__name__)
        contributions = {
            name: estimator.strengths_[name] * value
            for name, value in estimator.objective_terms_.items()
        }
        by_epoch = estimator.solver == "adam" or isinstance(estimator.solver, Adam)
        step = "epoch" if by_epoch else "iteration"
        return cls(estimator.loss_curve_, contributions, step=step).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the objective and its terms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes that the panels replace. By default, a new figure is made.

        Returns
        -------
        display : ObjectiveDisplay
            The display itself.
        """
        curve, bars = make_panels(ax, self, 1, 2, width_ratios=(1, 1.6))[0]
        curve.plot(self.loss_curve, "C0.-", linewidth=1, markersize=3)
        curve.xaxis.get_major_locator().set_params(integer=True)
        label(curve, self.step, "objective")
        names = [name.replace("_", " ") for name in self.contributions]
        values = list(self.contributions.values())
        bars.barh(range(len(values)), values, color="C0", alpha=0.4)
        for row, (name, value) in enumerate(zip(names, values, strict=True)):
            shown = value if value > 1e-12 * sum(values) else 0  # not rounding errors
            text = f" {name}: {shown:.2g}"
            bars.text(0, row, text, va="center", fontsize="x-small")
        bars.invert_yaxis()
        bars.set_yticks([])
        label(bars, "contribution at the end")
        return self
