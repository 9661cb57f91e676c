"""The serving door to a bundle: predictions with numpy and the boosters' own libraries alone.

`byoe.load` gives the estimator, which needs scikit-learn. A bundle of boosters, linear models and
perceptrons under a linear blend predicts without it, and so without seconds of imports. Handlers, the
local server and batch transform use nothing else. Both doors share the code that predicts, so that
they give the same bits.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle._reader import BundleReader
from ..contracts._blender import Blender
from ..contracts._task import FloatArray, Task
from ..data._table import Table
from ..errors import ParameterError
from ..fitted._explain import explain, explain_margins
from ..fitted._intervals import method_of, predict_interval
from ..fitted._predicting import Predicting
from ..folds._plan import SplitPlan


class Runtime(Predicting):
    """A bundle that predicts tables.

    Members that the blend does not use are not read, nor are their libraries needed.

    Parameters
    ----------
    saved : BundleReader, str or Path
        A bundle.
    n_jobs : int, default=None
        Threads for many rows; few are predicted with one.
    """

    n_features_in_: int
    classes_: NDArray[Any]
    _columns: tuple[Any, ...]
    _task: Task

    def __init__(
        self,
        saved: BundleReader | str | Path,
        *,
        n_jobs: int | None = None,
    ) -> None:
        self.n_jobs = n_jobs
        self._saved = saved if isinstance(saved, BundleReader) else BundleReader(saved)
        self._saved.fill(self)

    def predict(self, table: Table) -> NDArray[Any]:
        """Return values in units of the target, or classes."""
        return self.labels(self._blended(table))

    def labels(self, blended: FloatArray) -> NDArray[Any]:
        """Return a blend as what `predict` gives: for classes the most probable one."""
        return np.asarray(self.classes_[blended.argmax(axis=1)]) if self._task.is_classification else blended

    def ask_members(self, table: Table) -> FloatArray:
        """Return predictions of shape (n_rows, n_members[, …]); zeros of members that the blend does not use."""
        return self._member_predictions(table, self.blender_)

    def blend(self, table: Table, predictions: FloatArray) -> FloatArray:
        """Return values, or probabilities of all classes, of the members' predictions."""
        return self._blended(table, predictions)

    def probabilities(self, blended: FloatArray) -> FloatArray:
        """Return a blend, if it is of probabilities."""
        if not self._task.is_classification:
            raise ParameterError("a regression has no probabilities; ask for an interval")
        if not self.blender_.gives_probabilities:
            raise ParameterError("this blender votes for a class and gives no probabilities")
        return blended

    def by_member(self, predictions: FloatArray) -> dict[str, FloatArray]:
        """Return the predictions of each member that the blend uses."""
        used = self.blender_.used(len(self.members_))
        return {label: predictions[:, i] for i, label in enumerate(self.members_) if used[i]}

    def interval(self, table: Table, level: float, blended: FloatArray | None = None) -> FloatArray:
        """Return the bounds of prediction intervals, of shape (n_rows, [n_outputs,] 2), around a blend."""
        if self._task.is_classification:
            raise ParameterError("a classification has no intervals; ask for probabilities")
        return predict_interval(self, table, level, blended)

    def contributions(self, table: Table) -> FloatArray | dict[str, FloatArray]:
        """Return what each column adds to a prediction; for classes, to the margin of each member."""
        return explain_margins(self, table) if self._task.is_classification else explain(self, table)

    # -- what intervals need, read when one is asked for -------------------------------

    @property
    def interval_method_(self) -> str:
        """As that of `EnsembleRegressor`."""
        return method_of(self)

    @cached_property
    def _held_out(self) -> tuple[Blender, ...]:
        return self._saved.held_out()

    @cached_property
    def _out_of_fold(self) -> Any:
        class OutOfFold:
            """Holds what `BundleReader.read_oof` reads."""

        found = OutOfFold()
        self._saved.read_oof(found)
        return found

    @property
    def _plan(self) -> SplitPlan:
        plan: SplitPlan = self._out_of_fold._plan
        return plan

    @property
    def _y(self) -> NDArray[Any]:
        return np.asarray(self._out_of_fold._y)

    @property
    def _weight(self) -> FloatArray | None:
        weight: FloatArray | None = self._out_of_fold._weight
        return weight

    @property
    def _blend_oof(self) -> FloatArray:
        return np.asarray(self._out_of_fold._blend_oof)

    @property
    def _blend_scored(self) -> NDArray[np.bool_]:
        return np.asarray(self._out_of_fold._blend_scored)
