"""Contextual decomposition: scores of groups of coefficients in a network."""

from numbers import Integral
from typing import Self

import numpy as np
import torch
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted
from torch.overrides import TorchFunctionMode

from sk_awave.attribution._base import BaseImportance
from sk_awave.attribution._groups import as_masks
from sk_awave.attribution._independence import check_independence
from sk_awave.attribution._input_gradients import choose_device
from sk_awave.attribution._linear_inverse import LinearInverse
from sk_awave.attribution._split import Split, contextual_parts
from sk_awave.attribution._targets import Targets, check_single_target
from sk_awave.attribution._teacher import as_teacher
from sk_awave.utils._sklearn import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    fit_context,
)
from sk_awave.utils._validation import as_tensor

#: The values of the widest activation of a chunk: about what the cache of a CPU holds.
#: Of four networks none was faster by a quarter with another power of two.
_CHUNK_SIZE = 2**20


class ContextualDecomposition(BaseImportance):
    r"""Score groups of coefficients by their joint effect in a network.

    Contextual decomposition (CD [1]_, [2]_) splits each activation of a model into a
    relevant and an irrelevant part, from the input to the outputs. The relevant part of
    the input is :math:`S (m \odot c)`, with the synthesis :math:`S`, the coefficients
    :math:`c` and the mask :math:`m` of the group. The rest of the input is irrelevant:
    the other coefficients, and the residual of the transform. The score of the group is
    the relevant part of the output.

    The relevant and the irrelevant part of one group add up to the output. The scores of
    several groups do not add up: a joint effect of two groups is in the score of neither.
    So :math:`\mathrm{CD}(a \cup b) - \mathrm{CD}(a) - \mathrm{CD}(b)` measures the
    interaction of the groups :math:`a` and :math:`b`.

    Parameters
    ----------
    transformer : transformer or None
        A transformer whose ``inverse_transform`` is linear, or linear plus an offset, as
        in `TransformImportance`. With None, groups consist of values of the samples
        themselves. A fitted transformer is used as it is; of another one a clone is
        fitted. To keep a fitted one in clones of this estimator, wrap it in a
        `sklearn.frozen.FrozenEstimator`.

    teacher : Teacher, or what `Teacher` takes
        The model. It must compute its outputs by functions of torch that have a rule (see
        Notes). It is evaluated in eval mode.

    groups : "bands", "coefficients", array-like or dict, default="bands"
        - "bands": the subbands of a wavelet transform, one group per channel and band;
        - "coefficients": each coefficient alone;
        - a boolean array of shape (n_groups, n_components);
        - a dict from names to indices of coefficients, or to boolean masks of shape
          (n_components,).

        Groups may overlap.

    target : int, "all", "predicted", "auto" or list of int, default="auto"
        The output whose parts `transform` returns; see `Teacher`. "auto" is the target of
        the teacher. `decompose` returns the parts of all outputs.

    batch_size : int, default=None
        The number of samples that are decomposed at a time, with all groups. By default,
        the number of samples, or of groups of one sample, is chosen such that the largest
        activation of the model has about a million values. It does not change the scores.

    device : str or torch.device, default="auto"
        The device to compute on, as in `input_gradients`.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.

    teacher_ : Teacher
        The model as a teacher.

    groups_ : ndarray of bool of shape (n_groups, n_components)
        The groups as masks.

    n_components_ : int
        The number of coefficients.

    sample_shape_ : tuple of int
        The shape of a sample in `fit`.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    TransformImportance : Scores single coefficients by gradients.
    decomposition_rule : Adds a rule.

    Notes
    -----
    The rules of linear layers, convolutions, batch normalisation, ReLU, pooling, sums and
    LSTMs are the published ones, with one exception: where the relevant and the
    irrelevant part are both zero, the bias is irrelevant. So a group of zeros has a score
    of exactly zero, and a group of everything has the output as its score, but for the
    biases of units that get nothing from the sample. Elementwise functions other than
    tanh, products of activations, and constants have rules of our own. Division by an
    activation, softmax, layer normalisation, attention and GRUs have no rule: explain
    logits, not probabilities.

    References
    ----------
    .. [1] W. J. Murdoch, P. J. Liu, B. Yu. "Beyond word importance: contextual
       decomposition to extract interactions from LSTMs." ICLR, 2018. arXiv:1801.05453.
    .. [2] C. Singh, W. J. Murdoch, B. Yu. "Hierarchical interpretations for neural
       network predictions." ICLR, 2019. arXiv:1806.05337.

    Examples
    --------
    A model that looks at the finest band only:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.attribution import ContextualDecomposition
    >>> X = np.random.default_rng(0).standard_normal((100, 8))
    >>> wavelet = WaveletTransformer("haar", level=2).fit(X)
    >>> y = wavelet.transform(X)[:, 4:] @ [1, 2, 3, 4]
    >>> cd = ContextualDecomposition(wavelet, LinearRegression().fit(X, y)).fit(X)
    >>> cd.get_feature_names_out()
    array(['cA2', 'cD2', 'cD1'], dtype=object)
    >>> scores = cd.transform(X)
    >>> bool(np.allclose(scores[:, 2], y)), bool(np.allclose(scores[:, :2], 0))
    (True, True)
    """

    _parameter_constraints = {
        "transformer": "no_validation",
        "teacher": "no_validation",
        "groups": [StrOptions({"bands", "coefficients"}), "array-like", dict],
        "target": "no_validation",
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
    }

    def __init__(
        self,
        transformer,
        teacher,
        *,
        groups="bands",
        target="auto",
        batch_size=None,
        device="auto",
    ):
        self.transformer = transformer
        self.teacher = teacher
        self.groups = groups
        self.target = target
        self.batch_size = batch_size
        self.device = device

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params) -> Self:
        """Check the transformer, the groups and the teacher, on one sample.

        Parameters
        ----------
        X : array-like or tensor of the shape that the transformer takes
            Samples.
        y : array-like, default=None
            The target for the fit of a transformer that is not fitted.
        **fit_params : dict
            Metadata for this fit, such as `input_gradients`.

        Returns
        -------
        self : object
            Fitted transformer.

        Raises
        ------
        NotFittedError
            If the teacher is not fitted.
        NotImplementedError
            If the teacher calls a function without a rule.
        TypeError, ValueError
            If the transformer has no linear inverse, if the groups do not fit its
            coefficients, or if `Teacher` cannot use the model.
        """
        samples, rows = self._read(X, reset=True)
        transformer = self._fitted_transformer(rows, y, fit_params)
        self._inverse = LinearInverse(transformer, rows[:1])
        self.transformer_ = transformer
        self.n_components_ = self._inverse.n_components
        self._names, self.groups_ = as_masks(self.groups, self._inverse)
        self.teacher_ = as_teacher(self.teacher)
        if not (isinstance(self.target, str) and self.target == "auto"):
            self.teacher_ = self.teacher_.replace(target=self.target)
        samples = as_tensor(samples)
        x = samples[:2].to(self._choose_device(samples))
        check_independence(self.teacher_, x)
        x = x[:1]
        with _Widest() as widest:
            self._parts_of(x, x[None])
        self._width = widest.n_values
        return self

    def transform(self, X) -> np.ndarray:
        """Score the groups.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted
            The samples.

        Returns
        -------
        scores : ndarray or tensor of shape (n_samples, n_groups)
            The relevant parts of the targeted output. If `X` is a tensor, they are a
            tensor on its device.

        Raises
        ------
        ValueError
            If there are several targets, or if they are labels: see `decompose`.
        """
        check_is_fitted(self)
        check_single_target(self.teacher_.target, "decompose(X)")
        relevant, total = self._decompose(X, self.groups_)
        targets = Targets(self.teacher_, None, len(total))
        index = targets.select(total, slice(None))[0].expand(len(relevant), -1)
        scores = relevant.gather(2, index.unsqueeze(2))[..., 0].T
        return scores if isinstance(X, torch.Tensor) else scores.numpy()

    def decompose(self, X):
        """Split all outputs into a relevant and an irrelevant part.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted
            The samples.

        Returns
        -------
        relevant, irrelevant : ndarray or tensor of shape (n_groups, n_samples, n_outputs)
            The two parts. For each group they add up to the outputs of the teacher. If
            `X` is a tensor, they are tensors on its device.
        """
        check_is_fitted(self)
        relevant, total = self._decompose(X, self.groups_)
        parts = relevant, total - relevant
        return parts if isinstance(X, torch.Tensor) else tuple(p.numpy() for p in parts)

    def get_feature_names_out(self, input_features=None):
        """Name the groups.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the features. They are only compared with the names seen in fit.

        Returns
        -------
        feature_names_out : ndarray of str
            For bands, 'cA3', 'cD3', ..., or 'ch0_cA3', ... with several channels. For
            single coefficients, their names. For a dict, its keys. For an array,
            'group0', 'group1', ....
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self._names is not None:
            return np.asarray(self._names, dtype=object)
        if self.transformer is None:
            return names
        return self._inverse.names(self, input_features)

    def _decompose(self, X, groups):
        """Return the relevant parts of masks and the outputs, chunk by chunk."""
        samples, rows = self._read(X, reset=False)
        coefficients, samples = self._inverse.coefficients(rows), as_tensor(samples)
        device = self._choose_device(samples)
        size = _CHUNK_SIZE // self._width
        n_rows = self.batch_size or max(1, size // len(groups))
        n_groups = len(groups) if self.batch_size else max(1, size)
        if min(len(samples), n_rows) > 1:
            check_independence(self.teacher_, samples[:n_rows].to(device))
        masks = torch.from_numpy(groups).to(coefficients).split(n_groups)
        relevant, total = [], []
        for x, c in zip(samples.split(n_rows), coefficients.split(n_rows), strict=True):
            x = x.to(device)
            chunks = [self._parts_of(x, self._signals(c, mask, x)) for mask in masks]
            relevant.append(torch.cat([chunk[0] for chunk in chunks]).to(samples))
            total.append(chunks[0][1].to(samples))
        return torch.cat(relevant, 1), torch.cat(total)

    def _template(self):
        return FunctionTransformer() if self.transformer is None else self.transformer

    def _choose_device(self, samples):
        return choose_device(self.device, self.teacher_, samples, type(self).__name__)

    def _signals(self, coefficients, masks, x):
        """Return the parts of the samples that the groups stand for."""
        masked = (coefficients * masks[:, None]).flatten(0, 1)
        return self._inverse.apply(masked).to(x).reshape(len(masks), *x.shape)

    def _parts_of(self, x, parts):
        """Decompose the outputs at a few samples, and compare them with the teacher's."""
        with torch.no_grad():
            outputs = self.teacher_.outputs(x)
            relevant, total = contextual_parts(self.teacher_.outputs, x, parts)
        gap = (total - outputs).abs().max().item()
        if not gap <= torch.finfo(total.dtype).eps ** 0.5 * outputs.abs().max().item():
            raise ValueError(
                f"The decomposed outputs differ from the teacher's by up to {gap:.2g}. "
                "Does the model draw random numbers, or change a view of an activation "
                "in place?"
            )
        return relevant, total


class _Widest(TorchFunctionMode):
    """Finds the widest activation."""

    n_values = 1

    def __torch_function__(self, func, types, args=(), kwargs=None):
        value = func(*args, **(kwargs or {}))
        if isinstance(value, Split):
            self.n_values = max(self.n_values, value.numel())
        return value
