"""The common part of estimators that score the coefficients of a transformer."""

import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sk_awave.utils._containers import ContainerMixin
from sk_awave.utils._validation import validate_signals


class BaseImportance(ContainerMixin, TransformerMixin, BaseEstimator):
    """Scores the coefficients of a transformer that is fitted, or of a fitted clone."""

    def _read(self, X, *, reset):
        """Return valid samples, and what the transformer is given for them.

        That are the samples, or the frame that they are in, as it has names.
        """
        samples = validate_signals(self, X, reset=reset)
        is_named = hasattr(X, "columns") and hasattr(self.transformer, "fit")
        return samples, X if is_named else samples

    def _fitted_transformer(self, X, y, fit_params):
        """Return the transformer if it is fitted, and otherwise a fitted clone."""
        transformer = self._template()
        if not (
            hasattr(transformer, "fit") and hasattr(transformer, "inverse_transform")
        ):
            return transformer
        try:
            check_is_fitted(transformer)
        except NotFittedError:
            is_wavelet = hasattr(transformer, "inverse_transform_adjoint")
            if isinstance(X, torch.Tensor) and not is_wavelet:
                X = X.cpu().numpy()
            return self._fit_clone(X, y, fit_params)
        if fit_params:
            raise ValueError(
                f"The transformer {transformer!r} is fitted, so that it has no use for "
                f"{sorted(fit_params)}. Give an unfitted one, of which a clone is fitted."
            )
        return transformer
