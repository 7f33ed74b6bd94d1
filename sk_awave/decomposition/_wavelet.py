"""The multilevel wavelet transform as a scikit-learn transformer."""

from typing import Self

from sk_awave.decomposition._base import BaseWaveletTransformer
from sk_awave.decomposition._basis import in_basis
from sk_awave.decomposition._blocks import read_data
from sk_awave.engine._blocks import Blocks, summed_objective
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._objective import Objective
from sk_awave.engine._terms import Sparsity
from sk_awave.engine._wavelet import as_wavelet
from sk_awave.utils._array_api import learns_namespace
from sk_awave.utils._sklearn import fit_context
from sk_awave.utils._validation import as_tensor


class WaveletTransformer(BaseWaveletTransformer):
    """Multilevel discrete wavelet transform with a fixed wavelet.

    The coefficients are those of PyWavelets' ``wavedec``, ``wavedec2`` or ``wavedecn``,
    flattened to one row per sample.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="db5"
        A discrete wavelet of PyWavelets, or a custom one. A bank that does not
        reconstruct raises a warning, such as PyWavelets' "dmey".

    decomposition : {"dwt", "stationary", "packet"}, default="dwt"
        The kind of transform:

        - "dwt": the discrete wavelet transform. Each level keeps every second
          coefficient;
        - "stationary": the stationary (undecimated) transform. Each level keeps all
          coefficients, so that they move with the signal. There are ``level + 1`` times
          as many coefficients as samples (``3 * level + 1`` times in two dimensions).
          They are those of PyWavelets' ``swt`` with ``norm=True``. Signals may have any
          length;
        - "packet": wavelet packets. Details are split, too. This separates frequencies
          within an octave. `basis` chooses the packets.

    basis : {"best", "full", "discriminant"} or list of str, default="best"
        The choice of packets for ``decomposition="packet"``:

        - "best": the best basis [1]_. It has the smallest L1 norm over the signals, and
          at least one level;
        - "full": all packets of the last level;
        - "discriminant": the packets that tell most about `y`. For classes, this is the
          local discriminant basis [2]_: the Hellinger distance between the energies of
          the classes is largest. For numbers, the sum of the squared correlations of `y`
          with the energies of coefficients is largest;
        - a list of PyWavelets' paths, the leaves of a tree: ``["aa", "ad", "d"]``.

    level : int, default=None
        The number of levels. For packets it is the maximum number. By default it is
        PyWavelets' maximum for the shortest axis, but at least 1; with a list as `basis`,
        the length of the longest path. A value above PyWavelets' maximum raises a
        warning.

    mode : {"auto", "symmetric", "zero", "constant", "periodic", "smooth", \
            "periodization", "reflect", "antisymmetric", "antireflect"}, default="auto"
        The extension of signals beyond their ends. With "periodization" there are as many
        coefficients as samples, if the length is even at each level. With other modes
        there are a few more. "auto" is "symmetric". The stationary transform has
        "periodization" only.

    ndim : {1, 2, 3}, default=1
        The number of transformed axes: 1 for series, 2 for images, 3 for volumes.

    signal_shape : tuple of int, default=None
        The shape of samples that are flattened to the rows of `X`. With ``ndim=2`` it is
        ``(height, width)`` or ``(n_channels, height, width)``.

    device : str or torch.device, default="auto"
        The device to compute on. "auto" is the device of `X` if it is a tensor, and the
        CPU for an array.

    Attributes
    ----------
    wavelet_ : pywt.Wavelet
        The wavelet.

    filter_bank_ : ndarray of shape (1, 1, 4, filter_length)
        The filters ``dec_lo, dec_hi, rec_lo, rec_hi``.

    level_ : int
        The number of levels.

    mode_ : str
        The boundary mode, as PyWavelets names it.

    layout_ : CoeffLayout
        The position of each coefficient. ``layout_.unflatten(Xt[i])`` is in the format of
        ``pywt.waverec`` (``waverec2``, ``waverecn``). For packets it is a dict from paths
        to arrays.

    basis_ : list of str
        The names of the bands of ``layout_``. Those of packets are PyWavelets' paths.

    condition_number_ : float
        The largest factor by which relative errors of coefficients can grow on the way
        back to signals. It is 1 for orthonormal filters.

    sample_shape_ : tuple of int
        The shape of a sample in `fit`.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    AdaptiveWaveletTransformer : The same transform with a wavelet that is learned.

    References
    ----------
    .. [1] R. R. Coifman, M. V. Wickerhauser. "Entropy-based algorithms for best basis
       selection." IEEE Transactions on Information Theory 38(2), 1992.
    .. [2] N. Saito, R. R. Coifman. "Local discriminant bases and their applications."
       Journal of Mathematical Imaging and Vision 5, 1995.

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
    >>> packets = WaveletTransformer(
    ...     "haar", decomposition="packet", basis=["a", "da", "dd"]
    ... ).fit(X)
    >>> packets.get_feature_names_out()
    array(['a_0', 'a_1', 'a_2', 'a_3', 'da_0', 'da_1', 'dd_0', 'dd_1'],
          dtype=object)
    """

    _parameter_constraints = {**BaseWaveletTransformer._parameter_constraints}

    def __init__(
        self,
        wavelet="db5",
        *,
        decomposition="dwt",
        basis="best",
        level=None,
        mode="auto",
        ndim=1,
        signal_shape=None,
        device="auto",
    ):
        self.wavelet = wavelet
        self.decomposition = decomposition
        self.basis = basis
        self.level = level
        self.mode = mode
        self.ndim = ndim
        self.signal_shape = signal_shape
        self.device = device

    @fit_context(prefer_skip_nested_validation=True)
    @learns_namespace
    def fit(self, X, y=None) -> Self:
        """Learn the shape of the signals, and choose the basis of packets.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals.
        y : array-like of shape (n_samples,), default=None
            The classes or numbers for ``basis="discriminant"``. Ignored otherwise.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        X, _, _ = read_data(self, X, reset=True)
        wavelet = as_wavelet(self.wavelet, type(self).__name__)
        bank = FilterBank.from_wavelet(wavelet, "fixed")
        layout = self._make_layout(self.sample_shape_, bank.filter_length)
        if self.decomposition == "packet":
            terms = {Sparsity(): 1.0}
            if isinstance(X, Blocks):
                objective = summed_objective(bank, layout, terms, X)
            else:
                rows = as_tensor(X, self._torch_device(X))
                rows = rows.reshape(len(X), -1, *layout.signal_shape)
                objective = Objective(bank, layout, terms, rows)
            layout = in_basis(self, objective, y).layout_at(bank().detach())
        self.layout_ = layout
        self.level_ = self.layout_.level
        self.wavelet_ = wavelet
        self._maps = {}
        return self
