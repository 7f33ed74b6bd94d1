"""Arrays of other libraries, while scikit-learn dispatches on them."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    AWDRegressor,
    SubbandPooling,
    WaveletThresholder,
    WaveletTransformer,
    adaptive_wavelet_path,
)
from sk_awave.attribution import TransformImportance
from sk_awave.utils._array_api import IS_SUPPORTED

pytestmark = [
    pytest.mark.skipif(not IS_SUPPORTED, reason="needs scikit-learn 1.9"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

ESTIMATORS = [
    WaveletTransformer("haar", level=2),
    WaveletTransformer("haar", decomposition="packet", basis="discriminant", level=2),
    AdaptiveWaveletTransformer("db2", level=1, max_iter=5),
    SubbandPooling(),
    SubbandPooling(WaveletTransformer("haar")),
    WaveletThresholder(WaveletTransformer("haar")),
    AdaptiveSubbandPooling(n_wavelets=2, n_candidates=3, filter_length=4, level=1),
]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
HERE = {*DEVICES, "CPU_DEVICE", "device1", None}


class Halves:
    """An iterable of two blocks."""

    def __init__(self, X):
        self.X = X

    def __iter__(self):
        half = len(self.X) // 2
        return iter([self.X[:half], self.X[half:]])


@pytest.fixture(autouse=True)
def _allow_dispatch(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@pytest.fixture
def data():
    X, y = make_regression(40, 32, noise=1, random_state=0)
    return torch.from_numpy(X), torch.from_numpy(y)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=range(len(ESTIMATORS)))
@pytest.mark.parametrize(
    "array",
    [
        *(("torch", device, f"float{n}") for device in DEVICES for n in (32, 64)),
        ("array_api_strict", "CPU_DEVICE", "float64"),
        ("array_api_strict", "device1", "float32"),
    ],
    ids="-".join,
)
def test_checks_of_scikit_learn(estimator, array):
    assert get_tags(estimator).array_api_support
    name = type(estimator).__name__
    estimator_checks.check_array_api_input_and_values(name, estimator, *array)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=range(len(ESTIMATORS)))
def test_checks_of_scikit_learn_for_mixed_namespaces(estimator):
    name, n_checked = type(estimator).__name__, 0
    for other, own, _ in estimator_checks.yield_mixed_namespace_input_permutations():
        if {other.device, own.device} <= HERE:
            estimator_checks.check_array_api_mixed_inputs(name, estimator, own, other)
            n_checked += 1
    assert n_checked
    estimator_checks.check_array_api_same_namespace(name, estimator, "array_api_strict")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("estimator", ESTIMATORS[:3:2])
def test_pipeline_of_tensors(estimator, device, data):
    """All steps stay on the device, and predict what they do in NumPy."""
    model = make_pipeline(clone(estimator), StandardScaler(), PCA(5), Ridge(solver="svd"))
    expected = model.fit(data[0].numpy(), data[1].numpy()).predict(data[0].numpy())
    X, y = (array.to(device) for array in data)
    with config_context(array_api_dispatch=True):
        predicted = clone(model).fit(X, y).predict(X)
    assert isinstance(predicted, torch.Tensor)
    assert predicted.device.type == device
    np.testing.assert_allclose(predicted.cpu(), expected, rtol=1e-6)


def test_search_over_tensors(data):
    model = make_pipeline(ESTIMATORS[2], StandardScaler(), Ridge(solver="svd"))
    grid = {"adaptivewavelettransformer__level": [1, 2], "ridge__alpha": [1, 100]}
    expected = GridSearchCV(model, grid, cv=2).fit(*(a.numpy() for a in data))
    with config_context(array_api_dispatch=True):
        search = GridSearchCV(model, grid, cv=2).fit(*data)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(search.cv_results_[key], expected.cv_results_[key])


@pytest.mark.parametrize("namespace", ["torch", "array_api_strict"])
def test_gradients_and_the_way_back_stay_in_the_namespace(namespace, data):
    from sklearn.utils._array_api import move_to

    X = data[0].numpy().reshape(10, 2, 64)
    expected = clone(ESTIMATORS[2]).fit(X, input_gradients=X**3)
    with config_context(array_api_dispatch=True):
        xp, _ = estimator_checks.get_namespace(
            pytest.importorskip(namespace).asarray(1.0)
        )
        signals = xp.asarray(X)
        fitted = clone(expected).fit(signals, input_gradients=signals**3)
        back = fitted.inverse_transform(fitted.transform(signals))
        assert back.shape == X.shape
        assert type(back) is type(signals)
        adjoint = fitted.inverse_transform_adjoint(signals)
        score = fitted.score(signals, input_gradients=signals**3)
        back, adjoint = move_to(back, adjoint, xp=np, device="cpu")
    np.testing.assert_allclose(back, X, atol=1e-12)
    np.testing.assert_allclose(adjoint, expected.inverse_transform_adjoint(X))
    np.testing.assert_allclose(fitted.filter_bank_, expected.filter_bank_)
    assert score == pytest.approx(expected.score(X, input_gradients=X**3))


def test_attributions_of_a_teacher(data):
    """The teacher takes tensors, whatever the transformer was fitted to."""

    def cube(x):
        return (x**3).sum(1)

    X = data[0].numpy()
    expected = clone(ESTIMATORS[2]).set_params(teacher=cube).fit(X).attributions(X)
    strict = pytest.importorskip("array_api_strict")
    with config_context(array_api_dispatch=True):
        for own in (X, data[0], strict.asarray(X)):
            fitted = clone(ESTIMATORS[2]).set_params(teacher=cube).fit(own)
            scores = fitted.attributions(own)
            assert type(scores) is type(own)
            np.testing.assert_allclose(np.asarray(scores), expected)
            if isinstance(own, np.ndarray):
                importance = TransformImportance(fitted, cube).fit(own)
                np.testing.assert_allclose(importance.attributions(own), expected)


@pytest.mark.parametrize("convert", [torch.Tensor.numpy, torch.clone])
def test_wavelets_of_a_path(convert, data):
    X = convert(data[0])
    settings = {"ratios": [0, 1], "input_gradients": X**3}
    with config_context(array_api_dispatch=True):
        _, path = adaptive_wavelet_path(X, transformer=ESTIMATORS[2], **settings)
        assert all(type(each.transform(X)) is type(X) for each in path)
        model = AWDRegressor(lambda x: (x**3).sum(1), transformer=ESTIMATORS[2], cv=2)
        X, y = (array.numpy() for array in data)
        model.set_params(ratios=[0, 1]).fit(X, y).predict(X)


@pytest.mark.parametrize("convert", [torch.Tensor.numpy, torch.clone])
def test_blocks_and_dask_arrays(convert, data):
    da = pytest.importorskip("dask.array")
    X = convert(data[0])
    with config_context(array_api_dispatch=True):
        fitted = clone(ESTIMATORS[2]).fit(Halves(X))
        features = fitted.transform(X)
        assert type(features) is type(X)
        lazy = fitted.transform(da.from_array(data[0].numpy(), chunks=(10, -1)))
        np.testing.assert_allclose(lazy.compute(), features)


def test_moved_estimators_take_the_arrays_of_their_new_home(data):
    from sklearn.utils._array_api import get_namespace_and_device, move_estimator_to

    X = data[0]
    fitted = ESTIMATORS[2].fit(X.numpy())
    with config_context(array_api_dispatch=True):
        with pytest.raises(ValueError, match="must use the same namespace"):
            fitted.transform(X)
        xp, _, device = get_namespace_and_device(X)
        moved = move_estimator_to(fitted, xp, device)
        assert torch.equal(
            moved.transform(X), torch.from_numpy(fitted.transform(X.numpy()))
        )
    # Without dispatch, both are taken wherever it was fitted.
    assert torch.equal(fitted.transform(X), moved.transform(X))
    fitted.set_params(warm_start=True, max_iter=1).fit(X)
    assert fitted.n_iter_ <= 1
