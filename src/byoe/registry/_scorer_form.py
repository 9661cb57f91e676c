"""Scorers made of scikit-learn's own functions, as JSON."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import SpecError

_ENDS = ("_score", "_error", "_loss", "_deviance", "_corrcoef")


def encode_scorer(value: Any, encode: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Return a scorer of `sklearn.metrics.make_scorer`, or a function for one, as JSON; None for anything else.

    Functions of anyone else's are not expressed: a spec names none to call.
    """
    partial = isinstance(value, functools.partial)
    function = value.func if partial else getattr(value, "_score_func", value)
    name = getattr(function, "__name__", "")
    if _of_name(name) is not function or (partial and value.args):
        return None
    if function is value or partial:
        return {"$metric": name, "params": encode(value.keywords if partial else {})}
    return {
        "$scorer": name,
        "params": encode(value._kwargs),
        "response": encode(value._response_method),
        "greater_is_better": value._sign > 0,
    }


def decode_scorer(value: Mapping[str, Any], decode: Callable[[Any], Any]) -> Any:
    """Return what `encode_scorer` has expressed."""
    name = value.get("$scorer") or value.get("$metric")
    function, params = _of_name(str(name)), decode(value["params"])
    if function is None:
        raise SpecError(f"{name!r} is no metric of this version of scikit-learn")
    if "$metric" in value:
        return functools.partial(function, **params) if params else function
    from sklearn.metrics import make_scorer

    greater = value["greater_is_better"]
    return make_scorer(function, response_method=decode(value["response"]), greater_is_better=greater, **params)


def _of_name(name: str) -> Any:
    """Return the function of scikit-learn's of this name that takes targets and predictions, or None."""
    from sklearn import metrics

    return getattr(metrics, name, None) if name in metrics.__all__ and name.endswith(_ENDS) else None
