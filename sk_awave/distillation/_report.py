"""What a distillation is worth: accuracy, fidelity, and how much there is to read."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, check_cv, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_awave.attribution._teacher import as_teacher
from sk_awave.decomposition import WaveletTransformer

WAVELETS = ("haar", "db2", "db3", "db4", "db5", "sym4", "sym5", "coif1", "coif2")

#: How often predictions are timed; the median counts.
_REPEATS = 5


@dataclass(frozen=True)
class DistillationReport:
    """The result of comparing a student with its teacher and with baselines.

    Attributes
    ----------
    metric : str
        "accuracy" or "R2".
    rows : tuple of dict
        For each contender: "model", "score" (mean over the folds), "standard error",
        "features" (the weights that are not zero, in the last fold) and "us / sample"
        (prediction time in microseconds, the transform included).
    fidelity : float or None
        The student's accuracy or R2 in predicting the teacher's predictions; None where
        the wavelet is fixed, and so without a teacher.
    n_taps : int
        The taps of the learned filter.
    n_coeffs : int
        The coefficients of a sample.
    n_values : int
        The values of a sample: what `n_coeffs` is to be compared with.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sk_awave import AWDRegressor, WaveletTransformer
    >>> from sk_awave.datasets import make_bursts
    >>> X, y = make_bursts(100, random_state=0, return_X_y=True)
    >>> wavelet = WaveletTransformer(level=2, mode="periodization")
    >>> model = AWDRegressor(transformer=wavelet, estimator=Ridge())
    >>> report = model.report(X, y, cv=2, wavelets=["haar", "db2"])
    >>> report.metric, [row["model"] for row in report.rows]
    ('R2', ['student', 'raw samples', 'db5', 'best fixed wavelet'])
    """

    metric: str
    rows: tuple[dict, ...]
    fidelity: float | None
    n_taps: int
    n_coeffs: int
    n_values: int

    def to_frame(self):
        """Return the rows as a pandas DataFrame, indexed by model.

        Returns
        -------
        frame : pandas.DataFrame
        """
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("model")

    def _notes(self):
        notes = [
            f"its filter: {self.n_taps} taps; {self.n_coeffs} coefficients for "
            f"{self.n_values} values of a sample ({self.n_coeffs / self.n_values:.2f})",
        ]
        if self.fidelity is not None:
            text = f"fidelity of student to teacher: {self.fidelity:.3f} ({self.metric})"
            notes.insert(0, text)
        return notes

    def _cells(self):
        """Return the table as text: a header and a line for each row."""
        header = ["model", self.metric, "std. error", "features", "us / sample"]
        lines = [
            [
                row["model"],
                f"{row['score']:.3f}",
                f"{row['standard error']:.3f}",
                "-" if row["features"] is None else str(row["features"]),
                f"{row['us / sample']:.1f}",
            ]
            for row in self.rows
        ]
        return header, lines

    def __repr__(self):
        header, lines = self._cells()
        widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
        text = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in (header, *lines)
        ]
        return "\n".join([*text, *self._notes()])

    def _repr_html_(self):
        header, lines = self._cells()
        head = "".join(f"<th>{cell}</th>" for cell in header)
        body = "".join(
            f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines
        )
        notes = "<br>".join(self._notes())
        return f"<table><tr>{head}</tr>{body}</table><p>{notes}</p>"


def make_report(model, X, y, *, cv, wavelets, n_jobs):
    """Cross-validate a model and its baselines; see ``AWDClassifier.report``."""
    X, y = np.asarray(X), np.asarray(y)
    classifies = is_classifier(model)
    score = accuracy_score if classifies else r2_score
    folds = list(check_cv(cv, y, classifier=classifies).split(X, y))
    runs = {
        name: cross_validate(
            contender, X, y, cv=folds, n_jobs=n_jobs, return_estimator=True
        )
        for name, contender in _contenders(model, wavelets).items()
    }
    rows = [
        _row(name, run["test_score"], run["estimator"][-1], X)
        for name, run in runs.items()
    ]
    student, fidelity = runs["student"]["estimator"][-1], None
    if hasattr(student, "teacher_"):
        scores, fidelities = [], []
        for fitted, (_, test) in zip(runs["student"]["estimator"], folds, strict=True):
            taught = teacher_predict(fitted, X[test])
            scores.append(score(y[test], taught))
            fidelities.append(score(taught, fitted.predict(X[test])))
        rows.insert(1, _row("teacher", scores, _TeacherModel(student), X))
        fidelity = float(np.mean(fidelities))
    layout = student.transformer_.layout_
    return DistillationReport(
        metric="accuracy" if classifies else "R2",
        rows=tuple(rows),
        fidelity=fidelity,
        n_taps=layout.filter_length,
        n_coeffs=layout.n_coeffs,
        n_values=student.n_features_in_,
    )


def teacher_predict(model, X):
    """Predict by the teacher of a fitted model, whatever it is.

    Parameters
    ----------
    model : AWDClassifier or AWDRegressor
    X : ndarray of shape (n_samples, ...)

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    teacher = model.teacher_
    if hasattr(teacher, "predict"):
        flat = model.teacher is None
        return np.ravel(teacher.predict(X.reshape(len(X), -1) if flat else X))
    with torch.no_grad():
        outputs = as_teacher(teacher).outputs(torch.as_tensor(X)).cpu().numpy()
    if not is_classifier(model):
        return outputs[:, 0]
    chosen = outputs.argmax(1) if outputs.shape[1] > 1 else outputs[:, 0] > 0
    return model.classes_[chosen.astype(int)]


class _TeacherModel:
    """The teacher of a model, to be timed as the others are."""

    def __init__(self, model):
        self.predict = lambda X: teacher_predict(model, X)


def learner_of(transformer):
    """Return the transformer itself, or the one that a search of strengths is over."""
    return getattr(transformer, "transformer", transformer)


def _contenders(model, wavelets):
    """Return the student and the baselines, which have the same head and features."""
    transformer = learner_of(model._wavelet_transformer())
    shared = {
        name: getattr(transformer, name)
        for name in ("level", "mode", "ndim", "signal_shape")
        if hasattr(transformer, name)
    }
    fixed = clone(model).set_params(transformer=WaveletTransformer("db5", **shared))
    rows = FunctionTransformer(_flatten)
    return {
        "student": model,
        "raw samples": Pipeline([("rows", rows), ("head", clone(model._head()))]),
        "db5": fixed,
        "best fixed wavelet": GridSearchCV(
            fixed, {"transformer__wavelet": list(wavelets or WAVELETS)}, cv=3
        ),
    }


def _flatten(X):
    return X.reshape(len(X), -1)


def _row(name, scores, fitted, X):
    """Summarise the folds of a contender, and time the predictions of one of them."""
    seconds = []
    for _ in range(_REPEATS):
        start = perf_counter()
        fitted.predict(X)
        seconds.append(perf_counter() - start)
    return {
        "model": name,
        "score": float(np.mean(scores)),
        "standard error": float(np.std(scores, ddof=1) / np.sqrt(len(scores))),
        "features": _count_features(fitted),
        "us / sample": 1e6 * float(np.median(seconds)) / len(X),
    }


def _count_features(model):
    """Count the features that a linear model uses, None where there is no such model."""
    while not hasattr(model, "coef_"):
        for name in ("best_estimator_", "estimator_", "regressor_"):
            if hasattr(model, name):
                model = getattr(model, name)
                break
        else:
            if not isinstance(model, Pipeline):
                return None
            model = model[-1]
    return int(np.any(np.atleast_2d(model.coef_) != 0, axis=0).sum())
