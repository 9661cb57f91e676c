"""The places by their names: another cloud is another line here."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError
from .aws._place import Aws
from .local._place import Here
from .shared._place import Where

_PLACES: dict[str, type[Here] | type[Aws]] = {"local": Here, "aws": Aws}


def place_for(where: Where) -> Here | Aws:
    """Return the place that the type of an instance belongs to."""
    return _PLACES["local" if where.instance_type == "local" else "aws"](where)


def place_of(job: Any, where: Where) -> Here | Aws:
    """Return the place that a job or tuning job ran at."""
    place = getattr(job, "place", None)
    if place not in _PLACES:
        raise ParameterError(
            f"job is {job!r}, expected a job, a tuning job or a model package, as fit, tune and attach return them"
        )
    return _PLACES[place](where)
