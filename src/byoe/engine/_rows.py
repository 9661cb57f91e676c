"""The data of a fit, of which every task takes rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import Learner
from ..contracts._task import FloatArray, IntArray, Task
from ..data._table import Table
from ..errors import InputError
from ..folds._plan import SplitPlan
from ..tools._labels import shown


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


def targets(y: NDArray[Any], present: IntArray | None, task: Task, inner: Task) -> list[NDArray[Any]]:
    """Return the target of each model."""
    if present is not None:
        return [np.searchsorted(present, y)]
    return [y] if inner.n_outputs == task.n_outputs else list(np.ascontiguousarray(y.T))


def check_rare_classes(learners: Mapping[str, Learner], data: Rows) -> None:
    """Raise for a member that needs more rows of a class than a training part has.

    Raises
    ------
    InputError
        Names the member, the class and the fold.
    """
    if not data.task.is_classification:
        return
    y = data.y if data.weight is None else np.where(data.weight > 0, data.y, data.task.n_classes)
    counts = [
        np.bincount(y[train], minlength=data.task.n_classes)[: data.task.n_classes] for train, _ in data.plan.folds
    ]
    for label, learner in learners.items():
        for fold, count in enumerate(counts, 1):
            rare = np.flatnonzero((count > 0) & (count < learner.rows_each))
            if len(rare):
                named = shown(data.task.labels(rare[:1]))
                raise InputError(
                    f"member {label!r} needs {learner.rows_each} rows of each class, and the training part of fold "
                    f"{fold} of {len(counts)} holds {count[rare[0]]} of class {named}. Drop or merge the class, leave "
                    f"the member out ({label}='drop'), or pass on_error='skip'"
                )
