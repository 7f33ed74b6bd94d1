"""Input gradients against finite differences, closed forms and captum."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from teachers import (
    KINDS,
    LENGTH,
    MODULES,
    N_CLASSES,
    gradients,
    labels,
    make_model,
    make_module,
    rows,
    smooth_function,
)
from torch import nn

from sk_awave.attribution import Teacher, input_gradients
from sk_awave.attribution._paths import LOCAL_METHODS, METHODS

EXACT = 1e-12  # float64 rounding of a few dozen operations
AVERAGES = [method for method in METHODS if method not in LOCAL_METHODS]


def make_teacher(kind):
    model, shape = make_model(kind)
    return Teacher(model, input_shape=shape)


def central_differences(teacher, X, target, step=1e-5):
    """Return the gradient of an output; its error is about step**2 = 1e-10."""
    field = np.empty_like(X)
    with torch.no_grad():
        for i in np.ndindex(X.shape[1:]):
            high, low = X.copy(), X.copy()
            high[:, *i] += step
            low[:, *i] -= step
            change = teacher.outputs(torch.from_numpy(high)) - teacher.outputs(
                torch.from_numpy(low)
            )
            field[:, *i] = change[:, target] / (2 * step)
    return field


@pytest.mark.parametrize("kind", KINDS)
def test_saliency_is_the_gradient(kind):
    teacher, X = make_teacher(kind), rows()
    n_outputs = teacher.outputs(torch.from_numpy(X)).shape[1]
    for target in range(n_outputs):
        actual = gradients(teacher, X, target=target)
        expected = central_differences(teacher, X, target)
        np.testing.assert_allclose(actual, expected, atol=1e-8)


@pytest.mark.parametrize("shape", [(LENGTH,), (1, LENGTH), (3, 4), (2, 3, 2)])
def test_fields_have_the_shape_of_the_samples(shape):
    X = rows().reshape(-1, *shape)
    teacher = Teacher(smooth_function)
    actual = input_gradients(teacher, X)
    np.testing.assert_allclose(actual, central_differences(teacher, X, 0), atol=1e-8)


def test_linear_models_have_their_coefficients_as_gradients():
    X = rows(100)
    model = LogisticRegression().fit(X, labels(X))
    actual = gradients(model, X[:5], target="all")
    expected = np.broadcast_to(model.coef_[:, None], actual.shape)
    np.testing.assert_allclose(actual, expected, atol=EXACT)


@pytest.mark.parametrize("method", METHODS)
def test_averages_of_a_constant_gradient_are_that_gradient(method):
    model = LinearRegression().fit(rows(50), rows(50) @ np.arange(LENGTH))
    field = gradients(model, rows(), method=method, n_steps=3)
    expected = np.broadcast_to(model.coef_, field.shape)
    np.testing.assert_allclose(field, expected, atol=EXACT)


def cubic(x):
    return (x**3).sum(1)


def test_integrated_gradients_of_a_cubic():
    # The integral of 3 t^2 x^2 over t; two nodes integrate cubics exactly.
    field = gradients(cubic, rows(), method="integrated_gradients", n_steps=2)
    np.testing.assert_allclose(field, rows() ** 2, atol=EXACT)


def test_smoothgrad_of_a_cubic():
    # The mean of 3 (x + e)^2 is 3 (x^2 + s^2), s a fraction of the range of the sample.
    X = rows(3)
    field = gradients(
        cubic, X, method="smoothgrad", n_steps=2_000, noise_level=0.1, random_state=0
    )
    s = 0.1 * np.ptp(X, axis=1, keepdims=True)
    # Five standard errors of the mean of 6 x e over 2,000 draws, of size 0.1 at most.
    tolerance = 5 * 6 * np.abs(X).max() * s.max() / np.sqrt(2_000)
    np.testing.assert_allclose(field, 3 * (X**2 + s**2), atol=tolerance)


def test_expected_gradients_of_a_cubic():
    # The mean of 3 (b + t (x - b))^2 over t is x^2 + x b + b^2.
    X, baselines = rows(3), np.stack([np.zeros(LENGTH), np.ones(LENGTH)])
    field = gradients(
        cubic,
        X,
        method="expected_gradients",
        baselines=baselines,
        n_steps=2_000,
        random_state=0,
    )
    expected = X**2 + (X + 1) / 2
    # Five standard errors: the summands lie between 0 and 3 max(1, |x|)^2.
    tolerance = 5 * 3 * max(1, np.abs(X).max()) ** 2 / np.sqrt(2_000)
    np.testing.assert_allclose(field, expected, atol=tolerance)


def test_expected_gradients_draw_from_the_samples_by_default():
    kwargs = {"method": "expected_gradients", "n_steps": 4, "random_state": 0}
    teacher = make_teacher("perceptron")
    np.testing.assert_array_equal(
        gradients(teacher, rows(), **kwargs),
        gradients(teacher, rows(), baselines=rows(), **kwargs),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_are_complete(kind):
    teacher, X = make_teacher(kind), rows()
    field = gradients(teacher, X, method="integrated_gradients", target="all", n_steps=40)
    with torch.no_grad():
        change = teacher.outputs(torch.from_numpy(X)) - teacher.outputs(
            torch.zeros_like(torch.from_numpy(X))
        )
    # Quadrature with 40 nodes of smooth functions.
    np.testing.assert_allclose((field * X).sum(-1), change.T, atol=1e-8)


def test_incomplete_integrated_gradients_warn():
    def steep(x):
        return (20 * x.sum(1)).tanh()

    message = "With n_steps=3 integrated gradients miss completeness by up to .* higher"
    teacher = Teacher(steep, method="integrated_gradients", n_steps=3)
    with pytest.warns(UserWarning, match=message) as record:
        input_gradients(teacher, rows())
    assert record[0].filename == __file__
    gradients(steep, rows(), method="integrated_gradients", n_steps=300)


@pytest.mark.parametrize("batch_size", [None, 2])
def test_integrated_gradients_take_as_many_steps_as_they_need(batch_size):
    def steep(x):
        return torch.tanh(60 * (x.sum(1) - 1))

    X = np.linspace(0.3, 2, 6)[:, None] * np.ones(3)
    kwargs = {"method": "integrated_gradients", "batch_size": batch_size}
    with pytest.warns(UserWarning, match=r"n_steps=50 .* higher, or to 'auto'"):
        gradients(steep, X, n_steps=50, **kwargs)
    field = gradients(steep, X, **kwargs)
    change = np.tanh(60 * (X.sum(1) - 1)) - np.tanh(-60)
    np.testing.assert_allclose((X * field).sum(1), change, atol=0.02)


def test_integrated_gradients_of_a_jump_are_never_complete():
    X = np.linspace(0.3, 2, 6)[:, None] * np.ones(3)

    def jump(x):
        return (x.sum(1) > 1) + 0.1 * x.sum(1)

    with pytest.warns(UserWarning, match="n_steps=800 .* use another method"):
        gradients(jump, X, method="integrated_gradients")


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("target", [1, "predicted"])
def test_methods_agree_with_captum(kind, target):
    captum = pytest.importorskip("captum.attr")
    module, shape = make_model(kind)
    module.eval()
    X = torch.from_numpy(rows()).reshape(-1, *shape)
    index = module(X).argmax(1) if target == "predicted" else target

    def ours(method):
        return gradients(module, X, method=method, target=target, n_steps=20)

    x = X.clone().requires_grad_()
    saliency = captum.Saliency(module).attribute(x, target=index, abs=False)
    torch.testing.assert_close(ours("saliency"), saliency, rtol=0, atol=EXACT)
    product = captum.InputXGradient(module).attribute(x, target=index)
    torch.testing.assert_close(ours("input_x_gradient") * X, product.detach())
    integrated = captum.IntegratedGradients(module).attribute(
        x, target=index, method="gausslegendre", n_steps=20
    )
    # captum computes its nodes in float64, but keeps its step sizes in float32.
    torch.testing.assert_close(
        ours("integrated_gradients") * X, integrated, rtol=0, atol=1e-6
    )


def test_methods_of_captum_can_be_used():
    captum = pytest.importorskip("captum.attr")

    def method(forward, x, target):
        return captum.Saliency(forward).attribute(x, target=target, abs=False)

    teacher, X = make_teacher("convolutional"), rows()
    for target in ("predicted", "all", 2):
        actual = gradients(teacher, X, method=method, target=target, batch_size=3)
        expected = gradients(teacher, X, target=target)
        np.testing.assert_allclose(actual, expected, atol=EXACT)


def test_method_of_the_user_in_plain_autograd():
    def squared_gradient(forward, x, target):
        outputs = forward(x).gather(1, target[:, None]).sum()
        return torch.autograd.grad(outputs, x)[0] ** 2

    teacher = make_teacher("perceptron")
    actual = gradients(teacher, rows(), method=squared_gradient, target=1)
    expected = gradients(teacher, rows(), target=1) ** 2
    np.testing.assert_allclose(actual, expected, atol=EXACT)
    with pytest.raises(ValueError, match=r"shape of its input, \(8, 12\). Got \(8,\)"):
        gradients(teacher, rows(), method=lambda forward, x, target: x[:, 0])


def test_targets():
    teacher, X = make_teacher("logistic regression"), rows()
    every = gradients(teacher, X, target="all")
    assert every.shape == (N_CLASSES, *X.shape)
    np.testing.assert_array_equal(gradients(teacher, X, target=2), every[2])
    for some in ([2, 0], (2, 0), np.array([2, 0])):
        chosen = gradients(teacher, X, target=some)
        np.testing.assert_array_equal(chosen, every[[2, 0]])
    assert gradients(teacher, X, target=[1]).shape == (1, *X.shape)
    sample = np.arange(len(X))
    largest = teacher.outputs(torch.from_numpy(X)).argmax(1).numpy()
    assert len(set(largest)) > 1
    for word in ("predicted", "auto"):
        actual = gradients(teacher, X, target=word)
        np.testing.assert_array_equal(actual, every[largest, sample])
    y = np.array(["mid", "high", "low", "low"] * 2)
    place = {"high": 0, "low": 1, "mid": 2}
    actual = gradients(teacher, X, target="label", y=y, batch_size=3)
    np.testing.assert_array_equal(actual, every[[place[label] for label in y], sample])


@pytest.mark.parametrize("kind", [list, np.asarray, torch.as_tensor, pd.Series])
def test_labels_without_classes_are_indices(kind):
    module, X = make_module("perceptron"), rows()
    y = np.arange(len(X)) % N_CLASSES
    every = gradients(module, X, target="all")
    actual = gradients(module, X, target="label", y=kind(y))
    np.testing.assert_array_equal(actual, every[y, np.arange(len(X))])


@pytest.mark.parametrize("target", [0, "auto", "predicted", "label"])
def test_a_single_output_is_every_target(target):
    X = rows(50)
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    actual = gradients(model, X, target=target, y=X[:, 0] > 0)
    np.testing.assert_allclose(actual, np.broadcast_to(model.coef_, X.shape), atol=EXACT)


@pytest.mark.parametrize("method", AVERAGES)
def test_predicted_is_the_class_at_the_sample(method):
    # Which of the two outputs is larger changes on the way from zero to the sample.
    def crossing(x):
        return torch.stack([x.sum(1), 0 * x.sum(1) + 5 + (x**2).sum(1)], 1)

    X = np.array([[10.0, -2.0], [3.0, 2.0], [1.0, -4.0]])
    X[0] = [0.5, 0.25]
    kwargs = {"method": method, "n_steps": 5, "random_state": 0}
    predicted = gradients(crossing, X, target="predicted", **kwargs)
    np.testing.assert_array_equal(predicted, gradients(crossing, X, target=1, **kwargs))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.filterwarnings("ignore:With n_steps=3:UserWarning")
def test_chunks_change_nothing(method, batch_size):
    teacher, X = make_teacher("recurrent"), rows()
    kwargs = {"method": method, "n_steps": 3, "random_state": 0, "target": "all"}
    whole = gradients(teacher, X, **kwargs)
    actual = gradients(teacher, X, batch_size=batch_size, **kwargs)
    np.testing.assert_allclose(actual, whole, atol=EXACT)


class Counted(nn.Module):
    """A module that counts its forward and backward passes."""

    def __init__(self):
        super().__init__()
        self.module = make_module("perceptron")
        self.n_forward = self.n_backward = self.n_plain = 0

    def count(self, gradient):
        self.n_backward += 1

    def forward(self, x):
        out = self.module(x)
        if out.requires_grad and torch.is_grad_enabled():
            self.n_forward += 1
            out.register_hook(self.count)
        else:
            self.n_plain += 1
        return out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target, n_targets", [(1, 1), ("predicted", 1), ("all", 3)])
@pytest.mark.parametrize("batch_size, n_chunks", [(8, 1), (3, 3)])
@pytest.mark.filterwarnings("ignore:With n_steps=4:UserWarning")
def test_number_of_passes(method, target, n_targets, batch_size, n_chunks):
    counted = Counted()
    gradients(
        counted, rows(), method=method, target=target, n_steps=4, batch_size=batch_size
    )
    n_steps = 4 if method in AVERAGES else 1
    assert counted.n_forward == n_chunks * n_steps
    assert counted.n_backward == n_chunks * n_steps * n_targets
    n_checks = 3  # of the first chunk, and of two of its samples alone
    assert counted.n_plain == n_checks + (n_chunks if method in AVERAGES else 0)


def test_baselines_and_places_between_are_drawn_independently():
    """The mean of x' + t (x - x') at x = 0, with x' either 0 or 1, is 1/4."""
    X, baselines = np.zeros((500, 3)), np.array([[0.0] * 3, [1.0] * 3])
    field = gradients(
        lambda x: x.square().sum(1) / 2,
        X,
        method="expected_gradients",
        baselines=baselines,
        n_steps=20,
        random_state=0,
    )
    # Each sample is a mean over 20 draws, of a standard deviation of .32.
    assert field.mean() == pytest.approx(0.25, abs=4 * 0.32 / np.sqrt(500 * 20))


@pytest.mark.parametrize("method", ["smoothgrad", "expected_gradients"])
def test_random_state(method):
    teacher, X = make_teacher("perceptron"), rows()

    def draw(random_state):
        return gradients(teacher, X, method=method, n_steps=3, random_state=random_state)

    np.testing.assert_array_equal(draw(0), draw(0))
    np.testing.assert_array_equal(draw(0), draw(np.random.RandomState(0)))
    assert not np.array_equal(draw(0), draw(1))
    assert not np.array_equal(draw(None), draw(None))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_arrays_and_tensors(method, dtype):
    teacher, X = make_teacher("convolutional"), rows().astype(dtype)
    kwargs = {"method": method, "target": 0, "n_steps": 20, "random_state": 0}
    array = gradients(teacher, X, **kwargs)
    assert array.dtype == dtype
    tensor = gradients(teacher, torch.from_numpy(X), **kwargs)
    assert isinstance(tensor, torch.Tensor)
    assert not tensor.requires_grad
    np.testing.assert_array_equal(tensor.numpy(), array)
    reference = gradients(teacher, X.astype(float), **kwargs)
    # float32 rounding of the input and of the result
    np.testing.assert_allclose(
        array, reference, atol=1e-5 if dtype == np.float32 else EXACT
    )


def test_other_array_likes():
    teacher, X = make_teacher("linear regression"), rows()
    expected = input_gradients(teacher, X)
    read_only = X.copy()
    read_only.flags.writeable = False
    for same in (X.tolist(), pd.DataFrame(X), read_only, X[::-1], np.asfortranarray(X)):
        np.testing.assert_array_equal(input_gradients(teacher, same), expected)
    integers = np.arange(24).reshape(2, 12)
    assert input_gradients(teacher, integers).dtype == np.float64


def test_input_is_left_alone():
    X = rows()
    before = X.copy()
    x = torch.from_numpy(X).requires_grad_()
    for method in METHODS:
        gradients(smooth_function, X, method=method)
        gradients(smooth_function, x, method=method)
    np.testing.assert_array_equal(X, before)
    assert x.grad is None


def test_inside_no_grad_and_inference_mode():
    module, x = make_module("perceptron"), torch.from_numpy(rows())
    expected = gradients(module, x, target=0)
    with torch.no_grad():
        assert torch.equal(gradients(module, x, target=0), expected)
    with torch.inference_mode():
        actual = gradients(module, x + 0, target=0)
    assert torch.equal(actual, expected)
    assert not actual.is_inference()


class InPlace(nn.Module):
    """A function that changes the tensor that it is given."""

    def forward(self, x):
        return x.mul_(2).add_(1).square().sum(1)


@pytest.mark.parametrize(
    "method", [*METHODS, lambda f, x, target: torch.autograd.grad(f(x).sum(), x)[0]]
)
@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("kind", ["array", "read-only", "tensor"])
def test_teachers_that_work_in_place(method, batch_size, kind):
    X = rows()
    kwargs = {"method": method, "random_state": 0, "batch_size": batch_size}
    expected = gradients(lambda x: (2 * x + 1).square().sum(1), X, **kwargs)
    given = torch.tensor(X) if kind == "tensor" else X.copy()
    if kind == "read-only":
        given.flags.writeable = False
    actual = gradients(InPlace(), given, **kwargs)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)
    np.testing.assert_array_equal(given, X)
    before = torch.tensor(X)
    Teacher(InPlace()).outputs(before)
    np.testing.assert_array_equal(before, X)


def test_teacher_on_another_device_than_asked_for():
    # "meta" has no values: whatever is computed there cannot be right.
    module = make_module("perceptron")
    expected = gradients(module, rows(), target=0)
    actual = gradients(module, rows(), target=0, device="cpu")
    np.testing.assert_array_equal(actual, expected)
    with pytest.raises((RuntimeError, NotImplementedError), match=r"(?i)meta"):
        gradients(module.to("meta"), rows(), target=0)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["module", "samples", "both"])
def test_on_a_gpu(kind, where, cuda):
    (model, shape), X = make_model(kind), torch.from_numpy(rows())
    expected = gradients(Teacher(model, input_shape=shape), X, target="all")
    if where != "samples":
        module = model.module_ if kind == "skorch" else model
        if not isinstance(module, nn.Module):
            pytest.skip("has no device")
        module.to(cuda)
    if where != "module":
        X = X.to(cuda)
    actual = gradients(Teacher(model, input_shape=shape), X, target="all")
    assert actual.device == X.device
    # Sums in another order.
    torch.testing.assert_close(actual.cpu(), expected, rtol=0, atol=1e-10)
    assert torch.backends.cudnn.enabled


@pytest.mark.gpu
def test_teacher_on_a_gpu_loads_on_the_cpu(cuda):
    module = make_module("recurrent")
    on_cpu = joblib.hash(Teacher(module))
    teacher = Teacher(module.to(cuda), input_shape=(1, LENGTH))
    loaded = pickle.loads(pickle.dumps(teacher))
    assert loaded.device == torch.device("cpu")
    np.testing.assert_allclose(
        input_gradients(loaded, rows()), input_gradients(teacher, rows()), atol=1e-10
    )
    assert joblib.hash(Teacher(module)) == on_cpu


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.detach().sum(1),
        lambda x: torch.from_numpy(x.detach().numpy().sum(1)),
        lambda x: (x > 0).float().sum(1),
        lambda x: torch.ones(len(x), requires_grad=True) * 2,
        lambda x: x.argmax(1),
    ],
)
def test_teachers_that_are_not_differentiable(function):
    with pytest.raises(ValueError, match="teacher is not differentiable"):
        input_gradients(function, rows())


@pytest.mark.parametrize("method", METHODS)
def test_teachers_that_do_not_depend_on_their_input(method):
    with pytest.raises(ValueError, match="zero at every sample: its output does not"):
        gradients(lambda x: (0 * x).sum(1) + 1, rows(), method=method)


def test_teachers_with_infinite_gradients():
    with pytest.raises(ValueError, match="gradients of the teacher contain NaN or inf"):
        input_gradients(lambda x: (x - x).sqrt().sum(1), rows())


@pytest.mark.parametrize(
    "target, message",
    [
        (3, "target must be between 0 and 2, as the teacher has 3 output.* Got 3"),
        (-1, "target must be between 0 and 2.* Got -1"),
        ([0, 7], "Got 7"),
        ("label", "target='label' needs the labels y"),
    ],
)
def test_wrong_targets(target, message):
    teacher = Teacher(make_module("perceptron"), target=target)
    with pytest.raises(ValueError, match=message):
        input_gradients(teacher, rows())


@pytest.mark.parametrize(
    "kind, y, message",
    [
        ("perceptron", np.zeros(3, int), r"y must have shape \(8,\). Got \(3,\)"),
        ("perceptron", np.arange(8), "y must be between 0 and 2.* Got 3"),
        ("perceptron", np.zeros(8), "indices of outputs, .* dtype float64"),
        ("logistic regression", ["low"] * 7 + ["top"], r"not know: \['top'\]. Its"),
    ],
)
def test_wrong_labels(kind, y, message):
    with pytest.raises(ValueError, match=message):
        gradients(make_model(kind)[0], rows(), target="label", y=y)


def test_auto_target_of_a_regressor_with_several_outputs():
    model, _ = make_model("mlp regressor")
    with pytest.raises(ValueError, match=r"target='auto' .* is one with 2 outputs"):
        input_gradients(model, rows())
    assert gradients(model, rows(), target="all").shape == (2, 8, LENGTH)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"batch_size": 0}, "'batch_size' parameter of input_gradients .* Got 0"),
        ({"device": 3}, "'device' parameter .* Got 3"),
        ({"random_state": "a"}, "'random_state' parameter .* Got 'a'"),
        ({"baselines": rows()}, "baselines are for method='expected_gradients'"),
        (
            {"method": "expected_gradients", "baselines": rows()[:, :3]},
            r"baselines have samples of shape \(3,\), but X has samples of shape \(12,\)",
        ),
        (
            {"method": "expected_gradients", "baselines": rows() * np.nan},
            "Input baselines contains NaN",
        ),
    ],
)
def test_wrong_parameters(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gradients(smooth_function, rows(), **kwargs)


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize(
    "X, message",
    [
        (rows() * np.nan, "Input X contains NaN"),
        (rows()[0], "Expected 2D array, got 1D array"),
        (rows()[:0], r"Found array with 0 sample\(s\)"),
    ],
)
def test_wrong_samples(make, X, message):
    with pytest.raises(ValueError, match=message):
        input_gradients(smooth_function, make(X))


def test_teachers_are_checked():
    with pytest.raises(NotFittedError):
        input_gradients(LinearRegression(), rows())
    with pytest.raises(TypeError, match="must be a torch module"):
        input_gradients("net", rows())


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_devices_that_do_not_exist(device):
    message = f"'device' parameter of input_gradients must be 'auto' .* Got '{device}'"
    with pytest.raises(ValueError, match=message):
        input_gradients(cubic, rows(), device=device)


@pytest.mark.parametrize("returned, got", [(None, "None"), ([1.0], r"\[1.0\]")])
def test_methods_that_return_no_field(returned, got):
    with pytest.raises(ValueError, match=f"of the shape of its input, .* Got {got} ins"):
        gradients(cubic, rows(), method=lambda forward, x, target: returned)
