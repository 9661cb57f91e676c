"""What members and the blender say of classes, checked against those of the target before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import Task
from ..errors import ParameterError
from ..tools._class_weight import ClassWeight
from ..tools._estimators import by_label
from ..tools._labels import by_code, codes_of

_WEIGHTS = ("class_weight", "class_weights")


def check_classes(learners: Mapping[str, Learner], blender: Blender, classes: NDArray[Any]) -> None:
    """Raise for a parameter that names a label which the target does not have.

    And for a fitted classifier that knows other classes than those of the target.
    """
    for label, learner in learners.items():
        if learner.frozen:
            _check_frozen(label, getattr(learner.user_estimator, "classes_", classes), classes)
        else:
            for name, value in learner.values_by_label().items():
                _check(f"member {label!r}: {name}", value, classes)
    for part in (blender.user_estimator, *blender.get_params(deep=False).values()):
        if hasattr(part, "fit") and hasattr(part, "get_params") and not isinstance(part, type):
            for name, value in by_label(part.get_params(deep=True), part).items():
                _check(f"blender {blender.name!r}: {name}", value, classes)


def read_class_weight(given: Any, task: Task) -> ClassWeight | None:
    """Return what an ensemble's ``class_weight`` means, by code.

    Raises
    ------
    ParameterError
        When it is neither "balanced" nor a mapping from classes of the target to numbers above zero.
    """
    if given is None:
        return None
    if task.is_multilabel:
        raise ParameterError(
            "class_weight is for one target of classes, and here a row may have several labels: give it to the "
            "learners, which learn each label by itself"
        )
    if isinstance(given, str) and given == "balanced":
        return given
    if not isinstance(given, Mapping):
        raise ParameterError(
            f"class_weight is {given!r}, expected None, 'balanced' or a mapping from classes to numbers, such as "
            "{'yes': 5}"
        )
    assert task.classes is not None
    _check("class_weight", given, task.classes)
    found = {code: float(weight) for code, weight in (by_code(given, task.classes) or {}).items()}
    if not all(found.values()):
        raise ParameterError(
            f"class_weight is {given!r}, and a class of weight zero cannot be learned; leave its rows out"
        )
    return found


def _check_frozen(label: str, known: Any, classes: NDArray[Any]) -> None:
    codes = codes_of(known, classes)
    if None in codes or len(set(codes)) < len(classes):
        raise ParameterError(
            f"member {label!r} was fitted on the classes {np.asarray(known).tolist()}, and the target has "
            f"{np.asarray(classes).tolist()}; both must be the same"
        )


def _check(who: str, value: Any, classes: NDArray[Any]) -> None:
    try:
        values = by_code(value, classes)
    except ParameterError as error:
        raise ParameterError(f"{who} {error}") from error
    for weight in (values or {}).values() if who.endswith(_WEIGHTS) else ():
        if not isinstance(weight, Real) or not 0 <= float(weight) < float("inf"):
            raise ParameterError(f"{who} holds {weight!r}, expected numbers from zero up")
