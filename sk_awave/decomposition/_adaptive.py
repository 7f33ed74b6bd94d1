"""The wavelet transform whose wavelet is learned from the data."""

from numbers import Integral, Real
from typing import Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sk_awave.attribution import METHODS
from sk_awave.decomposition._learning import _BaseAdaptiveTransformer
from sk_awave.engine._filter_bank import as_wavelet
from sk_awave.engine._starts import STRATEGIES
from sk_awave.utils._sklearn import Interval, StrOptions, fit_context
from sk_awave.utils._validation import validate_signals


class AdaptiveWaveletTransformer(_BaseAdaptiveTransformer):
    r"""Multilevel wavelet transform with a wavelet that adapts to the data.

    The wavelet minimises, over the filters of the bank,

    .. math::

        & \alpha_\mathrm{rec} \frac1n \sum_i \|S A x_i - x_i\|_2^2
        + \alpha_\mathrm{sparsity} \frac1n \sum_i \frac{\|A x_i\|_1}{B} \\
        & + \alpha_\mathrm{attribution} \frac1n \sum_i \frac{\|S^\top g_i\|_1}{B}
        + \alpha_\mathrm{filter} \sum_k \mathrm{penalty}_k

    with analysis :math:`A`, synthesis :math:`S`, the gradients :math:`g_i` of a trained
    model with respect to its input, and :math:`B` = level + 1; eq. 8 of [1]_ on the scale
    of its published code, and without attributions the objective of [2]_.

    With ``parametrization="orthogonal"`` every candidate is exactly a wavelet: it
    reconstructs perfectly, so that the first term and all penalties are zero and what is
    left is the sparsity of the coefficients (and of the attributions).

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="db5"
        Where learning starts from. Its length is the length of the learned filters.

    decomposition : {"dwt", "stationary"}, default="dwt"
        The discrete wavelet transform, which keeps every second coefficient of a level,
        or the stationary (undecimated) one, which keeps all: its coefficients move with
        the signal, and there are ``level + 1`` times as many as samples (``3 * level +
        1`` times in two dimensions). It is PyWavelets' ``swt`` with ``norm=True``, for
        signals of any length.

    level : int, default=None
        The number of levels. By default PyWavelets' maximum for the shortest axis and the
        length of `wavelet`, and at least 1. A deeper one warns, as in PyWavelets. To
        compare wavelets of different lengths by `score`, fix it: more levels are sparser.

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

    parametrization : {"orthogonal", "free"} or Module, default="orthogonal"
        What is learned: the rotation angles of an orthonormal lattice [3]_, every value
        of which is a wavelet, or the low-pass filter itself, which the penalties keep
        near a wavelet, as published. A module of your own is what
        :class:`~sk_awave.engine.FilterBank` takes.

    per_level, per_axis : bool, default=False
        Whether each level, or each axis, has a filter bank of its own.

    teacher : Teacher, or what Teacher takes, default=None
        A trained model to distill: a torch module, a fitted skorch net or estimator, or a
        function from tensors to outputs; see :class:`~sk_awave.attribution.Teacher`. It
        is differentiated once, at the samples, and left as it was. Wrap it in a Teacher
        for clones to share it and ``Pipeline(memory=...)`` to recognise it.

    attribution : {"saliency", "input_x_gradient", "integrated_gradients", "smoothgrad", \
            "expected_gradients"} or callable, default="saliency"
        How the outputs of the teacher are attributed to coefficients; see
        :func:`~sk_awave.attribution.input_gradients`.

    target : int, "all", "predicted", "label", "auto" or list of int, default="auto"
        The outputs that are attributed: one, each, the predicted class, or that of `y`.
        "auto" is the only output, or the predicted class. The norms of several are added.

    alpha_sparsity : float, default=1.0
        The strength of the L1 norm of the coefficients (the published ``lamL1wave``).
        On its own it has no effect with ``parametrization="orthogonal"``, where only the
        ratio ``alpha_attribution / alpha_sparsity`` counts.

    alpha_attribution : float, default=1.0
        The strength of the L1 norm of the attributions (``lamL1attr``).

    alpha_reconstruction : float, default=1.0
        The strength of the reconstruction error.

    alpha_filter : float, default=1.0
        The strength of each of the five filter penalties (``lamlSum``, ``lamhSum``,
        ``lamL2norm``, ``lamCMF``, ``lamConv``).

    extra_terms : list of (term, float), default=None
        Terms of your own, with their strengths: instances of
        :class:`~sk_awave.engine.SignalTerm` or :class:`~sk_awave.engine.FilterTerm`. They
        get the `y` of `fit`.

    solver : {"bfgs", "adam"}, default="bfgs"
        Quasi-Newton steps on all samples, or mini-batch Adam [4]_ for data that is large
        (also `partial_fit`).

    init : {"wavelet", "library", "random", "grow", "best"}, default="wavelet"
        Where learning starts:

        - "wavelet": at `wavelet`;
        - "library": at the orthogonal wavelets of PyWavelets with at most as many taps as
          `wavelet`, at every even shift and in both directions;
        - "random": at random angles;
        - "grow": at lattices grown from the Haar wavelet rotation by rotation, keeping a
          beam of the best;
        - "best": at the best of all these.

        All but the first are compared and improved on a few of the signals; from the most
        promising ones learning then starts on all.

    n_init : int, default=1
        The number of starts that are learned from on all signals; the best is kept. With
        ``init="wavelet"`` there is only one.

    max_iter : int, default=200
        The largest number of iterations or, for "adam", epochs. With 0 nothing is
        learned: `wavelet` is kept, and scored like a learned one.

    tol : float, default=1e-5
        Learning has converged when the objective stops decreasing by this fraction:
        twice in a row for "bfgs", ten times for "adam".

    batch_size : int, default=None
        The samples of a mini-batch of "adam", by default at most 200; and how many
        signals (samples times channels) `transform` takes at a time, by default as many
        as are transformed fastest.

    learning_rate_init : float, default=0.01
        The step size of "adam".

    callbacks : list of skorch.callbacks.Callback, default=None
        Passed to skorch by "adam": early stopping, learning-rate schedules, logging.

    device : str or torch.device, default="auto"
        Where to compute. "auto" is the device of `X` for a tensor, and the CPU for an
        array.

    warm_start : bool, default=False
        Whether `fit` starts from the filters of the previous fit, whatever `init`, if it
        learns parameters of the same kind and number.

    random_state : int, RandomState instance or None, default=None
        Determines the order of the mini-batches of "adam", and the signals and angles
        that `init` tries. "bfgs" from `wavelet` is deterministic.

    verbose : int, default=0
        With 1 the objective is printed at each iteration.

    Attributes
    ----------
    wavelet_ : pywt.Wavelet, or tuple or list of them
        The learned wavelet. With `per_axis` a tuple, one for each axis, as PyWavelets
        takes it; with `per_level` a list, the finest level first.

    filter_bank_ : ndarray of shape (level_ or 1, ndim or 1, 4, filter_length)
        ``dec_lo, dec_hi, rec_lo, rec_hi`` of each level (the finest first) and axis, or
        shared by them.

    level_ : int
        The number of levels.

    layout_ : CoeffLayout
        Where each coefficient stands: ``layout_.unflatten(Xt[i])`` is what
        ``pywt.waverec`` (``waverec2``, ``waverecn``) takes.

    loss_curve_ : list of float
        The objective at the start and after each iteration or epoch.

    objective_terms_ : dict of str to float
        The terms of the objective after learning, unweighted: "reconstruction",
        "sparsity", "attribution", "lowpass_sum", "highpass_sum", "unit_norm",
        "conjugate_mirror" and "double_shift".

    n_iter_ : int
        The number of iterations or epochs.

    starts_ : list of dict
        Each start, as "wavelet" (what it was), "loss_before" and "loss_after" (the
        objective on all signals); the best is the one that was kept.

    sample_shape_ : tuple of int
        The shape of a sample in `fit`.

    n_features_in_ : int
        The number of values of a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of `X`, where it has string names.

    See Also
    --------
    WaveletTransformer : The same transform with a fixed wavelet.
    MultilevelDWT : The transform as a layer of a torch network.

    Notes
    -----
    The objective is not convex: learning finds a minimum near its start. Try several
    (`init`), or compare several starting wavelets of one length by `score`.

    A run that diverges keeps the best filters it met and warns. Ctrl-C keeps them, too,
    and raises KeyboardInterrupt; before learning has begun, it changes nothing.

    What is learned does not depend on the unit of `X`.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.
    .. [2] D. Recoskie, R. Mann. "Learning sparse wavelet representations."
       arXiv:1802.02961, 2018.
    .. [3] P. P. Vaidyanathan, P.-Q. Hoang. "Lattice structures for optimal design and
       robust implementation of two-channel perfect-reconstruction QMF banks." IEEE
       Transactions on Acoustics, Speech, and Signal Processing 36(1), 1988.
    .. [4] D. P. Kingma, J. Ba. "Adam: a method for stochastic optimization." ICLR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> X = pywt.data.ecg()[:1000].reshape(-1, 40) / 100.0
    >>> transformer = AdaptiveWaveletTransformer("db3", level=3).fit(X)
    >>> transformer.loss_curve_[-1] < transformer.loss_curve_[0]
    True
    >>> Xt = transformer.transform(X)
    >>> np.allclose(transformer.inverse_transform(Xt), X)
    True
    """

    _parameter_constraints = {
        **_BaseAdaptiveTransformer._parameter_constraints,
        "parametrization": [StrOptions({"orthogonal", "free"}), nn.Module],
        "per_level": ["boolean"],
        "per_axis": ["boolean"],
        "teacher": "no_validation",
        "attribution": [StrOptions(set(METHODS)), callable],
        "target": [Integral, list, StrOptions({"all", "predicted", "label", "auto"})],
        "alpha_sparsity": [Interval(Real, 0, None, closed="left")],
        "alpha_attribution": [Interval(Real, 0, None, closed="left")],
        "alpha_reconstruction": [Interval(Real, 0, None, closed="left")],
        "alpha_filter": [Interval(Real, 0, None, closed="left")],
        "extra_terms": [list, tuple, dict, None],
        "solver": [StrOptions({"bfgs", "adam"})],
        "init": [StrOptions({"wavelet", *STRATEGIES})],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "callbacks": [list, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        wavelet="db5",
        *,
        decomposition="dwt",
        level=None,
        mode="auto",
        ndim=1,
        signal_shape=None,
        parametrization="orthogonal",
        per_level=False,
        per_axis=False,
        teacher=None,
        attribution="saliency",
        target="auto",
        alpha_sparsity=1.0,
        alpha_attribution=1.0,
        alpha_reconstruction=1.0,
        alpha_filter=1.0,
        extra_terms=None,
        solver="bfgs",
        init="wavelet",
        n_init=1,
        max_iter=200,
        tol=1e-5,
        batch_size=None,
        learning_rate_init=0.01,
        callbacks=None,
        device="auto",
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.wavelet = wavelet
        self.decomposition = decomposition
        self.level = level
        self.mode = mode
        self.ndim = ndim
        self.signal_shape = signal_shape
        self.parametrization = parametrization
        self.per_level = per_level
        self.per_axis = per_axis
        self.teacher = teacher
        self.attribution = attribution
        self.target = target
        self.alpha_sparsity = alpha_sparsity
        self.alpha_attribution = alpha_attribution
        self.alpha_reconstruction = alpha_reconstruction
        self.alpha_filter = alpha_filter
        self.extra_terms = extra_terms
        self.solver = solver
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.callbacks = callbacks
        self.device = device
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, input_gradients=None) -> Self:
        """Learn the wavelet.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            The signals.
        y : array-like of shape (n_samples,), default=None
            Only needed, as labels, with ``target="label"``, and by `extra_terms` that use
            it.
        input_gradients : array-like or tensor of the shape of `X`, default=None
            The gradients of a trained model's output with respect to its input, at `X`,
            in place of a `teacher`.

        Returns
        -------
        self : object
            Fitted transformer.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached, or the run diverges.
        UserWarning
            If a strength that was set has no effect.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C; the best filters that were met are kept.
        """
        X = validate_signals(self, X, reset=True)
        gradients = self._get_input_gradients(X, y, input_gradients)
        objective = self._make_learnable_objective(X, gradients, y)
        resumed = self.warm_start and self._can_resume(objective)
        starts, completed = self._find_starts(objective, resumed)
        self._learn(objective, starts, X, y, completed)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, input_gradients=None) -> Self:
        """Improve the wavelet by one epoch of mini-batches over `X`.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape)
            A part of the signals.
        y : array-like of shape (n_samples,), default=None
            As in `fit`.
        input_gradients : array-like or tensor of the shape of `X`, default=None
            As in `fit`.

        Returns
        -------
        self : object
            The transformer; ``objective_terms_`` are those on this `X`.
        """
        X = validate_signals(self, X, reset=not hasattr(self, "_parameters"))
        gradients = self._get_input_gradients(X, y, input_gradients)
        objective = self._make_learnable_objective(X, gradients, y)
        resumed = self._can_resume(objective)
        name = "previous fit" if resumed else as_wavelet(self.wavelet).name
        start = self._parameters if resumed else objective.start
        solution = self._minimize_minibatch(
            objective,
            start,
            max_iter=1,
            tol=0,
            keep_best=False,
            optimizer_state=self._optimizer_state if resumed else None,
        )
        if solution.outcome == "max_iter":
            solution.outcome = "stopped"
        earlier = self.loss_curve_ if resumed else solution.loss_curve[:1]
        self._set_solution(objective, solution, [(name, start)], [solution])
        self.loss_curve_ = [*earlier, *solution.loss_curve[1:]]
        self.n_iter_ = len(self.loss_curve_) - 1
        self._report_outcome(solution)
        return self

    def attributions(self, X, y=None):
        """Attribute the outputs of the teacher to the coefficients.

        These are the TRIM scores of Singh et al. (2020): the attributions of the teacher
        as a function of the coefficients, whose L1 norm is the attribution term.

        Parameters
        ----------
        X : array-like or tensor of the fitted shape
            The signals.
        y : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        scores : ndarray or tensor of shape (n_samples, n_coeffs) or \
                (n_targets, n_samples, n_coeffs)
            Scores in the order of `transform`, of each target where there are several.
        """
        check_is_fitted(self)
        if self.teacher is None:
            raise ValueError("attributions needs a teacher: set the 'teacher' parameter.")
        X = validate_signals(self, X, reset=False)
        field = self._differentiate_teacher(X, y)
        targets = [
            self._to_coefficients(target, adjoint=True)
            for target in field.reshape(-1, *X.shape)
        ]
        if METHODS.get(self.attribution, False):
            coeffs = self._to_coefficients(X)
            targets = [scores * coeffs for scores in targets]
        if field.ndim == X.ndim:
            return targets[0]
        return torch.stack(targets) if torch.is_tensor(field) else np.stack(targets)

    def score(self, X, y=None, *, input_gradients=None) -> float:
        r"""Return minus the objective on `X`, relative to that of the samples themselves.

        The value is

        .. math:: -\frac{B\, L(X) / N}{L_0(X) / n}

        with the objective :math:`L`, its number of bands :math:`B`, and :math:`N`
        coefficients of :math:`n` values; :math:`L_0` is the objective of the samples
        without any transform. Where only sparsity counts, it is minus the mean absolute
        coefficient over the mean absolute value of the samples: about -1 for noise, and
        nearer to zero the sparser the coefficients. So it has no unit, and compares
        levels and filter lengths as well as wavelets. It does not compare strengths, of
        which the score of a model downstream is the judge.

        Parameters
        ----------
        X : array-like or tensor of the fitted shape
            The signals.
        y : array-like of shape (n_samples,), default=None
            As in `fit`.
        input_gradients : array-like or tensor of the shape of `X`, default=None
            As in `fit`.

        Returns
        -------
        score : float
            At most 0; greater is better.
        """
        check_is_fitted(self)
        X = validate_signals(self, X, reset=False)
        gradients = self._get_input_gradients(X, y, input_gradients)
        return self._score(X, gradients, y)
