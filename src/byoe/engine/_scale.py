"""On which scale a member has a skewed target, by rows that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..contracts._deadline import part_of_time
from ..contracts._learner import Learner
from ..contracts._task import FloatArray, IntArray
from ..fitted._models import FoldModel
from ..fitted._target_transform import fitted_transform
from ..folds._inside import inner_folds
from ._rows import Rows

_FOLDS, _FEWEST = 3, 40

Fit = Callable[[Learner, Rows, IntArray, IntArray | None], FoldModel]


def settled(fit: Fit, learner: Learner, data: Rows, train: IntArray, *, seed: int, threads: int, stops: bool) -> Rows:
    """Return the data with ``"auto"`` decided for one member and its training rows.

    Where the target is skewed the member is fitted on both scales in three folds of these rows, and has the logarithm
    if its loss there is clearly lower, in units of the target. With too few rows the skewness alone decides.
    """
    columns = [data.y[train]] if data.y.ndim == 1 else list(data.y[train].T)
    weight = None if data.weight is None else data.weight[train]
    logged = [fitted_transform(one, y, seed, weight) for one, y in zip(data.transforms, columns, strict=True)]
    tried = replace(data, transforms=tuple(None if one is None else one.name for one in logged))
    plain = replace(data, transforms=())
    if not any(logged):
        return plain
    folds = inner_folds(data.plan, train, seed)[-_FOLDS:] if len(train) >= _FEWEST else []
    if not folds:
        return tried
    losses: dict[str, list[FloatArray]] = {"logged": [], "plain": []}
    to_come = 2 * len(folds) + 1
    for inside, held in folds:
        for name, rows in (("logged", tried), ("plain", plain)):
            with part_of_time(to_come):
                model = fit(learner, rows, train[inside], train[held] if stops else None)
            losses[name].append(_losses(model, data, train[held], threads))
            to_come -= 1
    judged = np.concatenate([held for _, held in folds])
    weight = None if weight is None else weight[judged]
    better = _clearly_lower(np.concatenate(losses["logged"]), np.concatenate(losses["plain"]), weight)
    chosen = (one if yes else None for one, yes in zip(tried.transforms, better, strict=True))
    return replace(data, transforms=tuple(chosen))


def _losses(model: FoldModel, data: Rows, rows: IntArray, threads: int) -> FloatArray:
    """Return the loss of each row and target, of shape (n_rows, n_outputs)."""
    with np.errstate(over="ignore"):
        predicted = model.predict(data.table.rows(rows, frames=model.frames), threads=threads)
        pairs = zip(data.y[rows].reshape(len(rows), -1).T, predicted.reshape(len(rows), -1).T, strict=True)
        found = [(y - p) ** 2 if data.stop_loss is None else data.stop_loss(y, p) for y, p in pairs]
    return np.column_stack(found)


def _clearly_lower(losses: FloatArray, others: FloatArray, weight: FloatArray | None) -> NDArray[np.bool_]:
    """Return for each target whether losses are lower than others by more than a standard error of the difference."""
    with np.errstate(over="ignore", invalid="ignore"):  # of what is infinite none is lower
        gain = others - losses
        mean = np.average(gain, axis=0, weights=weight)
        error = np.sqrt(np.average((gain - mean) ** 2, axis=0, weights=weight) / len(gain))
        return np.asarray(mean > error)
