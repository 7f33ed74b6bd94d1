"""The path of wavelets from sparse coefficients to sparse attributions."""

from copy import copy
from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array

from sk_awave.decomposition._adaptive import AdaptiveWaveletTransformer
from sk_awave.decomposition._blocks import read_data
from sk_awave.decomposition._fitting import (
    attribution_unit,
    begin_task,
    finish,
    make_learner,
)
from sk_awave.decomposition._learner import Start
from sk_awave.utils._array_api import remember_namespace
from sk_awave.utils._callbacks import FitTask, with_callbacks

#: The ratios that are tried by default.
RATIOS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def adaptive_wavelet_path(
    X, y=None, *, transformer=None, ratios=RATIOS, input_gradients=None
):
    r"""Learn a wavelet for each of several strengths of the attributions.

    With orthonormal filters, only the ratio of the strengths of attribution and sparsity
    matters. So one path replaces the two-dimensional grid of Ha et al. (NeurIPS 2021).
    The ratios are values of the `attribution_ratio` of `AdaptiveWaveletTransformer`. The
    wavelet at the ratio :math:`\rho` minimises

    .. math:: \alpha_\mathrm{sparsity} \left(\mathrm{sparsity}
        + \rho \, \frac{\mathrm{sparsity}_0}{\mathrm{attribution}_0}
        \mathrm{attribution}\right)

    plus the other terms, if there are any. The terms :math:`\mathrm{sparsity}_0` and
    :math:`\mathrm{attribution}_0` are those of the starting wavelet.

    The teacher is differentiated once for the whole path. At each ratio, learning starts
    from the best wavelet so far: the starting wavelet, or one learned for a smaller
    ratio.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, n_features) or \
            (n_samples, [n_channels,] *signal_shape)
        The signals.

    y : array-like of shape (n_samples,), default=None
        The labels, for a teacher with ``target="label"`` and for `extra_terms`.

    transformer : AdaptiveWaveletTransformer, default=None
        The transformer with the settings of learning. By default it is
        ``AdaptiveWaveletTransformer()``. It is cloned. Its `attribution_ratio` and
        `alpha_attribution` have no effect. If its `init` is not "wavelet", starts are
        searched for at both ends of the path.

    ratios : array-like of shape (n_ratios,), default=(0, 0.01, 0.03, ..., 100)
        The ratios, each at least 0. They are sorted in increasing order.

    input_gradients : array-like or tensor of the shape of `X`, default=None
        The gradients of a trained model's output with respect to its input, at `X`, if
        `transformer` has no teacher.

    Returns
    -------
    ratios : ndarray of shape (n_ratios,)
        The ratios in increasing order.

    transformers : list of AdaptiveWaveletTransformer
        The transformer fitted at each ratio. The ratio is its `attribution_ratio`.

    Raises
    ------
    ValueError
        If there is neither a teacher nor `input_gradients`, if `alpha_sparsity` is 0, if
        the attributions are all zero, or if `ratios` are not valid.
    TypeError
        If `transformer` is of another kind.

    See Also
    --------
    AWDClassifier, AWDRegressor : Choose the ratio by cross-validation.

    Examples
    --------
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer, adaptive_wavelet_path
    >>> X = pywt.data.ecg().reshape(-1, 64) / 100.0
    >>> ratios, transformers = adaptive_wavelet_path(
    ...     X,
    ...     transformer=AdaptiveWaveletTransformer("db3", level=2),
    ...     ratios=[0, 1, 10],
    ...     input_gradients=X**2,
    ... )
    >>> terms = [t.objective_terms_["attribution"] for t in transformers]
    >>> terms[0] > terms[1] > terms[2]
    True
    """
    transformer = AdaptiveWaveletTransformer() if transformer is None else transformer
    if not isinstance(transformer, AdaptiveWaveletTransformer):
        raise TypeError(
            "The 'transformer' parameter of adaptive_wavelet_path must be an instance of "
            f"'AdaptiveWaveletTransformer' or None. Got {transformer!r} instead."
        )
    transformer = clone(transformer)
    transformer._validate_params()
    ratios = check_ratios(ratios)
    X, gradients, y = read_data(transformer, X, y, input_gradients, reset=True)
    return ratios, list(learn_path(transformer, X, y, gradients, ratios))


def check_ratios(ratios):
    """Return valid ratios in increasing order."""
    ratios = check_array(
        np.atleast_1d(ratios), ensure_2d=False, dtype=np.float64, input_name="ratios"
    )
    if ratios.ndim != 1 or ratios.min() < 0:
        raise ValueError(
            f"ratios must be one or more numbers of at least 0. Got {ratios} instead."
        )
    return np.unique(ratios)


def learn_path(transformer, X, y, gradients, ratios):
    """Learn at increasing ratios, from valid signals; yield fitted transformers.

    Every known wavelet is kept with its sparsity and attribution. Their weighted sum
    gives the best start at the next ratio without another evaluation.
    """
    if gradients is None:
        raise ValueError(
            "A path of ratios needs attributions: set the 'teacher' parameter of the "
            "transformer, or pass input_gradients."
        )
    alpha_sparsity = transformer.alpha_sparsity
    if alpha_sparsity == 0:
        raise ValueError(
            "alpha_sparsity must be positive: ratios are relative to it. Got 0 instead."
        )
    transformer.set_params(attribution_ratio=1.0, alpha_attribution=None)
    remember_namespace(transformer, X)
    learner = make_learner(transformer, X, gradients, y, alpha_attribution=1.0)
    unit = alpha_sparsity * attribution_unit(learner.objective)
    task = FitTask(transformer)
    pool = _find_pool(learner, unit * ratios, task)
    for number, ratio in enumerate(ratios, 1):
        task.log("Ratio %g, %d of %d", ratio, number, len(ratios))
        at_ratio = _at(learner, float(unit * ratio))
        total = at_ratio.objective.total
        pool.sort(key=lambda known, total=total: total(known[1]))
        starts = [start for start, _ in pool[: learner.n_init]]
        adapted = copy(transformer).set_params(attribution_ratio=float(ratio))
        _fit(adapted, at_ratio, starts, X, y)
        parameters = np.array(adapted._parameters)
        start = Start(f"ratio {ratio:g}", parameters, adapted._origin)
        pool.append((start, adapted.objective_terms_))
        yield adapted


@with_callbacks
def _fit(transformer, learner, starts, X, y):
    """Fit a transformer from the best starts that are known."""
    task = begin_task(transformer, learner, starts, X, y)
    finish(transformer, learner, learner.learn(starts, task), task)


def _at(learner, alpha_attribution):
    """Return the same learner with another strength of the attributions."""
    return replace(learner, objective=learner.objective.at(attribution=alpha_attribution))


def _find_pool(learner, alphas, task):
    """Return pairs of start and terms of the wavelets to start from."""
    starts = []
    ends = alphas[:1] if learner.init == "wavelet" else np.unique(alphas[[0, -1]])
    for alpha in ends:
        found, completed = _at(learner, float(alpha)).find_starts(task)
        if not completed:
            raise KeyboardInterrupt
        starts += found
    return [(start, learner.objective.report(start.parameters)) for start in starts]
