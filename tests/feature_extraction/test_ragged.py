"""Signals of unequal lengths are pooled as each would be on its own."""

import numpy as np
import pytest
import torch

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.feature_extraction._ragged import fill_ends

POOLINGS = [
    SubbandPooling(WaveletTransformer("db2", decomposition="stationary", level=2)),
    # No coefficient is a threshold itself, which rounding could put on either side.
    SubbandPooling(WaveletTransformer("db2", level=2), thresholds=(0.1234, 0.7654)),
    AdaptiveSubbandPooling(2, n_candidates=2, min_gain=0, level=2, random_state=0),
]

pytestmark = pytest.mark.filterwarnings("ignore:level=2 is too high")


def make_signals(n_channels=None):
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 60, 24)
    channels = () if n_channels is None else (n_channels,)
    signals = [rng.standard_normal((*channels, n)) for n in lengths]
    return signals, np.arange(24) % 2


def padded(signals):
    length = max(x.shape[-1] for x in signals)
    X = np.full((len(signals), *signals[0].shape[:-1], length), np.nan)
    for row, x in zip(X, signals, strict=True):
        row[..., : x.shape[-1]] = x
    return X


@pytest.mark.parametrize("n_channels", [None, 3])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_lists_arrays_and_tensors_give_the_same(pooling, n_channels):
    signals, y = make_signals(n_channels)
    expected = pooling.fit(signals, y).transform(signals)
    assert np.isfinite(expected).all()
    X = padded(signals)
    np.testing.assert_array_equal(pooling.fit(X, y).transform(X), expected)
    actual = pooling.transform(torch.from_numpy(X))
    np.testing.assert_array_equal(actual.numpy(), expected)
    # Each as if it were alone, whatever stands before it.
    for i in (7, 3):
        alone = pooling.transform(signals[i : i + 1])
        np.testing.assert_allclose(alone[0], expected[i], atol=1e-12)
    backwards = pooling.transform(signals[::-1])
    np.testing.assert_allclose(backwards, expected[::-1], atol=1e-12)


@pytest.mark.parametrize("decomposition", ["stationary", "dwt"])
def test_features_are_those_of_the_signal_itself(decomposition):
    """The thresholds do not depend on how signals are stored, only on signals."""
    signals, _ = make_signals()
    pooling = SubbandPooling(
        WaveletTransformer("db2", decomposition=decomposition, level=2),
        statistics=("max", "std", "entropy"),
    ).fit(signals)
    for x, features in zip(signals, pooling.transform(signals), strict=True):
        own = pooling.transformer
        expected = SubbandPooling(own, statistics=pooling.statistics).fit_transform([x])
        np.testing.assert_allclose(features, expected[0], atol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_other_missing_values_are_refused(pooling):
    X, y = padded(make_signals()[0]), np.arange(24) % 2
    pooling.fit(X, y)
    X[3, 4] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        pooling.fit(X, y)
    with pytest.raises(ValueError, match="contains NaN"):
        pooling.transform(X)
    X[3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        pooling.transform(X)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_longer_signals_than_in_fit_are_refused(pooling):
    signals, y = make_signals()
    pooling.fit(signals, y)
    with pytest.raises(ValueError, match="has a signal of 80 samples, but the longest"):
        pooling.transform([np.zeros(80), np.zeros(30)])


def test_learning_from_unequal_lengths_is_refused():
    pooling = SubbandPooling(AdaptiveWaveletTransformer())
    with pytest.raises(ValueError, match="Only a WaveletTransformer pools signals of"):
        pooling.fit(make_signals()[0])


def test_single_precision_stays():
    X = padded(make_signals()[0]).astype(np.float32)
    assert POOLINGS[0].fit(X).transform(X).dtype == np.float32
    signals = [x.astype(np.float32) for x in make_signals()[0]]
    assert POOLINGS[0].transform(signals).dtype == np.float32


def test_channels_end_together():
    X = np.ones((2, 2, 5))
    X[0, 0, 3:] = np.nan
    filled, is_missing = fill_ends(X)
    assert is_missing is None
    assert filled is X
    X[0, 1, 4:] = np.nan
    filled, is_missing = fill_ends(X)
    assert is_missing[:, 0].tolist() == [[False] * 4 + [True], [False] * 5]
    assert np.isnan(filled[0, 0, 3])
    assert filled[0, :, 4].tolist() == [0, 0]


def test_full_signals_are_left_as_they_are():
    X = np.ones((3, 4))
    assert fill_ends(X)[0] is X
    assert fill_ends(X)[1] is None
    rows = [[1.0, 2.0], [3.0]]
    assert fill_ends(rows)[1].sum() == 1


@pytest.mark.parametrize(
    "pooling, shape",
    [
        (SubbandPooling(WaveletTransformer("haar", ndim=2)), (8, 8)),
        (AdaptiveSubbandPooling(1, n_candidates=2, ndim=2), (8, 8)),
        (SubbandPooling(WaveletTransformer("haar", signal_shape=(2, 16))), (32,)),
        (AdaptiveSubbandPooling(1, n_candidates=2, signal_shape=(2, 16)), (32,)),
    ],
)
def test_images_and_flattened_channels_are_of_one_length(pooling, shape):
    X = np.random.default_rng(0).standard_normal((10, *shape))
    X[:, ..., -1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        pooling.fit(X, np.arange(10) % 2)
