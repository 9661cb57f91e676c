"""How good a model is, in the form that the registry shows: that of Model Monitor's statistics of model quality."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_BLEND = "validation:"
_UNKNOWN = "NaN"  # a text in that form
_METRICS = "metrics"


def quality(metrics: Mapping[str, float], manifest: Mapping[str, Any], *, held_out: bool) -> dict[str, Any]:
    """Return the metrics of a job as model quality; JSON.

    Parameters
    ----------
    metrics : mapping of str to float
        Under their names in the log of the job.
    manifest : mapping
        Of the bundle.
    held_out : bool
        Whether they are of validation data; else the spread over the folds is known.

    Returns
    -------
    dict
        The blend's metrics in the service's names, with their standard deviations; and as the service lets others
        add to it, all metrics in byoe's names, the leaderboard and what rows they are of.
    """
    blend = {name.removeprefix(_BLEND): value for name, value in metrics.items() if name.startswith(_BLEND)}
    board = manifest["leaderboard"]
    spread = {} if held_out else {name: board[0].get("spread") for name in blend if name in board[0]}
    told = {_their_name(name): _entry(value, spread.get(name)) for name, value in blend.items()}
    if "rmse" in blend and "mse" not in blend:
        told["mse"] = _entry(blend["rmse"] ** 2, None)
    return {
        _section(manifest["task"]): told,
        _METRICS: {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()},
        "leaderboard": board,
        "rows": "validation data" if held_out else "held out of the fit by cross-validation",
    }


def metrics_of(content: bytes) -> dict[str, float]:
    """Return the metrics that a report of `quality` holds, in byoe's names; none of another report, or of no JSON."""
    try:
        return {name: float(value) for name, value in json.loads(content)[_METRICS].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _section(task: Mapping[str, Any]) -> str:
    if task["kind"] == "regression":
        return "regression_metrics"
    binary = task["n_classes"] == 2 and task.get("n_outputs", 1) == 1
    return f"{'binary' if binary else 'multiclass'}_classification_metrics"


def _their_name(metric: str) -> str:
    """Return what the service calls a metric.

    Examples
    --------
    >>> _their_name("roc_auc"), _their_name("f1_weighted"), _their_name("mae")
    ('auc', 'weighted_f1', 'mae')
    """
    return "auc" if metric == "roc_auc" else re.sub(r"^(\w+)_weighted$", r"weighted_\1", metric)


def _entry(value: float, deviation: float | None) -> dict[str, Any]:
    known = deviation is not None and math.isfinite(deviation)
    return {
        "value": value if math.isfinite(value) else _UNKNOWN,
        "standard_deviation": deviation if known else _UNKNOWN,
    }
