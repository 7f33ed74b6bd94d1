"""A skorch classifier with a penalty on the use of a part of its input."""

from skorch import NeuralNetClassifier

from sk_awave.neural_network._base import PenalizedNet


class PenalizedNetClassifier(PenalizedNet, NeuralNetClassifier):
    """A skorch classifier that is trained not to use a part of its samples [1]_.

    The part is some bands of a wavelet transform or a region under a mask. It holds an
    artefact that predicts the class in the training data but not in other data.

    Parameters
    ----------
    module : torch.nn.Module, class or instance
        The network. It should return logits, with ``criterion=nn.CrossEntropyLoss``.

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
        The parameters of `skorch.NeuralNetClassifier`, with the same defaults:
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

    classes_ : ndarray of shape (n_classes,)
        The labels.

    See Also
    --------
    PenalizedNetRegressor : The regressor with the same penalties.

    Notes
    -----
    The loss in training is ``criterion + alpha * penalty``. The loss in validation is the
    criterion alone. With the default criterion of skorch, `NLLLoss`, outputs are
    probabilities, and the penalty is computed from their logarithms.

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
    A constant is a weak sign of the class. An oscillation is a strong sign in the
    training data, but must not be used:

    >>> import numpy as np
    >>> import torch
    >>> from sk_awave import WaveletTransformer
    >>> from sk_awave.neural_network import PenalizedNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 100)
    >>> constant, noise = y[:, None] - 0.5, rng.standard_normal((200, 16))
    >>> artefact = np.where(y, 1, -1)[:, None] * np.tile([1, -1], 8)
    >>> X = (noise + constant + artefact).astype("float32")
    >>> X_reversed = (noise + constant - artefact).astype("float32")
    >>> for alpha in (0, 1):
    ...     _ = torch.manual_seed(0)
    ...     net = PenalizedNetClassifier(
    ...         torch.nn.Linear(16, 2),
    ...         transformer=WaveletTransformer("haar", level=1),
    ...         bands=["cD1"],
    ...         alpha=alpha,
    ...         criterion=torch.nn.CrossEntropyLoss,
    ...         optimizer=torch.optim.Adam,
    ...         lr=0.1,
    ...         verbose=0,
    ...     )
    ...     net.fit(X, y).score(X_reversed, y) > 0.9
    False
    True
    """
