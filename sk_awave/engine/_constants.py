"""Constant arrays that are made once, and never kept as tensors.

A tensor that is made while `torch.export` or `torch.compile` traces, or in inference
mode, belongs to that trace or mode. From a cache it would spoil what comes after.
"""

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor


def constant(make: Callable[..., np.ndarray]) -> Callable[..., Tensor]:
    """Decorate a function that makes an array, to cache it and return it as a tensor.

    The tensor shares the memory of the array, and must not be written to.

    Parameters
    ----------
    make : callable
        It maps arguments that can be hashed to an array.
    """
    cached = lru_cache(maxsize=512)(make)

    def tensors(*key: Hashable) -> tuple[Tensor]:
        made = torch.from_numpy(cached(*key))
        # What `torch._dynamo.mark_static` sets: else the compiler takes the sizes of
        # constants for dynamic from the second length of signals on, and fails.
        made._dynamo_static_indices = set(range(made.ndim))  # type: ignore[attr-defined]
        return (made,)

    # What `torch.compiler.assume_constant_result` sets: the array is made outside of the
    # code that is traced. The function itself would import the compiler, which takes
    # longer than the rest of this package. The compiler gives all tensors that such
    # functions return one name, and so fails at the second one; tuples have none.
    tensors._dynamo_marked_constant = True  # type: ignore[attr-defined]

    @wraps(make)
    def tensor(*key: Hashable) -> Tensor:
        return tensors(*(concrete(part) for part in key))[0]

    return tensor


def concrete(length: Any) -> Any:
    """Return a length as a number; anything else as it is.

    Lengths are symbols while `torch.compile` traces, and tensors for `torch.jit.trace`.
    """
    if length is None or isinstance(length, str):
        return length
    return range(int(length)).stop
