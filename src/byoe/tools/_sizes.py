"""Sizes and ages as people write them: ``"500MB"``, ``"30d"``."""

from __future__ import annotations

import re
from typing import Any

from ..errors import ParameterError

_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def read_bytes(size: Any, name: str) -> int | None:
    """Return a size as a number of bytes: given as one, or as a text such as ``"500MB"``; None stays None.

    Examples
    --------
    >>> from byoe.tools._sizes import read_bytes
    >>> read_bytes("1.5 GB", "max_bytes"), read_bytes("4KiB", "max_bytes"), read_bytes(100, "max_bytes")
    (1500000000, 4096, 100)
    """
    if size is None:
        return None
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([kmgt]i?|)b?", str(size).strip().lower())
    if isinstance(size, bool) or found is None or float(found[1]) <= 0:
        raise ParameterError(f"{name} is {size!r}, expected a number of bytes or a text such as '8GB' or '500MiB'")
    return int(float(found[1]) * _BYTES[found[2]])


def read_seconds(given: str, name: str) -> float:
    """Return the seconds of a text such as ``"30d"``: seconds, minutes, hours, days or weeks.

    Examples
    --------
    >>> from byoe.tools._sizes import read_seconds
    >>> read_seconds("1.5h", "--older-than")
    5400.0
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", given.strip().lower())
    if not found:
        raise ParameterError(f"{name} is {given!r}, expected a number and one of s, m, h, d, w, such as '30d'")
    return float(found[1]) * _SECONDS[found[2]]


def tell_bytes(number: float) -> str:
    """Return a size in the largest unit of which it has one.

    Examples
    --------
    >>> from byoe.tools._sizes import tell_bytes
    >>> tell_bytes(999), tell_bytes(1_234_567)
    ('999 B', '1.2 MB')
    """
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} B"


def tell_seconds(seconds: float) -> str:
    """Return a time in the largest unit of which it has one.

    Examples
    --------
    >>> from byoe.tools._sizes import tell_seconds
    >>> tell_seconds(5), tell_seconds(7300), tell_seconds(200_000)
    ('5 s', '2 h', '2 d')
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def tell_duration(seconds: float) -> str:
    """Return how long something takes or took, to the second.

    Examples
    --------
    >>> from byoe.tools._sizes import tell_duration
    >>> tell_duration(0.31), tell_duration(42.4), tell_duration(125), tell_duration(7_500)
    ('0.31 s', '42 s', '2 min 5 s', '2 h 5 min')
    """
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    large, small, names = (*divmod(whole, 60), "min s") if whole < 3_600 else (*divmod(whole // 60, 60), "h min")
    first, second = names.split()
    return f"{large} {first} {small} {second}" if small else f"{large} {first}"
