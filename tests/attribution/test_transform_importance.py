"""TransformImportance against autograd through the inverse transform."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import pywt
import torch
from scipy.fft import dct, idct
from sklearn.base import clone
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    FastICA,
    KernelPCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from teachers import (
    LENGTH,
    N_CLASSES,
    labels,
    make_model,
    make_module,
    rows,
    smooth_function,
)

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.attribution import Teacher, TransformImportance, input_gradients
from sk_awave.attribution._paths import METHODS
from sk_awave.engine._reference import unpack, waverec

EXACT = 1e-10  # float64 rounding; products with inverses found by differences


def autograd_scores(f, inverse, X, C):
    """Differentiate f(S c + r) with respect to c, r = x - S c held fixed."""
    X, C = torch.as_tensor(X), torch.as_tensor(C)
    residual = X - inverse(C).reshape(X.shape)
    C = C.clone().requires_grad_()
    f(inverse(C).reshape(X.shape) + residual).sum().backward()
    return C.grad.numpy()


def wavelet_inverse(wavelet, n_samples):
    layout, filters = wavelet.layout_, torch.from_numpy(wavelet.filter_bank_)

    def inverse(C):
        bands = unpack(C.reshape(-1, layout.n_coeffs_per_channel), layout)
        x = waverec(bands, filters, layout.mode, layout.signal_shape)
        return x.reshape(n_samples, -1)

    return inverse


def wavy(x):
    """A smooth function that couples all values of a sample."""
    x = x.flatten(1)
    weights = torch.linspace(-1, 2, x.shape[1], dtype=x.dtype)
    return (x @ weights).sin() + (x**2).sum(1) * (x @ weights.flip(0))


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("mode", pywt.Modes.modes)
@pytest.mark.parametrize(
    "ndim, shape", [(1, (37,)), (1, (2, 20)), (2, (11, 12)), (2, (3, 12, 11))]
)
@pytest.mark.parametrize("name", ["db3", "bior2.2"])
def test_scores_of_wavelets_are_the_gradients(name, ndim, shape, mode):
    X = random(4, *shape)
    wavelet = WaveletTransformer(name, level=1, mode=mode, ndim=ndim).fit(X)
    Xt = wavelet.transform(X)
    expected = autograd_scores(wavy, wavelet_inverse(wavelet, len(X)), X, Xt)
    trim = TransformImportance(wavelet, wavy).fit(X)
    np.testing.assert_allclose(trim.transform(X), expected, rtol=EXACT, atol=EXACT)
    trim.set_params(teacher=Teacher(wavy, method="input_x_gradient"))
    product = trim.fit_transform(X)
    np.testing.assert_allclose(product, Xt * expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(
    "kwargs", [{}, {"per_level": True}, {"ndim": 2, "per_axis": True}]
)
def test_scores_of_learned_wavelets_are_the_gradients(kwargs):
    X = random(10, 16, 16) if "ndim" in kwargs else random(10, 40)
    wavelet = AdaptiveWaveletTransformer("db2", level=2, tol=1e-2, **kwargs).fit(X)
    inverse = wavelet_inverse(wavelet, len(X))
    expected = autograd_scores(wavy, inverse, X, wavelet.transform(X))
    trim = TransformImportance(wavelet, wavy).fit(X)
    np.testing.assert_allclose(trim.transform(X), expected, rtol=EXACT, atol=EXACT)


def positive_rows():
    return np.abs(rows(60, seed=2))


def linear_inverse(transformer):
    """Return S c + offset by the fitted attributes of the transformer."""
    weight = transformer.components_
    if isinstance(transformer, FastICA):
        weight = transformer.mixing_.T
    offset = getattr(transformer, "mean_", None)
    offset = np.zeros(LENGTH) if offset is None else offset
    return lambda C: C @ torch.tensor(weight) + torch.tensor(offset)


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
@pytest.mark.parametrize(
    "transformer",
    [
        PCA(4),
        FastICA(5, random_state=0, tol=0.1),
        NMF(4, random_state=0, max_iter=2000),
        TruncatedSVD(3, random_state=0),
        DictionaryLearning(5, random_state=0, max_iter=30),
        SparsePCA(4, random_state=0),
    ],
    ids=repr,
)
def test_scores_of_linear_decompositions_are_the_gradients(transformer, method):
    if not hasattr(transformer, "inverse_transform"):
        pytest.skip("came with a later scikit-learn")
    X = positive_rows()
    transformer = clone(transformer).fit(X)
    Xt = transformer.transform(X)
    expected = autograd_scores(wavy, linear_inverse(transformer), X, Xt)
    if method == "input_x_gradient":
        expected = Xt * expected
    trim = TransformImportance(transformer, Teacher(wavy, method=method)).fit(X)
    actual = trim.transform(X)
    assert actual.shape == Xt.shape
    np.testing.assert_allclose(actual, expected, rtol=EXACT, atol=EXACT)


def cosine():
    return FunctionTransformer(
        dct,
        idct,
        kw_args={"norm": "ortho"},
        inv_kw_args={"norm": "ortho"},
    )


@pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        MinMaxScaler((-1, 3)),
        RobustScaler(with_centering=False),
        FunctionTransformer(),
        cosine(),
        PCA(4, whiten=True),
        make_pipeline(StandardScaler(), PCA(4)),
        DictionaryLearning(4, random_state=0, max_iter=20, split_sign=True),
        FrozenEstimator(PCA(3).fit(positive_rows())),
    ],
    ids=repr,
)
def test_scores_are_finite_differences_of_the_inverse_transform(transformer):
    if not hasattr(transformer, "inverse_transform"):
        pytest.skip("came with a later scikit-learn")
    X = positive_rows()
    transformer.fit(X, None)
    X, step = X[:6], 1e-5
    Xt = transformer.transform(X)
    residual = X - transformer.inverse_transform(Xt)

    def f(C):
        return wavy(torch.from_numpy(transformer.inverse_transform(C) + residual)).numpy()

    units = step * np.eye(Xt.shape[1])
    expected = np.stack([(f(Xt + u) - f(Xt - u)) / (2 * step) for u in units], 1)
    actual = TransformImportance(transformer, wavy).fit(X).transform(X)
    # Central differences are off by about step**2 times a third derivative.
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["perceptron", "recurrent", "skorch", "pipeline"])
def test_scores_of_teachers_of_every_kind(kind):
    model, shape = make_model(kind)
    X, teacher = rows(), Teacher(model, input_shape=shape)
    wavelet = WaveletTransformer("db2", level=2, mode="reflect").fit(X)

    def f(x):
        outputs = teacher.outputs(x)
        return outputs.gather(1, outputs.argmax(1, keepdim=True))

    inverse = wavelet_inverse(wavelet, len(X))
    expected = autograd_scores(f, inverse, X, wavelet.transform(X))
    actual = TransformImportance(wavelet, teacher).fit_transform(X)
    np.testing.assert_allclose(actual, expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_the_adjoint_of_the_field(method):
    X, wavelet = random(5, 20), WaveletTransformer("db2", level=2)
    Xt = wavelet.fit_transform(X)
    teacher = Teacher(wavy, method=method, n_steps=30)
    field = input_gradients(teacher, X[:3], random_state=0)
    if method == "expected_gradients":  # draws from the samples of fit
        field = input_gradients(teacher, X[:3], baselines=X, random_state=0)
    trim = TransformImportance(wavelet, teacher, random_state=0).fit(X)
    actual = trim.transform(X[:3])
    expected = field @ wavelet.inverse_transform(np.eye(Xt.shape[1])).T
    if METHODS[method]:
        expected = Xt[:3] * expected
    np.testing.assert_allclose(actual, expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(trim.set_params(batch_size=2).transform(X[:3]), actual)


@pytest.mark.parametrize(
    "transformer", [WaveletTransformer("db2"), cosine(), PCA(LENGTH)], ids=repr
)
def test_integrated_gradients_stay_complete(transformer):
    # Without a residual, and where zero coefficients are zero samples.
    X = rows(30)
    X -= X.mean(0)
    teacher = Teacher(wavy, method="integrated_gradients")
    scores = TransformImportance(transformer.fit(X), teacher).fit_transform(X)
    change = wavy(torch.from_numpy(X)) - wavy(torch.zeros(1, LENGTH))
    np.testing.assert_allclose(scores.sum(1), change, rtol=1e-8, atol=1e-8)


def test_own_method():
    def method(forward, x, target):
        return torch.ones_like(x)

    pca = PCA(3).fit(rows(30))
    teacher = Teacher(wavy, method=method)
    scores = TransformImportance(pca, teacher).fit_transform(rows())
    expected = np.tile(pca.components_.sum(1), (8, 1))
    np.testing.assert_allclose(scores, expected, atol=EXACT)


def test_target():
    module, X = make_module("perceptron"), rows()
    pca = PCA(3).fit(rows(30))
    for target in (0, 2, "predicted"):
        teacher = Teacher(module, target=target)
        trim = TransformImportance(pca, teacher).fit(X)
        field = input_gradients(teacher, X)
        expected = field @ pca.components_.T
        np.testing.assert_allclose(trim.transform(X), expected, atol=EXACT)
        np.testing.assert_array_equal(trim.attributions(X), trim.transform(X))


def adjoint(transformer, field):
    """Apply the transpose of the matrix of an inverse transform to fields of rows."""
    if isinstance(transformer, PCA):
        return field @ transformer.components_.T
    n_components = transformer.transform(np.zeros((1, LENGTH))).shape[1]
    return field @ transformer.inverse_transform(np.eye(n_components)).T


SEVERAL = [[2, 0], (1,), np.array([0, 1, 2]), "all"]


@pytest.mark.filterwarnings("ignore:With n_steps=5:UserWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", SEVERAL, ids=str)
@pytest.mark.parametrize("transformer", [WaveletTransformer("db2"), PCA(4)], ids=repr)
def test_attributions_of_several_targets(transformer, target, method):
    X, samples = rows(30), rows(6, seed=3)
    transformer.fit(X)
    teacher = Teacher(make_module("perceptron"), target=target, method=method, n_steps=5)
    baselines = {"baselines": X} if method == "expected_gradients" else {}
    field = input_gradients(teacher, samples, random_state=0, **baselines)
    expected = adjoint(transformer, field)
    if METHODS[method]:
        expected = transformer.transform(samples) * expected
    trim = TransformImportance(transformer, teacher, random_state=0).fit(X)
    actual = trim.attributions(samples)
    n_targets = N_CLASSES if isinstance(target, str) else len(target)
    assert actual.shape == (n_targets, len(samples), trim.n_components_)
    np.testing.assert_allclose(actual, expected, atol=EXACT)
    in_batches = trim.set_params(batch_size=4).attributions(samples)
    np.testing.assert_allclose(in_batches, actual, atol=EXACT)
    tensor = trim.attributions(torch.from_numpy(samples))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), actual, atol=EXACT)


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
@pytest.mark.parametrize("transformer", [WaveletTransformer("db2"), PCA(4)], ids=repr)
def test_attributions_of_labels(transformer, method):
    X = rows(30)
    y = np.roll(labels(X), 1)  # not those that the model predicts
    transformer.fit(X)
    model = LogisticRegression().fit(X, labels(X))
    teacher = Teacher(model, target="label", method=method)
    trim = TransformImportance(transformer, teacher).fit(X)
    actual = trim.attributions(X, y)
    expected = adjoint(transformer, input_gradients(teacher, X, y=y))
    if METHODS[method]:
        expected = transformer.transform(X) * expected
    assert actual.shape == (len(X), trim.n_components_)
    np.testing.assert_allclose(actual, expected, atol=EXACT)
    every = TransformImportance(transformer, teacher.replace(target="all")).fit(X)
    places = np.searchsorted(model.classes_, y)
    picked = every.attributions(X)[places, np.arange(len(X))]
    np.testing.assert_allclose(actual, picked, atol=EXACT)
    with pytest.raises(ValueError, match="target='label' needs the labels y"):
        trim.attributions(X)
    with pytest.raises(ValueError, match=r"y must have shape \(30,\)"):
        trim.attributions(X, y[:3])


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
@pytest.mark.parametrize("shape", [(LENGTH,), (1, LENGTH), (2, 6)])
def test_attributions_of_samples_of_any_shape(shape, method):
    X, model = rows(30), LogisticRegression().fit(rows(30), labels(rows(30)))
    X = X.reshape(-1, *shape)
    wavelet = WaveletTransformer("haar", level=1).fit(X)
    teacher = Teacher(model, target="all", method=method)
    every = TransformImportance(wavelet, teacher).fit(X).attributions(X)
    for target in range(N_CLASSES):
        trim = TransformImportance(wavelet, teacher.replace(target=target))
        single = trim.fit(X).transform(X)
        np.testing.assert_allclose(every[target], single, atol=EXACT)


@pytest.mark.parametrize(
    "target, got",
    [([2, 0], r"\[2, 0\]"), ((1,), r"\[1\]"), ("all", "'all'"), ("label", "'label'")],
)
def test_transform_returns_the_scores_of_one_target(target, got):
    X, teacher = rows(30), Teacher(make_module("perceptron"), target=target)
    trim = TransformImportance(PCA(3).fit(X), teacher).fit(X)
    message = rf"one target. Got target={got}. Use attributions\(X, y\) instead"
    with pytest.raises(ValueError, match=message):
        trim.transform(X)
    with pytest.raises(ValueError, match=message):
        trim.fit_transform(X, np.zeros(len(X), int))


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
@pytest.mark.parametrize("make", [lambda: WaveletTransformer("db2"), lambda: PCA(4)])
def test_tensors_in_tensors_out(make, method):
    X = rows(30)
    trim = TransformImportance(make().fit(X), Teacher(wavy, method=method)).fit(X)
    array = trim.transform(X)
    tensor = trim.transform(torch.from_numpy(X))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), array, atol=EXACT)
    refitted = TransformImportance(make().fit(X), wavy).fit(torch.from_numpy(X))
    assert refitted.n_components_ == trim.n_components_
    single = trim.transform(X.astype(np.float32))
    assert single.dtype == np.float32
    # float32 rounding of gradients of size 100
    np.testing.assert_allclose(single, array, rtol=1e-4, atol=1e-2)


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
@pytest.mark.parametrize("make", [lambda: WaveletTransformer("db2"), lambda: PCA(4)])
def test_on_a_gpu(make, method, cuda):
    X, module = rows(30), make_module("perceptron")
    teacher = Teacher(module, method=method, target=0)
    trim = TransformImportance(make().fit(X), teacher).fit(X)
    expected = trim.transform(X)
    module.to(cuda)
    np.testing.assert_allclose(trim.transform(X), expected, atol=EXACT)
    on_gpu = trim.transform(torch.from_numpy(X).to(cuda))
    assert on_gpu.is_cuda
    np.testing.assert_allclose(on_gpu.cpu(), expected, atol=EXACT)


def test_data_frames_and_names():
    X = pd.DataFrame(rows(30), columns=[f"t{i}" for i in range(LENGTH)])
    model = LinearRegression().fit(X, X["t3"])
    for transformer, names in [
        (WaveletTransformer("haar", level=1), ["cA1_0", "cA1_1"]),
        (PCA(4), ["pca0", "pca1"]),
        (StandardScaler(), ["t0", "t1"]),
        (cosine(), ["transformimportance0", "transformimportance1"]),
    ]:
        trim = TransformImportance(
            transformer.fit(X), Teacher(model, method="input_x_gradient")
        )
        trim.set_output(transform="pandas").fit(X)
        scores = trim.transform(X)
        assert list(scores.columns[:2]) == names
        np.testing.assert_array_equal(scores.columns, trim.get_feature_names_out())
        assert scores.index.equals(X.index)
        assert scores.shape[1] == trim.n_components_
    with pytest.raises(ValueError, match="feature names should match"):
        trim.transform(X.rename(columns={"t0": "other"}))


def test_the_output_of_the_transformer_may_be_a_frame():
    X = rows(30)
    pca = PCA(4).set_output(transform="pandas").fit(X)
    trim = TransformImportance(pca, Teacher(wavy, method="input_x_gradient")).fit(X)
    assert isinstance(trim.transform(X), np.ndarray)


def test_parameters_clone_and_pickle():
    X = rows(30)
    teacher = Teacher(make_module("perceptron"), target=1)
    wavelet = FrozenEstimator(WaveletTransformer("db2").fit(X))
    trim = TransformImportance(wavelet, teacher)
    assert trim.get_params(deep=False) == {
        "transformer": wavelet,
        "teacher": teacher,
        "batch_size": None,
        "device": "auto",
        "random_state": None,
    }
    copied = clone(trim)
    assert copied is not trim
    assert copied.teacher is teacher
    scores = trim.fit_transform(X)
    np.testing.assert_array_equal(copied.fit_transform(X), scores)
    loaded = pickle.loads(pickle.dumps(trim))
    np.testing.assert_array_equal(loaded.transform(X), scores)
    again = pickle.loads(pickle.dumps(loaded))
    assert joblib.hash(again) == joblib.hash(loaded)
    assert "TransformImportance(" in repr(trim)


def test_in_a_pipeline():
    X = rows(60)
    y = X[:, 0] > 0
    wavelet = FrozenEstimator(WaveletTransformer("haar", level=1).fit(X))
    teacher = Teacher(LogisticRegression().fit(X, y), method="input_x_gradient")
    pipeline = make_pipeline(
        TransformImportance(wavelet, teacher), LogisticRegression()
    ).set_output(transform="pandas")
    assert pipeline.fit(X, y).score(X, y) > 0.9
    assert pipeline[-1].feature_names_in_[0] == "cA1_0"


@pytest.mark.parametrize(
    "transformer",
    [
        PowerTransformer(),
        QuantileTransformer(n_quantiles=10),
        KernelPCA(3, kernel="rbf", fit_inverse_transform=True),
        FunctionTransformer(np.expm1, np.log1p),
        OneHotEncoder(),
    ],
    ids=repr,
)
def test_inverses_that_are_not_linear(transformer):
    X = positive_rows().round() if isinstance(transformer, OneHotEncoder) else rows(30)
    name = type(transformer).__name__
    trim = TransformImportance(transformer.fit(X), smooth_function)
    with pytest.raises(ValueError, match=f"must be linear .* that of {name} is not"):
        trim.fit(X)


def test_transformers_without_an_inverse_or_a_fit():
    X = rows(30)
    with pytest.raises(TypeError, match=r"must have an inverse_transform, .*LinearReg"):
        TransformImportance(LinearRegression(), wavy).fit(X)
    with pytest.raises(NotFittedError, match="PCA instance is not fitted yet"):
        TransformImportance(FrozenEstimator(PCA()), wavy).fit(X)
    with pytest.raises(NotFittedError, match="TransformImportance instance is not"):
        TransformImportance(PCA().fit(X), wavy).transform(X)
    with pytest.raises(NotFittedError, match="TransformImportance instance is not"):
        TransformImportance(PCA().fit(X), wavy).attributions(X)


def test_teachers_are_checked_in_fit():
    X, pca = rows(30), PCA(3).fit(rows(30))
    with pytest.raises(NotFittedError, match="LinearRegression"):
        TransformImportance(pca, LinearRegression()).fit(X)
    with pytest.raises(NotFittedError, match="LinearRegression"):
        TransformImportance(pca, Teacher(LinearRegression())).fit(X)
    with pytest.raises(TypeError, match="must be a torch module"):
        TransformImportance(pca, None).fit(X)
    with pytest.raises(ValueError, match="must return outputs of shape"):
        TransformImportance(pca, lambda x: x.sum()).fit(X)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"batch_size": 0}, "'batch_size' parameter of TransformImportance .* Got 0"),
        ({"device": 3}, "'device' parameter of TransformImportance .* Got 3"),
        ({"random_state": "a"}, "'random_state' parameter .* Got 'a'"),
    ],
)
def test_wrong_parameters(kwargs, message):
    pca = PCA(3).fit(rows(30))
    with pytest.raises(ValueError, match=message):
        TransformImportance(pca, wavy, **kwargs).fit(rows(30))


def test_target_that_the_teacher_does_not_have():
    X = rows(30)
    trim = TransformImportance(PCA(3).fit(X), Teacher(wavy, target=-1)).fit(X)
    with pytest.raises(ValueError, match=r"between 0 and 0, .* Got -1"):
        trim.transform(X)


def test_samples_of_another_shape():
    X = random(5, 2, 20)
    wavelet = WaveletTransformer("haar").fit(X)
    with pytest.raises(ValueError, match="expecting 40 features"):
        TransformImportance(wavelet, wavy).fit(X[:, :, :10])
    trim = TransformImportance(wavelet, wavy).fit(X)
    with pytest.raises(ValueError, match=r"expecting samples of shape \(2, 20\)"):
        trim.transform(X.reshape(5, 4, 10))
