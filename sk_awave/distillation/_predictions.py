"""The predictions of a teacher, read from its outputs."""

import numpy as np
import torch
from sklearn.base import is_classifier

from sk_awave.distillation._training import needs_training
from sk_awave.utils._validation import as_tensor, validate_signals
from sk_awave.utils._warnings import warn

#: The values that a teacher is given at a time.
_CHUNK_SIZE = 2**18

#: Correlation with the target above which a teacher with R2 < 0 is in other units.
_CORRELATED = 0.5


class TeacherPredictor:
    """The teacher of a fitted model, with the `predict` that all others have.

    Parameters
    ----------
    model : AWDClassifier or AWDRegressor
        A fitted model with a teacher.
    X : ndarray of shape (n_samples, ...)
    y : ndarray of shape (n_samples,)
        The target that the teacher is compared with. A teacher that was trained before
        may know labels that the samples of `model` lack.

    Raises
    ------
    ValueError
        If the teacher knows none of the labels, or if it has several outputs and the
        target does not say which of them is the regression.
    """

    def __init__(self, model, X, y):
        classifies = is_classifier(model)
        known = model.classes_ if classifies and needs_training(model.teacher) else y
        self.model = model
        sample = validate_signals(model, X[:1], reset=False)
        self.teacher = model._ask(model.teacher_, sample, known)
        self.labels = self.teacher.classes_ if classifies else None
        if classifies and not set(self.labels.tolist()) & set(y.tolist()):
            raise ValueError(
                f"The teacher knows the classes {self.labels.tolist()}, but y has "
                f"{np.unique(y).tolist()}. Pass the y that the teacher was trained on."
            )

    def predict(self, X):
        """Return labels, or the numbers of a regression, of shape (n_samples,)."""
        rows = as_tensor(validate_signals(self.model, X, reset=False))
        chunks = rows.split(max(1, _CHUNK_SIZE // rows[0].numel()))
        with torch.no_grad():
            outputs = [self.teacher.outputs(x).cpu() for x in chunks]
        outputs = torch.cat(outputs).numpy()
        if self.labels is None:
            return outputs[:, self._target(outputs.shape[1])]
        if outputs.shape[1] > 1:
            return self.labels[outputs[:, : len(self.labels)].argmax(1)]
        return self.labels[(outputs[:, 0] > self._threshold(outputs)).astype(int)]

    def _target(self, n_outputs):
        """Return the index of the output that is compared with y."""
        target = self.teacher.target
        if n_outputs == 1 or isinstance(target, int):
            return 0 if n_outputs == 1 else target
        raise ValueError(
            f"A report compares one output with y, and the teacher has {n_outputs} "
            f"outputs. Pass Teacher(model, target=...) with the index of one of them; "
            f"got target={target!r}."
        )

    def _threshold(self, outputs):
        """Return the value above which a single output means the second class."""
        if self.teacher.threshold is not None:
            return self.teacher.threshold
        # Modules do not say what they return: logits have both signs and no bound.
        return 0.5 if outputs.min() >= 0 and outputs.max() <= 1 else 0.0


def output_labels(teacher, X, labels):
    """Return the label that each output of a classifier stands for.

    Nets are trained on the indices of the sorted labels, or on labels that are numbers of
    outputs themselves. Their classes and the labels tell which.

    Parameters
    ----------
    teacher : Teacher
        Its ``classes_`` are what it knows. A single output is one of two classes.
    X : ndarray or tensor of shape (n_samples, ...)
        A sample is evaluated to count the outputs.
    labels : ndarray of shape (n_labels,)
        The sorted labels of the samples.

    Returns
    -------
    ndarray of shape (n_labels,) or (n_outputs,)
        If they do not agree with `labels`, the classes that the teacher knows.
    """
    with torch.no_grad():
        n_outputs = teacher.outputs(as_tensor(X[:1])).shape[1]
    labels, indices = labels.tolist(), list(range(max(n_outputs, 2)))
    if teacher.classes_ is not None:
        known = teacher.classes_.tolist()
    else:  # a module or a function
        known = labels if len(labels) == len(indices) else indices
    if set(labels) <= set(known) or set(known) < set(labels):
        if len(known) != len(indices) and set(known) <= set(indices):
            known = indices  # of a net whose samples lacked some of its classes
    elif known == indices[: len(labels)]:
        known = labels
    own = {label: label for label in labels}  # True rather than 1, 1.0 rather than 1
    return np.asarray([own.get(label, label) for label in known])


def warn_of_other_units(y, predicted, score):
    """Warn of a teacher whose predictions follow the target, but in other units."""
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.corrcoef(y, predicted)[0, 1]
    if score < 0 and abs(correlation) > _CORRELATED:
        warn(
            f"The teacher has R2={score:.3g}, but its outputs correlate with y "
            f"(r={correlation:.2f}): it is not calibrated, so that its score and the "
            "fidelity mean nothing. If it was trained on a scaled target, scale y, or "
            "pass a function that undoes the scaling, such as Teacher(lambda x: scale * "
            "model(x) + offset), or a fitted TransformedTargetRegressor."
        )
