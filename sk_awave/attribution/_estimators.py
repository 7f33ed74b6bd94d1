"""Fitted scikit-learn models as chains of differentiable functions of tensors."""

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
        return [*affine_stages(transformers), *estimator_stages(last)]
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


def _probe_transformer(transformer):
    check_is_fitted(transformer)
    return _probe(
        transformer,
        "transform",
        "The steps of a pipeline before its last must be affine, as StandardScaler and "
        "PCA are",
    )


def _target_stage(transformer):
    return _probe(
        transformer,
        "inverse_transform",
        "The transformer of a TransformedTargetRegressor must be affine, as "
        "StandardScaler is",
    )


def _probe(transformer, method, rule):
    """Return the affine map that a method of a fitted transformer is."""
    bare = without_feature_names(transformer)
    try:
        with np.errstate(all="ignore"):  # the probes need not suit what is not affine
            stage = probe_affine(getattr(bare, method), bare.n_features_in_)
        cause = None
    except (AttributeError, ValueError) as error:
        stage, cause = None, error
    if stage is None:
        raise TypeError(
            f"{rule}, and {type(transformer).__name__} is not. Pass a differentiable "
            "function from tensors to outputs instead."
        ) from cause
    return stage


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
