"""How much memory the types of instances have, which follows from their names, and which has enough."""

from __future__ import annotations

import re

GIB = 2.0**30
# What the system and the container leave of it.
_LEFT = 0.9
_PER_CORE = {"c": 2, "m": 4, "r": 8, "g": 4}  # GiB
_CORES = {"large": 2, "xlarge": 4}
# The sizes that training has, in multiples of xlarge; of other families they are these.
_USUAL = (0, 1, 2, 4, 8, 12, 16, 24)
_SIZES = {
    "m4": (1, 2, 4, 10, 16),
    "m5": (0, 1, 2, 4, 12, 24),
    "c5": (1, 2, 4, 9, 18),
    "c5n": (1, 2, 4, 9, 18),
    "c6i": (1, 2, 4, 8, 12, 16, 24, 32),
    "g4dn": (1, 2, 4, 8, 12, 16),
    "g5": (1, 2, 4, 8, 12, 16, 24, 48),
    "g6": (1, 2, 4, 8, 12, 16, 24, 48),
    "m6i": (*_USUAL, 32),
    "r6i": (*_USUAL, 32),
    "m7i": (*_USUAL, 48),
    "c7i": (*_USUAL, 48),
    "r7i": (*_USUAL, 48),
    "r5": _USUAL,
    "r5d": _USUAL,
}
_ODD = {"c5n": 2.625}  # GiB for a core


def memory_of(instance_type: str) -> float | None:
    """Return the bytes of memory of an instance type; None where its name does not tell.

    Examples
    --------
    >>> from byoe.sagemaker.shared._instances import GIB, memory_of
    >>> memory_of("ml.m5.4xlarge") / GIB, memory_of("ml.c5.xlarge") / GIB, memory_of("local")
    (64.0, 8.0, None)
    """
    found = re.fullmatch(r"ml\.([a-z0-9]+)\.(\d*)(x?large)", instance_type)
    if found is None or found[1] not in _SIZES:
        return None
    times = int(found[2] or 1)
    return _of(found[1], 0 if found[3] == "large" else times)


def larger(instance_type: str, needed: float) -> str:
    """Return which type of the same family has so many bytes for a fit, or of one with more memory, as a sentence.

    It has more than the given one, which may have less left than its name tells. Of this machine there is nothing to
    say.
    """
    if instance_type == "local":
        return ""
    found = re.fullmatch(r"ml\.([a-z0-9]+)\..*", instance_type)
    family = found[1] if found is not None else ""
    if family not in _SIZES:
        return f"An instance with {needed / _LEFT / GIB:.0f} GiB or more would do. "
    has = memory_of(instance_type) or 0.0
    for one in dict.fromkeys((family, "m7i", "r7i")):
        for size in _SIZES[one]:
            if _LEFT * _of(one, size) >= needed and _of(one, size) > has:
                name = "large" if not size else f"{size}xlarge" if size > 1 else "xlarge"
                return f"ml.{one}.{name} has {_of(one, size) / GIB:.0f} GiB and would do. "
    return f"No instance has the {needed / _LEFT / GIB:.0f} GiB that it takes. "


def usable(instance_type: str) -> float | None:
    """Return the bytes that a fit may have on an instance of a type; None where its name does not tell."""
    memory = memory_of(instance_type)
    return None if memory is None else _LEFT * memory


def _of(family: str, size: int) -> float:
    cores = _CORES["xlarge"] * size or _CORES["large"]
    return GIB * cores * _ODD.get(family, _PER_CORE[family[0]])
