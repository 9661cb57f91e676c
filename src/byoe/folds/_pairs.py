"""Pairs of folds: what a second layer trains on is predicted by models that saw neither of two folds."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ._plan import SplitPlan, mask

_LEAST, _MOST = 3, 20


def why_no_pairs(plan: SplitPlan) -> str:
    """Say why a plan's folds make no pairs for a second layer, or return ``""``."""
    if plan.is_time_ordered and len(plan.folds) > 1:
        return "its folds are in the order of time"
    if not plan.coverage.all():
        return f"only {int(plan.coverage.sum())} of {plan.n_rows} rows are in the test part of a fold"
    if int(plan.counts.max()) > 1:
        return "rows are in the test parts of several folds"
    if not plan.is_partition:
        return "its folds do not train on all the rows that they do not predict"
    if len(plan.folds) < _LEAST:
        return f"it has {len(plan.folds)} folds, and without two of them no rows are left"
    if len(plan.folds) > _MOST:
        return f"its {len(plan.folds)} folds make {len(plan.folds) * (len(plan.folds) - 1) // 2} pairs, each a fit"
    return ""


def plan_of_pairs(plan: SplitPlan) -> tuple[SplitPlan, list[tuple[int, int]]]:
    """Return a plan with a fold for every two folds of a partition, and which these are.

    Each trains on the rows of neither, and predicts those of both.
    """
    pairs = list(combinations(range(len(plan.folds)), 2))
    every = np.ones(plan.n_rows, dtype=bool)
    folds = []
    for first, second in pairs:
        both = mask(plan.folds[first][1], plan.n_rows) | mask(plan.folds[second][1], plan.n_rows)
        folds.append((np.flatnonzero(every & ~both), np.flatnonzero(both)))
    return SplitPlan(tuple(folds), plan.n_rows, plan.groups), pairs
