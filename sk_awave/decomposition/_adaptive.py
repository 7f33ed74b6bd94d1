"""The wavelet transform whose wavelet is learned from the data."""

from numbers import Integral, Real
from typing import Self

import pywt
from torch import nn

from sk_awave.decomposition import _fitting as fitting
from sk_awave.decomposition._base import BaseWaveletTransformer
from sk_awave.decomposition._blocks import read_data
from sk_awave.decomposition._scoring import ScoringMixin
from sk_awave.engine import Solver
from sk_awave.engine._filter_bank import LEARNED
from sk_awave.engine._starts import STRATEGIES
from sk_awave.utils._array_api import learns_namespace
from sk_awave.utils._callbacks import CallbackSupportMixin
from sk_awave.utils._sklearn import Interval, StrOptions, fit_context


class AdaptiveWaveletTransformer(
    CallbackSupportMixin, ScoringMixin, BaseWaveletTransformer
):
    r"""Multilevel wavelet transform with a wavelet that adapts to the data.

    The wavelet minimises, over the filters of the bank,

    .. math::

        \alpha_\mathrm{sparsity} \frac1n \sum_{i=1}^n \frac{\|A x_i\|_1}{B}
        + \alpha_\mathrm{attribution} \frac1n \sum_{i=1}^n
        \frac{\|S^\top \nabla f(x_i)\|_1}{B}

    Here :math:`A` is the analysis, :math:`S` the synthesis, :math:`\nabla f(x_i)` the
    gradient of a trained model :math:`f` at the signal :math:`x_i`, and :math:`B` =
    level + 1 the number of bands. These are the terms of [1]_ on the scale of its
    published code. Without attributions, this is the objective of [2]_. With
    ``parametrization="orthogonal"`` every candidate is a wavelet. "free" filters need the
    other terms of [1]_. With "biorthogonal" filters the details are weighted.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default=None
        The wavelet that learning starts from. By default it is Daubechies' wavelet with
        `filter_length` taps.

    filter_length : int, default=None
        The number of taps of the learned filters. It is even and at least the number of
        taps of `wavelet`. A shorter `wavelet` is padded with zeros. By default it is the
        number of taps of `wavelet`, or 10.

    decomposition : {"dwt", "stationary", "packet"}, default="dwt"
        The discrete wavelet transform, the stationary one, or wavelet packets.

    basis : {"best", "full", "discriminant"} or list of str, default="best"
        The choice of packets; see `WaveletTransformer`. "best" packets minimise the
        objective together with the wavelet. "discriminant" packets are chosen before
        learning, with the starting `wavelet`.

    level : int, default=None
        The number of levels. By default it is the largest that `filter_length` allows;
        see `WaveletTransformer`.

    mode : str, default="auto"
        The extension of signals beyond their ends; see `WaveletTransformer`.

    ndim : {1, 2, 3}, default=1
        The number of transformed axes: 1 for series, 2 for images, 3 for volumes.

    signal_shape : tuple of int, default=None
        The shape of samples that are flattened to rows; see `WaveletTransformer`.

    parametrization : {"orthogonal", "biorthogonal", "symmetric", "free"} or Module, \
            default="orthogonal"
        The parameters that are learned:

        - "orthogonal": the angles of an orthonormal lattice [3]_;
        - "biorthogonal": the angles and the skews of a biorthogonal lattice;
        - "symmetric": the symmetric lifting steps of `wavelet`;
        - "free": a low-pass filter; penalties keep it close to a wavelet, as published;
        - a module, such as `Biorthogonal` and `Free` of ``sk_awave.engine`` with their
          settings.

    per_level, per_axis : bool, default=False
        If True, each level (or axis) has a filter bank of its own.

    teacher : Teacher, or what Teacher takes, default=None
        A trained model to distil, with its method and target. It is differentiated once,
        at the samples, and not changed. Wrap it in a Teacher if clones should share it
        or if ``Pipeline(memory=...)`` should recognise it.

    alpha_sparsity : float, default=1.0
        The strength of the L1 norm of the coefficients (the published ``lamL1wave``).
        With orthonormal filters, only its ratio to the strength of the attributions
        matters.

    attribution_ratio : float, default=1.0
        The strength of the attributions, relative to `alpha_sparsity` and without a unit.
        At 1, both terms are equal at the starting wavelet.

    alpha_attribution : float, default=None
        The strength of the L1 norm of the attributions on the published scale
        (``lamL1attr``), in place of `attribution_ratio`. Its unit is that of the signals
        divided by that of the gradients.

    extra_terms : list of (term, float), default=None
        Terms of your own, :class:`~sk_awave.engine.SignalTerm` or
        :class:`~sk_awave.engine.FilterTerm`, with their strengths.

    solver : {"bfgs", "adam"} or Solver, default="bfgs"
        The solver: "bfgs" takes quasi-Newton steps on all samples; "adam" takes steps on
        mini-batches, for large data. :class:`~sk_awave.engine.Adam` has settings.

    init : {"wavelet", "library", "random", "grow", "best"}, default="wavelet"
        The starts of learning:

        - "wavelet": `wavelet` alone;
        - "library": the wavelets of PyWavelets that the bank can represent with at most
          `filter_length` taps, at every even shift and in both directions;
        - "random": random angles;
        - "grow": lattices grown from the Haar wavelet by a beam search;
        - "best": the best of the last three.

        All but "wavelet" are compared and improved on some of the signals. Learning on
        all signals then starts from the best.

    n_init : int, default=1
        The number of starts of learning on all signals. The best result is kept.

    max_iter : int, default=200
        The maximum number of iterations or, for "adam", epochs. With 0, `wavelet` is
        kept, and can be scored like a learned one.

    tol : float, default=1e-5
        The relative decrease of the objective below which learning has converged. For
        "bfgs" it must be below `tol` twice in a row, for "adam" ten times.

    device : str or torch.device, default="auto"
        The device to compute on. "auto" is the device of `X` if it is a tensor, and the
        CPU for an array.

    warm_start : bool, default=False
        If True, `fit` starts from the filters of the previous fit, whatever `init`. This
        needs parameters of the same kind and number.

    random_state : int, RandomState instance or None, default=None
        The seed of the order of mini-batches, of the signals and angles that `init`
        tries, and of the draws of the teacher's method.

    verbose : int, default=0
        With 1 the search, each start and each iteration are logged, with the objective.

    Attributes
    ----------
    wavelet_ : pywt.Wavelet, or tuple or list of them
        The learned wavelet. With `per_axis` it is a tuple of wavelets. With `per_level`
        it is a list, the finest level first.

    filter_bank_ : ndarray of shape (level_ or 1, ndim or 1, 4, filter_length)
        The filters ``dec_lo, dec_hi, rec_lo, rec_hi`` of each level (the finest first)
        and axis. If all share them, these axes have length 1.

    level_ : int
        The number of levels.

    mode_ : str
        The boundary mode, as PyWavelets names it.

    layout_ : CoeffLayout
        The position of each coefficient; see `WaveletTransformer`.

    basis_ : list of str
        The names of the bands of ``layout_``. Those of packets are PyWavelets' paths.

    loss_curve_ : list of float
        The objective at the start and after each iteration or epoch.

    objective_terms_ : dict of str to float
        The terms of the objective after learning, without their strengths: "sparsity",
        "attribution", "reconstruction", "lowpass_sum", "highpass_sum", "unit_norm",
        "conjugate_mirror", "double_shift" and extra ones.

    strengths_ : dict of str to float
        The strength of each term. The one of the attributions is on the published scale.

    n_iter_ : int
        The number of iterations or epochs.

    condition_number_ : float
        The largest factor by which relative errors of coefficients can grow on the way
        back to signals. It is 1 for orthonormal filters.

    starts_ : list of dict
        The starts: "wavelet" (a description), "loss_before" and "loss_after" of each.

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
    starts. The result does not depend on the unit of `X`.

    If a run diverges, the best filters so far are kept, and a warning is raised. After
    Ctrl-C the best filters so far are kept, too, and KeyboardInterrupt is raised. If
    learning has not begun yet, Ctrl-C changes nothing.

    References
    ----------
    .. [1] W. Ha, C. Singh, F. Lanusse, S. Upadhyayula, B. Yu. "Adaptive wavelet
       distillation from neural networks through interpretations." NeurIPS 2021.
    .. [2] D. Recoskie, R. Mann. "Learning sparse wavelet representations."
       arXiv:1802.02961, 2018.
    .. [3] P. P. Vaidyanathan, P.-Q. Hoang. "Lattice structures for optimal design of
       two-channel perfect-reconstruction QMF banks." IEEE Trans. ASSP 36(1), 1988.

    Examples
    --------
    >>> import numpy as np
    >>> import pywt
    >>> from sk_awave import AdaptiveWaveletTransformer
    >>> X = pywt.data.ecg()[:1000].reshape(-1, 40) / 100.0
    >>> transformer = AdaptiveWaveletTransformer("db3", level=3).fit(X)
    >>> transformer.loss_curve_[-1] < transformer.loss_curve_[0]
    True
    >>> np.allclose(transformer.inverse_transform(transformer.transform(X)), X)
    True
    """

    _parameter_constraints = {
        **BaseWaveletTransformer._parameter_constraints,
        "wavelet": [str, pywt.Wavelet, None],
        "filter_length": [Interval(Integral, 2, None, closed="left"), None],
        "parametrization": [StrOptions(LEARNED), nn.Module],
        **{name: ["boolean"] for name in ("per_level", "per_axis", "warm_start")},
        "teacher": "no_validation",
        "alpha_sparsity": [Interval(Real, 0, None, closed="left")],
        "attribution_ratio": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "alpha_attribution": [Interval(Real, 0, None, closed="left"), None],
        "extra_terms": [list, tuple, dict, None],
        "solver": [StrOptions({"bfgs", "adam"}), Solver],
        "init": [StrOptions({"wavelet", *STRATEGIES})],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        wavelet=None,
        *,
        filter_length=None,
        decomposition="dwt",
        basis="best",
        level=None,
        mode="auto",
        ndim=1,
        signal_shape=None,
        parametrization="orthogonal",
        per_level=False,
        per_axis=False,
        teacher=None,
        alpha_sparsity=1.0,
        attribution_ratio=1.0,
        alpha_attribution=None,
        extra_terms=None,
        solver="bfgs",
        init="wavelet",
        n_init=1,
        max_iter=200,
        tol=1e-5,
        device="auto",
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.wavelet = wavelet
        self.filter_length = filter_length
        self.decomposition = decomposition
        self.basis = basis
        self.level = level
        self.mode = mode
        self.ndim = ndim
        self.signal_shape = signal_shape
        self.parametrization = parametrization
        self.per_level = per_level
        self.per_axis = per_axis
        self.teacher = teacher
        self.alpha_sparsity = alpha_sparsity
        self.attribution_ratio = attribution_ratio
        self.alpha_attribution = alpha_attribution
        self.extra_terms = extra_terms
        self.solver = solver
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.device = device
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    @learns_namespace
    def fit(self, X, y=None, *, input_gradients=None) -> Self:
        """Learn the wavelet.

        Parameters
        ----------
        X : array-like, tensor or Dask array of shape (n_samples, n_features) or \
                (n_samples, [n_channels,] *signal_shape), or iterable
            The signals, or an iterable of blocks `X` or ``(X, y)``, such as a torch
            DataLoader.
        y : array-like of shape (n_samples,), default=None
            The labels, if a teacher with ``target="label"``, `extra_terms` or `basis`
            need them.
        input_gradients : array-like or tensor of the shape of `X`, default=None
            The gradients of a trained model's output with respect to its input, at `X`.
            They replace a `teacher`.

        Returns
        -------
        self : object
            Fitted transformer.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached, or the run diverges.
        UserWarning
            If a parameter that was set has no effect.
        """
        X, gradients, y = read_data(self, X, y, input_gradients, reset=True)
        learner = fitting.make_learner(self, X, gradients, y)
        starts = fitting.previous_start(self, learner) if self.warm_start else None
        task = fitting.begin_task(self, learner, starts, X, y)
        learned = learner.learn(starts, task)
        fitting.finish(self, learner, learned, task)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    @learns_namespace
    def partial_fit(self, X, y=None, *, input_gradients=None) -> Self:
        """Improve the wavelet by one epoch of mini-batches over `X`.

        Parameters
        ----------
        X : array-like, tensor, Dask array or iterable, as `fit` takes
            A part of the signals.
        y : array-like of shape (n_samples,), default=None
            The labels; see `fit`.
        input_gradients : array-like or tensor of the shape of `X`, default=None
            The gradients at `X`; see `fit`.

        Returns
        -------
        self : object
            The transformer. Its ``objective_terms_`` are those on this `X`.
        """
        reset = not hasattr(self, "_parameters")
        X, gradients, y = read_data(self, X, y, input_gradients, reset=reset)
        alpha = fitting.first_strength(self)
        learner = fitting.make_learner(self, X, gradients, y, alpha)
        fitting.learn_epoch(self, learner)
        return self
