"""Warnings that name the line of the user."""

import sys
import warnings

#: The packages that stand between a line of the user and a warning.
_BETWEEN = {"sk_awave", "sklearn", "joblib", "contextlib"}


def warn(message, category=UserWarning):
    """Warn at the nearest line outside of these packages, as in a pipeline or a search.

    A fixed number of frames would differ between calls, and between versions of
    scikit-learn.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
