"""One thread for linear algebra, also of fits at the same time."""

import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sk_awave.utils._threads import one_blas_thread


def blas_threads():
    return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("the BLAS has no threads here")
        yield


def test_it_is_set_and_set_back():
    with one_blas_thread():
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}
    with pytest.raises(KeyboardInterrupt), one_blas_thread():
        raise KeyboardInterrupt
    assert blas_threads() == {2}


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_fits_at_the_same_time(first_ends_first):
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=hold)
    with one_blas_thread():
        other.start()
        entered.wait(10)
        assert blas_threads() == {1}
        if not first_ends_first:
            leave.set()
            other.join()
            assert blas_threads() == {1}
    assert blas_threads() == {2}
    leave.set()
    other.join()
    assert blas_threads() == {2}


@one_blas_thread()
def decorated():
    return blas_threads()


def test_it_decorates():
    assert decorated() == decorated() == {1}
    assert blas_threads() == {2}
