"""A skorch regressor that is penalised for what it must not use."""

from skorch import NeuralNetRegressor

from sk_awave.neural_network._base import PenalizedNet


class PenalizedNetRegressor(PenalizedNet, NeuralNetRegressor):
    """A skorch regressor that is trained not to use a part of its samples [1]_.

    The part is a band of a wavelet transform or a region under a mask: an artefact that
    goes with the target in the training data, and will not elsewhere.

    Parameters
    ----------
    module : torch.nn.Module, class or instance
        The network.

    transformer : wavelet transformer, default=None
        Whose bands `bands` names. It is cloned, and fitted in `fit`; wrap one that is
        fitted in a `sklearn.frozen.FrozenEstimator`.

    bands : list of str, default=None
        The bands that the net must not use, by their names in the layout of the
        transformer: ``["cD1"]`` is the finest of signals.

    mask : array-like of the shape of a sample, default=None
        In place of bands: 1 for what the net must not use, and 0 elsewhere. If it differs
        between samples, or is known for some only, pass it to `fit` in `X` instead.

    alpha : float, default=1.0
        The strength of the penalty. With 0 the net is skorch's own.

    penalty : {"removal", "gradient", "cd"}, default="removal"
        How much the net uses the part `p` of a sample `x`, as a mean over samples and
        outputs:

        - "removal": of the squared change of the output if the part is removed,
          ``f(x) - f(x - p)``;
        - "gradient": of the squared gradient of the output with respect to the values
          under the mask, as in [2]_, or to the coefficients of the bands;
        - "cd": of the absolute value of the output less the contextual decomposition
          [3]_ of all but the part. That is the part's own contribution and its
          interactions. All layers must have rules.

    **skorch
        The parameters of `skorch.NeuralNetRegressor`, with its defaults: ``optimizer``,
        ``lr``, ``max_epochs``, ``train_split`` and so on.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained module.

    history : skorch.history.History
        What skorch records, and the mean of the penalty in each epoch,
        ``"train_penalty"``, unless `alpha` is 0.

    transformer_ : wavelet transformer or None
        The fitted transformer.

    See Also
    --------
    PenalizedNetClassifier : The same for classes.

    Notes
    -----
    The loss is ``criterion + alpha * penalty``, in training only: what is recorded for
    validation is the criterion. The net is in eval mode while the penalty is
    evaluated: dropout is off, and batch normalisation uses its running statistics and
    does not change them.

    References
    ----------
    .. [1] L. Rieger, C. Singh, W. J. Murdoch, B. Yu. "Interpretations are useful:
       penalizing explanations to align neural networks with prior knowledge." ICML 2020.
       Its own penalty can be evaded; see the user guide.
    .. [2] A. S. Ross, M. C. Hughes, F. Doshi-Velez. "Right for the right reasons:
       training differentiable models by constraining their explanations." IJCAI 2017.
    .. [3] W. J. Murdoch, P. J. Liu, B. Yu. "Beyond word importance: contextual
       decomposition to extract interactions from LSTMs." ICLR 2018.

    Examples
    --------
    The first two features are nearly the same, and the first must not be used:

    >>> import numpy as np
    >>> import torch
    >>> from sk_awave.neural_network import PenalizedNetRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 3)).astype("float32")
    >>> X[:, 1] = X[:, 0] + 0.1 * X[:, 1]
    >>> y = X[:, :1] + X[:, 2:]
    >>> _ = torch.manual_seed(0)
    >>> net = PenalizedNetRegressor(
    ...     torch.nn.Linear(3, 1), mask=[1, 0, 0], lr=0.1, max_epochs=50, verbose=0
    ... )
    >>> net.fit(X, y).module_.weight.detach().numpy().round(1)
    array([[0., 1., 1.]], dtype=float32)
    """
