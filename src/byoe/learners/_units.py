"""What learners have in common that give the same fit in any unit of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from ..contracts._learner import Learner
from ..contracts._unit import Unit

L = TypeVar("L", bound=Learner)


def converted(given: Mapping[str, Any], powers: Mapping[str, int], unit: Unit) -> dict[str, Any]:
    """Return those of the given parameters that are in powers of the target's unit, in another unit."""
    return {name: float(given[name]) / float(unit.scale) ** power for name, power in powers.items() if name in given}


def changed(learner: L, params: Mapping[str, Any]) -> L:
    """Return a copy of a learner with some other parameters."""
    from sklearn.base import clone

    twin: L = clone(learner)
    return twin.set_params(**params)
