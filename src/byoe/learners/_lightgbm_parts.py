"""Predictions of LightGBM, for many rows by a part of the trees after the other.

LightGBM takes a row through all trees before the next one. Where the trees are more than a core's cache has room for,
every row reads all of them from memory; a part of them stays there for all rows. benchmarks/README.md has the times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from .linear import logistic, softmax

_TREES, _MANY_ROWS = 250, 64


def rounds_of_part(booster: Any, rounds: int, n_rows: int, n_columns: int) -> int:
    """Return how many rounds make a part; all of them where the trees, or the rows, are too few for it to matter.

    Every part reads all columns of a row again, so that it has as many trees at least.
    """
    step = max(1, max(_TREES, n_columns) // booster.num_model_per_iteration())
    return step if n_rows >= _MANY_ROWS and rounds >= 2 * step else rounds


def scores_in_parts(booster: Any, rounds: int, step: int, X: Any, threads: int) -> FloatArray:
    """Return the sums of the first rounds' trees, of shape (n_rows,) or (n_rows, n_classes)."""
    X = X.tocsr() if hasattr(X, "tocsr") else np.ascontiguousarray(X)  # as LightGBM would make it for every part
    parts = (
        booster.predict(
            X, raw_score=True, start_iteration=at, num_iteration=min(step, rounds - at), num_threads=threads
        )
        for at in range(0, rounds, step)
    )
    scores = np.asarray(next(parts), dtype=np.float64)
    for part in parts:
        scores += part
    return scores


def link_of(objective: str) -> Callable[[FloatArray], FloatArray] | None:
    """Return what makes predictions of sums of trees, by the objective as a model's file has it; None if not known."""
    return _LINKS.get(objective.partition(" num_class:")[0])


def _as_they_are(scores: FloatArray) -> FloatArray:
    return scores


_LINKS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    **dict.fromkeys("regression regression_l1 huber fair quantile mape".split(), _as_they_are),
    "binary sigmoid:1": logistic,
    "multiclass": softmax,
}
