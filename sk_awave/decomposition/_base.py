"""The common part of wavelet transformers: all but the search for filters."""

from numbers import Integral

import numpy as np
import pywt
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sk_awave.decomposition._basis import (
    BASES,
    check_packets,
    chooses,
    deepest,
    packet_tree,
    warn_of_idle_basis,
)
from sk_awave.decomposition._html import wavelets_html
from sk_awave.engine._boundary import MODES
from sk_awave.engine._condition import condition_number
from sk_awave.engine._layout import MAX_LEVEL, CoeffLayout, resolve_level
from sk_awave.engine._objective import rows_per_batch
from sk_awave.engine._transform import analysis_map, synthesis_map
from sk_awave.engine._tree import Tree
from sk_awave.utils._array_api import IS_SUPPORTED, follows_namespace
from sk_awave.utils._dask import is_dask_array, map_rows
from sk_awave.utils._sklearn import Interval, StrOptions
from sk_awave.utils._validation import (
    as_tensor,
    channel_names_in,
    split_shape,
    torch_dtype,
    validate_coefficients,
    validate_fields,
    validate_signals,
)


class BaseWaveletTransformer(TransformerMixin, BaseEstimator):
    """Transforms, and transforms back, by the filters that a subclass has fitted."""

    _parameter_constraints = {
        "wavelet": [str, pywt.Wavelet],
        "decomposition": [StrOptions({"dwt", "stationary", "packet"})],
        "basis": [StrOptions(set(BASES)), list, tuple],
        "level": [Interval(Integral, 0, MAX_LEVEL, closed="both"), None],
        "mode": [StrOptions({"auto", *MODES})],
        "ndim": [Interval(Integral, 1, 3, closed="both")],
        "signal_shape": [tuple, list, Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
    }

    @follows_namespace
    def transform(self, X) -> np.ndarray:
        """Transform signals to flat wavelet coefficients.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals, of the shape that was fitted.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_coeffs)
            The coefficients, in the order of ``layout_`` and with the dtype of `X`. If
            `X` is a tensor, they are a tensor on its device. If `X` is a Dask array, they
            are a Dask array; all methods do so.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            return map_rows(self, "transform", X)
        return self._to_coefficients(validate_signals(self, X, reset=False))

    @follows_namespace
    def inverse_transform(self, X) -> np.ndarray:
        """Reconstruct signals from flat wavelet coefficients.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_coeffs)
            The coefficients.

        Returns
        -------
        X_original : ndarray or tensor of shape (n_samples, *sample_shape_)
            The signals, in the shape that was fitted.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            return map_rows(self, "inverse_transform", X)
        X = validate_coefficients(self, X, self.layout_.n_coeffs)
        rows = X.reshape(-1, self.layout_.n_coeffs_per_channel)
        synthesis = self._linear_map(rows, synthesis_map)
        signals = self._map_rows(rows, self.layout_.signal_shape, synthesis)
        return signals.reshape(len(X), *self.sample_shape_)

    @follows_namespace
    def inverse_transform_adjoint(self, X):
        """Apply the transpose of `inverse_transform` to signals.

        It maps the gradient of a function with respect to signals to the gradient with
        respect to their coefficients. So it maps attributions of a model in the same way.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted
            The signals.

        Returns
        -------
        X_new : ndarray or tensor of shape (n_samples, n_coeffs)
            The scores of the coefficients, in the order of `transform`.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            return map_rows(self, "inverse_transform_adjoint", X)
        X = validate_fields(self, X)
        return self._to_coefficients(X, adjoint=True)

    @property
    def filter_bank_(self) -> np.ndarray:
        """The filters ``dec_lo, dec_hi, rec_lo, rec_hi`` of ``wavelet_``.

        The shape is ``(level_ or 1, ndim or 1, 4, filter_length)``.
        """
        levels = self.wavelet_ if isinstance(self.wavelet_, list) else [self.wavelet_]
        axes = [level if isinstance(level, tuple) else (level,) for level in levels]
        return np.array([[wavelet.filter_bank for wavelet in level] for level in axes])

    @property
    def mode_(self) -> str:
        """The boundary mode, by a name of PyWavelets: ``mode="auto"`` is none."""
        return self.layout_.mode

    @property
    def basis_(self) -> list[str]:
        """The names of the bands of ``layout_``; for packets, `basis` takes this list."""
        return [band.name for band in self.layout_.bands]

    @property
    def condition_number_(self) -> float:
        """The norm of the transform times that of its inverse, away from the ends.

        On the way back to signals, relative errors of coefficients grow at most by this
        factor. It is 1 for orthonormal filters.
        """
        return condition_number(self.layout_, torch.from_numpy(self.filter_bank_))

    def get_feature_names_out(self, input_features=None):
        """Name the coefficients in PyWavelets' vocabulary.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the channels, if samples have a channel axis. Otherwise, the
            names of the features; they are only compared with those seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            The names, with band, level and position: 'cA4_0' and 'cD1_12' in 1-D,
            'cH2_3_4' in 2-D, 'aad1_0_2_3' in 3-D. Names of packets have path and
            position, as in 'aad_12'. With several channels there is a prefix, either
            ``ch0_`` and so on or the name of the channel, as in 'Fz_cD1_12'.
        """
        check_is_fitted(self)
        channels = channel_names_in(self, input_features, self.layout_.n_channels)
        return np.asarray(self.layout_.names(channels), dtype=object)

    def _to_coefficients(self, X, adjoint=False):
        """Apply analysis, or the adjoint of synthesis, to valid signals."""
        rows = X.reshape(-1, *self.layout_.signal_shape)
        linear_map = self._linear_map(rows, synthesis_map if adjoint else analysis_map)
        linear_map = linear_map.T if adjoint else linear_map
        shape = (self.layout_.n_coeffs_per_channel,)
        flat = self._map_rows(rows, shape, linear_map)
        return flat.reshape(len(X), self.layout_.n_coeffs)

    def _linear_map(self, rows, make):
        """Return the map that `make` makes, for what `rows` are.

        The map of the last call is used again if it fits. This saves time for single
        samples.
        """
        dtype, device = torch_dtype(rows), self._torch_device(rows)
        key = make, dtype, device
        if key not in self._maps:
            like = torch.empty(0, dtype=dtype, device=device)
            filters = torch.from_numpy(self.filter_bank_)
            self._maps[key] = make(self.layout_, filters, like)
        return self._maps[key]

    def _make_layout(self, sample_shape, filter_length):
        n_channels, signal_shape = split_shape(sample_shape, self.ndim, self.signal_shape)
        is_stationary, mode = self.decomposition == "stationary", self.mode
        if mode == "auto":
            mode = "periodization" if is_stationary else "symmetric"
        elif is_stationary and mode != "periodization":
            raise ValueError(
                f"The 'mode' parameter of {type(self).__name__} must be 'auto' or "
                "'periodization' when decomposition='stationary', whose inverse is exact "
                f"for periodic signals only. Got {mode!r} instead."
            )
        is_packet, level = self.decomposition == "packet", self.level
        if is_packet and level is None:
            level = deepest(self)
        level = resolve_level(signal_shape, filter_length, mode, level)
        if is_packet:
            dwt = CoeffLayout(signal_shape, None, filter_length, Tree.dwt(level), mode)
            check_packets(self, dwt)
            tree = packet_tree(self, level)
        else:
            warn_of_idle_basis(self)
            tree = Tree.stationary(level) if is_stationary else Tree.dwt(level)
        return CoeffLayout(signal_shape, n_channels, filter_length, tree, mode)

    def _torch_device(self, X):
        """Return the device to compute on, by default that of `X`."""
        if self.device == "auto":
            return X.device if isinstance(X, torch.Tensor) else torch.device("cpu")
        try:
            return torch.empty(0, device=self.device).device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(
                f"The 'device' parameter of {type(self).__name__} must be 'auto' or a "
                f"torch device that exists here. Got {self.device!r} instead."
            ) from error

    def _map_rows(self, rows, shape, linear_map):
        """Map rows to rows of `shape` in batches, each written once to its place."""
        is_tensor = isinstance(rows, torch.Tensor)
        shape = (len(rows), *shape)
        out = rows.new_empty(shape) if is_tensor else np.empty(shape, rows.dtype)
        target = out if is_tensor else torch.from_numpy(out)
        device = self._torch_device(rows)
        size = len(rows) or 1
        if linear_map.needs_batches or device != target.device:
            size = rows_per_batch(self.layout_)
        with torch.no_grad():
            for start in range(0, len(rows), size):
                batch = as_tensor(rows[start : start + size], device)
                place = target[start : start + size]
                if device == target.device:
                    linear_map.apply(batch, place)
                else:
                    place.copy_(linear_map.apply(batch))
        return out

    def __getstate__(self):
        state = super().__getstate__()
        return state | {"_maps": {}} if "_maps" in state else state

    def _repr_html_inner(self):
        return super()._repr_html_inner() + self._fitted_html()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:  # not with set_config(display="text")
            bundle["text/html"] += self._fitted_html()
        return bundle

    def _fitted_html(self):
        return wavelets_html(self.wavelet_) if hasattr(self, "wavelet_") else ""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.array_api_support = IS_SUPPORTED
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = chooses(self, "discriminant")
        return tags
