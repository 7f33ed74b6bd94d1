"""Missing values are explained in terms of signals."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_array_equal

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.feature_extraction import WaveletThresholder

X = np.random.default_rng(0).standard_normal((12, 32))
Y = np.arange(12) % 2
RAGGED = [x[: 20 + i] for i, x in enumerate(X)]
ESTIMATORS = [
    WaveletTransformer("haar"),
    AdaptiveWaveletTransformer("haar"),
    SubbandPooling(),
    AdaptiveSubbandPooling(1, n_candidates=2, random_state=0),
    WaveletThresholder(),
]


@pytest.mark.parametrize("as_input", [np.asarray, torch.from_numpy, list, pd.DataFrame])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_gaps_are_to_be_interpolated(estimator, as_input):
    broken = X.copy()
    broken[3, 5:9] = np.nan
    pattern = (
        "Input X contains NaN. .*Wavelet.* takes no gaps: interpolate them in time.*"
    )
    if isinstance(estimator, AdaptiveSubbandPooling):
        pattern = pattern.replace("Wavelet.*", "AdaptiveSubbandPooling")
    with pytest.raises(ValueError, match=pattern + "SubbandPooling .* unequal") as caught:
        estimator.fit(as_input(broken), Y)
    assert "sklearn" not in str(caught.value)
    fitted = estimator.fit(as_input(X), Y)
    with pytest.raises(ValueError, match=pattern):
        fitted.transform(as_input(broken))


def test_gaps_in_coefficients_are_none_in_time():
    wavelet = WaveletTransformer("haar").fit(X)
    for coeffs in (wavelet.transform(X), torch.from_numpy(wavelet.transform(X))):
        coeffs[0, 0] = np.nan
        with pytest.raises(
            ValueError, match=r"contains NaN. WaveletTransformer takes no mi"
        ):
            wavelet.inverse_transform(coeffs)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("as_input", [np.asarray, torch.from_numpy])
def test_ends_of_signals_whose_channels_come_last(as_input, n_channels):
    padded = np.repeat(X[:, :, None], n_channels, 2)
    for i, x in enumerate(padded):
        x[20 + i :] = np.nan
    padded = as_input(padded)
    poolings = SubbandPooling(), AdaptiveSubbandPooling(1, n_candidates=2, random_state=0)
    for estimator in (WaveletTransformer(), *poolings):
        with pytest.raises(ValueError, match=r"channels come first: .*moveaxis\(X, 1"):
            estimator.fit(padded, Y)
    for estimator in poolings:
        moved = np.moveaxis(np.asarray(padded), 1, 2)
        assert np.isfinite(estimator.fit(moved, Y).transform(moved)).all()


def test_frames_whose_rows_end_in_missing_values():
    padded = np.full((12, 31), np.nan)
    for row, x in zip(padded, RAGGED, strict=True):
        row[: len(x)] = x
    names = [f"t{i}" for i in range(31)]
    expected = SubbandPooling().fit_transform(padded)
    pandas, polars = pd.DataFrame(padded, columns=names), pl.DataFrame(padded, names)
    full = pd.DataFrame(np.nan_to_num(padded), columns=names)
    for frame in (pandas, polars, pandas.convert_dtypes(), polars.fill_nan(None)):
        for estimator in (
            SubbandPooling(),
            AdaptiveSubbandPooling(1, n_candidates=2, random_state=0),
        ):
            estimator.fit(frame, Y)
            features = estimator.transform(frame)
            assert estimator.transform(full).shape == features.shape
        assert_array_equal(SubbandPooling().fit_transform(frame), expected)
        pooling = SubbandPooling().fit(frame)
        assert pooling.feature_names_in_.tolist() == names
