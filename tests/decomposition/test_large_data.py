"""Learning from iterables of blocks, of which one is in memory at a time."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from torch.utils.data import DataLoader, TensorDataset

from sk_awave import AdaptiveWaveletTransformer, adaptive_wavelet_path
from sk_awave.attribution import Teacher
from sk_awave.engine import SignalTerm


class Slices:
    """An iterable of slices of arrays, which counts its passes."""

    def __init__(self, *arrays, lengths=(50, 50, 21), change=None):
        self.arrays, self.lengths, self.n_passes = arrays, lengths, 0
        self.change = change  # of the blocks in later passes

    def __iter__(self):
        ends = np.cumsum(self.lengths)
        blocks = [
            tuple(a[end - n : end] for a in self.arrays)
            for n, end in zip(self.lengths, ends, strict=True)
        ]
        blocks = [b[0] if len(b) == 1 else b for b in blocks]
        if self.n_passes and self.change is not None:
            blocks = self.change(blocks)
        self.n_passes += 1
        return iter(blocks)


def burst_energy(x):
    """A teacher, whose gradients differ from sample to sample."""
    return (x[:, 20:30] ** 2).sum(1)


def labelled(x):
    """A teacher of three classes."""
    return torch.stack([x[:, 20], (x[:, :9] ** 2).sum(1), torch.tanh(x).sum(1)], 1)


class Supervised(SignalTerm):
    """Norms of the samples of a class."""

    name = "supervised"

    def value(self, batch):
        weight = batch.y.repeat_interleave(batch.x.shape[1]).to(batch.x)
        return (weight @ batch.coeffs.abs()).sum() / batch.n


def loader(*arrays, **kwargs):
    tensors = (torch.from_numpy(np.array(a)) for a in arrays)
    return DataLoader(TensorDataset(*tensors), batch_size=50, **kwargs)


def fit(X, y=None, **kwargs):
    return AdaptiveWaveletTransformer("db3", random_state=0, **kwargs).fit(X, y)


PARAMS = {
    "sparsity": {},
    "per_level": {"per_level": True, "level": 2},
    "free": {"parametrization": "free", "tol": 1e-3},
    "biorthogonal": {"parametrization": "biorthogonal", "tol": 1e-3},
    "stationary": {"decomposition": "stationary", "level": 2},
    "packets": {"decomposition": "packet", "level": 3},
    "library": {"init": "library", "n_init": 2},
    "grow": {"init": "grow"},
    "teacher": {"teacher": burst_energy},
    "all outputs": {"teacher": Teacher(labelled, target="all"), "level": 2},
    "multiplies": {
        "teacher": Teacher(burst_energy, method="integrated_gradients", n_steps=50)
    },
    "library, teacher": {"init": "library", "teacher": burst_energy},
}


@pytest.mark.parametrize("name", PARAMS)
def test_blocks_teach_what_the_array_does(ecg, name):
    expected = fit(ecg, **PARAMS[name])
    blocks = Slices(ecg)
    fitted = fit(blocks, **PARAMS[name])
    # Sums in another order; with tol=1e-5 the minimum is not known better than this.
    assert fitted.loss_curve_[-1] == pytest.approx(expected.loss_curve_[-1], rel=1e-6)
    assert fitted.n_iter_ == expected.n_iter_
    assert fitted.basis_ == expected.basis_
    assert fitted.sample_shape_ == (64,)
    assert fitted.n_features_in_ == 64
    assert fitted.transform(ecg).shape == expected.transform(ecg).shape
    assert fitted.score(blocks) == pytest.approx(fitted.score(ecg), rel=1e-9)
    for copied in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(blocks)):
        np.testing.assert_array_equal(copied.filter_bank_, fitted.filter_bank_)


def test_equal_blocks_give_equal_bits(ecg):
    slices, batches = Slices(ecg), loader(ecg)
    one, other = (fit(X, teacher=burst_energy) for X in (slices, batches))
    np.testing.assert_array_equal(one.filter_bank_, other.filter_bank_)
    assert one.loss_curve_ == other.loss_curve_


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_dtypes_are_those_of_the_array(ecg, dtype):
    X = (10 * ecg).astype(dtype)
    fitted = fit(loader(X))
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    # At equal filters: sums in another order may lead to other minima, as in float32.
    for wavelet, i in ("db3", 0), (fitted.wavelet_, -1):
        start = AdaptiveWaveletTransformer(wavelet, max_iter=0)
        of_array, of_blocks = (clone(start).fit(data) for data in (X, loader(X)))
        loss = fitted.loss_curve_[i]
        assert of_blocks.loss_curve_ == pytest.approx(of_array.loss_curve_, rel=1e-6)
        assert of_blocks.loss_curve_ == pytest.approx([loss], rel=1e-6)
    expected = fit(X)
    assert fitted.transform(X).dtype == expected.transform(X).dtype
    assert expected.score(loader(X)) == pytest.approx(expected.score(X), rel=1e-6)


def test_volumes_of_channels_come_in_blocks(digits):
    X = np.stack([digits[0], digits[0][::-1]], 1)[:121]
    params = {"filter_length": 4, "ndim": 2, "level": 1, "signal_shape": (2, 8, 8)}
    expected, fitted = (
        AdaptiveWaveletTransformer("db2", **params).fit(data) for data in (X, Slices(X))
    )
    assert fitted.sample_shape_ == (2, 8, 8)
    assert fitted.loss_curve_[-1] == pytest.approx(expected.loss_curve_[-1], rel=1e-9)


def test_labels_come_with_the_blocks(ecg):
    y = np.arange(len(ecg)) % 3
    teacher = Teacher(labelled, target="label")
    params = {"teacher": teacher, "extra_terms": [(Supervised(), 0.1)], "level": 2}
    expected = fit(ecg, y, **params)
    fitted = fit(Slices(ecg, y), **params)
    assert fitted.objective_terms_ == pytest.approx(expected.objective_terms_, rel=1e-6)
    # Labels of any kind are fine where nothing asks for them.
    fit(Slices(ecg, np.array(["a", "b", "c"])[y]), max_iter=0)


def test_shuffling_is_fine_without_a_teacher(ecg):
    torch.manual_seed(0)
    expected, fitted = fit(ecg), fit(loader(ecg, shuffle=True))
    assert fitted.loss_curve_[-1] == pytest.approx(expected.loss_curve_[-1], rel=1e-6)


def test_shuffling_is_an_error_with_a_teacher(ecg):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"Block 0 of X is another.*shuffle=False"):
        fit(loader(ecg, shuffle=True), teacher=burst_energy)
    swapped = Slices(ecg, lengths=(50, 50, 21), change=lambda b: [b[1], b[0], b[2]])
    with pytest.raises(ValueError, match="Block 0 of X is another"):
        fit(swapped, teacher=burst_energy)
    within = Slices(ecg, change=lambda b: [b[0], b[1][::-1], b[2]])
    with pytest.raises(ValueError, match="Block 1 of X is another"):
        fit(within, teacher=burst_energy)


@pytest.mark.parametrize(
    "change",
    [
        lambda blocks: blocks[:2],
        lambda blocks: [*blocks, blocks[0]],
        lambda blocks: [1.001 * block for block in blocks],
        lambda blocks: [blocks[0][:40], np.concatenate([blocks[0][40:], blocks[1]])],
        lambda blocks: [],
    ],
    ids=["fewer", "more", "augmented", "other sizes", "exhausted"],
)
@pytest.mark.parametrize("teacher", [None, burst_energy])
def test_passes_that_differ_are_an_error(ecg, change, teacher):
    with pytest.raises(ValueError, match=r"at each pass|another than|in a further pass"):
        fit(Slices(ecg, change=change), teacher=teacher)


def test_dropping_rows_of_a_shuffled_loader_is_an_error(ecg):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="drop_last=True"):
        fit(loader(ecg, shuffle=True, drop_last=True))
    assert fit(loader(ecg, drop_last=True)).n_iter_ > 0


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda X: (block for block in [X]), TypeError, "an iterator.*DataLoader"),
        (lambda X: Slices(X, lengths=()), ValueError, "X has no blocks"),
        (lambda X: Slices(X, X, X, X), ValueError, r"must be X or \(X, y\)"),
    ],
)
def test_what_is_no_iterable_of_blocks(ecg, make, error, message):
    transformer = AdaptiveWaveletTransformer("db3")
    before = dict(vars(transformer))
    with pytest.raises(error, match=message):
        transformer.fit(make(ecg))
    assert vars(transformer) == before


def test_later_blocks_are_validated(ecg):
    broken = ecg.copy()
    broken[70, 3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        fit(Slices(broken))
    other = [ecg[:50], ecg[50:, :32]]

    class Uneven:
        def __iter__(self):
            return iter(other)

    with pytest.raises(ValueError, match=r"32 features.*expecting 64"):
        fit(Uneven())


def test_what_belongs_to_arrays_cannot_be_given_beside_blocks(ecg):
    with pytest.raises(ValueError, match="y cannot be given beside"):
        fit(Slices(ecg), np.zeros(len(ecg)))
    with pytest.raises(ValueError, match="input_gradients cannot be given beside"):
        AdaptiveWaveletTransformer("db3").fit(Slices(ecg), input_gradients=ecg)
    with pytest.raises(ValueError, match="in memory"):
        fit(Slices(ecg), decomposition="packet", basis="discriminant", level=2)


def test_mini_batches_of_blocks(ecg):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = [fit(X, solver="adam", max_iter=8) for X in (Slices(ecg), loader(ecg))]
    np.testing.assert_array_equal(fitted[0].filter_bank_, fitted[1].filter_bank_)
    assert fitted[0].loss_curve_[-1] < fitted[0].loss_curve_[0]
    blocks = Slices(ecg)
    part = AdaptiveWaveletTransformer("db3", random_state=0).partial_fit(blocks)
    assert part.partial_fit(blocks).n_iter_ == 2


def test_path_of_blocks(ecg):
    transformer = AdaptiveWaveletTransformer("db3", teacher=burst_energy)
    _, expected = adaptive_wavelet_path(ecg, transformer=transformer, ratios=[0, 1])
    _, fitted = adaptive_wavelet_path(Slices(ecg), transformer=transformer, ratios=[0, 1])
    for one, other in zip(fitted, expected, strict=True):
        assert one.objective_terms_ == pytest.approx(other.objective_terms_, rel=1e-6)


def test_teacher_is_differentiated_once_for_each_block(ecg):
    calls = []

    def teacher(x):
        if torch.is_grad_enabled():
            calls.append(len(x))
        n_evaluated.append(len(x))
        return burst_energy(x)

    blocks, n_evaluated = Slices(ecg), []
    fit(blocks, teacher=teacher)
    assert calls == [50, 50, 21]
    # To see that samples do not interact, the first block and two of its samples.
    assert sum(n_evaluated) == len(ecg) + 50 + 2 < blocks.n_passes * len(ecg)


def test_gradients_of_a_block_may_be_zero(ecg):
    X = ecg.copy()
    X[100:] = -1

    def teacher(x):
        return torch.relu(x[:, 20:30]).sum(1)

    expected, fitted = (
        fit(data, teacher=teacher) for data in (X, Slices(X, lengths=(50, 50, 21)))
    )
    terms = expected.objective_terms_
    assert fitted.objective_terms_ == pytest.approx(terms, rel=1e-6)
    with pytest.raises(ValueError, match="attributions are zero"):
        fit(Slices(X, lengths=(50, 71)), teacher=lambda x: (0 * x).sum(1))


def test_blocks_that_fail_later_leave_the_best_filters(ecg):
    def fail(blocks):
        if slices.n_passes == n_passes:
            raise OSError("the disk is gone")
        return blocks

    transformer = AdaptiveWaveletTransformer("db3")
    n_passes, slices = 1, Slices(ecg, change=fail)
    with pytest.raises(OSError, match="the disk is gone"):
        transformer.fit(slices)
    assert not hasattr(transformer, "wavelet_")  # nothing was learned before
    n_passes, slices = 9, Slices(ecg, change=fail)
    with pytest.raises(OSError, match="the disk is gone") as caught:
        transformer.fit(slices)
    assert caught.value.__notes__ == ["The best filters so far are kept."]
    objective = transformer.loss_curve_[-1]
    assert transformer.set_params(max_iter=0, warm_start=True).fit(
        Slices(ecg)
    ).loss_curve_ == pytest.approx([objective])


def fail_after(n_passes, X):
    """Return blocks that cannot be read any more after some passes."""

    def fail(blocks):
        if slices.n_passes >= n_passes:
            raise OSError("the disk is gone")
        return blocks

    slices = Slices(X, change=fail)
    return slices


def test_blocks_that_fail_in_the_last_pass_leave_the_best_filters(ecg):
    complete = Slices(ecg)
    expected = fit(complete, tol=1e-3)
    transformer = AdaptiveWaveletTransformer("db3", random_state=0, tol=1e-3)
    with pytest.raises(OSError, match="the disk is gone"):
        transformer.fit(fail_after(complete.n_passes - 1, ecg))
    assert transformer.objective_terms_ == {}
    np.testing.assert_array_equal(transformer.filter_bank_, expected.filter_bank_)


def test_blocks_that_fail_in_a_later_start_leave_the_filters_of_the_first(ecg):
    """Even before the first iteration of that start."""
    params = {"init": "library", "n_init": 2, "tol": 1e-3, "random_state": 0}
    complete = Slices(ecg)
    expected = AdaptiveWaveletTransformer("db3", **params).fit(complete)
    known = set()
    for n_passes in range(complete.n_passes - 1, 0, -1):
        transformer = AdaptiveWaveletTransformer("db3", **params)
        with pytest.raises(OSError, match="the disk is gone"):
            transformer.fit(fail_after(n_passes, ecg))
        if not hasattr(transformer, "starts_"):
            break
        known.add(len(transformer.starts_))
        if len(transformer.starts_) == 1:
            first = transformer.starts_[0]["loss_after"]
            assert first == pytest.approx(expected.starts_[0]["loss_after"])
            break
    assert known == {1, 2}


def test_ctrl_c_keeps_the_best_filters(ecg):
    def interrupt(blocks):
        if slices.n_passes == 5:
            slices.n_passes += 1
            raise KeyboardInterrupt
        return blocks

    slices = Slices(ecg, change=interrupt)
    transformer = AdaptiveWaveletTransformer("db3")
    with pytest.raises(KeyboardInterrupt, match="best filters so far are kept"):
        transformer.fit(slices)
    assert transformer.transform(ecg).shape[0] == len(ecg)
