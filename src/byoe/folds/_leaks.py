"""What a split plan may let through: copies of a row, and groups, on both sides of a fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import IntArray
from ..data._table import Table, as_float64
from ..errors import LeakageWarning
from ..tools._warnings import warn
from ._plan import SplitPlan

# Fewer are chance, and change no score that one could see.
_FEWEST_COPIES, _SHARE_OF_COPIES = 5, 0.01
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def warn_of_leaks(plan: SplitPlan, table: Table, y: NDArray[Any]) -> None:
    """Warn when a fold predicts copies of rows, or rows of groups, that it has learned from."""
    if plan.groups is not None:
        names, codes = np.unique(plan.groups, return_inverse=True)
        count = _straddling(plan, codes, len(names))
        if count:
            warn(
                f"{count} of {len(names)} groups stand on both sides of a fold: cv does not keep them together. Pass "
                "a number of folds, or a splitter such as GroupKFold, if rows of a group know about each other",
                LeakageWarning,
            )
    if table.sparse:
        return
    copies = _copies(table.values, y)
    count = 0 if copies is None else _rows_seen(plan, copies)
    if count >= max(_FEWEST_COPIES, _SHARE_OF_COPIES * plan.n_rows):
        warn(
            f"{count} of {plan.n_rows} rows have a copy (the same features and target) in the training part of the "
            "fold that predicts them, so that the scores are better than for new rows. Drop the copies, or pass "
            "groups that keep them together; ignore this if equal rows are different observations",
            LeakageWarning,
        )


def _copies(values: NDArray[np.float64], y: NDArray[Any]) -> IntArray | None:
    """Return a number for each row, equal for equal rows, or None when no two rows are equal."""
    hashes = np.zeros(len(values), dtype=np.uint64)
    for column in (*values.T, *np.asarray(y, dtype=np.float64).reshape(len(y), -1).T):
        wide = as_float64(column)
        bits = np.where(np.isnan(wide), np.nan, wide + 0.0).view(np.uint64)  # one NaN and one zero
        hashes = (hashes ^ bits) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    names, codes = np.unique(hashes, return_inverse=True)
    return None if len(names) == len(values) else codes


def _straddling(plan: SplitPlan, codes: IntArray, n_names: int) -> int:
    both = np.zeros(n_names, dtype=bool)
    for train, test in plan.folds:
        seen = np.zeros(n_names, dtype=bool)
        seen[codes[train]] = True
        both[codes[test][seen[codes[test]]]] = True
    return int(both.sum())


def _rows_seen(plan: SplitPlan, codes: IntArray) -> int:
    copied = np.zeros(plan.n_rows, dtype=bool)
    for train, test in plan.folds:
        seen = np.zeros(codes.max() + 1, dtype=bool)
        seen[codes[train]] = True
        copied[test[seen[codes[test]]]] = True
    return int(copied.sum())
