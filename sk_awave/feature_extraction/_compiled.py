"""The common statistics of a band by the compiled kernel, all of them at once."""

import ctypes

import numpy as np

from sk_awave.engine._library import Pooling, load_library, threads_for
from sk_awave.feature_extraction._statistics import log_of_moment

#: The statistics of moments and extremes, in terms of what the kernel computes: the means
#: of |z|, z^2 and z^4 of coefficients in units of their scale, mean, maximum, minimum.
MOMENTS = {
    "log_mean_abs": lambda values: log_of_moment(values[..., :1], 1),
    "log_rms": lambda values: log_of_moment(values[..., 1:2], 2),
    "log_norm4": lambda values: log_of_moment(values[..., 2:3], 4),
    "mean": lambda values: values[..., 3:4],
    "max": lambda values: values[..., 4:5],
    "min": lambda values: values[..., 5:6],
}

#: The coefficients that a thread takes at a time.
PART_SIZE = 2**15


def compute_compiled(coeffs, pool, learned, instruction_set=0):
    """Return those statistics of a band that the kernel computes.

    Parameters
    ----------
    coeffs : ndarray of shape (n_samples, n_channels, n_coeffs)
    pool : Pool
    learned : Learned
    instruction_set : int
        Counted from the widest that there is.

    Returns
    -------
    dict of str to ndarray of shape (n_samples, n_channels, n_values)
        None where there is no kernel, and none that is not finite: NumPy's statistics
        have a wider range.
    """
    asked = set(pool.statistics)
    moments = [s for s in MOMENTS if s in asked]
    if pool.n_largest > 1:
        moments = [s for s in moments if s not in ("max", "min")]
    shares = asked & {"share_above", "positive_share"}
    if load_library() is None or not (moments or shares) or not coeffs.size:
        return {}
    thresholds = learned.thresholds if "share_above" in asked else np.zeros((1, 0))
    if "positive_share" in asked:
        thresholds = np.insert(thresholds, thresholds.shape[1], 0.0, axis=1)
    n_thresholds = thresholds.shape[1]
    values = _pool_rows(
        coeffs, thresholds, 1 / learned.scale, bool(moments), instruction_set
    )
    shares, rest = values[..., :n_thresholds], values[..., n_thresholds:]
    with np.errstate(all="ignore"):
        computed = {name: MOMENTS[name](rest) for name in moments}
    computed = {s: values for s, values in computed.items() if np.isfinite(values).all()}
    if "positive_share" in asked:
        computed["positive_share"], shares = shares[..., -1:], shares[..., :-1]
    if "share_above" in asked:
        computed["share_above"] = shares
    return computed


def _pool_rows(coeffs, thresholds, units, has_moments, instruction_set):
    """Return shares above thresholds, and moments, of each row of coefficients."""
    n, n_channels, size = coeffs.shape
    item, rows = coeffs.itemsize, coeffs.reshape(n * n_channels, size)
    if rows.strides[1] != item:
        rows = np.ascontiguousarray(rows)
    thresholds = np.ascontiguousarray(
        np.broadcast_to(thresholds, (n_channels, thresholds.shape[1])), float
    )
    units = np.ascontiguousarray(units, float)
    out = np.empty((n, n_channels, thresholds.shape[1] + 6 * has_moments), coeffs.dtype)
    job = Pooling(
        is_double=item == 8,
        n_rows=len(rows),
        n_channels=n_channels,
        row_step=rows.strides[0] // item,
        n=size,
        x=rows.ctypes.data,
        n_thresholds=thresholds.shape[1],
        has_moments=has_moments,
        thresholds=thresholds.ctypes.data,
        units=units.ctypes.data,
        out=out.ctypes.data,
        rows_per_part=max(1, PART_SIZE // size),
    )
    n_threads = threads_for(coeffs.size)
    load_library().kernel_pool(ctypes.byref(job), instruction_set, n_threads)
    return out
