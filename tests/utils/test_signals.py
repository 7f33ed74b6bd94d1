"""Signals in the cells of containers, and tables of times by sensors."""

import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_array_equal

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.distillation import AWDClassifier
from sk_awave.utils._signals import as_signals

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 32))
Y = np.arange(12) % 2
CHANNELS = RNG.standard_normal((12, 2, 32))


def objects(cells):
    array = np.empty(len(cells), object)
    array[:] = cells
    return array


def nested(rows, layout):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls one layout a prototype
        return torch.nested.nested_tensor(
            [torch.from_numpy(x) for x in rows], layout=layout
        )


def in_cells(rows):
    """Return one signal for each sample in many containers."""
    rows = list(rows)
    lists = [x.tolist() for x in rows]
    series = pd.DataFrame({"s": [pd.Series(x) for x in rows]})
    containers = {
        "list": rows,
        "tuple": tuple(rows),
        "list of lists": lists,
        "list of series": [pd.Series(x) for x in rows],
        "list of polars series": [pl.Series(x) for x in rows],
        "list of tensors": [torch.from_numpy(x) for x in rows],
        "object array": objects(rows),
        "object array of lists": objects(lists),
        "object matrix": objects(rows)[:, None],
        "pandas series": pd.Series(rows),
        "cells of series": series,
        "cells of arrays": pd.DataFrame({"s": rows}),
        "cells of lists": pd.DataFrame({"s": lists}),
        "cells with times": series.set_index(pd.date_range("2020", periods=len(rows))),
        "polars series": pl.Series(lists),
        "polars lists": pl.DataFrame({"s": lists}),
        "polars objects": pl.DataFrame({"s": pl.Series(rows, dtype=pl.Object)}),
        "pyarrow array": pa.array(lists),
        "pyarrow chunks": pa.chunked_array([lists]),
        "pyarrow table": pa.table({"s": lists}),
        "pandas on pyarrow": pl.DataFrame({"s": lists}).to_pandas(
            use_pyarrow_extension_array=True
        ),
        "nested tensor": nested(rows, torch.strided),
        "jagged tensor": nested(rows, torch.jagged),
    }
    if len({len(x) for x in rows}) == 1:
        dtype = pl.Array(pl.Float64, len(rows[0]))
        arrays = pl.Series(lists, dtype=dtype)
        containers["polars arrays"] = pl.DataFrame({"s": arrays})
        containers["polars series of arrays"] = arrays
    return containers


def flat(array):
    """Drop the channel axis of an object matrix, whose one column is a channel."""
    return array[:, 0] if array.ndim == 3 else array


RAGGED = [x[: 20 + i] for i, x in enumerate(X)]


@pytest.mark.parametrize("name", in_cells(X))
def test_cells_of_equal_length_are_the_stacked_array(name):
    container = in_cells(X)[name]
    transformer = WaveletTransformer("db2", level=2).fit(container)
    assert not hasattr(transformer, "feature_names_in_")
    expected = WaveletTransformer("db2", level=2).fit_transform(X)
    assert_array_equal(transformer.transform(container), expected)
    pooled = SubbandPooling().fit(container).transform(container)
    assert_array_equal(pooled, SubbandPooling().fit_transform(X))


@pytest.mark.parametrize("name", in_cells(RAGGED))
def test_cells_of_unequal_length_are_the_padded_array(name):
    container = in_cells(RAGGED)[name]
    padded = np.full((12, 31), np.nan)
    for row, x in zip(padded, RAGGED, strict=True):
        row[: len(x)] = x
    for pooling in (
        SubbandPooling(),
        AdaptiveSubbandPooling(1, n_candidates=2, random_state=0),
    ):
        expected = pooling.fit(padded, Y).transform(padded)
        assert_array_equal(pooling.fit(container, Y).transform(container), expected)
    for estimator in (
        WaveletTransformer(),
        SubbandPooling(WaveletTransformer(signal_shape=(31,))),
        AdaptiveWaveletTransformer(),
        AWDClassifier(),
    ):
        before = vars(estimator).copy()
        with pytest.raises(
            ValueError, match=r"must have equal length.*np.stack.*Subband"
        ):
            estimator.fit(container, Y)
        assert vars(estimator) == before


def test_short_cells_at_transform_are_padded():
    pooling = SubbandPooling().fit(X)
    expected = pooling.transform([x[:20] for x in X])
    for name, container in in_cells([x[:20] for x in X]).items():
        if name != "list of lists":  # the rows of a matrix
            assert_array_equal(pooling.transform(container), expected)


@pytest.mark.parametrize(
    "container",
    [
        pd.DataFrame(
            {c: [pd.Series(x[i]) for x in CHANNELS] for i, c in enumerate("ab")}
        ),
        pl.DataFrame({c: [x[i].tolist() for x in CHANNELS] for i, c in enumerate("ab")}),
        pa.table({c: [x[i].tolist() for x in CHANNELS] for i, c in enumerate("ab")}),
        list(CHANNELS),
        CHANNELS.tolist(),
        [list(x) for x in CHANNELS],
        [[pd.Series(c) for c in x] for x in CHANNELS],
        objects(list(CHANNELS)),
        np.stack([objects(list(x)) for x in CHANNELS]),
        pd.Series(list(CHANNELS)),
        list(torch.from_numpy(CHANNELS)),
    ],
    ids=lambda container: type(container).__name__,
)
def test_columns_of_cells_are_channels(container):
    expected = SubbandPooling().fit_transform(CHANNELS)
    pooling = SubbandPooling().fit(container)
    assert_array_equal(pooling.transform(container), expected)
    assert pooling.get_feature_names_out(["a", "b"])[0].startswith("a_")
    expected = WaveletTransformer("db2", level=1).fit_transform(CHANNELS)
    assert_array_equal(
        WaveletTransformer("db2", level=1).fit_transform(container), expected
    )


@pytest.mark.parametrize(
    "container, message",
    [
        (pd.DataFrame({"s": list(X), "id": range(12)}), r"not of \['id'\]: leave these"),
        (pl.DataFrame({"s": X.tolist(), "id": ["a"] * 12}), r"not of \['id'\]: leave"),
        (pd.DataFrame({"s": [*X[:11], None]}), "Sample 11 of X is None, but others are"),
        ([*X, np.nan], "Sample 12 of X is nan, but others are signals"),
        ([[X[0], X[1][:9]], [X[2], X[3]]], "Sample 0 .* lengths .*32, 9.* equal length"),
        ([x.T for x in CHANNELS[:, :, :9]] + [CHANNELS[0].T], r"\[x.T for x in X\]"),
        ([X[0], X[0][:0]], "has empty signals"),
        ([X[0], CHANNELS[0]], "different shapes.*equal length"),
        (
            [pd.DataFrame(x.T) for x in CHANNELS],
            "Sample 0 of X is a frame.*channels first",
        ),
        (
            [X[0], np.ma.masked_greater(X[1], 0)],
            "masked array with masked values.*filled",
        ),
        (
            pd.DataFrame({"t": pd.date_range("2020", periods=12), "a": X[:, 0]}),
            "'t' .*time",
        ),
        (
            pl.DataFrame({"t": pl.Series([0] * 12, dtype=pl.Duration)}),
            "'t' of X has times",
        ),
    ],
)
@pytest.mark.parametrize("estimator", [WaveletTransformer(), SubbandPooling()])
def test_cells_that_do_not_go_together(estimator, container, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(container)


def test_what_is_no_container_is_passed_on():
    frame = pd.DataFrame(X)
    words = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    rows = X.tolist()
    for same in (X, torch.from_numpy(X), frame, words, rows, X.astype(object), ["a"], []):
        assert as_signals(same) is same
    mapped = X.view(np.memmap)
    assert type(as_signals(mapped)) is np.ndarray
    assert np.shares_memory(as_signals(mapped), X)


# Tables of times by sensors.

INDICES = {
    "datetime": pd.date_range("2020", periods=50, freq="s"),
    "zone": pd.date_range("2020", periods=50, freq="h", tz="Europe/Berlin"),
    "timedelta": pd.timedelta_range(0, periods=50, freq="s"),
    "period": pd.period_range("2020", periods=50, freq="D"),
    "dates of Python": [datetime.date.fromordinal(737425 + i) for i in range(50)],
    "panel": pd.MultiIndex.from_product(
        [range(5), pd.date_range("2020", periods=10, freq="s")]
    ),
}


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("columns", [list("xyzt"), None, [f"s{i}" for i in range(20)]])
def test_tables_of_times_by_sensors_warn(name, columns):
    n = 4 if columns is None else len(columns)
    values = np.random.default_rng(0).standard_normal((50, n))
    table = pd.DataFrame(values, INDICES[name], columns)
    for estimator in (
        WaveletTransformer("haar"),
        SubbandPooling(),
        AdaptiveSubbandPooling(1, n_candidates=2, random_state=0),
    ):
        with pytest.warns(
            UserWarning, match=r"index of times.*sliding_window_view"
        ) as all_:
            estimator.fit(table, np.arange(50) % 2)
        assert len(all_) == 1
        estimator.transform(table)
        estimator.fit(table.reset_index(drop=True), np.arange(50) % 2)


@pytest.mark.parametrize(
    "columns",
    [
        None,
        [f"{i // 4:02}:{15 * (i % 4):02}" for i in range(24)],
        pd.timedelta_range(0, periods=24, freq="h"),
        [str(i) for i in range(24)],
    ],
)
def test_rows_of_days_do_not_warn(columns):
    days = pd.date_range("2020", periods=50)
    values = np.random.default_rng(0).standard_normal((50, 24))
    transformer = WaveletTransformer("haar").fit(pd.DataFrame(values, days, columns))
    assert transformer.sample_shape_ == (24,)
