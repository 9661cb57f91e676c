"""Members of the second layer: they predict from the table and from what members of the first make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray, Task
from ..data._table import Table
from ..data._widened import widened
from ..errors import ParameterError
from ._models import FittedMember

Known = dict[str, FloatArray]


@dataclass
class StackedMember(FittedMember):
    """A member of the second layer with the models that are served.

    Attributes
    ----------
    below : tuple of FittedMember
        The members of the first layer that it learns from, in the order of their columns.
    task : Task or None
        Of the ensemble.
    """

    below: tuple[FittedMember, ...] = ()
    task: Task | None = None

    @property
    def feeders(self) -> tuple[str, ...]:
        """The labels of the members that it learns from."""
        return tuple(member.label for member in self.below)

    @property
    def places(self) -> list[int]:
        """Which columns of the predictions of each member below it learns from."""
        return [1] if _two_classes(self._of) else list(range(block_width(self._of)))

    def predict(self, table: Any, threads: int, known: Known | None = None) -> FloatArray:
        """Return the mean of the models' predictions, which learn from the served ones of the members below."""
        return super().predict(self._table(table, known, lambda member: member.predict(table, threads)), threads)

    def predict_by(self, number: int, table: Any, threads: int, known: Known | None = None) -> FloatArray:
        """Return what one of the models predicts, from what those of the same number below do."""
        asked = partial(FittedMember.predict_by, number=number, table=table, threads=threads)
        return super().predict_by(number, self._table(table, known, asked), threads)

    def contributions(self, table: Any, threads: int) -> FloatArray:
        """Raise a ParameterError, since columns tell it something through other members, too."""
        raise ParameterError("it is of the second layer, whose columns are also what the first predicts")

    def importances(self, features: IntArray) -> FloatArray | None:
        """Return the mean of the models' importances; those of members below are handed on to these members' columns.

        ``features`` are the columns that the features of the ensemble's table come from.
        """
        n_columns, each = int(features[-1]) + 1, block_width(self._of)
        wide = np.r_[features, n_columns + np.arange(each * len(self.below))].astype(features.dtype)
        told = super().importances(wide)
        if told is None:
            return None
        total = told[:n_columns].copy()
        for own, member in zip(told[n_columns:].reshape(len(self.below), each).sum(axis=1), self.below, strict=True):
            further = member.importances(features)
            if further is not None:
                total += own * further
        return total / total.sum() if total.any() else None

    def _table(self, table: Table, known: Known | None, ask: Callable[[FittedMember], FloatArray]) -> Table:
        said = {} if known is None else known
        for member in self.below:
            if member.label not in said:
                said[member.label] = ask(member)
        return stacked(table, np.stack([said[label] for label in self.feeders], axis=1), self.feeders, self._of)

    @property
    def _of(self) -> Task:
        assert self.task is not None
        return self.task


def stacked(table: Table, predictions: FloatArray, labels: Sequence[str], task: Task) -> Table:
    """Return a table with the predictions of some members as further columns.

    Parameters
    ----------
    table : Table
    predictions : array of shape (n_rows, n_members[, n_classes | n_outputs])
        In units of the target; probabilities of classes. Of two classes the second one alone becomes a column.
    labels : sequence of str
    task : Task
    """
    width = block_width(task)
    block = predictions[:, :, 1] if _two_classes(task) else predictions
    names = [f"prediction of {label}" + f" {i}" * (width > 1) for label in labels for i in range(width)]
    return widened(table, block.reshape(len(predictions), width * len(labels)), names)


def block_width(task: Task) -> int:
    """Return how many columns each member's predictions become."""
    return 1 if _two_classes(task) else int(np.prod(task.width, dtype=np.int64))


def _two_classes(task: Task) -> bool:
    return task.is_classification and not task.is_multilabel and task.n_classes == 2


def by_feeders(members: Mapping[str, FittedMember]) -> dict[tuple[str, ...], dict[str, FittedMember]]:
    """Return members by the labels of those that they learn from: first those that learn from none."""
    found: dict[tuple[str, ...], dict[str, FittedMember]] = {}
    for label, member in members.items():
        found.setdefault(member.feeders, {})[label] = member
    return found


def on_top_of(member: FittedMember, members: Mapping[str, FittedMember]) -> FittedMember:
    """Return a member that learns from others, of the same labels as before, as they are among some members."""
    if not isinstance(member, StackedMember):
        return member
    return replace(member, below=tuple(members[label] for label in member.feeders))


def needed(members: Mapping[str, FittedMember], used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which members are needed where some are used: these, and those of the first layer that they learn from.

    Parameters
    ----------
    members : mapping of label to FittedMember
    used : array of shape (n_members,), bool
    """
    feeding = {
        label for member, wanted in zip(members.values(), used, strict=True) if wanted for label in member.feeders
    }
    found: NDArray[np.bool_] = used | np.array([label in feeding for label in members], dtype=bool)
    return found
