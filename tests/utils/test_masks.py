"""Masked values are refused at all doors."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.attribution import Teacher, TransformImportance, input_gradients
from sk_awave.distillation import AWDClassifier, AWDRegressor
from sk_awave.feature_extraction import PeakCounter, WaveletThresholder

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 32))
Y = np.arange(12) % 2
CHANNELS = RNG.standard_normal((12, 2, 32))


MASKED = {
    "rows": np.ma.masked_greater(X, 1.5),
    "integers": np.ma.masked_greater((10 * X).astype(int), 15),
    "one value": np.ma.masked_array(X, np.arange(X.size).reshape(X.shape) == 7),
    "channels": np.ma.masked_greater(np.stack([X, X], 1).astype(np.float32), 1.5),
    "list": list(np.ma.masked_greater(X, 1.5)),
    "cells": pd.DataFrame({"s": list(np.ma.masked_greater(X, 1.5))}),
}
ESTIMATORS = [
    WaveletTransformer("haar"),
    AdaptiveWaveletTransformer("haar"),
    SubbandPooling(),
    AdaptiveSubbandPooling(1, n_candidates=2, random_state=0),
    WaveletThresholder(),
    PeakCounter(signal_shape=(4, 8)),
    TransformImportance(LinearRegression().fit(X, X[:, 0]), WaveletTransformer("haar")),
    AWDClassifier(),
    AWDRegressor(),
]


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_masked_signals_are_refused(estimator, name):
    with pytest.raises(ValueError, match=r"masked values.*filled"):
        estimator.fit(MASKED[name], Y)


@pytest.mark.parametrize("name", MASKED)
def test_masked_values_are_refused_by_every_method(name):
    masked = MASKED[name]
    shape = (12, 2, 32) if name == "channels" else (12, 32)
    signals = np.resize(X, shape)
    wavelet = WaveletTransformer("haar", signal_shape=shape[1:]).fit(signals)
    rows = masked.reshape(12, -1) if name == "channels" else masked
    calls = {
        "transform": lambda: wavelet.transform(masked),
        "inverse_transform": lambda: wavelet.inverse_transform(rows),
        "adjoint": lambda: wavelet.inverse_transform_adjoint(masked),
        "pooling": lambda: SubbandPooling().fit(signals).transform(masked),
        "teacher": lambda: input_gradients(
            Teacher(lambda x: x.flatten(1).sum(1)), masked
        ),
        "baselines": lambda: input_gradients(
            Teacher(lambda x: x.flatten(1).sum(1), method="expected_gradients"),
            signals,
            baselines=masked,
        ),
        "gradients": lambda: AdaptiveWaveletTransformer("haar").fit(
            signals, input_gradients=masked
        ),
        "score": lambda: AdaptiveWaveletTransformer("haar").fit(signals).score(masked),
        "block": lambda: AdaptiveWaveletTransformer("haar").fit(Blocks((masked,))),
        "gradients of a block": lambda: AdaptiveWaveletTransformer("haar").fit(
            Blocks((signals, None, masked))
        ),
        "report": lambda: AWDRegressor().report(masked, Y),
    }
    for call in calls.values():
        with pytest.raises(ValueError, match=r"masked values.*filled"):
            call()


class Blocks:
    def __init__(self, *blocks):
        self.blocks = blocks

    def __iter__(self):
        return iter(self.blocks)


def test_masked_targets_are_refused():
    y = np.ma.masked_array(Y, Y > 0)
    teacher = Teacher(lambda x: x[:, :2], target="label")
    calls = [
        lambda: AdaptiveSubbandPooling(1, n_candidates=2, random_state=0).fit(X, y),
        lambda: SubbandPooling().fit(X, y=y),
        lambda: AWDClassifier().fit(X, y),
        lambda: AWDRegressor().fit(X, y),
        lambda: AWDRegressor().report(X, y),
        lambda: input_gradients(teacher, X, y=y),
        lambda: AdaptiveWaveletTransformer(teacher=teacher).fit(Blocks((X, y))),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"y is a masked array.*filled"):
            call()


@pytest.mark.parametrize("mask", [False, np.ma.nomask])
def test_a_mask_that_masks_nothing_is_fine(mask):
    for signals in (X, (10 * X).astype(int), CHANNELS):
        masked = np.ma.masked_array(signals, mask)
        for estimator in ESTIMATORS[:4]:
            expected = estimator.fit(signals, Y).transform(signals)
            actual = estimator.fit(masked, np.ma.masked_array(Y)).transform(masked)
            assert type(actual) is np.ndarray
            assert_array_equal(actual, expected)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices_are_refused_as_by_scikit_learn():
    for estimator in ESTIMATORS:
        with pytest.raises(TypeError, match=r"np.matrix is not supported"):
            estimator.fit(np.asmatrix(X), Y)


def test_memory_maps_are_plain(tmp_path):
    path = tmp_path / "signals"
    X.tofile(path)
    mapped = np.memmap(path, X.dtype, "r", shape=X.shape)
    for estimator in ESTIMATORS[:4]:
        expected = estimator.fit(X, Y).transform(X)
        assert_array_equal(estimator.fit(mapped, Y).transform(mapped), expected)
