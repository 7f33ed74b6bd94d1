"""AWDClassifier and AWDRegressor, and their report."""

import pickle
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LassoCV, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sk_awave import (
    AdaptiveWaveletTransformer,
    WaveletThresholder,
    WaveletTransformer,
)
from sk_awave.attribution import Teacher, TransformImportance
from sk_awave.datasets import make_bursts, make_wavelet_regression
from sk_awave.distillation import AWDClassifier, AWDRegressor
from sk_awave.distillation._predictions import TeacherPredictor
from sk_awave.feature_extraction import SubbandPooling

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def bursts():
    return make_bursts(240, random_state=0, return_X_y=True)


def regressor(**params):
    wavelet = AdaptiveWaveletTransformer("db2", level=2, tol=1e-3)
    params = {"transformer": wavelet, "random_state": 0} | params
    return AWDRegressor(**params)


def pooling(**params):
    return SubbandPooling(statistics=("max",), **params)


def test_pooled_features_of_a_learned_wavelet(bursts):
    X, y = bursts
    model = regressor(features=pooling(n_largest=3)).fit(X[:200], y[:200])
    names = model.get_feature_names_out()
    assert list(names[:4]) == ["cA2_max_1", "cA2_max_2", "cA2_max_3", "cD2_max_1"]
    # The student is the features and the head, and says the same.
    np.testing.assert_allclose(model.student_.predict(X), model.predict(X))
    coeffs = model.transformer_.layout_.unflatten(model.transformer_.transform(X))
    np.testing.assert_allclose(model.features_.transform(X)[:, 0], coeffs[0].max(1))
    alone = clone(model.features_).set_params(
        transformer=FrozenEstimator(model.transformer_)
    )
    np.testing.assert_allclose(alone.fit_transform(X), model.features_.transform(X))


def test_coefficients_and_statistics_are_the_features_by_default(bursts):
    X, y = bursts
    model = regressor().fit(X, y)
    coeffs = model.transformer_.transform(X)
    statistics = SubbandPooling(
        FrozenEstimator(model.transformer_),
        statistics=("absmax", "mean", "std"),
        n_largest=6,
    ).fit(X)
    features = model.features_.transform(X)
    np.testing.assert_array_equal(
        features, np.hstack([coeffs, statistics.transform(X)]), strict=True
    )
    names = model.get_feature_names_out().tolist()
    assert names == [
        *model.transformer_.get_feature_names_out(),
        *statistics.get_feature_names_out(),
    ]
    assert model.estimator_[-1].regressor_.coef_.shape == (len(names),)
    alone = regressor(features=None).fit(X, y)
    np.testing.assert_array_equal(alone.features_.transform(X), coeffs)


def test_defaults_suit_what_happens_at_any_time_and_at_a_certain_one():
    """R2 is below zero of coefficients in the first case, of statistics in the second."""
    X, y = make_bursts(400, random_state=0, return_X_y=True)
    model = AWDRegressor(random_state=0).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.25
    X, y = make_wavelet_regression(400, random_state=0, return_X_y=True)
    model = AWDRegressor(random_state=0).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.95


def test_the_default_teacher_scales_the_target():
    X, y = make_wavelet_regression(200, random_state=0, return_X_y=True)
    model = AWDRegressor(random_state=0).fit(X, 1e6 + 1e3 * y)
    assert model.teacher_.score(X, 1e6 + 1e3 * y) > 0.9
    expected = AWDRegressor(random_state=0).fit(X, y).transformer_.filter_bank_
    # As far as learning and the teacher's training converge.
    np.testing.assert_allclose(model.transformer_.filter_bank_, expected, atol=1e-2)


def test_features_of_a_wavelet_of_their_own_are_refused(bursts):
    X, y = bursts
    features = SubbandPooling(WaveletTransformer("db4"), statistics=("max",))
    with pytest.raises(ValueError, match=r"features' of AWDRegressor .*'db4'.*unset, or"):
        AWDRegressor(features=features).fit(X, y)
    model = AWDRegressor(transformer=features).fit(X, y)
    assert model.transformer_.transformer_.wavelet_.name == "db4"
    np.testing.assert_array_equal(
        model.features_.transform(X), clone(features).fit_transform(X)
    )
    assert model.get_feature_names_out()[0].endswith("max_1")


def test_the_wavelet_is_learned_from_the_teacher(bursts):
    X, y = bursts
    model = regressor().fit(X, y)
    assert model.transformer_.objective_terms_["attribution"] > 0
    again = clone(model.transformer_).set_params(teacher=Teacher(model.teacher_)).fit(X)
    np.testing.assert_array_equal(again.filter_bank_, model.transformer_.filter_bank_)
    # What is kept for predictions does not hold the teacher.
    assert model.transformer_.teacher is None
    assert len(pickle.dumps(model.student_)) < 20_000


def test_a_fixed_wavelet_trains_no_teacher(bursts):
    X, y = bursts
    fixed = WaveletTransformer("db2", level=2)
    model = regressor(features=None).fit(X, y)
    model.set_params(transformer=fixed).fit(X, y)
    assert not hasattr(model, "teacher_"), "nor is that of an earlier fit kept"
    head = clone(model.estimator_).fit(model.transformer_.transform(X), y)
    np.testing.assert_allclose(
        model.predict(X), head.predict(model.transformer_.transform(X))
    )


def test_teachers_are_refitted_in_each_fold_unless_frozen(bursts, monkeypatch):
    X, y = bursts
    fits = []
    fit = MLPRegressor.fit

    def counted(self, X, y):
        fits.append(len(X))
        return fit(self, X, y)

    monkeypatch.setattr(MLPRegressor, "fit", counted)
    mlp = MLPRegressor(
        hidden_layer_sizes=(8,), solver="lbfgs", max_iter=50, random_state=0
    )
    cross_val_score(regressor(teacher=mlp), X, y, cv=3)
    assert fits == [160, 160, 160]
    trained = clone(mlp).fit(X, y)
    for frozen in (FrozenEstimator(trained), Teacher(trained)):
        fits.clear()
        model = regressor(teacher=frozen).fit(X, y)
        assert fits == []
        assert model.teacher_ is frozen


def test_every_nested_parameter_is_searched(bursts):
    X, y = bursts
    model = regressor(
        teacher=make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), max_iter=20)
        ),
        features=pooling(),
        estimator=make_pipeline(StandardScaler(), Lasso()),
    )
    grid = {
        "transformer__attribution_ratio": [1.0, 10.0],
        "features__n_largest": [2],
        "estimator__lasso__alpha": [0.01],
        "teacher__mlpregressor__alpha": [0.1],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert len(search.best_estimator_.get_feature_names_out()) == 6
    assert search.best_estimator_.teacher_[-1].alpha == 0.1


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten()
        )
        self.head = nn.Linear(4 * 6 * 6, 10)

    def forward(self, x):
        return self.head(self.layers(x.float()))


def test_a_skorch_teacher_on_images(digits):
    X, y = digits
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            Cnn,
            criterion=nn.CrossEntropyLoss,
            max_epochs=3,
            lr=0.1,
            train_split=None,
            verbose=0,
        )
        model = AWDClassifier(
            net,
            transformer=AdaptiveWaveletTransformer("haar", ndim=2, level=2),
            estimator=make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        ).fit(X.astype(np.float32), y)
    assert model.score(X, y) > 0.9
    assert model.predict_proba(X).shape == (len(X), 10)
    assert model.decision_function(X).shape == (len(X), 10)
    assert model.teacher_.initialized_


def small_net(kind=NeuralNetClassifier, criterion=nn.CrossEntropyLoss, n_outputs=3):
    return kind(
        nn.Linear,
        module__in_features=40,
        module__out_features=n_outputs,
        criterion=criterion,
        max_epochs=30,
        lr=0.02,
        train_split=None,
        verbose=0,
    )


class Squeezed(nn.Linear):
    def forward(self, x):
        return super().forward(x).squeeze(1)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    "labels",
    [np.array(["low", "mid", "top"]), np.array([1, 2, 5]), np.array([1.0, 3, 4])],
)
def test_a_skorch_teacher_of_any_labels(bursts, labels, scaled):
    X, y = bursts[0].astype(np.float32), bursts[1]
    codes = np.digitize(X[:, 20], np.quantile(X[:, 20], [1 / 3, 2 / 3]))
    y = labels[codes]
    transformer = AdaptiveWaveletTransformer("haar", level=1, tol=1e-2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = small_net()
        net = make_pipeline(StandardScaler(), net) if scaled else net
        model = AWDClassifier(
            Teacher(net, target="label"),
            transformer=transformer,
            estimator=LogisticRegression(),
        )
        report = model.report(X, y, cv=2, wavelets=["haar"])
        model.fit(X, y)
    np.testing.assert_array_equal(model.classes_, labels)
    assert set(model.predict(X)) <= set(labels)
    taught = TeacherPredictor(model, X, y).predict(X)
    assert taught.dtype == labels.dtype
    assert np.mean(taught == y) > 0.6
    assert report.rows[1]["score"] > 0.5
    assert report.fidelity > 0.5
    if labels.dtype.kind == "U":  # one that is trained already predicts indices, too
        model.set_params(teacher=FrozenEstimator(model.teacher_)).fit(X, y)
        np.testing.assert_array_equal(TeacherPredictor(model, X, y).predict(X), taught)


def test_a_binary_skorch_teacher(bursts):
    X, y = bursts[0].astype(np.float32), bursts[1]
    y = np.where(X[:, 20] > np.median(X[:, 20]), "high", "low")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = small_net(NeuralNetBinaryClassifier, nn.BCEWithLogitsLoss, 1)
        net.set_params(module=Squeezed)
        model = AWDClassifier(
            net, transformer=AdaptiveWaveletTransformer("haar", level=1, tol=1e-2)
        ).fit(X, y)
    assert np.mean(TeacherPredictor(model, X, y).predict(X) == y) > 0.7


def test_labels_may_be_words(bursts):
    X, y = bursts
    words = np.where(y > np.median(y), "high", "low")
    model = AWDClassifier(
        transformer=AdaptiveWaveletTransformer("db2", level=2, tol=1e-2),
        features=SubbandPooling(statistics=("log_energy",)),
        random_state=0,
    ).fit(X, words)
    assert list(model.classes_) == ["high", "low"]
    assert model.score(X, words) > 0.7


def test_report_of_a_regression(bursts):
    X, y = bursts
    model = regressor(features=pooling())
    report = model.report(X, y, cv=3, wavelets=["haar", "db2"])
    frame = report.to_frame()
    assert list(frame.index) == [
        "student",
        "teacher",
        "raw samples",
        "db5",
        "best fixed wavelet",
    ]
    scores = cross_val_score(model, X, y, cv=3)
    assert frame.loc["student", "score"] == pytest.approx(scores.mean())
    error = scores.std(ddof=1) / np.sqrt(3)
    assert frame.loc["student", "standard error"] == pytest.approx(error)
    assert frame.loc["student", "features"] <= 18
    assert frame["us / sample"].min() > 0
    # Fidelity: how well the student predicts its teacher, by hand.
    fidelities = []
    for test in np.array_split(np.arange(len(X)), 3):
        train = np.setdiff1d(np.arange(len(X)), test)
        fold = clone(model).fit(X[train], y[train])
        fidelities.append(r2_score(fold.teacher_.predict(X[test]), fold.predict(X[test])))
    assert report.fidelity == pytest.approx(np.mean(fidelities))
    assert (report.n_taps, report.n_values) == (4, 40)
    assert "4 taps; all wavelets at level 2" in repr(report)
    # Baselines by hand, and what they differ by from the student.
    wavelets = {"transformer__wavelet": ["haar", "db2"]}
    db5 = clone(model).set_params(transformer=WaveletTransformer("db5", level=2))
    search, chosen = GridSearchCV(db5, wavelets, cv=3), []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "level=2 is too high")
        others = cross_val_score(db5, X, y, cv=3)
        for test in np.array_split(np.arange(len(X)), 3):
            train = np.setdiff1d(np.arange(len(X)), test)
            search.fit(X[train], y[train])
            chosen.append(search.best_params_["transformer__wavelet"])
    assert frame.loc["db5", "score"] == pytest.approx(others.mean())
    assert frame.loc["db5", "minus student"] == pytest.approx((others - scores).mean())
    error = (others - scores).std(ddof=1) / np.sqrt(3)
    assert frame.loc["db5", "paired standard error"] == pytest.approx(error)
    assert report.best_wavelets == tuple(chosen)
    assert f"best fixed wavelet: {Counter(chosen).most_common(1)[0][0]} in" in repr(
        report
    )
    raw = cross_val_score(clone(model.fit(X, y).estimator_), X, y, cv=3)
    assert frame.loc["raw samples", "score"] == pytest.approx(raw.mean())
    assert repr(report).splitlines()[1].startswith("student")
    assert report._repr_html_().count("<tr>") == 6


@pytest.mark.parametrize("frozen", [False, True])
def test_report_of_a_classification(digits, frozen):
    X, y = digits
    keep = y < 3
    X, y = X[keep].reshape(keep.sum(), -1), y[keep]
    teacher = None
    if frozen:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            teacher = nn.Linear(64, 3).double()
    model = AWDClassifier(
        teacher,
        transformer=AdaptiveWaveletTransformer(
            "db2", ndim=2, signal_shape=(8, 8), tol=1e-2
        ),
        random_state=0,
    )
    report = model.report(X, y, cv=2, wavelets=["haar"])
    assert report.metric == "accuracy"
    assert 0 <= report.fidelity <= 1
    assert (report.rows[1]["score"] < 0.8) == frozen  # an untrained teacher knows nothing


def test_errors(bursts):
    X, y = bursts
    with pytest.raises(ValueError, match="requires y to be passed"):
        AWDRegressor().fit(X, None)
    with pytest.raises(ValueError, match="contains only one class"):
        AWDClassifier().fit(X, np.zeros(len(X), dtype=int))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        AWDRegressor().fit(X, y[1:])
    with pytest.raises(ValueError, match="The 'features' parameter of AWDRegressor"):
        AWDRegressor(features=3).fit(X, y)


def test_runs_are_reproducible(bursts):
    X, y = bursts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (regressor().fit(X, y).predict(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("noise", [0, 1])
def test_default_heads_of_a_report_are_tuned(noise):
    """Of one strength, they would be too strong for the first, too weak for the other."""
    X, y = make_wavelet_regression(300, random_state=0, return_X_y=True)
    y = y + noise * y.std() * np.random.default_rng(0).standard_normal(len(y))
    frame = AWDRegressor(random_state=0).report(X, y, cv=3, wavelets=["db2"]).to_frame()
    tuned = make_pipeline(StandardScaler(), LassoCV(tol=1e-3))
    expected = cross_val_score(tuned, X, y, cv=3).mean()
    assert frame.loc["raw samples", "score"] == pytest.approx(expected, abs=0.02)


TINY = np.random.default_rng(0).standard_normal((9, 40))


def learned(**params):
    return AdaptiveWaveletTransformer("haar", level=3, max_iter=2, **params)


def in_pooling(wavelet):
    return pooling(transformer=wavelet)


@pytest.mark.parametrize(
    "wrap, frozen, make_learner",
    [
        (None, False, learned),
        (in_pooling, False, learned),
        (WaveletThresholder, False, learned),
        (None, True, learned),
        (in_pooling, True, learned),
        (in_pooling, False, lambda teacher: WaveletTransformer("haar", level=3)),
        (in_pooling, False, lambda teacher: FrozenEstimator(learned().fit(TINY))),
    ],
)
def test_report_of_every_estimator_that_fits(bursts, wrap, frozen, make_learner):
    X, y = bursts[0][:90], bursts[1][:90]
    teacher = Teacher(Ridge().fit(X, y))
    learner = make_learner(teacher=teacher)
    transformer = learner if wrap is None else wrap(learner)
    if frozen:
        transformer = FrozenEstimator(transformer.fit(X, y))
    learns = isinstance(learner, AdaptiveWaveletTransformer)
    model = AWDRegressor(transformer=transformer, estimator=Ridge(10.0))
    if learns and not frozen:
        model.set_params(teacher=teacher)
    report = model.report(X, y, cv=2, wavelets=["db2", "sym8"])
    frame = report.to_frame()
    assert ("teacher" in frame.index) == (learns and not frozen)
    assert report.level == 3
    assert set(report.best_wavelets) <= {"db2", "sym8"}
    # The baseline is the student with a fixed wavelet, as deep as the student's.
    fixed = WaveletTransformer("db5", level=3)
    model.set_params(teacher=None, transformer=fixed if wrap is None else wrap(fixed))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "level=3 is too high")
        expected = cross_val_score(model, X, y, cv=2)
    assert frame.loc["db5", "score"] == pytest.approx(expected.mean(), abs=1e-9)


def test_report_without_a_wavelet(bursts):
    X, y = bursts[0][:90], bursts[1][:90]
    report = AWDRegressor(transformer=FunctionTransformer(np.abs)).report(X, y, cv=2)
    assert [row["model"] for row in report.rows] == ["student", "raw samples"]
    assert report.level is None
    assert report.best_wavelets == ()
    assert len(repr(report).splitlines()) == 3


def test_report_of_one_fold(bursts):
    X, y = bursts[0][:90], bursts[1][:90]
    model = AWDRegressor(transformer=WaveletTransformer("db2", level=2))
    report = model.report(X, y, cv=ShuffleSplit(1, random_state=0), wavelets=["haar"])
    assert np.isnan(report.rows[1]["standard error"])


def test_report_of_a_fixed_wavelet_has_no_teacher():
    X, y = make_bursts(60, random_state=0, return_X_y=True)
    model = AWDRegressor(transformer=WaveletTransformer("db2", level=2))
    report = model.report(X, y, cv=2, wavelets=["haar"])
    assert "teacher" not in report.to_frame().index
    assert report.fidelity is None
    assert "fidelity" not in repr(report)


@pytest.mark.parametrize("wrap", [lambda wavelet: wavelet, in_pooling])
def test_frozen_transformers_keep_their_teachers_and_students_lose_them(bursts, wrap):
    X, y = bursts[0][:90], bursts[1][:90]
    teacher = Teacher(Ridge().fit(X, y))
    own = learned(teacher=teacher).fit(X)
    model = AWDRegressor(transformer=wrap(FrozenEstimator(own))).fit(X, y)
    assert own.teacher is teacher
    assert not hasattr(model, "teacher_")
    model = AWDRegressor(teacher, transformer=wrap(learned()), estimator=Ridge())
    assert model.fit(X, y).teacher_ is teacher
    assert pickle.dumps(model.student_).find(b"Teacher") < 0


@pytest.mark.parametrize("wrap", [lambda wavelet: wavelet, in_pooling])
def test_attributions_are_those_of_the_transformer_with_the_teacher(bursts, wrap):
    X, y = bursts
    teacher = Teacher(Ridge(), method="input_x_gradient")
    model = AWDRegressor(teacher, transformer=wrap(learned()), estimator=Ridge())
    model.fit(X, y)
    wavelet = model.transformer_ if wrap(1) == 1 else model.transformer_.transformer_
    asked = Teacher(Ridge().fit(X, y), method="input_x_gradient")
    expected = TransformImportance(wavelet, asked).fit(X).transform(X[:5])
    scores = model.attributions(X[:5])
    np.testing.assert_allclose(scores, expected, atol=1e-10)
    term = np.abs(model.attributions(X)).sum() / (4 * len(X))
    assert term == pytest.approx(wavelet.objective_terms_["attribution"], rel=1e-8)
    with pytest.raises(ValueError, match="X has 39 features"):
        model.attributions(X[:, :39])


def test_attributions_to_labels_and_several_targets(bursts):
    X, y = bursts
    words = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3])).astype(str)
    classifier = LogisticRegression(max_iter=500)
    model = AWDClassifier(
        Teacher(classifier, target="label"),
        transformer=learned(),
        estimator=LogisticRegression(max_iter=500),
    ).fit(X, words)
    every = clone(model).set_params(teacher=Teacher(classifier, target="all"))
    every = every.fit(X, words).attributions(X)
    assert every.shape == (3, len(X), model.transformer_.layout_.n_coeffs)
    # The wavelets differ, as the norms of all targets are added in the second.
    fixed = model.transformer_.inverse_transform_adjoint(
        model.teacher_.coef_[words.astype(int)]
    )
    np.testing.assert_allclose(model.attributions(X, words), fixed, atol=1e-10)
    with pytest.raises(ValueError, match="needs the labels y"):
        model.attributions(X)


def test_attributions_need_a_teacher(bursts):
    model = AWDRegressor(transformer=WaveletTransformer("db2", level=2)).fit(*bursts)
    with pytest.raises(ValueError, match="attributions needs a teacher"):
        model.attributions(bursts[0])


def test_an_untrained_teacher_is_trained_in_each_fit(bursts):
    X, y = bursts
    teacher = Teacher(make_pipeline(StandardScaler(), Ridge()), method="smoothgrad")
    model = regressor(teacher=teacher).fit(X, y)
    assert not teacher.is_trained
    np.testing.assert_array_equal(
        model.teacher_.predict(X), clone(teacher.untrained).fit(X, y).predict(X)
    )
    report = clone(model).report(X, y, cv=2, wavelets=["haar"])
    expected = cross_val_score(teacher.untrained, X, y, cv=2).mean()
    assert report.rows[1]["model"] == "teacher"
    assert report.rows[1]["score"] == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_too_few_samples_for_the_default_head(n):
    X, y = np.random.default_rng(0).standard_normal((n, 32)), np.arange(n) % 2
    transformer = WaveletTransformer("db2", level=2)
    with pytest.raises(ValueError, match="at least 3 samples of one class, but n_sam"):
        AWDClassifier(transformer=transformer).fit(X, y)
    with pytest.raises(ValueError, match="at least 5 samples in all, but n_samples="):
        AWDRegressor(transformer=transformer).fit(X, y)
    own = AWDClassifier(transformer=transformer, estimator=LogisticRegression())
    assert own.fit(X, y).predict(X).shape == (n,)
    own = AWDRegressor(transformer=transformer, estimator=Ridge())
    assert own.fit(X, y).predict(X).shape == (n,)
