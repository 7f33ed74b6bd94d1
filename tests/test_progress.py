"""What users see of a fit while it runs: messages, and scikit-learn's callbacks."""

import logging

import numpy as np
import pytest

from sk_awave import (
    AdaptiveSubbandPooling,
    AdaptiveWaveletTransformer,
    AWDRegressor,
    SubbandPooling,
    adaptive_wavelet_path,
)
from sk_awave.datasets import make_bursts
from sk_awave.engine import Adam

pytestmark = pytest.mark.filterwarnings(
    "ignore:level=. is too high", "ignore:The solver reached max_iter"
)

needs_callbacks = pytest.mark.skipif(
    not hasattr(AdaptiveWaveletTransformer, "set_callbacks"),
    reason="scikit-learn < 1.9",
)


@pytest.fixture(scope="module")
def bursts():
    return make_bursts(60, random_state=0, return_X_y=True)


def cubic(x):
    """A differentiable function of any signals, with one output."""
    return (x.flatten(1) ** 3).sum(1, keepdim=True)


def learner(**params):
    return AdaptiveWaveletTransformer("db2", level=2, random_state=0, **params)


def distiller(**params):
    return AWDRegressor(cubic, transformer=learner(), random_state=0, **params)


def pooling(**params):
    return AdaptiveSubbandPooling(2, n_candidates=3, order=1, random_state=0, **params)


class Recorder:
    """Keeps the path of names and numbers of each task that ends."""

    stop_after = None
    max_propagation_depth = None

    def __init__(self):
        self.running, self.begun, self.ended, self.setups, self.usable = 0, [], [], 0, []

    def setup(self, estimator, context):
        self.running += 1
        self.setups += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(self.path(context))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if fitted_estimator is not None:
            self.usable.append(context.task_name)
        self.ended.append(self.path(context))
        return context.task_name == self.stop_after

    def teardown(self, estimator, context):
        self.running -= 1

    def path(self, context):
        own = f"{context.task_name} {context.task_id}"
        return own if context.parent is None else f"{self.path(context.parent)}/{own}"

    def count(self, name):
        return sum(path.rsplit("/")[-1].startswith(name) for path in self.ended)


def messages(caplog):
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("make", [learner, distiller, pooling])
def test_nothing_is_said_by_default(make, bursts, caplog, capfd):
    make().fit(*bursts)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("solver", ["bfgs", Adam(batch_size=20)])
def test_messages_of_starts_and_iterations(solver, bursts, caplog):
    fitted = learner(solver=solver, init="library", n_init=2, max_iter=3, verbose=1)
    fitted.fit(bursts[0])
    lines = messages(caplog)
    assert {record.name for record in caplog.records} == {"sk_awave"}
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert all(line.startswith("[AdaptiveWaveletTransformer] ") for line in lines)
    assert "Search: the best of" in lines[0]
    for number, start in enumerate(fitted.starts_, 1):
        first = lines.index(
            f"[AdaptiveWaveletTransformer] Start {number} of 2: {start['wavelet']}"
        )
        assert "Iteration 1: objective =" in lines[first + 1]
    assert f"objective = {fitted.starts_[1]['loss_after']:.6g}" in lines[-1]


def test_messages_of_a_growing_lattice(bursts, caplog):
    transformer = AdaptiveWaveletTransformer(filter_length=6, init="grow", max_iter=0)
    transformer.set_params(level=2, verbose=1).fit(bursts[0])
    said = [line for line in messages(caplog) if "Search" in line]
    assert ["grown to 4 taps" in said[0], "grown to 6 taps" in said[1]] == [True, True]


def test_messages_of_partial_fit(bursts, caplog):
    learner(verbose=1).partial_fit(bursts[0])
    assert len(messages(caplog)) == 1
    assert "Iteration 1: objective =" in messages(caplog)[0]


def test_messages_of_a_path(bursts, caplog):
    X = bursts[0]
    adaptive_wavelet_path(
        X, transformer=learner(verbose=1), ratios=[0, 0.5], input_gradients=X**3
    )
    said = [line.split("] ")[1] for line in messages(caplog) if "Ratio" in line]
    assert said == ["Ratio 0, 1 of 2", "Ratio 0.5, 2 of 2"]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_messages_of_folds(n_jobs, bursts, caplog):
    model = distiller(ratios=[0, 1], cv=3, n_jobs=n_jobs, verbose=1).fit(*bursts)
    lines = [line.removeprefix("[AWDRegressor] ") for line in messages(caplog)]
    for fold in range(3):
        scores = np.round(model.scores_[:, fold], 3).tolist()
        assert lines[fold] == f"Fold {fold + 1} of 3: scores {scores}"
    assert lines[3:] == [
        f"Ratio {model.ratio_:g} has the best mean score",
        "Training the teacher",
        "Learning the wavelet",
        "Fitting the linear model",
    ]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_messages_of_candidates(n_jobs, bursts, caplog):
    fitted = pooling(min_gain=0, n_jobs=n_jobs, verbose=1).fit(*bursts)
    lines = messages(caplog)
    assert "Comparing" in lines[0]
    for line, error in zip(lines[1:-1], fitted.path_, strict=True):
        assert line.endswith(f"leave-one-out error = {error:.6g}")
    assert "Pooling the bands of 60 signals" in lines[-1]


@needs_callbacks
def test_tasks_of_searches_and_starts(bursts):
    recorder = Recorder()
    transformer = learner(init="library", n_init=2, max_iter=3).set_callbacks(recorder)
    transformer.fit(bursts[0])
    assert recorder.ended[:2] == ["fit 0/search 0/comparison 0", "fit 0/search 0"]
    assert "fit 0/start 1/iteration 2" in recorder.ended
    assert "fit 0/start 2/iteration 0" in recorder.ended
    assert recorder.ended[-1] == "fit 0"
    assert sorted(recorder.begun) == sorted(recorder.ended)
    assert set(recorder.usable) == {"iteration", "start", "fit"}
    assert recorder.running == 0


@needs_callbacks
@pytest.mark.parametrize("name, n_starts", [("iteration", 2), ("start", 1)])
def test_a_callback_stops_the_tasks_of_its_level(name, n_starts, bursts):
    recorder = Recorder()
    recorder.stop_after = name
    transformer = learner(init="library", n_init=2).set_callbacks(recorder)
    transformer.fit(bursts[0])
    assert recorder.count("start") == len(transformer.starts_) == n_starts
    if name == "iteration":
        assert recorder.count("iteration") == 2


@needs_callbacks
def test_callbacks_of_a_path_are_torn_down(bursts):
    """A progress bar that was not kept the process alive."""
    X, recorder = bursts[0], Recorder()
    adaptive_wavelet_path(
        X,
        transformer=learner().set_callbacks(recorder),
        ratios=[0, 1],
        input_gradients=X**3,
    )
    assert recorder.setups == recorder.count("fit") == 2
    assert recorder.running == 0


@needs_callbacks
@pytest.mark.parametrize("make", [learner, distiller])
def test_callbacks_of_a_failing_fit_are_torn_down(make, bursts):
    class Failing(Recorder):
        def on_fit_task_begin(self, estimator, context):
            raise RuntimeError("on purpose")

    recorder = Failing()
    model = make().set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="on purpose"):
        model.fit(*bursts)
    assert recorder.setups == 1
    assert recorder.running == 0
    assert "_callback_fit_ctx" not in vars(model)


@needs_callbacks
def test_tasks_of_folds_and_ratios(bursts):
    recorder = Recorder()
    distiller(ratios=[0, 1], cv=3).set_callbacks(recorder).fit(*bursts)
    for fold in range(3):
        for ratio in range(2):
            name = f"fit 0/cross-validation 0/fold {fold}/ratio {ratio}"
            assert name in recorder.ended
    assert [path for path in recorder.ended if path.count("/") == 1] == [
        "fit 0/cross-validation 0",
        "fit 0/teacher 1",
        "fit 0/wavelet 2",
        "fit 0/student 3",
    ]
    assert sorted(recorder.begun) == sorted(recorder.ended)
    assert recorder.running == 0


@needs_callbacks
def test_callbacks_are_passed_on_to_the_wavelet(bursts):
    recorder = Recorder()
    distiller().set_callbacks(recorder).fit(*bursts)
    assert "fit 0/fit 1/start 0/iteration 0" in recorder.ended
    assert (recorder.setups, recorder.running) == (1, 0)


@needs_callbacks
def test_what_takes_no_callbacks_is_fitted_without(bursts):
    recorder = Recorder()
    transformer = SubbandPooling(learner(), statistics=("std",))
    distiller().set_params(transformer=transformer).set_callbacks(recorder).fit(*bursts)
    assert recorder.ended[-3:] == ["fit 0/wavelet 1", "fit 0/student 2", "fit 0"]


@needs_callbacks
def test_callbacks_in_worker_processes(bursts):
    recorder = Recorder()
    model = distiller(ratios=[0, 1], cv=2, n_jobs=2).set_callbacks(recorder)
    model.fit(*bursts)
    assert "fit 0/cross-validation 0" in recorder.ended
    assert recorder.running == 0


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_tasks_of_candidates(n_jobs, bursts):
    recorder = Recorder()
    fitted = pooling(n_jobs=n_jobs).set_callbacks(recorder).fit(*bursts)
    assert recorder.ended[-4:] == [
        "fit 0/candidates 0",
        "fit 0/choice 1",
        "fit 0/pooling 2",
        "fit 0",
    ]
    assert recorder.count("candidate ") == len(recorder.ended) - 4 > 3
    assert fitted.transform(bursts[0]).shape[0] == 60
