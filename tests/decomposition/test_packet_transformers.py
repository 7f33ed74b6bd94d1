"""Transformers of wavelet packets, and how their basis is chosen."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
import pywt
import torch
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_awave import (
    AdaptiveWaveletTransformer,
    AWDClassifier,
    WaveletTransformer,
    adaptive_wavelet_path,
)
from sk_awave.engine import Adam, FilterBank
from sk_awave.engine._boundary import MODES

TRANSFORMERS = [WaveletTransformer, AdaptiveWaveletTransformer]
UNEVEN = ["a", "daa", "dad", "dd"]


def packets(cls=WaveletTransformer, wavelet="db2", **params):
    if cls is AdaptiveWaveletTransformer:
        params = {"max_iter": 0} | params
    return cls(wavelet, decomposition="packet", **params)


def tones(n, seed=0, length=64, noise=0.05):
    """Two classes of bursts at random phases, of frequencies within an octave."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    frequency, phase = np.where(y, 0.21, 0.28)[:, np.newaxis], rng.uniform(0, 7, (n, 1))
    time, centre = np.arange(length), length * rng.uniform(0.4, 0.6, (n, 1))
    X = np.cos(2 * np.pi * frequency * time + phase)
    X *= np.exp(-(((time - centre) / 20) ** 2))
    return X + noise * rng.standard_normal(X.shape), y


def bases(path, level, letters="ad"):
    """All bases of the packets below a node, one by one."""
    yield [path]
    if len(path) < level:
        below = [list(bases(path + letter, level, letters)) for letter in letters]
        for parts in itertools.product(*below):
            yield [leaf for part in parts for leaf in part]


def node(packet, path):
    return packet[path].data if path else packet.data


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("basis", ["full", UNEVEN, "best"])
def test_coefficients_names_and_inverse(cls, basis, mode):
    X, _ = tones(6, length=37)
    transformer = packets(cls, basis=basis, level=3, mode=mode).fit(X)
    Xt = transformer.transform(X)
    nodes = pywt.WaveletPacket(X[1], "db2", mode, 3)
    arrays = [node(nodes, path) for path in transformer.basis_]
    scale = np.abs(np.concatenate(arrays)).max()
    np.testing.assert_allclose(Xt[1], np.concatenate(arrays), atol=1e-12 * scale)
    names = [
        f"{p}_{i}"
        for p, a in zip(transformer.basis_, arrays, strict=True)
        for i in range(len(a))
    ]
    assert transformer.get_feature_names_out().tolist() == names
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=1e-11 * scale)
    unflat = transformer.layout_.unflatten(Xt)
    assert list(unflat) == transformer.basis_
    np.testing.assert_array_equal(transformer.layout_.flatten(unflat), Xt)
    if basis != "best":
        full = ["".join(p) for p in itertools.product("ad", repeat=3)]
        assert transformer.basis_ == (full if basis == "full" else basis)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("basis", ["full", ["a", "h", "va", "vh", "vv", "vd", "d"]])
def test_images_with_channels(basis, mode):
    X = np.random.default_rng(0).standard_normal((3, 2, 11, 14))
    transformer = packets(ndim=2, level=2, basis=basis, mode=mode)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*too high")
        Xt = transformer.fit_transform(X)
    nodes = pywt.WaveletPacket2D(X[2, 1], "db2", mode, 2)
    for path, array in transformer.layout_.unflatten(Xt).items():
        expected = nodes[path].data
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(array[2, 1], expected, atol=1e-12 * scale)
    scale = np.abs(Xt).max()
    np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=1e-11 * scale)
    assert transformer.get_feature_names_out()[-1].startswith("ch1_d")


def test_volumes():
    X = np.random.default_rng(0).standard_normal((2, 6, 7, 8))
    transformer = packets(wavelet="haar", ndim=3, level=2).fit(X)
    assert set(map(len, transformer.basis_)) <= {0, 3, 6}
    np.testing.assert_allclose(
        transformer.inverse_transform(transformer.transform(X)), X, atol=1e-12
    )
    full = packets(wavelet="haar", ndim=3, level=1, basis="full").fit(X)
    dwt = WaveletTransformer("haar", ndim=3, level=1).fit(X)
    np.testing.assert_allclose(full.transform(X), dwt.transform(X), atol=1e-12)


@pytest.mark.parametrize("mode", ["symmetric", "periodization", "zero"])
@pytest.mark.parametrize("channels", [1, 2])
def test_best_basis_is_that_of_brute_force(mode, channels):
    X, _ = tones(8, seed=1, length=40 * channels)
    X = X.reshape(8, channels, 40)
    transformer = packets(level=3, mode=mode).fit(X)
    nodes = [pywt.WaveletPacket(x, "db2", mode, 3) for x in X.reshape(-1, 40)]

    def cost(basis):
        return sum(np.abs(node(n, path)).sum() for n in nodes for path in basis)

    best = min(list(bases("", 3))[1:], key=cost)  # all but the samples
    assert transformer.basis_ == best
    if mode == "periodization":  # others make more coefficients
        assert len(set(map(len, best))) > 1
    total = np.abs(transformer.transform(X)).sum()
    assert total == pytest.approx(cost(best), rel=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_discriminant_basis_is_that_of_brute_force(classes):
    X, y = tones(30, seed=2, noise=0.5)
    if classes == 3:
        y = np.array(["low", "high", "none"])[np.where(np.arange(30) % 5, y, 2)]
    transformer = packets(basis="discriminant", level=4).fit(X, y)
    nodes = [pywt.WaveletPacket(x, "db2", "symmetric", 4) for x in X]

    def separation(path):
        maps = [
            sum(node(nodes[i], path) ** 2 for i in np.flatnonzero(y == c))
            / np.square(X[y == c]).sum()
            for c in np.unique(y)
        ]
        pairs = itertools.combinations(map(np.sqrt, maps), 2)
        return sum(np.square(a - b).sum() for a, b in pairs)

    by_path = {path: separation(path) for basis in bases("", 4) for path in basis}
    best = max(list(bases("", 4))[1:], key=lambda basis: sum(map(by_path.get, basis)))
    assert transformer.basis_ == best
    if classes == 3:
        assert len(set(map(len, best))) > 1
    # It is another than the best, which is not chosen by y.
    assert transformer.basis_ != packets(level=4).fit(X).basis_


def test_discriminant_basis_of_numbers_is_that_of_brute_force():
    X, y = tones(40, seed=3, noise=0.5)
    y = np.random.default_rng(0).standard_normal(40) + y
    transformer = packets(basis="discriminant", level=4).fit(X, y)
    nodes = [pywt.WaveletPacket(x, "db2", "symmetric", 4) for x in X]

    def gain(path):
        energies = np.array([node(one, path) ** 2 for one in nodes])
        shares = [np.corrcoef(energy, y)[0, 1] ** 2 for energy in energies.T]
        return np.maximum(np.array(shares) - 1 / 39, 0).sum()

    by_path = {path: gain(path) for basis in bases("", 4) for path in basis}
    best = max(list(bases("", 4))[1:], key=lambda basis: sum(map(by_path.get, basis)))
    assert transformer.basis_ == best
    assert len(set(map(len, best))) > 1
    for other in (1e10 * y, 1e-300 * y, 7 - y):
        assert transformer.fit(X, other).basis_ == best


def test_constant_coefficients_and_numbers():
    """A coefficient that is the same in all signals tells nothing."""
    X, y = tones(20, seed=17)
    y = y + 0.5 * np.random.default_rng(0).random(20)
    transformer = packets(basis="discriminant", level=2, mode="periodization")
    assert transformer.fit(np.ones_like(X), y).basis_ == ["a", "d"]
    with pytest.raises(ValueError, match="all values of y are equal"):
        transformer.fit(X, np.full(20, 0.5))


def test_classes_are_compared_whatever_their_strength_and_number():
    """Energies are shares: a class that is louder, or larger, is no other class."""
    X, y = tones(60, seed=4, noise=0.5)
    transformer = packets(basis="discriminant", level=4)
    expected = transformer.fit(X, y).basis_
    louder = np.where(y[:, np.newaxis], 30.0, 1.0) * X
    assert transformer.fit(louder, y).basis_ == expected
    more = np.r_[X, X[y == 1], X[y == 1]]
    assert transformer.fit(more, np.r_[y, np.ones(2 * sum(y))]).basis_ == expected


@pytest.mark.parametrize("basis", ["best", "discriminant"])
@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_basis_does_not_depend_on_the_unit(basis, unit):
    X, y = tones(40, seed=15, noise=0.5)
    transformer = packets(basis=basis, level=4, mode="periodization")
    expected = transformer.fit(X, y).basis_
    single = (X * unit).astype(np.float32)
    assert transformer.fit(single, y).basis_ == expected


def test_a_class_of_zeros_and_a_single_class():
    X, y = tones(20, seed=16)
    transformer = packets(basis="discriminant", level=2)
    assert len(transformer.fit(X * y[:, np.newaxis], y).basis_) > 1
    for target in (np.ones(20), np.full(20, "one")):
        with pytest.raises(ValueError, match="greater than one; got 1 class"):
            transformer.fit(X, target)
    with pytest.raises(ValueError, match="NaN"):
        transformer.fit(X, np.where(y, np.nan, 0.5))


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_discriminant_basis_needs_a_target(cls):
    X, y = tones(10)
    transformer = packets(cls, basis="discriminant", level=2)
    assert transformer.__sklearn_tags__().target_tags.required
    with pytest.raises(ValueError, match="requires y to be passed"):
        transformer.fit(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        transformer.fit(X, y[1:])
    assert not hasattr(transformer, "layout_")


@pytest.mark.parametrize(
    "params, message",
    [
        ({"basis": ["a"]}, r"must be the leaves of a tree.*Got \['a'\] instead"),
        ({"basis": ["a", "d", "dd"]}, "must be the leaves of a tree"),
        ({"basis": ["a", "d", "d"]}, "must be the leaves of a tree"),
        ({"basis": []}, "must be the leaves of a tree"),
        ({"basis": ["a", "x"]}, r"made of \['a', 'd'\] when ndim=1. Got 'x' in it"),
        ({"basis": ["a", 1]}, "Got 1 in it"),
        ({"basis": UNEVEN, "level": 2}, "at most level=2 branches. Got 'daa' in it"),
        ({"basis": "worst"}, "'basis' parameter of .* must be a str among"),
    ],
)
@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_what_is_no_basis(cls, params, message):
    with pytest.raises(ValueError, match=message):
        packets(cls, **params).fit(np.eye(16))


def test_letters_of_images():
    with pytest.raises(ValueError, match=r"\['a', 'v', 'h', 'd'\] when ndim=2. Got 'x'"):
        packets(basis=["x"], ndim=2).fit(np.zeros((2, 8, 8)))


@pytest.mark.parametrize("cls", TRANSFORMERS)
@pytest.mark.parametrize("decomposition", ["dwt", "stationary"])
def test_a_basis_of_no_packets_warns(cls, decomposition):
    transformer = cls("db2", decomposition=decomposition, basis="full")
    with pytest.warns(UserWarning, match="basis has no effect"):
        transformer.fit(tones(4)[0])


def test_level_of_listed_paths_is_that_of_the_longest():
    X, _ = tones(4)
    transformer = packets(basis=UNEVEN).fit(X)
    assert transformer.level_ == 3
    assert packets(basis=UNEVEN, level=4).fit(X).level_ == 4
    samples = packets(basis=[""]).fit(X)
    assert (samples.level_, samples.basis_) == (0, [""])
    np.testing.assert_array_equal(samples.transform(X), X)
    assert WaveletTransformer("db2", level=2).fit(X).basis_ == ["cA2", "cD2", "cD1"]


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_tensors_single_precision_copies_and_refits(cls):
    X, y = tones(12)
    transformer = packets(cls, basis="discriminant", level=4).fit(X, y)
    expected = transformer.transform(X)
    for other in (pickle.loads(pickle.dumps(transformer)), clone(transformer).fit(X, y)):
        assert other.basis_ == transformer.basis_
        np.testing.assert_array_equal(other.transform(X), expected)
    tensor = torch.from_numpy(X).float()
    single = clone(transformer).fit(tensor, torch.from_numpy(y))
    assert single.basis_ == transformer.basis_
    assert single.transform(tensor).dtype == torch.float32
    np.testing.assert_allclose(single.transform(tensor), expected, atol=1e-5)
    transformer.set_params(decomposition="dwt", basis="best").fit(X)
    assert transformer.basis_[0] == "cA4"


def test_adjoint_of_the_inverse():
    X, _ = tones(5, length=75)
    transformer = packets(wavelet="bior2.2", basis=UNEVEN, mode="reflect").fit(X)
    scores = transformer.inverse_transform_adjoint(X)
    coeffs = np.random.default_rng(0).standard_normal(scores.shape)
    one = (transformer.inverse_transform(coeffs) * X).sum()
    assert one == pytest.approx((coeffs * scores).sum())


def test_wavelet_and_basis_are_learned_together():
    """Better than any fixed wavelet, or one that was learned for another basis."""
    X, _ = tones(40, seed=5)
    params = {"level": 4, "mode": "periodization"}

    def norm(transformer):
        return np.abs(transformer.transform(X)).sum(1).mean()

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*too high")
        joint = packets(
            AdaptiveWaveletTransformer,
            "db4",
            max_iter=100,
            init="library",
            n_init=3,
            random_state=0,
            **params,
        ).fit(X)
        fixed = [
            norm(packets(wavelet=w, **params).fit(X))
            for w in ("haar", "db2", "db3", "db4", "sym4", "coif1")
        ]
        dwt = AdaptiveWaveletTransformer("db4", **params).fit(X)
        later = packets(wavelet=dwt.wavelet_, **params).fit(X)
        again = packets(wavelet=joint.wavelet_, **params).fit(X)
    assert norm(joint) < min(fixed)
    assert norm(joint) < norm(later) < norm(dwt)
    assert joint.objective_terms_["sparsity"] == pytest.approx(norm(joint) / 5)
    assert joint.loss_curve_[-1] == pytest.approx(norm(joint) / 5)
    assert joint.basis_ == again.basis_
    # The score judges the basis that was learned, on the scale of the samples.
    unseen, _ = tones(40, seed=6)
    score = -np.abs(joint.transform(unseen)).mean() / np.abs(unseen).mean()
    assert joint.score(unseen) == pytest.approx(score)


@pytest.mark.parametrize(
    "strengths",
    [
        {"attribution_ratio": 0.0},
        {"alpha_sparsity": 0.0},
        {"alpha_sparsity": 0.0, "alpha_attribution": 3.0},
    ],
)
def test_attributions_choose_the_basis(strengths):
    """Of an orthonormal transform the scores are the coefficients of the gradients."""
    X, _ = tones(20, seed=7)
    gradients = np.random.default_rng(0).standard_normal((20, 8)).cumsum(1)
    gradients = np.repeat(gradients, 8, axis=1)  # steps, unlike the signals
    params = {"wavelet": "haar", "level": 3, "mode": "periodization"}
    learner = packets(AdaptiveWaveletTransformer, **params, **strengths)
    learner.fit(X, input_gradients=gradients)
    of_signals, of_gradients = (packets(**params).fit(a).basis_ for a in (X, gradients))
    assert of_signals != of_gradients == ["aaa", "aad", "ad", "d"]
    expected = of_gradients if "alpha_sparsity" in strengths else of_signals
    assert learner.basis_ == expected


def test_path_of_ratios_and_distillation():
    X, y = tones(40, seed=8)
    gradients = np.sign(X) * np.abs(X) ** 0.5
    learner = packets(AdaptiveWaveletTransformer, "db3", level=3, max_iter=50)
    ratios, fitted = adaptive_wavelet_path(
        X, transformer=learner, ratios=[0, 1, 100], input_gradients=gradients
    )
    terms = [t.objective_terms_["attribution"] for t in fitted]
    assert terms[0] >= terms[-1]
    for ratio, transformer in zip(ratios, fitted, strict=True):
        assert transformer.attribution_ratio == ratio
        Xt = transformer.transform(X)
        np.testing.assert_allclose(transformer.inverse_transform(Xt), X, atol=1e-11)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        student = AWDClassifier(transformer=learner, random_state=0).fit(X, y)
    assert student.transformer_.layout_.tree.is_packet
    assert student.score(*tones(40, seed=9)) > 0.8


def test_discriminant_packets_tell_tones_apart():
    def energies(transformer, X):
        return np.log(transformer.transform(X) ** 2 + 0.1)

    X, y = tones(100, seed=10, noise=0.5)
    unseen, labels = tones(300, seed=11, noise=0.5)
    scores = {}
    for name, transformer in {
        "dwt": WaveletTransformer("sym4", level=3, mode="periodization"),
        "discriminant": packets(
            wavelet="sym4", basis="discriminant", level=3, mode="periodization"
        ),
    }.items():
        transformer.fit(X, y)
        head = RidgeClassifier(10.0).fit(energies(transformer, X), y)
        scores[name] = head.score(energies(transformer, unseen), labels)
    assert scores["discriminant"] > scores["dwt"] + 0.05


def test_parts_keep_the_basis_of_the_first():
    parts = [tones(20, seed=seed)[0] for seed in range(3)]
    parts[1] = np.roll(np.eye(64)[:20], 5, axis=1)  # spikes, which nothing should split
    learner = AdaptiveWaveletTransformer("db3", decomposition="packet", level=3)
    basis = learner.partial_fit(parts[0]).basis_
    before = learner.filter_bank_
    for part in parts[1:]:
        learner.partial_fit(part)
        assert learner.basis_ == basis
    assert not np.array_equal(learner.filter_bank_, before)
    learner.set_params(level=2).partial_fit(parts[0])
    assert learner.level_ == 2
    assert learner.set_params(level=3).fit(parts[1]).basis_ == ["a", "d"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "params",
    [
        {"solver": Adam(batch_size=10), "max_iter": 5},
        {"parametrization": "free"},
        {"per_level": True},
        {"init": "grow", "n_init": 2},
    ],
)
def test_learning_in_every_way_lowers_the_objective(params):
    X, _ = tones(30, seed=12)
    learner = AdaptiveWaveletTransformer(
        "db3", decomposition="packet", level=3, random_state=0
    ).set_params(**params)
    learner.fit(X)
    start = clone(learner).set_params(max_iter=0, init="wavelet", n_init=1).fit(X)
    assert learner.loss_curve_[-1] < start.loss_curve_[0]
    Xt = learner.transform(X)
    error = np.abs(learner.inverse_transform(Xt) - X).max()
    assert error < (0.5 if "parametrization" in params else 1e-11)
    assert learner.objective_terms_["sparsity"] == pytest.approx(
        np.abs(Xt).sum(1).mean() / 4
    )


def test_warm_start_goes_on():
    X, _ = tones(30, seed=13)
    learner = AdaptiveWaveletTransformer(
        "db3", decomposition="packet", level=3, warm_start=True
    ).fit(X)
    last = learner.loss_curve_[-1]
    learner.fit(X)
    assert learner.starts_[0]["wavelet"] == "previous fit"
    assert learner.loss_curve_[0] == pytest.approx(last)


def test_decompositions_are_searched():
    X, y = tones(40, seed=14)
    model = make_pipeline(WaveletTransformer("db2", level=2), RidgeClassifier())
    grid = {
        "wavelettransformer__decomposition": ["dwt", "packet"],
        "wavelettransformer__mode": ["periodization"],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert len(search.cv_results_["params"]) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_bank_of_ones_own_in_packets():
    """The layout is all that tells packets: the layer's filters serve as they are."""
    X, _ = tones(5)
    transformer = packets(wavelet="sym4", level=2, basis="full").fit(X)
    filters = FilterBank.from_wavelet("sym4")().detach().numpy()
    np.testing.assert_allclose(transformer.filter_bank_, filters, atol=1e-12)
