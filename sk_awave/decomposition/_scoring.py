"""Scores of a learned wavelet, and attributions of a teacher to its coefficients."""

from dataclasses import replace

from sklearn.utils.validation import check_is_fitted

from sk_awave.attribution import TransformImportance
from sk_awave.decomposition._blocks import read_data
from sk_awave.decomposition._fitting import make_objective
from sk_awave.engine._filter_bank import (
    FilterBank,
    Fixed,
    as_parametrization,
    terms_of,
)
from sk_awave.engine._terms import Attribution, Sparsity
from sk_awave.engine._tree import Tree
from sk_awave.utils._array_api import follows_namespace


class ScoringMixin:
    """Scores of the transformer, and of its coefficients."""

    @follows_namespace
    def score(self, X, y=None, *, input_gradients=None) -> float:
        r"""Return minus the objective on `X`, relative to that of the samples themselves.

        The value is

        .. math:: -\frac{B\, L(X) / n_\mathrm{coeffs}}
            {L_\mathrm{id}(X) / n_\mathrm{values}}

        Here :math:`L` is the objective, :math:`B` its number of bands, and
        :math:`n_\mathrm{coeffs}` the number of coefficients of a sample.
        :math:`L_\mathrm{id}` is the objective of the :math:`n_\mathrm{values}` values of
        a sample without any transform. With sparsity alone, the value is minus the mean
        absolute coefficient divided by the mean absolute value of the samples: about -1
        for noise, and closer to zero for sparser coefficients.

        The score has no unit. It can compare levels and filter lengths as well as
        wavelets. It cannot compare strengths of terms: use the score of a model
        downstream for these.

        Parameters
        ----------
        X : array-like or tensor of the fitted shape
            The signals.
        y : array-like of shape (n_samples,), default=None
            The labels; see `fit`.
        input_gradients : array-like or tensor of the shape of `X`, default=None
            The gradients at `X`; see `fit`.

        Returns
        -------
        score : float
            The score, at most 0. Greater is better.
        """
        check_is_fitted(self)
        X, gradients, y = read_data(self, X, y, input_gradients, reset=False)
        return -_relative_objective(self, X, gradients, y)

    @follows_namespace
    def attributions(self, X, y=None):
        """Attribute the outputs of the teacher to the coefficients.

        These are the TRIM scores of `TransformImportance`: the attributions of the
        teacher as a function of the coefficients. The attribution term of the objective
        is their L1 norm.

        Parameters
        ----------
        X : array-like or tensor of the fitted shape
            The signals.
        y : array-like of shape (n_samples,), default=None
            The labels; see `fit`.

        Returns
        -------
        scores : ndarray or tensor of shape (n_samples, n_coeffs) or \
                (n_targets, n_samples, n_coeffs)
            The scores, in the order of `transform`. If there are several targets, there
            is one array of scores per target.
        """
        check_is_fitted(self)
        if self.teacher is None:
            raise ValueError("attributions needs a teacher: set the 'teacher' parameter.")
        importance = TransformImportance(
            self, self.teacher, random_state=self.random_state
        )
        return importance.fit(X).attributions(X, y)


def _relative_objective(transformer, X, gradients, y):
    """Return the objective per coefficient, over that of the samples per value.

    The identity is the transform without a level: its only band is the samples.
    """
    layout, filters = transformer.layout_, transformer.filter_bank_
    learned, values = as_parametrization(transformer.parametrization), []
    fixed = Fixed(learned.tags)
    for tree, bank in (
        (layout.tree, FilterBank(filters, fixed)),
        (Tree.dwt(0), FilterBank(filters[:1], fixed)),
    ):
        at_level = replace(layout, tree=tree)
        objective = make_objective(
            transformer, bank, at_level, X, gradients, y, terms_of(learned)
        ).at(attribution=transformer.strengths_["attribution"])
        report = objective.report(objective.start)
        # What is zero but for rounding would count at another scale than that of X.
        report |= {
            term.name: 0.0
            for term in objective.terms
            if term.vanishes(learned.tags)
            or (tree.level == 0 and not isinstance(term, Sparsity | Attribution))
        }
        # A coefficient counts as often as the norm weights it, in noise.
        count = sum(b.weight**2 * (b.stop - b.start) for b in at_level.bands)
        values.append(objective.total(report) * (tree.level + 1) / count)
    own_value = values[1] or 1.0
    return values[0] / own_value
