"""No pooled feature is decided by rounding: unit, offset, dtype and processor."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_awave import AdaptiveSubbandPooling, SubbandPooling, WaveletTransformer
from sk_awave.engine import _kernel
from sk_awave.engine._library import instruction_sets
from sk_awave.feature_extraction import PeakCounter, _compiled, _pool
from sk_awave.feature_extraction._bands import bands_of
from sk_awave.feature_extraction._choice import make_layout
from sk_awave.feature_extraction._elimination import rank_features
from sk_awave.feature_extraction._pool import Pool
from sk_awave.feature_extraction._statistics import DEFAULT_STATISTICS, FLOOR
from sk_awave.feature_extraction._wavelet_pool import WaveletPool

# Deep levels of short signals warn as they should.
pytestmark = pytest.mark.filterwarnings("ignore:level=. is too high:UserWarning")

N = 20
SHAPES = [(64,), (2, 50), (12, 16)]
DATA = ["noise", "quantised", "counts", "binary", "rare", "steps", "walk"]
DATA += ["constant rows", "constant", "zeros"]
WAVELETS = ["haar", "db2", "sym4", "bior2.2", "bior3.5"]
STATISTICS = (*DEFAULT_STATISTICS, "std", "absmax", "quantile", "entropy")
FREE_OF_UNITS = ("above", "share", "log_", "entropy")


def signals(kind, shape, seed=0):
    rng, size = np.random.default_rng(seed), (N, *shape)
    quantised = rng.integers(-3, 4, size).astype(float)
    if kind == "steps":
        steps = rng.integers(0, 5, (N, *shape[:-1], -(-shape[-1] // 8)))
        return np.repeat(steps, 8, axis=-1)[..., : shape[-1]].astype(float)
    if kind == "constant rows":
        quantised[::3] = 5
        return quantised
    made = {
        "noise": lambda: rng.normal(size=size),
        "quantised": lambda: quantised,
        "counts": lambda: rng.poisson(2, size).astype(float),
        "binary": lambda: (rng.random(size) < 0.2).astype(float),
        "rare": lambda: (rng.random(size) < 0.01).astype(float),
        "walk": lambda: rng.integers(-1, 2, size).cumsum(-1).astype(float),
        "constant": lambda: np.full(size, 7.0),
        "zeros": lambda: np.zeros(size),
    }
    return made[kind]()


def make(wavelet="db2", decomposition="stationary", ndim=1, **params):
    transformer = WaveletTransformer(
        wavelet, decomposition=decomposition, level=2, ndim=ndim
    )
    return SubbandPooling(transformer, **{"statistics": STATISTICS} | params)


def units_of(pooling, unit):
    """Return the unit of each feature: that of the signals, or 1."""
    names = pooling.get_feature_names_out()
    is_free = np.array([any(part in name for part in FREE_OF_UNITS) for name in names])
    return np.where(is_free, 1.0, unit)


@contextmanager
def computed_by(chosen):
    """Compute with an instruction set, by its number, or without the kernel."""
    with pytest.MonkeyPatch.context() as patch:
        if chosen is None:
            for module in (_kernel, _compiled):
                patch.setattr(module, "load_library", lambda: None)
        else:
            compute = _compiled.compute_compiled
            patch.setattr(_kernel.Kernel, "instruction_set", chosen)
            patch.setattr(_pool, "compute_compiled", lambda *args: compute(*args, chosen))
        yield


cases = given(
    kind=st.sampled_from(DATA),
    shape=st.sampled_from(SHAPES),
    wavelet=st.sampled_from(WAVELETS),
    decomposition=st.sampled_from(["stationary", "dwt"]),
    seed=st.integers(0, 20),
)
few = settings(max_examples=60, deadline=None)


@few
@cases
def test_features_do_not_depend_on_the_unit(kind, shape, wavelet, decomposition, seed):
    X = signals(kind, shape, seed)
    pooling = make(wavelet, decomposition, 2 if shape == (12, 16) else 1)
    expected = pooling.fit_transform(X)
    for unit in (3.0, 0.1, 1e-3, 7e8):
        actual = pooling.fit_transform(unit * X) / units_of(pooling, unit)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)


@few
@cases
def test_features_of_details_do_not_depend_on_an_offset(
    kind, shape, wavelet, decomposition, seed
):
    X = signals(kind, shape, seed)
    pooling = make(wavelet, decomposition, 2 if shape == (12, 16) else 1)
    expected = pooling.fit_transform(X)
    is_detail = ["cA" not in name for name in pooling.get_feature_names_out()]
    for offset in (-77.7, 1000.0):
        actual = pooling.fit_transform(X + offset)
        # PyWavelets' sym4 has 12 digits: of 1000 it leaves 1e-9 in details, a millionth
        # of the floor of their logarithms.
        change = np.abs(actual - expected)[:, is_detail].max()
        assert change < (1e-4 if wavelet == "sym4" else 1e-7)


@few
@cases
def test_features_do_not_depend_on_the_processor(
    kind, shape, wavelet, decomposition, seed
):
    X = signals(kind, shape, seed)
    pooling = make(wavelet, decomposition, 2 if shape == (12, 16) else 1).fit(X)
    expected = pooling.transform(X)
    for chosen in (*range(1, len(instruction_sets())), None):
        with computed_by(chosen):
            pooling.transformer_._maps.clear()
            actual = pooling.transform(X)
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)
            pooling.fit(X)
            actual = pooling.transform(X)
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("decomposition", ["stationary", "dwt"])
@pytest.mark.parametrize("kind", DATA[1:])
@pytest.mark.parametrize("wavelet", ["haar", "bior2.2"])  # whose sums are often equal
def test_features_do_not_depend_on_the_dtype(kind, wavelet, decomposition):
    for unit in (1.0, 0.1):
        X = unit * signals(kind, (64,))
        pooling = make(wavelet, decomposition).fit(X)
        expected = pooling.transform(X)
        single = X.astype(np.float32)
        # Float32 keeps seven digits of the coefficients, and logarithms have a floor of
        # a thousandth.
        close = {"rtol": 0, "atol": 1e-3}
        np.testing.assert_allclose(pooling.transform(single), expected, **close)
        pooling.fit(single)
        np.testing.assert_allclose(pooling.transform(single), expected, **close)
        np.testing.assert_allclose(pooling.transform(X), expected, **close)


@pytest.mark.parametrize("wavelet", ["haar", "bior2.2"])
def test_details_of_float32_with_an_offset_are_those_of_float64(wavelet):
    X = signals("quantised", (64,))
    pooling = make(wavelet, statistics=("share_above", "positive_share"))
    expected = pooling.fit_transform(X)
    is_detail = ["cA" not in name for name in pooling.get_feature_names_out()]
    actual = pooling.fit_transform((X + 1000).astype(np.float32))
    np.testing.assert_array_equal(actual[:, is_detail], expected[:, is_detail])


@pytest.mark.parametrize("kind", ["quantised", "steps", "binary"])
def test_envelopes_do_not_depend_on_unit_offset_and_dtype(kind):
    """Their rounding errors are those of the signals, which are much larger."""
    X = signals(kind, (1, 64))
    bank = WaveletTransformer("haar").fit(X[:, 0]).filter_bank_

    def shares(X):
        layout = make_layout(1, (64,), 2, 3, "stationary")
        pool = WaveletPool(bands_of(layout, bank), Pool(("mean",)), order=2)
        return pool.fit_compute(X)[:, 4:]

    expected = shares(X)
    assert expected.shape[1] == 6 * 5
    for Z in (3 * X, 0.1 * X, X + 1000, X.astype(np.float32)):
        np.testing.assert_allclose(shares(Z), expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(shares((X + 100).astype(np.float32)), expected, atol=1e-7)


def test_signals_of_unequal_lengths_do_not_depend_on_the_unit():
    rng = np.random.default_rng(0)
    X = [rng.integers(-2, 3, n).astype(float) for n in rng.integers(20, 60, N)]
    for decomposition in ("stationary", "dwt"):
        pooling = make("haar", decomposition)
        expected = pooling.fit_transform(X)
        for unit in (3.0, 1e-3):
            actual = pooling.fit_transform([unit * x for x in X])
            actual /= units_of(pooling, unit)
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)


def test_coefficients_equal_to_a_threshold_are_not_above_it():
    X = np.array([[0.0, 0, 0, 1, 1, 1, 2, 2]])
    pooling = SubbandPooling(
        WaveletTransformer(level=0),
        statistics=("share_above", "positive_share"),
        thresholds=(0.0, 0.5, 1.0),
    ).fit(X)
    np.testing.assert_array_equal(pooling.transform(X), [[5 / 8, 2 / 8, 0, 5 / 8]])
    shares = pooling.transform(X + 1e-8)  # about the rounding error of float32
    np.testing.assert_array_equal(shares, pooling.transform(X))
    np.testing.assert_array_equal(pooling.transform(X + 1e-3)[:, 1:3], [[5 / 8, 2 / 8]])


def test_weak_bands_keep_their_shares():
    """A detail may be much weaker than the signal, and than itself at the ends."""
    phase = np.random.default_rng(0).uniform(0, 6, (N, 1))
    X = np.sin(2 * np.pi * np.arange(256) / 64 + phase)
    pooling = make("db6", statistics=("share_above",), thresholds=(0.5,)).fit(X)
    layout, bank = pooling.transformer_.layout_, pooling.transformer_.filter_bank_
    *_, finest = bands_of(layout, bank).compute(X[:, None])
    assert np.abs(finest[..., 20:-20]).max() < 1e-6
    np.testing.assert_allclose(pooling.transform(X).mean(0), 0.5, atol=0.01)


def test_details_that_are_rounding_errors_have_the_least_logarithm():
    for value in (7.0, 1e-5 / 3):
        X = np.full((N, 64), value)
        for wavelet in ("haar", "db2", "sym4"):
            pooling = make(wavelet, statistics=("log_rms", "log_norm4")).fit(X)
            details = pooling.transform(X)[:, 2:]
            np.testing.assert_allclose(details, np.log(FLOOR), rtol=1e-6)


@pytest.mark.parametrize("kind", ["quantised", "steps", "constant rows", "walk"])
@pytest.mark.parametrize("is_class", [False, True])
def test_the_same_features_are_chosen_in_all_units(kind, is_class):
    X = signals(kind, (64,))
    y = X[:, ::8].max(1) + 0.1 * np.random.default_rng(0).normal(size=N)
    y = y > np.median(y) if is_class else y

    def chosen(X):
        pooling = AdaptiveSubbandPooling(
            2, n_candidates=3, n_features=15, random_state=0
        ).fit(X, y)
        return pooling.get_feature_names_out().tolist(), pooling.transform(X)

    names, expected = chosen(X)
    for unit in (3.0, 0.1):
        actual_names, actual = chosen(unit * X)
        assert actual_names == names
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)


def test_equal_features_are_ranked_by_their_order():
    rng = np.random.default_rng(0)
    F = np.repeat(rng.normal(size=(40, 6)), 3, axis=1)
    target = F[:, [0]] + rng.normal(size=(40, 1))
    target -= target.mean(0)
    expected = rank_features(F, target, 4)
    for seed in range(5):
        noise = 1e-14 * np.random.default_rng(seed).normal(size=F.shape)
        np.testing.assert_array_equal(rank_features(F + noise, target, 4), expected)


@pytest.mark.parametrize("kernels", ["wavelet", "height", "laplace", "roberts"])
@pytest.mark.parametrize("kind", ["quantised", "counts", "binary", "rare"])
def test_bins_of_peaks_do_not_depend_on_unit_and_dtype(kernels, kind):
    X = signals(kind, (16, 16))
    X[:, 4, 4] = 9  # a peak
    expected = PeakCounter(kernels=kernels).fit_transform(X)
    for unit in (3.0, 0.1, 1e-3, 7e5):
        for dtype in (np.float64, np.float32):
            Z = (unit * X).astype(dtype)
            actual = PeakCounter(kernels=kernels).fit_transform(Z)
            np.testing.assert_array_equal(actual, expected)
