"""Whether what a learner's fit returned is a model."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator
from typing import Any


def broken_model(model: Any) -> str | None:
    """Return in which way what a learner's ``fit`` returned is no model; None if it is one."""
    for method, positions, keywords in (("predict", ("X",), ("threads",)), ("save", ("folder",), ())):
        if not callable(getattr(model, method, None)):
            what = "None" if model is None else f"a {type(model).__name__}, which has no {method}"
            return f"fit returned {what}; expected a model with predict(X, *, threads=1) and save(folder)"
        if callable(getattr(type(model), method, None)):
            fault = next(call_faults(model, method, positions, keywords), None)
            if fault:
                return fault
    return None


def call_faults(
    made: Any, method: str, positions: tuple[str, ...], keywords: Iterable[str], optional: Iterable[str] = ()
) -> Iterator[str]:
    """Yield what is wrong with a method that is called with these arguments, and sometimes with the optional ones."""
    for names in dict.fromkeys((tuple(keywords), (*keywords, *optional))):
        kind: Any = type(made)
        error = _refused(kind, method, positions, names)
        if error:
            call = ", ".join([*positions, *(f"{name}=…" for name in names)])
            who = f"{type(made).__name__}.{method}"
            yield f"{method} is called as {method}({call}), and {who} does not take that: {error}"


@functools.lru_cache(maxsize=512)
def _refused(kind: Any, method: str, positions: tuple[str, ...], keywords: tuple[str, ...]) -> str | None:
    """Return why a method of a class cannot be called with these arguments."""
    defined = inspect.getattr_static(kind, method)
    bound = not isinstance(defined, staticmethod)
    function = defined.__func__ if isinstance(defined, (classmethod, staticmethod)) else defined
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # not written in Python
        return None
    try:
        signature.bind(*([None] if bound else []), *positions, **dict.fromkeys(keywords))
    except TypeError as error:
        return str(error)
    return None
