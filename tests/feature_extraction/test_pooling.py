"""SubbandPooling against loops over PyWavelets' coefficients."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import pywt
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.datasets import make_bursts
from sk_awave.feature_extraction import SubbandPooling

ALL = (
    "max",
    "min",
    "absmax",
    "mean",
    "std",
    "energy",
    "log_energy",
    "entropy",
    "quantile",
)
ESTIMATORS = [
    SubbandPooling(),
    SubbandPooling(
        AdaptiveWaveletTransformer("db2", max_iter=2), statistics=ALL, n_largest=2
    ),
]


def random(*shape, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def naive(band, n_largest=6, quantiles=(0.05, 0.25, 0.5, 0.75, 0.95)):
    """All statistics of one band of one sample, in the order of `ALL`, by name."""
    values = [float(v) for v in np.ravel(band)]
    energy = sum(v * v for v in values)
    shares = [v * v / energy for v in values]
    tops = {
        "max": sorted(values, reverse=True),
        "min": sorted(values),
        "absmax": sorted(map(abs, values), reverse=True),
    }
    stats = {
        f"{name}_{i + 1}": v
        for name, ordered in tops.items()
        for i, v in enumerate(ordered[:n_largest])
    }
    mean = sum(values) / len(values)
    stats["mean"] = mean
    stats["std"] = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
    stats["energy"] = energy
    stats["log_energy"] = np.log(energy + 1e-12)
    stats["entropy"] = -sum(p * np.log(p) for p in shares if p > 0)
    stats |= {f"q{q}": np.quantile(values, q) for q in quantiles}
    return stats


@pytest.mark.parametrize(
    "wavelet, level, mode", [("db2", 3, "symmetric"), ("haar", 5, "zero")]
)
def test_statistics_are_those_of_a_loop_over_wavedec(wavelet, level, mode):
    X = random(5, 32)
    pooling = SubbandPooling(
        WaveletTransformer(wavelet, level=level, mode=mode),
        statistics=ALL,
        n_largest=6,
    ).fit(X)
    bands = ["cA", *["cD"] * level]
    numbers = [level, *range(level, 0, -1)]
    expected = []
    for x in X:
        coeffs = pywt.wavedec(x, wavelet, mode, level)
        expected.append(
            {
                f"{band}{number}_{name}": value
                for band, number, c in zip(bands, numbers, coeffs, strict=True)
                for name, value in naive(c).items()
            }
        )
    assert pooling.get_feature_names_out().tolist() == list(expected[0])
    expected = [list(row.values()) for row in expected]
    np.testing.assert_allclose(pooling.transform(X), expected, atol=1e-10)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_images_with_channels(n_channels):
    X = random(4, n_channels, 9, 12)
    transformer = WaveletTransformer("db2", level=1, ndim=2)
    pooling = SubbandPooling(transformer, statistics=("min", "energy"), n_largest=6)
    pooling.fit(X)
    Xt = pd.DataFrame(pooling.transform(X), columns=pooling.get_feature_names_out())
    assert Xt.shape == (4, n_channels * 4 * 7)
    prefix = "" if n_channels == 1 else f"ch{n_channels - 1}_"
    for i, x in enumerate(X[:, -1]):
        _, (horizontal, _, diagonal) = pywt.wavedec2(x, "db2", level=1)
        assert Xt[f"{prefix}cD1_energy"][i] == pytest.approx((diagonal**2).sum())
        smallest = np.sort(horizontal.ravel())[:6]
        columns = [f"{prefix}cH1_min_{k}" for k in range(1, 7)]
        np.testing.assert_allclose(Xt.loc[i, columns].astype(float), smallest, atol=1e-12)


def test_the_features_of_the_paper():
    """Five bands, six largest coefficients each, in decreasing order: 30 features."""
    X = random(7, 40)
    with pytest.warns(UserWarning, match="level=4 is too high"):
        pooling = SubbandPooling(
            WaveletTransformer("db5", level=4, mode="zero"),
            statistics=("max",),
            n_largest=6,
        ).fit(X)
    Xt = pooling.transform(X).reshape(7, 5, 6)
    assert (np.diff(Xt, axis=-1) <= 0).all()
    assert not np.isnan(Xt).any()


def test_pooled_bands_tell_what_samples_cannot():
    """Linear models of bursts at random times: R2 is .5 to .7 for pooling, .1 without."""
    X, y = make_bursts(600, random_state=0, return_X_y=True)
    pooled = make_pipeline(
        SubbandPooling(WaveletTransformer("db2", level=3)), LinearRegression()
    )
    assert cross_val_score(pooled, X, y).mean() > 0.4
    assert cross_val_score(RidgeCV(), X, y).mean() < 0.2


def test_short_bands_have_fewer_order_statistics():
    X = random(3, 8)
    pooling = SubbandPooling(
        WaveletTransformer("haar", level=3), statistics=("absmax",), n_largest=3
    ).fit(X)
    assert pooling.get_feature_names_out().tolist() == [
        *["cA3_absmax_1", "cD3_absmax_1", "cD2_absmax_1", "cD2_absmax_2"],
        *["cD1_absmax_1", "cD1_absmax_2", "cD1_absmax_3"],
    ]
    assert pooling.transform(X).shape == (3, 7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_signals_of_zeros_give_finite_statistics(dtype):
    X = np.zeros((2, 16), dtype)
    pooling = SubbandPooling(WaveletTransformer("haar", level=1), statistics=ALL)
    Xt = pooling.fit(X).set_output(transform="pandas").transform(X)
    assert np.isfinite(Xt).all(axis=None)
    assert Xt["cD1_entropy"][0] == 0
    assert Xt["cD1_log_energy"][0] == pytest.approx(np.log(1e-12))


def test_entropy_spans_its_range_whatever_the_scale():
    X = np.zeros((3, 8))
    X[0] = 1e200  # its squares overflow
    X[1, 2] = 1e-200  # its squares underflow
    pooling = SubbandPooling(WaveletTransformer(level=0), statistics=("entropy",))
    np.testing.assert_allclose(pooling.fit_transform(X)[:, 0], [np.log(8), 0, 0])


@pytest.mark.parametrize("dtype, exponent", [(np.float32, 80), (np.float64, 600)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_statistics_neither_overflow_nor_lose_digits(dtype, exponent, sign):
    """At a scale whose squares are infinite or zero, all is that of scale one."""
    scale = np.ldexp(dtype(1), sign * exponent)
    X = random(5, 33, dtype=dtype)
    X[0, :32] = 1  # without cancellation, sums are the largest
    linear = SubbandPooling(
        WaveletTransformer("db2", level=2),
        statistics=("absmax", "mean", "std", "quantile"),
    )
    expected = linear.fit_transform(X)
    np.testing.assert_array_equal(linear.transform(scale * X), scale * expected)
    pooling = SubbandPooling(
        WaveletTransformer("db2", level=2), statistics=("log_energy", "entropy")
    )
    # The logarithm adds 1e-12 to energies: in float64 it is exact only of large ones.
    expected = pooling.fit_transform(X.astype(float))
    expected[:, ::2] += 2 * sign * exponent * np.log(2)
    expected[:, ::2] = np.logaddexp(expected[:, ::2], np.log(1e-12))
    result = pooling.transform(scale * X)
    assert result.dtype == dtype
    rtol = 1e-4 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=rtol)


def test_the_largest_numbers_have_means_and_quantiles():
    X = np.full((1, 8), np.finfo(float).max)
    X[0, ::2] *= -1
    pooling = SubbandPooling(
        WaveletTransformer(level=0), statistics=("mean", "std", "quantile")
    )
    low, high = X[0, :2]
    expected = [0, high, low, low, 0, high, high]
    np.testing.assert_array_equal(pooling.fit_transform(X)[0], expected)


@pytest.mark.parametrize("dtype, value", [(np.float32, 1e25), (np.float64, 1e200)])
def test_an_energy_that_does_not_fit_is_an_error(dtype, value):
    X = np.full((2, 8), value, dtype)
    pooling = SubbandPooling(WaveletTransformer("haar", level=1), statistics=("energy",))
    message = f"'energy' of band cA1 is too large for {X.dtype}. Scale X, or use 'log_e"
    with pytest.raises(ValueError, match=message):
        pooling.fit_transform(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_preserved(dtype):
    X = random(6, 20, dtype=dtype)
    pooling = SubbandPooling(WaveletTransformer("db2"), statistics=ALL)
    Xt = pooling.fit_transform(X)
    assert Xt.dtype == dtype
    exact = clone(pooling).fit_transform(X.astype(float))
    np.testing.assert_allclose(Xt, exact, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_in_tensors_out(dtype):
    X = random(6, 2, 20)
    pooling = SubbandPooling(WaveletTransformer("db2"), statistics=ALL)
    xt = pooling.fit(torch.tensor(X, dtype=dtype)).transform(torch.tensor(X, dtype=dtype))
    assert xt.dtype == dtype
    np.testing.assert_allclose(xt.numpy(), pooling.fit_transform(X), atol=1e-4)


@pytest.mark.gpu
def test_cuda_tensors_come_back_to_the_device(cuda):
    x = torch.tensor(random(6, 20), device=cuda)
    xt = SubbandPooling(WaveletTransformer("db2")).fit_transform(x)
    assert xt.device.type == "cuda"


def test_frames_in_and_out():
    names = [f"t{i}" for i in range(12)]
    frame = pd.DataFrame(random(10, 12), columns=names, index=range(100, 110))
    pooling = SubbandPooling(WaveletTransformer("db2", level=1)).fit(frame)
    expected = pooling.transform(frame)
    assert pooling.feature_names_in_.tolist() == names
    assert pooling.n_features_in_ == 12
    for container, cls in {"pandas": pd.DataFrame, "polars": pl.DataFrame}.items():
        out = clone(pooling).set_output(transform=container).fit_transform(frame)
        assert isinstance(out, cls)
        assert list(out.columns) == pooling.get_feature_names_out().tolist()
        with config_context(transform_output=container):  # reaches the inner one too
            out = pooling.transform(frame)
        np.testing.assert_array_equal(out.to_numpy(), expected)
    # Names of an earlier fit do not stay.
    assert not hasattr(pooling.fit(frame.to_numpy()), "feature_names_in_")


def test_all_parameters_in_one_grid_search():
    X, y = make_bursts(120, random_state=0, return_X_y=True)
    pipeline = make_pipeline(
        SubbandPooling(WaveletTransformer("db2", level=2)), LinearRegression()
    )
    grid = {
        "subbandpooling__transformer": [
            WaveletTransformer("db2", level=2),
            AdaptiveWaveletTransformer("db2", level=2, tol=1e-3),
        ],
        "subbandpooling__transformer__level": [1, 2],
        "subbandpooling__n_largest": [1, 4],
        "subbandpooling__statistics": [("max",), ("min",)],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 16, "each one counts"
    pooling = search.best_estimator_[0]
    level = search.best_params_["subbandpooling__transformer__level"]
    assert pooling.transformer_.level_ == level
    assert not hasattr(pooling.transformer, "layout_"), "the parameter is not fitted"


def test_a_fitted_transformer_can_be_kept():
    X = random(30, 24)
    learned = AdaptiveWaveletTransformer("db2", level=2, tol=1e-3).fit(X)
    frozen = SubbandPooling(FrozenEstimator(learned), statistics=("energy",))
    frozen = clone(frozen).fit(X[:2])
    assert frozen.transformer_.wavelet_ is learned.wavelet_
    parts = learned.layout_.unflatten(learned.transform(X))
    expected = np.stack([(c**2).sum(axis=1) for c in parts], axis=1)
    np.testing.assert_allclose(frozen.transform(X), expected)
    unfitted = SubbandPooling(FrozenEstimator(AdaptiveWaveletTransformer()))
    with pytest.raises(NotFittedError, match="AdaptiveWaveletTransformer"):
        unfitted.fit(X)


def gradients_matter(X, G):
    transformer = AdaptiveWaveletTransformer("db3", level=2, max_iter=30, tol=1e-3)
    plain = clone(transformer).fit(X).filter_bank_
    with_gradients = clone(transformer).fit(X, input_gradients=G).filter_bank_
    assert not np.allclose(plain, with_gradients)
    return transformer, with_gradients


def test_fit_parameters_reach_the_transformer():
    X, G = random(20, 32), random(20, 32) ** 3
    transformer, expected = gradients_matter(X, G)
    pooling = SubbandPooling(transformer).fit(X, input_gradients=G)
    np.testing.assert_array_equal(pooling.transformer_.filter_bank_, expected)
    pipeline = make_pipeline(SubbandPooling(transformer), LinearRegression())
    pipeline.fit(X, X[:, 0], subbandpooling__input_gradients=G)
    np.testing.assert_array_equal(pipeline[0].transformer_.filter_bank_, expected)


def test_metadata_is_routed_to_the_transformer():
    X, G = random(20, 32), random(20, 32) ** 3
    transformer, expected = gradients_matter(X, G)
    with config_context(enable_metadata_routing=True):
        transformer.set_fit_request(input_gradients=True)
        pooling = SubbandPooling(transformer).fit(X, input_gradients=G)
        np.testing.assert_array_equal(pooling.transformer_.filter_bank_, expected)
        pipeline = make_pipeline(SubbandPooling(transformer), LinearRegression())
        pipeline.fit(X, X[:, 0], input_gradients=G)
        np.testing.assert_array_equal(pipeline[0].transformer_.filter_bank_, expected)
        search = GridSearchCV(pipeline, {"subbandpooling__n_largest": [2]}, cv=2)
        search.fit(X, X[:, 0], input_gradients=G)
        assert np.isfinite(search.best_score_)
        SubbandPooling().fit(X)
        with pytest.raises(TypeError, match="unexpected argument"):
            SubbandPooling().fit(X, input_gradients=G)


def test_saved_and_cloned():
    X = random(10, 24)
    pooling = SubbandPooling(WaveletTransformer("db2")).fit(X)
    loaded = pickle.loads(pickle.dumps(pooling))
    np.testing.assert_array_equal(loaded.transform(X), pooling.transform(X))
    with pytest.raises(NotFittedError):
        clone(pooling).transform(X)
    assert not hasattr(clone(pooling), "n_features_in_")


@pytest.mark.parametrize(
    "params, message",
    [
        ({"statistics": ()}, "'statistics' parameter .* different names among"),
        ({"statistics": ("max", "median")}, r"Got \('max', 'median'\) instead"),
        ({"statistics": ("std", "std")}, "must be different names"),
        ({"statistics": "max"}, "'statistics' parameter .* must be an instance of"),
        ({"n_largest": 0}, "'n_largest' parameter of SubbandPooling must be an int"),
        ({"quantiles": (0.5, 1.5)}, "must be different numbers from 0 to 1"),
        ({"quantiles": (0.5, 0.5)}, "must be different numbers from 0 to 1"),
        ({"quantiles": ()}, r"Got \(\) instead"),
        ({"transformer": "db2"}, "'transformer' parameter of SubbandPooling must be"),
    ],
)
def test_errors_of_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        SubbandPooling(**params).fit(random(4, 16))


def test_transformers_without_bands_are_refused():
    with pytest.raises(TypeError, match=r"with a layout_ of bands.*Got PCA\(\) instead"):
        SubbandPooling(PCA()).fit(random(4, 16))


def test_other_shapes_are_refused():
    pooling = SubbandPooling(WaveletTransformer("db2")).fit(random(4, 16))
    with pytest.raises(ValueError, match="X has 17 features, but WaveletTransformer"):
        pooling.transform(random(4, 17))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)
def test_check_estimator(estimator, check):
    check(estimator)


# The checks of set_output mix frames and arrays on purpose.
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature:UserWarning")
@pytest.mark.parametrize(
    "estimator",
    [SubbandPooling(), SubbandPooling(WaveletTransformer("haar"), statistics=ALL)],
    ids=["default", "all"],
)
@pytest.mark.parametrize(
    "name",
    [
        "check_dataframe_column_names_consistency",
        "check_get_feature_names_out_error",
        "check_param_validation",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
    ],
)
def test_checks_that_scikit_learn_keeps_for_itself(estimator, name):
    check = getattr(estimator_checks, name)
    check(type(estimator).__name__, clone(estimator))


SCALE_FREE = (
    "share_above",
    "positive_share",
    "log_mean_abs",
    "log_rms",
    "log_norm4",
)


def test_scale_free_statistics_by_hand():
    X = random(30, 40) ** 3
    thresholds = (0.1, 0.8)
    pooling = SubbandPooling(
        WaveletTransformer("db2", level=2, mode="zero"),
        statistics=SCALE_FREE,
        thresholds=thresholds,
    ).fit(X)
    bands = pywt.wavedec(X, "db2", "zero", 2)
    whole = np.sqrt(np.mean(np.concatenate(bands, axis=1) ** 2))
    details = np.sqrt(np.mean(np.concatenate(bands[1:], axis=1) ** 2))
    expected = []
    for c, scale in zip(bands, (whole, details, details), strict=True):
        for q in np.quantile(c, thresholds):
            expected.append((c > q).mean(1))
        expected.append((c > 0).mean(1))
        u = np.abs(c) / scale
        expected.append(np.log(u.mean(1) + 1e-3))
        expected.append(np.log((u**2).mean(1) + 1e-6) / 2)
        expected.append(np.log((u**4).mean(1) + 1e-12) / 4)
    np.testing.assert_allclose(pooling.transform(X), np.transpose(expected), atol=1e-12)
    assert pooling.get_feature_names_out()[:6].tolist() == [
        *["cA2_above_q0.1", "cA2_above_q0.8", "cA2_positive_share"],
        *["cA2_log_mean_abs", "cA2_log_rms", "cA2_log_norm4"],
    ]


def test_shares_of_the_training_data_are_those_of_the_quantiles():
    pooling = SubbandPooling(statistics=("share_above",))
    shares = pooling.fit_transform(random(200, 64)).reshape(200, -1, 9).mean(0)
    expected = 1 - np.array(pooling.thresholds)
    np.testing.assert_allclose(shares, np.tile(expected, (len(shares), 1)), atol=1e-3)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
@pytest.mark.parametrize("transformer", [None, WaveletTransformer("db2", level=2)])
def test_scale_free_statistics_do_not_depend_on_the_unit(unit, transformer):
    X = random(20, 50)
    pooling = SubbandPooling(transformer, statistics=SCALE_FREE)
    expected = pooling.fit_transform(X)
    np.testing.assert_allclose(pooling.fit_transform(unit * X), expected, atol=1e-9)


def test_scale_free_statistics_of_channels_of_other_units():
    X = random(20, 2, 50)
    expected = SubbandPooling(statistics=SCALE_FREE).fit_transform(X)
    X[:, 1] *= 1e6
    scaled = SubbandPooling(statistics=SCALE_FREE).fit_transform(X)
    np.testing.assert_allclose(scaled, expected, atol=1e-9)
    np.testing.assert_array_equal(
        SubbandPooling(statistics=("log_rms",)).fit_transform(0 * X), np.log(1e-3)
    )


def test_segments_by_hand():
    X = random(6, 48)
    transformer = WaveletTransformer("haar", level=2)
    pooling = SubbandPooling(transformer, statistics=("mean",), segments=(1, 2)).fit(X)
    names = pooling.get_feature_names_out().tolist()
    assert names[:4] == ["cA2_mean", "cA2[1/2]_mean", "cA2[2/2]_mean", "cD2_mean"]
    expected = []
    for c in pywt.wavedec(X, "haar", level=2):
        n = c.shape[1]
        expected += [c.mean(1), c[:, : n // 2].mean(1), c[:, n // 2 :].mean(1)]
    np.testing.assert_allclose(pooling.transform(X), np.transpose(expected), atol=1e-12)


def test_pooled_stationary_bands_move_with_the_signal():
    x = np.zeros((1, 256))
    x[0, 100:120] = np.hanning(20)
    pooling = SubbandPooling(statistics=("log_rms", "share_above")).fit(random(9, 256))
    for shift in (1, 7, 40):
        np.testing.assert_allclose(
            pooling.transform(np.roll(x, shift, 1)), pooling.transform(x), atol=1e-2
        )


def test_a_learned_stationary_wavelet_is_pooled_with_mirrored_ends():
    X = random(30, 64).cumsum(1)
    learned = AdaptiveWaveletTransformer("db2", decomposition="stationary", level=2)
    pooling = SubbandPooling(learned).fit(X)
    frozen = SubbandPooling(FrozenEstimator(clone(learned).fit(X))).fit(X)
    np.testing.assert_array_equal(frozen.transform(X), pooling.transform(X))
    fixed = WaveletTransformer(
        pooling.transformer_.wavelet_, decomposition="stationary", level=2
    )
    expected = SubbandPooling(fixed).fit_transform(X)
    np.testing.assert_allclose(pooling.transform(X), expected, atol=1e-12)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"segments": (0,)}, "'segments' parameter of SubbandPooling must be different"),
        ({"segments": (2, 2)}, "'segments' parameter"),
        ({"segments": ()}, "'segments' parameter"),
        ({"thresholds": (1.5,)}, "'thresholds' parameter .* numbers from 0 to 1"),
        ({"thresholds": ()}, "'thresholds' parameter"),
    ],
)
def test_bad_segments_and_thresholds(params, message):
    with pytest.raises(ValueError, match=message):
        SubbandPooling(**params).fit(random(5, 32))


@pytest.mark.parametrize("decomposition", ["dwt", "stationary", "packet"])
@pytest.mark.parametrize("X", [random(5, 32), [random(n) for n in (40, 9, 40)]])
def test_too_many_segments_are_refused_before_the_fit_is_changed(decomposition, X):
    if decomposition == "packet" and isinstance(X, list):
        pytest.skip("packets have one length")
    transformer = WaveletTransformer("haar", decomposition=decomposition, level=2)
    pooling = SubbandPooling(transformer).fit(X)
    expected = pooling.transform(X)
    with pytest.raises(
        ValueError,
        match=r"into 33 segments\. Use fewer segments, or fewer levels if each halves",
    ):
        pooling.set_params(segments=(1, 33)).fit(X)
    np.testing.assert_array_equal(pooling.transform(X), expected)
