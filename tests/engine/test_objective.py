import numpy as np
import pytest
import pywt
import torch
from torch import nn

from sk_awave.engine import FilterBank, _objective
from sk_awave.engine._boundary import MODES
from sk_awave.engine._filter_bank import Fixed
from sk_awave.engine._library import instruction_sets
from sk_awave.engine._reference import wavedec, waverec
from sk_awave.engine._terms import PENALTIES, Sparsity

TERMS = "reconstruction", "sparsity", "attribution", *(term.name for term in PENALTIES)
FILTER_TERMS = tuple(term.name for term in PENALTIES)

#: Float64 sums of the same numbers in another order.
ROUNDING = 1e-10


def assert_is_the_reference(objective, reference_loss, smoothing):
    value, gradient = objective(objective.start, smoothing=smoothing)
    loss = reference_loss(objective, objective.bank(), smoothing)
    (expected,) = torch.autograd.grad(loss, objective.bank.original)
    assert value == pytest.approx(loss.item(), rel=ROUNDING)
    scale = expected.abs().max().item()
    np.testing.assert_allclose(gradient, expected.ravel(), rtol=0, atol=ROUNDING * scale)


@pytest.fixture
def published(make_objective):
    """Our objective and the published transform, on a filter that is no wavelet."""
    awave = pytest.importorskip("awave")

    def make(mode, signal_shape):
        objective = make_objective(
            "db3",
            "free",
            noise=0.05,
            signal_shape=signal_shape,
            n_samples=4,
            n_channels=2,
            mode=mode,
        )
        cls = awave.DWT1d if len(signal_shape) == 1 else awave.DWT2d
        transform = cls(wave="db3", mode=mode, J=2)
        transform.h0.data = objective.bank.original.detach().clone()
        return objective, transform

    return make


# Lengths at which the published transform is that of PyWavelets.
published_cases = pytest.mark.parametrize(
    "signal_shape, mode",
    [
        (signal_shape, mode)
        for mode in ("zero", "symmetric", "periodization")
        for signal_shape in ((32,), (16, 24))
    ]
    + [((33,), "zero"), ((17, 23), "zero")],
)


@published_cases
def test_coefficients_equal_the_published_ones(published, signal_shape, mode):
    objective, transform = published(mode, signal_shape)
    x = objective.x
    approximation, *fine_to_coarse = transform(x)
    bands = wavedec(x.flatten(0, 1), objective.bank(), mode, 2)
    expected = [approximation, *reversed(fine_to_coarse)]
    for band, reference in zip(bands, expected, strict=True):
        band = band.reshape(4, 2, *band.shape[1:])
        if (
            reference.ndim == 5
        ):  # 'da', 'ad', 'dd' along axis 2, where ours begins with 'ad'
            reference = reference[:, :, [1, 0, 2]]
        torch.testing.assert_close(band.reshape(reference.shape), reference)


@published_cases
def test_terms_equal_the_published_ones(published, signal_shape, mode):
    objective, transform = published(mode, signal_shape)
    x, gradients = objective.x, objective.input_gradients
    crop = (..., *(slice(n) for n in signal_shape))
    from awave import losses

    coeffs = [c.detach().requires_grad_() for c in transform(x)]
    again = transform.inverse(coeffs)[crop]
    # A teacher whose input gradients are the given ones.
    attributions = torch.autograd.grad((again * gradients).sum(), coeffs)
    expected = {
        "reconstruction": losses._reconstruction_loss(x, again),
        "sparsity": losses._L1_wave_loss(coeffs),
        "attribution": losses._L1_attribution_loss(attributions),
        "lowpass_sum": losses._lsum_loss(transform),
        "highpass_sum": losses._hsum_loss(transform),
        "unit_norm": losses._L2norm_loss(transform),
        "double_shift": losses._conv_loss(transform),
    }
    terms = objective.report(objective.start)
    # The published conjugate-mirror term cannot be computed with this torch.
    assert tuple(terms) == TERMS
    assert set(expected) == set(TERMS) - {"conjugate_mirror"}
    for name, value in expected.items():
        assert value.item() > 1e-5, name
        assert terms[name] == pytest.approx(value.item(), rel=ROUNDING), name


def test_conjugate_mirror_term_equals_its_formula(make_objective):
    objective = make_objective("db3", "free", noise=0.05)
    power = np.abs(np.fft.fft(objective.start)) ** 2
    expected = 0.5 * ((power[:3] + power[3:] - 2) ** 2).sum()
    terms = objective.report(objective.start)
    assert terms["conjugate_mirror"] == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("signal_shape", [(13,), (6, 7)])
def test_attribution_is_the_saliency_of_the_teacher(make_objective, signal_shape, mode):
    """The gradient of f(S c + residual) in c is S^T times that of f at the signal."""
    objective = make_objective(
        "db2", "free", noise=0.1, signal_shape=signal_shape, mode=mode
    )
    size = int(np.prod(signal_shape))
    torch.manual_seed(0)
    layers = nn.Flatten(), nn.Linear(size, 5), nn.Tanh(), nn.Linear(5, 1)
    teacher = nn.Sequential(*layers).double()

    x = objective.x[:, 0].requires_grad_()
    (gradients,) = torch.autograd.grad(teacher(x).sum(), x)
    objective.input_gradients = gradients.unsqueeze(1)

    filters = objective.bank().detach()
    coeffs = [c.detach().requires_grad_() for c in wavedec(x, filters, mode, 2)]
    again = waverec(coeffs, filters, mode, signal_shape)
    residual = (x - again).detach()
    scores = torch.autograd.grad(teacher(again + residual).sum(), coeffs)
    expected = sum(s.abs().sum().item() for s in scores) / (len(x) * len(coeffs))
    terms = objective.report(objective.start)
    assert terms["attribution"] == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("parametrization", ["orthogonal", "biorthogonal", "free"])
@pytest.mark.parametrize(
    "signal_shape, n_levels, n_axes",
    [((33,), 1, 1), ((33,), 2, 1), ((9, 12), 1, 2), ((9, 12), 2, 2)],
)
def test_gradient_equals_finite_differences(
    make_objective, signal_shape, n_levels, n_axes, parametrization
):
    objective = make_objective(
        "db3",
        parametrization,
        signal_shape=signal_shape,
        n_samples=6,
        n_channels=2,
        n_levels=n_levels,
        n_axes=n_axes,
        noise=0.05,
    )
    theta = objective.start
    n_taps = {"orthogonal": 2, "biorthogonal": 4, "free": 6}[parametrization]
    assert theta.shape == (n_levels * n_axes * n_taps,)
    step, smoothing = 1e-4, 0.3  # without kinks

    def value_at(theta):
        return objective(theta, smoothing=smoothing)[0]

    def slope(unit):  # of fourth order
        values = [value_at(theta + i * step * unit) for i in (-2, -1, 1, 2)]
        return np.dot([1, -8, 8, -1], values) / (12 * step)

    expected = [slope(unit) for unit in np.eye(len(theta))]
    value, gradient = objective(theta, smoothing=smoothing)
    # Rounding of the value divided by the step.
    np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-9 * value)


@pytest.mark.parametrize("parametrization", ["orthogonal", "biorthogonal", "free"])
def test_every_way_to_the_value_agrees(make_objective, parametrization):
    objective = make_objective("db3", parametrization, n_channels=2, noise=0.05)
    theta = objective.start
    value, gradient = objective(theta)
    report = objective.report(theta)
    assert objective.total(report) == pytest.approx(value, rel=ROUNDING)
    rows = torch.randperm(len(objective.x))
    batch_value, batch_gradient = objective(theta, rows=rows)
    assert batch_value == pytest.approx(value, rel=ROUNDING)
    np.testing.assert_allclose(batch_gradient, gradient, rtol=1e-8)


@pytest.mark.parametrize("parametrization", ["orthogonal", "biorthogonal", "free"])
@pytest.mark.parametrize("multiply", [False, True])
def test_mini_batches_are_means_over_their_rows(
    make_objective, parametrization, multiply
):
    objective = make_objective("db3", parametrization, noise=0.05, multiply=multiply)
    theta, parts = objective.start, torch.arange(40).split(10)
    values, gradients = zip(*(objective(theta, rows=p) for p in parts), strict=True)
    value, gradient = objective(theta)
    assert np.mean(values) == pytest.approx(value, rel=ROUNDING)
    np.testing.assert_allclose(np.mean(gradients, 0), gradient, rtol=1e-8)


@pytest.mark.parametrize("signal_shape", [(32,), (150,)])  # by matrix, and by blocks
def test_batches_do_not_change_the_result(make_objective, monkeypatch, signal_shape):
    objective = make_objective(
        "db3", "free", noise=0.05, n_channels=2, signal_shape=signal_shape
    )
    theta = objective.start
    value, gradient = objective(theta)
    report = objective.report(theta)
    # Seven samples of two channels, and so a last batch that is shorter.
    n_coeffs = objective.layout.n_coeffs_per_channel
    share = 4 if signal_shape == (32,) and not instruction_sets() else 1
    monkeypatch.setattr(_objective, "BATCH_SIZE", 15 * n_coeffs * share)
    sizes = []
    term_value = Sparsity.value

    def record(self, batch):
        sizes.append(len(batch.x))
        return term_value(self, batch)

    monkeypatch.setattr(Sparsity, "value", record)
    batched_value, batched_gradient = objective(theta)
    assert sizes == [7, 7, 7, 7, 7, 5]
    assert batched_value == pytest.approx(value, rel=ROUNDING)
    np.testing.assert_allclose(batched_gradient, gradient, rtol=1e-8)
    assert objective.report(theta) == pytest.approx(report, rel=ROUNDING)


def test_evaluations_change_nothing(make_objective):
    objective = make_objective("db3", n_levels=2)
    start, theta = objective.start, np.arange(4.0)
    before = objective(start)
    objective(theta, smoothing=0.1)
    objective.report(theta)
    objective.start[:] = 9
    np.testing.assert_array_equal(objective.start, start)
    np.testing.assert_array_equal(theta, np.arange(4.0))
    after = objective(start)
    assert after[0] == before[0]
    np.testing.assert_array_equal(after[1], before[1])


SHAPES = {
    "dense": {"signal_shape": (32,)},
    "dense image": {"signal_shape": (7, 9)},
    "blocks": {"signal_shape": (301,), "level": 3},
    "image": {"signal_shape": (12, 150), "n_samples": 5, "n_channels": 2},
    "volume": {"signal_shape": (6, 7, 5), "n_samples": 5},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("multiply", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shared", [True, False])
def test_gradient_is_that_of_the_reference(
    make_objective, reference_loss, shape, mode, multiply, smoothing, shared
):
    kwargs = SHAPES[shape]
    if not shared:
        ndim, level = len(kwargs["signal_shape"]), kwargs.get("level", 2)
        kwargs = kwargs | {"n_levels": level, "n_axes": ndim}
    objective = make_objective(
        "db3", "free", noise=0.05, mode=mode, n_targets=2, multiply=multiply, **kwargs
    )
    assert_is_the_reference(objective, reference_loss, smoothing)


@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("multiply", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_biorthogonal_details_count_with_the_norms_of_their_atoms(
    make_objective, reference_loss, shape, mode, multiply, smoothing
):
    kwargs = {"mode": mode, "n_targets": 2, "multiply": multiply} | SHAPES[shape]
    objective = make_objective("bior2.2", "biorthogonal", noise=0.05, **kwargs)
    assert_is_the_reference(objective, reference_loss, smoothing)


def test_weights_of_attributions_undo_those_of_details(make_objective):
    """A detail twice as small, with an atom twice as large, is the same detail."""
    objective = make_objective("bior2.2", "biorthogonal")
    filters = objective.bank().detach()
    scaled = filters.clone()
    scaled[..., 1, :] /= 2
    scaled[..., 3, :] *= 2
    reports = []
    for taps in (filters, scaled):
        bank = FilterBank(taps.numpy(), Fixed(frozenset({"reconstructs"})))
        reports.append(objective.of(bank).report(bank.original.numpy(force=True).ravel()))
    for name in ("sparsity", "attribution"):
        assert reports[0][name] == pytest.approx(reports[1][name], rel=1e-12)
    bank = FilterBank(scaled.numpy(), Fixed())  # that nothing weighs
    assert objective.of(bank).report(bank.original.numpy(force=True).ravel())[
        "sparsity"
    ] != pytest.approx(reports[0]["sparsity"], rel=0.01)


@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
def test_without_skews_the_value_is_the_published_one(make_objective, mode):
    skewed = make_objective("db3", "biorthogonal", mode=mode)
    orthonormal = make_objective("db3", "orthogonal", mode=mode)
    expected = orthonormal.report(orthonormal.start)
    report = skewed.report(skewed.start)
    for name in ("sparsity", "attribution"):
        assert report[name] == pytest.approx(expected[name], rel=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("multiply", [False, True])
@pytest.mark.parametrize("parametrization", ["orthogonal", "biorthogonal"])
def test_many_filters_at_once(
    make_objective, reference_loss, shape, multiply, parametrization
):
    objective = make_objective("db3", parametrization, multiply=multiply, **SHAPES[shape])
    names = {"orthogonal": ("db3", "sym3", "coif1"), "biorthogonal": ("db3", "bior2.2")}
    chosen = [
        FilterBank.from_wavelet(w, parametrization, filter_length=6)
        for w in names[parametrization]
    ]
    original = torch.stack([bank.original.detach() for bank in chosen]).requires_grad_()
    values, gradients = objective.values(original)
    banks = objective.bank.filters(original)
    losses = torch.stack([reference_loss(objective, bank) for bank in banks])
    (expected,) = torch.autograd.grad(losses.sum(), original)
    np.testing.assert_allclose(values, losses.detach(), rtol=ROUNDING)
    scale = float(expected.abs().max())
    np.testing.assert_allclose(gradients, expected, rtol=0, atol=ROUNDING * scale)


@pytest.mark.parametrize("mode", MODES)
def test_exact_parametrization_keeps_the_conditions(make_objective, mode):
    objective = make_objective("db3", noise=1.0, mode=mode)
    terms = objective.report(objective.start)
    # Squares of roundings, summed over some thirty samples.
    assert terms["reconstruction"] < 1e-20
    assert max(terms[name] for name in FILTER_TERMS) < 1e-25
    assert terms["sparsity"] > 1
    assert terms["attribution"] > 1


def test_filter_terms_are_summed_over_banks(make_objective):
    objective = make_objective(
        "db3", "free", signal_shape=(9, 12), n_levels=2, n_axes=2, noise=0.05
    )
    lowpass = objective.bank.original.detach().flatten(0, 1)
    banks = [{term.name: term.value(h) for term in PENALTIES} for h in lowpass]
    terms = objective.report(objective.start)
    for name in FILTER_TERMS:
        expected = sum(bank[name].item() for bank in banks)
        assert terms[name] == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("parametrization", ["orthogonal", "biorthogonal", "free"])
def test_terms_without_weight_do_not_count(make_objective, parametrization):
    objective = make_objective("db3", parametrization, weights=[0.0] * 8, noise=0.05)
    value, gradient = objective(objective.start)
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)
    assert objective.report(objective.start)["sparsity"] > 0


def test_attribution_is_zero_without_a_teacher(make_objective):
    objective = make_objective("db3", "free")
    objective.input_gradients = None
    terms = objective.report(objective.start)
    assert tuple(terms) == TERMS
    assert terms["attribution"] == 0


def test_haar_has_a_value_and_an_empty_gradient(make_objective):
    objective = make_objective("haar")
    value, gradient = objective(objective.start)
    assert value > 0
    assert gradient.shape == (0,)


def test_single_precision_data_give_nearly_the_same(make_objective):
    objective = make_objective("db3", "free", noise=0.05)
    single = make_objective("db3", "free", noise=0.05, dtype=torch.float32)
    theta = objective.start
    # Float32 sums of a thousand values.
    assert single.report(theta) == pytest.approx(objective.report(theta), rel=1e-5)
    _, expected = objective(theta)
    _, gradient = single(theta)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)


def test_other_strengths(make_objective):
    objective = make_objective("db3")
    other = objective.at(attribution=7.0)
    report = objective.report(objective.start)
    assert report == other.report(objective.start)
    change = (7.0 - 3.0) * report["attribution"]
    assert other.total(report) == pytest.approx(objective.total(report) + change)
    assert other(objective.start)[0] == pytest.approx(
        objective(objective.start)[0] + change
    )


def test_sparsity_of_a_wavelet_is_that_of_pywt(make_objective):
    objective = make_objective("db3")
    coeffs = pywt.wavedec(objective.x.numpy(), "db3", "symmetric", 2)
    expected = sum(np.abs(c).sum() for c in coeffs) / (len(coeffs) * len(objective.x))
    terms = objective.report(objective.start)
    assert terms["sparsity"] == pytest.approx(expected, rel=ROUNDING)
