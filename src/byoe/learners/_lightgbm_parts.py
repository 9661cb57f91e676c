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

_TREES, _MANY_TREES, _MANY_ROWS = 250, 500, 64


def in_parts(booster: Any, rounds: int, objective: str, X: Any, threads: int) -> FloatArray | None:
    """Return the predictions of rows, of shape (n_rows,) or (n_rows, n_classes).

    None where the trees or the rows are few, or where the objective turns scores into something else than numbers as
    they are or probabilities.

    Parameters
    ----------
    booster : lightgbm.Booster
        Its trees are added, not averaged.
    rounds : int
    objective : str
        As the model's file has it.
    X : array or sparse matrix of shape (n_rows, n_columns)
    threads : int
    """
    each = booster.num_model_per_iteration()
    link = _LINKS.get(objective.partition(" num_class:")[0])
    if link is None or rounds * each < _MANY_TREES or X.shape[0] < _MANY_ROWS:
        return None
    step = max(1, _TREES // each)
    parts = (
        booster.predict(
            X, raw_score=True, start_iteration=at, num_iteration=min(step, rounds - at), num_threads=threads
        )
        for at in range(0, rounds, step)
    )
    scores = np.asarray(next(parts), dtype=np.float64)
    for part in parts:
        scores += part
    return link(scores)


def _as_they_are(scores: FloatArray) -> FloatArray:
    return scores


_LINKS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    **dict.fromkeys("regression regression_l1 huber fair quantile mape".split(), _as_they_are),
    "binary sigmoid:1": logistic,
    "multiclass": softmax,
}
