"""The common part of penalised classifiers and regressors."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from skorch.utils import data_from_dataset, is_dataset, to_tensor

from sk_awave.attribution._evaluation import evaluating, match_target, prepare_input
from sk_awave.engine._imports import import_optimizers
from sk_awave.neural_network._penalties import PENALTIES
from sk_awave.neural_network._region import Region, band_weights
from sk_awave.utils._masks import refuse_masked
from sk_awave.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)


class PenalizedNet:
    """Adds a penalty on the use of a region to the loss of a skorch net."""

    _parameter_constraints = {
        "transformer": [HasMethods(["fit", "inverse_transform_adjoint"]), None],
        "bands": [list, tuple, None],
        "mask": ["array-like", torch.Tensor, None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "penalty": [StrOptions(set(PENALTIES))],
    }

    def __init__(
        self,
        module,
        *,
        transformer=None,
        bands=None,
        mask=None,
        alpha=1.0,
        penalty="removal",
        **skorch,
    ):
        super().__init__(module, **skorch)
        self.transformer = transformer
        self.bands = bands
        self.mask = mask
        self.alpha = alpha
        self.penalty = penalty

    def fit(self, X, y=None, **fit_params):
        """Initialize the module and train it.

        Parameters
        ----------
        X : array-like, tensor, dict or skorch.dataset.Dataset
            The samples, or ``{"X": samples, "mask": masks}``. Masks have the shape of the
            samples, with 1 for values that must not be used. A sample has no penalty if
            its mask is all zeros or NaN. Samples are cast to the dtype of the module.
        y : array-like or tensor
            The targets, in the form that skorch expects. Those of a regression are
            brought to the shape and the dtype of the outputs.
        **fit_params
            Parameters of the ``fit`` of skorch.

        Returns
        -------
        self : object
            Trained net.

        Raises
        ------
        ValueError
            If there is not exactly one of these: bands, one mask, and masks of samples.
            Also if it does not fit the samples.
        """
        import_optimizers()
        self._find_region(X, y)
        return super().fit(X, y, **fit_params)

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Continue the training of the last call, with the same bands or mask.

        Parameters
        ----------
        X, y
            The samples and targets; see `fit`.
        classes : array-like
            Ignored.
        **fit_params
            Parameters of the ``partial_fit`` of skorch.

        Returns
        -------
        self : object
            Trained net.
        """
        import_optimizers()
        if not hasattr(self, "transformer_"):
            self._find_region(X, y)
        return super().partial_fit(X, y, classes, **fit_params)

    def infer(self, x, **fit_params):
        """Evaluate the module on the samples of a batch, without its masks."""
        x = _split(x)[0]
        if isinstance(x, torch.Tensor):
            x = prepare_input(x, self.module_)
        return super().infer(x, **fit_params)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the loss of a batch; in training it includes the penalty."""
        y_true = match_target(y_pred, y_true, self.criterion_)
        loss = super().get_loss(y_pred, y_true, X, training)
        if not training or self.alpha == 0:
            return loss
        penalty = self._penalty(X)
        self.history.record_batch("train_penalty", penalty.item())
        return loss + self.alpha * penalty

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Record the mean penalty of the epoch."""
        super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        rows = [row for row in self.history[-1]["batches"] if "train_penalty" in row]
        if rows:
            sizes = [row["train_batch_size"] for row in rows]
            values = [row["train_penalty"] for row in rows]
            mean = float(np.average(values, weights=sizes))
            self.history.record("train_penalty", mean)

    def set_params(self, **params):
        """Set parameters of the net and of its transformer.

        Parameters
        ----------
        **params
            The parameters, by the names of ``get_params()``.

        Returns
        -------
        self : object
            The net.
        """
        nested = {k: params.pop(k) for k in [*params] if k.startswith("transformer__")}
        super().set_params(**params)
        return BaseEstimator.set_params(self, **nested)  # skorch knows only its own

    def _find_region(self, X, y):
        """Check the parameters, and keep what the penalty needs of them."""
        name = type(self).__name__
        params = {key: getattr(self, key) for key in self._parameter_constraints}
        validate_parameter_constraints(self._parameter_constraints, params, name)
        if is_dataset(X):
            X, y = data_from_dataset(X)
        X, masks = _split(X)
        refuse_masked(X)
        refuse_masked(y, "y")
        given = [value is not None for value in (self.bands, self.mask, masks)]
        if sum(given) != 1 or (self.bands is None) != (self.transformer is None):
            raise ValueError(
                f"{name} must have exactly one of: bands with a transformer; a mask; a "
                "mask of each sample, as X={'X': samples, 'mask': masks}."
            )
        transformer = weights = None
        if self.bands is not None:
            transformer = clone(self.transformer).fit(X, y)
            weights = band_weights(transformer.layout_, self.bands)
        elif self.mask is not None:
            weights = torch.as_tensor(self.mask).cpu().numpy()
            _check_shape("mask", weights.shape, "a sample", np.shape(X)[1:])
        else:
            _check_shape("X['mask']", np.shape(masks), "X['X']", np.shape(X))
        self.transformer_, self.weights_ = transformer, weights

    def _penalty(self, X):
        """Return the penalty of a batch."""
        samples, masks = _split(X)
        x = prepare_input(to_tensor(samples, device=self.device), self.module_)
        weights = torch.as_tensor(self.weights_ if masks is None else masks).to(x)
        region = Region(weights.nan_to_num(), self.transformer_)
        with evaluating([self.module_]):
            return PENALTIES[self.penalty](self._outputs, x, region)

    def _outputs(self, x):
        """Return the outputs that the criterion compares with the targets."""
        outputs = self.infer(x)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        if isinstance(self.criterion_, torch.nn.NLLLoss):  # as skorch itself does
            outputs = torch.log(outputs + torch.finfo(outputs.dtype).eps)
        return outputs


def _split(X):
    """Split training data into samples, and masks or None."""
    is_masked = isinstance(X, Mapping) and set(X) == {"X", "mask"}
    return (X["X"], X["mask"]) if is_masked else (X, None)


def _check_shape(name, shape, what, expected):
    if tuple(shape) != tuple(expected):
        raise ValueError(
            f"{name} must have the shape of {what}, {tuple(expected)}. Got "
            f"{tuple(shape)} instead."
        )
