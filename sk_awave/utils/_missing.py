"""Errors about NaN that say what to do in signals."""

from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def explaining_missing(X, estimator, input_name="X", is_signal=True):
    """Say about NaN in signals what helps, in place of scikit-learn's advice.

    It advises estimators that take NaN, none of which is for signals.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, ...)
        As the user passed it.
    estimator : estimator
    input_name : str, default="X"
    is_signal : bool, default=True
        False for coefficients.
    """
    try:
        yield
    except ValueError as error:
        cause = f"Input {input_name} contains NaN"
        if not str(error).startswith(cause):
            raise
        name = type(estimator).__name__
        remedy = _remedy(X, name) if is_signal else f"{name} takes no missing values."
    else:
        return
    raise ValueError(f"{cause}. {remedy}")


def _remedy(X, name):
    if _ends_in_time_first(X):
        library = "torch" if isinstance(X, torch.Tensor) else "np"
        return (
            f"Samples of shape {tuple(X.shape[1:])} end in NaN along the first axis, but "
            f"channels come first: pass {library}.moveaxis(X, 1, 2) to SubbandPooling or "
            "AdaptiveSubbandPooling."
        )
    return (
        f"{name} takes no gaps: interpolate them in time, as numpy.interp does. "
        "SubbandPooling (with a WaveletTransformer) and AdaptiveSubbandPooling take "
        "series of unequal lengths, in arrays with channels first where all channels of "
        "a shorter series end in NaN."
    )


def _ends_in_time_first(X):
    """Return whether NaN are the ends of samples of shape (length, n_channels)."""
    if not isinstance(X, np.ndarray | torch.Tensor) or X.ndim != 3 or X.shape[1] < 2:
        return False
    is_missing = X != X
    is_missing = is_missing.cpu().numpy() if isinstance(X, torch.Tensor) else is_missing
    ends = is_missing.all(axis=2)
    return (
        bool(ends.any())
        and X.shape[2] < X.shape[1]
        and bool((is_missing.any(axis=2) == ends).all())
        and bool((ends[:, 1:] >= ends[:, :-1]).all())
    )
