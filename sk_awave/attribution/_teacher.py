"""A trained model as a differentiable function, with a method and a target."""

from inspect import signature
from numbers import Integral, Real

from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import NotFittedError
from torch import nn

from sk_awave.attribution._estimators import (
    STAGES,
    estimator_stages,
    is_skorch_class,
    read_threshold,
    takes_rows,
    unfreeze,
)
from sk_awave.attribution._evaluation import (
    apply_stage,
    check_input_shape,
    check_outputs,
    evaluating,
    first_tensor,
    prepare_input,
    read_classes,
)
from sk_awave.attribution._paths import METHODS
from sk_awave.attribution._pickling import put_tensors, take_tensors
from sk_awave.attribution._targets import check_target
from sk_awave.utils._sklearn import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

#: What is asked of a model, but for its target.
_QUESTION = {
    "method": [StrOptions(set(METHODS)), callable],
    "n_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "noise_level": [Interval(Real, 0, None, closed="left")],
}


class Teacher:
    r"""A model as a differentiable function of its input, with a method and a target.

    A method attributes an output :math:`f` of the model to its input :math:`x`, by the
    gradient :math:`\nabla f` at each sample or by an average of gradients around it:

    - "saliency" [1]_ and "input_x_gradient" [2]_: :math:`\nabla f(x)`;
    - "integrated_gradients" [3]_: :math:`\int_0^1 \nabla f(t x)\,dt`, by Gauss-Legendre
      quadrature;
    - "smoothgrad" [4]_: the mean of :math:`\nabla f(x + \epsilon)` over Gaussian noise;
    - "expected_gradients" [5]_: the mean of :math:`\nabla f(x' + t (x - x'))` over
      baselines :math:`x'` and uniform :math:`t`.

    The scores of "input_x_gradient" and "integrated_gradients" are these fields times the
    input, or times the coefficients of a transform.

    The model is neither trained nor copied nor moved. It is evaluated in eval mode, and
    its training flags are restored afterwards. Clones and copies of a teacher are the
    teacher itself, so a search over many estimators holds only one. Pickles are loaded on
    the CPU. Teachers with equal weights have equal ``joblib.hash``, so that
    ``Pipeline(memory=...)`` finds its cache.

    Parameters
    ----------
    model : nn.Module, fitted estimator or callable
        - a torch module of any architecture;
        - a fitted skorch net; only its module is used;
        - a fitted MLPClassifier, MLPRegressor or linear model of scikit-learn. It is
          evaluated in float64; the outputs of a classifier are its decision values;
        - a fitted pipeline of affine transformers, such as StandardScaler, that ends with
          a skorch net or one of these models;
        - a TransformedTargetRegressor of one of these, with an affine transformer of the
          target;
        - any of these estimators in a `sklearn.frozen.FrozenEstimator`;
        - a function of a tensor, written in operations of torch.

        The output of a sample must depend on that sample only; whoever differentiates it
        evaluates two samples alone to see that. Outputs have shape (n_samples,) or
        (n_samples, n_outputs). Of a tuple the first element is used, as in skorch.

    input_shape : tuple of int, default=None
        The shape of a sample that the model expects, such as ``(n_channels, length)``, if
        it differs from the shape in `X`. Models of scikit-learn always get flat rows; in
        a pipeline, it is the shape that the net at its end expects.

    method : str or callable, default="saliency"
        One of the methods above, or a function of (forward, x, target) that returns a
        field of the shape of the tensor `x`. Here ``forward(x)`` returns the outputs, of
        shape (n_samples, n_outputs), and `target` holds the index of an output for each
        sample. So methods of captum can be used as ``lambda forward, x, target:
        Saliency(forward).attribute(x, target, abs=False)``.

    target : int, "all", "predicted", "label", "auto" or list of int, default="auto"
        The output that is differentiated:

        - int: the output of this index;
        - "all" or a list: each output, or each one of the list. In learning, the norms of
          several targets are added;
        - "predicted": the largest output of each sample;
        - "label": the output of the label `y` of each sample;
        - "auto": the only output, or "predicted" if there are several. It is an error for
          regressors with several outputs: the largest of these has no meaning.

        A single output, as of a binary classifier of scikit-learn, is also the
        "predicted" one and the one of any "label".

    n_steps : int or "auto", default="auto"
        The number of points that "integrated_gradients", "smoothgrad" and
        "expected_gradients" average over. "auto" is 50. For integrated gradients it is
        doubled, up to 800, until they add up to the change of the output.

    noise_level : float, default=0.15
        The standard deviation of the noise of "smoothgrad", as a fraction of the range of
        the values of each sample.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or None
        The class labels, if the model has any.

    threshold : float or None
        The value above which the only output of a binary classifier means its second
        class. None for modules and functions.

    is_regressor : bool
        True if the model is known to be a regressor.

    untrained : estimator or None
        The model, if it is not yet trained: `AWDClassifier` and `AWDRegressor` train
        clones of it.

    See Also
    --------
    input_gradients : Computes the gradients.
    TransformImportance : Attributes the outputs to the coefficients of a transform.

    Notes
    -----
    Expected gradients are not multiplied by the distance to the baseline. This distance
    changes from draw to draw, and the mean of products is not the product of means.
    Unlike those of [5]_, they do not add up to a change of the output.

    For classifiers, prefer a model that returns logits: after a softmax, the gradient of
    a confident prediction vanishes.

    The weights of a scikit-learn model are copied. A torch module is not copied: if you
    train it further, the teacher changes, too.

    Worker processes can use modules whose class is defined in a notebook or script. The
    cache of ``Pipeline(memory=...)`` in worker processes needs an importable class.

    In cuDNN, recurrent layers have a backward pass in training mode only. So on a GPU a
    model with recurrent layers is evaluated without cuDNN.

    References
    ----------
    .. [1] K. Simonyan, A. Vedaldi, A. Zisserman. "Deep inside convolutional networks."
       ICLR workshop 2014.
    .. [2] A. Shrikumar, P. Greenside, A. Shcherbina, A. Kundaje. "Not just a black box."
       arXiv:1605.01713, 2016.
    .. [3] M. Sundararajan, A. Taly, Q. Yan. "Axiomatic attribution for deep networks."
       ICML 2017.
    .. [4] D. Smilkov, N. Thorat, B. Kim, F. Viegas, M. Wattenberg. "SmoothGrad: removing
       noise by adding noise." arXiv:1706.03825, 2017.
    .. [5] G. Erion, J. D. Janizek, P. Sturmfels, S. M. Lundberg, S.-I. Lee. "Improving
       performance of deep learning models with axiomatic attribution priors and expected
       gradients." Nature Machine Intelligence 3, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn.linear_model import LinearRegression
    >>> from sk_awave.attribution import Teacher
    >>> X = np.arange(6.0).reshape(3, 2) ** 2
    >>> teacher = Teacher(LinearRegression().fit(X, X @ [1, 2]))
    >>> teacher
    Teacher(LinearRegression)
    >>> teacher.outputs(torch.ones(1, 2)).round(decimals=6)
    tensor([[3.]], dtype=torch.float64)
    """

    def __init__(
        self,
        model,
        *,
        input_shape=None,
        method="saliency",
        target="auto",
        n_steps="auto",
        noise_level=0.15,
    ):
        model = unfreeze(model)
        self.input_shape = check_input_shape(input_shape)
        self._ask(method=method, target=target, n_steps=n_steps, noise_level=noise_level)
        self.classes_ = self.threshold = None
        self.is_regressor = False
        self._takes_rows, self.untrained = False, None
        if isinstance(model, nn.Module):
            self._stages = [model]
        elif isinstance(model, BaseEstimator) or is_skorch_class(model):
            try:
                self._stages = estimator_stages(model)
            except NotFittedError:
                self._stages, self.untrained = [], model
            self._takes_rows = takes_rows(model)
            self.threshold = read_threshold(model)
            self.is_regressor = is_regressor(model)
            self.classes_ = read_classes(model)
        elif callable(model) and not isinstance(model, type):
            self._stages = [model]
        else:
            raise TypeError(
                "The teacher must be a torch module, a fitted estimator or a function "
                f"from tensors to outputs. Got {model!r} instead."
            )
        self._name = getattr(model, "__name__", type(model).__name__)

    def replace(self, **changes):
        """Return a teacher with some parameters changed.

        Parameters
        ----------
        **changes
            Parameters of a Teacher, `model` included.

        Returns
        -------
        Teacher
        """
        names = ("input_shape", "target", *_QUESTION)
        params = {name: getattr(self, name) for name in names} | changes
        if "model" in changes:
            return Teacher(**params)
        other = Teacher.__new__(Teacher)
        vars(other).update(vars(self))
        other.input_shape = check_input_shape(params.pop("input_shape"))
        other._ask(**params)
        return other

    def _ask(self, *, method, target, n_steps, noise_level):
        question = {"method": method, "n_steps": n_steps, "noise_level": noise_level}
        validate_parameter_constraints(_QUESTION, question, "Teacher")
        vars(self).update(question, target=check_target(target))

    @property
    def is_trained(self) -> bool:
        """True if the model is trained."""
        return self.untrained is None

    @property
    def multiplies(self) -> bool:
        """True if scores are multiplied by the input, or by coefficients."""
        return METHODS.get(self.method, False)

    def outputs(self, x):
        """Evaluate the model; gradients flow back to `x`.

        Parameters
        ----------
        x : tensor of shape (n_samples, ...)
            The samples, with the shape they have in `X`, on any device.

        Returns
        -------
        tensor of shape (n_samples, n_outputs)
            The outputs, on the device of the model.

        Raises
        ------
        NotFittedError
            If the model is not trained.
        TypeError
            If the model does not return a tensor.
        ValueError
            If the model cannot evaluate samples of this shape, or if its outputs have
            another shape or are not finite.
        """
        if not self.is_trained:
            raise NotFittedError(
                f"The {self._name} of this Teacher is not fitted yet. Fit it first, or "
                "give it to AWDClassifier or AWDRegressor, which train it. Clones, as in "
                "a cross-validation, are not fitted: wrap a fitted one in Teacher."
            )
        # A copy: samples may be read-only, and a model may work in place.
        n_samples, outputs = len(x), x.clone()
        outputs = outputs.flatten(1) if self._takes_rows else outputs
        with evaluating(self._modules()):
            for stage in self._stages:
                shape = None if isinstance(stage, STAGES) else self.input_shape
                outputs = apply_stage(stage, prepare_input(outputs, stage, shape))
        return check_outputs(outputs, n_samples)

    @property
    def device(self):
        """The device of the parameters of the model; None if it has none."""
        likes = (first_tensor(module) for module in self._modules())
        return next((like.device for like in likes if like is not None), None)

    def _modules(self):
        return [stage for stage in self._stages if isinstance(stage, nn.Module)]

    def __repr__(self):
        changed = [
            f", {name}={getattr(self, name)!r}"
            for name, parameter in signature(Teacher).parameters.items()
            if name != "model" and repr(getattr(self, name)) != repr(parameter.default)
        ]
        return f"Teacher({self._name}{''.join(changed)})"

    def __sklearn_clone__(self):
        return self

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        """Return what skops saves, as it cannot save tensors; pickle does not call it."""
        if self._modules():
            raise TypeError(
                f"skops cannot save {self!r}, which holds a torch module. Use joblib or "
                "pickle, or save without the teacher, which transform does not need: "
                "set_params(teacher=None)."
            )
        return vars(self)

    def __reduce__(self):
        trainable = not self.is_trained
        with evaluating(self._modules()):  # equal weights are equal in any mode
            return _load_teacher, take_tensors(vars(self), trainable=trainable)


def _load_teacher(skeleton, slots, data):
    teacher = Teacher.__new__(Teacher)
    vars(teacher).update(put_tensors(skeleton, slots, data))
    return teacher


def as_teacher(model):
    """Return a model as a `Teacher`."""
    return model if isinstance(model, Teacher) else Teacher(model)
