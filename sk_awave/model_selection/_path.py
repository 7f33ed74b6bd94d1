"""The path of wavelets from sparse coefficients to sparse attributions."""

from copy import copy

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array

from sk_awave.decomposition import AdaptiveWaveletTransformer
from sk_awave.utils._validation import validate_signals

#: The ratios that are tried by default.
RATIOS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def adaptive_wavelet_path(
    X, y=None, *, transformer=None, ratios=RATIOS, input_gradients=None
):
    r"""Learn a wavelet for each of several strengths of the attributions.

    On orthonormal filters only the ratio of the strengths of attribution and sparsity
    counts, so that one path replaces the two-dimensional grid of Ha et al. (NeurIPS
    2021). Here the ratio has no unit: each term is relative to its value at the starting
    wavelet, so that a ratio of 1 means the same whatever the units of `X` and of the
    teacher's outputs. The wavelet at the ratio :math:`r` minimises

    .. math:: \alpha_\mathrm{sparsity} \left(\mathrm{sparsity}
        + r \frac{\mathrm{sparsity}_0}{\mathrm{attribution}_0}
        \mathrm{attribution}\right)

    (plus the other terms, where they are not zero), which is the objective of
    `AdaptiveWaveletTransformer` with
    :math:`\alpha_\mathrm{attribution} = r\, \alpha_\mathrm{sparsity}\,
    \mathrm{sparsity}_0 / \mathrm{attribution}_0`.

    The teacher is differentiated once for the whole path, and each ratio starts from the
    best wavelet known so far: the start, or one learned for a smaller ratio.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, n_features) or \
            (n_samples, [n_channels,] *signal_shape)
        The signals.

    y : array-like of shape (n_samples,), default=None
        Only needed, as labels, with ``target="label"``.

    transformer : AdaptiveWaveletTransformer, default=None
        How to learn, by default ``AdaptiveWaveletTransformer()``. It is cloned; its
        `alpha_attribution` has no effect. Where its `init` is not "wavelet", starts are
        searched for at both ends of the path.

    ratios : array-like of shape (n_ratios,), default=RATIOS
        The ratios, 0 or more. They are taken in increasing order.

    input_gradients : array-like or tensor of the shape of `X`, default=None
        The gradients of a trained model's output with respect to its input, at `X`, where
        `transformer` has no teacher.

    Returns
    -------
    ratios : ndarray of shape (n_ratios,)
        The ratios in increasing order.

    transformers : list of AdaptiveWaveletTransformer
        The transformer fitted at each ratio; its `alpha_attribution` is what gives this
        ratio, on the published scale.

    Raises
    ------
    ValueError
        If there is neither a teacher nor `input_gradients`, `alpha_sparsity` is 0, the
        attributions are all zero, or `ratios` are not valid.
    TypeError
        If `transformer` is of another kind.

    See Also
    --------
    AdaptiveWaveletTransformerCV : Chooses the ratio by cross-validation.

    Examples
    --------
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> from sk_awave.model_selection import adaptive_wavelet_path
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
    X = validate_signals(transformer, X, reset=True)
    gradients = attribution_field(transformer, X, y, input_gradients)
    return ratios, learn_path(transformer, X, y, gradients, ratios)


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


def attribution_field(transformer, X, y, input_gradients):
    """Return input gradients of shape (n_targets, *X.shape); there must be some."""
    if transformer.teacher is None and input_gradients is None:
        raise ValueError(
            "A path of ratios needs attributions: set the 'teacher' parameter of the "
            "transformer, or pass input_gradients."
        )
    return transformer._get_input_gradients(X, y, input_gradients)


def learn_path(transformer, X, y, gradients, ratios):
    """Learn at increasing ratios, from valid signals; return fitted transformers.

    Every known wavelet is kept with its sparsity and attribution, whose weighted sum
    tells without a further evaluation which is the best start at the next ratio.
    """
    objective = transformer._make_learnable_objective(X, gradients)
    unit = _attribution_unit(transformer, objective)
    pool = _find_pool(transformer, objective, unit * ratios)
    fitted = []
    for ratio in ratios:
        alpha = float(unit * ratio)
        at_ratio = objective.at(attribution=alpha)
        pool.sort(key=lambda known, at_ratio=at_ratio: at_ratio.total(known[2]))
        learner = copy(transformer).set_params(alpha_attribution=alpha)
        starts = [known[:2] for known in pool[: transformer.n_init]]
        learner._learn(at_ratio, starts, X, y)
        fitted.append(learner)
        learned = (f"ratio {ratio:g}", learner._parameters, learner.objective_terms_)
        pool.append(learned)
    return fitted


def _attribution_unit(transformer, objective):
    """Return the strength of the attributions at which the ratio is 1."""
    if transformer.alpha_sparsity == 0:
        raise ValueError(
            "alpha_sparsity must be positive: ratios are relative to it. Got 0 instead."
        )
    terms = objective.report(objective.start)
    if terms["attribution"] == 0:
        raise ValueError("The attributions are zero for every signal.")
    return transformer.alpha_sparsity * terms["sparsity"] / terms["attribution"]


def _find_pool(transformer, objective, alphas):
    """Return (name, parameters, terms) of the wavelets to start from."""
    starts = []
    ends = alphas[:1] if transformer.init == "wavelet" else np.unique(alphas[[0, -1]])
    for alpha in ends:
        found, completed = transformer._find_starts(objective.at(attribution=alpha))
        if not completed:
            raise KeyboardInterrupt
        starts += found
    return [(name, start, objective.report(start)) for name, start in starts]
