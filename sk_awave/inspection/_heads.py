"""Pipelines, read as a linear function of coefficients or of pooled features."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution._affine import Affine
from sk_awave.attribution._estimators import affine_stages, estimator_stages, unfreeze
from sk_awave.decomposition._base import BaseWaveletTransformer
from sk_awave.feature_extraction import AdaptiveSubbandPooling, SubbandPooling
from sk_awave.feature_extraction._place import deviations

#: Their features are of a whole band, or of a segment of it.
_POOLED = SubbandPooling, AdaptiveSubbandPooling


@dataclass(frozen=True)
class Part:
    """The features of a linear model that one transformer makes.

    Attributes
    ----------
    transformer : transformer
    place : slice
        The place of its features among all features.
    """

    transformer: object
    place: slice

    @property
    def is_pooled(self):
        """True if features are of bands, False if they are coefficients."""
        return isinstance(self.transformer, _POOLED)

    @property
    def layout(self):
        """The layout of the bands."""
        transformer = self.transformer
        return transformer._layout if self.is_pooled else transformer.layout_

    def feature_names(self, channel_names):
        """Name pooled features, with names of the channels or None."""
        prefixes = self.layout.prefixes(channel_names)
        return [place.name(prefixes) for place in self.transformer._places()]

    @property
    def sample_shape(self):
        """The shape of a sample."""
        own = self.transformer
        return getattr(own, "sample_shape_", None) or own.transformer_.sample_shape_


@dataclass(frozen=True)
class Head:
    """A linear function of the features of transformers of sk_awave.

    Attributes
    ----------
    before : list of transformers
        The transformers that are applied to samples first.
    parts : list of Part
    weights, offsets : ndarrays of shape (n_outputs, n_features)
        The contribution of a feature c is ``weight * c + offset``. Offsets are those of
        scalers, as far as what they return depends on one feature.
    baselines : ndarray of shape (n_outputs,)
        The rest: contributions and baseline add up to the outputs.
    names : list of str
        The names of the outputs: 'class a', 'output 0', or '' for a single number.
    classifies : bool
        True if the model is a classifier.
    evaluate : callable
        The function from samples to the outputs, as the estimator computes them.
    """

    before: list
    parts: list
    weights: np.ndarray
    offsets: np.ndarray
    baselines: np.ndarray
    names: list
    classifies: bool
    evaluate: Callable

    @property
    def sample_shape(self):
        """The shape of a sample, as it comes in; None where the first step has none."""
        own = self.parts[0].sample_shape
        if not self.before:
            return own
        first = self.before[0]
        n_features = getattr(first, "n_features_in_", own[0])
        # Of a three-dimensional X scikit-learn counts only the channels.
        counts_channels = len(own) > 1 and n_features == own[0]
        return getattr(first, "sample_shape_", None if counts_channels else (n_features,))

    @property
    def layout(self):
        """The layout of the bands."""
        return self.parts[0].layout

    @property
    def coefficients(self):
        """The part of coefficients, if there is one."""
        return next((part for part in self.parts if not part.is_pooled), None)

    @property
    def pooled(self):
        """The part of pooled features, if there is one."""
        return next((part for part in self.parts if part.is_pooled), None)

    def prepare(self, batch):
        """Return what the transformers of sk_awave are given."""
        for step in self.before:
            batch = step.transform(batch)
        return batch

    def deviations(self, X=None):
        """Return the standard deviations of pooled features, over `X` or in training."""
        transformer = self.pooled.transformer
        if X is not None:
            return deviations(transformer.transform(self.prepare(X)))
        if transformer._deviations is None:
            raise ValueError(
                f"{type(transformer).__name__} was not fitted in the pipeline, so that "
                "the standard deviations of its features in training are not known. Pass "
                "the training samples as X."
            )
        return transformer._deviations

    def features(self, prepared):
        """Return the features of one prepared sample."""
        values = [part.transformer.transform(prepared) for part in self.parts]
        return np.concatenate([np.asarray(each)[0] for each in values])


def read_head(estimator, caller):
    """Read a fitted pipeline, or what contains one.

    Parameters
    ----------
    estimator : estimator
        Its parts, taken out of pipelines, searches, AWD estimators and frozen estimators:
        transformers of samples, a transformer of sk_awave or a union of some, affine
        steps and a linear model.
    caller : str
        The name of the function that the user called, for messages.

    Returns
    -------
    Head

    Raises
    ------
    NotFittedError
        If a part is not fitted.
    TypeError
        If there is no transformer of sk_awave, or what follows it is not linear.
    """
    steps = list(_iter_steps(estimator))
    places = [i for i, step in enumerate(steps[:-1]) if _transformers(step)]
    if not places:
        raise TypeError(
            f"{caller} needs a pipeline of a wavelet transformer, or of a transformer "
            "that pools bands, and a linear model, such as make_pipeline("
            "WaveletTransformer(), StandardScaler(), LogisticRegression()). Got "
            f"{type(estimator).__name__} instead."
        )
    union = steps[places[-1]]
    parts, scales = _make_parts(union)
    weight, own, free = _fold(steps[places[-1] + 1 : -1], scales, caller)
    matrix, offset = _linear_model(steps[-1], caller)
    classifies = is_classifier(steps[-1])
    return Head(
        before=steps[: places[-1]],
        parts=parts,
        weights=(weight @ matrix).T,
        offsets=(own @ matrix).T,
        baselines=free @ matrix + offset,
        names=_output_names(steps[-1], len(offset)),
        classifies=classifies,
        evaluate=estimator.decision_function if classifies else estimator.predict,
    )


def _iter_steps(model):
    """Yield what a model consists of, one after the other."""
    model = unfreeze(model)
    if model is None or isinstance(model, str):  # "passthrough"
        return
    check_is_fitted(model)
    for name in ("best_estimator_", "student_"):
        if hasattr(model, name):
            yield from _iter_steps(getattr(model, name))
            return
    if isinstance(model, Pipeline):
        for _, step in model.steps:
            yield from _iter_steps(step)
    else:
        yield model


def _transformers(step):
    """Return the transformers of sk_awave in a step, none if it has others, by name."""
    inner = {"": step}
    if isinstance(step, FeatureUnion):
        named = [each for each in step.transformer_list if each[1] != "drop"]
        inner = {name: unfreeze(each) for name, each in named}
    kinds = [isinstance(each, _POOLED) for each in inner.values()]
    wavelets = [isinstance(each, BaseWaveletTransformer) for each in inner.values()]
    # A picture has one map of coefficients, and one list of pooled features.
    known = sum(kinds) <= 1 and sum(wavelets) <= 1
    return inner if known and sum(kinds) + sum(wavelets) == len(inner) else {}


def _make_parts(step):
    """Return the parts of a step, and what a union multiplies each feature with."""
    parts, scales, start = [], [], 0
    factors = getattr(step, "transformer_weights", None) or {}
    for name, transformer in _transformers(step).items():
        size = len(transformer.get_feature_names_out())
        parts.append(Part(transformer, slice(start, start + size)))
        scales.append(np.full(size, factors.get(name, 1.0)))
        start += size
    return parts, np.concatenate(scales)


def _fold(steps, scales, caller):
    """Combine affine steps into one map of features, and assign their offsets.

    Returns
    -------
    weight : sparse matrix of shape (n_features, n_out)
    own : sparse matrix of shape (n_features, n_out)
        The offsets of outputs that depend on one feature, in the row of that feature.
    free : ndarray of shape (n_out,)
        The other offsets.
    """
    weight, free = sparse.diags(scales, format="csc"), np.zeros(len(scales))
    own = sparse.csc_matrix(weight.shape)
    for step in steps:
        factor, offset = _affine_step(step, weight.shape[1], caller)
        weight, own, free = weight @ factor, own @ factor, free @ factor
        weight = weight.tocsc()
        weight.eliminate_zeros()
        alone = np.diff(weight.indptr) == 1
        rows = weight.indices[weight.indptr[:-1][alone]]
        place = rows, np.flatnonzero(alone)
        own = own + sparse.csc_matrix((offset[alone], place), weight.shape)
        free = free + np.where(alone, 0, offset)
    return weight, own, free


def _affine_step(step, n_in, caller):
    """Return the matrix of a step, a sparse one, and its offset."""
    if hasattr(step, "get_support"):  # the columns of a large unit matrix
        kept = step.get_support(indices=True)
        return sparse.identity(n_in, format="csc")[:, kept], np.zeros(len(kept))
    (stage,) = _read(lambda: affine_stages([("", step)]), step, caller)
    dense = stage.weight.ndim == 2
    weight = sparse.csc_matrix(stage.weight) if dense else sparse.diags(stage.weight)
    return weight, stage.offset


def _linear_model(model, caller):
    """Return the matrix and the offset of a linear model."""
    first, *others = _read(lambda: estimator_stages(model), model, caller)
    matrix, offset = first.weight, first.offset
    for stage in others:  # a scale of the target
        scale = np.diag(stage.weight) if stage.weight.ndim == 1 else stage.weight
        matrix, offset = matrix @ scale, offset @ scale + stage.offset
    return matrix, offset


def _read(get, step, caller):
    """Return affine stages, or say that a step is none."""
    try:
        stages, cause = list(get()), None
    except TypeError as error:
        stages, cause = [], error
    if not stages or not all(isinstance(stage, Affine) for stage in stages):
        raise TypeError(
            f"{caller} needs a linear model, such as LogisticRegression or Ridge, behind "
            "affine steps, such as StandardScaler or SelectKBest. "
            f"{type(step).__name__} is neither."
        ) from cause
    return stages


def _output_names(model, n_outputs):
    """Name the outputs of a model."""
    classes = getattr(model, "classes_", None)
    if is_classifier(model) and n_outputs == 1 and len(classes) == 2:
        return [f"class {classes[1]}"]
    if is_classifier(model) and len(classes) == n_outputs:
        return [f"class {label}" for label in classes]
    return [""] if n_outputs == 1 else [f"output {i}" for i in range(n_outputs)]
