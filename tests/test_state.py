"""The fitted state: values alone, no caches, and no tensors without a net."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from fitted import CASES
from sklearn.base import clone

import sk_awave
from sk_awave import attribution, distillation, feature_extraction

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_every_public_estimator_is_here():
    modules = (sk_awave, attribution, distillation, feature_extraction)
    public = {
        getattr(module, name)
        for module in modules
        for name in module.__all__
        if hasattr(getattr(module, name), "get_params")
    }
    assert public == {type(make().estimator) for make in CASES.values()}


def use(estimator, X):
    """Call what a fitted estimator has; return what it makes of X."""
    made = [
        getattr(estimator, name)(X)
        for name in ("transform", "predict", "predict_proba")
        if hasattr(estimator, name)
    ]
    if hasattr(estimator, "inverse_transform"):
        estimator.inverse_transform(made[0])
    for name in ("inverse_transform_adjoint", "attributions", "decompose"):
        if hasattr(estimator, name) and getattr(estimator, "teacher", 0) is not None:
            getattr(estimator, name)(X)
    if hasattr(estimator, "get_feature_names_out"):
        estimator.get_feature_names_out()
    for name in ("condition_number_", "basis_", "filter_bank_", "support_"):
        getattr(estimator, name, None)
    repr(estimator)
    estimator._repr_html_()
    return made


@pytest.mark.parametrize("name", CASES)
def test_no_method_changes_the_hash(name):
    """`joblib.Memory` computes again what depends on an estimator of another hash."""
    estimator, X = CASES[name]().fit()
    before, params = joblib.hash(estimator), joblib.hash(clone(estimator))
    expected = use(estimator, X)
    assert joblib.hash(estimator) == before
    assert joblib.hash(clone(estimator)) == params
    for copied in (copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))):
        first = joblib.hash(copied)
        # Copies of scikit-learn's logistic regression have other strides.
        assert first == before or name == "AWDClassifier"
        for actual, values in zip(use(copied, X), expected, strict=True):
            np.testing.assert_array_equal(actual, values)
        assert joblib.hash(copied) == first


@pytest.mark.parametrize("name", CASES)
def test_no_tensor_is_in_the_state(name):
    estimator, X = CASES[name]().fit()
    use(estimator, X)
    assert b"torch" not in pickle.dumps(estimator)
