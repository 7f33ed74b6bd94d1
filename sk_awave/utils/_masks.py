"""Masked arrays of NumPy, whose values under the mask are not to be used."""

import numpy as np


def refuse_masked(X, name="X"):
    """Raise ValueError for a masked array, or a list of some, with masked values.

    NumPy hands out the values under a mask without a word where it makes a plain array.

    Parameters
    ----------
    X : object
    name : str, default="X"
        The name of the argument, for the message.
    """
    parts = X if isinstance(X, list | tuple) else [X]
    if any(isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x) for x in parts):
        raise ValueError(
            f"{name} is a masked array with masked values, which stand for no numbers. "
            "Fill them with numbers, as .filled(0) does, or with NaN to interpolate "
            "them, as .astype(float).filled(numpy.nan) does; or leave out the samples "
            "that have some."
        )
