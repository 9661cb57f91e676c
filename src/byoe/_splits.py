"""The split plan: which rows each fold trains on and which it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.validation import check_array, column_or_1d

from ._contracts import FloatArray, IntArray, Task
from ._filters import warnings_filtered
from .errors import InputError, ParameterError

_MOST_FOLDS_TO_BAG = 20


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
        return any(_repeats(train) for train, _ in self.folds)

    @property
    def is_partition(self) -> bool:
        """Whether every row is predicted once, by a fold that trains on all the other folds' rows."""
        once = bool((self.counts == 1).all())
        return once and all(len(train) == self.n_rows - len(test) and not _repeats(train) for train, test in self.folds)

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
        if len(self.folds) > _MOST_FOLDS_TO_BAG:
            return f"{len(self.folds)} fold models per member would have to be served"
        return ""

    def blend_folds(self, seed: int) -> list[tuple[IntArray, IntArray]]:
        """Return the folds on which a blender is cross-validated, among covered rows.

        The plan's own folds, so that groups and time order hold here too: the blender for a
        fold learns from covered rows of its training part. A plan whose training parts hold
        no covered row (a holdout) gets five folds among its covered rows.
        """
        pairs = [(np.flatnonzero(self.coverage & _mask(train, self.n_rows)), test) for train, test in self.folds]
        pairs = [(train, test) for train, test in pairs if len(train)]
        if pairs:
            return pairs
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


def make_plan(cv: Any, values: FloatArray, y: NDArray[Any], groups: Any, task: Task, seed: int) -> SplitPlan:
    """Make and check the plan of a fit."""
    n_rows = len(y)
    if groups is not None:
        groups = column_or_1d(groups)
        if any(group is None or group != group for group in groups.tolist()):
            raise InputError("groups has missing entries; every row needs a group")
        if len(groups) != n_rows:
            raise InputError(f"groups has {len(groups)} entries for {n_rows} rows; give one each")
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        splitter = _splitter(int(cv), n_rows, y, groups, task, seed)
        pairs = splitter.split(values, y, groups)
    elif hasattr(cv, "split") and not isinstance(cv, (str, bytes)):
        pairs = _split(cv, values, y, groups)
    elif hasattr(cv, "__iter__") and not isinstance(cv, (str, bytes)):
        pairs = cv
    else:
        raise ParameterError(
            f"cv is {cv!r}, expected a number of folds, a scikit-learn splitter or an iterable of "
            "(train, test) index pairs"
        )
    folds = tuple(_checked(i, pair, n_rows) for i, pair in enumerate(pairs))
    if not folds:
        raise ParameterError("cv gave no folds; at least one (train, test) pair is needed")
    return SplitPlan(folds, n_rows, groups)


def _split(splitter: Any, values: FloatArray, y: NDArray[Any], groups: Any) -> list[Any]:
    # byoe counts the groups that are torn apart, and keeps the others for the blender.
    with warnings_filtered(("ignore", "The groups parameter is ignored")):
        return list(splitter.split(values, y, groups))


def _splitter(cv: int, n_rows: int, y: NDArray[Any], groups: Any, task: Task, seed: int) -> Any:
    if cv < 2:
        raise ParameterError(f"cv={cv}: at least two folds are needed")
    if n_rows < cv:
        raise InputError(f"{cv} folds need at least {cv} rows, got {n_rows} (n_samples={n_rows}); lower cv")
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < cv:
            raise InputError(f"{cv} folds need at least {cv} groups, got {n_groups}; lower cv")
        kind = StratifiedGroupKFold if task.is_classification else GroupKFold
        return kind(cv, shuffle=True, random_state=seed)
    if task.is_classification:
        rarest = int(np.bincount(y).min())
        if rarest < 2:
            raise InputError(
                "the rarest class has one row, so that no fold can both learn and predict it; drop it, merge it "
                "with another class or pass cv as a splitter"
            )
        if np.bincount(y).max() >= cv:
            return StratifiedKFold(cv, shuffle=True, random_state=seed)
    return KFold(cv, shuffle=True, random_state=seed)


def _checked(number: int, pair: Any, n_rows: int) -> tuple[IntArray, IntArray]:
    try:
        train, test = (_indices(part, n_rows) for part in pair)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"fold {number + 1} of cv is not a (train, test) pair of row indices below {n_rows}: {error}"
        ) from error
    if not len(train) or not len(test):
        raise ParameterError(f"fold {number + 1} of cv has an empty {'test' if len(train) else 'training'} part")
    if _repeats(test):
        raise ParameterError(f"fold {number + 1} of cv predicts a row more than once; give every test row once")
    shared = np.sort(test[_mask(train, n_rows)[test]])
    if len(shared):
        raise ParameterError(
            f"fold {number + 1} of cv trains on rows that it also predicts ({len(shared)} of them, the first is row "
            f"{shared[0]}); its out-of-fold predictions would have seen their target"
        )
    return train, test


def _mask(rows: IntArray, n_rows: int) -> NDArray[np.bool_]:
    mask = np.zeros(n_rows, dtype=bool)
    mask[rows] = True
    return mask


def _repeats(rows: IntArray) -> bool:
    return len(rows) > 0 and int(np.bincount(rows).max()) > 1


def _indices(part: Any, n_rows: int) -> IntArray:
    part = np.asarray(part)
    if part.dtype == bool and part.shape == (n_rows,):
        part = np.flatnonzero(part)
    index = check_array(part, ensure_2d=False, ensure_min_samples=0, dtype=None)
    if index.ndim != 1 or (len(index) and index.dtype.kind not in "iu"):
        raise ValueError(f"got an array of shape {index.shape} and type {index.dtype}")
    if len(index) and (index.min() < 0 or index.max() >= n_rows):
        raise ValueError(f"indices run from {index.min()} to {index.max()}")
    return np.asarray(index, dtype=np.int64)
