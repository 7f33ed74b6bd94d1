"""Statistics of the compiled kernel against those in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_awave.engine import _library
from sk_awave.engine._library import instruction_sets
from sk_awave.feature_extraction import _compiled
from sk_awave.feature_extraction._compiled import MOMENTS, compute_compiled
from sk_awave.feature_extraction._pool import Pool
from sk_awave.feature_extraction._statistics import STATISTICS, Learned

pytestmark = pytest.mark.skipif(not instruction_sets(), reason="no kernel was built")
ALL = ("share_above", "positive_share", *MOMENTS)


def make_case(shape, dtype, n_thresholds=9, seed=0):
    rng = np.random.default_rng(seed)
    # Few different values, many of which are equal to a threshold.
    coeffs = rng.integers(-9, 10, shape).astype(dtype) / 8
    thresholds = rng.integers(-9, 10, (shape[1], n_thresholds)) / 8
    return coeffs, Learned(rng.uniform(0.5, 2, (shape[1], 1)), thresholds)


@settings(deadline=None, max_examples=200)
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 3), st.integers(1, 1500)),
    statistics=st.lists(st.sampled_from(ALL), min_size=1, unique=True),
    n_thresholds=st.integers(1, 13),
    layout=st.sampled_from(["whole", "part", "every second", "of channels"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    chosen=st.sampled_from(range(max(1, len(instruction_sets())))),
)
def test_equal_to_numpy(shape, statistics, n_thresholds, layout, dtype, chosen):
    coeffs, learned = make_case(shape, dtype, n_thresholds)
    if layout == "part":
        coeffs = coeffs[..., shape[2] // 3 :]
    elif layout == "every second":
        coeffs = coeffs[..., ::2]
    elif layout == "of channels":
        coeffs = np.ascontiguousarray(coeffs.swapaxes(0, 1)).swapaxes(0, 1)
    pool = Pool(tuple(statistics), n_largest=1)
    computed = compute_compiled(coeffs, pool, learned, chosen)
    assert sorted(computed) == sorted(statistics)
    for name, values in computed.items():
        expected = STATISTICS[name](coeffs, pool, learned)
        assert values.dtype == dtype
        exact = name in ("share_above", "positive_share", "max", "min")
        units = 0 if exact else 50 * np.finfo(dtype).eps
        np.testing.assert_allclose(values, expected, rtol=0, atol=units, err_msg=name)


def test_threads_change_no_bit(monkeypatch):
    coeffs, learned = make_case((50, 2, 700), np.float64)
    pool = Pool(ALL, n_largest=1)
    alone = compute_compiled(coeffs, pool, learned)
    monkeypatch.setattr(_library, "VALUES_PER_THREAD", 1)
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    monkeypatch.setattr(_compiled, "PART_SIZE", 1)
    for name, values in compute_compiled(coeffs, pool, learned).items():
        np.testing.assert_array_equal(values, alone[name])


def test_what_is_not_finite_is_left_to_numpy():
    coeffs, learned = make_case((3, 1, 40), np.float32)
    pool = Pool(ALL, n_largest=1)
    coeffs[1] *= 1e15  # its fourth power overflows
    assert set(ALL) - set(compute_compiled(coeffs, pool, learned)) == {"log_norm4"}


def test_other_statistics_are_left_to_numpy(monkeypatch):
    coeffs, learned = make_case((3, 1, 40), np.float64)
    pool = Pool(("max", "min", "energy", "mean"), n_largest=2)
    assert list(compute_compiled(coeffs, pool, learned)) == ["mean"]
    assert compute_compiled(coeffs, Pool(("energy",)), learned) == {}
    assert compute_compiled(coeffs[:0], pool, learned) == {}
    monkeypatch.setattr(_compiled, "load_library", lambda: None)
    assert compute_compiled(coeffs, pool, learned) == {}
