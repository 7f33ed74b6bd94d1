"""Dask arrays: the only module that imports Dask, when it is handed one."""

import sys
from copy import copy

import numpy as np


def is_dask_array(X):
    """Tell whether it is a Dask array, without importing Dask."""
    dask_array = sys.modules.get("dask.array")
    return dask_array is not None and isinstance(X, dask_array.Array)


def refuse_dask_array(estimator, X):
    """Raise TypeError for a Dask array; otherwise it would be computed whole."""
    if is_dask_array(X):
        raise TypeError(
            f"A Dask array was passed, but this method of {type(estimator).__name__} "
            "needs all samples in memory. Pass X.compute(), or that of some of them."
        )


def map_rows(estimator, method, X):
    """Apply a method of a fitted estimator to the blocks of a Dask array, lazily.

    Parameters
    ----------
    estimator : estimator
    method : str
        Takes rows to rows.
    X : dask array
        Its other axes are brought together in each block.

    Returns
    -------
    dask array
    """
    estimator = copy(estimator)
    if hasattr(estimator, "teacher"):
        estimator.teacher = None  # which is large, and not asked
    # Of a row of zeros it tells what is wrong with the shape, and what will come.
    like = getattr(estimator, method)(np.zeros((1, *X.shape[1:]), X.dtype))
    X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    return X.map_blocks(
        _apply,
        estimator,
        method,
        like[:0],
        drop_axis=list(range(1, X.ndim)),
        new_axis=list(range(1, like.ndim)),
        chunks=(X.chunks[0], *((length,) for length in like.shape[1:])),
        meta=like[:0],
    )


def _apply(rows, estimator, method, empty):
    return getattr(estimator, method)(rows) if len(rows) else empty


def row_blocks(X, *others):
    """Return delayed blocks of the rows of Dask arrays, as a list of tuples.

    Others may be arrays of as many rows, or None.
    """
    import dask.array as da

    lists = []
    for array in (X, *others):
        if array is None:
            lists.append([None] * X.numblocks[0])
            continue
        if not is_dask_array(array):
            array = da.from_array(np.asarray(array), chunks=-1)
        rows = array.chunks[0]
        if not np.array_equal(rows, X.chunks[0], equal_nan=True):
            array = array.rechunk({0: X.chunks[0]})
        array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))
        lists.append(array.to_delayed().ravel().tolist())
    return list(zip(*lists, strict=True))


def take_rows(rows, *arrays):
    """Bring rows of arrays, some or all of which are Dask arrays, to memory.

    Parameters
    ----------
    rows : ndarray of int
        In ascending order.
    *arrays : dask array or array-like

    Returns
    -------
    tuple of ndarrays
    """
    taken = [
        (array if is_dask_array(array) else np.asarray(array))[rows] for array in arrays
    ]
    return compute(*taken)


def compute(*delayed):
    """Compute delayed objects or Dask arrays here, and return a tuple."""
    import dask

    return dask.compute(*delayed)


def current_client():
    """Return the client of a cluster that is in use, or None."""
    distributed = sys.modules.get("distributed")
    try:
        return None if distributed is None else distributed.get_client()
    except ValueError:
        return None


class Workers:
    """Objects that stay on the workers of a cluster, in an order.

    A worker that is lost takes its objects with it. They are made again elsewhere, if
    what they are made of can be.

    Parameters
    ----------
    client : distributed.Client
    make : callable
    shared : object
        The first argument. It is sent once to each worker.
    arguments : list of tuples
        The other arguments of each object. They may be delayed.
    """

    def __init__(self, client, make, shared, arguments):
        from dask import delayed
        from distributed import wait

        shared, make = delayed(shared, traverse=False), delayed(make, pure=False)
        self._client = client
        self._objects = client.compute([make(shared, *each) for each in arguments])
        wait(self._objects)
        for future in self._objects:
            if future.status == "error":
                future.result()  # which raises it
        self._groups, where = {}, client.who_has(self._objects)
        for number, future in enumerate(self._objects):
            worker = tuple(where[future.key][:1])
            self._groups.setdefault(worker, []).append(number)

    def __iter__(self):
        """Yield the objects, brought here one by one."""
        return (future.result() for future in self._objects)

    def map(self, function, *args):
        """Return what a function of objects yields for each, in their order.

        Objects without a length are left out. There is one task for each worker.
        """
        tasks = [
            self._client.submit(
                _yields,
                function,
                args,
                numbers,
                *(self._objects[number] for number in numbers),
                workers=worker or None,
                allow_other_workers=bool(worker),
                pure=False,
            )
            for worker, numbers in self._groups.items()
        ]
        results = [pair for pairs in self._client.gather(tasks) for pair in pairs]
        return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def _yields(function, args, numbers, *objects):
    pairs = [pair for pair in zip(numbers, objects, strict=True) if len(pair[1])]
    results = function((item for _, item in pairs), *args)
    return [(number, each) for (number, _), each in zip(pairs, results, strict=True)]
