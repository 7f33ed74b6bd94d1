"""Bursts on a slow baseline, and a response to the highest."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state

from sk_awave.utils._budget import check_budget
from sk_awave.utils._sklearn import Interval, validate_params

_BURSTS = """\
Synthetic bursts on a slow baseline
-----------------------------------

These data are simulated, not measured. Each of the {n_samples} traces has {length}
samples and is the sum of

- 1 to {max_bursts} bursts, height * sin(pi * (t - onset) / width)^2 from onset to
  onset + width, with heights uniform in {height_range}, widths uniform in {width_range}
  samples, and onsets uniform such that the burst lies within the trace;
- a baseline, {baseline} * sin(2 * pi * t / period + phase), with periods uniform between
  1 and 3 traces and a uniform phase;
- {noise} * standard normal noise.

The response is the height of the highest burst, without noise. `heights`, `widths` and
`onsets` hold the truth, with zeros where a trace has fewer bursts.
"""


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "length": [Interval(Integral, 1, None, closed="left")],
        "max_bursts": [Interval(Integral, 1, None, closed="left")],
        "height_range": [tuple, list],
        "width_range": [tuple, list],
        "baseline": [Interval(Real, 0, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_bursts(
    n_samples=1000,
    *,
    length=40,
    max_bursts=3,
    height_range=(0.5, 2.0),
    width_range=(4.0, 12.0),
    baseline=1.0,
    noise=0.1,
    random_state=None,
    return_X_y=False,
):
    """Make traces with bursts, and a response to the highest of them.

    These traces replace traces of molecules in a cell, such as those of [1]_ with 40
    samples. The latter are not public. The response does not depend on the time of a
    burst. So linear models of the samples fail, and features must be independent of
    time. It is not known whether results hold for real traces, too.

    Parameters
    ----------
    n_samples : int, default=1000
        The number of traces.

    length : int, default=40
        The number of samples of a trace.

    max_bursts : int, default=3
        The maximum number of bursts of a trace. Each number from 1 to `max_bursts` has
        the same probability.

    height_range : tuple of two floats, default=(0.5, 2.0)
        The smallest and largest height of a burst.

    width_range : tuple of two floats, default=(4.0, 12.0)
        The smallest and largest width of a burst, in samples.

    baseline : float, default=1.0
        The amplitude of the baseline, a sinusoid with a period of one to three traces.

    noise : float, default=0.1
        The standard deviation of the noise of the traces.

    random_state : int, RandomState instance or None, default=None
        The seed of the traces.

    return_X_y : bool, default=False
        If True, only ``(data, target)`` is returned.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary-like object with the attributes:

        data : ndarray of shape (n_samples, length)
            The traces.
        target : ndarray of shape (n_samples,)
            The height of the highest burst of each trace.
        feature_names : list of str
            The names 't0', 't1', ....
        heights, widths, onsets : ndarray of shape (n_samples, max_bursts)
            The true heights, widths and onsets of the bursts. Times are in samples. If a
            trace has fewer bursts, the other entries are zero.
        DESCR : str
            A description of the data.

    (data, target) : tuple if ``return_X_y`` is True
        The data and the target alone.

    Raises
    ------
    ValueError
        If a range is not two increasing numbers, or if bursts do not fit into a trace.

    See Also
    --------
    make_wavelet_regression : Makes a response to a few coefficients of one wavelet.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_awave.datasets import make_bursts
    >>> bursts = make_bursts(100, random_state=0)
    >>> bursts.data.shape
    (100, 40)
    >>> np.array_equal(bursts.heights.max(axis=1), bursts.target)
    True
    """
    low_height, high_height = _check_range("height_range", height_range)
    low_width, high_width = _check_range("width_range", width_range)
    if high_width > length:
        raise ValueError(
            f"The bursts must fit into a trace: width_range={tuple(width_range)} goes "
            f"beyond length={length}."
        )
    check_budget(
        n_samples * (length + max_bursts),
        f"n_samples={n_samples} of length={length} with max_bursts={max_bursts}",
        "Use smaller numbers.",
    )
    rng = check_random_state(random_state)
    shape = (n_samples, max_bursts)
    exists = np.arange(max_bursts) < rng.randint(1, max_bursts + 1, (n_samples, 1))
    heights = np.where(exists, rng.uniform(low_height, high_height, shape), 0.0)
    widths = np.where(exists, rng.uniform(low_width, high_width, shape), 0.0)
    onsets = np.where(exists, rng.uniform(size=shape) * (length - widths), 0.0)

    X = _burst_traces(heights, widths, onsets, length)
    X += baseline * _slow_waves(n_samples, length, rng)
    X += noise * rng.standard_normal(X.shape)
    y = heights.max(axis=1)
    if return_X_y:
        return X, y
    description = _BURSTS.format(
        n_samples=n_samples,
        length=length,
        max_bursts=max_bursts,
        height_range=tuple(height_range),
        width_range=tuple(width_range),
        baseline=baseline,
        noise=noise,
    )
    return Bunch(
        data=X,
        target=y,
        feature_names=[f"t{i}" for i in range(length)],
        heights=heights,
        widths=widths,
        onsets=onsets,
        DESCR=description,
    )


def _check_range(name, bounds):
    """Return two positive finite numbers in increasing order, or raise ValueError."""
    numbers = all(isinstance(bound, Real) for bound in bounds)
    if len(bounds) != 2 or not numbers or not 0 < bounds[0] <= bounds[1] < np.inf:
        raise ValueError(
            f"The '{name}' parameter of make_bursts must be two positive numbers in "
            f"increasing order. Got {bounds!r} instead."
        )
    return bounds


def _burst_traces(heights, widths, onsets, length):
    """Sum the bursts of each trace at the times 0, 1, ..., length - 1."""
    X = np.zeros((len(heights), length))
    times = np.arange(length)
    for height, width, onset in zip(heights.T, widths.T, onsets.T, strict=True):
        phase = (times - onset[:, None]) / np.where(width > 0, width, 1.0)[:, None]
        inside = (phase > 0) & (phase < 1)
        X += np.where(inside, height[:, None] * np.sin(np.pi * phase) ** 2, 0.0)
    return X


def _slow_waves(n_samples, length, rng):
    """Make sinusoids of random phase with periods of one to three traces."""
    periods = length * rng.uniform(1, 3, (n_samples, 1))
    phases = rng.uniform(0, 2 * np.pi, (n_samples, 1))
    return np.sin(2 * np.pi * np.arange(length) / periods + phases)
