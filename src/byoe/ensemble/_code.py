"""An unfitted ensemble as the Python that makes it."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Collection, Mapping
from inspect import signature
from typing import Any

from sklearn.base import BaseEstimator

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..registry._parts import parts_of
from ..registry._plugin import plain
from ..registry._registry import blender, learner
from ._parameters import NestedParameters

_ALL = 1_000_000  # letters
_UFUNC = re.compile(r"<ufunc '(\w+)'>")
_OURS = ("EnsembleClassifier", "EnsembleRegressor", "blender", "learner")
_ELSEWHERE = ("learners", "blender", "callbacks")


def as_code(ensemble: NestedParameters, left_out: Collection[str] = ()) -> str:
    """Return the statements that make an ensemble, the names that they use imported.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    left_out : collection of str
        Parameters that cannot be written down.
    """
    made = "".join(f"    {text},\n" for text in _arguments(ensemble, left_out))
    made = f"ensemble = {type(ensemble).__name__}(\n{made})"
    classes = sorted({_import(one) for one in parts_of(ensemble).classes})
    ours = [name for name in _OURS if f"{name}(" in made]
    numpy = ["import numpy as np"] if "np." in made else []
    return "\n".join([*numpy, f"from byoe import {', '.join(ours)}", *classes]) + f"\n\n{made}"


def _arguments(ensemble: NestedParameters, left_out: Collection[str] = ()) -> list[str]:
    recipe = ensemble._recipe()
    members = ", ".join(_member(label, learner) for label, learner in recipe.learners.items())
    usual = {name: _written(one.default) for name, one in signature(type(ensemble)).parameters.items()}
    given = {name: _written(value) for name, value in ensemble.get_params(deep=False).items()}
    apart = {*_ELSEWHERE, *left_out}
    further = [f"{name}={value}" for name, value in given.items() if name not in apart and value != usual[name]]
    return [f"[{members}]", _part("blender", recipe.blender), *further]


def _import(kind: type) -> str:
    """Return the statement that imports a class, from the outermost package that shows it."""
    words = kind.__module__.split(".")
    places = [".".join(words[:count]) for count in range(1, len(words) + 1)]
    name = kind.__qualname__
    place = next(one for one in places if getattr(sys.modules.get(one), name, None) is kind or one == kind.__module__)
    return f"from {place} import {name}"


def _member(label: str, learner: Learner) -> str:
    made = _part("learner", learner)
    usual = learner.user_estimator is None and plain(learner.name).replace("-", "_") == label
    return made if usual else f"({label!r}, {made})"


def _part(kind: str, part: Learner | Blender) -> str:
    if part.user_estimator is not None:
        return _written(part.user_estimator)
    given = _changed(part)
    told = "".join(f", {name}={_written(value)}" for name, value in given.items())
    return f"{kind}({part.name!r}{told})" if given else repr(part.name)


def _changed(part: Learner | Blender) -> Mapping[str, Any]:
    """Return the parameters that are not those of a part that is made without any."""
    plain_one = learner(part.name) if isinstance(part, Learner) else blender(part.name)
    usual = {name: _written(value) for name, value in plain_one.get_params(deep=False).items()}
    given = part.get_params(deep=False)
    return {name: value for name, value in given.items() if usual.get(name) != _written(value)}


def _written(value: Any) -> str:
    """Return what stands for a value in code, which scikit-learn shortens and breaks into lines."""
    if isinstance(value, (Learner, Blender)):
        return _part("learner" if isinstance(value, Learner) else "blender", value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, NestedParameters):
        return f"{type(value).__name__}({', '.join(_arguments(value))})"
    if not isinstance(value, BaseEstimator):
        return repr(value)
    whole: Any = value.__repr__
    return _UFUNC.sub(r"np.\1", " ".join(whole(N_CHAR_MAX=_ALL).split()))
