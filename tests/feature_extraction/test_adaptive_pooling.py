"""AdaptiveSubbandPooling: what it chooses, and the contract of scikit-learn."""

import pickle

import numpy as np
import pytest
import pywt
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_info, threadpool_limits

from sk_awave import AdaptiveSubbandPooling, SubbandPooling, WaveletTransformer
from sk_awave.feature_extraction import _adaptive_pooling, _targets
from sk_awave.feature_extraction._choice import choose_wavelets, wavelet_candidates
from sk_awave.feature_extraction._elimination import rank_features
from sk_awave.feature_extraction._leave_one_out import (
    encode_target,
    kernel,
    leave_one_out_error,
)
from sk_awave.feature_extraction._pool import Pool


def make_textures(n=120, length=128, seed=0):
    """Noise filtered by one of two hidden lattices, at random times: two classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    candidates = wavelet_candidates(12, 40, np.random.RandomState(7))
    taps = [candidates[i][1][0, 0, 1] for i in (-1, -2)]
    noise = rng.standard_normal((n, length + 11))
    X = np.stack(
        [np.convolve(x, taps[k], "valid") for x, k in zip(noise, y, strict=True)]
    )
    return X + 0.1 * rng.standard_normal(X.shape), y


pytestmark = pytest.mark.filterwarnings("ignore:level=5 is too high")


@pytest.fixture(scope="module")
def textures():
    return make_textures()


def pooling(**params):
    defaults = {"n_candidates": 20, "n_features": None, "random_state": 0}
    return AdaptiveSubbandPooling(**defaults | params)


def kernels_of(sets):
    return [kernel(each) for each in sets], [each.shape[1] for each in sets]


def compress(F):
    return 2 * np.tanh(StandardScaler().fit_transform(F) / 2)


def test_errors_are_those_of_the_features(textures):
    X, y = textures
    fitted = pooling(n_wavelets=3, min_gain=0, order=1).fit(X, y)
    target, F = encode_target(y, True), fitted.transform(X)
    n_each = F.shape[1] // len(fitted.wavelets_)
    for k, error in enumerate(fitted.path_, start=1):
        part = F[:, : k * n_each]
        expected, _ = leave_one_out_error(kernel(part), part.shape[1], target)
        assert error == pytest.approx(expected, rel=1e-4)
    assert fitted.leave_one_out_error_ == fitted.path_[-1]
    fixed = WaveletTransformer(
        fitted.fixed_wavelet_, decomposition="stationary", level=fitted.level_
    )
    F = compress(SubbandPooling(fixed).fit_transform(X))
    expected, _ = leave_one_out_error(kernel(F), F.shape[1], target)
    assert fitted.fixed_leave_one_out_error_ == pytest.approx(expected, rel=1e-4)


def test_the_fixed_wavelet_is_the_best_of_the_library(textures):
    X, y = textures
    fitted = pooling(n_wavelets=1, n_candidates=0, min_gain=0).fit(X, y)
    assert not fitted.is_adapted_ or fitted.leave_one_out_error_ == pytest.approx(
        fitted.fixed_leave_one_out_error_
    )
    target, errors = encode_target(y, True), fitted.library_errors_
    for name in ("haar", "db2", "db4", "sym5", "coif1"):
        fixed = WaveletTransformer(name, decomposition="stationary", level=fitted.level_)
        F = compress(SubbandPooling(fixed).fit_transform(X))
        expected, _ = leave_one_out_error(kernel(F), F.shape[1], target)
        assert errors[name] == pytest.approx(expected, rel=1e-4)
    assert min(errors, key=errors.get) == fitted.fixed_wavelet_
    assert min(errors.values()) == fitted.fixed_leave_one_out_error_


def test_features_are_those_of_subband_pooling(textures):
    X, y = textures
    fitted = pooling(n_wavelets=2, min_gain=0, segments=(1, 2), order=1).fit(X, y)
    parts = []
    for wavelet in fitted.wavelets_:
        fixed = WaveletTransformer(
            wavelet, decomposition="stationary", level=fitted.level_
        )
        parts.append(SubbandPooling(fixed, segments=(1, 2)).fit_transform(X))
    np.testing.assert_allclose(fitted.transform(X), compress(np.hstack(parts)), atol=1e-9)
    names = fitted.get_feature_names_out()
    assert names[0] == f"w1_cA{fitted.level_}_above_q0.02"
    assert f"w2_cD{fitted.level_}[2/2]_above_q0.5" in names
    assert len(names) == fitted.transform(X).shape[1]


def test_envelopes_follow_the_bands_of_each_wavelet(textures):
    X, y = textures
    bands = pooling(n_wavelets=2, min_gain=0, order=1).fit(X, y)
    both = pooling(n_wavelets=2, min_gain=0).fit(X, y)
    names = both.get_feature_names_out()
    first = np.array(["|" not in name for name in names])
    assert names[first].tolist() == bands.get_feature_names_out().tolist()
    np.testing.assert_array_equal(both.transform(X)[:, first], bands.transform(X))
    assert "w2_|cD1|_cD3_above_q0.5" in names
    assert np.isfinite(both.transform(X)).all()
    with pytest.raises(ValueError, match="order=2 requires decomposition='stationary'"):
        pooling(decomposition="dwt").fit(X, y)


def test_signals_as_they_are_have_no_envelopes(textures):
    X, y = textures
    both = pooling(level=0).fit(X, y)
    assert not any("|" in name for name in both.get_feature_names_out())
    np.testing.assert_array_equal(
        both.transform(X), pooling(level=0, order=1).fit(X, y).transform(X)
    )


def test_outliers_are_compressed(textures):
    X, y = textures
    fitted = pooling().fit(X, y)
    F = fitted.transform(np.vstack([1e6 * X, X]))
    assert np.abs(F).max() <= 2
    train = fitted.transform(X)
    np.testing.assert_allclose(train.mean(0), 0, atol=0.2)
    rank = pooling(order=1, statistics=("log_rms",)).fit(X, y)
    (wavelet,) = rank.wavelets_[:1]
    raw = SubbandPooling(
        WaveletTransformer(wavelet, decomposition="stationary", level=rank.level_),
        statistics=("log_rms",),
    ).fit_transform(X)
    np.testing.assert_array_equal(
        np.argsort(raw[:, 0]), np.argsort(rank.transform(X)[:, 0])
    )


def test_adapting_pays_where_no_library_wavelet_is_right():
    X, y = make_textures(200)
    adapted = make_pipeline(
        pooling(n_wavelets=2, n_candidates=60), StandardScaler(), RidgeClassifierCV()
    )
    fitted = adapted[0].fit(X, y)
    assert fitted.is_adapted_
    gain = 1 - fitted.leave_one_out_error_ / fitted.fixed_leave_one_out_error_
    assert gain > 0.1
    assert cross_val_score(adapted, X, y, cv=3).mean() > 0.9


def test_small_gains_keep_the_fixed_wavelet(textures):
    X, y = textures
    fitted = pooling(min_gain=1.0).fit(X, y)
    assert not fitted.is_adapted_
    assert [w.name for w in fitted.wavelets_] == [fitted.fixed_wavelet_]
    assert fitted.path_ == [fitted.fixed_leave_one_out_error_]
    expected = pywt.Wavelet(fitted.fixed_wavelet_).rec_lo
    np.testing.assert_allclose(fitted.wavelets_[0].rec_lo, expected, atol=1e-12)


def test_wavelets_are_orthogonal_wavelets(textures):
    fitted = pooling(min_gain=0).fit(*textures)
    x = np.random.default_rng(0).standard_normal(64)
    for wavelet in fitted.wavelets_:
        assert wavelet.orthogonal
        back = pywt.waverec(pywt.wavedec(x, wavelet, level=2), wavelet)
        np.testing.assert_allclose(back, x, atol=1e-10)
        assert abs(sum(wavelet.dec_hi)) < 1e-10  # a vanishing moment


@pytest.mark.parametrize("n_targets", [None, 2])
def test_regression(n_targets):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 64)) * np.exp(rng.standard_normal((80, 1)))
    y = np.log(X.std(1))
    y = y if n_targets is None else np.stack([y, rng.standard_normal(80)], 1)
    fitted = pooling(n_wavelets=2, statistics=("log_rms",)).fit(X, y)
    scaled = clone(fitted).fit(X, 1e3 * y + 5)
    assert scaled.path_ == pytest.approx(fitted.path_, rel=1e-6)
    if n_targets is None:
        model = make_pipeline(fitted, StandardScaler(), RidgeCV())
        assert cross_val_score(model, X, y, cv=3).mean() > 0.95


def test_integers_are_classes_unless_they_are_said_to_be_numbers(textures):
    X, y = textures
    counts = np.random.default_rng(0).integers(0, 50, len(y))
    assert len(np.unique(counts)) > 20
    as_numbers = pooling(target_type="continuous").fit(X, counts)
    with pytest.warns(UserWarning, match="46 different whole numbers of y are taken"):
        as_classes = pooling().fit(X, counts)
    floats = pooling().fit(X, counts + 0.5)
    assert as_numbers.path_ == pytest.approx(floats.path_, rel=1e-6)
    assert as_classes.path_ != as_numbers.path_
    words = pooling().fit(X, np.where(y == 1, "on", "off"))
    assert words.path_ == pytest.approx(pooling().fit(X, y).path_, rel=1e-9)


def test_few_features_are_kept(textures):
    X, y = textures
    every = pooling(min_gain=0).fit(X, y)
    few = pooling(min_gain=0, n_features=7).fit(X, y)
    assert few.transform(X).shape == (len(X), 7)
    np.testing.assert_array_equal(few.transform(X), every.transform(X)[:, few.support_])
    np.testing.assert_array_equal(
        few.get_feature_names_out(), every.get_feature_names_out()[few.support_]
    )
    ranking = rank_features(every.transform(X), encode_target(y, True), 7)
    assert few.support_.tolist() == sorted(ranking[:7])
    model = make_pipeline(few, StandardScaler(), RidgeClassifierCV())
    assert cross_val_score(model, X, y, cv=3).mean() > 0.9


@pytest.mark.parametrize("ndim, shape", [(1, (2, 64)), (2, (8, 10))])
@pytest.mark.parametrize("n_features", [1, 4, 30])
def test_only_bands_that_have_a_feature_are_pooled(ndim, shape, n_features, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, *shape)), rng.standard_normal(60)
    params = {"ndim": ndim, "n_wavelets": 3, "min_gain": 0, "segments": (1, 2)}
    every = pooling(**params).fit(X, y)
    few = pooling(n_features=n_features, **params).fit(X, y)
    pooled, compute = set(), Pool.compute_part

    def record(pool, bands, names):
        pooled.update(names)
        return compute(pool, bands, names)

    monkeypatch.setattr(Pool, "compute_part", record)
    F = few.transform(X)
    assert pooled == {place.band for place in few._places()}
    np.testing.assert_array_equal(F, every.transform(X)[:, few.support_])
    expected = every.get_feature_names_out()[few.support_]
    np.testing.assert_array_equal(few.get_feature_names_out(), expected)
    assert len(pickle.dumps(few)) < len(pickle.dumps(every))


def test_images_and_channels():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((30, 8, 10))
    y = images[:, :, ::2].std((1, 2)) > 0.99
    fitted = pooling(ndim=2, n_wavelets=2, min_gain=0).fit(images, y)
    flat = pooling(ndim=2, signal_shape=(8, 10), n_wavelets=2, min_gain=0)
    rows = images.reshape(30, -1)
    np.testing.assert_array_equal(
        flat.fit(rows, y).transform(rows), fitted.transform(images)
    )
    channels = rng.standard_normal((30, 3, 40))
    fitted = pooling(n_wavelets=1).fit(channels, y)
    names = fitted.get_feature_names_out()
    assert "w1_ch2_cD1_log_rms" in names
    assert names[-1].startswith("w1_ch2_|cD1|_cD1_")
    assert fitted.transform(channels).shape == (30, len(names))


def test_shapes_that_may_be_misread_warn_once():
    X = np.random.default_rng(0).standard_normal((30, 8, 8))
    y = np.arange(30) % 2
    with pytest.warns(UserWarning, match="taken for 8 channels") as record:
        fitted = pooling(n_wavelets=1).fit(X, y)
    assert len(record) == 1
    assert fitted.transform(X).shape == (30, len(fitted.get_feature_names_out()))


def test_the_decimated_transform(textures):
    X, y = textures
    fitted = pooling(decomposition="dwt", order=1, n_wavelets=1, min_gain=0).fit(X, y)
    fixed = WaveletTransformer(fitted.wavelets_[0], level=fitted.level_)
    expected = compress(SubbandPooling(fixed).fit_transform(X))
    np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-9)
    with pytest.warns(UserWarning, match="level=6 is too high"):
        pooling(decomposition="dwt", order=1, level=6).fit(X, y)


def test_many_signals_are_chosen_on_some_of_them(textures, monkeypatch):
    X, y = textures
    monkeypatch.setattr(_targets, "MAX_ROWS", 60)
    fitted = pooling(min_gain=0).fit(X, y)
    again = pooling(min_gain=0).fit(X, y)
    assert fitted.path_ == again.path_
    # Thresholds, means and deviations are those of all signals.
    fixed = WaveletTransformer(
        fitted.wavelets_[0], decomposition="stationary", level=fitted.level_
    )
    expected = compress(SubbandPooling(fixed).fit_transform(X))
    n_first = expected.shape[1]
    np.testing.assert_allclose(fitted.transform(X)[:, :n_first], expected, atol=1e-9)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_threads_and_runs_give_the_same(textures, n_jobs):
    X, y = textures
    expected = pooling().fit(X, y)
    actual = pooling(n_jobs=n_jobs).fit(X, y)
    assert actual.path_ == expected.path_
    np.testing.assert_array_equal(actual.transform(X), expected.transform(X))


def test_tensors_pickles_and_searches(textures):
    X, y = textures
    fitted = pooling().fit(X, y)
    tensor = fitted.transform(torch.from_numpy(X))
    np.testing.assert_array_equal(tensor.numpy(), fitted.transform(X))
    assert fitted.transform(X.astype(np.float32)).dtype == np.float32
    data = pickle.dumps(fitted)
    assert len(data) < 100_000
    np.testing.assert_array_equal(pickle.loads(data).transform(X), fitted.transform(X))
    model = make_pipeline(pooling(), StandardScaler(), RidgeClassifierCV())
    grid = {"adaptivesubbandpooling__n_wavelets": [1, 2]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.7
    frozen = FrozenEstimator(fitted)
    np.testing.assert_array_equal(frozen.transform(X), fitted.transform(X))


def test_a_failed_fit_leaves_no_trace(textures):
    X, y = textures
    fitted = pooling().fit(X, y)
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted.fit(X[:, :50], y[1:])
    assert vars(fitted) == before


@pytest.mark.parametrize(
    "params, message",
    [
        ({"statistics": ("median",)}, "'statistics' parameter of AdaptiveSubbandPooling"),
        ({"segments": (0,)}, "'segments' parameter of AdaptiveSubbandPooling"),
        ({"n_wavelets": 0}, "'n_wavelets' parameter"),
        ({"filter_length": 7}, "filter_length must be even. Got 7"),
        ({"min_gain": 2}, "'min_gain' parameter"),
        ({"decomposition": "packet"}, "'decomposition' parameter"),
    ],
)
def test_bad_parameters(textures, params, message):
    with pytest.raises(ValueError, match=message):
        pooling(**params).fit(*textures)


def test_the_best_group_is_chosen_first():
    rng = np.random.default_rng(0)
    informative = rng.standard_normal((40, 3))
    target = encode_target(informative @ [1.0, 2, 3], False)
    noise = [rng.standard_normal((40, 30)) for _ in range(4)]
    choice = choose_wavelets(*kernels_of([*noise, informative]), target, 4, 3, 0.0)
    assert choice.indices[0] == 4
    assert len(choice.indices) == len(choice.path) == 3
    assert choice.fixed < 4
    assert choice.is_adapted
    kept = choose_wavelets(*kernels_of([informative, *noise]), target, 1, 1, 0.5)
    assert (kept.indices, kept.is_adapted) == ([0], False)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([AdaptiveSubbandPooling(2, n_candidates=2, random_state=0)])
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("times", [2, 5])
@pytest.mark.parametrize("kind", ["array", "single", "list", "ends", "channels"])
def test_copies_of_signals_do_not_predict_each_other(times, kind):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 64)), rng.integers(0, 2, 40)
    if kind == "single":
        X = X.astype(np.float32)
    elif kind == "channels":
        X = X.reshape(40, 2, 32)
    elif kind == "ends":
        X[::3, 50:] = np.nan
    order = rng.permutation(40 * times)
    copies, labels = np.repeat(X, times, 0)[order], np.repeat(y, times)[order]
    if kind == "list":
        X = [x[: 25 + i] for i, x in enumerate(X)]
        copies = [X[i // times] for i in order]
    once = pooling(n_wavelets=2, min_gain=0, order=1).fit(X, y)
    fitted = clone(once).fit(copies, labels)
    for name, error in once.library_errors_.items():
        # Thresholds are quantiles of other numbers of coefficients.
        assert fitted.library_errors_[name] == pytest.approx(error, rel=0.15)
    assert fitted.leave_one_out_error_ > 0.6
    assert pooling(n_features=3).fit(copies, labels).leave_one_out_error_ > 0.6


def test_signals_that_are_all_equal_are_refused():
    with pytest.raises(ValueError, match="signals in X must differ"):
        pooling().fit(np.ones((20, 64)), np.arange(20) % 2)


def test_targets_follow_signals_of_unequal_lengths():
    """Signals are sorted by length, and their targets with them."""
    rng = np.random.default_rng(0)
    lengths = np.array([40, 64, 50, 33] * 10)
    signals = [rng.standard_normal(n) * (1 + n % 3) for n in lengths]
    y = np.log([x.std() for x in signals])
    fitted = pooling(n_wavelets=1, order=1, n_features=4).fit(signals, y)
    order = np.argsort(-lengths, kind="stable")
    expected = clone(fitted).fit([signals[i] for i in order], y[order])
    assert fitted.library_errors_ == pytest.approx(expected.library_errors_, rel=1e-6)
    assert fitted.leave_one_out_error_ < 0.2  # which of other targets it is not
    assert fitted.support_.tolist() == expected.support_.tolist()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_features_of_candidates_are_not_held(n_jobs, monkeypatch):
    held, original = [], _adaptive_pooling.choose_wavelets

    def record(kernels, *args):
        held.extend(kernels)
        return original(kernels, *args)

    monkeypatch.setattr(_adaptive_pooling, "choose_wavelets", record)
    X, y = make_textures(30)
    pooling(order=1, n_jobs=n_jobs).fit(X, y)
    assert {(each.shape, each.dtype.name) for each in held} == {((30, 30), "float32")}
    assert all(each.base is None for each in held)


def test_threads_of_the_blas_are_as_before(textures, monkeypatch):
    def threads():
        return [pool["num_threads"] for pool in threadpool_info()]

    X, y = textures
    inside, original = [], _adaptive_pooling.choose_wavelets

    def record(*args):
        inside.extend(
            pool["num_threads"]
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        )
        return original(*args)

    monkeypatch.setattr(_adaptive_pooling, "choose_wavelets", record)
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        pooling(order=1, n_candidates=1).fit(X, y)
        assert set(inside) == {1}
        assert threads() == before
        with pytest.raises(ValueError, match="inconsistent"):
            pooling().fit(X, y[1:])
        assert threads() == before
