"""What a fit knows of rows that its models did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF
from ..contracts._task import FloatArray, Task
from ..contracts._unit import of_ordinary_size
from ..folds._plan import SplitPlan


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions of the members and of the blend, with the target and the folds that they are of.

    Attributes
    ----------
    predictions : array of shape (n_rows, n_members[, n_classes | n_outputs])
        NaN where no fold predicts a row.
    y : array of shape (n_rows,) or (n_rows, n_outputs)
        float64, or int64 codes of the classes.
    weight : array of shape (n_rows,) or None
    plan : SplitPlan
    blend : array of shape (n_rows,), (n_rows, n_classes) or (n_rows, n_outputs)
        What blenders that did not see a row make of it.
    scored : array of shape (n_rows,), bool
        Which rows have such a blend.
    quantiles : array of shape (n_rows, 2[, n_outputs]) or None
        Where the residuals of the blend lie, as models that did not see a row say; NaN where none does.
    """

    predictions: FloatArray
    y: NDArray[Any]
    weight: FloatArray | None
    plan: SplitPlan
    blend: FloatArray
    scored: NDArray[np.bool_]
    quantiles: FloatArray | None = None

    @classmethod
    def unblended(
        cls, predictions: FloatArray, y: NDArray[Any], weight: FloatArray | None, plan: SplitPlan
    ) -> OutOfFold:
        """Return what is known before a blender is fitted: no row is scored."""
        blend = np.zeros((len(predictions), *predictions.shape[2:]))
        return cls(predictions, y, weight, plan, blend, np.zeros(len(predictions), dtype=bool))

    @property
    def coverage(self) -> NDArray[np.bool_]:
        """Which rows have an out-of-fold prediction."""
        return self.plan.coverage

    @property
    def weights(self) -> FloatArray:
        """The weight of every row; one where there are none."""
        return np.ones(self.plan.n_rows) if self.weight is None else self.weight

    def of_members(self, columns: Sequence[int]) -> OutOfFold:
        """Return the same for some of the members."""
        return replace(self, predictions=self.predictions[:, columns])

    def with_members(self, predictions: FloatArray) -> OutOfFold:
        """Return the same with predictions of further members."""
        return replace(self, predictions=np.concatenate([self.predictions, predictions], axis=1))

    def to_blend(self, task: Task, seed: int, features: FloatArray | None, metric: Any) -> OOF:
        """Return what a blender learns from, of all rows."""
        weight, groups = of_ordinary_size(self.weight), self.plan.groups
        return OOF(self.predictions, self.y, task, weight, features, seed, metric=metric, groups=groups)
