"""What to say about an installation when something is wrong with it."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import sk_awave

#: The dependencies by their names on PyPI, and numba, which is optional.
PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "PyWavelets",
    "joblib",
    "skorch",
    "numba",
)


def show_versions():
    """Print the versions of Python, the package, its dependencies, and the hardware.

    Paste what it prints into reports of bugs.

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
