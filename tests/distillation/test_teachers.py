"""What teachers are trained on, and what their outputs say, whatever they are."""

import copy
import re
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import (
    NeuralNet,
    NeuralNetBinaryClassifier,
    NeuralNetClassifier,
    NeuralNetRegressor,
)
from torch import nn

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    SubbandPooling,
    WaveletTransformer,
)
from sk_awave.attribution import Teacher, input_gradients
from sk_awave.datasets import make_bursts
from sk_awave.distillation import AWDClassifier, AWDRegressor
from sk_awave.distillation._predictions import TeacherPredictor

LENGTH = 16
RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, LENGTH)).astype(np.float32)
INDEX = np.digitize(X[:, 3], [-0.5, 0.5])
X[:, 3] *= 3
NUMBERS = X[:, 5] + X[:, 6]


def haar(**params):
    return AdaptiveWaveletTransformer("haar", level=1, max_iter=1, **params)


def classifier(teacher, **params):
    params = {"transformer": haar(), "estimator": LogisticRegression()} | params
    return AWDClassifier(teacher, features=None, **params)


def regressor(teacher, **params):
    params = {"transformer": haar(), "estimator": Ridge()} | params
    return AWDRegressor(teacher, features=None, **params)


class Probabilities(nn.Sequential):
    def __init__(self, n_outputs):
        last = nn.Sigmoid() if n_outputs == 1 else nn.Softmax(1)
        super().__init__(nn.Linear(LENGTH, n_outputs), last)


def net_of(kind, n_outputs, y, **params):
    """Train a net of a kind that is right on nearly all samples."""
    kinds = {
        "logits": (NeuralNetClassifier, nn.Linear, nn.CrossEntropyLoss),
        "probabilities": (NeuralNetClassifier, Probabilities, nn.NLLLoss),
        "no classes": (NeuralNet, nn.Linear, nn.CrossEntropyLoss),
        "binary": (NeuralNetBinaryClassifier, nn.Linear, nn.BCEWithLogitsLoss),
        "sigmoid": (NeuralNetBinaryClassifier, Probabilities, nn.BCELoss),
    }
    net, module, criterion = kinds[kind]
    if module is nn.Linear:
        params |= {"module__in_features": LENGTH, "module__out_features": n_outputs}
    else:
        params["module__n_outputs"] = n_outputs
    net = net(
        module,
        criterion=criterion,
        optimizer=torch.optim.Adam,
        max_epochs=80,
        lr=0.05,
        train_split=None,
        verbose=0,
        **params,
    )
    key = kind, n_outputs, *y.tolist(), str(params)
    if key not in _NETS:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            _NETS[key] = net.fit(X, y.astype("f") if n_outputs == 1 else y)
    return copy.deepcopy(_NETS[key])


_NETS = {}  # as the same are asked for again and again


def in_pipeline(net):
    """Put a trained net behind a scaler that leaves samples as they are."""
    scaler = StandardScaler(with_mean=False, with_std=False).fit(X)
    return FrozenEstimator(make_pipeline(scaler, net))


def frozen_in_teacher(net):
    return Teacher(FrozenEstimator(net), target="label")


WRAPPERS = [FrozenEstimator, Teacher, frozen_in_teacher, in_pipeline]


def taught(model, y):
    """Return the predictions of the teacher of a model that is fitted in double."""
    samples = X.astype(np.float64)
    return TeacherPredictor(model.fit(samples, y), samples, y).predict(samples)


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("kind", ["logits", "probabilities", "binary", "sigmoid"])
@pytest.mark.parametrize(
    "labels",
    [[0, 1], [1, 2], [5, 7], [-1, 1], [0.0, 1.0], [False, True], ["a", "b"], ["1", "0"]],
    ids=str,
)
def test_trained_nets_predict_indices_of_labels(labels, kind, wrap):
    labels = np.sort(labels)
    index = (INDEX > 0).astype(int)
    net = net_of(kind, 2 if kind in ("logits", "probabilities") else 1, index)
    assert np.mean(net.predict(X) == index) > 0.95
    predicted = taught(classifier(wrap(net)), labels[index])
    np.testing.assert_array_equal(predicted, labels[net.predict(X)], strict=True)


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("labels", [[0, 1], [1, 2], [5, 7]], ids=str)
def test_report_of_a_trained_net(labels, wrap):
    index = (INDEX > 0).astype(int)
    net, y = net_of("logits", 2, index), np.array(labels)[index]
    report = classifier(wrap(net)).report(X.astype(float), y, cv=2, wavelets=["haar"])
    assert report.rows[1]["score"] == pytest.approx(np.mean(net.predict(X) == index))
    assert report.fidelity > 0.7


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize(
    "labels, n_outputs, trained_on, params",
    [
        ([1, 2, 5], 3, "indices", {}),
        ([1, 2, 5], 6, "labels", {}),
        ([1, 2, 3], 4, "labels", {}),
        ([0, 1, 2], 10, "labels", {}),
        ([5, 7, 9], 10, "labels", {}),
        ([5, 7, 9], 4, "indices", {}),
        ([5, 7, 9], 3, "indices", {"classes": [5, 7, 9]}),
        (["a", "b", "c"], 3, "indices", {"classes": ["a", "b", "c"]}),
    ],
)
def test_nets_trained_on_indices_and_on_labels(
    labels, n_outputs, trained_on, params, wrap
):
    labels = np.array(labels)
    y = INDEX if trained_on == "indices" else labels[INDEX]
    net = net_of("logits", n_outputs, y, **params)
    predicted = taught(classifier(wrap(net)), labels[INDEX])
    expected = net.predict(X) if trained_on == "labels" else labels[net.predict(X)]
    np.testing.assert_array_equal(predicted, expected, strict=True)
    assert np.mean(predicted == labels[INDEX]) > 0.9


@pytest.mark.parametrize("kind", ["logits", "no classes"])
def test_an_untrained_net_with_more_outputs_than_labels(kind):
    y = np.array([1, 2, 5])[INDEX]
    net = clone(net_of(kind, 6, INDEX))
    torch.manual_seed(0)
    assert np.mean(taught(classifier(Teacher(net, target="label")), y) == y) > 0.9


def test_a_fold_may_lack_a_class_that_the_teacher_knows():
    y = np.array(["a", "b", "c"])[INDEX]
    order = np.argsort(y, kind="stable")
    folds = [(order[:60], order[60:]), (order[30:], order[:30])]
    model = classifier(FrozenEstimator(net_of("logits", 3, INDEX)))
    report = model.report(X, y, cv=folds, wavelets=["haar"])
    assert report.rows[1]["score"] > 0.9


@pytest.mark.parametrize("kind", ["binary", "sigmoid"])
def test_the_threshold_of_a_binary_net_counts(kind):
    index = (INDEX > 0).astype(int)
    net = net_of(kind, 1, index).set_params(threshold=0.999)
    assert 0.1 < np.mean(net.predict(X)) < 0.6
    predicted = taught(classifier(FrozenEstimator(net)), index)
    np.testing.assert_array_equal(predicted, net.predict(X))


def test_a_module_may_end_with_a_sigmoid():
    index = (INDEX > 0).astype(int)
    net = net_of("sigmoid", 1, index)
    for module in (net.module_, lambda x: net.module_(x.float())):
        predicted = taught(classifier(module), index)
        np.testing.assert_array_equal(predicted, net.predict(X))


@pytest.mark.parametrize("labels", [[0, 1], [3, 5], ["a", "b"]])
def test_classifiers_of_scikit_learn(labels):
    y = np.array(labels)[(INDEX > 0).astype(int)]
    for estimator in (LogisticRegression(), MLPClassifier((4,), solver="lbfgs")):
        estimator.fit(X, y)
        for model in (classifier(FrozenEstimator(estimator)), classifier(estimator)):
            predicted = taught(model, y)
            expected = model.teacher_.predict(X.astype(float))
            np.testing.assert_array_equal(predicted, expected, strict=True)


def test_classes_that_do_not_agree():
    model = classifier(FrozenEstimator(LogisticRegression().fit(X, INDEX + 5)))
    with pytest.raises(ValueError, match=r"knows the classes \[5, 6, 7\], but y has \["):
        model.report(X, INDEX, cv=2)


class Flat(nn.Linear):
    def forward(self, x):
        return super().forward(x)[:, 0]


class Cnn(nn.Sequential):
    def __init__(self, n_channels=1, n_outputs=1):
        super().__init__(
            nn.Conv1d(n_channels, 4, 3, padding=1), nn.Flatten(), nn.LazyLinear(n_outputs)
        )


class FlatTarget(NeuralNetRegressor):
    """A net that takes targets of one axis by itself."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return super().get_loss(y_pred[:, 0], y_true, *args, **kwargs)


def regression_net(module=nn.Linear, kind=NeuralNetRegressor, **params):
    if issubclass(module, nn.Linear):
        params |= {"module__in_features": LENGTH, "module__out_features": 1}
    params = {"lr": 0.1, "max_epochs": 60, "verbose": 0, "train_split": None} | params
    return kind(module, **params)


class Double(nn.Linear):
    def __init__(self, **params):
        super().__init__(**params, dtype=torch.float64)


def fitted(model, dtype, y=NUMBERS):
    torch.manual_seed(0)
    return model.fit(X.astype(dtype), y)


WAYS = pytest.mark.parametrize(
    "wrap",
    [
        lambda net: net,
        lambda net: make_pipeline(StandardScaler(), net),
        lambda net: TransformedTargetRegressor(net, transformer=StandardScaler()),
        lambda net: TransformedTargetRegressor(
            make_pipeline(StandardScaler(), net), transformer=StandardScaler()
        ),
        lambda net: make_pipeline(
            StandardScaler(), TransformedTargetRegressor(net, func=None)
        ),
        Teacher,
    ],
)


@WAYS
@pytest.mark.parametrize(
    "module, kind, dtype",
    [
        (nn.Linear, NeuralNetRegressor, np.float64),
        (nn.Linear, NeuralNetRegressor, np.float32),
        (Flat, NeuralNetRegressor, np.float64),
        (Double, NeuralNetRegressor, np.float32),
        (Double, NeuralNet, np.float64),
        (nn.Linear, FlatTarget, np.float64),
    ],
)
def test_nets_learn_plain_targets(wrap, module, kind, dtype):
    params = {"criterion": nn.MSELoss} if kind is NeuralNet else {}
    teacher = wrap(regression_net(module, kind, **params))
    y = 3 * NUMBERS + 2
    model = fitted(regressor(teacher), dtype, y)
    predicted = TeacherPredictor(model, X, y).predict(X)
    assert r2_score(y, predicted) > 0.99
    assert predicted.shape == y.shape
    assert repr(model.teacher) == repr(wrap(regression_net(module, kind, **params)))


@WAYS
def test_report_of_a_regression_net(wrap):
    y = 3 * NUMBERS + 2
    torch.manual_seed(0)
    report = regressor(wrap(regression_net())).report(
        X.astype(float), y, cv=2, wavelets=["haar"]
    )
    assert report.rows[1]["score"] > 0.95
    assert report.fidelity > 0.9


def test_the_net_is_left_as_it_would_be_alone():
    """The net in a teacher learns what it does alone, and nothing of ours stays in it."""
    net = regression_net()
    torch.manual_seed(0)
    alone = clone(net).fit(X, NUMBERS[:, None].astype(np.float32))
    model = fitted(regressor(net), np.float32)
    for own, expected in zip(
        model.teacher_.module_.parameters(), alone.module_.parameters(), strict=True
    ):
        torch.testing.assert_close(own, expected)
    assert not model.teacher_.criterion_._forward_pre_hooks
    assert {*vars(model.teacher_)} == {*vars(alone)}
    assert not hasattr(net, "module_")


class SquaredError:
    """A criterion that is no module."""

    def __call__(self, outputs, target):
        return (outputs - target).square().mean()


def test_a_criterion_may_be_no_module():
    model = fitted(regressor(regression_net(criterion=SquaredError)), np.float64)
    assert r2_score(NUMBERS, TeacherPredictor(model, X, NUMBERS).predict(X)) > 0.99
    assert isinstance(model.teacher_.criterion_, SquaredError)


@pytest.mark.parametrize("integer", [False, True])
def test_integers_are_a_target_of_regression(integer):
    y = np.round(4 * NUMBERS).astype(int if integer else float)
    model = fitted(regressor(regression_net()), np.float32, y)
    assert TeacherPredictor(model, X, y).predict(X).std() > 0.9 * y.std()


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_binary_criteria_take_codes(n_outputs):
    """Also those of nets that are not declared as binary."""
    y = np.array(["a", "b"])[(INDEX > 0).astype(int)]
    net = NeuralNetClassifier(
        nn.Linear,
        module__in_features=LENGTH,
        module__out_features=1,
        criterion=nn.BCEWithLogitsLoss,
        optimizer=torch.optim.Adam,
        lr=0.05,
        max_epochs=60,
        train_split=None,
        verbose=0,
    )
    if n_outputs == 2:
        net = clone(net_of("logits", 2, (INDEX > 1).astype(int)))
    torch.manual_seed(0)
    assert np.mean(taught(classifier(net), y) == y) > 0.9


@pytest.mark.parametrize(
    "wrap", [lambda net: net, lambda net: make_pipeline(StandardScaler(), net)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1, LENGTH), (2, LENGTH // 2)])
def test_input_shape_counts_in_training(shape, dtype, wrap):
    net = wrap(regression_net(Cnn, module__n_channels=shape[0], lr=0.02))
    teacher = Teacher(net, input_shape=shape)
    model = fitted(regressor(teacher), dtype)
    assert r2_score(NUMBERS, TeacherPredictor(model, X, NUMBERS).predict(X)) > 0.8
    assert model.attributions(X).shape == (len(X), LENGTH)
    trained = Teacher(model.teacher_, input_shape=shape)
    again = fitted(regressor(trained), dtype)
    np.testing.assert_array_equal(again.attributions(X), model.attributions(X))
    other = regressor(Teacher(net, input_shape=(3, 7)))
    with pytest.raises(ValueError, match=r"input_shape=.3, 7. has 21 values"):
        other.fit(X, NUMBERS)


class OfDict(nn.Linear):
    def forward(self, x):
        return super().forward(x["x"])


class OfTwo(nn.Linear):
    def forward(self, x, mask):
        return super().forward(x * mask)


@pytest.mark.parametrize("module", [OfDict, OfTwo, Cnn])
def test_untrained_nets_of_other_inputs_are_explained(module):
    model = regressor(regression_net(module))
    with pytest.raises(ValueError, match=r"The teacher, .* samples of shape \(16,\): .*"):
        model.fit(X, NUMBERS)


class Two(nn.Linear):
    def __init__(self):
        super().__init__(LENGTH, 2)


@pytest.mark.parametrize(
    "make",
    [
        Two,
        lambda: Two().forward,
        lambda: FrozenEstimator(
            NeuralNetRegressor(Two, max_epochs=1, verbose=0, train_split=None).fit(
                X, X[:, :2]
            )
        ),
        lambda: FrozenEstimator(LinearRegression().fit(X, X[:, :2])),
    ],
)
def test_regression_of_several_outputs_needs_a_target(make):
    samples = X.astype(np.float32)
    teacher = make()
    for ratios in (None, [0, 1]):
        with pytest.raises(ValueError, match=r"2 outputs. Pass Teacher\(model, target="):
            regressor(teacher, ratios=ratios).fit(samples, NUMBERS)
    for target in (0, 1):
        asked = Teacher(teacher, target=target)
        predicted = TeacherPredictor(
            regressor(asked).fit(samples, NUMBERS), samples, NUMBERS
        ).predict(samples)
        outputs = Teacher(teacher).outputs(torch.from_numpy(samples)).detach()
        np.testing.assert_allclose(predicted, outputs[:, target])
    several = regressor(Teacher(teacher, target="all")).fit(samples, NUMBERS)
    with pytest.raises(ValueError, match=r"Pass .* with the index of one of them"):
        TeacherPredictor(several, samples, NUMBERS).predict(samples)
    assert not Teacher(Two()).is_regressor, "as the user's own are left as they are"


@pytest.mark.parametrize(
    "transformer, kind",
    [
        (WaveletTransformer("db2", level=1), "WaveletTransformer"),
        (SubbandPooling(WaveletTransformer("db2", level=1)), "WaveletTransformer"),
        (AdaptiveSubbandPooling(level=1, n_candidates=2), "AdaptiveSubbandPooling"),
        (FrozenEstimator(haar().fit(X)), "FrozenEstimator"),
        (make_pipeline(haar()), "Pipeline"),
        (SubbandPooling(), "SubbandPooling"),
    ],
)
def test_a_teacher_that_nothing_learns_from(transformer, kind):
    model = regressor(Ridge(), transformer=transformer)
    with pytest.warns(UserWarning, match=f"teacher has no effect: {kind} does not learn"):
        model.fit(X, NUMBERS)
    regressor(None, transformer=transformer).fit(X, NUMBERS)


def test_features_that_learn_wavelets_of_their_own():
    model = AWDRegressor(Ridge(), features=AdaptiveSubbandPooling(n_candidates=2))
    with pytest.raises(ValueError, match=r"AdaptiveSubbandPooling has none. Give it as"):
        model.fit(X, NUMBERS)


def test_a_teacher_of_the_transformer_gives_way():
    teacher = Teacher(Ridge().fit(X, NUMBERS))
    for own in (None, Ridge()):
        model = regressor(own, transformer=haar(teacher=teacher))
        with pytest.warns(UserWarning, match=r"has no effect: .* Pass yours as AWDRegr"):
            model.fit(X, NUMBERS)
    regressor(teacher, transformer=haar(teacher=teacher)).fit(X, NUMBERS)


@pytest.mark.parametrize("y", [["1.5", "b"], np.array(["a", "b"]), [b"a", "b"]])
def test_strings_are_no_target_of_a_regression(y):
    y = np.resize(np.asarray(y, dtype=object), len(X))
    with pytest.raises(ValueError, match=r"AWDRegressor needs numbers .* AWDClassifier"):
        AWDRegressor().fit(X, y)


@pytest.mark.parametrize("scale, offset", [(100, 5000), (-1, 0), (0.01, 3)])
def test_a_teacher_in_other_units_is_told(scale, offset):
    ridge = Ridge().fit(X, NUMBERS)
    model = regressor(FrozenEstimator(ridge))
    with pytest.warns(UserWarning, match=r"The teacher has R2=.* is not calibrated"):
        model.report(X, scale * NUMBERS + offset, cv=2, wavelets=["haar"])
    model.report(X, NUMBERS, cv=2, wavelets=["haar"])
    noise = np.random.default_rng(1).standard_normal(len(X))
    model.report(X, noise, cv=2, wavelets=["haar"])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_head_converges(seed):
    X, y = make_bursts(150, random_state=seed, return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = AWDRegressor(random_state=0).report(X, y, cv=2, wavelets=["haar", "db4"])
    assert all(np.isfinite(row["score"]) for row in report.rows)


Z = np.random.default_rng(3).standard_normal((90, 2, LENGTH))
CHANNELS = Z[:, 0, 3] - Z[:, 1, 5]


def flatten(samples):
    return samples.reshape(len(samples), -1)


def mean_of_channels(samples):
    return samples.mean(1)


def first_channel(samples):
    return samples[:, 0, :]


@pytest.mark.parametrize(
    "teacher",
    [
        Ridge(),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(FunctionTransformer(flatten), StandardScaler(), Ridge()),
        make_pipeline(FunctionTransformer(mean_of_channels), Ridge()),
        make_pipeline(FunctionTransformer(first_channel), StandardScaler(), Ridge()),
        TransformedTargetRegressor(
            make_pipeline(StandardScaler(), Ridge()), transformer=StandardScaler()
        ),
        Teacher(Ridge()),
    ],
    ids=lambda teacher: re.sub(r" at 0x\w+", "", str(teacher)),
)
def test_samples_of_several_axes(teacher):
    model = regressor(teacher).fit(Z, CHANNELS)
    trained = model.teacher_
    rows = Z if "FunctionTransformer" in repr(trained) else flatten(Z)
    predicted = TeacherPredictor(model, Z, CHANNELS).predict(Z)
    np.testing.assert_allclose(predicted, trained.predict(rows), atol=1e-9)
    frozen = regressor(FrozenEstimator(trained)).fit(Z, CHANNELS)
    np.testing.assert_allclose(frozen.attributions(Z), model.attributions(Z))
    # The gradient is that of a linear function: its differences.
    step = np.zeros_like(Z[:1])
    step[0, 1, 5] = 1
    step = step if rows is Z else flatten(step)
    change = trained.predict(rows[:1] + step) - trained.predict(rows[:1])
    gradients = input_gradients(trained, Z)
    np.testing.assert_allclose(gradients[:, 1, 5], change[0], atol=1e-9)
    assert regressor(teacher).report(Z, CHANNELS, cv=2, wavelets=["haar"]).fidelity


def test_samples_of_several_axes_of_a_classifier():
    y = np.where(CHANNELS > 0, "a", "b")
    for teacher in (
        LogisticRegression(),
        make_pipeline(FunctionTransformer(flatten), LogisticRegression()),
    ):
        model = classifier(teacher).fit(Z, y)
        predicted = TeacherPredictor(model, Z, y).predict(Z)
        assert np.mean(predicted == y) > 0.9


def test_a_first_step_that_is_not_affine():
    model = make_pipeline(FunctionTransformer(np.abs), Ridge())
    with pytest.raises(TypeError, match=r"must be affine, .* FunctionTransformer is not"):
        Teacher(model.fit(X, NUMBERS))
    model = make_pipeline(FunctionTransformer(lambda z: z.max(1)), Ridge())
    with pytest.raises(TypeError, match=r"must be affine, .* FunctionTransformer is not"):
        regressor(model).fit(Z, CHANNELS)


@pytest.mark.parametrize("estimator", [AWDRegressor(), AWDClassifier()])
@pytest.mark.parametrize("teacher", [None, Ridge(), Teacher(Ridge().fit(X, NUMBERS))])
def test_one_sample_is_not_enough(estimator, teacher):
    with pytest.raises(ValueError, match=r"1 sample\(s\) .* minimum of 2 is required by"):
        estimator.set_params(teacher=teacher).fit(X[:1], INDEX[:1])
