"""Checks of the parameters of a transformer that learns."""

from numbers import Real

from sk_awave.engine._terms import Term, wavelet_terms
from sk_awave.utils._warnings import warn


def check_extra_terms(transformer):
    """Raise TypeError or ValueError for what are no terms with strengths."""
    names = {"sparsity", "attribution", *(term.name for term in wavelet_terms())}
    for pair in dict(transformer.extra_terms or {}).items():
        term, strength = pair
        if not isinstance(term, Term) or not isinstance(strength, Real):
            raise TypeError(
                f"The 'extra_terms' parameter of {type(transformer).__name__} must be a "
                "list of (term, float), with instances of SignalTerm or FilterTerm. Got "
                f"{pair!r} in it."
            )
        if strength < 0 or term.name in names:
            raise ValueError(
                f"The 'extra_terms' parameter of {type(transformer).__name__} must have "
                "strengths of at least 0, and names of their own. Got "
                f"{term.name!r} with {strength}."
            )
        names.add(term.name)


def warn_of_idle_parameters(transformer, own_terms, gradients):
    """Warn of parameters that were set and do not change what is learned.

    `own_terms` are those of the bank that count.
    """
    defaults = {"alpha_sparsity": 1, "alpha_attribution": None, "attribution_ratio": 1}
    reasons = {}
    bank = f"parametrization={transformer.parametrization!r}"
    if not own_terms and not transformer.extra_terms:
        if gradients is None:
            reasons["alpha_sparsity"] = (
                f"without attributions, sparsity is all that {bank} minimises. Tune the "
                "wavelet's length and start (filter_length, init), level, mode or "
                "per_level instead, or give a teacher."
            )
        elif transformer.alpha_attribution is None and transformer.alpha_sparsity > 0:
            reasons["alpha_sparsity"] = (
                f"attribution_ratio is relative to it, and {bank} minimises nothing else."
            )
    if gradients is None:
        for name in ("alpha_attribution", "attribution_ratio"):
            reasons[name] = "there is no teacher and no input_gradients."
    elif transformer.alpha_attribution is not None:
        reasons["attribution_ratio"] = "alpha_attribution is set."
    if transformer.init == "wavelet":
        defaults["n_init"] = 1
        reasons["n_init"] = "init='wavelet' is a single start."
    for name, reason in reasons.items():
        if getattr(transformer, name) != defaults[name]:
            warn(f"{name} has no effect: {reason}")
