"""Contextual decomposition: pairs of tensors that go through any model's forward.

Note [Contextual decomposition]. Every activation ``t`` of a model is the sum of a
relevant part ``r`` and an irrelevant part ``i`` [1]_. At the input ``r`` is any part of
the sample. Each function has a rule that says which part of its value is relevant. Here
``t`` and ``r`` are kept, not ``r`` and ``i``: ``t`` is what the model computes anyway, so
that the two parts add up to its output whatever the rules are. Groups share one ``t``.

Functions are met by torch's own protocol for subclasses, ``__torch_function__``. It sees
those that a ``forward`` calls, in their order, not only the modules. Groups are an axis
of ``torch.vmap``: to a rule, ``r`` has the shape of ``t``.

.. [1] C. Singh, W. J. Murdoch, B. Yu. "Hierarchical interpretations for neural network
   predictions." ICLR, 2019. arXiv:1806.05337.
"""

import inspect
import sys
from functools import lru_cache, wraps
from types import FunctionType

import torch
from torch import nn
from torch.overrides import resolve_name

#: The rules by what `_key` says of a function.
_RULES = {}

#: Functions that tell a fact about the total, or need no more of it than its shape.
_FACTS = {
    *("__bool__", "__format__", "__hash__", "__len__", "all", "allclose", "any"),
    *("argmax", "argmin", "bool", "dim", "element_size", "empty_like", "eq", "equal"),
    *("full_like", "ge", "get_device", "greater", "greater_equal", "gt", "is_complex"),
    *("is_contiguous", "is_floating_point", "is_same_size", "is_shared", "isclose"),
    *("isfinite", "isinf", "isnan", "le", "less", "less_equal", "logical_and"),
    *("logical_not", "logical_or", "lt", "ndimension", "ne", "nelement", "new_empty"),
    *("new_full", "new_ones", "new_tensor", "new_zeros", "not_equal", "numel"),
    *("ones_like", "size", "stride", "zeros_like"),
}

#: Attributes that hold values, which would leave the relevant part behind.
_VALUES = {"_base", "_grad", "data", "grad", "imag"}

#: What to do where a function has no rule, by what its name holds.
_REMEDIES = {
    "softmax": "Pass the logits, or register one with decomposition_rule.",
    "TorchScript": "Pass the module that was scripted.",
    **dict.fromkeys(
        (".data.", ".numpy", ".item", ".tolist", ".__float__", ".__int__"),
        "It takes values out of the model: compute all of it with activations in torch.",
    ),
    "": "Register one with decomposition_rule.",
}


class Split(torch.Tensor):
    """An activation and its relevant part; to a model, a tensor like any other.

    Parameters
    ----------
    total, relevant : tensor of shape (n_samples, ...)

    Attributes
    ----------
    total : tensor
        The activation that the model computes.
    relevant : tensor
        The relevant part, of the shape of the total.
    """

    @staticmethod
    def __new__(cls, total, relevant):
        split = torch.Tensor._make_subclass(cls, total.detach())
        split.total, split.relevant = total, relevant
        return split

    @property
    def irrelevant(self):
        """The rest of the total."""
        return self.total - self.relevant

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        key = _key(func)
        if key in _FACTS or (_is_attribute(func) and key not in _RULES.keys() | _VALUES):
            return func(*totals(args), **totals(kwargs or {}))
        if key not in _RULES:
            raise no_rule(func)
        func, args, kwargs, is_in_place = _out_of_place(func, args, kwargs or {})
        total = func(*totals(args), **totals(kwargs))
        relevant = _RULES[key](func, total, *args, **kwargs)
        split = _wrap(func, total, relevant)
        if not is_in_place:
            return split
        args[0].total, args[0].relevant = split.total, split.relevant
        return args[0]

    def __repr__(self):
        return f"Split(shape={tuple(self.total.shape)})"


def decomposition_rule(*functions):
    """Tell contextual decomposition which part of a function's value is relevant.

    Parameters
    ----------
    *functions : callable
        Functions of torch, or your own functions if they are decorated with
        ``torch.overrides.wrap_torch_function``. A function of torch stands for all
        functions of the same name: ``torch.softmax`` includes the method, the one in
        ``torch.nn.functional``, and those that work in place.

    Returns
    -------
    decorator : callable
        A decorator of the rule. It returns the rule. A later rule replaces an earlier
        one.

    See Also
    --------
    ContextualDecomposition : Scores groups of coefficients by such rules.

    Notes
    -----
    A rule is called as ``rule(func, total, *args, **kwargs)``. Here `func` is the
    function, `total` is the value that it has in the model, and the rest are its
    arguments in the model. Arguments that are activations have the attributes ``total``,
    ``relevant`` and ``irrelevant``. These are tensors of one shape, with
    ``total = relevant + irrelevant``. Weights and other constants are plain tensors.

    The rule returns the relevant part of the value, a tensor of the shape of `total`. For
    a function with several values it returns a tuple, with None for values that are not
    decomposed, such as indices. The rest of `total` is irrelevant. A rule should return
    zero if its arguments have no relevant part, and `total` if they have no irrelevant
    part.

    A rule may not use ``if`` or ``item()`` on values of the relevant part: all groups are
    computed at once, by ``torch.vmap``.

    Examples
    --------
    A rule that treats the norm of each sample as a constant:

    >>> import torch
    >>> from torch.overrides import wrap_torch_function
    >>> from sk_awave.attribution import ContextualDecomposition, decomposition_rule
    >>> @wrap_torch_function(lambda x: (x,))
    ... def normalize(x):
    ...     return x / x.norm(dim=1, keepdim=True)
    >>> @decomposition_rule(normalize)
    ... def rule(func, total, x):
    ...     return x.relevant / x.total.norm(dim=1, keepdim=True)
    >>> X = torch.tensor([[3.0, 4.0]])
    >>> model = lambda x: normalize(x).sum(1)
    >>> ContextualDecomposition(None, model, groups="coefficients").fit_transform(X)
    tensor([[0.6000, 0.8000]])
    """

    def register(rule):
        _RULES.update({_key(function): rule for function in functions})
        return rule

    return register


def contextual_parts(forward, x, parts):
    """Decompose the outputs of a model, differentiably.

    Parameters
    ----------
    forward : callable
        A model in eval mode, or a function of torch: samples to outputs. Of a tuple the
        first element counts.
    x : tensor of shape (n_samples, ...)
    parts : tensor of shape (n_groups, n_samples, ...)
        The relevant part of the samples for each group.

    Returns
    -------
    relevant : tensor of shape (n_groups, n_samples, n_outputs)
    total : tensor of shape (n_samples, n_outputs)
        The outputs.

    Raises
    ------
    NotImplementedError
        If the model calls a function without a rule.
    TypeError
        If its outputs are not made by functions of torch.
    ValueError
        If it is in training mode.
    """

    def decompose(part):
        outputs = forward(Split(x, part))
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        if not isinstance(outputs, Split):
            raise TypeError(
                "The model leaves the contextual decomposition: its output is not made "
                "of its input by functions of torch in Python. TorchScript is not either."
            )
        return outputs.relevant.reshape(len(x), -1), outputs.total.reshape(len(x), -1)

    return torch.vmap(decompose, out_dims=(0, None), randomness="same")(parts)


def no_rule(func):
    """Return the error of a function without a rule; it says where that is called."""
    name = resolve_name(func) or getattr(func, "__name__", repr(func))
    if isinstance(func, torch.jit.ScriptFunction | torch._C.ScriptMethod):
        name = f"TorchScript, {name!r}"
    place = _module_name()
    where = f" (in module {place!r})" if place else ""
    remedy = next(remedy for word, remedy in _REMEDIES.items() if word in name)
    return NotImplementedError(
        f"Contextual decomposition has no rule for {name}{where}. {remedy}"
    )


def totals(value):
    """Replace every `Split` in nested arguments by its total."""
    return map_splits(lambda split: split.total, value)


def map_splits(function, value, otherwise=lambda value: value):
    """Map every `Split` in nested arguments, and by `otherwise` other values."""
    if isinstance(value, Split):
        return function(value)
    if type(value) in (tuple, list):
        return type(value)(map_splits(function, item, otherwise) for item in value)
    if type(value) is dict:
        return {k: map_splits(function, v, otherwise) for k, v in value.items()}
    return otherwise(value)


def _key(func):
    """Return the key of a function: the name of one of torch, any other itself."""
    if isinstance(func, FunctionType) and not func.__module__.startswith("torch"):
        return func
    name = getattr(func, "__name__", None)
    if name == "__get__":
        name = getattr(func.__self__, "__name__", None)
    return func if name is None else name if name.endswith("__") else name.rstrip("_")


def _is_attribute(func):
    return getattr(func, "__name__", None) == "__get__"


@lru_cache
def _signature(func):
    return inspect.signature(func)


def _out_of_place(func, args, kwargs):
    """Return a function and arguments that change nothing, and whether they did."""
    is_layer = getattr(func, "__module__", None) == "torch.nn.functional"
    if is_layer and "inplace" in _signature(func).parameters:
        bound = _signature(func).bind(*args, **kwargs)
        bound.apply_defaults()
        is_in_place = bound.arguments["inplace"]
        bound.arguments["inplace"] = False
        return func, bound.args, bound.kwargs, is_in_place
    name = getattr(func, "__name__", "")
    if name.startswith("__") or not name.endswith("_"):
        return func, args, kwargs, False

    @wraps(func)
    def on_a_copy(first, *args, **kwargs):
        return func(first.clone(), *args, **kwargs)

    return on_a_copy, args, kwargs, True


def _wrap(func, total, relevant):
    """Join a total and its relevant part, or those of several values."""
    if relevant is None:
        return total
    if isinstance(total, tuple | list):
        pairs = zip(total, relevant, strict=True)
        return type(total)([_wrap(func, *pair) for pair in pairs])
    if relevant.shape != total.shape:
        raise ValueError(
            f"The rule for {resolve_name(func) or func} must return a tensor of shape "
            f"{tuple(total.shape)}. Got {tuple(relevant.shape)} instead."
        )
    return Split(total, relevant)


def _module_name():
    """Name the innermost module that is being called, as seen from the outermost."""
    frame, modules = sys._getframe(), []
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            modules.append(owner)
        frame = frame.f_back
    if not modules:
        return None
    names = {module: name for name, module in modules[-1].named_modules()}
    return names.get(modules[0])
