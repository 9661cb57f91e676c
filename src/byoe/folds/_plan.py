"""The split plan: which rows each fold trains on and which it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import IntArray

MOST_FOLDS_TO_BAG = 20


@dataclass(frozen=True)
class SplitPlan:
    """The folds of one fit, shared by all members.

    Attributes
    ----------
    folds : tuple of (train, test) pairs of row indices
    n_rows : int
    groups : array of shape (n_rows,) or None
    """

    folds: tuple[tuple[IntArray, IntArray], ...]
    n_rows: int
    groups: NDArray[Any] | None = None

    @cached_property
    def counts(self) -> IntArray:
        """How many folds predict each row."""
        counts = np.zeros(self.n_rows, dtype=np.int64)
        for _, test in self.folds:
            counts[test] += 1
        return counts

    @property
    def coverage(self) -> NDArray[np.bool_]:
        """Which rows get an out-of-fold prediction."""
        return self.counts > 0

    @property
    def repeats_rows(self) -> bool:
        """Whether a training part holds a row more than once."""
        return any(repeats(train) for train, _ in self.folds)

    @property
    def is_partition(self) -> bool:
        """Whether every row is predicted once, by a fold that trains on all the other folds' rows."""
        once = bool((self.counts == 1).all())
        return once and all(len(train) == self.n_rows - len(test) and not repeats(train) for train, test in self.folds)

    @property
    def test_fold(self) -> IntArray:
        """Number of the last fold that predicts each row, of shape (n_rows,); -1 for none."""
        numbers = np.full(self.n_rows, -1)
        for number, (_, test) in enumerate(self.folds):
            numbers[test] = number
        return numbers

    @cached_property
    def is_time_ordered(self) -> bool:
        """Whether every fold predicts rows that come after all rows it was trained on."""
        return all(int(train.max()) < int(test.min()) for train, test in self.folds)

    @cached_property
    def whole_groups(self) -> IntArray | None:
        """Codes of the groups, of shape (n_rows,), if no fold has a group on both sides; else None."""
        if self.groups is None:
            return None
        names, codes = np.unique(self.groups, return_inverse=True)
        for train, test in self.folds:
            seen = np.zeros(len(names), dtype=bool)
            seen[codes[train]] = True
            if seen[codes[test]].any():
                return None
        return np.asarray(codes, dtype=np.int64)

    def why_not_bag(self) -> str:
        """Say why averaging the fold models would make a poor served model, or return ``""``."""
        smallest = min(len(train) for train, _ in self.folds)
        if not self.coverage.all():
            return f"only {self.coverage.sum()} of {self.n_rows} rows are covered by the folds"
        if smallest < 2 * self.n_rows // 3:  # rounded down: three folds of any number of rows pass
            return f"a training part holds only {smallest} of {self.n_rows} rows"
        if len(self.folds) > MOST_FOLDS_TO_BAG:
            return f"{len(self.folds)} fold models per member would have to be served"
        return ""

    def blend_folds(self, seed: int) -> list[tuple[IntArray, IntArray]]:
        """Return the folds on which a blender is cross-validated, among covered rows.

        The plan's own folds, so that groups and time order hold here too: the blender for a
        fold learns from covered rows of its training part. A plan whose training parts hold
        no covered row (a holdout) gets five folds among its covered rows.
        """
        pairs = [(np.flatnonzero(self.coverage & mask(train, self.n_rows)), test) for train, test in self.folds]
        pairs = [(train, test) for train, test in pairs if len(train)]
        if pairs:
            return pairs
        from sklearn.model_selection import GroupKFold, KFold

        covered = np.flatnonzero(self.coverage)
        if self.groups is not None and len(np.unique(self.groups[covered])) > 1:
            groups = self.groups[covered]
            splitter: Any = GroupKFold(min(5, len(np.unique(groups))))
            inner = splitter.split(covered, groups=groups)
        elif len(covered) > 1:
            inner = KFold(min(5, len(covered)), shuffle=True, random_state=seed).split(covered)
        else:
            return []
        return [(covered[train], covered[test]) for train, test in inner]


def mask(rows: IntArray, n_rows: int) -> NDArray[np.bool_]:
    """Return which of all rows are among some, of shape (n_rows,)."""
    among = np.zeros(n_rows, dtype=bool)
    among[rows] = True
    return among


def repeats(rows: IntArray) -> bool:
    """Say whether a row is there more than once."""
    return len(rows) > 0 and int(np.bincount(rows).max()) > 1
