"""An unfitted ensemble as JSON, with the same meaning wherever it is read.

What JSON cannot express (a function, index pairs, a class from a notebook cell) is refused
by name before anything runs.
"""

from __future__ import annotations

from typing import Any

from ..errors import SpecError
from ..registry._json_form import VERSION, blender_to_spec, encode, learner_to_spec
from ..registry._parts import parts_of
from ._parameters import NestedParameters

_NOT_IN_SPEC = ("learners", "blender", "callbacks")


def to_spec(ensemble: NestedParameters, *, lenient: bool = False) -> dict[str, Any]:
    """Return the JSON form of an ensemble.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    lenient : bool, default=False
        For a fitted ensemble, which needs only its members and blender to predict: whatever
        else cannot be expressed takes its default and is listed under ``"left_out"``.

    Raises
    ------
    SpecError
        Names the member or parameter that JSON cannot express.
    """
    if not lenient and any(kind.__name__ == "FrozenEstimator" for kind in parts_of(ensemble).classes):
        raise SpecError(
            "a FrozenEstimator holds a model that was fitted here, which a spec cannot hold; save it instead"
        )
    recipe = ensemble._recipe()
    members = [{"label": label, **learner_to_spec(label, learner)} for label, learner in recipe.learners.items()]
    params: dict[str, Any] = {}
    left_out = []
    for name, value in ensemble.get_params(deep=False).items():
        if name in _NOT_IN_SPEC:
            continue
        try:
            # Rows by number belong to one table and are refused, also inside a splitter.
            params[name] = encode(value, name, arrays=name != "cv")
        except SpecError:
            if not lenient:
                raise
            left_out.append(name)
    if ensemble.callbacks:
        if not lenient:
            raise SpecError("callbacks are functions of this process, which a spec cannot hold; set callbacks=None")
        left_out.append("callbacks")
    spec = {
        "spec": VERSION,
        "task": "classification" if ensemble._classifies else "regression",
        "learners": members,
        "blender": blender_to_spec(recipe.blender),
        "params": params,
    }
    return {**spec, "left_out": left_out} if left_out else spec
