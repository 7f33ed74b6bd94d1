"""Arrays of any library, while scikit-learn dispatches on them.

With ``sklearn.set_config(array_api_dispatch=True)`` an estimator returns arrays of the
library and the device of its input, and after `fit` refuses those of others; see
https://scikit-learn.org/stable/modules/array_api.html. It computes with tensors of torch
and arrays of NumPy. Arrays of other libraries go through NumPy.
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

import numpy as np
import torch
from sklearn import config_context, get_config
from sklearn.utils.validation import check_is_fitted

from sk_awave.utils._dask import is_dask_array

try:
    from sklearn.utils._array_api import (
        check_same_namespace,
        get_namespace_and_device,
        move_to,
    )

    IS_SUPPORTED = True
except ImportError:  # scikit-learn before 1.9
    IS_SUPPORTED = False

_Method = TypeVar("_Method", bound=Callable)

#: Decorates what hands tensors to estimators that were fitted to arrays of any library.
without_dispatch = config_context(array_api_dispatch=False)


def remember_namespace(estimator, X):
    """Store what tells the library and the device of `X`."""
    # A dtype of every device; pickles change the strides of empty arrays.
    estimator._like = np.zeros(1, np.int8)
    if _dispatches_on(X):
        xp, _, device = get_namespace_and_device(X)
        estimator._like = xp.zeros(1, dtype=xp.int8, device=device)


def learns_namespace(fit: _Method) -> _Method:
    """Decorate `fit`: the estimator remembers the library and the device of `X`."""

    @wraps(fit)
    def wrapper(self, X, y=None, **params):
        remember_namespace(self, X)
        if _dispatches_on(y):
            y = move_to(y, xp=np, device="cpu")
        params = {name: as_native(value) for name, value in params.items()}
        return fit(self, as_native(X), y, **params)

    return cast(_Method, wrapper)


def follows_namespace(method: _Method) -> _Method:
    """Decorate a method of a fitted estimator: arrays of any library in and out."""

    @wraps(method)
    def wrapper(self, X, *args, **params):
        if is_dask_array(X):  # its blocks are arrays of NumPy
            return without_dispatch(method)(self, X, *args, **params)
        if not _dispatches_on(X):
            return method(self, X, *args, **params)
        check_is_fitted(self)
        check_same_namespace(X, self, attribute="_like", method=method.__name__)
        native, args = as_native(X), map(as_native, args)
        params = {name: as_native(value) for name, value in params.items()}
        result = method(self, native, *args, **params)
        if native is X or np.isscalar(result):
            return result
        xp, _, device = get_namespace_and_device(X)
        return move_to(result, xp=xp, device=device)

    return cast(_Method, wrapper)


def _dispatches_on(X):
    """Tell whether scikit-learn would compute with the library of `X`."""
    if not IS_SUPPORTED or not get_config()["array_api_dispatch"] or is_dask_array(X):
        return False
    return hasattr(X, "__array_namespace__") or isinstance(X, (np.ndarray, torch.Tensor))


def as_native(X):
    """Return tensors as they are or, if nested, in a list; other arrays as NumPy's."""
    if isinstance(X, torch.Tensor) and X.is_nested:
        return list(X.unbind())
    if not _dispatches_on(X) or isinstance(X, (np.ndarray, torch.Tensor)):
        return X
    return move_to(X, xp=np, device="cpu")
