"""The serving door to a bundle: predictions with numpy and the boosters' own libraries alone.

`byoe.load` gives the estimator, which needs scikit-learn. A bundle of boosters, linear models and
perceptrons under a linear blend predicts without it, and so without seconds of imports. Handlers, the
local server and batch transform use nothing else. Both doors share the code that predicts, so that
they give the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..bundle._reader import BundleReader
from ..contracts._blender import Blender
from ..contracts._task import FloatArray
from ..data._form import TableForm
from ..data._table import Table
from ..errors import ParameterError
from ..fitted._explain import explain, explain_margins
from ..fitted._intervals import method_of, predict_interval, width_of
from ..fitted._models import FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicting import Predicting
from ..fitted._stacked import needed
from ._watch import Watch
from ._watch_log import WatchLog


class Runtime(Predicting):
    """A bundle that predicts tables.

    Members that the blend does not use are not read, nor are their libraries needed.

    Parameters
    ----------
    reader : BundleReader, str or Path
        Of a bundle, or its folder.
    n_jobs : int, default=None
        Threads for many rows; few are predicted with one.
    """

    watch: Watch | None = None  # set once requests are to be counted
    log: WatchLog | None = None

    def __init__(
        self,
        reader: BundleReader | str | Path,
        *,
        n_jobs: int | None = None,
    ) -> None:
        self.n_jobs = n_jobs
        self._reader = reader if isinstance(reader, BundleReader) else BundleReader(reader)
        self._read(self._reader)
        self._task, self._form = self._reader.task, self._reader.form
        if (classes := self._reader.classes) is not None:
            self._learn_classes(classes)

    def _read(self, reader: BundleReader) -> None:
        self.members_, self.blender_ = reader.members(), reader.blender()

    def begin_watching(self, called: str = "") -> None:
        """Count requests from here on, and compare their rows with what training held."""
        self.watch = Watch(self._reader.profile, self.form)
        self.log = WatchLog(self.watch, called=called)

    def read_quantiles(self) -> None:
        """Read what the first interval would wait for, with its libraries: later these would bring others along."""
        for member in self._quantiles:
            _ = member.models[:]

    @property
    def form(self) -> TableForm:
        """What the table of the fit was like, which rows of a request must share."""
        return self._form

    @cached_property
    def _threshold(self) -> float | None:
        return self._reader.record.threshold

    @cached_property
    def native(self) -> bool:
        """Whether a member that the blend needs wants rows in the container that it was fitted on."""
        used = needed(self.members_, self.blender_.used(len(self.members_)))
        served = [member for place, member in enumerate(self.members_.values()) if used[place]]
        return any(fold_model.frames for member in served for fold_model in member.models)

    def predict(self, table: Table) -> NDArray[Any]:
        """Return values in units of the target, or classes."""
        return self.labels(self._blended(table))

    def labels(self, blended: FloatArray) -> NDArray[Any]:
        """Return a blend as what `predict` gives: for classes the most probable one."""
        return self._labels(blended) if self._task.is_classification else blended

    def ask_members(self, table: Table) -> FloatArray:
        """Return predictions of shape (n_rows, n_members[, …]); zeros of members that the blend does not use."""
        return self._member_predictions(table, self.blender_)

    def blend(self, table: Table, predictions: FloatArray | None = None) -> FloatArray:
        """Return values, or probabilities of all classes; of the members' predictions, where they are known already."""
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

    @property
    def interval_width_(self) -> str | list[str]:
        """As that of `EnsembleRegressor`."""
        return width_of(self)

    @cached_property
    def _held_out(self) -> tuple[Blender, ...]:
        return self._reader.held_out()

    @cached_property
    def _quantiles(self) -> Sequence[FittedMember]:
        return self._reader.quantiles()

    @cached_property
    def _oof(self) -> OutOfFold:
        return self._reader.read_oof()
