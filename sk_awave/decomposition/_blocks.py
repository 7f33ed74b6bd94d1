"""Data that outgrows memory: iterables of blocks, and Dask arrays."""

import tempfile
import weakref
from collections.abc import Mapping, Sequence, Set
from copy import copy

import numpy as np
import torch

from sk_awave.decomposition._fitting import find_gradients
from sk_awave.engine._blocks import Block, Blocks
from sk_awave.utils import _dask
from sk_awave.utils._array_api import remember_namespace
from sk_awave.utils._masks import refuse_masked
from sk_awave.utils._validation import as_tensor, validate_signals

#: How far sums over the same data may be apart, relative to their size, by rounding.
_ROUNDING = 1e-5


def read_data(transformer, X, y=None, input_gradients=None, *, reset):
    """Validate the data that a transformer learns from, or is scored on.

    Parameters
    ----------
    transformer : AdaptiveWaveletTransformer
    X : array-like, tensor, Dask array, or iterable of blocks
    y, input_gradients
        See its `fit`.
    reset : bool
        True to set its attributes of validation, False to compare with them.

    Returns
    -------
    X : ndarray, tensor or Blocks
    gradients : tensor of shape (n_targets, ...) or None
        The gradients; those of blocks have no rows.
    y : array-like or None
    """
    refuse_masked(y, "y")
    blocks = find_blocks(transformer, X, y, input_gradients, reset=reset)
    if blocks is not None:
        return blocks, blocks.summary.like.input_gradients, None
    X = validate_signals(transformer, X, reset=reset)
    return X, find_gradients(transformer, X, y, input_gradients), y


def find_blocks(transformer, X, y=None, given=None, *, reset):
    """Return `X` as `Blocks` if it is a Dask array or an iterable of blocks, or None."""
    if _dask.is_dask_array(X):
        return _dask_blocks(transformer, X, y, given, reset)
    is_collection = isinstance(X, Sequence | Mapping | Set)
    is_array = hasattr(X, "shape") or hasattr(X, "__array__")
    if is_collection or is_array or not hasattr(X, "__iter__"):
        return None
    name = type(transformer).__name__
    if hasattr(X, "__next__"):
        raise TypeError(
            f"X is an iterator, {X!r}, which can be iterated once: {name} goes through "
            "the data many times. Give an object whose __iter__ begins anew each time, "
            "such as a torch DataLoader."
        )
    for what, value in (("y", y), ("input_gradients", given)):
        if value is not None:
            raise ValueError(
                f"{what} cannot be given beside an iterable of blocks. Let it yield "
                "pairs (X, y), and set the 'teacher' parameter for gradients."
            )
    return IteratedBlocks(transformer, X, reset)


def _dask_blocks(transformer, X, y, given, reset):
    # One row of zeros has the shape; values are validated where the blocks are.
    validate_signals(transformer, np.zeros((1, *X.shape[1:]), X.dtype), reset=reset)
    parts = _dask.row_blocks(X, y, given)
    client = _dask.current_client()
    if client is None:
        return IteratedBlocks(transformer, _Computed(parts), False)
    return WorkerBlocks(transformer, parts, client)


class _Computed:
    """Delayed blocks that are computed when they are iterated over."""

    def __init__(self, parts):
        self.parts = parts

    def __iter__(self):
        return (_dask.compute(*part) for part in self.parts)


class IteratedBlocks(Blocks):
    """Blocks that an iterable yields anew at each pass, one of which is kept at a time.

    Gradients of a teacher are computed in the first pass and kept in a temporary file.

    Parameters
    ----------
    transformer : estimator
        Says how blocks are validated, and has the teacher.
    iterable : iterable of X, (X, y) or (X, y, input_gradients)
    reset : bool
        True if the first block sets the attributes that the others are compared with.

    Raises
    ------
    ValueError
        In a pass, if a block is not valid or passes differ.
    """

    def __init__(self, transformer, iterable, reset):
        self._transformer, self._iterable, self._reset = transformer, iterable, reset
        self._sums = None  # of each block in the first pass
        self._fields = None

    def map(self, function, *args):
        """Yield what a function of the blocks yields."""
        return function(iter(self), *args)

    def __iter__(self):
        """Yield the blocks, and check that they are those of the first pass."""
        sums = []
        if self._sums is None:
            self._fields = None
        for item in self._iterable:
            X, y, given = _split(item)
            if len(X) == 0:
                continue
            number, is_first = len(sums), self._sums is None
            reset = self._reset and is_first and number == 0
            if reset:
                remember_namespace(self._transformer, X)
            X = validate_signals(self._transformer, X, reset=reset)
            x = as_tensor(X, self._transformer._torch_device(X))
            sums.append(_checksums(x))
            if is_first:
                field = find_gradients(
                    self._transformer, X, y, given, is_block=True, is_checked=number > 0
                )
                field = self._keep(field)
            else:
                field = self._recall(number, sums[-1])
            yield _as_block(self._transformer, number, x, field, y)
        self._check_pass(sums)

    def _keep(self, gradients):
        """Write gradients (n_targets, n, ...) to the file; return (n, n_targets, ...)."""
        if gradients is None:
            return None
        self._fields = self._fields or _Fields()
        return self._fields.append(gradients.transpose(0, 1))

    def _recall(self, number, sums):
        """Return the gradients of a block, if it is the same as in the first pass."""
        if self._fields is None:
            return None
        if number >= len(self._sums) or not _are_close(sums, self._sums[number]):
            raise ValueError(
                f"Block {number} of X is another than in the first pass, in which the "
                "teacher was differentiated. Let blocks come in the same order, with the "
                "same rows: a DataLoader with shuffle=False, and no augmentation."
            )
        return self._fields[number]

    def _check_pass(self, sums):
        """Raise ValueError if there is nothing, or something else than before."""
        if not sums:
            again = "" if self._sums is None else " in a further pass"
            raise ValueError(
                f"X has no blocks{again}: the iterable yields nothing. It must begin "
                "anew each time that it is iterated over."
            )
        if self._sums is None:
            self._sums = sums
            return
        lengths, old_lengths = ([n for n, *_ in part] for part in (sums, self._sums))
        total, old_total = (sum(each[1] for each in part) for part in (sums, self._sums))
        if lengths != old_lengths or not _are_close(total, old_total):
            raise ValueError(
                "X is not the same at each pass: first it had blocks of "
                f"{_brief(old_lengths)} samples and a checksum of {old_total:.7g}, and "
                f"then of {_brief(lengths)} and {total:.7g}. Samples may come in another "
                "order, but must be the same, in blocks of the same sizes: a DataLoader "
                "must not augment them, nor shuffle with drop_last=True."
            )


def _checksums(x):
    """Return the length, a sum that depends on samples, and one on their order.

    A product with a vector takes a tenth of the time of an evaluation.
    """
    rows = x.flatten(1)
    squares = (rows @ torch.linspace(1, 2, rows.shape[1]).to(rows)).double().square()
    return len(rows), float(squares.sum()), float(squares.cumsum(0).sum())


def _are_close(sums, others):
    return np.allclose(sums, others, rtol=_ROUNDING, atol=0)


def _brief(lengths):
    return f"{lengths[:3]}"[:-1] + (", ...]" if len(lengths) > 3 else "]")


def _split(item):
    """Return X, y and gradients of an item of an iterable."""
    if not isinstance(item, tuple | list):
        return item, None, None
    if not 1 <= len(item) <= 3:
        raise ValueError(
            f"The blocks of X must be X or (X, y). Got a {type(item).__name__} of "
            f"{len(item)} instead."
        )
    return (*item, None, None)[:3]


class _Fields:
    """Arrays in a temporary file that disappears with the last reference to it.

    Arrays that are read often stay in memory; the system can take this memory back.
    """

    def __init__(self):
        self._file, self._places = tempfile.TemporaryFile(), []  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def append(self, field):
        """Write a tensor, and return it."""
        array = field.cpu().contiguous().numpy()
        self._places.append((array.dtype, self._file.tell(), array.shape))
        array.tofile(self._file)
        return field

    def __getitem__(self, number):
        """Return a tensor in the memory of the file."""
        dtype, offset, shape = self._places[number]
        return as_tensor(np.memmap(self._file, dtype, "r", offset, shape))


class WorkerBlocks(Blocks):
    """Blocks that stay on the workers of a Dask cluster.

    Parameters
    ----------
    transformer : estimator
    parts : list of tuples of delayed X, y and gradients
    client : distributed.Client
    """

    def __init__(self, transformer, parts, client):
        numbered = [(number, *part) for number, part in enumerate(parts)]
        sent = copy(transformer)
        for name in ("solver", "_skl_callbacks"):  # which need not go through a pickle
            vars(sent).pop(name, None)
        self._workers = _dask.Workers(client, _make_block, sent, numbered)

    def map(self, function, *args):
        """Return what a function yields for blocks, called by each worker for its own."""
        return self._workers.map(function, *args)

    def __iter__(self):
        """Yield the blocks, brought here one by one."""
        return (block for block in self._workers if len(block))


def _make_block(transformer, number, X, y, given):
    """Validate a block where it is, and differentiate the teacher."""
    if len(X) == 0:
        return Block(number, as_tensor(np.asarray(X)))
    X = validate_signals(transformer, X, reset=False)
    x = as_tensor(X, transformer._torch_device(X))
    field = find_gradients(transformer, X, y, given, is_block=True)
    field = None if field is None else field.transpose(0, 1)
    return _as_block(transformer, number, x, field, y)


def _as_block(transformer, number, x, field, y):
    """Bring what belongs to signals to their device; labels if a term may need them."""
    refuse_masked(y, "y")
    wanted = y is not None and getattr(transformer, "extra_terms", None)
    y = as_tensor(np.asarray(y), x.device) if wanted else None
    return Block(number, x, None if field is None else field.to(x), y)
