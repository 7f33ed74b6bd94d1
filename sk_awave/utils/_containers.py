"""Estimators that contain a transformer, of which they fit a clone."""

from sklearn import get_config
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)


class ContainerMixin(MetaEstimatorMixin):
    """Contains a transformer of signals, of which a clone is fitted."""

    def get_metadata_routing(self):
        """Return the metadata that goes to the transformer.

        Returns
        -------
        routing : MetadataRouter
            The metadata that the `fit` of the transformer requests.
        """
        mapping = MethodMapping()
        for caller in ("fit", "fit_transform"):
            mapping.add(caller=caller, callee="fit")
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(transformer=self._template(), method_mapping=mapping)

    def _template(self):
        """Return the transformer to clone."""
        return self.transformer

    def _fit_clone(self, X, y, fit_params):
        """Fit a clone with the metadata that it requests."""
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).transformer.fit
        return clone(self._template()).fit(X, y, **fit_params)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
