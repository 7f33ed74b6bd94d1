"""wavelet_distance against published values, its symmetries and a plain loop."""

import numpy as np
import pytest
import pywt
import torch
from sklearn.exceptions import NotFittedError

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.inspection import wavelet_distance

METRICS = ["psi", "cosine"]
#: To db5, by the published code, which leaves out the sign.
PUBLISHED = {"haar": 3.42, "db3": 2.35, "sym5": 1.28, "db4": 1.20}
OTHER_SIGN = {"coif2": 3.53, "sym4": 3.10}


def orthonormal(rec_lo, name="custom"):
    """The bank of a low-pass filter, as a `pywt.Wavelet`."""
    rec_lo = np.asarray(rec_lo)
    rec_hi = rec_lo[::-1] * (-1.0) ** np.arange(len(rec_lo))
    bank = rec_lo[::-1], rec_hi[::-1], rec_lo, rec_hi
    wavelet = pywt.Wavelet(name, filter_bank=[f.tolist() for f in bank])
    wavelet.orthogonal = True
    return wavelet


def naive(a, b, metric):
    """The definition: every shift, direction and sign, one at a time."""
    if metric == "psi":
        a, b = (pywt.Wavelet(w).wavefun(level=5)[-2] for w in (a, b))
    else:
        a, b = (np.array(pywt.Wavelet(w).rec_lo) for w in (a, b))
    length = max(len(a), len(b))
    a, b = (np.pad(x, (0, length - len(x))) for x in (a, b))
    moved = [
        sign * np.roll(b[::direction], shift)
        for sign in (1, -1)
        for direction in (1, -1)
        for shift in range(length)
    ]
    if metric == "psi":
        return min(np.linalg.norm(a - m) for m in moved)
    return 1 - max(a @ m for m in moved) / (np.linalg.norm(a) * np.linalg.norm(b))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("a", ["haar", "db4", "sym4", "coif2", "bior2.4", "dmey"])
def test_agrees_with_its_definition(a, metric):
    expected = naive(a, "db5", metric)
    assert wavelet_distance(a, "db5", metric=metric) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name, value", PUBLISHED.items())
def test_published_values(name, value):
    assert wavelet_distance(name, "db5") == pytest.approx(value, abs=0.005)


@pytest.mark.parametrize("name, value", OTHER_SIGN.items())
def test_nearer_than_published_where_the_sign_matters(name, value):
    misc = pytest.importorskip("awave.utils.misc")
    from awave import DWT1d

    published = misc.dist(DWT1d(wave=name), DWT1d(wave="db5"))
    assert published == pytest.approx(value, abs=0.005)
    assert wavelet_distance(name, "db5") < published - 0.9


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ["haar", "db2", "db5", "sym6", "coif3"])
def test_shift_reversal_and_sign_do_not_matter(name, metric):
    taps = np.array(pywt.Wavelet(name).rec_lo)
    for same in (
        np.pad(taps, (2, 4)),
        np.pad(taps, (0, 2)),
        taps[::-1],
        -taps,
        -np.pad(taps[::-1], (4, 0)),
    ):
        distance = wavelet_distance(orthonormal(same), name, metric=metric)
        assert distance == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_symmetric_and_zero_only_for_the_same(metric):
    names = ["haar", "db2", "db5", "sym5", "coif1", "bior3.3"]
    table = [[wavelet_distance(a, b, metric=metric) for a in names] for b in names]
    np.testing.assert_allclose(table, np.transpose(table), atol=1e-9)
    np.testing.assert_array_equal(np.diag(table), 0)
    assert (np.array(table) + np.eye(len(names)) > 1e-4).all()
    if metric == "cosine":
        assert np.max(table) < 1


def test_continuous_in_the_filter():
    taps = np.array(pywt.Wavelet("db3").rec_lo)
    steps = [1e-6, 1e-4, 1e-2]
    noise = np.random.default_rng(0).standard_normal(len(taps))
    distances = [wavelet_distance(orthonormal(taps + s * noise), "db3") for s in steps]
    assert 0 < distances[0] < 1e-3
    assert distances == sorted(distances)


@pytest.mark.parametrize("metric", METRICS)
def test_transformers_stand_for_their_wavelet(metric):
    X = np.random.default_rng(0).standard_normal((20, 32))
    fixed = WaveletTransformer("db3", level=2).fit(X)
    learned = AdaptiveWaveletTransformer("db3", level=2, tol=1e-3).fit(X)
    assert wavelet_distance(fixed, "db3", metric=metric) == 0
    distance = wavelet_distance(learned, fixed, metric=metric)
    assert distance > 0
    assert wavelet_distance(pywt.Wavelet("db3"), learned.wavelet_, metric=metric) == (
        pytest.approx(distance)
    )
    kept = AdaptiveWaveletTransformer("db3", level=2, max_iter=0).fit(torch.tensor(X))
    assert wavelet_distance(kept, "db3", metric=metric) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "params, ndim", [({"per_level": True}, 1), ({"per_axis": True}, 2)]
)
def test_several_wavelets_are_refused(params, ndim):
    X = np.random.default_rng(0).standard_normal((5, *(16, 16)[:ndim]))
    transformer = AdaptiveWaveletTransformer("db2", level=2, ndim=ndim, max_iter=0)
    transformer.set_params(**params).fit(X)
    with pytest.raises(ValueError, match=r"single wavelets. Got 2 of them"):
        wavelet_distance(transformer, "db2")
    assert wavelet_distance(transformer.wavelet_[0], "db2") == pytest.approx(0, abs=1e-9)


def test_errors():
    with pytest.raises(
        ValueError, match=r"'metric' parameter of wavelet_distance .*'l2'"
    ):
        wavelet_distance("db2", "db3", metric="l2")
    with pytest.raises(ValueError, match=r"an instance of 'pywt.Wavelet' .* Got 'db99'"):
        wavelet_distance("db2", "db99")
    with pytest.raises(NotFittedError, match="AdaptiveWaveletTransformer"):
        wavelet_distance(AdaptiveWaveletTransformer(), "db2")
