"""Transforms beside those of every package."""

import itertools
import time

from libraries import Case, checked
from timing import Row, Section, apart, race, size

MODES = ("zero", "symmetric", "periodization")
BATCHES = (
    (10_000, 64),
    (2_000, 1_024),
    (100, 65_536),
    (1, 4_000_000),
    (2_000, 28, 28),
    (500, 64, 64),
    (32, 512, 512),
)
FEW = (*itertools.product((1, 10, 100, 500), (128, 256, 512, 1_024)), (1, 28, 28))


def both_directions(section, case, rounds, columns, **how):
    """Time a transform and its inverse; the columns name the settings that are shown."""
    for direction, functions in checked(case).items():
        shown = {"signals": size(case.shape)}
        shown |= {column: str(getattr(case, column)) for column in columns}
        what = shown | {"direction": direction}
        yield Row(section, what, race(functions, rounds, **how))


def of_batches(rounds, quick):
    """Time large batches in several modes."""
    kept = (BATCHES[:1], MODES[1:]) if quick else (BATCHES, MODES)
    for shape, mode in itertools.product(*kept):
        yield from both_directions("batches", Case(shape, mode), rounds, ["mode"])


def of_few(rounds, quick):
    """Time few and short signals, in the precision and mode that users get."""
    for shape in FEW[5::8] if quick else FEW:
        case = Case(shape, "symmetric", dtype="float64", level=3)
        yield from both_directions("few", case, rounds, [])


def of_settings(rounds, quick):
    """Time short and long filters in both precisions."""
    wavelets = ("haar", "sym20") if quick else ("haar", "db2", "db5", "db10", "sym20")
    for wavelet, dtype in itertools.product(wavelets, ("float32", "float64")):
        case = Case((50 if quick else 500, 1_024), "symmetric", wavelet, dtype)
        yield from both_directions("settings", case, rounds, ["wavelet", "dtype"])


def of_stationary(rounds, quick):
    """Time stationary transforms."""
    shapes = ((10, 256), (500, 256), (100, 1_024), (1_000, 1_024), (10, 65_536))
    for shape in (*shapes[: 1 if quick else None], (100, 64, 64)):
        case = Case(shape, "periodic", dtype="float64", level=3, stationary=True)
        yield from both_directions("stationary", case, rounds, [])


def on_threads(cases, rounds):
    """Time some cases by the clock on the wall."""
    return [
        row
        for case in cases
        for row in both_directions("threads", case, rounds, [], clock=time.perf_counter)
    ]


def of_threads(rounds, quick):
    """Time one and two threads."""
    shapes = ((100, 1_024),) if quick else ((500, 512), *BATCHES[:3], *BATCHES[4:])
    cases = [Case(shape, "symmetric") for shape in shapes]
    rows = {n: apart(on_threads, cases, rounds, threads=n) for n in (1, 2)}
    for pair in zip(*rows.values(), strict=True):
        for threads, row in zip(rows, pair, strict=True):
            yield row._replace(what=row.what | {"threads": str(threads)})


SECTIONS = {
    "few": Section(
        "Few signals of some hundred samples",
        "`WaveletTransformer.transform` and `inverse_transform` of arrays, float64, mode "
        "symmetric, three levels. With one signal, the time is mostly that of the "
        "call itself.",
        of_few,
        "direction",
    ),
    "batches": Section(
        "Large batches",
        "The same for float32 and four levels.",
        of_batches,
        "direction",
    ),
    "settings": Section(
        "Filters and precision",
        "Filters of 2 to 40 taps. ndwt has no filter of 40 taps.",
        of_settings,
        "direction",
    ),
    "threads": Section(
        "One thread and two",
        "Wall-clock time, float32, mode symmetric. Every package may use as many threads "
        "as we do. PyWavelets starts no threads itself: with two threads, each "
        "transforms half of the signals.",
        of_threads,
        "direction",
    ),
    "stationary": Section(
        "Stationary transforms",
        '`WaveletTransformer(decomposition="stationary")` beside `swt` and `iswt`, '
        "float64, three levels. The other packages have no stationary transform; ptwt "
        "has none for images.",
        of_stationary,
        "direction",
    ),
}
