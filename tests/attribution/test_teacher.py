"""Teacher: what it computes, what it leaves alone, and how it travels."""

import copy
import pickle
import threading
import warnings
import weakref

import joblib
import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from sklearn import linear_model
from sklearn.base import clone, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC, LinearSVR
from teachers import (
    KINDS,
    LENGTH,
    MODULES,
    N_CLASSES,
    Recurrent,
    gradients,
    labels,
    make_model,
    make_module,
    perceptron,
    rows,
    smooth_function,
)
from torch import nn

from sk_awave.attribution import Teacher, input_gradients
from sk_awave.attribution._paths import METHODS

EXACT = 1e-10  # float64 rounding of sums over a dozen terms, and of fitted offsets


def make_teacher(kind, seed=0):
    model, shape = make_model(kind, seed)
    return Teacher(model, input_shape=shape)


def outputs(teacher, X):
    return teacher.outputs(torch.as_tensor(X)).detach().numpy()


@pytest.mark.parametrize("kind", MODULES)
def test_outputs_of_a_module_are_those_in_eval_mode(kind):
    module, shape = make_model(kind)
    x = torch.randn(5, *shape, dtype=torch.float64)
    actual = Teacher(module).outputs(x)
    torch.testing.assert_close(actual, module.eval()(x), rtol=0, atol=0)


def test_outputs_of_a_skorch_net_are_those_it_predicts():
    net, shape = make_model("skorch")
    X = rows().reshape(-1, *shape)
    np.testing.assert_allclose(outputs(Teacher(net), X), net.forward(X), atol=EXACT)


def fitted(model, y="labels"):
    """Fit to labels, or to a linear function given by its weights."""
    X = rows(100, seed=5)
    if isinstance(y, np.ndarray):
        return model.fit(X, X @ y)
    return model.fit(X, labels(X) if y == "labels" else X[:, 0] > 0)


ONE = np.arange(LENGTH) - 3.0
TWO = np.stack([ONE, np.ones(LENGTH)], 1)
CLASSIFIERS = [
    LogisticRegression(),
    linear_model.RidgeClassifier(),
    linear_model.SGDClassifier(random_state=0),
    linear_model.Perceptron(),
    LinearSVC(),
    LinearDiscriminantAnalysis(),
]
REGRESSORS = [
    LinearRegression(),
    LinearRegression(fit_intercept=False),
    linear_model.Ridge(),
    linear_model.Lasso(),
    linear_model.ElasticNet(),
    linear_model.LassoLars(),
    linear_model.BayesianRidge(),
    linear_model.HuberRegressor(),
    LinearSVR(),
    PLSRegression(),
]


@pytest.mark.parametrize("y", ["labels", "binary"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_outputs_of_linear_classifiers_are_decision_values(model, y):
    model = fitted(clone(model), y)
    teacher, X = Teacher(model), rows()
    expected = model.decision_function(X).reshape(len(X), -1)
    np.testing.assert_allclose(outputs(teacher, X), expected, atol=EXACT)
    np.testing.assert_array_equal(teacher.classes_, model.classes_)
    assert not teacher.is_regressor


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_outputs_of_linear_regressors_are_predictions(model):
    model = fitted(clone(model), ONE)
    teacher, X = Teacher(model), rows()
    expected = model.predict(X).reshape(len(X), -1)
    np.testing.assert_allclose(outputs(teacher, X), expected, atol=EXACT)
    assert teacher.is_regressor
    assert teacher.classes_ is None


def test_outputs_of_several_targets():
    model = fitted(LinearRegression(), TWO)
    np.testing.assert_allclose(
        outputs(Teacher(model), rows()), model.predict(rows()), atol=EXACT
    )


def test_sparse_coefficients():
    model = fitted(linear_model.SGDClassifier(random_state=0))
    expected = model.decision_function(rows())
    np.testing.assert_allclose(outputs(Teacher(model.sparsify()), rows()), expected)


ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("y", ["labels", "binary"])
def test_outputs_of_a_perceptron_classifier_are_logits(activation, y):
    model = MLPClassifier((7, 5), activation=activation, max_iter=3, random_state=0)
    model = fitted(model, y)
    logits = torch.as_tensor(outputs(Teacher(model), rows()))
    if y == "labels":
        probabilities = logits.softmax(1)
    else:
        probabilities = torch.cat([(-logits).sigmoid(), logits.sigmoid()], 1)
    np.testing.assert_allclose(probabilities, model.predict_proba(rows()), atol=EXACT)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("y", [ONE, TWO], ids=["one", "two"])
def test_outputs_of_a_perceptron_regressor_are_predictions(activation, y):
    model = MLPRegressor(
        hidden_layer_sizes=(7, 5), activation=activation, max_iter=3, random_state=0
    )
    model = fitted(model, y)
    expected = model.predict(rows()).reshape(len(rows()), -1)
    np.testing.assert_allclose(outputs(Teacher(model), rows()), expected, atol=EXACT)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_outputs_of_a_poisson_perceptron_are_predictions():
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("came with scikit-learn 1.7")
    model = MLPRegressor(loss="poisson", max_iter=3, random_state=0)
    model.fit(rows(50), np.exp(rows(50)[:, 0]))
    expected = model.predict(rows())[:, None]
    np.testing.assert_allclose(outputs(Teacher(model), rows()), expected, atol=EXACT)


@pytest.mark.parametrize(
    "steps",
    [
        [StandardScaler()],
        [StandardScaler(with_mean=False), MinMaxScaler(feature_range=(-1, 1))],
        [RobustScaler(), "passthrough", PCA(5, whiten=True)],
        [make_pipeline(StandardScaler(), PCA(5)), FrozenEstimator(StandardScaler())],
    ],
    ids=repr,
)
def test_outputs_of_a_pipeline_of_affine_steps(steps):
    X = pd.DataFrame(rows(100, seed=5) * 30 + 1000).rename(columns="t{}".format)
    frozen = FrozenEstimator(StandardScaler().fit(rows(9)[:, :5]))
    steps = [frozen if isinstance(step, FrozenEstimator) else step for step in steps]
    model = make_pipeline(*steps, LogisticRegression()).fit(X, labels(X.to_numpy()))
    expected = model.decision_function(X)
    # Offsets of a thousand cost three digits.
    actual = outputs(Teacher(model), X.to_numpy().copy())
    np.testing.assert_allclose(actual, expected, atol=EXACT * 1000)


def test_pipeline_ends_with_a_skorch_net():
    net, _ = make_model("skorch")
    net = copy.deepcopy(net)
    net.module_ = nn.Sequential(nn.Unflatten(1, (1, LENGTH)), net.module_)
    scaler = StandardScaler().fit(rows(50) * 3 + 1)
    teacher = Teacher(make_pipeline(scaler, net))
    expected = net.forward(scaler.transform(rows()))
    np.testing.assert_allclose(outputs(teacher, rows()), expected, atol=EXACT)


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize(
    "params",
    [
        {"transformer": StandardScaler()},
        {"transformer": make_pipeline(MinMaxScaler(), StandardScaler())},
        {"func": lambda y: 3 * y - 1, "inverse_func": lambda y: (y + 1) / 3},
        {},
    ],
    ids=["scaler", "pipeline", "function", "none"],
)
def test_targets_that_are_scaled(params, n_targets):
    X = rows(40)
    y = 1000 + 50 * X[:, :n_targets].squeeze()
    network = MLPRegressor(
        hidden_layer_sizes=5, solver="lbfgs", max_iter=20, random_state=0
    )
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), **params)
    with warnings.catch_warnings(action="ignore"):  # a few iterations do
        model.fit(X, y)
    teacher = Teacher(FrozenEstimator(model))
    assert teacher.is_regressor
    actual = outputs(teacher, rows())
    assert actual.shape == (len(rows()), n_targets)
    # Offsets of a thousand cost three digits.
    expected = model.predict(rows()).reshape(actual.shape)
    np.testing.assert_allclose(actual, expected, atol=EXACT * 1000)
    assert gradients(teacher, rows(), target=0).shape == rows().shape


def test_scaled_targets_of_a_network_without_a_second_axis():
    net, _ = make_model("skorch")
    model = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler())
    model.fit(rows(30), 5 * rows(30)[:, 0] + 3)
    net = copy.deepcopy(net)
    net.module_ = smooth_function
    model.regressor_ = net
    expected = model.transformer_.inverse_transform(
        smooth_function(torch.as_tensor(rows())).reshape(-1, 1)
    )
    np.testing.assert_allclose(outputs(Teacher(model), rows()), expected, atol=EXACT)


def test_targets_whose_transformer_is_not_affine():
    model = TransformedTargetRegressor(
        LinearRegression(), func=np.log, inverse_func=np.exp
    ).fit(rows(30), np.exp(rows(30)[:, 0]))
    with pytest.raises(TypeError, match=r"must be affine, .* FunctionTransformer is not"):
        Teacher(model)


def test_rows_of_any_shape_for_scikit_learn():
    model = fitted(LogisticRegression())
    X = rows()
    actual = outputs(Teacher(model), X.reshape(-1, 1, 3, LENGTH // 3))
    np.testing.assert_allclose(actual, model.decision_function(X), atol=EXACT)


def test_inputs_are_brought_to_the_dtype_of_the_module():
    module = make_module("perceptron").float()
    x = torch.randn(4, LENGTH, dtype=torch.float64, requires_grad=True)
    out = Teacher(module).outputs(x)
    assert out.dtype == torch.float32
    out.sum().backward()
    assert x.grad.dtype == torch.float64


def test_first_of_several_outputs_and_single_outputs():
    x = torch.randn(4, LENGTH)
    teacher = Teacher(lambda x: (x.sum(1), x))
    torch.testing.assert_close(teacher.outputs(x), x.sum(1, keepdim=True))


def state(module):
    """Return all that could change, in plain Python."""
    tensors, parameters = module.state_dict().values(), list(module.parameters())
    return {
        "training": [m.training for m in module.modules()],
        "requires_grad": [p.requires_grad for p in parameters],
        "grad": [None if p.grad is None else p.grad.tolist() for p in parameters],
        "values": [t.tolist() for t in tensors],
        "kinds": [(t.dtype, t.device) for t in tensors],
        "random": torch.get_rng_state().tolist(),
        "numpy random": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "cudnn": torch.backends.cudnn.enabled,
        "grad mode": torch.is_grad_enabled(),
    }


@pytest.mark.filterwarnings("ignore:With n_steps=2:UserWarning")
@pytest.mark.parametrize("kind", [*MODULES, "skorch"])
def test_module_comes_back_as_it_went_in(kind):
    model, shape = make_model(kind)
    module = model.module_ if kind == "skorch" else model
    module.train()
    list(module.children())[1].eval()  # mixed flags
    first, *others = module.parameters()
    first.requires_grad_(False)
    for parameter in others:
        parameter.grad = torch.ones_like(parameter)
    grads, before = [p.grad for p in others], state(module)
    teacher = Teacher(model)
    for method in METHODS:
        X = rows().reshape(-1, *shape)
        gradients(teacher, X, method=method, target="all", n_steps=2)
    pickle.dumps(teacher)
    assert state(module) == before
    assert all(p.grad is grad for p, grad in zip(others, grads, strict=True))


def test_module_comes_back_after_an_error():
    module = make_module("perceptron")
    with pytest.raises(ValueError, match="shapes cannot be multiplied"):
        Teacher(module).outputs(torch.randn(2, LENGTH + 1))
    assert all(m.training for m in module.modules())


@pytest.mark.parametrize("kind, without", [("recurrent", True), ("perceptron", False)])
def test_recurrent_layers_on_a_gpu_do_without_cudnn(kind, without, monkeypatch):
    # The choice only, for want of a GPU: what follows from it is in test_on_a_gpu.
    module, seen = make_module(kind), []
    module.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.enabled))
    monkeypatch.setattr(nn.Parameter, "is_cuda", True, raising=False)
    Teacher(module).outputs(torch.randn(2, *MODULES[kind][1]))
    assert seen == [not without]
    assert torch.backends.cudnn.enabled


def test_threads_do_not_see_each_others_flags():
    module = make_module("perceptron")  # in train mode, with dropout
    teacher, x = Teacher(module), torch.randn(4, LENGTH)
    expected, found = teacher.outputs(x), []

    def work():
        found.extend(teacher.outputs(x) for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 400
    assert all(torch.equal(out, expected) for out in found)
    assert all(m.training for m in module.modules())


@pytest.mark.parametrize("kind", KINDS)
def test_clones_and_copies_are_the_teacher_itself(kind):
    teacher = make_teacher(kind)
    assert clone(teacher) is teacher
    assert copy.deepcopy({"teacher": teacher})["teacher"] is teacher
    assert copy.copy(teacher) is teacher


def test_module_is_held_and_not_copied():
    module = make_module("perceptron")
    teacher, x = Teacher(module), torch.randn(2, LENGTH, dtype=torch.float64)
    with torch.no_grad():
        module[-1].bias += 1
    torch.testing.assert_close(teacher.outputs(x), module.eval()(x))


@pytest.mark.parametrize("kind", KINDS)
def test_pickled_teacher_computes_the_same(kind):
    teacher = make_teacher(kind)
    loaded = pickle.loads(pickle.dumps(teacher))
    # Sums of products depend on where arrays lie in memory.
    np.testing.assert_allclose(
        outputs(loaded, rows()), outputs(teacher, rows()), rtol=1e-13, atol=1e-13
    )
    assert repr(loaded) == repr(teacher)
    assert loaded.device == teacher.device
    assert loaded.is_regressor == teacher.is_regressor


@pytest.mark.parametrize("kind", KINDS)
def test_equal_weights_hash_equal(kind):
    teacher, again = make_teacher(kind), make_teacher(kind)
    loaded = pickle.loads(pickle.dumps(teacher))
    hashes = {joblib.hash(t) for t in (teacher, again, loaded, pickle_twice(loaded))}
    assert len(hashes) == 1
    if kind != "callable":
        assert joblib.hash(make_teacher(kind, seed=1)) not in hashes


def pickle_twice(teacher):
    return pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(teacher))))


@pytest.mark.parametrize("kind", MODULES)
def test_hash_depends_on_weights_and_not_on_flags(kind):
    module, fresh = make_module(kind), make_module(kind, seed=3)
    fresh.load_state_dict(module.state_dict())
    before = joblib.hash(Teacher(module))
    for parameter in module.eval().parameters():
        parameter.requires_grad_(False)
    assert joblib.hash(Teacher(module)) == before == joblib.hash(Teacher(fresh))
    assert joblib.hash(Teacher(copy.deepcopy(module))) == before
    for changes in ({"input_shape": (1, LENGTH)}, {"target": 1}, {"noise_level": 0.2}):
        assert joblib.hash(Teacher(module, **changes)) != before
    with torch.no_grad():
        next(module.parameters())[0] += 1e-12
    assert joblib.hash(Teacher(module)) != before


def test_cache_on_disk_is_hit_after_pickling(tmp_path):
    memory, calls = joblib.Memory(tmp_path, verbose=0), []

    def fit(teacher):
        calls.append(1)
        return outputs(teacher, rows())

    cached = memory.cache(fit)
    teacher = make_teacher("recurrent")
    for t in (teacher, pickle.loads(pickle.dumps(teacher)), make_teacher("recurrent")):
        cached(t)
    assert len(calls) == 1
    cached(make_teacher("recurrent", seed=1))
    assert len(calls) == 2


def test_classes_that_workers_cannot_import():
    # loky pickles by cloudpickle what is defined in __main__, in a notebook for instance.
    cloudpickle = pytest.importorskip("cloudpickle")

    class Local(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = perceptron()
            self.activation = lambda x: x.tanh()

        def forward(self, x):
            return self.activation(self.inner(x))

    teacher, x = Teacher(Local()), torch.randn(2, LENGTH)
    loaded = pickle.loads(cloudpickle.dumps(teacher))
    torch.testing.assert_close(loaded.outputs(x), teacher.outputs(x), rtol=0, atol=0)


def test_pickles_keep_shared_and_unregistered_tensors():
    module = make_module("perceptron")
    module.scale = torch.full((1,), 2.0)  # neither parameter nor buffer
    module.register_buffer("same", module[0].weight.data)
    module.tied = nn.Linear(LENGTH, 16)
    module.tied.weight = module[0].weight
    (loaded,) = pickle.loads(pickle.dumps(Teacher(module)))._stages
    assert loaded.tied.weight is loaded[0].weight
    assert isinstance(loaded.tied.weight, nn.Parameter)
    assert not loaded.tied.weight.requires_grad
    assert torch.equal(loaded.scale, module.scale)
    assert joblib.hash(Teacher(loaded)) == joblib.hash(Teacher(module))


def test_pickled_recurrent_layers_are_whole():
    teacher = pickle.loads(pickle.dumps(Teacher(make_module("recurrent"))))
    lstm = teacher._stages[0].lstm
    assert all(isinstance(weight, nn.Parameter) for weight in lstm._flat_weights)
    assert all(isinstance(ref, weakref.ref) for ref in lstm._flat_weight_refs)


def test_repr_is_one_short_line():
    wide = Teacher(make_module("convolutional"), input_shape=(1, LENGTH))
    assert repr(wide) == f"Teacher(Sequential, input_shape=(1, {LENGTH}))"
    assert repr(Teacher(Recurrent())) == "Teacher(Recurrent)"
    assert repr(Teacher(smooth_function)) == "Teacher(smooth_function)"
    assert repr(make_teacher("frozen pipeline")).startswith("Teacher(Pipeline")
    assert repr(Teacher(LinearRegression())) == "Teacher(LinearRegression)"


@pytest.mark.parametrize(
    "params, expected",
    [
        ({"target": "all"}, ", target='all'"),
        ({"target": np.array([2, 0])}, ", target=[2, 0]"),
        ({"n_steps": 7, "method": "smoothgrad"}, ", method='smoothgrad', n_steps=7"),
        ({"noise_level": 1, "input_shape": 9}, ", input_shape=(9,), noise_level=1"),
        ({"method": "saliency", "target": "auto", "noise_level": 0.15}, ""),
    ],
)
def test_repr_shows_what_was_changed(params, expected):
    expected = f"Teacher(smooth_function{expected})"
    assert repr(Teacher(smooth_function, **params)) == expected
    assert repr(Teacher(smooth_function).replace(**params)) == expected


def question(teacher):
    """Return what a teacher is asked, as arguments of a Teacher."""
    names = ("input_shape", "method", "target", "n_steps", "noise_level")
    return {name: getattr(teacher, name) for name in names}


DEFAULTS = {
    "input_shape": None,
    "method": "saliency",
    "target": "auto",
    "n_steps": "auto",
    "noise_level": 0.15,
}
CHANGES = {
    "input_shape": (1, LENGTH),
    "method": "input_x_gradient",
    "target": 1,
    "n_steps": 3,
    "noise_level": 0.5,
}


def test_question():
    assert question(Teacher(smooth_function)) == DEFAULTS
    assert question(Teacher(smooth_function, **CHANGES)) == CHANGES
    with pytest.raises(TypeError, match="positional"):
        Teacher(smooth_function, (1, LENGTH))


@pytest.mark.parametrize("make", [list, tuple, np.array])
def test_lists_of_targets_are_copied(make):
    target = make([2, 0])
    teacher = Teacher(smooth_function, target=target)
    assert teacher.target == [2, 0]
    assert teacher.target is not target


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_targets_of_any_integer_type(dtype):
    module = make_module("perceptron")
    every = gradients(module, rows(), target="all")
    single = Teacher(module, target=dtype(2))
    assert joblib.hash(single) == joblib.hash(Teacher(module, target=2))
    np.testing.assert_array_equal(input_gradients(single, rows()), every[2])
    some = gradients(module, rows(), target=np.array([2, 0], dtype=dtype))
    np.testing.assert_array_equal(some, every[[2, 0]])


@pytest.mark.parametrize("method", [*METHODS, lambda forward, x, target: x])
def test_methods_that_multiply(method):
    expected = method in ("input_x_gradient", "integrated_gradients")
    assert Teacher(smooth_function, method=method).multiplies is expected


@pytest.mark.parametrize("name", CHANGES)
def test_replace_one_part_of_the_question(name):
    teacher = Teacher(smooth_function)
    other = teacher.replace(**{name: CHANGES[name]})
    assert question(other) == DEFAULTS | {name: CHANGES[name]}
    assert question(teacher) == DEFAULTS
    back = Teacher(smooth_function, **CHANGES).replace(**{name: DEFAULTS[name]})
    assert question(back) == CHANGES | {name: DEFAULTS[name]}


@pytest.mark.parametrize("kind", KINDS)
def test_replace_the_question(kind):
    teacher, (model, shape) = make_teacher(kind), make_model(kind)
    before = joblib.hash(teacher)
    changes = {"target": 0, "method": "smoothgrad", "n_steps": 2, "noise_level": 0.3}
    other = teacher.replace(**changes)
    assert other is not teacher
    assert joblib.hash(teacher) == before
    assert joblib.hash(other) == joblib.hash(Teacher(model, input_shape=shape, **changes))
    np.testing.assert_array_equal(outputs(other, rows()), outputs(teacher, rows()))
    np.testing.assert_array_equal(other.classes_, teacher.classes_)
    assert other.is_regressor == teacher.is_regressor
    assert all(a is b for a, b in zip(other._stages, teacher._stages, strict=True))


def test_replace_shares_the_weights():
    module = make_module("perceptron")
    teacher, x = Teacher(module), torch.randn(2, LENGTH, dtype=torch.float64)
    other = teacher.replace(target=1)
    with torch.no_grad():
        module[-1].bias += 1
    expected = module.eval()(x)
    for same in (teacher, other):
        torch.testing.assert_close(same.outputs(x), expected, rtol=0, atol=0)


def test_replace_the_model():
    teacher = Teacher(make_module("perceptron"), **CHANGES)
    model = fitted(LogisticRegression())
    other = teacher.replace(model=model, target="label")
    assert question(other) == CHANGES | {"target": "label"}
    assert joblib.hash(other) == joblib.hash(
        Teacher(model, **(CHANGES | {"target": "label"}))
    )
    np.testing.assert_array_equal(other.classes_, model.classes_)
    expected = model.decision_function(rows())
    np.testing.assert_allclose(outputs(other, rows()), expected, atol=EXACT)
    assert question(teacher) == CHANGES
    assert teacher.classes_ is None


def test_replace_an_untrained_model_by_the_trained_one():
    model = make_pipeline(StandardScaler(), LinearRegression())
    teacher = Teacher(model, target=0)
    asked = teacher.replace(method="input_x_gradient")
    assert not asked.is_trained
    trained = asked.replace(model=clone(model).fit(rows(30), rows(30)[:, 0]))
    assert trained.is_trained
    assert trained.multiplies
    assert outputs(trained, rows()).shape == (len(rows()), 1)
    assert not teacher.is_trained
    assert not asked.is_trained


def test_replace_checks_what_it_is_given():
    teacher = Teacher(smooth_function)
    with pytest.raises(TypeError, match="unexpected keyword argument 'targets'"):
        teacher.replace(targets=1)
    with pytest.raises(TypeError, match="must be a torch module"):
        teacher.replace(model=None)
    with pytest.raises(ValueError, match="input_shape must be a tuple of positive ints"):
        teacher.replace(input_shape=0)
    assert question(teacher) == DEFAULTS


@pytest.mark.parametrize("ask", [Teacher, Teacher(smooth_function).replace])
@pytest.mark.parametrize(
    "params, message",
    [
        ({"target": "most"}, "'target' parameter of Teacher must be .* Got 'most' inste"),
        ({"target": 1.5}, "'target' parameter .* Got 1.5"),
        ({"target": True}, "'target' parameter .* Got True"),
        ({"target": []}, r"'target' parameter .* Got \[\]"),
        ({"target": [0.5]}, r"'target' parameter .* Got \[0.5\]"),
        ({"target": None}, "'target' parameter .* Got None"),
        ({"method": "lime"}, "'method' parameter of Teacher must be .* 'lime'"),
        ({"n_steps": 0}, "'n_steps' parameter of Teacher .* Got 0"),
        ({"noise_level": -1}, "'noise_level' parameter of Teacher .* Got -1"),
    ],
)
def test_wrong_questions(ask, params, message):
    model = {"model": smooth_function} if ask is Teacher else {}
    with pytest.raises(ValueError, match=message):
        ask(**model, **params)


def test_device_is_that_of_the_parameters():
    assert Teacher(make_module("perceptron")).device == torch.device("cpu")
    assert make_teacher("mlp classifier").device is None
    assert make_teacher("callable").device is None


@pytest.mark.parametrize(
    "model, got",
    [
        (3, "3"),
        (None, "None"),
        ("mlp", "'mlp'"),
        (nn.Linear, "torch.nn.modules.linear.Linear"),
        (LogisticRegression, "LogisticRegression"),
    ],
)
def test_models_of_no_known_kind(model, got):
    message = f"must be a torch module, a fitted estimator or a function .* Got .*{got}"
    with pytest.raises(TypeError, match=message):
        Teacher(model)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(2),
        SVC(),
        linear_model.PoissonRegressor(),
        linear_model.SGDOneClassSVM(),
        PCA(),
    ],
    ids=repr,
)
def test_estimators_that_are_not_differentiable(model):
    model.fit(rows(30), np.arange(30) % 2)
    name = type(model).__name__
    with pytest.raises(TypeError, match=f"{name} is not a model that sk_awave can"):
        Teacher(model)


@pytest.mark.parametrize(
    "step",
    [QuantileTransformer(n_quantiles=5), PowerTransformer(), MinMaxScaler(clip=True)],
    ids=repr,
)
def test_steps_that_are_not_affine(step):
    # Far from zero and one, where a quantile scale is constant; at 1000 the power scale
    # of scipy 1.10 overflows.
    model = make_pipeline(step, LinearRegression()).fit(rows(30) + 10, rows(30)[:, 0])
    with pytest.raises(
        TypeError, match=f"must be affine, .* {type(step).__name__} is not"
    ):
        Teacher(model)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        MLPRegressor(),
        FrozenEstimator(LinearRegression()),
        make_pipeline(StandardScaler(), LinearRegression()),
        RandomForestClassifier(),
        TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
    ],
    ids=repr,
)
def test_estimators_that_are_not_fitted(model):
    check_untrained(model)


@pytest.mark.parametrize("in_a_pipeline", [False, True])
def test_skorch_net_that_is_not_fitted(in_a_pipeline):
    net = clone(make_model("skorch")[0])
    check_untrained(make_pipeline(StandardScaler(), net) if in_a_pipeline else net)


def test_pipeline_with_one_step_that_is_not_fitted():
    model = fitted(LogisticRegression())
    check_untrained(make_pipeline(StandardScaler(), model))


def check_untrained(model):
    """Check that a Teacher holds a model that is not fitted, and does not evaluate it."""
    teacher = Teacher(model, input_shape=(1, LENGTH), target=1)
    assert Teacher(fitted(LinearRegression(), ONE)).is_trained
    bare = model.estimator if isinstance(model, FrozenEstimator) else model
    assert repr(teacher).startswith(f"Teacher({type(bare).__name__}, ")
    assert teacher.device is None
    assert teacher.is_regressor == is_regressor(bare)
    assert clone(teacher) is teacher
    assert copy.deepcopy(teacher) is teacher
    loaded = pickle.loads(pickle.dumps(teacher))
    assert repr(loaded) == repr(teacher)
    assert question(loaded) == question(teacher)
    assert joblib.hash(loaded) == joblib.hash(teacher)
    for same in (teacher, loaded, teacher.replace(method="smoothgrad")):
        assert not same.is_trained
        message = f"The {type(bare).__name__} of this Teacher is not fitted yet"
        with pytest.raises(NotFittedError, match=message):
            same.outputs(torch.from_numpy(rows()))
        with pytest.raises(NotFittedError, match=message):
            input_gradients(same, rows())


def test_untrained_module_can_be_trained_after_pickling():
    # As a worker of a search does.
    module = make_module("convolutional")
    module[0].bias.requires_grad_(False)
    net = skorch.NeuralNetClassifier(
        module, criterion=nn.CrossEntropyLoss, max_epochs=1, lr=0.01, verbose=0
    )
    loaded = pickle.loads(pickle.dumps(Teacher(net, input_shape=(1, LENGTH))))
    trained = loaded.untrained.module
    needs_grad = [p.requires_grad for p in module.parameters()]
    assert [p.requires_grad for p in trained.parameters()] == needs_grad
    assert set(needs_grad) == {False, True}
    before = copy.deepcopy(trained.state_dict())
    loaded.untrained.fit(rows(60)[:, None], np.arange(60) % N_CLASSES)
    after = loaded.untrained.module_.state_dict()
    assert torch.equal(after["0.bias"], before["0.bias"])
    assert not torch.equal(after["0.weight"], before["0.weight"])


@pytest.mark.parametrize("input_shape", [(), (0, 3), (-1,), "a", (4.9,), 3.0, [[2]]])
def test_wrong_input_shape(input_shape):
    with pytest.raises(ValueError, match="input_shape must be a tuple of positive ints"):
        Teacher(smooth_function, input_shape=input_shape)


def test_input_shape_of_another_size():
    teacher = Teacher(smooth_function, input_shape=(1, 5))
    with pytest.raises(ValueError, match=r"has 5 values, but X has samples of shape"):
        teacher.outputs(torch.randn(2, LENGTH))


def test_inputs_of_another_shape_than_the_module_takes():
    last = nn.Linear(2 * (LENGTH - 2), 1)
    convolution = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), last)
    remedy = rf"pass Teacher\(model, input_shape=\(1, {LENGTH}\)\)"
    for model in (nn.Linear(3, 2), convolution, make_module("recurrent").float()):
        with pytest.raises(ValueError, match=remedy) as info:
            Teacher(model).outputs(torch.randn(20, LENGTH))
        assert isinstance(info.value.__cause__, RuntimeError | IndexError)
    Teacher(convolution, input_shape=(1, LENGTH)).outputs(torch.randn(20, LENGTH))
    with pytest.raises(ValueError, match=r"X has 5 features, .* expecting 12 features"):
        make_teacher("linear regression").outputs(torch.randn(2, 5))


@pytest.mark.parametrize(
    "function, error, message",
    [
        (lambda x: x.detach().numpy(), TypeError, "return a tensor. Got ndarray"),
        (lambda x: [x.sum(1)], TypeError, "return a tensor. Got list"),
        (lambda x: x.sum(), ValueError, r"\(4,\) or \(4, n_outputs\) .* Got \(\)"),
        (lambda x: x.sum(0), ValueError, r"Got \(12,\)"),
        (lambda x: x.reshape(4, 3, 4), ValueError, r"Got \(4, 3, 4\)"),
        (lambda x: x[:, :0], ValueError, r"Got \(4, 0\)"),
        (lambda x: x.sum(1) * np.nan, ValueError, "returns NaN or infinity"),
        (lambda x: x.sum(1) / 0, ValueError, "returns NaN or infinity"),
    ],
)
def test_outputs_that_are_wrong(function, error, message):
    with pytest.raises(error, match=message):
        Teacher(function).outputs(torch.randn(4, LENGTH))


class Foreign(nn.Module):
    """Takes or returns something else than one tensor."""

    def __init__(self, function, dtype=None):
        super().__init__()
        self.linear, self.function = nn.Linear(LENGTH, 2, dtype=dtype), function

    def forward(self, x):
        return self.function(self.linear, x)


class TakesTwo(nn.Linear):
    def forward(self, x, mask):
        return super().forward(x * mask)


class TakesNames(nn.Linear):
    def forward(self, *, x):
        return super().forward(x)


def pair(linear, inputs):
    x, mask = inputs
    return linear(x * mask)


@pytest.mark.filterwarnings("ignore:.*tensor with an invalid index:DeprecationWarning")
@pytest.mark.parametrize(
    "model, error, message",
    [
        (Foreign(lambda linear, x: linear(x["x"])), ValueError, "takes a dict"),
        (Foreign(lambda linear, x: linear(x.get("x"))), ValueError, "takes a dict"),
        (Foreign(lambda linear, x: linear(**x)), ValueError, "takes a dict"),
        (Foreign(pair), ValueError, "several inputs"),
        (TakesTwo(LENGTH, 2), ValueError, "missing 1 required .* several inputs"),
        (TakesNames(LENGTH, 2), ValueError, "positional argument.* several inputs"),
        (Foreign(lambda linear, x: {"y": linear(x)}), TypeError, "Got dict"),
        (Foreign(lambda linear, x: ({"y": linear(x)}, x)), TypeError, "Got dict"),
        (Foreign(lambda linear, x: None), TypeError, "Got NoneType"),
        (Foreign(lambda linear, x: linear(x), torch.complex64), ValueError, "complex"),
    ],
)
def test_models_that_take_or_return_something_else(model, error, message):
    """What is said speaks of the teacher, and of the function that can take its place."""
    for n_samples in (2, 5):
        with pytest.raises(
            error, match=rf"(?s)The teacher .*{message}.*lambda x: model\("
        ):
            input_gradients(model, torch.randn(n_samples, LENGTH))


@pytest.mark.parametrize("make", [torch.fft.rfft, lambda x: torch.complex(x, x)])
def test_complex_outputs(make):
    with pytest.raises(ValueError, match=r"must return real outputs.* complex .*abs\(\)"):
        input_gradients(make, rows())
