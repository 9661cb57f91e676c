"""A search space in the words of the service's Python SDK, as byoe writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import ParameterError

_CLASSES = ("ContinuousParameter", "IntegerParameter", "CategoricalParameter")
LOGARITHMIC, LINEAR = "Logarithmic", "Linear"
# What byoe has no word for.
AUTO, REVERSE = "Auto", "ReverseLogarithmic"
_WORDS = {"True": True, "False": False, "None": None}


class ScaledRange(tuple[Any, ...]):
    """A range whose scaling the service is told in its own word.

    Attributes
    ----------
    scaling : str
    """

    scaling: str

    @classmethod
    def of(cls, bounds: tuple[Any, ...], scaling: str) -> ScaledRange:
        """Return a range with a scaling."""
        made = cls(bounds)
        made.scaling = scaling
        return made


def scaling_of(domain: tuple[Any, ...]) -> str:
    """Return the service's word for how a range is searched."""
    usual = LOGARITHMIC if len(domain) == 3 else LINEAR
    return domain.scaling if isinstance(domain, ScaledRange) else usual


def read_space(space: Any) -> Any:
    """Return a space whose values may be parameters of the SDK; what is none of these is returned as it is.

    Parameters
    ----------
    space : mapping of str to tuple, list, ContinuousParameter, IntegerParameter or CategoricalParameter

    Raises
    ------
    ParameterError
        For bounds that are no numbers, or not those of the class; for a scaling that its range does not take.
    """
    if not isinstance(space, Mapping):
        return space
    return {name: _domain(name, value) for name, value in space.items()}


def _domain(name: str, value: Any) -> Any:
    kind = next((one.__name__ for one in type(value).__mro__ if _is_parameter(one)), None)
    if kind is None:
        return value
    if kind == "CategoricalParameter":
        return [_choice(text) for text in value.values]
    low, high = (_bound(name, kind, bound) for bound in (value.min_value, value.max_value))
    return _scaled(name, kind, (low, high), value.scaling_type)


def _is_parameter(one: type) -> bool:
    return one.__name__ in _CLASSES and one.__module__.partition(".")[0] == "sagemaker"


def _choice(text: Any) -> Any:
    """Return a value that the SDK has made a text of, which hides its type."""
    if text in _WORDS:
        return _WORDS[text]
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _bound(name: str, kind: str, bound: Any) -> Any:
    number = isinstance(bound, (int, float)) and not isinstance(bound, bool)
    if not number or (kind == "IntegerParameter" and bound != int(bound)):
        expected = "integers" if kind == "IntegerParameter" else "numbers"
        raise ParameterError(f"space[{name!r}] is {kind} with the bound {bound!r}; expected {expected}")
    return int(bound) if kind == "IntegerParameter" else float(bound)


def _scaled(name: str, kind: str, bounds: tuple[Any, Any], scaling: Any) -> tuple[Any, ...]:
    if scaling == LINEAR:
        return bounds
    if scaling == LOGARITHMIC:
        return (*bounds, "log")
    if scaling == AUTO:
        return ScaledRange.of(bounds, AUTO)
    if scaling != REVERSE:
        raise ParameterError(
            f"space[{name!r}] has the scaling_type {scaling!r}, expected {AUTO!r}, {LINEAR!r}, {LOGARITHMIC!r} or "
            f"{REVERSE!r}"
        )
    if kind == "IntegerParameter" or not 0 <= bounds[0] < bounds[1] < 1:
        raise ParameterError(
            f"space[{name!r}] has the scaling_type {REVERSE!r} and the range {bounds!r}; the service takes it for "
            "continuous ranges from 0 to less than 1"
        )
    return ScaledRange.of(bounds, REVERSE)
