"""What CatBoost stops by, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contracts._row_loss import AbsoluteError, BrierScore, Pinball, RowLoss
from ..contracts._task import Task

_OF_THE_TARGET = frozenset({"RMSE", "MAE", "Quantile", "Expectile", "Huber", "LogCosh", "MAPE", "Lq"})


def watched_metric(loss: RowLoss | None, given: Mapping[str, Any], task: Task) -> dict[str, str]:
    """Return CatBoost's own name of what is watched, where it has one and its models predict the target itself."""
    fitted = str(given.get("loss_function") or given.get("objective") or "RMSE").partition(":")[0]
    if isinstance(loss, BrierScore) and task.n_classes == 2:
        return {"eval_metric": "BrierScore"}
    if task.is_classification or fitted not in _OF_THE_TARGET:
        return {}
    if isinstance(loss, Pinball):
        return {"eval_metric": f"Quantile:alpha={loss.level}"}
    return {"eval_metric": "MAE"} if type(loss) is AbsoluteError else {}
