"""What a learner makes of the table once, and every fold takes rows of."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from ..contracts._learner import Learner
from ..contracts._optional import Prepares
from ..contracts._task import IntArray, Task
from ..data._by_column import in_place
from ..data._encoder import needs_encoding
from ..fitted._models import inner_task
from ..fitted._shield import shielded
from ..fitted._target_transform import by_columns, fitted_transform
from ._labels import for_classes
from ._moments import FoldMoments, can_solve
from ._rows import Rows, targets


def can_prepare(learner: Learner, data: Rows) -> bool:
    """Return whether something can be made of the table once that serves all folds of a member.

    Moments where the learner solves these. Else rows of a prepared table: not where an encoder
    is learned from each fold's training rows, not for a plan in time order, where the edges of bins
    are those of the rows so far, and not where each training part has weights of its own.
    """
    if can_solve(learner, data):
        return True
    if not isinstance(learner, Prepares) or learner.frames or needs_encoding(learner, data.table):
        return False
    if data.plan.is_time_ordered or data.plan.repeats_rows or data.class_weight is not None:
        return False
    return learner.can_prepare(data.table.features)


def preparing(learner: Learner, data: Rows, seed: int) -> Preparation:
    """Return what is to be made of the table for a member that ``can_prepare``."""
    return FoldMoments(learner, data) if can_solve(learner, data) else Prepared(learner, _on_scale(data), seed)


def _on_scale(data: Rows) -> Rows:
    """Return the data with the targets that folds will have, where that needs no fit; a learner may keep them."""
    if not data.transforms or not all(isinstance(one, str) and one == "log1p" for one in data.transforms):
        return data
    transforms = [fitted_transform(one, data.y, 0) for one in data.transforms]
    with np.errstate(invalid="ignore", divide="ignore"):  # of rows without weight, which nobody is taught
        return replace(data, y=by_columns(transforms, data.y, back=False))


class Prepared:
    """The table in a learner's own form; made when it is first asked for.

    Parameters
    ----------
    learner : Learner
        One that prepares.
    data : Rows
    seed : int
    """

    def __init__(self, learner: Learner, data: Rows, seed: int) -> None:
        # A copy, since a RandomState among the parameters must not pass from task to task.
        self._learner = for_classes(clone(in_place(learner, data.table)), data.task, None)
        self._data = data
        self._seed = seed
        self._lock = threading.Lock()
        self._made: list[Any] | None = None
        # A row without weight is no part of the data, so no bin is made for it.
        weight = data.weight
        self._kept = None if weight is None or weight.all() else np.flatnonzero(weight > 0)
        self._places: IntArray | None = None
        if self._kept is not None:
            self._places = np.full(len(data.table), -1)
            self._places[self._kept] = np.arange(len(self._kept))

    def make(self, threads: int) -> list[Any]:
        """Let the learner prepare the table, unless that is done; return the result for each output."""
        with self._lock:
            if self._made is None:
                self._made = self._prepare(threads)
        return self._made

    def of_output(self, number: int, threads: int) -> Any:
        """Return what the learner has prepared for an output."""
        return self.make(threads)[number]

    def places(self, rows: IntArray) -> IntArray:
        """Return where rows of the table are in what was prepared."""
        return rows if self._places is None else self._places[rows]

    def _prepare(self, threads: int) -> list[Any]:
        data, kept, learner = self._data, self._kept, self._learner
        features = data.table.features if learner.takes_float32 else data.table.all(frames=False)
        X = features if kept is None else features[kept]
        y = data.y if kept is None else data.y[kept]
        weight = data.weight if kept is None or data.weight is None else data.weight[kept]
        task: Task = inner_task(learner, data.task, None)
        extra: dict[str, Any] = {"categorical": {**data.table.feature_categories}} if learner.categorical else {}
        same: dict[str, Any] = {"task": task, "seed": self._seed, "threads": threads}
        assert isinstance(learner, Prepares)
        made = []
        for target in targets(y, None, data.task, task, labelled=learner.labelled):
            with shielded(self._learner, X, target, weight) as (rows, own, own_weight):
                made.append(learner.prepare(rows, own, sample_weight=own_weight, **same, **extra))
        return made


Preparation = Prepared | FoldMoments
