"""Attributions of trained models, to their input and to transforms of it."""

from sk_awave.attribution._agglomeration import agglomerate_attributions
from sk_awave.attribution._attribution_tree import AttributionTree
from sk_awave.attribution._input_gradients import input_gradients
from sk_awave.attribution._teacher import Teacher
from sk_awave.attribution._transform_importance import TransformImportance

__all__ = [
    "AttributionTree",
    "Teacher",
    "TransformImportance",
    "agglomerate_attributions",
    "input_gradients",
]
