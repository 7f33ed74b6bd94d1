"""The threads of linear algebra, which small problems are better without."""

from contextlib import contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

_is_set = Lock()


@contextmanager
def one_blas_thread():
    """Let the BLAS use one thread within, in this process.

    Where cores are busy, its threads wait for each other: eigenvalues of 300 rows then
    take up to twenty times as long. The number of threads belongs to the whole process.
    So of fits at the same time only the first one sets it, and sets it back at its end.
    Otherwise the others could set it back to the one thread that they have found.

    It also serves as a decorator.
    """
    if not _is_set.acquire(blocking=False):
        yield
        return
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _is_set.release()


@cache
def _controller():
    """Return what sets threads. It takes milliseconds to find the loaded libraries."""
    return ThreadpoolController()
