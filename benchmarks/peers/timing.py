"""How functions that do the same are timed, and what the rows of a table hold."""

import math
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

OURS = "sk_awave"

#: The seconds for which a short function is repeated.
ENOUGH_SECONDS = 0.02


class Row(NamedTuple):
    """A row: the section, what it is about, values by name and round, other cells."""

    section: str
    what: dict
    values: dict
    others: dict = {}


class Section(NamedTuple):
    """A table: its rows, what they say, and the column by which the chart splits them.

    The values are seconds. Or they are something else, which `unit` names, and they are
    shown as they are instead of relative to ours.
    """

    title: str
    note: str
    rows: Callable  # (rounds, quick) -> iterable of Row
    split: str | None = None
    unit: str | None = None


def seconds(function, calls, clock):
    """Return the seconds that one of several calls takes, whose results are kept."""
    start = clock()
    results = [function() for _ in range(calls)]
    elapsed = clock() - start
    del results
    return elapsed / calls


def race(functions, rounds, repeat=True, clock=time.process_time):
    """Return the seconds by name and round; all run in each round, in random order."""
    calls = dict.fromkeys(functions, 1)
    if repeat:  # the first call warms up, the second says how many make a measurement
        for name, function in functions.items():
            if seconds(function, 1, clock) < 10 * ENOUGH_SECONDS:
                once = seconds(function, 1, clock)
                calls[name] = math.ceil(ENOUGH_SECONDS / max(once, 1e-6))
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name in random.sample(list(functions), len(functions)):
            times[name].append(seconds(functions[name], calls[name], clock))
    return times


def apart(function, *args, threads=1):
    """Call a function in a fresh process, whose libraries may take some threads."""
    names = [name for name in os.environ if name.endswith("_NUM_THREADS")]
    before = {name: os.environ[name] for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(function, *args).result()
    finally:
        os.environ.update(before)


def size(shape):
    """Write a shape."""
    return " x ".join(f"{length}" for length in shape)
