"""TRIM: attributions of a teacher's output to the coefficients of a transform."""

from functools import partial
from numbers import Integral
from typing import Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution._base import BaseImportance
from sk_awave.attribution._differentiable_inverse import find_differentiable_inverse
from sk_awave.attribution._independence import check_independence
from sk_awave.attribution._input_gradients import as_samples, input_gradients
from sk_awave.attribution._linear_inverse import LinearInverse
from sk_awave.attribution._targets import check_single_target
from sk_awave.attribution._teacher import as_teacher
from sk_awave.utils._sklearn import (
    Interval,
    fit_context,
)


class TransformImportance(BaseImportance):
    r"""Attribute a teacher's output to the coefficients of a transform.

    Transformation importance (TRIM [1]_) attributes :math:`f(S c + r)` to the
    coefficients :math:`c` of a transform with a linear inverse :math:`S`. The residual
    :math:`r = x - S c` is held fixed. A method of `input_gradients` gives a field
    :math:`v`; with "saliency" it is the gradient :math:`\nabla f(x)`. The scores are
    :math:`S^\top v`. The methods "input_x_gradient" and "integrated_gradients" multiply
    by the input: their scores are :math:`c \odot S^\top v`.

    The inverse may also be differentiable instead of linear, such as the decoder of an
    autoencoder. Then :math:`S` is its derivative at :math:`c`.

    Parameters
    ----------
    transformer : transformer
        - a transformer whose ``inverse_transform`` is linear, or linear plus an offset:
          wavelets, PCA, NMF, FastICA, DictionaryLearning, scalers, a FunctionTransformer
          with a Fourier transform and its inverse;
        - an object without `fit`, such as a torch module, whose `transform` and
          `inverse_transform` take and return tensors and are differentiable;
        - an estimator whose `inverse_transform` takes and returns tensors and is
          differentiable.

        A fitted transformer is used as it is; of another one a clone is fitted. Clones of
        this estimator, as in a cross-validation, have an unfitted transformer; to keep a
        fitted one, wrap it in a `sklearn.frozen.FrozenEstimator`.

    teacher : Teacher, or what `Teacher` takes
        The model, with its `method` and its `target`. If this estimator will be cloned,
        wrap the model in `Teacher` or a FrozenEstimator. The baselines of
        "expected_gradients" are drawn from the `X` of `fit`.

    batch_size : int, default=None
        The number of samples at a time, as in `input_gradients`.

    device : str or torch.device, default="auto"
        The device to compute on, as in `input_gradients`.

    random_state : int, RandomState instance or None, default=None
        The seed of random methods, as in `input_gradients`.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.

    teacher_ : Teacher
        The model as a teacher.

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
    input_gradients : The scores of the input itself.

    Notes
    -----
    Wavelets are scored by the adjoint of their synthesis. For other linear inverses,
    `fit` finds the matrix, of shape (n_components, n_features), from the values at the
    unit vectors. A differentiable inverse is evaluated once and differentiated backwards;
    a torch module is put in eval mode. With a differentiable inverse, only "saliency" and
    "input_x_gradient" are exactly the methods applied to
    :math:`c \mapsto f(S(c) + r)`: the others average gradients along paths of samples,
    not of coefficients.

    References
    ----------
    .. [1] C. Singh, W. Ha, F. Lanusse, V. Boehm, J. Liu, B. Yu. "Transformation
       importance with applications to cosmology." arXiv:2003.01926, 2020.

    Examples
    --------
    A model that looks at one wavelet coefficient only:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.attribution import Teacher, TransformImportance
    >>> X = np.random.default_rng(0).standard_normal((100, 8))
    >>> wavelet = WaveletTransformer("haar", level=2).fit(X)
    >>> y = 3 * wavelet.transform(X)[:, 5]
    >>> teacher = Teacher(LinearRegression().fit(X, y))
    >>> trim = TransformImportance(wavelet, teacher).fit(X)
    >>> trim.get_feature_names_out()[5]
    'cD1_1'
    >>> trim.transform(X)[0].round(2) + 0.0
    array([0., 0., 0., 0., 0., 3., 0., 0.])
    """

    _parameter_constraints = {
        "transformer": "no_validation",
        "teacher": "no_validation",
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        transformer,
        teacher,
        *,
        batch_size=None,
        device="auto",
        random_state=None,
    ):
        self.transformer = transformer
        self.teacher = teacher
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params) -> Self:
        """Check the transformer and the teacher, and find the adjoint of the inverse.

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
        TypeError, ValueError
            If the transformer has no inverse that is linear or differentiable, or if
            `Teacher` or `input_gradients` cannot use the teacher.
        """
        samples, rows = self._read(X, reset=True)
        transformer = self._fitted_transformer(rows, y, fit_params)
        inverse = find_differentiable_inverse(transformer, rows[:1])
        self._inverse = inverse or LinearInverse(transformer, rows[:1])
        self.transformer_ = transformer
        teacher = as_teacher(self.teacher)
        check_independence(teacher, as_samples(samples[:2], teacher, "X"))
        self.n_components_ = self._inverse.n_components
        self._baselines = samples if teacher.method == "expected_gradients" else None
        self.teacher_ = teacher
        return self

    def transform(self, X) -> np.ndarray:
        """Score the coefficients.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted
            The samples.

        Returns
        -------
        scores : ndarray or tensor of shape (n_samples, n_components)
            The scores, in the order of ``transformer.transform(X)``. If `X` is a tensor,
            they are a tensor on its device.

        Raises
        ------
        ValueError
            If the teacher has several targets, or if they are labels: see `attributions`.
        """
        check_is_fitted(self)
        check_single_target(self.teacher_.target, "attributions(X, y)")
        return self.attributions(X)

    def attributions(self, X, y=None) -> np.ndarray:
        """Score the coefficients, for each of several targets.

        Parameters
        ----------
        X : array-like or tensor of the shape that was fitted
            The samples.
        y : array-like of shape (n_samples,), default=None
            The labels for ``target="label"``.

        Returns
        -------
        scores : ndarray or tensor of shape (n_samples, n_components) or \
                (n_targets, n_samples, n_components)
            The scores of `transform`. If the target of the teacher is "all" or a list,
            there is one array of scores per target.
        """
        check_is_fitted(self)
        samples, rows = self._read(X, reset=False)
        field = input_gradients(
            self.teacher_,
            samples,
            y=y,
            baselines=self._baselines,
            batch_size=self.batch_size,
            device=self.device,
            random_state=self.random_state,
        )
        targets = torch.as_tensor(field).reshape(-1, *samples.shape)
        adjoint = partial(self._inverse.adjoint, X=rows, batch_size=self.batch_size)
        scores = torch.stack([adjoint(target) for target in targets])
        if self.teacher_.multiplies:
            scores = scores * self._inverse.coefficients(rows).to(scores)
        scores = scores[0] if field.ndim == samples.ndim else scores
        return scores if isinstance(field, torch.Tensor) else scores.numpy()

    def get_feature_names_out(self, input_features=None):
        """Name the coefficients as the transformer does.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the features. They are passed on to the transformer.

        Returns
        -------
        feature_names_out : ndarray of str
            The names that the transformer gives, or "transformimportance0" and so on if
            it gives none.
        """
        check_is_fitted(self)
        return self._inverse.names(self, input_features)
