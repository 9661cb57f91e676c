"""What a run shows of a fit: short parameters, and metrics of the blend, of each member and of each fold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ..ensemble._spec import to_spec
from ..errors import SpecError
from ..scoring._board import scored_blend
from ..scoring._leaderboard import BASELINE, BLEND, Leaderboard

LONGEST = 6000  # letters of a parameter, as MLflow keeps them
# Of this machine and this process, not of the model.
_LEFT_OUT = frozenset({"callbacks", "n_jobs", "store", "verbose"})
_OF_A_ROW = ("spread", "in_sample", "weight", "models", "fit_seconds", "predict_ms", "bytes")
_NOT_IN_NAMES = re.compile(r"[^\w.\- /]")


class Metric(NamedTuple):
    """A value of a run.

    Attributes
    ----------
    name : str
    value : float
    step : int
        The fold, from 1 on; 0 for all rows.
    """

    name: str
    value: float
    step: int = 0


def parameters(ensemble: Any) -> dict[str, str]:
    """Return the parameters of a fit by the names of ``set_params``, with its size and the blender in use."""
    told: dict[str, Any] = {
        "task": "classification" if ensemble._classifies else "regression",
        "learners": ", ".join(ensemble._recipe().learners),
        "blender_in_use": ensemble.blender_.name,
        "n_columns": len(ensemble._form),
    }
    if ensemble._out_of_fold is not None:
        told |= {"n_rows": len(ensemble._oof.y), "n_folds": len(ensemble._oof.plan.folds)}
    with suppress(SpecError):  # a member of a notebook, which has no other name
        told |= _of_spec(to_spec(ensemble, lenient=True))
    return {_name(name): _text(value) for name, value in told.items()}


def _of_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in spec["params"].items() if name not in _LEFT_OUT}
    told["blender"], params = _part(spec["blender"], "blender")
    told |= {f"blender__{name}": value for name, value in params.items()}
    for entry in spec["learners"]:
        label = entry["label"]
        kind, params = _part(entry, "learner")
        told |= {f"{label}__{name}": value for name, value in params.items()}
        if kind.replace("-", "_") != label:
            told[f"{label}__learner"] = kind
    return told


def _part(entry: Mapping[str, Any], kind: str) -> tuple[str, Mapping[str, Any]]:
    """Return the name and the parameters of a learner or blender; of the user's own estimator its class."""
    if kind in entry:
        return entry[kind], entry["params"]
    inner = entry["estimator"]
    return str(inner["class"]), inner.get("params", {})


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def metrics(ensemble: Any) -> list[Metric]:
    """Return what the leaderboard tells, and the metric in each fold, in the same sign."""
    return [*of_board(ensemble.leaderboard_, ensemble._record.metric), *_of_folds(ensemble)]


def of_board(board: Leaderboard, metric: str) -> list[Metric]:
    """Return the rows of a leaderboard; what is not defined is left out."""
    return [
        Metric(f"{_place(row['member'])}{_name(name)}", float(row[name]))
        for row in board
        for name in (metric, *_OF_A_ROW)
        if row.get(name) is not None and math.isfinite(row[name])
    ]


def _of_folds(ensemble: Any) -> Iterator[Metric]:
    oof, metric = ensemble._out_of_fold, ensemble._recipe().metric_for(ensemble._task)
    if oof is None or metric.name != ensemble._record.metric:  # a function that a bundle cannot hold
        return
    scoring, scored = ensemble._scoring(metric), {row["member"]: row[metric.name] for row in ensemble.leaderboard_}
    predictions = {BLEND: scored_blend(ensemble._record, oof, metric)}
    predictions |= {label: oof.predictions[:, column] for column, label in enumerate(ensemble.members_)}
    for label, prediction in predictions.items():
        if scored.get(label) is None:
            continue
        for fold, value in enumerate(scoring.fold_values(prediction), 1):
            if value is not None:
                yield Metric(f"{_place(label)}fold/{_name(metric.name)}", value, fold)


def _place(label: str) -> str:
    if label == BLEND:
        return ""
    return f"{BASELINE}/" if label == BASELINE else f"members/{label}/"


def _name(text: str) -> str:
    """Return a name that MLflow takes."""
    return _NOT_IN_NAMES.sub("_", text)
