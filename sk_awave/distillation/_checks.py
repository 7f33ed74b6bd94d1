"""Checks of what a distillation is given, and warnings of what it does not use."""

from sklearn.utils.validation import check_array, column_or_1d

from sk_awave.decomposition import AdaptiveWaveletTransformer
from sk_awave.utils._warnings import warn


def check_several_samples(model, X):
    """Raise ValueError for a single sample, in scikit-learn's words."""
    if len(X) < 2:
        raise ValueError(
            f"Found array with 1 sample(s) (shape={tuple(X.shape)}) while a minimum of 2 "
            f"is required by {type(model).__name__}."
        )


def check_numbers(y):
    """Return the target of a regression, or say that labels are none."""
    y = column_or_1d(y, warn=True)
    strings = [value for value in y.tolist() if isinstance(value, str | bytes)]
    try:
        return check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
    except ValueError as error:
        if not strings:
            raise
        raise ValueError(
            f"AWDRegressor needs numbers as y, but y holds strings, such as "
            f"{strings[0]!r}. Use AWDClassifier for labels, or y.astype(float) for "
            "numbers that are written as strings."
        ) from error


def warn_of_idle_parameters(model, learner):
    """Warn of parameters that were set and change nothing.

    Parameters
    ----------
    model : AWDClassifier or AWDRegressor
    learner : transformer
        The one that learns from the teacher, if it is an AdaptiveWaveletTransformer.
    """
    name = type(model).__name__
    kind = type(model.transformer if learner is None else learner).__name__
    reasons = {}
    if model.ratios is None:
        reasons = dict.fromkeys(("cv", "scoring"), "there are no ratios to choose.")
    if not isinstance(learner, AdaptiveWaveletTransformer):
        reasons |= {
            "ratios": "the wavelet is fixed.",
            "teacher": f"{kind} does not learn from it. Set 'transformer' to an "
            "AdaptiveWaveletTransformer, or to a transformer around one, such as "
            "SubbandPooling(AdaptiveWaveletTransformer()).",
        }
    elif learner.teacher is not None and learner.teacher is not model.teacher:
        warn(
            f"The teacher of {kind} has no effect: {name} has a teacher of its own. Pass "
            f"yours as {name}(teacher)."
        )
    for parameter, reason in reasons.items():
        if getattr(model, parameter) is not None:
            warn(f"{parameter} has no effect: {reason}")
