"""Wavelets keep all that they know through copies, pickles and workers."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import pywt
from sklearn.base import clone

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    WaveletTransformer,
    adaptive_wavelet_path,
)
from sk_awave.engine import FilterBank
from sk_awave.engine._wavelet import as_wavelet

FACTS = (
    *("name", "family_name", "short_family_name", "filter_bank", "inverse_filter_bank"),
    *("orthogonal", "biorthogonal", "symmetry", "dec_len", "rec_len"),
    *("vanishing_moments_psi", "vanishing_moments_phi"),
)

WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda w, p=protocol: pickle.loads(pickle.dumps(w, p))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}

X = np.random.default_rng(0).standard_normal((30, 64)).cumsum(1)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # two iterations are enough here
)


def facts(wavelet):
    functions = [np.asarray(f) for f in wavelet.wavefun(level=3)]
    return {name: getattr(wavelet, name) for name in FACTS}, functions


def assert_same(actual, expected):
    assert isinstance(actual, pywt.Wavelet)
    (named, functions), (own, own_functions) = facts(actual), facts(expected)
    assert named == own
    assert len(functions) == len(own_functions)
    for one, other in zip(functions, own_functions, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", WAYS)
def test_wavelets_of_the_library(way):
    for name in pywt.wavelist(kind="discrete"):
        made = WAYS[way](as_wavelet(name))
        assert_same(made, pywt.Wavelet(name))
        assert joblib.hash(made) == joblib.hash(as_wavelet(name))


def learned(wavelet, parametrization, **params):
    params = {"level": 2, "max_iter": 2} | params
    return AdaptiveWaveletTransformer(
        wavelet, parametrization=parametrization, **params
    ).fit(X)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "wavelet, parametrization",
    [
        ("db3", "orthogonal"),
        ("bior2.2", "biorthogonal"),
        ("bior2.2", "symmetric"),
        ("db2", "free"),
    ],
)
def test_learned_wavelets(wavelet, parametrization, way):
    fitted = learned(wavelet, parametrization)
    assert fitted.wavelet_.orthogonal == (parametrization in ("orthogonal", "free"))
    assert fitted.wavelet_.biorthogonal
    made = WAYS[way](fitted)
    assert_same(made.wavelet_, fitted.wavelet_)
    assert_same(WAYS[way](made).wavelet_, fitted.wavelet_)
    assert_same(made._start_wavelet, fitted._start_wavelet)
    assert joblib.hash(made.wavelet_) == joblib.hash(fitted.wavelet_)
    assert made.wavelet_.name.startswith("adapted")


def test_wavelets_per_level_and_axis():
    images = X.reshape(30, 8, 8)
    fitted = AdaptiveWaveletTransformer(
        "db2", level=2, ndim=2, per_level=True, per_axis=True, max_iter=2, mode="zero"
    )
    with pytest.warns(UserWarning, match="level=2 is too high"):
        fitted.fit(images)
    made = pickle.loads(pickle.dumps(fitted))
    for level, own in zip(made.wavelet_, fitted.wavelet_, strict=True):
        for wavelet, expected in zip(level, own, strict=True):
            assert_same(wavelet, expected)


def fit_in_a_worker(estimator):
    return estimator.fit(X, X[:, 0] > 0)


@pytest.mark.parametrize(
    "estimator",
    [
        WaveletTransformer("sym4", level=2),
        WaveletTransformer(pywt.Wavelet("bior2.2"), level=2),
        AdaptiveWaveletTransformer("db2", level=2, max_iter=2),
        AdaptiveSubbandPooling(n_candidates=3, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_from_workers(estimator):
    (fitted,) = joblib.Parallel(n_jobs=2)([joblib.delayed(fit_in_a_worker)(estimator)])
    expected = clone(estimator).fit(X, X[:, 0] > 0)
    if hasattr(expected, "wavelets_"):
        wavelets = zip(fitted.wavelets_, expected.wavelets_, strict=True)
    else:
        wavelets = [(fitted.wavelet_, expected.wavelet_)]
    for actual, own in wavelets:
        assert_same(actual, own)
        assert actual.biorthogonal


def test_paths():
    _, path = adaptive_wavelet_path(
        X,
        ratios=[0.0, 1.0],
        transformer=AdaptiveWaveletTransformer(
            "db2", level=1, max_iter=2, teacher=lambda x: x.square().sum(1)
        ),
    )
    for fitted in path:
        fitted.set_params(teacher=None)
        assert pickle.loads(pickle.dumps(fitted)).wavelet_.orthogonal


def custom(name):
    return pywt.Wavelet("mine", filter_bank=pywt.Wavelet(name).filter_bank)


@pytest.mark.parametrize("name", ["db3", "sym5", "bior2.4", "rbio3.1", "coif2"])
@pytest.mark.parametrize("is_custom", [False, True])
@pytest.mark.parametrize("way", [lambda e: e, clone, copy.deepcopy])
def test_wavelets_that_are_given(name, is_custom, way):
    """Copies of a parameter have lost what the filters still tell."""
    given = custom(name) if is_custom else pywt.Wavelet(name)
    fitted = way(WaveletTransformer(given, level=2)).fit(X)
    assert fitted.wavelet_.orthogonal == pywt.Wavelet(name).orthogonal
    assert fitted.wavelet_.biorthogonal == pywt.Wavelet(name).biorthogonal
    assert fitted.wavelet_.name == given.name
    assert fitted.wavelet_.family_name == given.family_name
    assert fitted.wavelet_.filter_bank == given.filter_bank


def test_filters_that_do_not_reconstruct_are_not_said_to_do_so():
    filters = np.array(pywt.Wavelet("db2").filter_bank)
    filters[0, 0] += 1e-3
    wavelet = as_wavelet(pywt.Wavelet("wrong", filter_bank=filters.tolist()))
    assert not wavelet.orthogonal
    assert not wavelet.biorthogonal
    mirrored = filters.copy()
    mirrored[2] = mirrored[0, ::-1]  # but not orthogonal to its own shifts
    wavelet = as_wavelet(pywt.Wavelet("wrong", filter_bank=mirrored.tolist()))
    assert not wavelet.orthogonal
    sure = pywt.Wavelet("sure", filter_bank=filters.tolist())
    sure.orthogonal = sure.biorthogonal = True  # as its owner says
    assert as_wavelet(sure).orthogonal
    assert as_wavelet(sure).biorthogonal


def test_a_bank_gives_and_takes_them():
    bank = FilterBank.from_wavelet(FilterBank.from_wavelet("db2").to_wavelet())
    assert_same(copy.deepcopy(bank.to_wavelet()), bank.to_wavelet())
    coefficients = pywt.wavedec(X, bank.to_wavelet(), level=2)
    np.testing.assert_allclose(pywt.waverec(coefficients, bank.to_wavelet()), X)
