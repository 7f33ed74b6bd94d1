"""What TransformImportance and ContextualDecomposition share with other estimators."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.attribution import (
    ContextualDecomposition,
    Teacher,
    TransformImportance,
)

LENGTH = 8
NAMES = [f"t{i}" for i in range(LENGTH)]


def energy(x):
    return (2 * x.flatten(1)).square().sum(1)


def haar():
    return WaveletTransformer("haar", level=1)


def importance(transformer, teacher=energy):
    return TransformImportance(transformer, Teacher(teacher))


def decomposition(transformer, teacher=energy):
    return ContextualDecomposition(transformer, Teacher(teacher), groups="coefficients")


ESTIMATORS = [
    importance(haar()),
    importance(PCA(1)),
    decomposition(None),
    decomposition(haar()),
]

PRIVATE_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    # The checks of set_output mix frames and arrays on purpose.
    pytest.mark.filterwarnings("ignore:X has feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature:UserWarning"),
]


@pytest.fixture(params=[False, True], ids=["no routing", "routing"])
def routing(request):
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


@parametrize_with_checks(ESTIMATORS)
def test_check_estimator(estimator, check, routing):
    check(estimator)


@pytest.mark.parametrize("name", PRIVATE_CHECKS)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_checks_that_scikit_learn_keeps_for_itself(estimator, name, routing):
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))


def rows(n_samples=30):
    return np.random.default_rng(0).standard_normal((n_samples, LENGTH))


class Array:
    """What only NumPy's protocol turns to an array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


CONTAINERS = {
    "protocol": Array,
    "lists": lambda X: X.tolist(),
    "tuples of arrays": tuple,
    "objects": lambda X: X.astype(object),
    "Fortran": np.asfortranarray,
    "frame": lambda X: pd.DataFrame(X, columns=NAMES),
    "frame of objects": lambda X: pd.DataFrame(X, columns=NAMES).astype(object),
    "frame of Float64": lambda X: pd.DataFrame(X, columns=NAMES).astype("Float64"),
    "frame without names": pd.DataFrame,
    "tensor": torch.tensor,
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize("transformer", [haar(), PCA(3), None], ids=str)
@pytest.mark.parametrize("make", [importance, decomposition])
def test_samples_in_any_container(make, transformer, is_fitted, container):
    if transformer is None and make is importance:
        pytest.skip("needs a transformer")
    X = rows()
    expected = make(transformer).fit(X).transform(X)
    own = CONTAINERS[container](X)
    if is_fitted and transformer is not None:
        transformer = clone(transformer).fit(own if "frame" in container else X)
    estimator = make(transformer).fit(own)
    np.testing.assert_allclose(estimator.transform(own), expected, rtol=1e-10)


@pytest.mark.parametrize("make", [importance, decomposition])
def test_channels_in_lists(make):
    X = np.random.default_rng(0).standard_normal((10, 2, LENGTH))
    expected = make(haar()).fit(X).transform(X)
    np.testing.assert_array_equal(
        make(haar()).fit(X.tolist()).transform(Array(X)), expected
    )


@pytest.mark.parametrize("make", [importance, decomposition])
@pytest.mark.parametrize("transformer", [haar(), PCA(3)], ids=str)
@pytest.mark.parametrize("is_fitted", [False, True])
def test_names_of_features_are_compared(make, transformer, is_fitted):
    X = rows()
    transformer = clone(transformer).fit(X) if is_fitted else transformer
    estimator = make(transformer).fit(pd.DataFrame(X, columns=NAMES))
    names = estimator.get_feature_names_out(NAMES)
    np.testing.assert_array_equal(names, estimator.get_feature_names_out())
    with pytest.raises(ValueError, match="is not equal to feature_names_in_"):
        estimator.get_feature_names_out(NAMES[::-1])
    estimator = make(transformer).fit(X)
    with pytest.raises(ValueError, match="input_features should have length equal to"):
        estimator.get_feature_names_out(NAMES[:3])


def test_names_of_channels_are_for_the_transformer():
    X = np.random.default_rng(0).standard_normal((10, 2, LENGTH))
    estimator = importance(haar()).fit(X)
    assert estimator.get_feature_names_out(["Fz", "Cz"])[0] == "Fz_cA1_0"
    with pytest.raises(ValueError, match="input_features should have length equal to"):
        estimator.get_feature_names_out(["Fz", "Cz", "Pz"])


@pytest.mark.parametrize("make", [importance, decomposition])
def test_transformers_that_are_not_fitted(make, routing):
    """A clone is fitted, in each fold of a cross-validation."""
    X = rows(60)
    y, pca = X[:, 0], PCA(3)
    estimator = make(pca, LinearRegression().fit(X, y)).fit(X, y)
    assert not hasattr(pca, "components_")
    np.testing.assert_array_equal(
        estimator.transformer_.components_, PCA(3).fit(X).components_
    )
    fitted = make(PCA(3).fit(X), LinearRegression().fit(X, y)).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), estimator.transform(X))
    assert fitted.transformer_ is fitted.transformer
    pipeline = make_pipeline(estimator, Ridge())
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=3)).all()
    name = type(estimator).__name__.lower()
    grid = {f"{name}__transformer__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_[0].n_components_ in (1, 2)


@pytest.mark.parametrize("make", [importance, decomposition])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_transformers_are_fitted_to_tensors(make, dtype):
    X = torch.from_numpy(10 * rows()).to(dtype)
    for transformer in (haar(), PCA(3)):
        scores = make(transformer).fit(X).transform(X)
        assert isinstance(scores, torch.Tensor)
        expected = make(transformer).fit(X.numpy()).transform(X.numpy())
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [importance, decomposition])
def test_metadata_goes_to_a_transformer_that_is_not_fitted(make):
    X, gradients = rows(), rows()[::-1].copy()
    learned = AdaptiveWaveletTransformer("db2", level=1, max_iter=2, tol=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = clone(learned).fit(X, input_gradients=gradients).filter_bank_
        with sklearn.config_context(enable_metadata_routing=True):
            request = clone(learned).set_fit_request(input_gradients=True)
            estimator = make(request).fit(X, input_gradients=gradients)
            pipeline = make_pipeline(make(request)).fit(X, input_gradients=gradients)
        plain = make(learned).fit(X, input_gradients=gradients)
    for fitted in (estimator, pipeline[0], plain):
        np.testing.assert_array_equal(fitted.transformer_.filter_bank_, expected)
    for fitted in (haar().fit(X), FrozenEstimator(haar().fit(X))):
        with pytest.raises(ValueError, match=r"fitted, so .* no use for \['input_grad"):
            make(fitted).fit(X, input_gradients=gradients)


def test_metadata_that_nobody_requests_is_an_error():
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(TypeError, match="unexpected argument"),
    ):
        importance(haar()).fit(rows(), other=1)
