"""Estimators that contain a wavelet transformer."""

from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator

from sk_awave.decomposition._wavelet import WaveletTransformer
from sk_awave.utils._array_api import IS_SUPPORTED
from sk_awave.utils._containers import ContainerMixin


class BaseContainer(ContainerMixin, TransformerMixin, BaseEstimator):
    """Contains a wavelet transformer; a clone of it is fitted."""

    def _template(self):
        """Return the transformer to clone."""
        return WaveletTransformer() if self.transformer is None else self.transformer

    def _fit_transformer(self, X, y, fit_params, attribute, what):
        """Fit a clone, and check that it has what is needed of it."""
        transformer = self._fit_clone(X, y, fit_params)
        if not hasattr(transformer, attribute):
            raise TypeError(
                f"The 'transformer' parameter of {type(self).__name__} must be a "
                f"transformer with a {attribute}{what}, such as WaveletTransformer. Got "
                f"{self.transformer!r} instead."
            )
        return transformer


class BaseOfBands(BaseContainer):
    """Works on the bands of the transformer it contains."""

    @property
    def n_features_in_(self):
        """The number of values of a sample."""
        return self.transformer_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns of `X`, where it has string names."""
        return self.transformer_.feature_names_in_

    def _fit_bands(self, X, y, fit_params):
        """Set ``transformer_``."""
        self.transformer_ = self._fit_transformer(
            X, y, fit_params, "layout_", " of bands"
        )
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.array_api_support = IS_SUPPORTED
        return tags


def check_features(features, name):
    """Raise ValueError if features cannot summarise a learned wavelet."""
    params = features.get_params(deep=False)
    if "transformer" not in params:
        raise ValueError(
            f"The 'features' of {name} must summarise its own wavelet, by a parameter "
            f"'transformer' as that of SubbandPooling, and {type(features).__name__} has "
            f"none. Give it as the 'transformer' of {name}."
        )
    own = params["transformer"]
    if own is not None:
        raise ValueError(
            f"The 'features' of {name} summarise its own wavelet, so that their "
            f"transformer {own!r} would not be used. Leave the 'transformer' of the "
            f"features unset, or give it as the 'transformer' of {name}."
        )


def features_of(transformer, features):
    """Return a clone of `features` that keeps the fitted transformer as it is."""
    return clone(features).set_params(transformer=FrozenEstimator(transformer))
