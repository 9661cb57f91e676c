"""Categories in the place of those that a booster's training rows did not have.

XGBoost sends a category that it has not met to the side of those that a split leaves out, and so a missing cell where
none was met. Where splits are on sets of categories, in the order of their gradients, that is the same side at every
split, so that such a row would get one of the most extreme predictions. It is predicted as a row of the category whose
targets are most like those of all rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray, Task

_USUAL = 0.5  # of the rows of a category on average, what one must have to stand for others


@dataclass(frozen=True)
class StandIns:
    """Which codes of categories are replaced, and by which.

    Attributes
    ----------
    columns : array of shape (n_columns,)
        The features that hold categories.
    unmet : array of bool of shape (n_columns, n_codes + 2)
        Whether a code is replaced; the last two are for greater codes and for missing cells.
    instead : array of shape (n_columns,)
        The codes that stand for them.
    """

    columns: IntArray
    unmet: NDArray[np.bool_]
    instead: FloatArray

    @classmethod
    def of(
        cls, X: Any, y: NDArray[Any], columns: Sequence[int], task: Task, sample_weight: FloatArray | None = None
    ) -> StandIns | None:
        """Return those of training rows, of shape (n_rows, n_features); None where there is no category."""
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        own = {column: codes for column in columns if not np.isnan(codes := X[:, column]).all()}
        if not own:
            return None
        n_codes = 1 + int(max(np.nanmax(codes) for codes in own.values()))
        unmet, instead = np.ones((len(own), n_codes + 2), dtype=bool), np.zeros(len(own))
        for place, codes in enumerate(own.values()):
            known = ~np.isnan(codes)
            met = codes[known].astype(np.int64)
            unmet[place, :n_codes] = np.bincount(met, minlength=n_codes) == 0
            unmet[place, -1] = known.all()
            instead[place] = _most_usual(met, y[known], weight[known], n_codes, task)
        return cls(np.array(list(own)), unmet, instead)

    @classmethod
    def of_rows(
        cls,
        X: Any,
        rows: IntArray,
        y: NDArray[Any],
        columns: Sequence[int],
        task: Task,
        sample_weight: FloatArray | None = None,
    ) -> StandIns | None:
        """Return those of some rows of a table, of which no other columns are copied."""
        places = np.array(columns)
        own = cls.of(X[np.ix_(rows, places)], y, range(len(columns)), task, sample_weight)
        return None if own is None else replace(own, columns=places[own.columns])

    def applied(self, X: Any) -> Any:
        """Return rows with the codes replaced, or the rows themselves where there is none to replace."""
        codes = X[:, self.columns]
        n_codes = self.unmet.shape[1] - 2
        places = np.where(np.isnan(codes), n_codes + 1, np.minimum(codes, n_codes)).astype(np.int64)
        unmet = self.unmet[np.arange(len(self.columns)), places]
        if not unmet.any():
            return X
        replaced = X.copy()
        replaced[:, self.columns] = np.where(unmet, self.instead, codes)
        return replaced

    def state(self) -> str:
        """Return them as JSON."""
        met = [np.flatnonzero(~unmet[:-2]).tolist() for unmet in self.unmet]
        told = {"columns": self.columns.tolist(), "met": met, "instead": self.instead.tolist()}
        return json.dumps({**told, "missing": (~self.unmet[:, -1]).tolist()})

    @classmethod
    def restore(cls, state: str) -> StandIns:
        """Take back what ``state`` returned."""
        told = json.loads(state)
        unmet = np.ones((len(told["met"]), max(codes[-1] for codes in told["met"]) + 3), dtype=bool)
        for place, codes in enumerate(told["met"]):
            unmet[place, codes] = False
            unmet[place, -1] = not told["missing"][place]
        return cls(np.array(told["columns"]), unmet, np.array(told["instead"], dtype=np.float64))


def _most_usual(codes: IntArray, y: NDArray[Any], weight: FloatArray, n_codes: int, task: Task) -> int:
    """Return the category whose mean target is nearest to that of all rows, of those with many rows.

    Of classes it is that with the nearest shares.
    """
    total = np.bincount(codes, weights=weight, minlength=n_codes)
    if task.is_classification:
        cells = np.bincount(codes * task.n_classes + y, weights=weight, minlength=n_codes * task.n_classes)
        sums = cells.reshape(n_codes, task.n_classes)
    else:
        columns = np.reshape(y, (len(y), -1)).T
        sums = np.column_stack([np.bincount(codes, weights=weight * own, minlength=n_codes) for own in columns])
    many = total >= _USUAL * total[total > 0].mean()
    means = sums / np.where(many, total, 1.0)[:, None]
    away = ((means - sums.sum(axis=0) / total.sum()) ** 2).sum(axis=1)
    return int(np.where(many, away, np.inf).argmin())
