"""The outputs of a teacher that are attributed."""

from numbers import Integral

import numpy as np
import torch

from sk_awave.utils._masks import refuse_masked

#: The words that a target may be.
TARGETS = ("all", "predicted", "label", "auto")


def check_target(target):
    """Return the target of a `Teacher`, lists of any kind as a list, or raise."""
    is_list = isinstance(target, list | tuple | np.ndarray)
    indices = list(target) if is_list else [target]
    if not (_are_indices(indices) or (isinstance(target, str) and target in TARGETS)):
        raise ValueError(
            "The 'target' parameter of Teacher must be an int, a list of ints or a str "
            f"among {sorted(TARGETS)}. Got {target!r} instead."
        )
    if isinstance(target, str):
        return target
    indices = [int(index) for index in indices]  # torch has no indices of other kinds
    return indices if is_list else indices[0]


def check_single_target(target, instead):
    """Raise ValueError if a target is several outputs, or depends on labels."""
    if isinstance(target, list) or target in ("all", "label"):
        raise ValueError(
            f"transform takes no labels and returns the scores of one target. Got "
            f"target={target!r}. Use {instead} instead."
        )


class Targets:
    """The outputs that are differentiated at each sample.

    Parameters
    ----------
    teacher : Teacher
        Its target counts.
    y : array-like of shape (n_samples,) or None
        The labels, for "label".
    n_samples : int

    Attributes
    ----------
    is_single : bool
        True if there is one target, so that results have no axis for it.

    Raises
    ------
    ValueError
        If the labels do not fit.
    """

    def __init__(self, teacher, y, n_samples):
        target = teacher.target
        self.word = target if isinstance(target, str) else None
        self.indices = None if self.word else np.atleast_1d(target)
        self.is_single = not isinstance(target, list) and self.word != "all"
        self.labels = None
        if self.word == "label":
            refuse_masked(y, "y")
            self.labels = _label_indices(y, teacher.classes_, n_samples)
        self._is_regressor = teacher.is_regressor

    def select(self, outputs, rows):
        """Return the indices of the targeted outputs.

        Parameters
        ----------
        outputs : tensor of shape (n_rows, n_outputs)
        rows : slice
            The samples that they belong to.

        Returns
        -------
        tensor of int64 of shape (n_targets, n_rows)
        """
        n_rows, n_outputs = outputs.shape
        if self.word is None or self.word == "all":
            indices = np.arange(n_outputs) if self.indices is None else self.indices
            _check_range("target", indices, n_outputs)
            return torch.as_tensor(indices, device=outputs.device).repeat(n_rows, 1).T
        if n_outputs == 1:
            return outputs.new_zeros((1, n_rows), dtype=torch.long)
        if self.word == "label":
            _check_range("y", self.labels, n_outputs)
            return torch.as_tensor(self.labels[rows], device=outputs.device).unsqueeze(0)
        if self.word == "auto" and self._is_regressor:
            raise ValueError(
                "target='auto' is the largest of several outputs, which means nothing "
                f"for a regressor, and the teacher is one with {n_outputs} outputs. Pass "
                "Teacher(model, target=...) with an index, a list of them, or 'all'."
            )
        return outputs.argmax(1).unsqueeze(0)


def _are_indices(values):
    is_index = [isinstance(v, Integral) and not isinstance(v, bool) for v in values]
    return len(values) > 0 and all(is_index)


def _label_indices(y, classes, n_samples):
    """Return the index of the output of each label."""
    if y is None:
        raise ValueError("target='label' needs the labels y.")
    y = y.detach().cpu().numpy() if isinstance(y, torch.Tensor) else np.asarray(y)
    if y.shape != (n_samples,):
        raise ValueError(f"y must have shape ({n_samples},). Got {y.shape} instead.")
    if classes is not None:
        places = {label: i for i, label in enumerate(classes.tolist())}
        unknown = [label for label in np.unique(y).tolist() if label not in places]
        if unknown:
            raise ValueError(
                f"y has labels that the teacher does not know: {unknown}. Its classes "
                f"are {list(places)}."
            )
        return np.array([places[label] for label in y.tolist()])
    if y.dtype.kind not in "iu":
        raise ValueError(
            "y must hold indices of outputs, as the teacher has no classes_. Got dtype "
            f"{y.dtype} instead."
        )
    return y.astype(int)


def _check_range(name, indices, n_outputs):
    wrong = indices[(indices < 0) | (indices >= n_outputs)]
    if len(wrong):
        raise ValueError(
            f"{name} must be between 0 and {n_outputs - 1}, as the teacher has "
            f"{n_outputs} output(s). Got {wrong[0]} instead."
        )
