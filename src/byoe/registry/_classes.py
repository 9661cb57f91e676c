"""What members and the blender say of classes, checked against those of the target before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..errors import ParameterError
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
