"""AdaptiveWaveletTransformer: what learning adds to the transform."""

import functools
import inspect
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import pywt
import scipy.sparse
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_random_state
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.attribution import Teacher
from sk_awave.engine import BFGS, Adam, FilterTerm, Free, SignalTerm
from sk_awave.engine._lattice import Orthogonal, orthogonal_filters
from sk_awave.engine._objective import Objective
from sk_awave.engine._terms import Sparsity

TERMS = [
    "sparsity",
    "attribution",
    "reconstruction",
    "lowpass_sum",
    "highpass_sum",
    "unit_norm",
    "conjugate_mirror",
    "double_shift",
]

#: The wavelets that a lattice of six taps can start from.
LIBRARY = {"haar", "db2", "db3", "coif1"}


def double_shift_error(transformer):
    """The largest deviation of the filters from orthonormality."""
    error = 0.0
    for h in transformer.filter_bank_[:, :, 2].reshape(
        -1, transformer.filter_bank_.shape[-1]
    ):
        shifts = [h[2 * m :] @ h[: len(h) - 2 * m] for m in range(len(h) // 2)]
        error = max(error, np.abs(shifts - np.eye(len(shifts))[0]).max())
    return error


def objective_of(transformer):
    """The weighted sum of the reported terms, on the published scale."""
    terms, strengths = transformer.objective_terms_, transformer.strengths_
    assert list(strengths) == list(terms)
    return sum(strengths[name] * terms[name] for name in terms)


@pytest.mark.parametrize("solver", [BFGS(), Adam(learning_rate=0.005)])
@pytest.mark.parametrize("parametrization", ["orthogonal", "free"])
def test_learning_lowers_the_objective_on_real_data(ecg, solver, parametrization):
    transformer = AdaptiveWaveletTransformer(
        "sym4",
        level=3,
        parametrization=parametrization,
        solver=solver,
        max_iter=100,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        transformer.fit(ecg)
    # Adam, tuned for nothing, gets 1 to 3 per cent; L-BFGS more.
    gain = 0.05 if isinstance(solver, BFGS) else 0.01
    assert min(transformer.loss_curve_) < (1 - gain) * transformer.loss_curve_[0]
    assert len(transformer.loss_curve_) == transformer.n_iter_ + 1
    # The reported terms make up the objective that was kept: the best one.
    assert objective_of(transformer) == pytest.approx(
        min(transformer.loss_curve_), rel=1e-9
    )


@pytest.mark.parametrize("mode", pywt.Modes.modes)
@pytest.mark.parametrize("length", [63, 64])
def test_reconstruction_stays_perfect(ecg, mode, length):
    X = ecg[:, :length]
    transformer = AdaptiveWaveletTransformer("db4", level=2, mode=mode).fit(X)
    assert transformer.n_iter_ > 1
    assert double_shift_error(transformer) < 1e-12
    Xt = transformer.transform(X)
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=1e-11)
    penalties = [v for k, v in transformer.objective_terms_.items() if k != "sparsity"]
    assert max(penalties) < 1e-20


def test_terms_and_the_wavelet_are_reported(ecg):
    transformer = AdaptiveWaveletTransformer("db3", level=3).fit(ecg)
    assert list(transformer.objective_terms_) == TERMS
    assert transformer.objective_terms_["attribution"] == 0
    coeffs = pywt.wavedec(ecg, transformer.wavelet_, level=3)
    l1 = sum(np.abs(c).sum() for c in coeffs) / (4 * len(ecg))
    assert transformer.objective_terms_["sparsity"] == pytest.approx(l1, rel=1e-10)
    assert transformer.wavelet_.orthogonal
    assert transformer.wavelet_.name == "adapted db3"
    assert transformer.filter_bank_.shape == (1, 1, 4, 6)


def test_images(digits):
    X, _ = digits
    transformer = AdaptiveWaveletTransformer("db2", level=1, ndim=2).fit(X)
    assert transformer.loss_curve_[-1] < transformer.loss_curve_[0]
    back = transformer.inverse_transform(transformer.transform(X))
    np.testing.assert_allclose(back, X, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*too high")
def test_a_bank_for_each_axis(digits):
    X, _ = digits
    shared = AdaptiveWaveletTransformer("db3", level=1, ndim=2).fit(X)
    own = AdaptiveWaveletTransformer("db3", level=1, ndim=2, per_axis=True).fit(X)
    assert own.loss_curve_[-1] < shared.loss_curve_[-1]
    assert own.filter_bank_.shape == (1, 2, 4, 6)
    # PyWavelets takes one wavelet for each axis.
    coeffs = pywt.wavedec2(X[0], own.wavelet_, level=1)
    np.testing.assert_allclose(
        own.layout_.flatten(coeffs), own.transform(X)[0], atol=1e-12
    )


def test_a_bank_for_each_level(ecg):
    shared = AdaptiveWaveletTransformer("db3", level=3).fit(ecg)
    own = AdaptiveWaveletTransformer("db3", level=3, per_level=True).fit(ecg)
    assert own.loss_curve_[-1] < shared.loss_curve_[-1]
    assert own.filter_bank_.shape == (3, 1, 4, 6)
    approximation, details = ecg, []
    for wavelet in own.wavelet_:
        approximation, detail = pywt.dwt(approximation, wavelet)
        details.insert(0, detail)
    expected = np.hstack([approximation, *details])
    np.testing.assert_allclose(own.transform(ecg), expected, atol=1e-11)
    assert double_shift_error(own) < 1e-12


def test_no_iterations_score_the_starting_wavelet(ecg):
    fixed = AdaptiveWaveletTransformer("sym5", level=2, max_iter=0).fit(ecg)
    assert fixed.n_iter_ == 0
    expected = WaveletTransformer("sym5", level=2).fit_transform(ecg)
    np.testing.assert_allclose(fixed.transform(ecg), expected, atol=1e-9)
    learned = clone(fixed).set_params(max_iter=200).fit(ecg)
    assert learned.score(ecg) > fixed.score(ecg)


def test_haar_has_nothing_to_learn(ecg):
    transformer = AdaptiveWaveletTransformer("haar", level=2).fit(ecg)
    assert transformer.n_iter_ == 0
    np.testing.assert_allclose(transformer.filter_bank_[0, 0, 2], np.sqrt([0.5, 0.5]))


@pytest.mark.parametrize("length", [64, 320])  # by a matrix, and without any product
@pytest.mark.parametrize("init", ["wavelet", "library"])
def test_no_level_has_nothing_to_learn(length, init):
    X = np.random.default_rng(0).standard_normal((10, length))
    transformer = AdaptiveWaveletTransformer("db2", level=0, init=init).fit(X)
    assert transformer.loss_curve_[-1] == pytest.approx(np.abs(X).sum(1).mean())
    np.testing.assert_array_equal(transformer.transform(X), X)


def test_score_is_the_mean_coefficient_over_the_mean_value(ecg):
    transformer = AdaptiveWaveletTransformer("db2", level=2).fit(ecg)
    expected = np.abs(transformer.transform(ecg)).mean() / np.abs(ecg).mean()
    assert transformer.score(ecg) == pytest.approx(-expected, rel=1e-10)
    # No transform scores -1, and the unit of the samples does not count.
    identity = AdaptiveWaveletTransformer("db2", level=0).fit(ecg)
    assert identity.score(ecg) == pytest.approx(-1, rel=1e-12)
    for unit in (1e-30, 1e30):
        score = transformer.score(unit * ecg)
        assert score == pytest.approx(-expected, rel=1e-10)


def quartic(x):
    """A function whose gradient is the cube of its input."""
    return (x.flatten(1) ** 4).sum(1) / 4


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
def test_score_weights_sparsity_and_attribution(ecg, method):
    G = ecg**3
    transformer = AdaptiveWaveletTransformer(
        "db2",
        level=2,
        alpha_sparsity=3.0,
        alpha_attribution=0.2,
        teacher=Teacher(quartic, method=method),
    ).fit(ecg)
    multiply = method != "saliency"
    own = 3 * np.abs(ecg).mean() + 0.2 * np.abs(G * (ecg if multiply else 1)).mean()
    terms, share = transformer.objective_terms_, 64 / transformer.layout_.n_coeffs
    mean = 3 * (3 * terms["sparsity"] + 0.2 * terms["attribution"]) * share / 64
    assert transformer.score(ecg) == pytest.approx(-mean / own, rel=1e-10)
    transformer.set_params(teacher=None)
    if not multiply:
        score = transformer.score(ecg, input_gradients=G)
        assert score == pytest.approx(-mean / own, rel=1e-10)


def test_score_of_the_free_filter_counts_every_term(ecg):
    transformer = AdaptiveWaveletTransformer("db2", level=2, parametrization="free")
    transformer.fit(ecg)
    own = np.abs(ecg).sum() / len(ecg) / 64
    mean = 3 * objective_of(transformer) / transformer.layout_.n_coeffs
    assert transformer.score(ecg) == pytest.approx(-mean / own, rel=1e-10)
    assert transformer.score(0 * ecg) <= 0  # and is finite


@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
def test_score_prefers_no_level_and_no_length_on_noise(mode):
    X = np.random.default_rng(0).standard_normal((500, 64))
    scores = [
        AdaptiveWaveletTransformer(wavelet, mode=mode, max_iter=0).fit(X).score(X)
        for wavelet in ("haar", "db2", "db5", "sym8")  # of 6, 4, 2 and 2 levels
    ]
    # What differs is the energy of coefficients at the ends; the objectives themselves
    # differ fourfold.
    assert np.ptp(scores) < 0.04
    np.testing.assert_allclose(scores, -1, atol=0.04)


def test_grid_search_on_the_transformer_alone(ecg):
    search = GridSearchCV(
        AdaptiveWaveletTransformer(level=2),
        {"wavelet": ["haar", "db2"], "mode": ["symmetric", "periodization"]},
        cv=3,
    ).fit(ecg)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.best_estimator_.score(ecg) < 0


@pytest.mark.parametrize(
    "name, parametrization, has_gradients, reason",
    [
        ("alpha_sparsity", "orthogonal", False, "Tune the wavelet's length"),
        ("alpha_sparsity", "orthogonal", True, "attribution_ratio is relative to it"),
        ("alpha_attribution", "orthogonal", False, "there is no teacher"),
        ("alpha_attribution", "free", False, "there is no teacher"),
        ("attribution_ratio", "free", False, "there is no teacher"),
        ("n_init", "orthogonal", True, "init='wavelet' is a single start"),
    ],
)
def test_a_strength_that_does_nothing_warns(
    ecg, name, parametrization, has_gradients, reason
):
    transformer = AdaptiveWaveletTransformer(
        "db3", level=2, parametrization=parametrization, tol=1e-3
    )
    fit_params = {"input_gradients": ecg**3} if has_gradients else {}
    expected = clone(transformer).fit(ecg, **fit_params)
    transformer.set_params(**{name: 8 if name == "n_init" else 8.0})
    with pytest.warns(UserWarning, match=f"^{name} has no effect: .*{reason}") as record:
        transformer.fit(ecg, **fit_params)
    assert record[0].filename == __file__
    # The objective is multiplied by a power of two, which changes no bit of the rest.
    np.testing.assert_array_equal(transformer.filter_bank_, expected.filter_bank_)


def test_a_strength_that_counts_does_not_warn(ecg):
    free = AdaptiveWaveletTransformer("db2", level=2, parametrization="free", tol=1e-2)
    lattice = AdaptiveWaveletTransformer("db2", level=2, alpha_attribution=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        free.set_params(alpha_sparsity=0.5).fit(ecg)
        free.set_params(attribution_ratio=2.0).fit(ecg, input_gradients=ecg**3)
        lattice.set_params(alpha_sparsity=0.5).fit(ecg, input_gradients=ecg**3)
        lattice.set_params(alpha_sparsity=0.0, alpha_attribution=None)
        lattice.fit(ecg, input_gradients=ecg**3)
    assert not [w for w in caught if "has no effect" in str(w.message)]
    assert lattice.strengths_["sparsity"] == 0 < lattice.strengths_["attribution"]


def test_one_of_two_strengths_warns(ecg):
    both = AdaptiveWaveletTransformer(
        "db2", level=2, alpha_attribution=2.0, attribution_ratio=3.0
    )
    with pytest.warns(UserWarning, match="^attribution_ratio has no .* is set"):
        both.fit(ecg, input_gradients=ecg**3)
    assert both.strengths_["attribution"] == 2.0


@pytest.mark.parametrize("unit, gradient_unit", [(1.0, 1.0), (2.0**20, 2.0**-30)])
def test_the_ratio_has_no_unit(ecg, unit, gradient_unit):
    G = np.roll(ecg, 3, axis=1) ** 3
    start = AdaptiveWaveletTransformer("db3", level=2, max_iter=0)
    terms = start.fit(ecg, input_gradients=G).objective_terms_
    learned = AdaptiveWaveletTransformer("db3", level=2, attribution_ratio=3.0)
    learned.fit(unit * ecg, input_gradients=gradient_unit * G)
    expected = 3 * terms["sparsity"] / terms["attribution"] * unit / gradient_unit
    assert learned.strengths_["attribution"] == pytest.approx(expected, rel=1e-12)
    # At the start the attributions then count three times as much as the coefficients.
    assert learned.loss_curve_[0] == pytest.approx(4 * terms["sparsity"] * unit)
    published = AdaptiveWaveletTransformer("db3", level=2, alpha_attribution=expected)
    published.fit(unit * ecg, input_gradients=gradient_unit * G)
    np.testing.assert_allclose(published.filter_bank_, learned.filter_bank_, atol=1e-6)


def test_the_ratio_without_sparsity_and_without_attributions(ecg):
    G = np.roll(ecg, 3, axis=1) ** 3
    only = AdaptiveWaveletTransformer("db3", level=2, alpha_sparsity=0.0)
    only.fit(ecg, input_gradients=G)
    assert only.strengths_["sparsity"] == 0 < only.strengths_["attribution"]
    none = AdaptiveWaveletTransformer("db3", level=2, attribution_ratio=0.0)
    none.fit(ecg, input_gradients=G)
    plain = AdaptiveWaveletTransformer("db3", level=2).fit(ecg)
    np.testing.assert_allclose(none.filter_bank_, plain.filter_bank_, atol=1e-12)
    assert plain.strengths_["attribution"] == 0
    with pytest.raises(ValueError, match="attributions are zero for every signal"):
        none.fit(ecg, input_gradients=0 * G)


def test_partial_fits_keep_the_strength_of_the_first(ecg):
    transformer = AdaptiveWaveletTransformer("db2", level=2, random_state=0)
    transformer.partial_fit(ecg[:60])
    assert transformer.strengths_["attribution"] == 0
    transformer.partial_fit(ecg[:60], input_gradients=ecg[:60] ** 3)
    first = transformer.strengths_["attribution"]
    assert first > 0
    transformer.partial_fit(ecg[60:], input_gradients=9 * ecg[60:] ** 3)
    assert transformer.strengths_["attribution"] == first
    transformer.set_params(alpha_attribution=5.0)
    transformer.partial_fit(ecg[60:], input_gradients=ecg[60:] ** 3)
    assert transformer.strengths_["attribution"] == 5.0


@pytest.mark.filterwarnings("ignore:level=1 is too high")
@pytest.mark.parametrize(
    "wavelet, filter_length, start, n_taps",
    [
        (None, None, "db5", 10),
        (None, 6, "db3", 6),
        (None, 60, "db22", 60),
        ("haar", 8, "haar", 8),
        ("sym4", 8, "sym4", 8),
    ],
)
def test_filter_length(ecg, wavelet, filter_length, start, n_taps):
    transformer = AdaptiveWaveletTransformer(
        wavelet, filter_length=filter_length, level=1, max_iter=0
    ).fit(ecg)
    assert transformer.filter_bank_.shape[-1] == n_taps == transformer.wavelet_.dec_len
    assert transformer.starts_[0]["wavelet"] == start
    fixed = WaveletTransformer(start, level=1).fit(ecg)
    padded = n_taps - pywt.Wavelet(start).dec_len
    # The zeros come after the taps: the coefficients move, and do not change.
    taps = transformer.filter_bank_[0, 0, 2]
    np.testing.assert_allclose(taps[: n_taps - padded], fixed.wavelet_.rec_lo, atol=1e-9)
    np.testing.assert_allclose(taps[n_taps - padded :], 0, atol=1e-9)


def test_longer_filters_learn_more(ecg):
    losses = [
        min(
            AdaptiveWaveletTransformer(
                "db2", filter_length=n, level=2, mode="periodization"
            )
            .fit(ecg)
            .loss_curve_
        )
        for n in (4, 8)
    ]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    "params, name",
    [
        ({"wavelet": "sym4"}, "adapted sym4"),
        ({"filter_length": 6, "init": "grow"}, "adapted haar (grown)"),
        ({"filter_length": 6, "init": "random"}, "adapted random angles"),
    ],
)
def test_the_learned_wavelet_is_named_after_its_start(ecg, params, name):
    params |= {"level": 2, "random_state": 0, "warm_start": True}
    transformer = AdaptiveWaveletTransformer(**params).fit(ecg)
    assert transformer.wavelet_.name == name
    assert transformer.fit(ecg).starts_[0]["wavelet"] == "previous fit"
    assert transformer.wavelet_.name == name


def test_penalties_alone_keep_the_free_filter_near_a_wavelet(ecg):
    strengths = [0.1, 100.0]
    errors = []
    for alpha_filter in strengths:
        transformer = AdaptiveWaveletTransformer(
            "db3", level=2, parametrization=Free(alpha_filter=alpha_filter)
        ).fit(ecg)
        errors.append(double_shift_error(transformer))
    assert errors[1] < errors[0] / 10


def test_deterministic_and_leaves_global_state_alone(ecg):
    torch_state, numpy_state = torch.get_rng_state(), check_random_state(None).get_state()
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    transformer = AdaptiveWaveletTransformer(
        "db3", level=2, solver=Adam(batch_size=16), max_iter=12, random_state=3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first, second = clone(transformer).fit(ecg), clone(transformer).fit(ecg)
        other = clone(transformer).set_params(random_state=4).fit(ecg)
    np.testing.assert_array_equal(first.filter_bank_, second.filter_bank_)
    assert np.abs(first.filter_bank_ - other.filter_bank_).max() > 0
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(check_random_state(None).get_state()[1], numpy_state[1])
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)


@pytest.mark.parametrize("init", ["library", "random", "grow", "best"])
def test_many_starts_beat_one(ecg, init):
    transformer = AdaptiveWaveletTransformer("db3", level=2, random_state=0)
    one = clone(transformer).fit(ecg)
    many = clone(transformer).set_params(init=init, n_init=3).fit(ecg)
    after = [start["loss_after"] for start in many.starts_]
    assert 1 < len(after) <= 3
    assert objective_of(many) == pytest.approx(min(after), rel=1e-9)
    assert min(after) <= one.starts_[0]["loss_after"] * (1 + 1e-4)  # the tolerance
    again = clone(many).fit(ecg)
    np.testing.assert_array_equal(again.filter_bank_, many.filter_bank_)
    assert double_shift_error(many) < 1e-12


@pytest.mark.parametrize(
    "params",
    [
        {"parametrization": "free", "per_axis": True},
        {"per_level": True, "per_axis": True},
        {"solver": "adam", "max_iter": 2},
        {"max_iter": 0, "init": "library"},
        {"wavelet": "haar", "init": "best"},
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_starts_for_every_parametrization_and_bank(digits, params):
    X, _ = digits
    params = {"wavelet": "db2", "init": "random", **params}
    transformer = AdaptiveWaveletTransformer(**params, level=1, ndim=2).fit(X)
    (start,) = transformer.starts_
    assert start["loss_after"] <= start["loss_before"]
    assert objective_of(transformer) == pytest.approx(start["loss_after"], rel=1e-6)


def test_growing_recovers_the_wavelet_that_made_the_gradients():
    # Three neighbouring atoms of a wavelet that no start is told of: the simulation of Ha
    # et al. (2021) with an ideal teacher.
    truth = WaveletTransformer("db4", level=3, mode="zero").fit(np.zeros((1, 64)))
    atoms = np.zeros((1, truth.layout_.n_coeffs))
    first = list(truth.get_feature_names_out()).index("cD2_7")
    atoms[0, first : first + 3] = 1
    G = np.repeat(truth.inverse_transform(atoms), 20, axis=0)
    X = np.random.default_rng(0).standard_normal(G.shape)
    transformer = AdaptiveWaveletTransformer(
        filter_length=8,
        level=3,
        mode="zero",
        init="grow",
        alpha_sparsity=0,
        alpha_attribution=1.0,
        random_state=0,
    ).fit(X, input_gradients=G)
    # The norm of three atoms, over the number of bands; tol allows a little more.
    assert transformer.loss_curve_[-1] < 3 / 4 + 0.01
    h, learned = np.array(pywt.Wavelet("db4").rec_lo), transformer.filter_bank_[0, 0, 2]
    overlap = max(np.abs(np.correlate(learned, x, "full")).max() for x in (h, h[::-1]))
    assert overlap > 0.999


def test_warm_start_goes_on(ecg):
    transformer = AdaptiveWaveletTransformer("sym4", level=2, max_iter=2, warm_start=True)
    with pytest.warns(ConvergenceWarning, match="reached max_iter=2"):
        transformer.fit(ecg)
    first = transformer.loss_curve_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        transformer.fit(ecg)
    assert transformer.loss_curve_[0] == pytest.approx(first[-1], rel=1e-12)
    assert transformer.loss_curve_[-1] < first[-1]


def test_partial_fit_learns_batch_by_batch(ecg):
    transformer = AdaptiveWaveletTransformer("sym4", level=2, random_state=0)
    for _ in range(20):
        for batch in np.array_split(ecg, 3):
            transformer.partial_fit(batch)
    assert transformer.n_iter_ == 60
    start = AdaptiveWaveletTransformer("sym4", level=2, max_iter=0).fit(ecg)
    assert transformer.score(ecg) > start.score(ecg)
    assert double_shift_error(transformer) < 1e-12
    with pytest.raises(ValueError, match="X has 10 features"):
        transformer.partial_fit(ecg[:, :10])


def test_settings_of_solver_and_bank_are_searched_and_cloned(ecg):
    transformer = AdaptiveWaveletTransformer(
        "db2", level=2, solver=Adam(), parametrization=Free(), max_iter=2, random_state=0
    )
    grid = {
        "solver__learning_rate": [1e-9, 0.1],
        "parametrization__alpha_filter": [0.5, 2.0],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(transformer, grid, cv=2).fit(ecg)
        slow = clone(transformer).set_params(solver__learning_rate=1e-9).fit(ecg)
        fast = clone(transformer).set_params(solver__learning_rate=0.1).fit(ecg)
    assert len(search.cv_results_["params"]) == 4
    assert transformer.solver == Adam()  # what is tried are copies
    assert slow.loss_curve_[1] == pytest.approx(slow.loss_curve_[0], rel=1e-6)
    assert fast.loss_curve_[1] != pytest.approx(fast.loss_curve_[0], rel=1e-3)
    best = search.best_estimator_
    assert best.strengths_["unit_norm"] == best.parametrization.alpha_filter
    assert best.strengths_["reconstruction"] == 1
    for part in (Adam(), Free()):
        with pytest.raises(ValueError, match="Invalid parameter 'momentum'"):
            part.set_params(momentum=1)


def test_negative_strengths_of_the_free_bank(ecg):
    transformer = AdaptiveWaveletTransformer("db2", parametrization=Free())
    transformer.set_params(parametrization__alpha_filter=-1.0)
    with pytest.raises(ValueError, match=r"at least 0\. Got Free.*alpha_filter=-1"):
        transformer.fit(ecg)


def test_scikit_learn_callbacks_see_and_stop_the_iterations(ecg):
    pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")

    class StopAtThird:
        scores = ()

        def setup(self, estimator, context):
            self.scores = []

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
            if context.task_name == "iteration":
                self.scores.append(fitted_estimator.score(X))
                return len(self.scores) == 3

        def teardown(self, estimator, context):
            pass

    callback = StopAtThird()
    transformer = AdaptiveWaveletTransformer("sym4", level=2).set_callbacks(callback)
    transformer.fit(ecg)
    assert transformer.n_iter_ == 3
    assert callback.scores[-1] == pytest.approx(transformer.score(ecg), rel=1e-9)


def test_a_diverging_run_keeps_the_best_state(ecg):
    transformer = AdaptiveWaveletTransformer(
        "db2", level=2, parametrization="free", solver=Adam(learning_rate=1e60)
    )
    with pytest.warns(ConvergenceWarning, match="infinite or NaN after"):
        transformer.fit(ecg)
    np.testing.assert_allclose(
        transformer.transform(ecg),
        WaveletTransformer("db2", level=2).fit_transform(ecg),
        atol=1e-12,
    )
    huge = ecg * 1e160  # whose squares overflow
    transformer.set_params(solver="bfgs")
    with pytest.warns(ConvergenceWarning, match="infinite or NaN after"):
        transformer.fit(huge)
    assert np.isfinite(transformer.transform(huge)).all()


class Interrupt:
    """A function that Ctrl-C interrupts at its n-th call."""

    def __init__(self, function, n):
        self.function, self.left = function, n

    def __get__(self, instance, owner):  # it may be a method
        return functools.partial(self, instance)

    def __call__(self, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.function(*args, **kwargs)


def interrupted(transformer, X, **fit_params):
    """Fit, which is interrupted; return what is left on the transformer."""
    with pytest.raises(KeyboardInterrupt):
        transformer.fit(X, **fit_params)
    return transformer


@pytest.mark.parametrize(
    "params, call",
    [
        ({"solver": "bfgs"}, 40),
        ({"solver": Adam(batch_size=40)}, 40),
        ({"init": "library", "n_init": 3, "random_state": 0}, 40),
    ],
)
def test_an_interrupted_run_keeps_the_best_state_and_raises(
    ecg, params, call, monkeypatch
):
    transformer = AdaptiveWaveletTransformer("sym4", level=2, tol=0, **params)
    evaluate = Interrupt(Objective.__call__, call)
    monkeypatch.setattr(Objective, "__call__", evaluate)
    interrupted(transformer, ecg)
    assert evaluate.left == 0  # and nothing was learned afterwards
    best = min(start["loss_after"] for start in transformer.starts_)
    assert objective_of(transformer) == pytest.approx(best, rel=1e-9)
    assert best < transformer.starts_[0]["loss_before"]
    assert len(transformer.starts_) <= transformer.n_init
    np.testing.assert_allclose(
        transformer.inverse_transform(transformer.transform(ecg)), ecg, atol=1e-11
    )


@pytest.mark.parametrize("call, names", [(1, {"db3"}), (60, LIBRARY)])
def test_an_interrupted_search_of_starts_keeps_the_most_promising(
    ecg, call, names, monkeypatch
):
    # 60 calls are enough to polish the library, and not to grow a lattice.
    monkeypatch.setattr(
        Objective,
        "values",
        Interrupt(Objective.values, call),
    )
    transformer = AdaptiveWaveletTransformer("db3", level=2, init="best", random_state=0)
    interrupted(transformer, ecg)
    (start,) = transformer.starts_
    assert start["wavelet"].split()[0] in names
    assert transformer.n_iter_ == 0
    assert objective_of(transformer) == pytest.approx(start["loss_after"], rel=1e-9)


def test_an_interrupted_teacher_leaves_the_transformer_as_it_was(ecg):
    def teacher(x):
        raise KeyboardInterrupt

    transformer = AdaptiveWaveletTransformer("db2", level=2, teacher=teacher)
    assert not [name for name in vars(interrupted(transformer, ecg)) if name[-1] == "_"]
    transformer.set_params(teacher=None).fit(ecg)
    before = dict(vars(transformer))
    interrupted(transformer.set_params(teacher=teacher), ecg[:, :40])
    assert vars(transformer) == before | {"teacher": teacher}


def test_an_interrupted_partial_fit_keeps_its_state_and_raises(ecg, monkeypatch):
    transformer = AdaptiveWaveletTransformer("db3", level=2, random_state=0)
    transformer.partial_fit(ecg)
    evaluate = Interrupt(Objective.__call__, 2)
    monkeypatch.setattr(Objective, "__call__", evaluate)
    with pytest.raises(KeyboardInterrupt):
        transformer.partial_fit(ecg)
    assert transformer.n_iter_ == 1
    assert transformer.transform(ecg).shape == (len(ecg), transformer.layout_.n_coeffs)


def test_an_interrupted_search_over_parameters_ends(ecg, monkeypatch):
    evaluate = Interrupt(Objective.__call__, 30)
    monkeypatch.setattr(Objective, "__call__", evaluate)
    search = GridSearchCV(
        AdaptiveWaveletTransformer("db3", level=2), {"mode": ["zero", "periodic"]}, cv=3
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(ecg)
    assert evaluate.left == 0
    assert not hasattr(search, "cv_results_")


@pytest.mark.parametrize("solver", [BFGS(), Adam(batch_size=40)])
def test_what_is_learned_does_not_depend_on_the_unit(ecg, solver):
    # Learning amplifies rounding errors, those of scaling included; those of float32 by
    # 1e5, so that only units that are powers of two can be compared there.
    units = {
        np.float64: [1e-30, 1e-21, 1e-8, 1e8, 1e30, 2.0**-100],
        np.float32: [2.0**-40, 2.0**-27, 2.0**40],
    }
    params = {"max_iter": 20, "random_state": 0}
    transformer = AdaptiveWaveletTransformer("sym4", level=3, solver=solver, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for dtype, scales in units.items():
            X = ecg.astype(dtype)
            one = clone(transformer).fit(X)
            assert one.loss_curve_[-1] < 0.998 * one.loss_curve_[0]
            for unit in scales:
                other = clone(transformer).fit(X * dtype(unit))
                np.testing.assert_allclose(
                    other.filter_bank_, one.filter_bank_, atol=1e-6
                )
                loss = np.array(other.loss_curve_) / unit
                np.testing.assert_allclose(loss, one.loss_curve_, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-12, 1e-8, 1e12])
def test_single_precision_learns_in_every_unit(ecg, unit):
    X = (ecg * unit).astype(np.float32)
    transformer = AdaptiveWaveletTransformer("sym4", level=3).fit(X)
    expected = AdaptiveWaveletTransformer("sym4", level=3).fit(ecg)
    assert transformer.n_iter_ > 10
    # A part of the gain is lost to rounding; without learning all of it would be.
    start, end = expected.loss_curve_[0], expected.loss_curve_[-1]
    assert transformer.loss_curve_[-1] / unit < start - 0.9 * (start - end)


def test_starts_are_found_in_every_unit(ecg):
    transformer = AdaptiveWaveletTransformer(
        "db3", level=2, init="best", max_iter=0, random_state=0
    )
    one = clone(transformer).fit(ecg)
    for unit in (2.0**-70, 2.0**70):  # powers of two, which round nothing
        other = clone(transformer).fit(unit * ecg)
        assert other.starts_[0]["wavelet"] == one.starts_[0]["wavelet"]
        np.testing.assert_array_equal(other.filter_bank_, one.filter_bank_)
    other = clone(transformer).fit(1e-21 * ecg)
    # Up to the tolerance to which the starts are improved.
    assert other.loss_curve_[0] / 1e-21 == pytest.approx(one.loss_curve_[0], rel=1e-5)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_failed_fit_leaves_no_trace(ecg, method):
    def teacher(x):
        return x[:, :1] * np.nan

    transformer = AdaptiveWaveletTransformer("db2", level=2)
    getattr(transformer, method)(ecg)
    before, expected = dict(vars(transformer)), transformer.transform(ecg)
    shape = ecg.shape if method == "partial_fit" else (121, 32)
    X = np.resize(ecg, shape)
    for params in (
        {"teacher": teacher},  # fails before the layout
        {"wavelet": "bior2.2"},  # in the layout
        {"solver": Adam(learning_rate=-1)},
        {"device": "cuda:99"},
    ):
        transformer.set_params(**params)
        with pytest.raises((TypeError, ValueError)):
            getattr(transformer, method)(X)
        assert vars(transformer) == before | params
        transformer.set_params(**{name: before[name] for name in params})
    np.testing.assert_array_equal(transformer.transform(ecg), expected)
    failing = AdaptiveWaveletTransformer("db2", teacher=teacher)
    with pytest.raises(ValueError, match="NaN"):
        getattr(failing, method)(ecg)
    assert set(vars(failing)) == set(failing.get_params())


def test_warm_start_does_not_take_angles_for_taps(ecg):
    # Both have eight parameters.
    lattice = AdaptiveWaveletTransformer("db9", level=1, warm_start=True).fit(ecg)
    assert lattice.starts_[0]["wavelet"] == "db9"
    free = lattice.set_params(wavelet="db4", parametrization="free").fit(ecg)
    assert free.starts_[0]["wavelet"] == "db4"
    expected = AdaptiveWaveletTransformer("db4", level=1, parametrization="free").fit(ecg)
    np.testing.assert_array_equal(free.filter_bank_, expected.filter_bank_)
    assert free.fit(ecg).starts_[0]["wavelet"] == "previous fit"
    # As many parameters of other banks are others, too.
    free.set_params(wavelet="haar", level=4, per_level=True).fit(ecg)
    assert free.starts_[0]["wavelet"] == "haar"


def test_partial_fit_starts_anew_where_the_parameters_change(ecg):
    transformer = AdaptiveWaveletTransformer("db9", level=1, random_state=0)
    transformer.partial_fit(ecg).partial_fit(ecg)
    assert transformer.starts_[0]["wavelet"] == "previous fit"
    transformer.set_params(wavelet="db4", parametrization="free").partial_fit(ecg)
    assert transformer.starts_[0]["wavelet"] == "db4"
    assert transformer.n_iter_ == 1


@pytest.mark.parametrize("convert", [scipy.sparse.csr_array, torch.Tensor.to_sparse])
def test_sparse_input_gradients(ecg, convert):
    G = torch.from_numpy(ecg) if convert is torch.Tensor.to_sparse else ecg
    with pytest.raises(TypeError, match="Sparse data was passed"):
        AdaptiveWaveletTransformer("db2").fit(ecg, input_gradients=convert(G))


def test_input_gradients_that_require_grad(ecg):
    G = torch.tensor(ecg**3, requires_grad=True)
    transformer = AdaptiveWaveletTransformer("db2", level=2)
    expected = clone(transformer).fit(ecg, input_gradients=ecg**3).filter_bank_
    for X in (ecg, torch.from_numpy(ecg)):
        transformer.fit(X, input_gradients=G)
        np.testing.assert_array_equal(transformer.filter_bank_, expected)


def test_input_gradients_choose_the_wavelet(ecg):
    # The gradients are sparse in another wavelet than the signals are.
    rng = np.random.default_rng(0)
    atoms = WaveletTransformer("sym4", level=2, mode="periodization").fit(ecg)
    coeffs = np.zeros((len(ecg), atoms.layout_.n_coeffs))
    coeffs[:, rng.integers(0, coeffs.shape[1], 4)] = 1.0
    G = atoms.inverse_transform(coeffs)
    transformer = AdaptiveWaveletTransformer("sym4", level=2, mode="periodization")
    plain = clone(transformer).fit(ecg)
    distilled = clone(transformer).set_params(alpha_attribution=100.0)
    distilled.fit(ecg, input_gradients=G)
    attribution = [
        AdaptiveWaveletTransformer(
            fitted.wavelet_, level=2, mode="periodization", max_iter=0
        )
        .fit(ecg, input_gradients=G)
        .objective_terms_["attribution"]
        for fitted in (plain, distilled)
    ]
    assert attribution[1] < attribution[0]
    loss = min(distilled.loss_curve_)
    assert objective_of(distilled) == pytest.approx(loss, rel=1e-9)


def test_input_gradients_are_routed_through_a_pipeline(ecg):
    G = np.roll(ecg, 5, axis=1)
    with config_context(enable_metadata_routing=True):
        transformer = AdaptiveWaveletTransformer("db2", level=2)
        pipeline = make_pipeline(
            FunctionTransformer(),
            transformer.set_fit_request(input_gradients=True),
        ).fit(ecg, input_gradients=G)
    assert pipeline[-1].objective_terms_["attribution"] > 0


@pytest.mark.parametrize(
    "gradients, message",
    [
        (np.ones((121, 63)), r"must have the shape of X, \(121, 64\). Got \(121, 63\)"),
        (np.full((121, 64), np.nan), "Input input_gradients contains NaN"),
        (np.ones((121, 64)) * 1j, "Complex data not supported"),
        (torch.ones(121, 64) * 1j, "Complex data not supported"),
    ],
)
def test_bad_input_gradients(ecg, gradients, message):
    for X in (ecg, torch.tensor(ecg)):
        with pytest.raises(ValueError, match=message):
            AdaptiveWaveletTransformer().fit(X, input_gradients=gradients)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"solver": "lbfgs"}, "The 'solver' parameter of Adaptive"),
        ({"solver": Adam(batch_size=0)}, "'batch_size' parameter of Adam .* Got 0"),
        ({"solver": Adam(learning_rate=0)}, "'learning_rate' parameter .* Got 0"),
        ({"filter_length": 1}, "The 'filter_length' parameter of Adaptive"),
        ({"filter_length": 7}, "filter_length must be even and at least 6"),
        ({"wavelet": "db4", "filter_length": 6}, "at least 8, the length of 'db4'"),
        ({"attribution_ratio": -1.0}, "The 'attribution_ratio' parameter of Adapt"),
        ({"init": "shrink"}, "The 'init' parameter of .* must be .*'wavelet'"),
        ({"n_init": 0}, "The 'n_init' parameter of Adaptive"),
        ({"parametrization": "lifting"}, "The 'parametrization' parameter of Adaptive"),
        ({"alpha_sparsity": -1.0}, "The 'alpha_sparsity' parameter of Adaptive"),
        ({"wavelet": "bior2.2"}, "'bior2.2' cannot be .*WaveletTransformer"),
        ({"wavelet": "db99"}, "'wavelet' parameter of Adapt.* 'db99'.* mean 'db9'?"),
        ({"wavelet": "dmey"}, "'dmey' cannot be represented"),
        ({"wavelet": "db30"}, "'db30' cannot be represented"),
        ({"wavelet": "bior2.2", "parametrization": "free"}, "'bior2.2' cannot be"),
    ],
)
def test_bad_parameters(ecg, params, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveWaveletTransformer(**params).fit(ecg)


def test_no_such_device(ecg):
    for device in ("cuda:99", "abacus"):
        with pytest.raises(ValueError, match="The 'device' parameter of Adaptive"):
            AdaptiveWaveletTransformer(device=device).fit(ecg)


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_fit_and_transform_copy_a_large_array_at_most_twice():
    code = """
import resource, warnings
import numpy as np
from sk_awave import AdaptiveWaveletTransformer

X = np.random.default_rng(0).standard_normal((400_000, 64), dtype=np.float32)
transformer = AdaptiveWaveletTransformer("db2", level=2, mode="periodization", max_iter=1)
warnings.simplefilter("ignore")
transformer.fit(X[:2000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Xt = transformer.fit(X).transform(X)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / X.nbytes)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    # One copy is the coefficients themselves.
    assert float(run.stdout) < 2


def test_signature_is_documented_in_order():
    names = list(inspect.signature(AdaptiveWaveletTransformer).parameters)
    text = inspect.getdoc(AdaptiveWaveletTransformer)
    places = [re.search(rf"\n(\w+, )?{name}(, \w+)? : ", text).start() for name in names]
    assert places == sorted(places)


def test_stationary_learning_minimises_the_mean_over_shifts(ecg):
    X = ecg[::4, :48]
    kwargs = {"level": 2, "mode": "periodization"}
    stationary = AdaptiveWaveletTransformer("sym4", decomposition="stationary", **kwargs)
    stationary.fit(X)

    def mean_over_shifts(wavelet):
        fixed = AdaptiveWaveletTransformer(wavelet, max_iter=0, **kwargs)
        return np.mean([fixed.fit(np.roll(X, s, 1)).loss_curve_[0] for s in range(4)])

    for wavelet, loss in (
        ("sym4", stationary.loss_curve_[0]),
        (stationary.wavelet_, min(stationary.loss_curve_)),
    ):
        assert mean_over_shifts(wavelet) == pytest.approx(loss, rel=1e-8)
    assert min(stationary.loss_curve_) < stationary.loss_curve_[0]
    # So the origin does not matter.
    moved = clone(stationary).fit(np.roll(X, 1, axis=1))
    np.testing.assert_allclose(moved.filter_bank_, stationary.filter_bank_, atol=1e-5)
    # Noise scores as it does in the decimated transform.
    noise = np.random.default_rng(0).standard_normal((300, 64))
    fixed = clone(stationary).set_params(max_iter=0).fit(noise)
    assert fixed.score(noise) == pytest.approx(-1, abs=0.01)


class Roughness(FilterTerm):
    name = "roughness"

    def value(self, lowpass):
        return lowpass.diff(n=2).square().sum()


class Correlation(SignalTerm):
    """How little of a target the coefficients explain, one by one."""

    name = "correlation"

    def value(self, batch):
        y = batch.y.to(batch.coeffs).unsqueeze(-1)
        return -(y * batch.coeffs).mean(-2).abs().sum(-1) * len(batch.x) / batch.n


def test_terms_of_the_users_own(ecg):
    y = ecg[:, 30]
    plain = AdaptiveWaveletTransformer("db3", level=2).fit(ecg)
    for term, strength in ((Roughness(), 100.0), (Correlation(), 100.0)):
        own = clone(plain).set_params(extra_terms=[(term, strength)]).fit(ecg, y)
        other = AdaptiveWaveletTransformer(
            plain.wavelet_, level=2, max_iter=0, extra_terms=[(term, strength)]
        ).fit(ecg, y)
        name = term.name
        assert list(own.objective_terms_) == [*TERMS, name]
        assert own.objective_terms_[name] < other.objective_terms_[name] - 1e-4
        assert own.loss_curve_[-1] < other.loss_curve_[-1]
        assert np.isfinite(own.score(ecg, y))
        # The search of starts evaluates them for many filters at once.
        library = clone(own).set_params(init="library", random_state=0).fit(ecg, y)
        assert library.loss_curve_[-1] < own.loss_curve_[-1] * 1.01


@pytest.mark.parametrize(
    "extra_terms, error, message",
    [
        ([("roughness", 1.0)], TypeError, "must be a list of .term, float."),
        ([(Roughness, 1.0)], TypeError, "with instances of SignalTerm or FilterTerm"),
        ([(Roughness(), "1")], TypeError, "Got .* in it"),
        ([(Roughness(), -1.0)], ValueError, "at least 0.* Got 'roughness' with -1"),
        ([(Roughness(), 1.0), (Roughness(), 2.0)], ValueError, "names of their own"),
        ([(Sparsity(), 1.0)], ValueError, "names of their own. Got 'sparsity'"),
    ],
)
def test_what_are_no_terms(ecg, extra_terms, error, message):
    with pytest.raises(error, match=message):
        AdaptiveWaveletTransformer("db2", extra_terms=extra_terms).fit(ecg)


class FourTaps(nn.Module):
    tags = frozenset({"reconstructs", "orthonormal"})

    def forward(self, original):
        cos, sin = torch.cos(original), torch.sin(original)
        h = [1 - cos + sin, 1 + cos + sin, 1 + cos - sin, 1 - cos - sin]
        return orthogonal_filters(torch.cat(h, -1) / (2 * np.sqrt(2)))

    def right_inverse(self, filters):
        h = filters[..., 2, :] * np.sqrt(2)
        return torch.atan2(h[..., :1] + h[..., 1:2] - 1, h[..., 1:2] - h[..., :1])


@pytest.mark.filterwarnings("error")
def test_a_bank_of_the_users_own(ecg):
    lattice = AdaptiveWaveletTransformer("db2", level=2).fit(ecg)
    own = clone(lattice).set_params(parametrization=FourTaps()).fit(ecg)
    assert own.loss_curve_[0] == pytest.approx(lattice.loss_curve_[0], rel=1e-9)
    assert own.loss_curve_[-1] == pytest.approx(lattice.loss_curve_[-1], rel=1e-4)
    assert double_shift_error(own) < 1e-12
    assert own.score(ecg) == pytest.approx(lattice.score(ecg), rel=1e-4)
    clone(own).set_params(init="random", random_state=0, warm_start=True).fit(ecg)
    with pytest.raises(ValueError, match="cannot represent these filters"):
        clone(own).set_params(wavelet="bior2.2").fit(ecg)


class SubFamily(torch.nn.Module):
    """Orthonormal filters of six taps by one angle: few library wavelets are in it."""

    tags = frozenset({"reconstructs", "orthonormal"})

    def forward(self, original):
        return Orthogonal()(torch.cat([original, -original], -1))

    def right_inverse(self, filters):
        return Orthogonal().right_inverse(filters)[..., :1]


@pytest.mark.parametrize("init", ["library", "random", "best"])
@pytest.mark.parametrize("n_init", [1, 5])
def test_starts_are_what_their_names_say(ecg, init, n_init):
    """A start that the bank cannot have is dropped: it would be that of other filters."""
    filters = SubFamily()(torch.tensor([[[0.7]]], dtype=torch.float64))[0, 0].numpy()
    wavelet = pywt.Wavelet("mine", filter_bank=[list(taps) for taps in filters])
    transformer = AdaptiveWaveletTransformer(
        wavelet, level=2, parametrization=SubFamily(), init=init, n_init=n_init
    )
    transformer.set_params(max_iter=0, random_state=0).fit(ecg)
    for start in transformer.starts_:
        name, *words = start["wavelet"].split()
        if name not in pywt.wavelist(kind="discrete") or "(grown)" in words:
            continue
        shift = int(words[-1]) if "shifted" in words else 0
        taps = np.array(pywt.Wavelet(name).rec_lo)[:: -1 if "reversed" in words else 1]
        taps = np.pad(taps, (shift, 6 - len(taps) - shift))
        named = pywt.Wavelet(name, orthogonal_filters(torch.from_numpy(taps)).tolist())
        alone = AdaptiveWaveletTransformer(named, level=2, max_iter=0).fit(ecg)
        assert start["loss_before"] == pytest.approx(alone.loss_curve_[0])
