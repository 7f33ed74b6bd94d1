"""Penalised nets as nets of skorch and estimators of scikit-learn."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.dataset import Dataset
from skorch.helper import SliceDict
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.attribution import Teacher
from sk_awave.neural_network import PenalizedNetClassifier, PenalizedNetRegressor

LENGTH = 16
PARAMS = {
    "optimizer": torch.optim.Adam,
    "lr": 0.01,
    "max_epochs": 3,
    "batch_size": 32,
    "iterator_train__shuffle": True,
    "verbose": 0,
}
BANDS = {"transformer": WaveletTransformer("haar", level=2), "bands": ["cD1"]}
MASK = {"mask": np.arange(LENGTH) < 4}


def module():
    return nn.Sequential(
        nn.Linear(LENGTH, 8),
        nn.BatchNorm1d(8),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(8, 2),
    )


@pytest.fixture(scope="module")
def data():
    """Return samples whose mean and Nyquist oscillation tell the class."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    X = rng.standard_normal((100, LENGTH)) + np.outer(y, [2, 0] * (LENGTH // 2))
    return X.astype("float32"), y


def classifier(**params):
    return PenalizedNetClassifier(
        module, **{"criterion": nn.CrossEntropyLoss} | PARAMS | params
    )


def trained(net, X, y):
    torch.manual_seed(0)
    return clone(net).fit(X, y)


def weights_of(net):
    return nn.utils.parameters_to_vector(net.module_.parameters()).detach()


def penalty_of(net, X):
    """Return what the loss in training has more than the criterion."""
    net.module_.train()
    X = {k: torch.as_tensor(v) for k, v in X.items()} if isinstance(X, dict) else X
    y_pred = torch.zeros(100, 2, device=net.device)
    y = torch.zeros(100, dtype=torch.int64)
    losses = [net.get_loss(y_pred, y, X, training) for training in (True, False)]
    return (losses[0] - losses[1]).item()


@pytest.mark.parametrize("region", [BANDS, MASK])
@pytest.mark.parametrize("penalty", ["removal", "gradient", "cd"])
def test_without_a_strength_the_net_is_that_of_skorch(region, penalty, data):
    plain = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, **PARAMS)
    plain = trained(plain, *data)
    net = trained(classifier(alpha=0, penalty=penalty, **region), *data)
    assert torch.equal(weights_of(net), weights_of(plain))
    np.testing.assert_array_equal(
        net.predict_proba(data[0]), plain.predict_proba(data[0])
    )
    losses = "train_loss", "valid_loss", "valid_acc"
    assert net.history[:, losses] == plain.history[:, losses]
    assert net.history[-1].keys() == plain.history[-1].keys()


def test_regressor_without_a_strength_is_that_of_skorch(data):
    X, target = data[0], data[0][:, :2]
    plain = trained(NeuralNetRegressor(module, **PARAMS), X, target)
    net = trained(PenalizedNetRegressor(module, alpha=0, **MASK, **PARAMS), X, target)
    assert torch.equal(weights_of(net), weights_of(plain))


@pytest.mark.parametrize("penalty", ["removal", "gradient", "cd"])
def test_penalty_sees_the_net_in_eval_mode_and_leaves_it_as_it_was(penalty, data):
    """Dropout would differ between passes, batch norm would count a batch twice."""
    X = torch.from_numpy(data[0])
    net = trained(classifier(penalty=penalty, **MASK), *data)
    first = penalty_of(net, X)
    net.module_[1].eval()  # as of a layer that is frozen
    before = {k: v.clone() for k, v in net.module_.state_dict().items()}
    flags = [layer.training for layer in net.module_.modules()]
    loss = net.get_loss(torch.zeros(100, 2), torch.zeros(100).long(), X, training=True)
    loss.backward()
    assert [layer.training for layer in net.module_.modules()] == [*flags]
    assert all(torch.equal(v, before[k]) for k, v in net.module_.state_dict().items())
    assert penalty != "removal" or penalty_of(net, X) == first
    if penalty == "removal":
        net.module_.eval()
        with torch.no_grad():
            change = net.module_(X) - net.module_(X * torch.from_numpy(~MASK["mask"]))
        assert first == pytest.approx(change.square().mean().item(), rel=1e-5)


def test_strength_multiplies_the_penalty(data):
    net, X = trained(classifier(**MASK), *data), torch.from_numpy(data[0])
    once = penalty_of(net, X)
    assert once > 0
    assert penalty_of(net.set_params(alpha=3), X) == pytest.approx(3 * once, rel=1e-4)


def test_history_holds_the_mean_penalty(data):
    net = trained(classifier(**BANDS), *data)
    for epoch in net.history:
        rows = [row for row in epoch["batches"] if "train_penalty" in row]
        sizes = [row["train_batch_size"] for row in rows]
        assert sizes == [32, 32, 16]  # of the training part of the split
        expected = np.average([row["train_penalty"] for row in rows], weights=sizes)
        assert epoch["train_penalty"] == pytest.approx(expected)
    assert "valid_penalty" not in net.history[-1]


@pytest.mark.parametrize("region", [BANDS, MASK])
@pytest.mark.parametrize("penalty", ["removal", "gradient", "cd"])
def test_stronger_penalties_leave_less_use_of_the_region(region, penalty, data):
    X, y = data
    uses = []
    for alpha in (0.01, 100):
        net = classifier(alpha=alpha, penalty=penalty, max_epochs=20, **region)
        net = trained(net, X, y)
        uses.append(penalty_of(net.set_params(alpha=1), torch.from_numpy(X)))
    assert uses[1] < uses[0] / 10


def test_masks_of_samples_are_the_mask_where_all_are_the_same(data):
    X, y = data
    net = trained(classifier(**MASK), X, y)
    masks = np.tile(MASK["mask"], (100, 1))
    other = trained(classifier(), {"X": X, "mask": masks}, y)
    assert torch.equal(weights_of(net), weights_of(other))
    assert net.history[:, "train_penalty"] == other.history[:, "train_penalty"]
    np.testing.assert_array_equal(other.predict(X), net.predict(X))
    np.testing.assert_array_equal(other.predict({"X": X, "mask": masks}), net.predict(X))


@pytest.mark.parametrize("nothing", [0, np.nan])
def test_rows_without_a_mask_have_no_penalty(nothing, data):
    X, y = data
    masks = np.tile(MASK["mask"], (100, 1)).astype(float)
    net = trained(classifier(), {"X": X, "mask": masks}, y)
    masks[30:] = nothing
    some = penalty_of(net, {"X": X, "mask": masks})
    only = penalty_of(net, {"X": X[:30], "mask": masks[:30]})
    assert some == pytest.approx(0.3 * only, rel=1e-4)
    masks[:] = nothing
    assert penalty_of(net, {"X": X, "mask": masks}) == 0


def test_probabilities_are_penalised_as_logarithms(data):
    """The logarithm of a softmax of two is the logits less a number of the sample."""
    X, y = data
    net = PenalizedNetClassifier(nn.Sequential(module(), nn.Softmax(1)), **MASK, **PARAMS)
    net = trained(net, X, y)
    net.module_.eval()
    with torch.no_grad():
        scores = [
            torch.log_softmax(net.module_[0](torch.from_numpy(values)), 1)
            for values in (X, X * ~MASK["mask"])
        ]
    expected = (scores[0] - scores[1]).square().mean().item()
    assert net.history[-1, "train_penalty"] > 0
    with_penalty = net.get_loss(
        torch.full((100, 2), 0.5), torch.zeros(100).long(), torch.from_numpy(X), True
    )
    assert with_penalty.item() - np.log(2) == pytest.approx(expected, rel=1e-3)


class Recurrent(nn.Module):
    """Returns a tuple, of which the first element counts."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        hidden = self.lstm(x[..., None])[0]
        return self.head(hidden[:, -1]), hidden


@pytest.mark.parametrize("penalty", ["removal", "gradient", "cd"])
def test_recurrent_nets_in_double_precision(penalty, data):
    X, y = data[0].astype(float), data[1]

    class Loss(nn.CrossEntropyLoss):
        def forward(self, output, target):
            return super().forward(output[0], target)

    net = PenalizedNetClassifier(
        Recurrent().double(), criterion=Loss, penalty=penalty, **BANDS, **PARAMS
    ).fit(X, y)
    assert net.history[-1, "train_penalty"] > 0


def test_images_with_channels():
    X = np.random.default_rng(0).standard_normal((20, 3, 8, 8)).astype("float32")
    y = np.arange(20) % 2
    net = PenalizedNetClassifier(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)),
        transformer=WaveletTransformer("haar", level=1, ndim=2),
        bands=["cD1", "cH1"],
        criterion=nn.CrossEntropyLoss,
        **PARAMS,
    ).fit(X, y)
    assert net.history[-1, "train_penalty"] > 0


def test_estimator_of_scikit_learn(data):
    X, y = data
    net = classifier(**BANDS)
    copy = clone(net)
    assert copy.get_params()["bands"] == ["cD1"]
    assert copy.transformer is not net.transformer
    net.fit(X, y)
    assert not hasattr(BANDS["transformer"], "layout_")
    loaded = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(loaded.predict_proba(X), net.predict_proba(X))
    loaded.partial_fit(X, y)
    assert len(loaded.history) == 2 * len(net.history)
    assert Teacher(net).outputs(torch.from_numpy(X)).shape == (100, 2)


def test_search_over_strengths_and_parameters_of_the_transformer(data):
    grid = {"alpha": [0, 1], "transformer__wavelet": ["haar", "db2"]}
    params = PARAMS | {"train_split": None, "max_epochs": 1}
    net = PenalizedNetClassifier(module, criterion=nn.CrossEntropyLoss, **BANDS, **params)
    search = GridSearchCV(net, grid, cv=2, error_score="raise").fit(*data)
    best = search.best_estimator_
    wavelet = search.best_params_["transformer__wavelet"]
    assert best.transformer_.wavelet == wavelet
    assert best.transformer_.wavelet_.name == wavelet
    assert BANDS["transformer"].wavelet == "haar"


def test_search_over_samples_with_masks(data):
    X, y = data
    masks = np.tile(MASK["mask"], (100, 1))
    search = GridSearchCV(
        classifier(), {"alpha": [0, 1]}, cv=2, refit=False, error_score="raise"
    )
    search.fit(SliceDict(X=X, mask=masks), y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_partial_fit_of_a_fresh_net_and_datasets(data):
    X, y = data
    net = classifier(**BANDS)
    torch.manual_seed(0)
    net.partial_fit(Dataset(X, y), y)
    assert torch.equal(weights_of(net), weights_of(trained(net, X, y)))


def test_a_learned_wavelet_that_is_frozen(data):
    X, y = data
    learned = AdaptiveWaveletTransformer("db2", level=2, max_iter=3, random_state=0)
    with pytest.warns(match="max_iter|converge"):
        learned.fit(X)
    frozen = FrozenEstimator(learned)
    net = trained(classifier(transformer=frozen, bands=["cD1"]), X, y)
    np.testing.assert_array_equal(net.transformer_.filter_bank_, learned.filter_bank_)


@pytest.mark.parametrize("params", [BANDS | MASK, {}, {"bands": ["cD1"]}])
def test_exactly_one_region(params, data):
    with pytest.raises(ValueError, match="must have exactly one of: bands with a"):
        classifier(**params).fit(*data)
    masks = np.zeros_like(data[0])
    with pytest.raises(ValueError, match="must have exactly one of"):
        classifier(**BANDS).fit({"X": data[0], "mask": masks}, data[1])


@pytest.mark.parametrize(
    "params, message",
    [
        (BANDS | {"bands": ["cD9"]}, r"among \['cA2', 'cD2', 'cD1'\]. Got \['cD9'\]"),
        (BANDS | {"bands": "cD1"}, "'bands' parameter of PenalizedNetClassifier"),
        (BANDS | {"transformer": nn.ReLU}, "'transformer' parameter"),
        ({"mask": np.ones(3)}, r"mask must have the shape of a sample, \(16,\). Got"),
        (MASK | {"alpha": -1}, "'alpha' parameter"),
        (MASK | {"penalty": "sigmoid"}, "'penalty' parameter"),
    ],
)
def test_errors_come_before_training(params, message, data):
    net = classifier(**params)
    with pytest.raises(ValueError, match=message):
        net.fit(*data)
    assert not net.__sklearn_is_fitted__()
    assert not hasattr(net, "transformer_")


def test_masks_of_another_shape(data):
    with pytest.raises(ValueError, match=r"X\['mask'\] must have the shape of X\['X'\]"):
        classifier().fit({"X": data[0], "mask": data[0][:, :3]}, data[1])


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("region", [BANDS, MASK])
def test_signals_and_targets_of_any_dtype_and_shape(shape, dtype, region, data):
    """Targets of one axis would be broadcast against outputs of two."""
    X = data[0].astype("float64")
    y = np.round(4 * X[:, 5]).astype(dtype)
    params = {"alpha": 0.1} | PARAMS | region
    net = PenalizedNetRegressor(nn.Linear(LENGTH, 1), **params)
    alone = trained(net, data[0], y[:, None].astype("float32"))
    own = trained(net, X, y.reshape(shape))
    torch.testing.assert_close(weights_of(own), weights_of(alone))
    np.testing.assert_array_equal(own.predict(X), alone.predict(data[0]))
    double = PenalizedNetRegressor(nn.Linear(LENGTH, 1).double(), **params)
    assert trained(double, data[0], y.reshape(shape)).predict(X).dtype == np.float64


def test_a_classifier_takes_signals_of_double_precision(data):
    net = trained(classifier(**BANDS), data[0].astype("float64"), data[1])
    alone = trained(classifier(**BANDS), *data)
    torch.testing.assert_close(weights_of(net), weights_of(alone))


@pytest.mark.gpu
@pytest.mark.parametrize("region", [BANDS, MASK])
@pytest.mark.parametrize("penalty", ["removal", "gradient", "cd"])
def test_on_a_gpu(region, penalty, data, cuda, monkeypatch):
    monkeypatch.setattr(torch, "randint_like", lambda x, high: torch.ones_like(x))
    X, net = torch.from_numpy(data[0]), classifier(penalty=penalty, **region)
    net = trained(net, *data)
    other = trained(clone(net).set_params(device=str(cuda)), *data)
    other.module_.load_state_dict(net.module_.state_dict())
    assert penalty_of(other, X) == pytest.approx(penalty_of(net, X), rel=1e-3)
