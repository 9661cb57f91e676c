"""Keyword parameters of learners and blenders, and the names by which libraries know one and the same."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from ..errors import ParameterError, UnknownNameError, did_you_mean
from ..tools._estimators import copied

# The names under which the libraries know one and the same parameter.
SHARED_NAMES: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("eta",),
    "max_depth": ("depth",),
    "n_rounds": ("num_round", "num_boost_round", "num_iterations", "iterations", "n_estimators", "max_iter"),
    "subsample": ("bagging_fraction",),
    "colsample": ("colsample_bytree", "feature_fraction", "rsm"),
    "l2": ("reg_lambda", "lambda", "lambda_l2", "l2_leaf_reg", "l2_regularization"),
}
SHARED_OF = {same: name for name, synonyms in SHARED_NAMES.items() for same in (name, *synonyms)}


class Parameters:
    """Keyword parameters with scikit-learn's ``get_params`` and ``set_params``.

    Attributes
    ----------
    name : str
        The registered name.
    origin : str
        Of a third party's, what stands behind its name in messages: which distribution it is of.
    user_estimator : object or None
        The estimator of the user's that it is made of; nothing of such a one is registered.
    """

    elsewhere: ClassVar[Mapping[str, str]] = {}
    name: str = ""
    origin: str = ""
    user_estimator: Any = None

    def __init__(self, **params: Any) -> None:
        self._given = dict(params)

    def parameter_names(self) -> frozenset[str] | None:
        """Return the names that are accepted, or None when any name is."""
        return None

    def own_name(self, name: str) -> str:
        """Return the library's own name of a parameter that may be given under another."""
        return name

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters that were given; the rest are the library's defaults."""
        return dict(self._given)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; a name that is not known is an error."""
        self.check_names(params)
        for key, value in params.items():
            for same in [given for given in self._given if self.own_name(given) == self.own_name(key)]:
                del self._given[same]
            self._given[key] = value
        return self

    def check_names(self, names: Any) -> None:
        """Raise for a parameter that is not known, or that is given under two names."""
        known = self.parameter_names()
        seen: dict[str, str] = {}
        for key in names:
            own = self.own_name(key)
            if own in self.elsewhere:
                raise ParameterError(f"{self.name or type(self).__name__}: {key!r} {self.elsewhere[own]}")
            if known is not None and own not in known:
                raise UnknownNameError(
                    f"{self.name or type(self).__name__} has no parameter {key!r}. {did_you_mean(key, known)}"
                )
            if own in seen:
                raise ParameterError(
                    f"{self.name or type(self).__name__}: {seen[own]!r} and {key!r} are the same "
                    f"parameter ({own!r}); give one of them"
                )
            seen[own] = key

    def own_params(self) -> dict[str, Any]:
        """Return the given parameters under the library's own names, checked."""
        self.check_names(self._given)
        return {self.own_name(key): value for key, value in self._given.items()}

    def __sklearn_clone__(self) -> Self:
        twin = copy.copy(self)
        twin._given = {key: copied(value) for key, value in self._given.items()}
        for fitted in [key for key in vars(twin) if key.endswith("_") and not key.startswith("_")]:
            delattr(twin, fitted)
        return twin

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self._given.items())
        return f"{type(self).__name__}({given})"
