"""The transformers where users put them: inside scikit-learn's compositions."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.utils import _sklearn


def l1_logistic_regression():
    model = _sklearn.l1_logistic_regression(random_state=0)
    return model.set_params(solver="liblinear", tol=1e-4)


@pytest.fixture
def threes_and_eights(digits):
    X, y = digits
    keep = np.isin(y, [3, 8])
    return X[keep].reshape(keep.sum(), -1), y[keep] == 8


def test_grid_search_over_wavelet_and_model(threes_and_eights):
    X, y = threes_and_eights
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(X.shape[1])])
    pipeline = Pipeline(
        [
            (
                "wavelet",
                AdaptiveWaveletTransformer(
                    "db2", level=1, ndim=2, signal_shape=(8, 8), max_iter=20, tol=1e-2
                ),
            ),
            ("scale", StandardScaler()),
            ("model", l1_logistic_regression()),
        ]
    ).set_output(transform="pandas")
    grid = {"wavelet__wavelet": ["haar", "db2"], "model__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(frame, y)
    assert search.score(frame, y) > 0.9
    names = search.best_estimator_["model"].feature_names_in_
    expected = search.best_estimator_["wavelet"].get_feature_names_out()
    np.testing.assert_array_equal(names, expected)
    assert names[0] == "cA1_0_0"


def test_cross_val_score(threes_and_eights):
    pipeline = make_pipeline(
        AdaptiveWaveletTransformer("db2", level=1, tol=1e-2), l1_logistic_regression()
    )
    assert cross_val_score(pipeline, *threes_and_eights, cv=3).mean() > 0.8


def test_column_transformer_and_feature_union(ecg):
    frame = pd.DataFrame(ecg, columns=[f"t{i}" for i in range(64)])
    frame["age"] = np.arange(len(ecg))
    columns = ColumnTransformer(
        [("ecg", AdaptiveWaveletTransformer("db2", level=2, tol=1e-2), list(frame)[:64])],
        remainder="passthrough",
    ).set_output(transform="pandas")
    out = columns.fit_transform(frame)
    assert {"ecg__cA2_0", "ecg__cD1_3", "remainder__age"} <= set(out.columns)
    union = FeatureUnion(
        [("wavelet", WaveletTransformer("haar", level=1)), ("pca", PCA(2))]
    ).fit(ecg)
    assert union.get_feature_names_out()[0] == "wavelet__cA1_0"
    assert union.transform(ecg).shape == (len(ecg), 66)


def test_pipeline_memory_hits_its_cache(ecg, tmp_path, monkeypatch):
    calls = []
    fit = AdaptiveWaveletTransformer.fit

    def counted(self, *args, **kwargs):
        calls.append(1)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(AdaptiveWaveletTransformer, "fit", counted)
    y = np.arange(len(ecg)) % 2
    for C in (0.1, 1.0):
        Pipeline(
            [
                ("wavelet", AdaptiveWaveletTransformer("db2", level=2, tol=1e-2)),
                ("model", LogisticRegression(C=C, max_iter=500)),
            ],
            memory=str(tmp_path),
        ).fit(ecg / 10, y)
    assert len(calls) == 1


@pytest.mark.gpu
def test_fit_on_a_gpu_equals_fit_on_the_cpu(ecg, cuda):
    on_cpu = AdaptiveWaveletTransformer("sym4", level=2).fit(ecg)
    on_gpu = AdaptiveWaveletTransformer("sym4", level=2).fit(torch.tensor(ecg).to(cuda))
    np.testing.assert_allclose(on_gpu.filter_bank_, on_cpu.filter_bank_, atol=1e-3)
    assert on_gpu.loss_curve_[0] == pytest.approx(on_cpu.loss_curve_[0], rel=1e-12)
