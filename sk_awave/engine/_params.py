"""The settings of a part by scikit-learn's verbs, so that searches can tune them."""

from inspect import signature
from typing import Any, Self


class Params:
    """Names the parameters of its constructor, for ``GridSearchCV`` and ``clone``."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` has no effect."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, and return the object."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for {self!r}. Valid parameters are: "
                    f"{list(known)}."
                )
            setattr(self, name, value)
        return self
