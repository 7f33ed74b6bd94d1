"""The common statistics of a band by the compiled kernel, all of them at once."""

import ctypes

import numpy as np

from sk_awave.engine._library import Pooling, load_library, threads_for
from sk_awave.feature_extraction._statistics import log_of_moment

#: The statistics of moments and extremes, in the order in which the kernel computes them.
#: Of the first three it computes the mean of a power, in units of the scale.
MOMENTS = ("log_mean_abs", "log_rms", "log_norm4", "mean", "max", "min")
POWERS = {"log_mean_abs": 1, "log_rms": 2, "log_norm4": 4}

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
    n_learned = learned.thresholds.shape[1] if "share_above" in asked else 0
    n_thresholds = n_learned + ("positive_share" in asked)
    thresholds = np.zeros((coeffs.shape[1], n_thresholds))  # positive_share's, the last
    thresholds[:, :n_learned] = learned.thresholds[:, :n_learned]
    thresholds += learned.margin(coeffs.dtype)
    values = _pool_rows(
        coeffs, thresholds, 1 / learned.scale, bool(moments), instruction_set
    )
    known = {
        "share_above": values[..., :n_learned],
        "positive_share": values[..., n_learned:n_thresholds],
    }
    known = {name: known[name] for name in shares}
    is_finite = np.isfinite(values).all(axis=(0, 1))
    for name in moments:
        i = n_thresholds + MOMENTS.index(name)
        if is_finite[i]:
            value, power = values[..., i : i + 1], POWERS.get(name)
            known[name] = log_of_moment(value, power) if power else value
    return known


def _pool_rows(coeffs, thresholds, units, has_moments, instruction_set):
    """Return shares above thresholds, and moments, of each row of coefficients."""
    n, n_channels, size = coeffs.shape
    item, rows = coeffs.itemsize, coeffs.reshape(n * n_channels, size)
    if rows.strides[1] != item:
        rows = np.ascontiguousarray(rows)
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
