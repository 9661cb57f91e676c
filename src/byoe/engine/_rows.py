"""The data of a fit, of which every task takes rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._row_loss import RowLoss
from ..contracts._task import FloatArray, IntArray, Task
from ..data._table import Table
from ..folds._plan import SplitPlan
from ..tools._class_weight import ClassWeight


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
    stop_loss : RowLoss or None
        What learners watch to stop early; None for their own loss.
    transforms : tuple
        By target ``"auto"``, ``"log1p"``, a transformer or None: on which scale models are fitted. Empty for the
        target's own.
    class_weight : "balanced", dict of code to float or None
        What the rows of a class count where a model learns from them.
    """

    table: Table
    y: NDArray[Any]
    weight: FloatArray | None
    task: Task
    plan: SplitPlan
    stop_loss: RowLoss | None = None
    transforms: tuple[Any, ...] = ()
    class_weight: ClassWeight | None = None


def targets(
    y: NDArray[Any], present: IntArray | None, task: Task, inner: Task, *, labelled: bool
) -> list[NDArray[Any]]:
    """Return the target of each model: of classes codes, or where ``labelled`` what the user calls them."""
    if task.is_classification:
        columns = list(np.ascontiguousarray(y.T)) if task.is_multilabel else [y]
        codes = [column if present is None else np.searchsorted(present, column) for column in columns]
        return [inner.labels(column) if labelled else column for column in codes]
    return [y] if inner.n_outputs == task.n_outputs else list(np.ascontiguousarray(y.T))
