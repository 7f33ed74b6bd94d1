"""AdaptiveWaveletTransformer with a teacher: the input-gradient identity, and its use."""

import numpy as np
import pytest
import pywt
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.attribution import Teacher
from sk_awave.attribution._paths import METHODS
from sk_awave.decomposition._fitting import find_gradients, make_objective
from sk_awave.engine import CoeffLayout, FilterBank, Tree
from sk_awave.engine._filter_bank import terms_of
from sk_awave.engine._objective import Objective
from sk_awave.engine._reference import wavedec, waverec
from sk_awave.engine._terms import Attribution
from sk_awave.engine._transform import analysis_map, synthesis_map

LENGTH, LEVEL = 24, 2
RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, LENGTH))


def mlp(n_outputs=1):
    """A smooth network in float64, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Linear(LENGTH, 8), nn.Tanh(), nn.Linear(8, n_outputs)
        return nn.Sequential(*layers).double()


def transformer(**params):
    params = {"wavelet": "db3", "level": LEVEL, "alpha_sparsity": 0.0} | params
    return AdaptiveWaveletTransformer(**params)


def objective_of(fitted, parametrization, teacher):
    """The objective that `fitted` was learned with, at filters to be chosen."""
    bank = FilterBank.from_wavelet("db3", parametrization)
    gradients = find_gradients(fitted, X, None, None)
    own_terms = terms_of(bank.parametrization)
    objective = make_objective(
        fitted, bank, fitted.layout_, X, gradients, None, own_terms
    )
    return objective.at(attribution=1.0), bank


def double_backward(model, bank, mode, method, multiply):
    """The attribution term as published: attribute f(S c + r), differentiate that."""
    x, filters = torch.tensor(X), bank()
    coeffs = wavedec(x, filters, mode, LEVEL)
    residual = (x - waverec(coeffs, filters, mode, (LENGTH,))).detach()

    def gradients(scale):
        outputs = model(scale * (waverec(coeffs, filters, mode, (LENGTH,)) + residual))
        grads = torch.autograd.grad(outputs.sum(), coeffs, create_graph=True)
        return [g / scale for g in grads]

    if method == "integrated_gradients":
        nodes, weights = np.polynomial.legendre.leggauss(50)
        steps = [(0.5 + t / 2, w / 2) for t, w in zip(nodes, weights, strict=True)]
    else:
        steps = [(1.0, 1.0)]
    scores = [0.0] * len(coeffs)
    for t, weight in steps:
        scores = [s + weight * g for s, g in zip(scores, gradients(t), strict=True)]
    if multiply:
        scores = [s * c for s, c in zip(scores, coeffs, strict=True)]
    return sum(s.abs().sum() for s in scores) / (len(coeffs) * len(X))


@pytest.mark.parametrize("mode", pywt.Modes.modes)
@pytest.mark.parametrize(
    "method", ["saliency", "input_x_gradient", "integrated_gradients"]
)
def test_identity_equals_double_backward_on_the_lattice(mode, method):
    model = mlp()
    fitted = transformer(
        teacher=Teacher(model, method=method), mode=mode, max_iter=0
    ).fit(X)
    objective, bank = objective_of(fitted, "orthogonal", model)
    rng = np.random.default_rng(1)
    theta = objective.start + rng.normal(0, 0.3, objective.start.shape)
    value, gradient = objective(theta)
    bank = bank.at(theta)
    expected = double_backward(model, bank, mode, method, METHODS[method])
    (expected_gradient,) = torch.autograd.grad(expected, bank.original)
    assert value == pytest.approx(expected.item(), rel=1e-10)
    np.testing.assert_allclose(
        gradient, expected_gradient.numpy().ravel(), atol=1e-10 * np.abs(gradient).max()
    )


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
def test_gradient_is_that_of_the_reported_loss(method, parametrization):
    fitted = transformer(
        teacher=Teacher(mlp(3), method=method, target="all"),
        max_iter=0,
        alpha_sparsity=0.7,
        alpha_attribution=1.0,
    ).fit(X)
    objective, _ = objective_of(fitted, parametrization, None)
    theta = objective.start
    theta += np.random.default_rng(1).normal(0, 0.05, theta.shape)
    _, gradient = objective(theta)
    step = 1e-6
    for i, direction in enumerate(np.eye(len(theta))):
        ahead, _ = objective(theta + step * direction)
        behind, _ = objective(theta - step * direction)
        # Central differences lose half the digits, and a kink may lie between.
        assert gradient[i] == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


def test_norms_of_several_targets_add_up():
    model = mlp(3)
    terms = {
        target: transformer(
            teacher=Teacher(model, target=target, method="input_x_gradient"), max_iter=0
        )
        .fit(X)
        .objective_terms_["attribution"]
        for target in ("all", 0, 1, 2)
    }
    assert terms["all"] == pytest.approx(terms[0] + terms[1] + terms[2], rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_channels", [None, 2])
def test_attributions_are_what_the_term_measures(method, n_channels):
    signals = X if n_channels is None else X.reshape(6, n_channels, LENGTH // 2)
    teacher = Teacher(mlp(3), input_shape=(LENGTH,), method=method, target="all")
    fitted = transformer(teacher=teacher, level=1, random_state=0).fit(signals)
    scores = fitted.attributions(signals)
    assert scores.shape == (3, 6, fitted.layout_.n_coeffs)
    term = np.abs(scores).sum() / (2 * len(X))
    assert term == pytest.approx(fitted.objective_terms_["attribution"], rel=1e-10)
    one = clone(fitted).set_params(teacher=teacher.replace(target=1)).fit(signals)
    one = one.attributions(signals)
    assert one.shape == (6, fitted.layout_.n_coeffs)


def test_a_linear_teacher_is_attributed_to_the_atoms_it_uses():
    atoms = WaveletTransformer("db3", level=LEVEL, mode="periodization").fit(X)
    y = 3 * atoms.transform(X)[:, 5]
    weights = atoms.inverse_transform(np.eye(atoms.layout_.n_coeffs)[[5]])[0]
    teacher = LinearRegression()
    teacher.coef_, teacher.intercept_, teacher.n_features_in_ = 3 * weights, 0.0, LENGTH
    np.testing.assert_allclose(teacher.predict(X), y)
    fitted = transformer(teacher=teacher, mode="periodization", max_iter=0).fit(X)
    scores = fitted.attributions(X)
    expected = np.zeros(atoms.layout_.n_coeffs)
    expected[5] = 3
    np.testing.assert_allclose(scores, np.tile(expected, (len(X), 1)), atol=1e-12)


def test_label_targets_use_y():
    y = np.array(["a", "b", "a", "b", "a", "b"])
    teacher = LogisticRegression(max_iter=500).fit(
        np.vstack([X, X + 1, X - 1]), np.r_[y, y, ["c"] * 6]
    )
    fitted = transformer(teacher=Teacher(teacher, target="label"), max_iter=0).fit(X, y)
    apart = [
        transformer(teacher=Teacher(teacher, target=k), max_iter=0).fit(X).attributions(X)
        for k in (0, 1)
    ]
    np.testing.assert_allclose(fitted.attributions(X, y)[::2], apart[0][::2])
    np.testing.assert_allclose(fitted.attributions(X, y)[1::2], apart[1][1::2])


@pytest.mark.parametrize("init", ["wavelet", "grow"])
def test_the_teacher_is_called_once_whatever_the_iterations(init):
    calls = []
    model = mlp()

    def teacher(x):
        if torch.is_grad_enabled():  # it is not where samples are seen not to interact
            calls.append(len(x))
        return model(x)

    fitted = transformer(teacher=teacher, alpha_sparsity=1.0, init=init).fit(X)
    assert fitted.n_iter_ > 3
    assert calls == [len(X)]


def test_the_teacher_comes_back_as_it_went_in():
    model = nn.Sequential(mlp(), nn.Dropout(0.5), nn.BatchNorm1d(1).double()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    transformer(teacher=model).fit(X)
    assert all(module.training for module in model.modules())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_grid_search_and_cache_share_the_teacher(tmp_path):
    signals = np.random.default_rng(2).standard_normal((40, LENGTH))
    y = signals[:, 3] > 0
    pipeline = Pipeline(
        [
            ("wavelet", transformer(teacher=Teacher(mlp()), tol=1e-3, max_iter=20)),
            ("model", LogisticRegression()),
        ],
        memory=str(tmp_path),
    )
    grid = {"wavelet__attribution_ratio": [0.1, 1.0], "model__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(signals, y)
    best = search.best_estimator_["wavelet"].teacher
    assert best is pipeline["wavelet"].teacher or isinstance(best, Teacher)
    # Two strengths, two folds and the refit: five wavelets, though C doubles the fits.
    assert len(list(tmp_path.rglob("output.pkl"))) <= 5


@pytest.mark.parametrize(
    "params, fit_params, error, message",
    [
        ({"teacher": mlp()}, {"input_gradients": X}, ValueError, "not both"),
        ({"teacher": 3}, {}, TypeError, "The teacher must be a torch module"),
        ({"teacher": Teacher(mlp(), target=4)}, {}, ValueError, "target"),
        ({"teacher": lambda x: x.sum() * 0 + x[:, 0] * 0}, {}, ValueError, "depend"),
    ],
)
def test_bad_teachers(params, fit_params, error, message):
    with pytest.raises(error, match=message):
        transformer(**params).fit(X, **fit_params)


def test_attributions_need_a_teacher():
    with pytest.raises(ValueError, match="attributions needs a teacher"):
        transformer(alpha_sparsity=1.0).fit(X).attributions(X)


def test_tensors_are_distilled_as_arrays_are():
    from_array = transformer(teacher=mlp(), alpha_sparsity=1.0).fit(X)
    from_tensor = transformer(teacher=mlp(), alpha_sparsity=1.0).fit(torch.tensor(X))
    np.testing.assert_allclose(from_tensor.filter_bank_, from_array.filter_bank_)
    scores = from_tensor.attributions(torch.tensor(X))
    np.testing.assert_allclose(scores.numpy(), from_array.attributions(X))


def test_multiplied_scores_by_hand():
    layout = CoeffLayout((LENGTH,), None, 6, Tree.dwt(LEVEL), "symmetric")
    bank = FilterBank.from_wavelet("db3")
    G = np.random.default_rng(3).standard_normal((6, 2, LENGTH))
    objective = Objective(
        bank,
        layout,
        {Attribution(multiply=True): 1.0},
        torch.tensor(X).unsqueeze(1),
        torch.tensor(G),
    )
    filters = bank().detach()
    coeffs = analysis_map(layout, filters).apply(torch.tensor(X))
    adjoint = synthesis_map(layout, filters).T
    scores = [adjoint.apply(torch.tensor(G[:, t])) for t in (0, 1)]
    expected = sum((coeffs * s).abs().sum() for s in scores) / (6 * (LEVEL + 1))
    value, _ = objective(objective.start)
    assert value == pytest.approx(expected.item(), rel=1e-12)
