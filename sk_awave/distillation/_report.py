"""The report of a distillation: accuracy, fidelity, and how much there is to read."""

import warnings
from collections import Counter
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, check_cv, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import column_or_1d

from sk_awave.attribution._estimators import unfreeze
from sk_awave.decomposition import WaveletTransformer
from sk_awave.distillation._nesting import wavelet_of, with_wavelet
from sk_awave.distillation._predictions import TeacherPredictor, warn_of_other_units
from sk_awave.distillation._training import needs_training
from sk_awave.utils._masks import refuse_masked
from sk_awave.utils._signals import as_signals

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
        The results of each contender:

        - "model": its name;
        - "score": the mean over the folds, and its "standard error";
        - "minus student": the score minus the score of the student, and the "paired
          standard error" of this difference over the same folds;
        - "features": the number of nonzero weights in the last fold;
        - "us / sample": the prediction time in microseconds, including the transform.
    fidelity : float or None
        The accuracy or R2 of the student as a predictor of the teacher's predictions.
        None if the wavelet is fixed, as there is no teacher then.
    best_wavelets : tuple of str
        The best fixed wavelet in each fold. It is empty if the student has no wavelet.
    level : int or None
        The level of all wavelets that are compared.
    n_taps : int or None
        The number of taps of the learned filter.
    n_coeffs : int or None
        The number of coefficients of a sample.
    n_values : int
        The number of values of a sample, to compare with `n_coeffs`.

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
    best_wavelets: tuple[str, ...]
    level: int | None
    n_taps: int | None
    n_coeffs: int | None
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
        notes = []
        if self.fidelity is not None:
            notes.append(
                f"fidelity of student to teacher: {self.fidelity:.3f} ({self.metric})"
            )
        if self.best_wavelets:
            counts = Counter(self.best_wavelets).most_common()
            chosen = ", ".join(f"{name} in {count}" for name, count in counts)
            notes.append(
                f"best fixed wavelet: {chosen} of {len(self.best_wavelets)} folds"
            )
        if self.n_coeffs is not None:
            notes.append(
                f"the student's filter: {self.n_taps} taps; all wavelets at level "
                f"{self.level}; {self.n_coeffs} coefficients for {self.n_values} values "
                f"of a sample ({self.n_coeffs / self.n_values:.2f})"
            )
        return notes

    def _cells(self):
        """Return the table as text: a header and a line for each row."""
        header = ["model", self.metric, "std. error", "minus student", "std. error"]
        lines = [
            [
                row["model"],
                f"{row['score']:.3f}",
                f"{row['standard error']:.3f}",
                *(
                    ["", ""]
                    if row["model"] == "student"
                    else [
                        f"{row['minus student']:+.3f}",
                        f"{row['paired standard error']:.3f}",
                    ]
                ),
                "-" if row["features"] is None else str(row["features"]),
                f"{row['us / sample']:.1f}",
            ]
            for row in self.rows
        ]
        return [*header, "features", "us / sample"], lines

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
    refuse_masked(y, "y")
    X, y = np.asarray(as_signals(X)), column_or_1d(np.asarray(y), warn=True)
    classifies = is_classifier(model)
    score = accuracy_score if classifies else r2_score
    folds = list(check_cv(cv, y, classifier=classifies).split(X, y))

    def run(contender):
        run = cross_validate(
            contender,
            *(X, y),
            cv=folds,
            n_jobs=n_jobs,
            return_estimator=True,
            error_score="raise",
        )
        return run["test_score"], run["estimator"]

    scores, students = run(model)
    student = students[-1]
    wavelet = wavelet_of(student.transformer_)
    layout = None if wavelet is None else wavelet.layout_
    contenders = {"student": (scores, student)}
    fidelity, best = None, ()
    if hasattr(student, "teacher_"):
        teachers = [TeacherPredictor(fitted, X, y) for fitted in students]
        taught = [
            (y[test], teacher.predict(X[test]), fitted.predict(X[test]))
            for teacher, fitted, (_, test) in zip(teachers, students, folds, strict=True)
        ]
        teacher_scores = [score(truth, predicted) for truth, predicted, _ in taught]
        contenders["teacher"] = (teacher_scores, teachers[-1])
        fidelity = float(np.mean([score(predicted, own) for _, predicted, own in taught]))
        if not classifies and not needs_training(model.teacher):
            truth, predicted, _ = map(np.concatenate, zip(*taught, strict=True))
            warn_of_other_units(truth, predicted, np.mean(teacher_scores))
    for name, baseline in _baselines(model, wavelet, wavelets).items():
        baseline_scores, fitted = run(baseline)
        contenders[name] = (baseline_scores, fitted[-1])
        if name == "best fixed wavelet":
            searched = [wavelet_of(each.best_estimator_.transformer_) for each in fitted]
            best = tuple(each.wavelet_.name for each in searched)
    return DistillationReport(
        metric="accuracy" if classifies else "R2",
        rows=tuple(
            _row(name, np.asarray(own), scores, fitted, X)
            for name, (own, fitted) in contenders.items()
        ),
        fidelity=fidelity,
        best_wavelets=best,
        level=layout and layout.level,
        n_taps=layout and layout.filter_length,
        n_coeffs=layout and layout.n_coeffs,
        n_values=student.n_features_in_,
    )


class _FixedWavelet(WaveletTransformer):
    """A fixed wavelet in the student's place, even if its level is deep for a length."""

    def fit(self, X, y=None):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "level=.* is too high", UserWarning)
            return super().fit(X, y)


def _baselines(model, wavelet, wavelets):
    """Return the baselines, with the student's head, features, transform and level."""
    rows = FunctionTransformer(_flatten)
    raw = Pipeline([("rows", rows), ("head", clone(model._head()))])
    if wavelet is None:
        return {"raw samples": raw}
    layout, own = wavelet.layout_, unfreeze(wavelet).get_params(deep=False)
    channels = () if layout.n_channels is None else (layout.n_channels,)
    shared = {
        **{name: own[name] for name in ("decomposition", "basis") if name in own},
        "level": layout.level,
        "mode": layout.mode,
        "ndim": len(layout.signal_shape),
        "signal_shape": (*channels, *layout.signal_shape),
    }

    idle = dict.fromkeys(("teacher", "ratios", "cv", "scoring"))
    model = clone(model).set_params(**idle)

    def fixed(name):
        return with_wavelet(model._wavelet_transformer(), _FixedWavelet(name, **shared))

    candidates = [fixed(name) for name in wavelets or WAVELETS]
    return {
        "raw samples": raw,
        "db5": clone(model).set_params(transformer=fixed("db5")),
        "best fixed wavelet": GridSearchCV(model, {"transformer": candidates}, cv=3),
    }


def _flatten(X):
    return X.reshape(len(X), -1)


def _row(name, scores, students, fitted, X):
    """Summarise the folds of a contender, and time the predictions of one of them."""
    seconds = []
    for _ in range(_REPEATS):
        start = perf_counter()
        fitted.predict(X)
        seconds.append(perf_counter() - start)
    return {
        "model": name,
        "score": float(np.mean(scores)),
        "standard error": _standard_error(scores),
        "minus student": float(np.mean(scores - students)),
        "paired standard error": _standard_error(scores - students),
        "features": _count_features(fitted),
        "us / sample": 1e6 * float(np.median(seconds)) / len(X),
    }


def _standard_error(values):
    """Return the standard error of a mean over folds; NaN of a single one."""
    return (
        float(np.std(values, ddof=1) / np.sqrt(len(values)))
        if len(values) > 1
        else np.nan
    )


def _count_features(model):
    """Count the features that a linear model uses; None if there is no such model."""
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
