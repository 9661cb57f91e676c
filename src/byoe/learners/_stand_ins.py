"""Categories in the place of those that a booster's training rows did not have.

XGBoost sends a category that it has not met to the side of those that a split leaves out, and so a missing cell where
none was met. That is the same side at every split, so that such a row would get one of the most extreme predictions.
It is predicted as a row of the category whose targets are most like those of all rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
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
    def of(cls, X: Any, y: NDArray[Any], columns: Sequence[int], task: Task) -> StandIns | None:
        """Return those of training rows, of shape (n_rows, n_features); None where there is no category."""
        targets = np.eye(task.n_classes)[y] if task.is_classification else np.reshape(y, (len(y), -1)).astype(float)
        own = {column: codes for column in columns if not np.isnan(codes := X[:, column]).all()}
        if not own:
            return None
        n_codes = 1 + int(max(np.nanmax(codes) for codes in own.values()))
        unmet, instead = np.ones((len(own), n_codes + 2), dtype=bool), np.zeros(len(own))
        for place, codes in enumerate(own.values()):
            missing = np.isnan(codes)
            counts, instead[place] = _most_usual(codes[~missing].astype(np.int64), targets[~missing], n_codes)
            unmet[place, :n_codes] = counts == 0
            unmet[place, -1] = not missing.any()
        return cls(np.array(list(own)), unmet, instead)

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


def _most_usual(codes: IntArray, targets: FloatArray, n_codes: int) -> tuple[IntArray, int]:
    """Return how many rows each category has, and the one of many rows with the mean target nearest to that of all."""
    counts = np.bincount(codes, minlength=n_codes)
    sums = np.column_stack([np.bincount(codes, weights=target, minlength=n_codes) for target in targets.T])
    away = ((sums / np.maximum(counts, 1)[:, None] - targets.mean(axis=0)) ** 2).sum(axis=1)
    away[counts < _USUAL * counts[counts > 0].mean()] = np.inf
    return counts, int(away.argmin())
