"""WaveletThresholder against scikit-image, PyWavelets and brute force."""

import pickle

import numpy as np
import pandas as pd
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_awave import AdaptiveWaveletTransformer, WaveletThresholder, WaveletTransformer
from sk_awave.feature_extraction import _thresholding
from sk_awave.feature_extraction._thresholding import (
    METHODS,
    THRESHOLDINGS,
    estimate_sigma,
)

ESTIMATORS = [
    WaveletThresholder(),
    WaveletThresholder(WaveletTransformer("haar"), method="bayes", thresholding="hard"),
    WaveletThresholder(
        AdaptiveWaveletTransformer("db2", max_iter=2), method="sure", thresholding="firm"
    ),
]


def noisy(*shape, seed=0):
    """Make smooth signals with noise, whatever the number of axes."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 3, n) for n in shape[1:]), indexing="ij")
    truth = np.cos(sum(axes) + np.arange(shape[0]).reshape(-1, *[1] * len(axes)))
    return truth + 0.2 * rng.standard_normal(shape)


def denoised(thresholder, X):
    return thresholder.inverse_transform(thresholder.fit_transform(X))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("as_input", [np.asarray, torch.as_tensor])
def test_denoise_gives_signals_back(method, as_input):
    X = as_input(noisy(3, 2, 16, 12))
    thresholder = WaveletThresholder(
        WaveletTransformer("db2", ndim=2, level=1), method=method
    ).fit(X)
    result = thresholder.denoise(X)
    assert type(result) is type(X)
    assert result.shape == X.shape
    expected = thresholder.inverse_transform(thresholder.transform(X))
    np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


@pytest.mark.parametrize(
    "truth, sigma",
    [(pywt.data.camera()[128:384, 128:384], 20), (pywt.data.ecg(), 10)],
    ids=["camera", "ecg"],
)
def test_the_default_rule_is_a_good_one(truth, sigma):
    """On neither an image nor a signal is another rule better by half a decibel."""
    noise = sigma * np.random.default_rng(0).standard_normal(truth.shape)
    X = (truth + noise)[np.newaxis]

    def error(**params):
        transformer = WaveletTransformer("sym4", level=4, ndim=truth.ndim)
        thresholder = WaveletThresholder(transformer, **params).fit(X)
        return 10 * np.log10(np.mean((thresholder.denoise(X) - truth) ** 2))

    errors = [error(method=m, thresholding=t) for m in METHODS for t in THRESHOLDINGS]
    assert error() < min(errors) + 0.5
    assert error() < error(method="universal") - 2


@pytest.mark.parametrize("shape", [(128,), (37,), (32, 20), (12, 10, 15)])
@pytest.mark.parametrize("method", ["VisuShrink", "BayesShrink"])
@pytest.mark.parametrize("mode", ["soft", "hard"])
@pytest.mark.parametrize("sigma", [None, 0.15])
def test_as_scikit_image(shape, method, mode, sigma):
    restoration = pytest.importorskip("skimage.restoration")
    X = noisy(3, *shape) / 8  # scikit-image clips at 1
    level = 1 if len(shape) == 3 else 2
    thresholder = WaveletThresholder(
        WaveletTransformer("db2", level=level, ndim=len(shape)),
        method={"VisuShrink": "universal", "BayesShrink": "bayes"}[method],
        thresholding=mode,
        sigma=sigma,
    )
    expected = [
        restoration.denoise_wavelet(
            x, sigma, "db2", mode, level, method=method, rescale_sigma=False
        )
        for x in X
    ]
    result = denoised(thresholder, X)
    assert np.abs(result - X).max() > 0.01
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_channels_are_thresholded_on_their_own(method):
    X = noisy(4, 3, 40) * np.array([1, 10, 100])[:, None]
    together = denoised(WaveletThresholder(method=method), X)
    for channel in range(3):
        alone = denoised(WaveletThresholder(method=method), X[:, channel])
        np.testing.assert_allclose(together[:, channel], alone, atol=1e-10)


def test_samples_are_thresholded_on_their_own():
    X = noisy(5, 64)
    thresholder = WaveletThresholder(method="sure").fit(X)
    expected = np.concatenate([thresholder.transform(x[None]) for x in X])
    np.testing.assert_allclose(thresholder.transform(X), expected, atol=1e-12)


@pytest.mark.parametrize("thresholding", THRESHOLDINGS)
@given(
    coeffs=st.lists(st.floats(-10, 10, width=32), max_size=20),
    threshold=st.floats(0.01, 8),
)
@settings(max_examples=50, deadline=None)
def test_shrinking_is_that_of_pywavelets(thresholding, coeffs, threshold):
    # PyWavelets' firm one forgets a large coefficient if it is the first, and alone.
    coeffs = np.array([0.0, *coeffs])
    if thresholding == "firm":
        expected = pywt.threshold_firm(coeffs, threshold, 2 * threshold)
    else:
        expected = pywt.threshold(coeffs, threshold, thresholding)
    result = THRESHOLDINGS[thresholding](coeffs, np.array([threshold]))
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("thresholding", THRESHOLDINGS)
def test_a_threshold_of_zero_changes_nothing(thresholding):
    coeffs = np.array([-3.0, 0.0, 1e-300, 2.0])
    result = THRESHOLDINGS[thresholding](coeffs, np.array([0.0]))
    np.testing.assert_array_equal(result, coeffs)


def brute_force_sure(ratios):
    """Stein's risk at every coefficient and at zero, for one band."""
    limit = np.sqrt(2 * np.log(len(ratios)))
    excess = np.mean(ratios**2) - 1
    if excess <= np.log2(len(ratios)) ** 1.5 / np.sqrt(len(ratios)):
        return limit
    candidates = [0.0, *(t for t in np.abs(ratios) if t <= limit)]
    risks = [
        len(ratios)
        - 2 * sum(abs(r) <= t for r in ratios)
        + sum(min(abs(r), t) ** 2 for r in ratios)
        for t in candidates
    ]
    return candidates[int(np.argmin(risks))]


@given(
    size=st.integers(1, 60),
    scale=st.sampled_from([0.5, 1.0, 2.0, 5.0]),
    dense=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_sure_against_brute_force(size, scale, dense, seed):
    rng = np.random.default_rng(seed)
    signal = scale * rng.standard_normal((3, size)) * (rng.random((3, size)) < dense)
    ratios = np.abs(signal + rng.standard_normal((3, size)))
    result = METHODS["sure"](ratios, size)
    expected = [[brute_force_sure(row)] for row in ratios]
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_sure_is_unbiased_enough_to_beat_the_others_on_dense_bands():
    """The mean risk of the chosen threshold is near that of the best one."""
    rng = np.random.default_rng(0)
    truth = 2 * rng.standard_normal((200, 256))
    coeffs = truth + rng.standard_normal(truth.shape)
    soft = THRESHOLDINGS["soft"]

    def risk(threshold):
        return np.mean((soft(coeffs, threshold) - truth) ** 2)

    best = min(risk(np.array(t)) for t in np.linspace(0, 4, 81))
    chosen = risk(METHODS["sure"](np.abs(coeffs), 256))
    assert best < 0.9
    assert chosen < 1.05 * best
    assert risk(METHODS["universal"](np.abs(coeffs), 256)) > 2 * best


def test_white_noise_vanishes_from_the_details():
    X = np.random.default_rng(0).standard_normal((50, 256))
    for method in METHODS:
        transformer = WaveletTransformer("sym4", level=3)
        thresholder = WaveletThresholder(transformer, method=method).fit(X)
        start = thresholder.transformer_.layout_.bands[1].start
        kept = (thresholder.transform(X)[:, start:] != 0).mean()
        assert kept < (0.01 if method == "universal" else 0.35), method


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("thresholding", THRESHOLDINGS)
def test_denoising_brings_signals_nearer_to_the_truth(method, thresholding):
    t = np.linspace(0, 1, 512)
    truth = np.array([4 * np.sin(4 * np.pi * t) - np.sign(t - 0.3) - np.sign(0.72 - t)])
    X = truth + 0.4 * np.random.default_rng(0).standard_normal((20, 512))
    thresholder = WaveletThresholder(
        WaveletTransformer("sym8", level=4), method=method, thresholding=thresholding
    )
    error = np.sqrt(np.mean((denoised(thresholder, X) - truth) ** 2))
    assert error < 0.3


def test_the_approximation_is_left_alone():
    X = noisy(4, 33)
    transformer = WaveletTransformer("db3", level=2).fit(X)
    expected = transformer.transform(X)
    thresholder = WaveletThresholder(transformer, sigma=100.0).fit(X)
    Xt = thresholder.transform(X)
    stop = transformer.layout_.bands[0].stop
    np.testing.assert_array_equal(Xt[:, :stop], expected[:, :stop])
    assert (Xt[:, stop:] == 0).all()


def test_noise_is_estimated_from_the_diagonal_details():
    X = noisy(3, 24, 31)
    expected = [
        np.median(np.abs(pywt.wavedec2(x, "db2", level=1)[1][2])) / 0.6744897501960817
        for x in X
    ]
    transformer = WaveletTransformer("db2", level=1, ndim=2).fit(X)
    last = transformer.layout_.bands[-1]
    sigma = estimate_sigma(transformer.transform(X)[:, last.start : last.stop])
    np.testing.assert_allclose(sigma[:, 0], expected)
    by_hand = [
        denoised(WaveletThresholder(transformer, sigma=s), X)[i]
        for i, s in enumerate(expected)
    ]
    result = denoised(WaveletThresholder(transformer), X)
    np.testing.assert_allclose(result, by_hand, atol=1e-12)


def test_noise_is_estimated_without_zeros():
    details = np.array(
        [[0, 3, 0, -1, 2], [0, 0, 4, -2, 0], [0, 0, 0, 0, 0], [0] * 4 + [7]]
    )
    sigma = estimate_sigma(details)
    np.testing.assert_allclose(sigma[:, 0] * 0.6744897501960817, [2, 3, 0, 7])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sigma", [None, 0.0])
def test_nothing_is_removed_where_there_is_no_noise(method, sigma):
    X = np.zeros((2, 16)) if sigma is None else noisy(2, 16)
    result = denoised(WaveletThresholder(method=method, sigma=sigma), X)
    np.testing.assert_allclose(result, X, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-120, 1e-12, 1e12, 1e120])
def test_units_do_not_matter(method, scale):
    X = noisy(4, 64)
    thresholder = WaveletThresholder(WaveletTransformer("db2"), method=method)
    expected = scale * denoised(thresholder, X)
    np.testing.assert_allclose(denoised(thresholder, scale * X), expected, rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_dtype_is_preserved(dtype, method):
    X = noisy(6, 50).astype(dtype)
    thresholder = WaveletThresholder(method=method, thresholding="firm")
    Xt = thresholder.fit_transform(X)
    assert Xt.dtype == dtype
    assert thresholder.inverse_transform(Xt).dtype == dtype
    exact = clone(thresholder).fit_transform(X.astype(float))
    np.testing.assert_allclose(Xt, exact, atol=1e-4)


def test_tensors_in_tensors_out():
    X = noisy(3, 2, 16, 12)
    thresholder = WaveletThresholder(WaveletTransformer("db2", ndim=2, level=1))
    x = torch.tensor(X)
    xt = thresholder.fit(x).transform(x)
    assert isinstance(xt, torch.Tensor)
    np.testing.assert_allclose(xt.numpy(), thresholder.transform(X), atol=1e-12)
    back = thresholder.inverse_transform(xt)
    assert isinstance(back, torch.Tensor)
    assert back.shape == x.shape


@pytest.mark.gpu
def test_cuda_tensors_come_back_to_the_device(cuda):
    x = torch.tensor(noisy(6, 20), device=cuda)
    thresholder = WaveletThresholder(WaveletTransformer("db2"))
    xt = thresholder.fit_transform(x)
    assert xt.device.type == "cuda"
    assert thresholder.inverse_transform(xt).device.type == "cuda"


def test_a_pipeline_denoises():
    X = noisy(30, 64)
    pipeline = make_pipeline(StandardScaler(), WaveletThresholder(method="bayes"))
    back = pipeline.inverse_transform(pipeline.fit_transform(X))
    assert back.shape == X.shape
    assert 0.01 < np.std(back - X) < 0.3


def test_frames_in_and_out():
    names = [f"t{i}" for i in range(20)]
    frame = pd.DataFrame(noisy(10, 20), columns=names, index=range(100, 110))
    transformer = WaveletTransformer("db2", level=1)
    thresholder = WaveletThresholder(transformer).fit(frame)
    expected = thresholder.transform(frame)
    assert thresholder.feature_names_in_.tolist() == names
    out = clone(thresholder).set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == list(transformer.fit(frame).get_feature_names_out())
    assert out.index.tolist() == frame.index.tolist()
    np.testing.assert_array_equal(out.to_numpy(), expected)
    with config_context(transform_output="pandas"):  # reaches the inner one too
        out = thresholder.transform(frame)
    np.testing.assert_array_equal(out.to_numpy(), expected)
    back = thresholder.inverse_transform(out)
    np.testing.assert_array_equal(back, thresholder.inverse_transform(expected))


def test_all_parameters_in_one_grid_search():
    X = noisy(40, 64)
    pipeline = make_pipeline(WaveletThresholder(), LinearRegression())
    grid = {
        "waveletthresholder__transformer": [
            WaveletTransformer(level=2),
            AdaptiveWaveletTransformer(level=2, tol=1e-3),
        ],
        "waveletthresholder__transformer__wavelet": ["db2", "sym3"],
        "waveletthresholder__method": list(METHODS),
        "waveletthresholder__thresholding": ["soft", "firm"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    search.fit(X, np.arange(40) % 7)
    assert len(set(search.cv_results_["mean_test_score"])) == 24, "each one counts"


def test_a_fitted_transformer_can_be_kept():
    X = noisy(30, 24)
    learned = AdaptiveWaveletTransformer("db2", level=2, tol=1e-3).fit(X)
    frozen = clone(WaveletThresholder(FrozenEstimator(learned))).fit(X[:2])
    assert frozen.transformer_.wavelet_ is learned.wavelet_


def test_fit_parameters_reach_the_transformer():
    X = noisy(20, 32)
    G = np.random.default_rng(0).standard_normal(X.shape) ** 3
    transformer = AdaptiveWaveletTransformer("db3", level=2, max_iter=30, tol=1e-3)
    expected = clone(transformer).fit(X, input_gradients=G).filter_bank_
    assert not np.allclose(expected, clone(transformer).fit(X).filter_bank_)
    thresholder = WaveletThresholder(transformer).fit(X, input_gradients=G)
    np.testing.assert_array_equal(thresholder.transformer_.filter_bank_, expected)
    with config_context(enable_metadata_routing=True):
        transformer.set_fit_request(input_gradients=True)
        pipeline = make_pipeline(WaveletThresholder(transformer), LinearRegression())
        pipeline.fit(X, X[:, 0], input_gradients=G)
    np.testing.assert_array_equal(pipeline[0].transformer_.filter_bank_, expected)


def test_saved_and_cloned():
    X = noisy(10, 24)
    thresholder = WaveletThresholder(WaveletTransformer("db2")).fit(X)
    loaded = pickle.loads(pickle.dumps(thresholder))
    np.testing.assert_array_equal(loaded.transform(X), thresholder.transform(X))
    for method in (clone(thresholder).transform, clone(thresholder).inverse_transform):
        with pytest.raises(NotFittedError):
            method(X)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"method": "minimax"}, "'method' parameter of WaveletThresholder must be a str"),
        ({"thresholding": "garrote"}, "Got 'garrote' instead"),
        ({"sigma": -1.0}, "'sigma' parameter .* Got -1.0 instead"),
        ({"transformer": "db2"}, "'transformer' parameter of WaveletThresholder must be"),
        ({"transformer": WaveletTransformer(level=0)}, "level=0 has none. Use"),
    ],
)
def test_errors_of_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        WaveletThresholder(**params).fit(noisy(4, 16))


def test_transformers_without_bands_are_refused():
    with pytest.raises(
        TypeError, match=r"WaveletThresholder .* layout_ .*Got PCA\(\) ins"
    ):
        WaveletThresholder(PCA()).fit(noisy(4, 16))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)
def test_check_estimator(estimator, check):
    check(estimator)


# The checks of set_output mix frames and arrays on purpose.
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature:UserWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS[:2], ids=["default", "bayes"])
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


@pytest.mark.parametrize("ndim", [1, 2])
def test_thresholds_follow_the_noise_of_a_stationary_transform(ndim):
    """In noise alone, each level loses as much as the finest one."""
    shape = (4096,) if ndim == 1 else (64, 64)
    X = np.random.default_rng(0).standard_normal((20, *shape))
    wavelet = WaveletTransformer("db2", level=3, ndim=ndim, decomposition="stationary")
    thresholder = WaveletThresholder(wavelet, thresholding="hard").fit(X)
    layout, flat = thresholder.transformer_.layout_, thresholder.transform(X)
    thresholder.set_params(method="universal", sigma=None)
    universal = thresholder.transform(X)
    for band in layout.bands[1:]:
        # The threshold of 4.1 standard deviations is rarely exceeded at any level.
        assert (universal[:, band.start : band.stop] != 0).mean() < 1e-3
    assert (flat[:, layout.bands[0].stop :] != 0).mean() < 0.05
    known = thresholder.set_params(sigma=1.0).transform(X)
    assert np.mean((known == 0) == (universal == 0)) > 0.999


@pytest.mark.filterwarnings("ignore:The condition number")
@pytest.mark.parametrize("decomposition", ["dwt", "stationary", "packet"])
@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("wavelet", ["sym4", "bior2.2", "rbio3.1", "bior5.5"])
def test_the_noise_of_each_band_follows_from_the_filters(wavelet, ndim, decomposition):
    """White noise alone: its level is found, and given it, each band is noise of 1."""
    X = np.random.default_rng(0).standard_normal((12, *[(8192,), (128, 128)][ndim - 1]))
    basis = "full" if decomposition == "packet" else "best"
    mode = "periodization"
    transformer = WaveletTransformer(
        wavelet, level=2, ndim=ndim, decomposition=decomposition, mode=mode, basis=basis
    ).fit(X)
    layout, seen = transformer.layout_, []

    def method(ratios, n_values):
        seen.append(np.sqrt(np.square(ratios).mean()))
        return np.zeros((*ratios.shape[:-1], 1))

    thresholder = WaveletThresholder(FrozenEstimator(transformer)).fit(X)
    for sigma in (1.0, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(METHODS, "bayes", method)
            thresholder.set_params(sigma=sigma).transform(X)
    assert len(seen) == 2 * (len(layout.bands) - 1)
    np.testing.assert_allclose(seen, 1, atol=0.06)


@pytest.mark.parametrize("wavelet", ["db4", "bior4.4"])
@pytest.mark.parametrize("ndim", [1, 2])
def test_nearly_orthogonal_wavelets_raise_no_warning(wavelet, ndim):
    X = noisy(2, *[64] * ndim)
    thresholder = WaveletThresholder(WaveletTransformer(wavelet, level=2, ndim=ndim))
    condition = thresholder.fit(X).transformer_.condition_number_
    assert condition ** (1 / ndim) < _thresholding.POOR_CONDITION


@pytest.mark.parametrize("wavelet", ["bior3.1", "rbio2.2"])
@pytest.mark.parametrize("ndim", [1, 2])
def test_wavelets_far_from_orthogonal_raise_a_warning(wavelet, ndim):
    X = noisy(2, *[64] * ndim)
    with pytest.warns(UserWarning, match="condition number of the transform is .* Above"):
        WaveletThresholder(WaveletTransformer(wavelet, level=2, ndim=ndim)).fit(X)


@pytest.mark.filterwarnings("ignore:The condition number")
@pytest.mark.parametrize("wavelet, least", [("bior5.5", 2.0), ("rbio3.1", 5.0)])
def test_right_noise_denoises_better(wavelet, least, monkeypatch):
    """Against one noise level for all bands, that of the finest."""
    image = pywt.data.camera()[::2, ::2].astype(float)
    noisy = image + 20 * np.random.default_rng(0).standard_normal(image.shape)
    transformer = WaveletTransformer(wavelet, level=4, ndim=2)
    thresholder = WaveletThresholder(transformer).fit(noisy[None])

    def error():
        return np.mean((thresholder.denoise(noisy[None])[0] - image) ** 2)

    right = error()
    levels = _thresholding.noise_levels
    monkeypatch.setattr(
        _thresholding, "noise_levels", lambda *args: torch.ones_like(levels(*args))
    )
    assert 10 * np.log10(error() / right) > least


@pytest.mark.parametrize("method", METHODS)
def test_a_level_of_noise_for_each_band_removes_coloured_noise(method):
    rng, rho, n = np.random.default_rng(0), 0.9, 2048
    signal = 5 * np.sin(12 * np.arange(n) / n)
    white = np.sqrt(1 - rho**2) * rng.standard_normal((20, n))
    X = signal + lfilter([1], [1, -rho], white, axis=1)
    left = {}
    for sigma in (None, "per_level"):
        thresholder = WaveletThresholder(
            WaveletTransformer("sym8", level=7), method=method, sigma=sigma
        ).fit(X)
        left[sigma] = np.sqrt(np.mean((thresholder.denoise(X) - signal) ** 2))
    assert left["per_level"] < 0.6
    assert left["per_level"] < 0.65 * left[None]
