"""Baselines of the report are fixed wavelets in the very transform of the student."""

import pytest
from sklearn.linear_model import Ridge

from sk_awave import AWDRegressor, WaveletTransformer
from sk_awave.datasets import make_bursts


@pytest.mark.parametrize(
    "params",
    [
        {"decomposition": "dwt"},
        {"decomposition": "stationary"},
        {"decomposition": "packet", "mode": "zero"},
        {"decomposition": "packet", "basis": "discriminant"},
        {"decomposition": "packet", "basis": ["a", "da", "dd"]},
    ],
    ids=str,
)
def test_a_student_of_db5_is_as_good_as_db5(params):
    X, y = make_bursts(60, random_state=0, return_X_y=True)
    student = AWDRegressor(
        transformer=WaveletTransformer("db5", level=2, **params),
        estimator=Ridge(),
        random_state=0,
    )
    report = student.report(X, y, cv=2, wavelets=["haar"])
    rows = {row["model"]: row for row in report.rows}
    assert rows["db5"]["features"] == rows["student"]["features"]
    assert rows["db5"]["minus student"] == 0
