"""Splits inside the training part of a fold: for early stopping and for the target means of categories.

Groups stay together and later rows never teach about earlier ones where the plan is so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

from ..contracts._task import IntArray, Task
from ._plan import SplitPlan, repeats

_FOLDS = 5
_SHARE_TO_STOP = 0.15
_FEWEST_TO_STOP = 40


def inner_folds(plan: SplitPlan, rows: IntArray, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Return folds among some rows of the plan, as positions in ``rows``.

    Each position is tested once, but for the first rows of a time-ordered plan. A row that is there more than once is
    on one side.
    """
    if repeats(rows):
        distinct, codes = np.unique(rows, return_inverse=True)
        folds = inner_folds(plan, distinct, seed)
        return [(_positions(codes, train), _positions(codes, test)) for train, test in folds]
    count = len(rows)
    if plan.is_time_ordered:
        n_folds, order = min(_FOLDS, count - 1), np.argsort(rows)
        return [(order[a], order[b]) for a, b in TimeSeriesSplit(n_folds).split(rows)] if n_folds > 1 else []
    if plan.groups is not None:
        groups = plan.groups[rows]
        n_groups = min(_FOLDS, len(np.unique(groups)))
        if n_groups < 2:
            return []
        return list(GroupKFold(n_groups, shuffle=True, random_state=seed).split(rows, groups=groups))
    n_folds = min(_FOLDS, count)
    return list(KFold(n_folds, shuffle=True, random_state=seed).split(rows)) if n_folds > 1 else []


def hold_out(
    plan: SplitPlan, rows: IntArray, y: NDArray[np.int64], task: Task, seed: int
) -> tuple[IntArray, IntArray] | None:
    """Split some rows of the plan, by position, into rows to fit on and rows to stop on.

    About 15 % are held out: whole groups where there are groups, the last rows of a
    time-ordered plan, and the same share of every class otherwise. A row that is there more than
    once, as in a bootstrap sample, is on one side. None when there are too few rows, or a class
    would be left without a row to fit on.

    Parameters
    ----------
    plan : SplitPlan
    rows : array of shape (n_rows,)
        Numbers of the training rows.
    y : array of shape (n_rows,)
        Their targets.
    task : Task
    seed : int
    """
    if repeats(rows):
        distinct, first, codes = np.unique(rows, return_index=True, return_inverse=True)
        split = hold_out(plan, distinct, y[first], task, seed)
        return None if split is None else (_positions(codes, split[0]), _positions(codes, split[1]))
    if len(rows) < _FEWEST_TO_STOP:
        return None
    rng = np.random.default_rng(seed)
    if plan.is_time_ordered:
        order = np.argsort(rows, kind="stable")
        held = order[-round(_SHARE_TO_STOP * len(rows)) :]
    elif plan.groups is not None:
        held = _groups_held_out(plan.groups[rows], rng)
    elif task.is_classification and not task.is_multilabel:
        parts = [rng.permutation(np.flatnonzero(y == code)) for code in np.unique(y)]
        held = np.concatenate([part[: round(_SHARE_TO_STOP * len(part))] for part in parts])
    else:
        held = rng.permutation(len(rows))[: round(_SHARE_TO_STOP * len(rows))]
    is_held = np.zeros(len(rows), dtype=bool)
    is_held[held] = True
    kept = np.flatnonzero(~is_held)
    lost = task.is_classification and not task.is_multilabel and len(np.unique(y[kept])) < len(np.unique(y))
    if not len(held) or not len(kept) or lost:
        return None
    return kept, np.sort(held)


def _positions(codes: IntArray, chosen: IntArray) -> IntArray:
    """Return where the codes of some distinct rows are, each as often as it is there."""
    return np.flatnonzero(np.isin(codes, chosen))


def _groups_held_out(groups: NDArray[np.generic], rng: np.random.Generator) -> IntArray:
    names, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    wanted = _SHARE_TO_STOP * len(groups)
    # Not one that is more than twice that, or too little would be left to fit on.
    small = order[sizes[order] < 2 * wanted]
    # The first groups that bring the share nearest to what is wanted, at least one; or else the smallest.
    count = 1 + int(np.argmin(np.abs(np.cumsum(sizes[small]) - wanted))) if len(small) else 0
    held = small[:count] if count else order[[np.argmin(sizes[order])]]
    return np.flatnonzero(np.isin(codes, held[: len(names) - 1]))
