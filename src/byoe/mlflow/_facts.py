"""What a run shows of a fit: short parameters, and metrics of the blend, of each member and of each fold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..registry._plugin import plain
from ..scoring._board import scored_blend
from ..scoring._leaderboard import BASELINE, BLEND, Leaderboard

LONGEST = 6000  # letters of a parameter, as MLflow keeps them
# Of this machine and this process, not of the model.
_LEFT_OUT = frozenset({"callbacks", "n_jobs", "store", "verbose"})
_OF_A_ROW = ("spread", "in_sample", "weight", "models", "fit_seconds", "predict_ms", "bytes")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
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
    recipe, given = ensemble._recipe(), ensemble.get_params(deep=False)
    told = {
        "task": "classification" if ensemble._classifies else "regression",
        **{name: value for name, value in given.items() if name not in _LEFT_OUT},
        "learners": ", ".join(recipe.learners),
        "blender": _kind_of(recipe.blender),
        "blender_in_use": ensemble.blender_.name,
        "n_columns": len(ensemble._form),
    }
    if ensemble._out_of_fold is not None:
        told |= {"n_rows": len(ensemble._oof.y), "n_folds": len(ensemble._oof.plan.folds)}
    for label, part in {**recipe.learners, "blender": recipe.blender}.items():
        own = part if part.user_estimator is None else part.user_estimator
        told |= {f"{label}__{name}": value for name, value in _params_of(own).items()}
    told |= {
        f"{label}__learner": _kind_of(learner)
        for label, learner in recipe.learners.items()
        if plain(_kind_of(learner)) != plain(label)
    }
    return {_name(name): _text(value) for name, value in told.items()}


def _kind_of(part: Learner | Blender) -> str:
    """Return what a learner or blender is called; of the user's own estimator its class."""
    return part.name if part.user_estimator is None else type(part.user_estimator).__name__


def _params_of(own: Any) -> dict[str, Any]:
    """Return the parameters of a learner, a blender or an estimator; estimators inside stand in them as they are."""
    try:
        return dict(own.get_params(deep=False))
    except TypeError:
        return dict(own.get_params())


def _text(value: Any) -> str:
    """Return a value as Python shows it, in one line and alike in every process."""
    text = _ADDRESS.sub("", " ".join(str(value).split()))
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
