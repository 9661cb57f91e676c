"""What classes count, and how a blend decides between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ..fitted._out_of_fold import OutOfFold
from ..fitted._record import FitRecord
from ..fitted._threshold import by_row, labelled
from ..registry._classes import read_class_weight
from ..scoring._metrics import Metric
from ..scoring._threshold import check_threshold, find_thresholds
from ..tools._class_weight import ClassWeight


class DecidingEnsemble:
    """The weights of classes and the threshold; a regression has neither."""

    class_weight: Any = None
    threshold: Any = None

    blender_: Blender
    _record: FitRecord
    _task: Task

    def _class_weight(self, task: Task) -> ClassWeight | None:
        """Return what the rows of each class count for whatever learns; None where all count as they are."""
        return read_class_weight(self.class_weight, task)

    def _weighs(self, weight: FloatArray | None) -> bool:
        """Return whether members and blender must take weights."""
        return weight is not None or self.class_weight is not None

    def _check_decision(self, task: Task, blender: Blender) -> None:
        """Raise a ParameterError for a threshold that does not suit."""
        wanted = check_threshold(self.threshold, task, blender)
        if isinstance(wanted, Metric):
            wanted.check(np.arange(2), task, None)

    def _thresholds(self, oof: OutOfFold, seed: int) -> tuple[float | None, Sequence[float]]:
        """Return from which probability on the second of two classes is predicted, and without the rows of each fold.

        None for the most probable class.
        """
        wanted = check_threshold(self.threshold, self._task, self.blender_)
        return (None, ()) if wanted is None else find_thresholds(wanted, oof, seed)

    def _decide_unscored(self) -> None:
        """Take a threshold that is given where nothing is known of rows that no model saw; the scores stay."""
        wanted = check_threshold(self.threshold, self._task, self.blender_)
        if isinstance(wanted, Metric):
            raise ParameterError(
                f"threshold is {self.threshold!r}, which is found on out-of-fold rows, and the ensemble was saved "
                "without them; give a number, or save it with oof=True"
            )
        self._record = replace(self._record, threshold=wanted, fold_thresholds=())

    def _row_thresholds(
        self, oof: OutOfFold, metric: Metric, seed: int, task: Task, blender: Blender
    ) -> FloatArray | None:
        """Return the threshold of each out-of-fold row, found without it; None where the metric looks at no label."""
        wanted = check_threshold(self.threshold, task, blender) if metric.decides else None
        if wanted is None:
            return None
        served, each = find_thresholds(wanted, oof, seed)
        return by_row(each, oof.plan, seed, served)

    def _decided(self, oof: OutOfFold, metric: Metric, seed: int, task: Task, blender: Blender) -> FloatArray:
        """Return the blend of out-of-fold rows as a metric looks at it."""
        return labelled(oof.blend, self._row_thresholds(oof, metric, seed, task, blender))

    @property
    def _threshold(self) -> float | None:
        return self._record.threshold
