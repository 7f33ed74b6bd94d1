"""One budget for what parameters ask for: checked before anything is made.

A slip in a parameter, such as a level that doubles an array 30 times, must end in a
sentence, not in all memory. Data may be as large as the memory of the machine: so a
budget of bytes alone would be too small on one machine, or too large on another. What is
made of one sample grows with the sample, and by no sensible parameter a thousandfold:
three-dimensional stationary transforms of seven levels, mirrored, make 250 values of one.
"""

import os

#: What one sample may grow to: as many times its size, or as many values if it is small.
MAX_GROWTH, ALWAYS_ALLOWED = 2**10, 2**24

#: The memory of a machine that does not tell, in bytes.
_UNKNOWN_MEMORY = 2**36


def check_budget(n_values, parameter, remedy, sample_size=None):
    """Raise ValueError if a parameter asks for too much.

    Parameters
    ----------
    n_values : int
        How many numbers of eight bytes would be made.
    parameter : str
        Such as ``"level=62"``.
    remedy : str
        A sentence.
    sample_size : int, default=None
        The values of a sample, where the numbers would be made of one; 0 where they grow
        with no data. By default the memory of the machine is the only limit.
    """
    allowed = _memory() // 8
    if sample_size is not None:
        allowed = min(allowed, max(ALWAYS_ALLOWED, MAX_GROWTH * sample_size))
    if n_values > allowed:
        n_values = min(n_values, 10**300)  # what floats can show
        of = f" of a sample of {sample_size}" if sample_size else ""
        raise ValueError(
            f"{parameter} is too large: it would make at least {n_values:.1e} values"
            f"{of}. At most {allowed:.1e} are allowed. {remedy}"
        )


def check_filter_length(filter_length, sample_size):
    """Raise ValueError for filters whose matrices of K x K taps would be too large."""
    check_budget(
        filter_length**2,
        f"filter_length={filter_length}",
        "PyWavelets' filters have at most 102 taps.",
        sample_size,
    )


def _memory():
    """Return the bytes of memory of the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # such as on Windows
        return _UNKNOWN_MEMORY
