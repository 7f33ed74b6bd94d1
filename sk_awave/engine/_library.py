"""The compiled library, and what is handed over to it."""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch

POINTER, INT, DOUBLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double

#: The values below which another thread would take longer to start than it saves.
VALUES_PER_THREAD = 2**16


class Transform(ctypes.Structure):
    """A transform, as in ``jobs.h``."""

    _fields_ = [
        *[(name, INT) for name in ("ndim", "level", "taps", "is_stationary")],
        *[(name, INT) for name in ("left", "terms", "width")],
        *[(name, POINTER) for name in ("lengths", "index", "weight")],
        ("n_values", INT),
        ("n_coeffs", INT),
    ]


class Job(ctypes.Structure):
    """A call, as in ``jobs.h``. The library fills in fields without a name."""

    _fields_: ClassVar[Any] = [
        ("transform", ctypes.POINTER(Transform)),
        ("task", ctypes.c_int),
        ("is_double", INT),
        ("n_banks", INT),
        ("n_rows", INT),
        *[(name, POINTER) for name in ("filters", "x", "y")],
        *[(name, INT) for name in ("x_step", "y_step")],
        *[(name, POINTER) for name in ("out", "weights")],
        ("smoothing", DOUBLE),
        ("rows_per_part", INT),
        ("own", POINTER * 5),
    ]


class Pooling(ctypes.Structure):
    """Rows to be pooled, as in ``jobs.h``. The library fills in fields without a name."""

    _fields_ = [
        *[(name, INT) for name in ("is_double", "n_rows", "n_channels")],
        *[(name, INT) for name in ("row_step", "n")],
        ("x", POINTER),
        *[(name, INT) for name in ("n_thresholds", "has_moments")],
        *[(name, POINTER) for name in ("thresholds", "units", "out")],
        ("rows_per_part", INT),
        ("own", POINTER * 3),
    ]


@lru_cache(maxsize=1)
def load_library() -> Any:
    """Return the library that was built with the package, or None."""
    for path in sorted(Path(__file__).parent.glob("_kernel.lib.*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:  # of another platform
            continue
        known = [Transform, Job, Pooling]
        sizes = [library.kernel_size(i) for i in range(len(known))]
        if sizes != [ctypes.sizeof(structure) for structure in known]:
            continue  # built from an earlier source
        library.kernel_set.restype = ctypes.c_char_p
        library.kernel_set.argtypes = [INT]
        library.kernel_run.argtypes = [POINTER, INT, INT, POINTER, POINTER]
        library.kernel_pool.argtypes = [POINTER, INT, INT]
        library.kernel_lattice.argtypes = [INT, INT, POINTER, POINTER, POINTER]
        library.kernel_pool.restype = None
        return library
    return None


def instruction_sets() -> list[str]:
    """Name the instruction sets that the kernel can use here, the one it uses first."""
    library, names = load_library(), list[str]()
    while library and (name := library.kernel_set(len(names))):
        names.append(name.decode())
    return names


def threads_for(n_values: int) -> int:
    """Return how many threads are to work on so many values."""
    return min(torch.get_num_threads(), 1 + n_values // VALUES_PER_THREAD)
