"""Transformers whose learned bank is biorthogonal."""

import numpy as np
import pytest
import pywt
from sklearn.base import clone

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.decomposition import adaptive_wavelet_path
from sk_awave.engine import Biorthogonal


def make(wavelet="db3", **params):
    kwargs = {"level": 2, "mode": "periodization", "parametrization": "biorthogonal"}
    return AdaptiveWaveletTransformer(wavelet, **kwargs | params)


def objective_at(wavelet, X, **params):
    """Return the L1 norm of PyWavelets' coefficients, details by those of their atoms."""
    approximation, *details = pywt.wavedec(X, wavelet, "periodization", level=2)
    total = np.abs(approximation).sum()
    for level, detail in zip((2, 1), details, strict=True):
        atom = pywt.upcoef("d", [1.0], wavelet, level=level)
        total += np.abs(detail).sum() * np.linalg.norm(atom)
    return total / (3 * len(X))


@pytest.fixture(scope="module")
def learned(ecg):
    return make().fit(ecg)


def test_it_reconstructs_through_a_biorthogonal_wavelet(learned, ecg):
    wavelet = learned.wavelet_
    assert wavelet.biorthogonal
    assert not wavelet.orthogonal
    Xt = learned.transform(ecg)
    np.testing.assert_allclose(learned.inverse_transform(Xt), ecg, rtol=0, atol=1e-11)
    coeffs = pywt.wavedec(ecg, wavelet, "periodization", level=2)
    np.testing.assert_allclose(Xt, np.concatenate(coeffs, 1), rtol=0, atol=1e-12)


def test_details_count_with_the_norms_of_their_atoms(learned, ecg):
    expected = objective_at(learned.wavelet_, ecg)
    assert learned.objective_terms_["sparsity"] == pytest.approx(expected, rel=1e-10)
    assert learned.loss_curve_[-1] == pytest.approx(expected, rel=1e-10)
    plain = sum(
        np.abs(c).sum() for c in pywt.wavedec(ecg, learned.wavelet_, "periodization", 2)
    ) / (3 * len(ecg))
    assert abs(plain / expected - 1) > 0.005


@pytest.mark.parametrize("wavelet", ["db2", "db3", "sym4", "coif1"])
def test_it_is_released_from_the_learned_orthonormal_bank(ecg, wavelet):
    orthonormal = make(wavelet, parametrization="orthogonal").fit(ecg)
    released = make(wavelet).fit(ecg)
    n = orthonormal.n_iter_ + 1
    np.testing.assert_array_equal(released.loss_curve_[:n], orthonormal.loss_curve_)
    assert released.loss_curve_[-1] < orthonormal.loss_curve_[-1]
    assert released.n_iter_ == len(released.loss_curve_) - 1 > orthonormal.n_iter_


def test_images_and_banks_of_levels_and_axes(digits):
    X = digits[0][:100]
    for params in ({}, {"per_level": True}, {"per_axis": True}):
        transformer = make("db2", ndim=2, level=1, tol=1e-3, **params).fit(X)
        orthonormal = clone(transformer).set_params(parametrization="orthogonal").fit(X)
        assert transformer.loss_curve_[-1] < orthonormal.loss_curve_[-1]
        again = transformer.inverse_transform(transformer.transform(X))
        np.testing.assert_allclose(again, X, rtol=0, atol=1e-11 * np.abs(X).max())


@pytest.mark.parametrize("decomposition", ["dwt", "stationary"])
def test_a_biorthogonal_start_is_learned_from_at_once(ecg, decomposition):
    transformer = make("bior2.2", decomposition=decomposition)
    kept = clone(transformer).set_params(max_iter=0).fit(ecg)
    np.testing.assert_allclose(
        np.abs(kept.filter_bank_[0, 0]),
        np.abs(pywt.Wavelet("bior2.2").filter_bank),
        rtol=0,
        atol=1e-12,
    )
    transformer.fit(ecg)
    assert transformer.loss_curve_[0] == pytest.approx(kept.loss_curve_[0], rel=1e-12)
    assert transformer.loss_curve_[-1] < 0.997 * transformer.loss_curve_[0]
    Xt = transformer.transform(ecg)
    np.testing.assert_allclose(transformer.inverse_transform(Xt), ecg, rtol=0, atol=1e-11)


def test_the_condition_number_stays_low(learned, ecg):
    eye = np.eye(32)
    coeffs = pywt.wavedec(eye, learned.wavelet_, "periodization", level=2)
    expected = np.linalg.cond(np.concatenate(coeffs, 1))
    assert learned.condition_number_ == pytest.approx(expected, rel=1e-3)
    assert 1.05 < learned.condition_number_ < 5
    assert make(parametrization="orthogonal").fit(ecg).condition_number_ == (
        pytest.approx(1, rel=1e-9)
    )
    assert WaveletTransformer("bior3.1", level=2).fit(ecg).condition_number_ > 5
    with pytest.raises(AttributeError):
        _ = make().condition_number_


def test_penalties_pull_towards_an_orthonormal_bank(learned, ecg):
    numbers = [learned.condition_number_]
    for strength in (1, 100):
        held = make(parametrization=Biorthogonal(alpha_filter=strength)).fit(ecg)
        numbers.append(held.condition_number_)
        assert held.strengths_["double_shift"] == strength
    assert numbers[0] > numbers[1] > numbers[2] > 1


def test_attributions_are_by_the_bank_of_synthesis(ecg):
    G = ecg**3 - ecg
    transformer = make(attribution_ratio=3.0).fit(ecg, input_gradients=G)
    scores = transformer.inverse_transform_adjoint(G)
    coeffs = np.random.default_rng(0).standard_normal(scores.shape)
    inner = (transformer.inverse_transform(coeffs) * G).sum()
    assert (scores * coeffs).sum() == pytest.approx(inner, rel=1e-10)
    norms = np.ones(scores.shape[1])
    for band in transformer.layout_.bands[1:]:
        atom = pywt.upcoef("d", [1.0], transformer.wavelet_, level=band.level)
        norms[band.start : band.stop] = np.linalg.norm(atom)
    expected = (np.abs(scores) / norms).sum() / (3 * len(ecg))
    terms = transformer.objective_terms_
    assert terms["attribution"] == pytest.approx(expected, rel=1e-10)


def test_score_is_on_the_same_scale(learned, ecg):
    def expected(transformer):
        sparsity = transformer.objective_terms_["sparsity"]
        return -3 * sparsity / np.abs(ecg).sum(1).mean()

    assert learned.score(ecg) == pytest.approx(expected(learned), rel=1e-10)
    fixed = make("bior2.2", max_iter=0).fit(ecg)
    assert fixed.score(ecg) == pytest.approx(expected(fixed), rel=1e-10)


@pytest.mark.parametrize("init", ["library", "random", "grow", "best"])
def test_the_search_of_starts_releases_what_it_finds(ecg, init):
    params = {"init": init, "n_init": 2, "random_state": 0}
    transformer = make(**params).fit(ecg)
    orthonormal = make(parametrization="orthogonal", **params).fit(ecg)
    assert transformer.loss_curve_[-1] < orthonormal.loss_curve_[-1]
    after = [start["loss_after"] for start in transformer.starts_]
    assert transformer.loss_curve_[-1] == min(after)


@pytest.mark.parametrize("wavelet", ["bior2.2", "rbio2.2", "bior4.4", "rbio4.4"])
def test_the_library_has_the_biorthogonal_wavelets_that_fit(wavelet):
    rng = np.random.default_rng(0)
    truth = WaveletTransformer(wavelet, level=2, mode="periodization")
    truth.fit(np.zeros((1, 64)))
    coeffs = rng.standard_normal((60, 64)) * (rng.random((60, 64)) < 0.1)
    X = truth.inverse_transform(coeffs)
    found = make(filter_length=10, init="library", max_iter=0, random_state=0).fit(X)
    assert found.starts_[0]["wavelet"].split()[0] == wavelet


def test_it_is_continued(ecg):
    transformer = make(warm_start=True).fit(ecg)
    last, n_iter = transformer.loss_curve_[-1], transformer.n_iter_
    transformer.fit(ecg)
    assert transformer.loss_curve_[0] == last
    assert transformer.n_iter_ < n_iter
    transformer.set_params(max_iter=1).partial_fit(ecg)
    assert transformer.loss_curve_[-1] < 1.1 * last


def test_callbacks_see_one_run(ecg):
    from sk_awave.decomposition import _fitting as fitting

    transformer = make()
    transformer.sample_shape_ = ecg.shape[1:]
    learner = fitting.make_learner(transformer, ecg, None, None)
    seen = []

    def callback(n_iter, value, theta):
        seen.append((n_iter, value, theta.shape))
        return n_iter == 12

    solution = learner._minimize(learner.objective.start, learner.max_iter, callback)
    assert [n for n, *_ in seen] == list(range(1, 13))
    assert {shape for *_, shape in seen} == {(4,)}
    assert solution.outcome == "stopped"
    assert solution.n_iter == 12


def test_the_iterations_are_shared(ecg):
    with pytest.warns(match="max_iter=6"):
        transformer = make(max_iter=6, tol=0).fit(ecg)
    assert transformer.n_iter_ == 6
    assert not transformer.wavelet_.orthogonal


def test_a_path_of_biorthogonal_wavelets(ecg):
    G = ecg**3 - ecg
    _, fitted = adaptive_wavelet_path(
        ecg, transformer=make(tol=1e-3), ratios=[0, 1, 10], input_gradients=G
    )
    attributions = [t.objective_terms_["attribution"] for t in fitted]
    assert attributions[0] > attributions[1] > attributions[2]
    assert all(not t.wavelet_.orthogonal for t in fitted)


def test_alpha_sparsity_alone_has_no_effect(ecg):
    with pytest.warns(UserWarning, match="alpha_sparsity has no effect"):
        make(alpha_sparsity=2.0).fit(ecg)
    make(alpha_sparsity=2.0, parametrization=Biorthogonal(alpha_filter=1)).fit(ecg)


@pytest.mark.parametrize("wavelet", ["bior1.3", "bior6.8"])
def test_wavelets_that_it_does_not_have(ecg, wavelet):
    with pytest.raises(ValueError, match=f"'{wavelet}' cannot be represented"):
        make(wavelet, level=1).fit(ecg)
