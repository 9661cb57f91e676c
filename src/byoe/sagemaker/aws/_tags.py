"""Tags, in both forms that people write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import ParameterError

_MOST, _KEY, _VALUE = 50, 128, 256
_TEXT = re.compile(r"[\w\s.:/=+\-@]*")
_FORMS = '{"team": "blue"} or [{"Key": "team", "Value": "blue"}]'


def read_tags(given: Any) -> dict[str, str]:
    """Return tags by their keys.

    Parameters
    ----------
    given : mapping of str to str, or list of mappings with ``Key`` and ``Value``

    Raises
    ------
    ParameterError
        For what is neither, and for what the service refuses.

    Examples
    --------
    >>> read_tags([{"Key": "team", "Value": "blue"}])
    {'team': 'blue'}
    """
    pairs = _pairs(given)
    tags = dict(pairs)
    if len(tags) < len(pairs):
        twice = next(key for key in tags if [one for one, _ in pairs].count(key) > 1)
        raise ParameterError(f"tags has the key {twice!r} more than once; a key has one value")
    if len(tags) > _MOST:
        raise ParameterError(f"there are {len(tags)} tags, and AWS takes at most {_MOST}; leave some out")
    for key, value in tags.items():
        _check(key, "the key", _KEY, 1)
        _check(value, f"the value of {key!r}", _VALUE, 0)
        if key.lower().startswith("aws:"):
            raise ParameterError(f"tags has the key {key!r}, and those with 'aws:' are AWS's own; give it another name")
    return tags


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, list | tuple) and all(
        isinstance(one, Mapping) and set(one) == {"Key", "Value"} for one in given
    ):
        return [(one["Key"], one["Value"]) for one in given]
    raise ParameterError(f"tags is {str(given)[:80]!r}, expected {_FORMS}")


def _check(text: Any, what: str, most: int, least: int) -> None:
    if not isinstance(text, str):
        raise ParameterError(f"{what} in tags is {text!r}, expected a text: {_FORMS}")
    if not least <= len(text) <= most:
        raise ParameterError(f"{what} in tags has {len(text)} characters, expected {least} to {most}")
    if not _TEXT.fullmatch(text):
        raise ParameterError(
            f"{what} in tags is {text!r}; AWS takes letters, digits, spaces and any of . : / = + - @ _ there"
        )
