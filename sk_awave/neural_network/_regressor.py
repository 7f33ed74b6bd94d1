"""A skorch regressor with a penalty on the use of a part of its input."""

from skorch import NeuralNetRegressor

from sk_awave.neural_network._base import PenalizedNet


class PenalizedNetRegressor(PenalizedNet, NeuralNetRegressor):
    """A skorch regressor that is trained not to use a part of its samples [1]_.

    The part is some bands of a wavelet transform or a region under a mask. It holds an
    artefact that predicts the target in the training data but not in other data.

    Parameters
    ----------
    module : torch.nn.Module, class or instance
        The network.

    transformer : wavelet transformer, default=None
        The transformer that `bands` refers to. A clone of it is fitted in `fit`. If it is
        already fitted, wrap it in a `sklearn.frozen.FrozenEstimator`.

    bands : list of str, default=None
        The bands that the net must not use, by their names in the layout of the
        transformer. For signals, ``["cD1"]`` is the finest band.

    mask : array-like of the shape of a sample, default=None
        A mask in place of bands: 1 for values that the net must not use, and 0 elsewhere.
        If the mask differs between samples, or is known for some samples only, pass masks
        to `fit` in `X` instead.

    alpha : float, default=1.0
        The strength of the penalty. With 0 the net is an ordinary net of skorch.

    penalty : {"removal", "gradient", "cd"}, default="removal"
        The measure of how much the net :math:`f` uses the part :math:`p` of a sample
        :math:`x`. It is a mean over samples and outputs:

        - "removal": the squared change of the output if the part is removed,
          :math:`(f(x) - f(x - p))^2`;
        - "gradient": the squared gradient of the output with respect to the values under
          the mask, as in [2]_, or to the coefficients of the bands;
        - "cd": the absolute value of the output minus the contextual decomposition [3]_
          of all but the part. This difference is the contribution of the part and its
          interactions. All layers must have rules.

    **skorch
        The parameters of `skorch.NeuralNetRegressor`, with the same defaults:
        ``optimizer``, ``lr``, ``max_epochs``, ``train_split`` and so on.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained module.

    history : skorch.history.History
        The history of skorch. Unless `alpha` is 0, it has the mean of the penalty in each
        epoch as ``"train_penalty"``.

    transformer_ : wavelet transformer or None
        The fitted transformer.

    See Also
    --------
    PenalizedNetClassifier : The classifier with the same penalties.

    Notes
    -----
    The loss in training is ``criterion + alpha * penalty``. The loss in validation is the
    criterion alone.

    The penalty is evaluated in eval mode: dropout is off, and batch normalisation uses
    its running statistics and does not change them.

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
