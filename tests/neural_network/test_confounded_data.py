"""Penalised nets are right where plain ones are misled, on the data of the benchmark."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "penalized_training.py"


@pytest.mark.parametrize(
    "name, max_epochs, misled, bar", [("Signals", 12, 0.5, 0.9), ("Digits", 15, 0.3, 0.7)]
)
def test_accuracy_where_the_artefact_is_reversed(name, max_epochs, misled, bar):
    benchmark = runpy.run_path(str(SCRIPT))
    data = benchmark[name](0)
    plain, penalised = (
        benchmark["accuracies"](data, 0, "removal", alpha, max_epochs)["reversed"]
        for alpha in (0, 1)
    )
    assert plain < misled
    assert penalised >= bar
