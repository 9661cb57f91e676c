"""The signature of fit, which tells whether weights are taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from types import MethodType
from typing import Any

from ..errors import ByoeError
from ..registry._members import as_blender, members


class HonestFit:
    """A fit whose signature lacks ``sample_weight`` where a member or the blender takes none.

    scikit-learn looks there for what may be given: its bagging draws rows where it would weigh them.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, ensemble: Any, kind: type | None = None) -> Callable[..., Any]:
        if ensemble is None:
            return self._function
        bound = MethodType(self._function, ensemble)
        return bound if _takes_weights(ensemble) else _without_weights(bound)


def _without_weights(bound: MethodType) -> Callable[..., Any]:
    @wraps(bound)
    def fit(*args: Any, **given: Any) -> Any:
        return bound(*args, **given)

    kept = [each for name, each in signature(bound).parameters.items() if name != "sample_weight"]
    fit.__signature__ = Signature(kept)  # type: ignore[attr-defined]  # inspect reads it
    return fit


def _takes_weights(ensemble: Any) -> bool:
    try:
        levels = [learner.weights for learner in members(ensemble.learners).values()]
        return "none" not in (*levels, as_blender(ensemble.blender).weights)
    except (ByoeError, AttributeError, TypeError):  # fit says what is wrong with them
        return True
