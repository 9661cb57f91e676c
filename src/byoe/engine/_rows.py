"""The data of a fit, of which every task takes rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import Learner
from ..contracts._task import FloatArray, IntArray, Task
from ..data._table import Table
from ..errors import PluginError
from ..registry._registry import origin

if TYPE_CHECKING:
    from ..folds._plan import SplitPlan


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


@contextmanager
def shielded(learner: Learner, *arrays: Any) -> Iterator[Any]:
    """Lend what others use too: code that might change it in place gets copies until the end.

    Raises
    ------
    PluginError
        At the end, when a registered plugin has changed its copy.
    """
    if type(learner).__module__.startswith("byoe.") and learner.packages() <= _CAREFUL:
        yield arrays
        return
    copies = tuple(array.copy() if hasattr(array, "copy") else array for array in arrays)
    yield copies
    if origin(learner) and not all(map(_same, copies, arrays)):
        raise PluginError(
            f"{learner.name} changed the rows that it got in place, which others may use too; let it work on a copy"
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if hasattr(one, "indptr"):
        return all(_same(getattr(one, part), getattr(other, part)) for part in ("data", "indices", "indptr"))
    return bool(one.equals(other)) if hasattr(one, "equals") else True


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
