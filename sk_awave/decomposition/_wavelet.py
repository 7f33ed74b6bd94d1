"""The multilevel wavelet transform as a scikit-learn transformer."""

from typing import Self

from sk_awave.decomposition._base import BaseWaveletTransformer
from sk_awave.engine._filter_bank import FilterBank, as_wavelet
from sk_awave.utils._sklearn import fit_context
from sk_awave.utils._validation import validate_signals


class WaveletTransformer(BaseWaveletTransformer):
    """Multilevel discrete wavelet transform with a fixed wavelet.

    The coefficients are those of PyWavelets' ``wavedec``, ``wavedec2`` or ``wavedecn``,
    flattened to one row a sample.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="db5"
        Any discrete wavelet of PyWavelets, or a custom one.

    decomposition : {"dwt", "stationary"}, default="dwt"
        The discrete wavelet transform, which keeps every second coefficient of a level,
        or the stationary (undecimated) one, which keeps all: its coefficients move with
        the signal, and there are ``level + 1`` times as many as samples (``3 * level +
        1`` times in two dimensions). It is PyWavelets' ``swt`` with ``norm=True``, for
        signals of any length.

    level : int, default=None
        The number of levels. By default PyWavelets' maximum for the shortest axis, and at
        least 1. A deeper one warns, as in PyWavelets.

    mode : {"auto", "symmetric", "zero", "constant", "periodic", "smooth", \
            "periodization", "reflect", "antisymmetric", "antireflect"}, default="auto"
        How signals are continued beyond their ends. "periodization" makes as many
        coefficients as there are samples (where lengths stay even), others a few more.
        "auto" is "symmetric", or "periodization" for the stationary transform, which has
        no other.

    ndim : {1, 2, 3}, default=1
        The number of transformed axes: 1 for series, 2 for images, 3 for volumes.

    signal_shape : tuple of int, default=None
        For a two-dimensional `X` whose rows are flattened samples: their shape, as
        ``(height, width)`` or ``(n_channels, height, width)`` when ``ndim=2``.

    device : str or torch.device, default="auto"
        Where to compute. "auto" is the device of `X` for a tensor, and the CPU for an
        array.

    Attributes
    ----------
    wavelet_ : pywt.Wavelet
        The wavelet.

    filter_bank_ : ndarray of shape (1, 1, 4, filter_length)
        ``dec_lo, dec_hi, rec_lo, rec_hi``.

    level_ : int
        The number of levels.

    layout_ : CoeffLayout
        Where each coefficient stands: ``layout_.unflatten(Xt[i])`` is what
        ``pywt.waverec`` (``waverec2``, ``waverecn``) takes.

    condition_number_ : float
        How far the transform is from keeping the energy; 1 for orthonormal filters.

    sample_shape_ : tuple of int
        The shape of a sample in `fit`.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    AdaptiveWaveletTransformer : The same with a wavelet that adapts to the data.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_awave import WaveletTransformer
    >>> X = np.arange(16.0).reshape(2, 8)
    >>> transformer = WaveletTransformer("haar", level=2).fit(X)
    >>> transformer.get_feature_names_out()
    array(['cA2_0', 'cA2_1', 'cD2_0', 'cD2_1', 'cD1_0', 'cD1_1', 'cD1_2', 'cD1_3'],
          dtype=object)
    >>> transformer.transform(X)[0].round(2)
    array([ 3.  , 11.  , -2.  , -2.  , -0.71, -0.71, -0.71, -0.71])
    >>> np.allclose(transformer.inverse_transform(transformer.transform(X)), X)
    True
    """

    _parameter_constraints = {**BaseWaveletTransformer._parameter_constraints}

    def __init__(
        self,
        wavelet="db5",
        *,
        decomposition="dwt",
        level=None,
        mode="auto",
        ndim=1,
        signal_shape=None,
        device="auto",
    ):
        self.wavelet = wavelet
        self.decomposition = decomposition
        self.level = level
        self.mode = mode
        self.ndim = ndim
        self.signal_shape = signal_shape
        self.device = device

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Learn the shape of the signals.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals.
        y : None
            Ignored.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        X = validate_signals(self, X, reset=True)
        wavelet = as_wavelet(self.wavelet, type(self).__name__)
        bank = FilterBank.from_wavelet(wavelet, "fixed")
        self.layout_ = self._make_layout(X.shape[1:], bank.filter_length)
        self.level_ = self.layout_.level
        self.filter_bank_ = bank().detach().numpy()
        self.wavelet_ = wavelet
        self._maps = {}
        return self
