"""Dask arrays: learning where their blocks are, and lazy transforms."""

import os
import signal

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.attribution import Teacher
from sk_awave.engine import BFGS
from sk_awave.feature_extraction import (
    AdaptiveSubbandPooling,
    SubbandPooling,
    WaveletThresholder,
)
from sk_awave.feature_extraction._targets import draw_rows

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

LENGTHS = (30, 41, 50)


def burst_energy(x):
    """A teacher, whose gradients differ from sample to sample."""
    return (x[:, 20:30] ** 2).sum(1)


def pair_of_outputs(x):
    """A teacher of two classes."""
    return torch.stack([x[:, 20], burst_energy(x)], 1)


class Watched(BFGS):
    """BFGS with a callback."""

    def __init__(self, watch):
        self.watch = watch

    def minimize(self, *args, callback=None, **kwargs):
        def both(*iteration):
            return callback(*iteration) or self.watch(*iteration)

        return super().minimize(*args, callback=both, **kwargs)


def load(folder, start, stop):
    """Read a block from a file, and fail if it is gone."""
    return np.load(folder / "X.npy")[start:stop]


class Slices:
    """The blocks of `LENGTHS` in memory."""

    def __init__(self, X):
        self.X = X

    def __iter__(self):
        return iter(np.split(self.X, np.cumsum(LENGTHS)[:-1]))


@pytest.fixture(scope="module")
def workers():
    """The client of two workers in processes of their own."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def cluster(workers):
    """The same as the current client."""
    workers.wait_for_workers(2)
    with workers.as_current():
        yield workers


@pytest.fixture(params=["cluster", "local"])
def scheduler(request):
    """The workers, or none."""
    if request.param == "cluster":
        request.getfixturevalue("cluster")


def fit(X, y=None, **kwargs):
    params = {"tol": 1e-3, "random_state": 0} | kwargs
    return AdaptiveWaveletTransformer("db3", **params).fit(X, y)


PARAMS = {
    "sparsity": {},
    "free": {"parametrization": "free"},
    "packets": {"decomposition": "packet", "level": 2},
    "library, teacher": {"init": "library", "teacher": Teacher(burst_energy)},
    "adam": {"solver": "adam", "max_iter": 3, "tol": 0.9},
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", PARAMS)
def test_equal_blocks_give_equal_bits_on_workers(ecg, cluster, name):
    # Chunks along time are joined.
    X = da.from_array(ecg, chunks=(LENGTHS, 20))
    expected, fitted = fit(Slices(ecg), **PARAMS[name]), fit(X, **PARAMS[name])
    assert fitted.loss_curve_ == expected.loss_curve_
    np.testing.assert_array_equal(fitted.filter_bank_, expected.filter_bank_)
    assert fitted.objective_terms_ == expected.objective_terms_
    assert fitted.n_features_in_ == 64
    assert fitted.score(X) == expected.score(Slices(ecg))


@pytest.mark.parametrize("name", ["sparsity", "library, teacher"])
def test_without_a_cluster_blocks_are_computed_here_one_by_one(ecg, name):
    X = da.from_array(ecg, chunks=(LENGTHS, 64))
    expected, fitted = fit(Slices(ecg), **PARAMS[name]), fit(X, **PARAMS[name])
    assert fitted.loss_curve_ == expected.loss_curve_
    np.testing.assert_array_equal(fitted.filter_bank_, expected.filter_bank_)


def test_labels_and_gradients_come_in_other_chunks(ecg, scheduler):
    X = da.from_array(ecg, chunks=(LENGTHS, 64))
    y = np.arange(len(ecg)) % 2
    teacher = Teacher(pair_of_outputs, target="label")
    expected = fit(ecg, y, teacher=teacher)
    for labels in (y, da.from_array(y, chunks=7)):
        terms = fit(X, labels, teacher=teacher).objective_terms_
        assert terms == pytest.approx(expected.objective_terms_, rel=1e-6)
    gradients = da.from_array(ecg**2, chunks=(13, 11))
    transformer = AdaptiveWaveletTransformer("db3", tol=1e-3)
    terms = transformer.fit(X, input_gradients=gradients).objective_terms_
    expected = transformer.fit(ecg, input_gradients=ecg**2).objective_terms_
    assert terms == pytest.approx(expected, rel=1e-6)


def test_lengths_of_chunks_may_be_unknown_or_zero(ecg, scheduler):
    X = da.from_array(ecg, chunks=(LENGTHS, 64))
    chosen = X[X[:, 0] > X[:30, 0].max()]  # none of the first chunk
    assert np.isnan(chosen.shape[0])
    rows = ecg[ecg[:, 0] > ecg[:30, 0].max()]
    fitted, expected = fit(chosen), fit(rows)
    assert fitted.loss_curve_[-1] == pytest.approx(expected.loss_curve_[-1], rel=1e-6)
    Xt = fitted.transform(chosen).compute()
    np.testing.assert_allclose(Xt, fitted.transform(rows), atol=1e-12)


def test_errors_of_blocks_come_from_the_workers(ecg, scheduler):
    broken = ecg.copy()
    broken[100, 3] = np.nan
    transformer = AdaptiveWaveletTransformer("db3")
    before = dict(vars(transformer))
    with pytest.raises(ValueError, match="contains NaN"):
        transformer.fit(da.from_array(broken, chunks=(LENGTHS, 64)))
    assert vars(transformer) == before
    with pytest.raises(ValueError, match="Expected 2D"):
        transformer.fit(da.zeros(8))
    empty = da.from_array(ecg, chunks=(LENGTHS, 64))
    with pytest.raises(ValueError, match="X has no"):
        transformer.fit(empty[empty[:, 0] > np.inf])


def test_worker_that_is_lost_is_replaced(ecg, cluster):
    X = da.from_array(ecg, chunks=(LENGTHS, 64))
    killed = []

    def kill_one(n_iter, value, theta):
        if not killed:
            address = next(iter(cluster.scheduler_info()["workers"]))
            killed.extend(cluster.run(os.getpid, workers=[address]).values())
            os.kill(killed[0], signal.SIGKILL)
        return False

    transformer = AdaptiveWaveletTransformer("db3", solver=Watched(kill_one), tol=1e-3)
    fitted = transformer.fit(X)
    assert killed
    assert fitted.loss_curve_ == fit(Slices(ecg)).loss_curve_


def test_workers_that_are_lost_with_their_data_leave_the_best_filters(
    ecg, cluster, tmp_path
):
    np.save(tmp_path / "X.npy", ecg)
    ends = np.cumsum(LENGTHS)
    blocks = [
        da.from_delayed(dask.delayed(load)(tmp_path, end - n, end), (n, 64), ecg.dtype)
        for n, end in zip(LENGTHS, ends, strict=True)
    ]

    def lose(n_iter, value, theta):
        if n_iter == 3:
            (tmp_path / "X.npy").unlink()
            os.kill(next(iter(cluster.run(os.getpid).values())), signal.SIGKILL)

    transformer = AdaptiveWaveletTransformer("db3", solver=Watched(lose), tol=1e-3)
    with pytest.raises(FileNotFoundError) as caught:
        transformer.fit(da.concatenate(blocks))
    assert "best filters so far are kept" in caught.value.__notes__[0]
    assert transformer.n_iter_ == 3
    with pytest.warns(ConvergenceWarning):
        expected = fit(Slices(ecg), max_iter=3)
    np.testing.assert_array_equal(transformer.filter_bank_, expected.filter_bank_)
    assert transformer.loss_curve_[1:] == expected.loss_curve_[1:]
    again = transformer.set_params(warm_start=True, solver="bfgs", max_iter=0).fit(ecg)
    assert again.loss_curve_[0] == pytest.approx(expected.loss_curve_[-1])


def test_transforms_are_lazy_and_those_of_arrays(ecg, digits, scheduler):
    def fail(block):
        raise AssertionError("computed")

    for X, params in (
        (ecg.astype(np.float32), {}),
        (digits[0], {"ndim": 2, "level": 1}),
        (digits[0][:, None], {"ndim": 2, "level": 1}),
    ):
        transformer = WaveletTransformer("haar", **params).fit(X)
        lazy = da.from_array(X, chunks=(40, *(3,) * (X.ndim - 1)))
        for method, data, dask_data in (
            ("transform", X, lazy),
            ("inverse_transform_adjoint", X, lazy),
            ("inverse_transform", transformer.transform(X), transformer.transform(lazy)),
        ):
            result = getattr(transformer, method)(dask_data)
            expected = getattr(transformer, method)(data)
            assert isinstance(result, da.Array)
            assert result.shape == expected.shape
            assert result.chunks[0] == lazy.chunks[0]
            assert result.dtype == expected.dtype == result.compute().dtype
            np.testing.assert_allclose(result.compute(), expected, atol=1e-6)
        transformer.transform(lazy.map_blocks(fail, meta=lazy._meta))
        with pytest.raises(ValueError, match="features"):
            transformer.transform(da.zeros((4, 3)))


def test_wavelets_that_are_not_learned_fit_dask_arrays(ecg, scheduler):
    X = da.from_array(ecg, chunks=(LENGTHS, 64))
    for params in ({}, {"decomposition": "packet", "level": 3}):
        expected = WaveletTransformer("db3", **params).fit(ecg)
        assert WaveletTransformer("db3", **params).fit(X).basis_ == expected.basis_


@pytest.mark.parametrize("estimator", [SubbandPooling(), WaveletThresholder()])
def test_features_are_lazy(ecg, scheduler, estimator):
    X = da.from_array(ecg, chunks=(LENGTHS, 64))
    fitted = estimator.fit(ecg)
    result, expected = fitted.transform(X), fitted.transform(ecg)
    assert isinstance(result, da.Array)
    np.testing.assert_allclose(result.compute(), expected, atol=1e-9)


def test_pooled_bands_are_chosen_on_some_rows(ecg, scheduler):
    X, y = np.tile(ecg, (30, 1)), np.tile(ecg.std(1), 30)
    X = X + 0.1 * np.random.default_rng(0).standard_normal(X.shape)
    D = da.from_array(X, chunks=(100, 64))
    pooling = AdaptiveSubbandPooling(2, n_candidates=0, level=2, random_state=0)
    few = draw_rows([y], np.random.RandomState(0))
    for rows, Dask in ((slice(None, 300), D[:300]), (few, D)):
        expected = clone(pooling).fit(X[rows], y[rows])
        target = da.from_array(y, chunks=50)[: Dask.shape[0]]
        for numbers in (target, y[: len(target)]):
            result = clone(pooling).fit(Dask, numbers).transform(Dask)
            assert isinstance(result, da.Array)
            np.testing.assert_array_equal(
                result.compute(), expected.transform(X[: Dask.shape[0]])
            )
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        pooling.fit(D, y[1:])


def test_what_needs_all_samples_says_so(ecg):
    X = da.from_array(ecg, chunks=(LENGTHS, 64))
    with pytest.raises(TypeError, match="needs all samples in memory"):
        SubbandPooling().fit(X)
    discriminant = WaveletTransformer(decomposition="packet", basis="discriminant")
    with pytest.raises(ValueError, match="in memory"):
        discriminant.fit(X)


def test_grid_search_on_the_workers(ecg, cluster):
    search = GridSearchCV(
        AdaptiveWaveletTransformer("db3", max_iter=5, tol=0.1),
        {"level": [1, 2]},
        cv=2,
    )
    expected = search.fit(ecg).cv_results_["mean_test_score"]
    with parallel_config(backend="dask"):
        scores = search.fit(ecg).cv_results_["mean_test_score"]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
