"""The compiled library, and what is handed over to it."""

import ctypes
import hashlib
import os
import struct
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch

POINTER, INT, DOUBLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double

#: The environment variable that names the widest instruction set to use: "baseline",
#: "avx2", "avx512", or "none" for no kernel at all.
VARIABLE = "SK_AWAVE_KERNEL"

#: The sources of the library. It is used only if it was built from them: a library of
#: other sources may take the same structures for something else.
SOURCES = Path(__file__).parent / "cpp"

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
    """Return the library that was built with the package, or None.

    Raises
    ------
    ValueError
        If the environment variable `VARIABLE` names no instruction set of the processor.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted == "none":
        return None
    faults = []
    for path in sorted(Path(__file__).parent.glob("_kernel.lib.*")):
        try:
            library = _open(path)
        except (AttributeError, OSError) as error:
            faults.append(f"{path.name}: {error}")
            continue
        names = [_plain(name) for name in _list_sets(library)]
        if wanted and names[0] != wanted:
            raise ValueError(
                f"The environment variable {VARIABLE} must be 'none' or an instruction "
                f"set of this processor, {names}. Got {wanted!r} instead."
            )
        return library
    if faults:
        warnings.warn(
            f"The compiled kernel is not used, so that all is slower, as it cannot be "
            f"loaded. Install sk_awave again. {'; '.join(faults)}",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


def _open(path: Path) -> Any:
    """Load a library, or raise OSError or AttributeError if it is not that of `SOURCES`.

    A library with other symbols has no attributes of these names.
    """
    if _is_truncated(path):
        raise OSError("the file is truncated")
    library = ctypes.CDLL(str(path))
    library.kernel_sources.restype = ctypes.c_uint64
    if library.kernel_sources() != hash_of_sources():
        raise OSError("it was built from other sources")
    library.kernel_set.restype = ctypes.c_char_p
    library.kernel_set.argtypes = [INT]
    library.kernel_run.argtypes = [POINTER, INT, INT, POINTER, POINTER]
    library.kernel_pool.argtypes = [POINTER, INT, INT]
    library.kernel_lattice.argtypes = [INT, INT, POINTER, POINTER, POINTER]
    library.kernel_pool.restype = None
    return library


def hash_of_sources() -> int:
    """Return 64 bits of the hash of the sources, which ``setup.py`` builds in."""
    digest = hashlib.sha256()
    for source in sorted([*SOURCES.glob("*.cpp"), *SOURCES.glob("*.h")]):
        digest.update(source.read_bytes())
    return int.from_bytes(digest.digest()[:8], "big")


def _is_truncated(path: Path) -> bool:
    """Tell if a library lacks a part that the loader of Linux would map unchecked.

    It would be a bus error to read that part. Other loaders check it themselves.
    """
    data = path.read_bytes()
    if data[:5] != b"\x7fELF\x02" or len(data) < 64:  # ELF of 64 bits
        return False
    (start,) = struct.unpack_from("=Q", data, 0x20)
    size, count = struct.unpack_from("=HH", data, 0x36)
    if start + size * count > len(data):
        return True
    segments = [
        struct.unpack_from("=Q16xQ", data, start + i * size + 8) for i in range(count)
    ]
    return any(offset + length > len(data) for offset, length in segments)


def _list_sets(library: Any) -> list[str]:
    """Name the instruction sets of a library, the widest first."""
    names: list[str] = []
    while name := library.kernel_set(len(names)):
        names.append(name.decode())
    return names


def _plain(name: str) -> str:
    return name.lower().replace("-", "")


def instruction_sets() -> list[str]:
    """Name the instruction sets that the kernel can use here, the one it uses first."""
    library = load_library()
    return _list_sets(library) if library else []


def threads_for(n_values: int) -> int:
    """Return how many threads are to work on so many values."""
    return min(torch.get_num_threads(), 1 + n_values // VALUES_PER_THREAD)
