"""What an ensemble is made of, ensembles inside it included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..tools._estimators import is_ensemble
from ._json_form import is_estimator, is_splitter
from ._members import as_blender, as_learner, find_label, labelled


@dataclass
class Parts:
    """What an ensemble is made of, ensembles inside it included.

    Attributes
    ----------
    learners, blenders : list
        Registered ones.
    classes : list of type
        Estimators, splitters and meta-models.
    """

    learners: list[Learner] = field(default_factory=list)
    blenders: list[Blender] = field(default_factory=list)
    classes: list[type] = field(default_factory=list)


def parts_of(value: Any) -> Parts:
    """Return what an ensemble is made of, or a learner, or whatever holds some."""
    found = Parts()
    _visit(value, found)
    return found


def _quantiles(ensemble: Any) -> Any:
    """Return the learner of an ensemble's quantiles, if it is none of its members."""
    given = getattr(ensemble, "quantiles", None)
    named = isinstance(given, str) and find_label(ensemble.learners, given) is None
    return as_learner(given) if named else given


def _visit(value: Any, found: Parts) -> None:
    if isinstance(value, (Learner, Blender)) and value.user_estimator is not None:
        value = value.user_estimator
    if isinstance(value, (list, tuple)):
        for item in value:
            _visit(item, found)
    elif isinstance(value, Mapping):
        _visit(list(value.values()), found)
    elif isinstance(value, (Learner, Blender)):
        (found.learners if isinstance(value, Learner) else found.blenders).append(value)  # type: ignore[arg-type]
        _visit(value.get_params(), found)
    elif is_ensemble(value):
        _visit([as_learner(given) for _, given in labelled(value.learners)], found)
        _visit([as_blender(value.blender), value.cv, getattr(value, "target_transform", None)], found)
        _visit(_quantiles(value), found)
    elif is_estimator(value) or is_splitter(value):
        found.classes.append(type(value))
        _visit(value.get_params(deep=False) if hasattr(value, "get_params") else vars(value), found)
