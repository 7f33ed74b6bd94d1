"""Fitted scikit-learn models as chains of differentiable functions of tensors."""

import math
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution._affine import (
    Affine,
    is_same_map,
    probe_affine,
    without_feature_names,
)

_ACTIVATIONS = {
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "exp": torch.exp,
}


@dataclass(frozen=True)
class Activation:
    """An elementwise function, by its name in scikit-learn's networks."""

    name: str

    def __call__(self, x):
        """Apply it."""
        return _ACTIVATIONS[self.name](x)


def unfreeze(model):
    """Return the estimator inside a `FrozenEstimator`, or the model itself."""
    return model.estimator if isinstance(model, FrozenEstimator) else model


def is_skorch_class(model):
    """Tell a skorch net, fitted or not, from other estimators, without importing it."""
    return hasattr(model, "fit_loop") and hasattr(model, "forward_iter")


def is_skorch_net(model):
    """Tell a skorch net with a module from other estimators."""
    return hasattr(model, "initialized_") and is_skorch_class(model)


def first_step(model):
    """Return the estimator that a model hands its samples to."""
    while (inner := _inner(model, 0)) is not None:
        model = inner
    return model


def last_step(model):
    """Return the estimator that makes the predictions of a model."""
    while (inner := _inner(model, -1)) is not None:
        model = inner
    return model


def _inner(model, place):
    """Return the step at a place of a pipeline, or what a model wraps, or None."""
    if isinstance(model, FrozenEstimator):
        return model.estimator
    if isinstance(model, TransformedTargetRegressor):
        return getattr(model, "regressor_", model.regressor)
    if not isinstance(model, Pipeline):
        return None
    steps = [step for _, step in model.steps if step not in (None, "passthrough")]
    return steps[place] if steps else None


def takes_rows(model):
    """Tell estimators that want a row of each sample from those that take any shape."""
    step = first_step(model)
    if is_skorch_class(step) or not hasattr(step, "__sklearn_tags__"):
        return not is_skorch_class(step)
    tags = step.__sklearn_tags__()
    return not (tags.no_validation or tags.input_tags.three_d_array)


def read_threshold(model):
    """Return the value above which a single output means the second of two classes.

    Only skorch's binary nets can set it; their outputs are logits or probabilities.
    """
    net = last_step(model)
    threshold = getattr(net, "threshold", None)
    if threshold is None or not is_skorch_net(net):
        return 0.0 if is_classifier(net) else None
    is_logit = isinstance(net.criterion_, torch.nn.BCEWithLogitsLoss)
    if not is_logit or net.predict_nonlinearity is None:
        return float(threshold)
    with np.errstate(divide="ignore"):
        return float(np.log(threshold) - np.log1p(-threshold))


def estimator_stages(model):
    """Turn a fitted estimator to the functions that map samples to its outputs.

    Parameters
    ----------
    model : estimator
        A skorch net, a linear model, a multilayer perceptron, a pipeline of affine
        transformers that ends with one of these, or any of them in a
        TransformedTargetRegressor with an affine transformer of the target.

    Returns
    -------
    list of callables
        To be applied one after the other: the module of a skorch net, and functions of
        rows that compute in float64. Those of classifiers end before the softmax.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another kind.
    """
    model = unfreeze(model)
    if isinstance(model, Pipeline):
        *transformers, (_, last) = model.steps
        first = []
        if transformers and not takes_rows(model):
            (_, step), *transformers = transformers
            check_is_fitted(step)
            first = [UnvalidatedStep(unfreeze(step))]
        return [*first, *affine_stages(transformers), *estimator_stages(last)]
    check_is_fitted(model)
    if isinstance(model, TransformedTargetRegressor):
        return [*estimator_stages(model.regressor_), _target_stage(model.transformer_)]
    if is_skorch_net(model):
        return [model.module_]
    if isinstance(model, MLPClassifier | MLPRegressor):
        return list(_iter_layers(model))
    return [_linear_stage(model)]


def affine_stages(steps):
    """Yield the affine maps of (name, transformer) steps, or raise TypeError."""
    for _, step in steps:
        transformer = unfreeze(step)
        if isinstance(transformer, Pipeline):
            yield from affine_stages(transformer.steps)
        elif transformer is not None and transformer != "passthrough":
            yield _probe_transformer(transformer)


class UnvalidatedStep:
    """A first step of a pipeline that takes samples of any shape, as an affine map.

    What the map is depends on the shape of a sample, which its ``n_features_in_`` does
    not tell. So the step is probed at each evaluation.

    Parameters
    ----------
    transformer : transformer
    """

    def __init__(self, transformer):
        self.transformer = transformer
        with suppress(AttributeError, ValueError, IndexError, RuntimeError):
            # What is not affine on rows is refused at once, as other steps are.
            if _try_probe(transformer.transform, transformer.n_features_in_) is None:
                raise TypeError(_not_affine(_STEPS_RULE, transformer))

    def __call__(self, x):
        """Map samples of any shape."""
        transform, shape = self.transformer.transform, tuple(x.shape[1:])
        n_in = math.prod(shape)
        try:
            out_shape = np.shape(transform(np.zeros((1, *shape))))[1:]
            stage = _try_probe(lambda rows: transform(rows.reshape(-1, *shape)), n_in)
        except (AttributeError, ValueError, IndexError) as error:
            raise TypeError(_not_affine(_STEPS_RULE, self.transformer)) from error
        if stage is None:
            raise TypeError(_not_affine(_STEPS_RULE, self.transformer))
        return stage(x).reshape(len(x), *out_shape)


_STEPS_RULE = (
    "The steps of a pipeline before its last must be affine, as StandardScaler and PCA "
    "are"
)

_TARGET_RULE = (
    "The transformer of a TransformedTargetRegressor must be affine, as StandardScaler is"
)


#: The stages that are not modules.
STAGES = Affine, Activation, UnvalidatedStep


def _probe_transformer(transformer):
    check_is_fitted(transformer)
    return _probe(transformer, "transform", _STEPS_RULE)


def _target_stage(transformer):
    return _probe(transformer, "inverse_transform", _TARGET_RULE)


def _probe(transformer, method, rule):
    """Return the affine map that a method of a fitted transformer is."""
    bare = without_feature_names(transformer)
    try:
        stage, cause = _try_probe(getattr(bare, method), bare.n_features_in_), None
    except (AttributeError, ValueError) as error:
        stage, cause = None, error
    if stage is None:
        raise TypeError(_not_affine(rule, transformer)) from cause
    return stage


def _try_probe(function, n_in):
    with np.errstate(all="ignore"):  # the probes need not suit what is not affine
        return probe_affine(function, n_in)


def _not_affine(rule, transformer):
    return (
        f"{rule}, and {type(transformer).__name__} is not. Pass a differentiable "
        "function from tensors to outputs instead."
    )


def _iter_layers(model):
    """Yield the layers of a perceptron; a classifier's end with its logits."""
    n_layers = len(model.coefs_)
    layers = zip(model.coefs_, model.intercepts_, strict=True)
    for i, (weight, offset) in enumerate(layers, start=1):
        yield Affine(weight, offset)
        is_last = i == n_layers
        name = model.out_activation_ if is_last else model.activation
        if name != "identity" and not (is_last and is_classifier(model)):
            yield Activation(name)


def _linear_stage(model):
    """Read a linear model, and check that it is what the model computes."""
    bare = without_feature_names(model)
    name = "decision_function" if is_classifier(model) else "predict"
    coef, function = getattr(model, "coef_", None), getattr(bare, name, None)
    stage = None
    if coef is not None and function is not None:
        coef = coef.toarray() if hasattr(coef, "toarray") else coef
        weight = np.atleast_2d(np.asarray(coef, dtype=np.float64)).T
        # The value at zero is the intercept, also of models that centre their input.
        offset = np.atleast_1d(function(np.zeros((1, len(weight))))[0])
        stage = Affine(weight, offset.astype(np.float64))
    if stage is None or not is_same_map(function, stage):
        raise TypeError(
            f"{type(model).__name__} is not a model that sk_awave can differentiate: "
            "those are torch modules, skorch nets, MLPClassifier, MLPRegressor, linear "
            "models, and pipelines of scalers that end with one of these. Pass a "
            "differentiable function from tensors to outputs instead."
        )
    return stage
