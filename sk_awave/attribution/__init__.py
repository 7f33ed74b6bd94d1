"""Attributions of trained models, to their input and to transforms of it."""

# Rules enter the table when they are imported.
from sk_awave.attribution import _split_recurrent, _split_rules  # noqa: F401
from sk_awave.attribution._agglomeration import agglomerate_attributions
from sk_awave.attribution._attribution_tree import AttributionTree
from sk_awave.attribution._contextual_decomposition import ContextualDecomposition
from sk_awave.attribution._input_gradients import input_gradients
from sk_awave.attribution._split import decomposition_rule
from sk_awave.attribution._teacher import Teacher
from sk_awave.attribution._transform_importance import TransformImportance

__all__ = [
    "AttributionTree",
    "ContextualDecomposition",
    "Teacher",
    "TransformImportance",
    "agglomerate_attributions",
    "decomposition_rule",
    "input_gradients",
]
