"""Targets of every shape, and the samples that stand for all of them."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from sk_awave import AdaptiveSubbandPooling
from sk_awave.feature_extraction._leave_one_out import encode_target
from sk_awave.feature_extraction._targets import (
    MAX_ROWS,
    draw_rows,
    encode,
    target_columns,
)


def columns_of(y, target_type="auto"):
    return target_columns(y, target_type, "Owner")


def strata_of(y, n_bins=5):
    """Classes, or fifths of numbers."""
    if y.dtype.kind != "f":
        return np.unique(y, return_inverse=True)[1]
    return np.searchsorted(np.quantile(y, np.arange(1, n_bins) / n_bins), y)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(MAX_ROWS + 1, 3000),
    n_classes=st.integers(2, 250),
    skew=st.floats(0, 8),
    seed=st.integers(0, 2**31 - 1),
)
def test_no_class_is_lost(n, n_classes, skew, seed):
    rng = np.random.RandomState(seed)
    shares = np.exp(-skew * np.arange(n_classes) / n_classes)
    y = rng.choice(n_classes, n, p=shares / shares.sum())
    counts = np.unique(y, return_counts=True)[1]
    rows = draw_rows([y], rng)
    assert len(np.unique(rows)) == len(rows) == MAX_ROWS
    assert (np.diff(rows) > 0).all()
    drawn = np.array([(y[rows] == label).sum() for label in np.unique(y)])
    share = MAX_ROWS // (2 * len(counts))
    assert (drawn >= np.minimum(counts, share)).all()
    assert len(np.unique(y[rows])) >= min(len(counts), MAX_ROWS // 2)


@pytest.mark.parametrize("n_rare", [1, 2, 10])
def test_rare_events_are_all_drawn(n_rare):
    rng = np.random.RandomState(0)
    rare = np.zeros(20_000)
    rare[rng.permutation(20_000)[:n_rare]] = 1 + rng.uniform(size=n_rare)
    signed = np.where(np.arange(20_000) % 2, rare, -rare)
    for y in (rare, -rare, signed, rare > 0, np.where(rare > 0, "yes", "no")):
        rows = draw_rows(columns_of(y), rng)
        is_drawn = np.isin(np.flatnonzero(rare), rows)
        assert is_drawn.all()


def test_numbers_are_drawn_from_all_quantiles():
    rng = np.random.RandomState(0)
    y = np.exp(3 * rng.standard_normal(10_000))
    edges = np.quantile(y, np.linspace(0, 1, 11))
    counts = np.histogram(y[draw_rows([y], rng)], edges)[0]
    assert counts.min() >= 20


def test_each_of_several_targets_is_drawn_from():
    rng = np.random.RandomState(0)
    y = np.zeros((10_000, 6), int)
    for column in y.T:
        column[rng.permutation(10_000)[:5]] = 1
    rows = draw_rows(columns_of(y), rng)
    assert len(rows) == MAX_ROWS
    assert y[rows].sum(0).tolist() == [5] * 6


def test_few_rows_are_all_taken_and_draw_nothing():
    rng = np.random.RandomState(0)
    y = np.arange(MAX_ROWS) % 3
    assert draw_rows([y], rng).tolist() == list(range(MAX_ROWS))
    assert rng.uniform() == np.random.RandomState(0).uniform()


CLASSES = np.array([0, 1, 2, 1, 0, 2, 2])
KINDS = {
    "integers": CLASSES,
    "small integers": CLASSES.astype(np.uint8),
    "whole floats": CLASSES.astype(float),
    "single precision": CLASSES.astype(np.float32),
    "negative": CLASSES - 5,
    "words": np.array(["a", "b", "c"])[CLASSES],
    "objects": np.array(["a", "b", "c"], object)[CLASSES],
    "numbers as objects": CLASSES.astype(object),
    "list": CLASSES.tolist(),
    "series": pd.Series(CLASSES),
    "nullable": pd.Series(CLASSES, dtype="Int64"),
    "categories": pd.Series(list("abc")).astype("category")[CLASSES],
    "tensor": torch.from_numpy(CLASSES),
}


@pytest.mark.parametrize("kind", KINDS)
def test_classes_of_every_kind(kind):
    expected = encode_target(CLASSES, True)
    (column,) = columns_of(KINDS[kind])
    assert column.tolist() == CLASSES.tolist()
    np.testing.assert_array_equal(encode([column]), expected)
    both = columns_of(np.column_stack([KINDS[kind], KINDS[kind]]))
    np.testing.assert_array_equal(encode(both), np.hstack([expected, expected]))
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        (column,) = columns_of(np.asarray(KINDS[kind]).reshape(-1, 1))
    assert column.tolist() == CLASSES.tolist()


@pytest.mark.parametrize("y", [CLASSES > 0, (CLASSES > 0).astype(object)])
def test_booleans_are_classes(y):
    assert columns_of(y)[0].tolist() == (CLASSES > 0).astype(int).tolist()


def test_numbers_are_numbers_in_all_columns():
    y = np.column_stack([[0.5, 1, 2, 3], [0, 1, 0, 1]])
    for column, original in zip(columns_of(y), y.T, strict=True):
        assert column.dtype == np.float64
        np.testing.assert_array_equal(column, original)
    np.testing.assert_array_equal(encode(columns_of(y)), encode_target(y, False))
    large = 1e30 * np.arange(1.0, 5)  # beyond all fractions
    assert columns_of(large)[0].dtype == np.float64
    assert columns_of(y[:, 1], "continuous")[0].dtype == np.float64
    assert columns_of(y[:, 0], "multiclass")[0].tolist() == [0, 1, 2, 3]


def test_columns_of_different_kinds():
    frame = pd.DataFrame({"word": list("abab"), "class": [0, 1, 1, 0]})
    words, classes = columns_of(frame)
    assert words.tolist() == [0, 1, 0, 1]
    assert classes.tolist() == [0, 1, 1, 0]
    frame["number"] = [0.5, 1, 2, 3]
    words, *numbers = columns_of(frame)
    assert [column.dtype.kind for column in (words, *numbers)] == ["i", "f", "f"]


@pytest.mark.parametrize(
    "y, message",
    [
        (np.arange(6).astype("M8[s]"), "Unknown label type: y holds datetime"),
        (pd.Series(pd.date_range("2020", periods=6)), "Unknown label type"),
        (pd.Series(pd.date_range("2020", periods=6, tz="UTC")), "holds Timestamp"),
        (np.arange(6).astype("m8[s]"), "Turn dates into numbers"),
        ([datetime.date(2020, 1, 1 + i) for i in range(6)], "y holds date, but"),
        (np.array(["a", 1, "b", 2, 3, 4], object), "holds int, str, but Owner requires"),
        (np.array(["a", None, "b", "a", "b", "c"], object), "holds NoneType, str"),
        ([0.5, np.nan, 1, 2, 3, 4], "y contains NaN"),
        ([0.5, np.inf, 1, 2, 3, 4], "y contains infinity"),
        (np.array(["a", np.nan, "b"], object), "contains NaN"),
        (np.arange(6) + 1j, "Complex data not supported"),
        (np.ones((2, 3, 4)), "dim 3"),
        (np.ones((6, 0)), r"0 feature\(s\)"),
        (np.full(6, 3), "at least 2 classes, but the data contains only one class"),
        (np.full(6, "a"), "only one class"),
        (np.ones((6, 2), bool), "only one class"),
        (np.full(6, 0.1), "needs a target that varies; all values of y are equal"),
        ([1], r"1 sample\(s\) while a minimum of 2 is required by Owner"),
    ],
)
def test_other_targets_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        columns_of(y)


def test_words_are_no_numbers():
    with pytest.raises(ValueError, match="target_type='continuous' requires numbers"):
        columns_of(["a", "b"], "continuous")


@pytest.mark.parametrize(
    "y",
    [
        np.arange(200),  # each once
        np.repeat(np.arange(50), 4),  # few of each
        np.random.default_rng(0).poisson(100, 2000),  # counts, with gaps at the ends
        np.random.default_rng(0).poisson(100, 2000).astype(float),
        np.column_stack([np.arange(100) % 2, np.arange(100)]),
    ],
)
def test_whole_numbers_that_are_rather_counts_warn(y):
    with pytest.warns(UserWarning, match="set target_type='continuous'"):
        columns_of(y)
    columns_of(y, "continuous")
    columns_of(y, "multiclass")


@pytest.mark.parametrize(
    "y",
    [
        np.arange(20),
        np.repeat(np.arange(1, 101), 5),  # labels of a hundred classes
        np.arange(100).astype(str),
        np.array([1000, 2000, 7000] * 5),
        np.repeat(np.delete(np.arange(30), 7), 40),  # a label is missing
        np.repeat(np.arange(0, 250, 10), 40),
    ],
)
def test_classes_do_not_warn(y):
    (column,) = columns_of(y)
    assert np.array_equal(np.unique(column), np.arange(len(np.unique(y))))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_numbers_of_every_width_are_numbers(dtype):
    (column,) = columns_of(np.arange(12).astype(dtype) / 8)
    np.testing.assert_array_equal(column, np.arange(12) / 8)


rng = np.random.default_rng(0)
X = rng.standard_normal((60, 32))
A, B, C = rng.integers(0, 2, 60), rng.integers(0, 2, 60), rng.integers(0, 3, 60)


def small(**params):
    return AdaptiveSubbandPooling(
        1, n_candidates=0, order=1, filter_length=4, level=2, random_state=0, **params
    )


@pytest.mark.parametrize(
    "y",
    [
        np.c_[A, B],
        np.c_[A, B, A ^ B],
        np.c_[A, C],
        np.c_[A, C].astype(float),
        np.where(np.c_[A, B], "p", "q"),
        np.c_[A, 0 * A],  # a label that no sample has
        pd.DataFrame({"a": A, "b": B}),
    ],
)
def test_several_labels_are_encoded_by_column(y):
    fitted = small().fit(X, y)
    assert np.isfinite(list(fitted.library_errors_.values())).all()
    assert fitted.leave_one_out_error_ > 0.5  # of noise
    swapped = small().fit(X, np.asarray(y)[:, ::-1])
    assert swapped.leave_one_out_error_ == pytest.approx(fitted.leave_one_out_error_)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_samples(n):
    if n == 1:
        with pytest.raises(ValueError, match="1 sample"):
            small().fit(X[:n], [0])
        return
    fitted = small().fit(X[:n], np.arange(n) % 2)
    assert fitted.leave_one_out_error_ >= 1
    assert np.isfinite(fitted.transform(X)).all()


@pytest.mark.parametrize("y", [np.zeros(60, int), np.full(60, 2.5), np.full(60, "a")])
def test_a_target_that_does_not_vary_is_refused(y):
    with pytest.raises(ValueError, match=r"one class|varies"):
        small().fit(X, y)


def test_many_numbers_are_not_encoded_whole():
    """12,000 classes of 12,000 rows would take 1.1 GB."""
    signals = rng.standard_normal((12_000, 16)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = small().fit(signals, np.arange(12_000))
    assert fitted.leave_one_out_error_ > 0


def test_a_warning_of_the_target_is_given_once_for_dask():
    da = pytest.importorskip("dask.array")
    y = np.arange(800) % 150
    D = da.from_array(rng.standard_normal((800, 16)), chunks=(100, 16))
    small().fit(D, y)  # of which fewer are drawn than five of each class
    with pytest.warns(DataConversionWarning) as record:
        small().fit(D, da.from_array(y[:, None], chunks=100))
    assert len(record) == 1


def test_rare_classes_of_dask_arrays_are_drawn():
    da = pytest.importorskip("dask.array")
    signals = rng.standard_normal((3000, 32))
    y = np.zeros(3000, int)
    y[[5, 700, 2900]] = 1
    signals[y == 1] += 5 * np.sin(np.arange(32))
    D = da.from_array(signals, chunks=(1000, 32))
    for target in (y, da.from_array(y, chunks=500)):
        fitted = small(n_features=3).fit(D, target)
        assert fitted.leave_one_out_error_ < 0.9
