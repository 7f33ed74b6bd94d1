"""Parameters that ask for the impossible are refused before anything is made."""

import tracemalloc

import numpy as np
import pytest

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    FilterBank,
    MultilevelDWT,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.attribution import Teacher, input_gradients
from sk_awave.datasets import (
    make_bursts,
    make_convergence_maps,
    make_wavelet_regression,
)
from sk_awave.feature_extraction import PeakCounter
from sk_awave.inspection import frequency_response, wavelet_functions
from sk_awave.utils import _budget
from sk_awave.utils._budget import check_budget

X = np.random.default_rng(0).standard_normal((30, 64))
IMAGES, y = X.reshape(30, 8, 8), X[:, 0]


def packets(level, **params):
    return WaveletTransformer("haar", decomposition="packet", level=level, **params).fit


def pooled(level):
    return SubbandPooling(
        WaveletTransformer("db4", level=level, decomposition="stationary")
    ).fit


def adaptive(**params):
    return lambda X: AdaptiveSubbandPooling(**{"n_candidates": 1, **params}).fit(X, y)


CALLS = {
    "level=62 of packets": (packets(62), X),
    "level=30 of packets": (packets(30, basis="full"), X),
    "level=18 of packets": (packets(18), X),
    "level=12 of packets": (packets(12, ndim=2), IMAGES),
    "level=40 of packets": (
        AdaptiveWaveletTransformer("db2", decomposition="packet", level=40).fit,
        X,
    ),
    "level=62 of pooling": (pooled(62), X),
    "level=30 of pooling": (pooled(30), X),
    "level=22 of pooling": (pooled(22), X),
    "level=31 of chosen wavelets": (adaptive(level=31), X),
    "level=18 of chosen wavelets": (adaptive(level=18, ndim=2), IMAGES),
    "filter_length=10000000": (AdaptiveWaveletTransformer(filter_length=10**7).fit, X),
    "filter_length=100000": (
        AdaptiveWaveletTransformer(filter_length=10**5).partial_fit,
        X,
    ),
    "filter_length=10000": (adaptive(filter_length=10**4), X),
    "filter_length=1000000": (
        lambda n: FilterBank.from_wavelet("db2", filter_length=n),
        10**6,
    ),
    "n_levels=1000000000": (
        lambda n: FilterBank.from_wavelet("db2", n_levels=n),
        10**9,
    ),
    "n_axes=1000000000 of a layer": (
        lambda n: MultilevelDWT("db2", ndim=n, per_axis=True),
        10**9,
    ),
    "'thresholds' of adaptive": (adaptive(thresholds=np.linspace(0, 1, 10**6)), X),
    "'segments' of": (SubbandPooling(segments=list(range(1, 10**5))).fit, X),
    "'quantiles' of": (SubbandPooling(quantiles=np.linspace(0, 1, 10**6)).fit, X),
    "n_candidates=1000000000": (adaptive(n_candidates=10**9), X),
    "n_candidates=1000000": (adaptive(n_candidates=10**6), X),
    "n_bins=100000000": (PeakCounter(n_bins=10**8).fit, IMAGES),
    "n_samples=1000000000000": (make_bursts, 10**12),
    "n_samples=10000000000": (make_convergence_maps, 10**10),
    "n_samples=100000000000": (make_wavelet_regression, 10**11),
    "length=10000000 ": (lambda n: make_wavelet_regression(length=n), 10**7),
    "level=62": (lambda level: wavelet_functions("db2", level=level), 62),
    "n_frequencies=1000000000": (
        lambda n: frequency_response("db2", n_frequencies=n),
        10**9,
    ),
    **{
        f"n_steps=100000000 of {method}": (
            input_gradients,
            Teacher(lambda x: x.sum(1), method=method, n_steps=10**8),
            X,
        )
        for method in ("integrated_gradients", "smoothgrad")
    },
}


@pytest.mark.filterwarnings("ignore:level=.* is too high")
@pytest.mark.parametrize("name", CALLS)
def test_impossible_parameters_are_refused_at_once(name):
    call, *args = CALLS[name]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"{name.split(' ')[0]}.* is too large"):
            call(*args)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:level=.* is too high")
def test_deep_transforms_of_small_signals_are_allowed():
    for call in (pooled(10), packets(10)):
        assert call(X[:2]).n_features_in_ == X.shape[1]
    deep = WaveletTransformer("db4", level=62, decomposition="stationary").fit(X)
    assert deep.level_ == 62
    few = adaptive(n_wavelets=10**9, n_features=10**9, filter_length=2, order=1)(X)
    assert len(few.wavelets_) == 1  # haar is the only one of two taps


def test_large_data_are_not_refused(monkeypatch):
    """What is made may be many times a large sample, on a machine that can hold it."""
    monkeypatch.setattr(_budget, "_memory", lambda: 64 * 2**30)
    check_budget(100 * 10**7, "level=10", "", sample_size=10**7)
    check_budget(7 * 10**9, "n_samples=10", "")
    with pytest.raises(
        ValueError, match=r"level=10 is too large.* 8\.6e\+09 are allowed"
    ):
        check_budget(10**10, "level=10", "Less.", sample_size=10**9)
    with pytest.raises(ValueError, match=r"of a sample of 10\. At most 1\.7e\+07 are"):
        check_budget(10**9, "level=10", "", sample_size=10)


def test_a_machine_that_does_not_tell_its_memory(monkeypatch):
    monkeypatch.delattr(_budget.os, "sysconf")
    check_budget(10**9, "n_samples=10", "")
    with pytest.raises(ValueError, match="is too large"):
        check_budget(10**400, "n_samples=10", "")
