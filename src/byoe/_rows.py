"""The data of a fit, of which every task takes rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._contracts import FloatArray, IntArray, Learner, Task
from ._splits import SplitPlan
from ._table import Table


@dataclass(frozen=True)
class Rows:
    """The table with its targets, weights and folds.

    Attributes
    ----------
    table : Table
    y : array of shape (n_rows,) or (n_rows, n_outputs)
    weight : array of shape (n_rows,) or None
    task : Task
    plan : SplitPlan
    """

    table: Table
    y: NDArray[Any]
    weight: FloatArray | None
    task: Task
    plan: SplitPlan


_CAREFUL = frozenset({"sklearn", "xgboost", "lightgbm", "catboost"})  # these change no data of their caller's


def shielded(learner: Learner, X: Any) -> Any:
    """Return a table that others use too: to code that might change it in place, a copy."""
    careful = type(learner).__module__.startswith("byoe.") and learner.packages() <= _CAREFUL
    return X if careful or not hasattr(X, "copy") else X.copy()  # frames without it cannot be changed


def inner_task(learner: Learner, task: Task, present: IntArray | None) -> Task:
    """Return what one model of a learner is to predict, of rows in which only some classes are present."""
    if present is not None:
        return replace(task, n_classes=len(present))
    return task if learner.multi_output else replace(task, n_outputs=1)


def targets(y: NDArray[Any], present: IntArray | None, task: Task, inner: Task) -> list[NDArray[Any]]:
    """Return the target of each model."""
    if present is not None:
        return [np.searchsorted(present, y)]
    return [y] if inner.n_outputs == task.n_outputs else list(np.ascontiguousarray(y.T))
