"""Search spaces: what a parameter may be."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError

_EXPECTED = "expected (low, high) or (low, high, 'log') with numbers low < high, or a list of values to choose from"


def check_domain(name: str, domain: Any) -> None:
    """Raise a ParameterError for what is neither a range nor a list of values."""
    if isinstance(domain, list):
        if not domain:
            raise ParameterError(f"space[{name!r}] is an empty list; {_EXPECTED}")
        for value in domain:
            if not (value is None or isinstance(value, (bool, int, float, str))):
                raise ParameterError(
                    f"space[{name!r}] holds {value!r}; a choice is a number, a text, a boolean or None"
                )
        return
    if not isinstance(domain, tuple) or len(domain) not in (2, 3):
        raise ParameterError(f"space[{name!r}] is {domain!r}; {_EXPECTED}")
    low, high = domain[:2]
    if (
        not all(isinstance(bound, (int, float)) and not isinstance(bound, bool) for bound in (low, high))
        or not low < high
    ):
        raise ParameterError(f"space[{name!r}] is {domain!r}; {_EXPECTED}")
    if len(domain) == 3 and (domain[2] != "log" or low <= 0):
        raise ParameterError(f"space[{name!r}] is {domain!r}; a third item is 'log', and needs low > 0")
