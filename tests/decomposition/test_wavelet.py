"""WaveletTransformer, and what both transformers share."""

import gc
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import pywt
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.engine import _objective
from sk_awave.engine._objective import Objective
from sk_awave.utils._validation import as_tensor, torch_dtype

TRANSFORMERS = [WaveletTransformer, AdaptiveWaveletTransformer]
EXACT = 1e-12  # float64 rounding of sums over a few dozen taps
SINGLE = 1e-4  # the same in float32


def random(*shape, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def pywt_flat(x, wavelet, mode, level, ndim):
    coeffs = pywt.wavedecn(x, wavelet, mode, level, axes=tuple(range(-ndim, 0)))
    return pywt.ravel_coeffs(coeffs, axes=tuple(range(-ndim, 0)))[0]


@pytest.mark.parametrize("mode", pywt.Modes.modes)
@pytest.mark.parametrize("ndim, shape", [(1, (37,)), (2, (11, 14)), (3, (11, 12, 13))])
@pytest.mark.parametrize("wavelet", ["db2", "bior2.2"])
def test_coefficients_are_those_of_pywavelets(wavelet, ndim, shape, mode):
    X = random(3, *shape)
    transformer = WaveletTransformer(wavelet, level=1, mode=mode, ndim=ndim).fit(X)
    Xt = transformer.transform(X)
    expected = [pywt_flat(x, wavelet, mode, 1, ndim) for x in X]
    np.testing.assert_allclose(Xt, expected, atol=EXACT * np.abs(expected).max())
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=EXACT * 100)


@pytest.mark.parametrize("length", [1, 2, 7, 64, 200])
def test_default_level_is_that_of_pywavelets_and_at_least_one(length):
    transformer = WaveletTransformer("db2").fit(random(2, length))
    assert transformer.level_ == max(1, pywt.dwt_max_level(length, 4))


def test_level_zero_is_the_identity():
    X = random(4, 10)
    transformer = WaveletTransformer(level=0).fit(X)
    np.testing.assert_array_equal(transformer.transform(X), X)
    assert transformer.get_feature_names_out()[3] == "cA0_3"


@pytest.mark.filterwarnings("ignore:These filters do not reconstruct")
@pytest.mark.parametrize("wavelet", pywt.wavelist(kind="discrete"))
def test_every_discrete_wavelet(wavelet):
    X = random(2, 256)
    transformer = WaveletTransformer(wavelet, level=1).fit(X)
    expected = np.concatenate(pywt.wavedec(X, wavelet, level=1), axis=1)
    np.testing.assert_allclose(transformer.transform(X), expected, atol=EXACT)
    assert transformer.wavelet_.name == wavelet


def test_custom_wavelet():
    bank = pywt.Wavelet("db3").filter_bank
    custom = pywt.Wavelet("mine", filter_bank=bank)
    X = random(3, 40)
    Xt = clone(WaveletTransformer(custom)).fit_transform(X)
    np.testing.assert_allclose(Xt, WaveletTransformer("db3").fit_transform(X))


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize(
    "ndim, signal, n_channels", [(1, (20,), 3), (2, (8, 10), 2), (3, (7, 6, 8), 2)]
)
def test_channels_are_transformed_apart(cls, ndim, signal, n_channels):
    X = random(4, n_channels, *signal)
    transformer = cls("db2", level=1, ndim=ndim).fit(X)
    Xt = transformer.transform(X)
    apart = WaveletTransformer(transformer.wavelet_, level=1, ndim=ndim)
    parts = [apart.fit_transform(X[:, c]) for c in range(n_channels)]
    np.testing.assert_allclose(Xt, np.hstack(parts), atol=EXACT)
    back = transformer.inverse_transform(Xt)
    assert back.shape == X.shape
    np.testing.assert_allclose(back, X, atol=EXACT * 10)
    assert transformer.n_features_in_ == X[0].size
    assert transformer.get_feature_names_out()[-1].startswith(f"ch{n_channels - 1}_")


@pytest.mark.parametrize("shape", [(6, 9), (2, 6, 9)])
def test_flat_rows_with_a_signal_shape(shape):
    X = random(5, *shape)
    flat = X.reshape(5, -1)
    nd = WaveletTransformer("db2", level=1, ndim=2).fit(X)
    rows = WaveletTransformer("db2", level=1, ndim=2, signal_shape=shape).fit(flat)
    np.testing.assert_array_equal(nd.transform(X), rows.transform(flat))
    # Each gives back what it was fitted with; flat rows of n-D samples are understood.
    assert rows.inverse_transform(rows.transform(flat)).shape == flat.shape
    np.testing.assert_array_equal(nd.transform(flat), rows.transform(flat))


def test_feature_names_are_pywavelets_words():
    names = WaveletTransformer("db2", level=3).fit(random(2, 64)).get_feature_names_out()
    assert {"cA3_0", "cD3_2", "cD1_12"} <= set(names)
    names = WaveletTransformer("db1", level=2, ndim=2).fit(random(2, 16, 16))
    assert {"cA2_0_0", "cH2_3_2", "cV1_7_7", "cD1_0_5"} <= set(
        names.get_feature_names_out()
    )
    names = WaveletTransformer("db1", level=1, ndim=3).fit(random(2, 4, 4, 4))
    assert {"aaa1_0_0_1", "aad1_0_1_0", "ddd1_1_1_1"} <= set(
        names.get_feature_names_out()
    )


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_layout_gives_pywavelets_its_coefficients(cls, ndim):
    X = random(3, *(9, 10, 7)[:ndim])
    transformer = cls("db2", level=1, ndim=ndim).fit(X)
    Xt = transformer.transform(X)
    coeffs = transformer.layout_.unflatten(Xt[1])
    waverec = {1: pywt.waverec, 2: pywt.waverec2, 3: pywt.waverecn}[ndim]
    back = waverec(coeffs, transformer.wavelet_, transformer.layout_.mode)
    crop = tuple(slice(n) for n in X.shape[1:])
    np.testing.assert_allclose(back[crop], X[1], atol=EXACT * 10)
    np.testing.assert_array_equal(transformer.layout_.flatten(coeffs), Xt[1])


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize("dtype, atol", [(np.float32, SINGLE), (np.float64, EXACT * 10)])
def test_dtype_is_preserved(cls, dtype, atol):
    X = random(20, 16, dtype=dtype)
    transformer = cls("db2").fit(X)
    Xt = transformer.transform(X)
    back = transformer.inverse_transform(Xt)
    assert Xt.dtype == back.dtype == dtype
    np.testing.assert_allclose(back, X, atol=atol)


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_in_tensors_out(cls, dtype):
    x = torch.tensor(random(20, 2, 16), dtype=dtype)
    transformer = cls("db2", level=1).fit(x)
    xt = transformer.transform(x)
    assert isinstance(xt, torch.Tensor)
    assert xt.dtype == dtype
    expected = cls("db2", level=1).fit(x.numpy()).transform(x.numpy())
    np.testing.assert_allclose(xt.numpy(), expected, atol=SINGLE)
    back = transformer.inverse_transform(xt)
    torch.testing.assert_close(back, x, atol=SINGLE, rtol=0)
    integers = (x * 10).long()
    assert transformer.transform(integers).dtype == torch.float64


@pytest.mark.gpu
@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_cuda_tensors_stay_on_the_device(cls, cuda):
    x = torch.tensor(random(200, 64), dtype=torch.float64)
    transformer = cls("db3", level=2).fit(x.to(cuda))
    xt = transformer.transform(x.to(cuda))
    assert xt.device.type == "cuda"
    expected = cls("db3", level=2).fit(x).transform(x)
    torch.testing.assert_close(xt.cpu(), expected, atol=1e-6, rtol=0)
    # Fitted on a GPU, it loads and transforms without one.
    loaded = pickle.loads(pickle.dumps(transformer))
    torch.testing.assert_close(loaded.transform(x), xt.cpu(), atol=1e-10, rtol=0)


@pytest.mark.gpu
def test_arrays_through_a_cuda_device(cuda):
    X = random(200, 300)
    on_gpu = WaveletTransformer("db3", level=2, device="cuda").fit(X)
    Xt = on_gpu.transform(X)
    assert isinstance(Xt, np.ndarray)
    np.testing.assert_allclose(Xt, WaveletTransformer("db3", level=2).fit_transform(X))


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_batches_change_nothing(cls, monkeypatch):
    X = random(50, 3, 30)
    transformer = cls("db2", level=2).fit(X)
    expected = transformer.transform(X)
    monkeypatch.setattr(_objective, "BATCH_SIZE", 7 * 40)
    Xt = transformer.transform(X)
    np.testing.assert_allclose(Xt, expected, atol=EXACT)
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=EXACT * 10)


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_frames_in_and_out(cls):
    names = [f"t{i}" for i in range(12)]
    frame = pd.DataFrame(random(30, 12), columns=names, index=range(100, 130))
    transformer = cls("db2", level=1).set_output(transform="pandas").fit(frame)
    out = transformer.transform(frame)
    assert list(out.columns) == list(transformer.get_feature_names_out())
    assert list(out.index) == list(frame.index)
    assert list(transformer.feature_names_in_) == names
    np.testing.assert_allclose(transformer.inverse_transform(out), frame, atol=1e-11)
    out = transformer.set_output(transform="polars").transform(pl.from_pandas(frame))
    assert isinstance(out, pl.DataFrame)


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_saved_and_cloned(cls, tmp_path):
    X = random(30, 64)
    transformer = cls("db3").fit(X)
    expected = transformer.transform(X)
    pickled = pickle.dumps(transformer)
    assert len(pickled) < 5000
    np.testing.assert_array_equal(pickle.loads(pickled).transform(X), expected)
    joblib.dump(transformer, tmp_path / "transformer.joblib")
    loaded = joblib.load(tmp_path / "transformer.joblib")
    np.testing.assert_array_equal(loaded.transform(X), expected)
    with pytest.raises(NotFittedError):
        clone(transformer).transform(X)


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_read_only_reversed_and_big_endian_input(cls):
    X = random(10, 16)
    expected = cls("db2").fit(X).transform(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    # Copied backwards, so that what is handed in runs backwards in memory.
    rows, columns = X[::-1].copy()[::-1], X[:, ::-1].copy()[:, ::-1]
    for same in (frozen, rows, columns, X.astype(">f8"), X.tolist()):
        transformer = cls("db2").fit(same)
        np.testing.assert_array_equal(transformer.transform(same), expected)
    for Xt in (expected[::-1], expected[:, ::-1]):
        np.testing.assert_array_equal(
            transformer.inverse_transform(Xt), transformer.inverse_transform(Xt.copy())
        )
    # An axis of length one counts as contiguous in any direction.
    cls("db2").fit(X[:1][::-1]).transform(X[:1][::-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 5), (3, 4), (2, 1, 3)])
def test_as_tensor_shares_memory_that_is_in_order(shape, dtype):
    array = random(*shape, dtype=dtype)
    array.flags.writeable = False
    tensor = as_tensor(array)
    assert tensor.data_ptr() == array.ctypes.data
    np.testing.assert_array_equal(tensor.numpy(), array, strict=True)
    assert torch_dtype(array) == tensor.dtype
    backwards = as_tensor(array[::-1, ::-1])
    np.testing.assert_array_equal(backwards.numpy(), array[::-1, ::-1], strict=True)


def test_memory_outlives_the_array_that_it_was_shared_from():
    array = np.arange(1000.0)
    array.flags.writeable = False
    tensor = as_tensor(array)
    del array
    gc.collect()
    np.empty(1000).fill(-1.0)  # would take memory that was freed
    np.testing.assert_array_equal(tensor.numpy(), np.arange(1000.0))


def test_memmap_is_read_in_place(tmp_path, monkeypatch):
    monkeypatch.setattr(_objective, "BATCH_SIZE", 8 * 220)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float64, (40, 200))
    X[:] = random(40, 200)
    transformer = WaveletTransformer("db2").fit(X)
    expected = WaveletTransformer("db2").fit_transform(np.array(X))
    np.testing.assert_allclose(transformer.transform(X), expected, atol=EXACT)


def test_learning_shares_the_memory_of_a_read_only_file(tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", random(40, 64))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    places = []

    def record(self, bank, layout, terms, x, *args):
        places.append(x.data_ptr())
        original(self, bank, layout, terms, x, *args)

    original = Objective.__init__
    monkeypatch.setattr(Objective, "__init__", record)
    AdaptiveWaveletTransformer("db2").fit(X, input_gradients=X)
    assert places == [X.ctypes.data]


BAD_INPUT = {
    "NaN": (
        lambda X: np.where(X[0, 0] == X, np.nan, X),
        ValueError,
        "Input X contains NaN",
    ),
    "inf": (
        lambda X: np.where(X[0, 0] == X, np.inf, X),
        ValueError,
        "Input X contains infinity",
    ),
    "no samples": (lambda X: X[:0], ValueError, r"0 sample\(s\)"),
    "no features": (lambda X: X[:, :0], ValueError, r"0 feature\(s\)"),
    "complex": (lambda X: X + 1j, ValueError, "Complex data not supported"),
    "sparse": (
        scipy.sparse.csr_matrix,
        TypeError,
        "dense data is required|requires dense data",
    ),
    "text": (
        lambda X: X.astype(str).astype(object) + "a",
        ValueError,
        "could not convert",
    ),
    "one row": (lambda X: X[0], ValueError, "Expected 2D array, got 1D array instead"),
}


@pytest.mark.parametrize("kind", BAD_INPUT)
@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_bad_arrays(cls, kind):
    make, error, message = BAD_INPUT[kind]
    X = random(6, 8)
    bad = make(X)
    with pytest.raises(error, match=message):
        cls().fit(bad)
    with pytest.raises(error, match=message):
        cls().fit(X).transform(bad)


@pytest.mark.parametrize(
    "kind", ["NaN", "inf", "no samples", "no features", "complex", "one row"]
)
def test_bad_tensors_give_the_same_errors(kind):
    make, error, message = BAD_INPUT[kind]
    bad = torch.tensor(make(random(6, 8)))
    with pytest.raises(error, match=message):
        WaveletTransformer().fit(bad)
    with pytest.raises(TypeError, match="requires dense data"):
        WaveletTransformer().fit(torch.tensor(random(6, 8)).to_sparse())


@pytest.mark.parametrize("kind", ["NaN", "inf", "no samples"])
def test_bad_images_give_the_same_errors(kind):
    make, error, message = BAD_INPUT[kind]
    bad = make(random(6, 64)).reshape(-1, 8, 8)
    with pytest.raises(error, match=message):
        WaveletTransformer(ndim=2).fit(bad)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["array", "tensor"])
def test_wrong_shape_at_transform(kind):
    transformer = WaveletTransformer("db1", ndim=2).fit(kind(random(4, 6, 8)))
    with pytest.raises(ValueError, match="X has 47 features, but WaveletTransformer is"):
        transformer.transform(kind(random(4, 47)))
    with pytest.raises(ValueError, match=r"samples of shape \(8, 6\), but .* \(6, 8\)"):
        transformer.transform(kind(random(4, 8, 6)))
    with pytest.raises(ValueError, match="expecting 52 coefficients"):
        transformer.inverse_transform(kind(random(4, 47)))


@pytest.mark.parametrize(
    "params, shape, message",
    [
        ({"signal_shape": (4, 4), "ndim": 2}, (3, 15), "has 16 values, but X has 15"),
        (
            {"signal_shape": (2, 3, 4, 5)},
            (3, 120),
            "must have 1 or 2 positive integer lengths",
        ),
        ({"signal_shape": (-1, 8)}, (3, 8), "positive integer lengths"),
        ({"signal_shape": (2.9, 4.9)}, (3, 8), "positive integer lengths"),
        ({"level": True}, (3, 16), "level must be an int from 0 .* Got True"),
        (
            {"level": 1000},
            (3, 16),
            r"'level' parameter of .* \[0, 62\] or None. Got 1000",
        ),
        ({"signal_shape": (4, 5)}, (3, 5, 4), r"samples of shape \(5, 4\)"),
        ({"ndim": 2}, (3, 16), "must have 3 dimensions, or 4 with a channel axis"),
        ({"ndim": 1}, (3, 2, 4, 4), "Set ndim to the number of transformed axes"),
        ({"level": -1}, (3, 16), "'level' parameter of .* range .0, 62. or None. Got -1"),
        ({"mode": "wrap"}, (3, 16), "The 'mode' parameter of WaveletTransformer must be"),
        ({"wavelet": "db99"}, (3, 16), r"Got 'db99' instead\. Did you mean 'db9'\?"),
        ({"wavelet": "morl"}, (3, 16), "Got 'morl' instead"),
        ({"ndim": 4}, (3, 16), "The 'ndim' parameter of WaveletTransformer must be"),
        ({"mode": "reflect"}, (3, 1), "needs at least 2 samples"),
        ({"signal_shape": 9}, (3, 8), "has 9 values, but X has 8"),
        ({"mode": "antireflect", "level": 2, "wavelet": "db1"}, (3, 2), "at level 2"),
    ],
)
@pytest.mark.filterwarnings("ignore:level=2 is too high")
def test_bad_parameters(params, shape, message):
    with pytest.raises(ValueError, match=message):
        WaveletTransformer(**params).fit(random(*shape))


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_a_deep_level_warns_once_and_works(cls):
    X = random(5, 16)
    with pytest.warns(UserWarning, match="level=4 is too high") as record:
        transformer = cls("db2", level=4).fit(X)
    assert len(record) == 1
    with pytest.warns(UserWarning, match="too high"):
        expected = pywt.wavedec(X, transformer.wavelet_, level=4)
    Xt = transformer.transform(X)
    np.testing.assert_allclose(Xt, np.hstack(expected), atol=EXACT)


def test_level_true_does_not_spoil_what_follows():
    X = random(3, 24)
    with pytest.raises(ValueError, match="Got True instead"):
        WaveletTransformer("db2", level=True).fit(X)
    expected = np.hstack(pywt.wavedec(X, "db2", level=1))
    Xt = WaveletTransformer("db2", level=1).fit_transform(X)
    np.testing.assert_allclose(Xt, expected, atol=EXACT)


@pytest.mark.filterwarnings("ignore:level=. is too high")
def test_long_filters_on_short_axes_need_no_large_matrix():
    X = random(2, 8, 2, 6)
    transformer = WaveletTransformer("db37", level=2, ndim=3).fit(X)
    Xt = transformer.transform(X)  # a matrix of all would have 3e10 entries
    with pytest.warns(UserWarning, match="too high"):
        expected = [pywt_flat(x, "db37", "symmetric", 2, 3) for x in X]
    np.testing.assert_allclose(Xt, expected, atol=EXACT * np.abs(expected).max())
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=1e-10)


@pytest.mark.parametrize(
    "shape, ndim, remedy",
    [
        ((28, 28), 1, "set ndim=2"),
        ((100, 3), 1, r"np.moveaxis\(X, -1, 1\).* set ndim=2"),
        ((9, 9, 9), 2, "set ndim=3"),
        ((16, 16, 3), 2, r"np.moveaxis\(X, -1, 1\)"),
    ],
)
def test_what_looks_like_another_layout_warns(shape, ndim, remedy):
    X = random(2, *shape)
    message = f"are taken for {shape[0]} channels of shape .*{remedy}.*signal_shape="
    with pytest.warns(UserWarning, match=message):
        WaveletTransformer("haar", level=1, ndim=ndim).fit(X)
    # No warning for those who say that it is what they mean.
    WaveletTransformer("haar", level=1, ndim=ndim, signal_shape=shape).fit(X)


@pytest.mark.parametrize("shape, ndim", [((3, 28), 1), ((1, 2), 1), ((3, 9, 9), 2)])
def test_channels_first_do_not_warn(shape, ndim):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transformer = WaveletTransformer("haar", level=1, ndim=ndim)
        transformer.fit(random(2, *shape))
    assert transformer.layout_.n_channels == shape[0]


@pytest.mark.parametrize("kind", ["meta", "quantized"])
def test_tensors_without_values(kind):
    bad = torch.zeros(4, 8, device="meta")
    if kind == "quantized":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch is about to give them up
            bad = torch.quantize_per_tensor(torch.zeros(4, 8), 1, 0, torch.qint8)
    with pytest.raises(TypeError, match=f"A {kind} tensor was passed for X"):
        WaveletTransformer("db2").fit(bad)


def test_filters_that_are_not_finite():
    bank = np.array(pywt.Wavelet("db2").filter_bank)
    bank[0, 0] = np.nan
    wavelet = pywt.Wavelet("broken", filter_bank=bank.tolist())
    for cls in TRANSFORMERS:
        with pytest.raises(ValueError, match="wavelet 'broken' contain NaN"):
            cls(wavelet).fit(random(3, 16))


def test_a_failed_refit_leaves_no_trace():
    X = random(4, 6, 8)
    transformer = WaveletTransformer("haar", level=1, ndim=2).fit(X)
    before, Xt = dict(vars(transformer)), transformer.transform(X)
    frame = pd.DataFrame(random(4, 30), columns=[f"t{i}" for i in range(30)])
    with pytest.raises(ValueError, match="must have 3 dimensions"):
        transformer.fit(frame)
    assert vars(transformer) == before
    assert transformer.inverse_transform(Xt).shape == X.shape
    unfitted = WaveletTransformer(ndim=2)
    with pytest.raises(ValueError, match="must have 3 dimensions"):
        unfitted.fit(frame)
    assert set(vars(unfitted)) == set(unfitted.get_params())


@pytest.mark.parametrize("decomposition", ["dwt", "stationary"])
@pytest.mark.parametrize("ndim, shape", [(1, (3, 31)), (2, (9, 12))])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_adjoint_of_the_inverse(decomposition, ndim, shape, kind):
    X = kind(random(4, *shape))
    transformer = WaveletTransformer(
        "rbio1.3" if ndim == 1 else "bior1.1",
        decomposition=decomposition,
        level=1,
        ndim=ndim,
    ).fit(X)
    C = kind(np.random.default_rng(1).standard_normal((4, transformer.layout_.n_coeffs)))
    one = (transformer.inverse_transform(C) * X).sum()
    other = (C * transformer.inverse_transform_adjoint(X)).sum()
    assert float(one) == pytest.approx(float(other), rel=1e-12)


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize(
    "shape, ndim, level", [((64,), 1, 3), ((2, 512), 1, 4), ((16, 32), 2, 2)]
)
def test_stationary_coefficients_are_those_of_pywavelets(cls, shape, ndim, level):
    X = random(5, *shape)
    params = {"decomposition": "stationary", "level": level, "ndim": ndim}
    transformer = cls("db2", **params).fit(X)
    Xt = transformer.transform(X)
    swt = pywt.swt if ndim == 1 else pywt.swt2
    axes = {"axis": -1} if ndim == 1 else {"axes": (-2, -1)}
    expected = swt(X, transformer.wavelet_, level, trim_approx=True, norm=True, **axes)
    np.testing.assert_allclose(Xt, transformer.layout_.flatten(expected), atol=EXACT)
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=EXACT * 10)
    coeffs = transformer.layout_.unflatten(Xt)
    if ndim == 1 and len(shape) == 1:
        back = pywt.iswt(coeffs, transformer.wavelet_, norm=True)
        np.testing.assert_allclose(back, X, atol=EXACT * 10)
    names = transformer.get_feature_names_out()
    assert len(names) == len(set(names)) == Xt.shape[1]
    assert transformer.layout_.mode == "periodization"


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize("length", [1, 7, 33, 300, 301])
def test_stationary_transform_of_any_length_moves_with_the_signal(cls, length):
    X = random(4, length)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # levels too deep for short signals
        transformer = cls("db2", decomposition="stationary", level=2).fit(X)
    Xt = transformer.transform(X)
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=EXACT * 10)
    moved = transformer.transform(np.roll(X, 1, axis=1))
    expected = np.roll(Xt.reshape(4, 3, length), 1, axis=2).reshape(4, -1)
    np.testing.assert_allclose(moved, expected, atol=EXACT)


@pytest.mark.parametrize("mode", ["symmetric", "zero"])
def test_stationary_transform_is_periodic(mode):
    transformer = WaveletTransformer("db2", decomposition="stationary", mode=mode)
    message = f"must be 'auto' or 'periodization' when .* Got {mode!r}"
    with pytest.raises(ValueError, match=message):
        transformer.fit(random(3, 16))


@pytest.mark.parametrize("decomposition", ["dwt", "stationary", "packet"])
def test_threads_share_a_transformer(decomposition):
    X = random(20, 200)
    transformer = AdaptiveWaveletTransformer("db2", decomposition=decomposition, level=3)
    expected = transformer.fit(X).transform(X)
    transformer = pickle.loads(pickle.dumps(transformer))  # which has no maps yet

    def there_and_back(_):
        Xt = transformer.transform(X)
        return Xt, transformer.inverse_transform(Xt)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(there_and_back, range(80)))
    for Xt, back in found:
        np.testing.assert_array_equal(Xt, expected)
        np.testing.assert_allclose(back, X, atol=EXACT * 10)


@pytest.mark.parametrize(
    "params, mode",
    [
        ({}, "symmetric"),
        ({"mode": "reflect"}, "reflect"),
        ({"decomposition": "stationary"}, "periodization"),
    ],
)
def test_the_fitted_mode_is_one_of_pywt(params, mode):
    transformer = WaveletTransformer("db2", level=1, **params).fit(random(2, 30))
    assert transformer.mode_ == mode
    assert transformer.mode_ in pywt.Modes.modes
