"""The versions to name when something is wrong with an installation."""

import ctypes
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sk_awave

#: The dependencies by their names on PyPI.
PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "PyWavelets",
    "joblib",
    "skorch",
)


def show_versions():
    """Print the versions of Python, the package, its dependencies, and the hardware.

    Paste the output into bug reports.

    Examples
    --------
    >>> from sk_awave import show_versions
    >>> show_versions()
    python: 3...
    sk_awave: ...
    numpy: ...
    """
    print(f"python: {sys.version.split()[0]} ({platform.platform()})")
    print(f"sk_awave: {sk_awave.__version__}")
    for package in PACKAGES:
        print(f"{package}: {_installed_version(package)}")
    print(f"transforms on the CPU: {_back_end()}")
    import torch  # last, as it may be what is broken

    print(f"build of torch: {torch.__version__}")  # the CPU's, or CUDA's
    print(f"threads of torch: {torch.get_num_threads()}")
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "not available"
    print(f"CUDA: {cuda}")


def _installed_version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _back_end():
    """Say what serves transforms; by the file alone, as the engine may be broken."""
    for path in (Path(sk_awave.__file__).parent / "engine").glob("_kernel.lib.*"):
        try:
            name_of_set = ctypes.CDLL(str(path)).kernel_set
        except OSError:  # of another platform
            continue
        name_of_set.restype, name_of_set.argtypes = ctypes.c_char_p, [ctypes.c_int64]
        return f"compiled kernel ({name_of_set(0).decode()})"
    return "torch (no kernel built)"
