"""Warnings name the line of the user, however many frames are between."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_awave import (
    AdaptiveWaveletTransformer,
    SubbandPooling,
    WaveletTransformer,
    adaptive_wavelet_path,
)

X = np.random.default_rng(0).standard_normal((20, 64))
SHORT = AdaptiveWaveletTransformer("db2", level=1, max_iter=1)
IDLE = AdaptiveWaveletTransformer("db2", level=1, alpha_sparsity=0.5)


def in_path(transformer):
    adaptive_wavelet_path(X, transformer=transformer, ratios=[0], input_gradients=X**3)


def in_search(transformer):
    model = make_pipeline(transformer, LinearRegression())
    grid = {"adaptivewavelettransformer__tol": [1e-5]}
    GridSearchCV(model, grid, cv=2).fit(X, X[:, 0])


@pytest.mark.parametrize(
    "transformer, category", [(SHORT, ConvergenceWarning), (IDLE, UserWarning)]
)
@pytest.mark.parametrize(
    "fit",
    [
        lambda transformer: transformer.fit(X),
        lambda transformer: transformer.fit_transform(X),
        lambda transformer: make_pipeline(transformer, LinearRegression()).fit(X, X),
        lambda transformer: SubbandPooling(transformer).fit(X),
        in_path,
        in_search,
    ],
)
def test_they_name_the_line_of_the_user(fit, transformer, category):
    with pytest.warns(category) as record:
        fit(transformer)
    assert {warning.filename for warning in record} == {__file__}


@pytest.mark.parametrize("kind", [WaveletTransformer, AdaptiveWaveletTransformer])
def test_that_of_a_basis_does_so_too(kind):
    with pytest.warns(UserWarning, match="basis has no effect") as record:
        kind("haar", basis="full").fit(X)
    assert record[0].filename == __file__
