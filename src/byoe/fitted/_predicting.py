"""What a prediction is made of: the members' predictions, and the blend of those that count.

Shared by the ensembles and by `serving._runtime`, which loads neither scikit-learn
nor pandas.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, IntArray, Task
from ..data._column import Column
from ..data._form import TableForm
from ..data._table import Table
from ..tools._cores import cores
from ._evidence import Evidence
from ._failing import blended_by
from ._models import FittedMember
from ._out_of_fold import OutOfFold
from ._passthrough import passed_through
from ._threshold import decided

# So few rows take a few milliseconds, of which a second thread saves half on an idle machine, and for
# which it waits ten times as long on a busy one: an endpoint has a process for each core.
_FEW_ROWS = 1_000


class Predicting:
    """Fitted members and a blender, for tables of one form."""

    members_: dict[str, FittedMember]
    blender_: Blender
    classes_: NDArray[Any]
    n_jobs: int | None
    _task: Task
    _form: TableForm
    _evidence: Evidence | None = None  # of intervals, once one was asked for

    @property
    @abstractmethod
    def _quantiles(self) -> Sequence[FittedMember]:
        """The models of the quantiles of the blend's residual, in the order of `SHARES`; none if none were fitted."""

    @property
    @abstractmethod
    def _oof(self) -> OutOfFold:
        """The out-of-fold data; an error where there are none."""

    @property
    @abstractmethod
    def _held_out(self) -> tuple[Blender, ...]:
        """The blenders that did not see a fold, in the order of the plan's; none where no interval needs them."""

    @property
    def _columns(self) -> tuple[Column, ...]:
        """What each column of a table holds."""
        return self._form.columns

    @property
    @abstractmethod
    def _threshold(self) -> float | None:
        """From which probability on the second of two classes is predicted; None for the most probable class."""

    def _threads(self, table: Table) -> int:
        return 1 if len(table) <= _FEW_ROWS else cores(self.n_jobs)

    def _member_predictions(self, table: Table, blender: Blender | None = None) -> FloatArray:
        """Return predictions of shape (n_rows, n_members[, …]); zeros of members that a given blender does not use."""
        used = np.ones(len(self.members_), dtype=bool) if blender is None else blender.used(len(self.members_))
        predictions = np.zeros((len(table), len(self.members_), *self._task.width))
        known: dict[str, FloatArray] = {}
        for column, (label, member) in enumerate(self.members_.items()):
            if used[column]:
                known[label] = member.predict(table, self._threads(table), known)
                predictions[:, column] = known[label]
        return predictions

    def _blended(self, table: Table, predictions: FloatArray | None = None) -> FloatArray:
        """Return the blend; ``predictions`` are those of the members, where they are known already."""
        # Who has them tells of them, too, and a blender may work in place.
        own = self._member_predictions(table, self.blender_) if predictions is None else predictions.copy()
        features = self._passed_through(self.blender_, table)
        return blended_by(self.blender_, own, features, self._task)

    @property
    def class_labels(self) -> NDArray[Any]:
        """What is predicted, by code: the classes, or of several labels what stands for no and for yes."""
        return np.asarray(self.classes_[0] if self._task.is_multilabel else self.classes_)

    @property
    def class_names(self) -> list[str]:
        """What the probabilities of a row are called in tables: by their class, or by the number of the label."""
        if not self._task.is_classification:
            return []
        return [str(label) for label in (range(self._task.n_outputs) if self._task.is_multilabel else self.classes_)]

    def _labels(self, blended: FloatArray) -> NDArray[Any]:
        """Return the predicted classes: by the threshold, by the blender, or all labels more likely than not."""
        if self._task.is_multilabel:
            return self.class_labels[(blended > 0.5).astype(np.int64)]
        return np.asarray(self.class_labels[self._codes(blended)])

    def _codes(self, blended: FloatArray, threshold: float | FloatArray | None = None) -> IntArray:
        """Return the codes of the predicted classes; of rows with a threshold each where these are given."""
        threshold = self._threshold if threshold is None else threshold
        return self.blender_.choose(blended) if threshold is None else decided(blended, threshold)

    def _learn_classes(self, classes: NDArray[Any]) -> None:
        """Set what scikit-learn's classifiers tell of their classes: of several labels a row for each."""
        # Its scorers and cross_val_predict take this form alone for an array of probabilities.
        self.classes_ = np.tile(classes, (self._task.n_outputs, 1)) if self._task.is_multilabel else classes

    def _passed_through(self, blender: Blender, table: Table) -> FloatArray | None:
        return passed_through(blender, table)
