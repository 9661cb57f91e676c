"""Prediction intervals from out-of-fold residuals: order statistics.

Every residual has a mass, and a new row has one too. The usual rank, the ⌈level (n + 1)⌉-th
smallest of n values, is the case in which all masses are 1: the smallest value such that the
values up to it have at least the share ``level`` of the total mass, that of the new row
included. Groups and sample weights change only the masses.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, IntArray
from ..data._table import Table
from ..errors import ParameterError
from ..tools._warnings import warn
from ._failing import blended_by
from ._predicting import Predicting
from ._shield import shielded

_CELLS = 1 << 18  # of a chunk: test rows × folds
_ROUNDING = 1e-9  # 0.55 * 100 is above 55 in binary, and must not ask for a 56th value

TIME_ORDERED = (
    "every fold predicts rows that come after all rows it was trained on, as in a time series. The interval takes new "
    "rows to be exchangeable with the training rows, and a later time may be different: check its coverage on the "
    "latest rows"
)


def check_level(level: Any) -> float:
    """Return the level as a float, or raise a ParameterError."""
    if not isinstance(level, Real) or not 0 < float(level) < 1:
        raise ParameterError(
            f"level is {level!r}, expected a number above 0 and below 1: the share of new rows that the interval "
            "should hold, such as 0.9"
        )
    return float(level)


def method_of(ensemble: Predicting) -> str:
    """Return ``"cv+"`` if all members are bagged over a partition of the rows, else ``"residual"``.

    A pruned ensemble may lack a member that the blender of a fold uses; then it is the latter, too.
    """
    bagged = all(member.finalize == "bag" for member in ensemble.members_.values())
    return "cv+" if bagged and ensemble._oof.plan.is_partition and ensemble._held_out else "residual"


def needed_blenders(ensemble: Predicting) -> tuple[Blender, ...]:
    """Return the folds' blenders where an interval needs them: of a regression by CV+."""
    held_out = ensemble._held_out
    return held_out if held_out and not ensemble._task.is_classification and method_of(ensemble) == "cv+" else ()


def masses(weight: FloatArray, groups: IntArray | None = None) -> tuple[FloatArray, float]:
    """Return how much each residual counts, and how much a new row does.

    Without groups a row counts its weight, in units of the largest. With groups, each group
    counts the mean weight of its rows, shared among them: what is exchangeable are whole groups
    (Dunn, Wasserman & Ramdas, 2023; Lee, Barber & Willett, 2023).

    The weight of a new row (or group) is not known. In its place stands its mean over the
    weighted population, Σv² / Σv for units of weight v. So n units count as (Σv)² / Σv²
    of equal weight (Kish, 1965); the masses are otherwise those of weighted conformal prediction
    (Tibshirani, Barber, Candès & Ramdas, 2019).

    Parameters
    ----------
    weight : array of shape (n_rows,)
        Positive.
    groups : array of shape (n_rows,), default=None
        Non-negative codes.

    Returns
    -------
    mass : array of shape (n_rows,)
        All 1 without groups when the weights are equal.
    new : float
        1 when all units count the same.

    Examples
    --------
    >>> masses(np.ones(3), np.array([0, 0, 1]))
    (array([0.5, 0.5, 1. ]), 1.0)
    """
    if not len(weight):
        return weight, 1.0
    weight = weight / weight.max()  # only ratios matter, and squares must not overflow
    mass, units = weight, weight
    if groups is not None:
        mass = weight / np.bincount(groups)[groups].astype(np.float64)
        units = np.bincount(groups, weights=mass).astype(np.float64)
    return mass, float(np.sum(units**2) / np.sum(units))


def least_mass(level: float, mass: FloatArray, new: float) -> float:
    """Return the mass that the values up to the bound must have at least."""
    return level * (float(mass.sum()) + new) * (1.0 - _ROUNDING)


def too_few(level: float, mass: FloatArray, new: float, units: str) -> str:
    """Say that the rows (or groups) are too few for a finite interval, or return ``""``."""
    if least_mass(level, mass, new) <= mass.sum():
        return ""
    return (
        f"level={level:g} takes the residuals of at least {units_needed(level)} {units} of equal weight, and those at "
        f"hand count as {float(mass.sum()) / new:.4g}: the bounds are infinite. Fit on more {units} or lower the level"
    )


def units_needed(level: float) -> int:
    """Return how many rows, or groups, of equal weight a finite interval takes.

    Examples
    --------
    >>> units_needed(0.9), units_needed(0.95)
    (9, 19)
    """
    return math.ceil(level / (1.0 - level) * (1.0 - _ROUNDING))


def around(prediction: FloatArray, residuals: FloatArray, mass: FloatArray, least: float) -> FloatArray:
    """Return the interval of one half-width around every prediction.

    Parameters
    ----------
    prediction : array of shape (n_new,)
    residuals, mass : arrays of shape (n_rows,)
        Absolute residuals.
    least : float
        From `least_mass`.

    Returns
    -------
    array of shape (n_new, 2)
        Lower and upper bound; infinite where the masses do not reach ``least``.
    """
    everywhere = np.zeros(len(residuals), dtype=np.int64)
    half_width = order_statistic(np.zeros((1, 1)), residuals, everywhere, mass, least)[0]
    return np.column_stack([prediction - half_width, prediction + half_width])


def cv_plus(centres: FloatArray, residuals: FloatArray, folds: IntArray, mass: FloatArray, least: float) -> FloatArray:
    """Return the CV+ interval (Barber, Candès, Ramdas & Tibshirani, 2021, section 3).

    With f the prediction of the models that did not see fold k(i), and R_i the absolute residual
    of row i, the upper bound is an upper order statistic of all f_k(i)(x) + R_i, and the lower
    bound the mirrored one of all f_k(i)(x) - R_i.

    Parameters
    ----------
    centres : array of shape (n_new, n_folds)
        What the models that did not see a fold predict for the new rows.
    residuals, mass : arrays of shape (n_rows,)
        Absolute residuals.
    folds : array of shape (n_rows,)
        Number of the fold that holds the row.
    least : float
        From `least_mass`.

    Returns
    -------
    array of shape (n_new, 2)
        Lower and upper bound; infinite where the masses do not reach ``least``.
    """
    upper = order_statistic(centres, residuals, folds, mass, least)
    lower = -order_statistic(-centres, residuals, folds, mass, least)
    return np.column_stack([lower, upper])


def order_statistic(
    centres: FloatArray, residuals: FloatArray, folds: IntArray, mass: FloatArray, least: float
) -> FloatArray:
    """Return, by new row, the smallest sum such that the sums up to it have the least mass.

    The sums are ``centres[j, folds[i]] + residuals[i]`` over all i. They are never all made:
    within a fold they stand in the order of the residuals, whatever the centre.

    Parameters
    ----------
    centres : array of shape (n_new, n_folds)
    residuals, folds, mass : arrays of shape (n_rows,)
    least : float
        Positive.

    Returns
    -------
    array of shape (n_new,)
        Infinite where all masses together are less than ``least``.

    Examples
    --------
    >>> residuals, folds = np.array([1.0, 2.0, 5.0]), np.array([0, 0, 1])
    >>> order_statistic(np.array([[10.0, 20.0]]), residuals, folds, np.ones(3), 2.0)
    array([12.])
    """
    order = np.lexsort((residuals, folds))
    values = residuals[order]
    until = np.append(0.0, np.cumsum(mass[order]))
    edges = np.searchsorted(folds[order], np.arange(centres.shape[1] + 1))
    found = np.empty(len(centres))
    size = max(1, _CELLS // centres.shape[1])
    for first in range(0, len(centres), size):
        chunk = slice(first, first + size)
        found[chunk] = _select(centres[chunk], values, until, edges, least)
    return found


def _select(centres: FloatArray, values: FloatArray, until: FloatArray, edges: IntArray, least: float) -> FloatArray:
    """Select among sorted lists, one per fold and shifted by its centre, for all new rows at once.

    The answer of a row is among the positions ``low`` to ``high`` of the lists, or was the last
    pivot that had the least mass. The middle of the widest range is the next pivot.
    """
    answer = np.full(len(centres), np.inf)
    low, high = np.tile(edges[:-1], (len(centres), 1)), np.tile(edges[1:], (len(centres), 1))
    rows = np.arange(len(centres))
    while True:
        going = (low < high).any(axis=1)
        if not going.any():
            return answer
        rows, centres, low, high = rows[going], centres[going], low[going], high[going]
        own = (np.arange(len(rows)), (high - low).argmax(axis=1))
        middle = (low[own] + high[own]) // 2
        pivot = centres[own] + values[middle]
        behind = _behind(pivot[:, None], centres, values, low, high)
        enough = (until[behind] - until[edges[:-1]]).sum(axis=1) >= least
        answer[rows[enough]] = pivot[enough]
        high = np.where(enough[:, None], behind, high)
        high[own] = np.where(enough, middle, high[own])  # the pivot itself is dealt with
        low = np.where(enough[:, None], low, behind)


def _behind(pivot: FloatArray, centres: FloatArray, values: FloatArray, low: IntArray, high: IntArray) -> IntArray:
    """Return the position behind the last value of every list that is not above the pivot.

    A bisection by the very sums that are compared: ``searchsorted(values, pivot - centre)``
    would round differently, and misplace ties.
    """
    for _ in range(int((high - low).max()).bit_length()):
        middle = (low + high) // 2
        sums = centres + values[np.minimum(middle, len(values) - 1)]
        up: NDArray[np.bool_] = (low < high) & (sums <= pivot)
        low, high = np.where(up, middle + 1, low), np.where(up, high, middle)
    return low


def predict_interval(ensemble: Predicting, table: Table, level: Any, blended: FloatArray | None = None) -> FloatArray:
    """Return the bounds for the rows of a table, of shape (n_rows, [n_outputs,] 2).

    The public method says what they mean. ``blended`` is the prediction, where it is known already.
    """
    level = check_level(level)
    oof = ensemble._oof
    plan, weight = oof.plan, oof.weights
    rows = np.flatnonzero(oof.scored & (weight > 0))
    mass, new = masses(weight[rows], None if plan.whole_groups is None else plan.whole_groups[rows])
    if plan.is_time_ordered:
        warn(TIME_ORDERED)
    lacking = too_few(level, mass, new, "rows" if plan.whole_groups is None else "groups")
    if lacking:
        warn(lacking)
    least = least_mass(level, mass, new)
    by_folds = method_of(ensemble) == "cv+"
    center = blended
    if by_folds:
        center = _held_out_blends(ensemble, table)
    elif center is None:
        center = ensemble._blended(table)
    residuals = np.abs(oof.y - oof.blend)[rows]

    def bounds(center: FloatArray, residuals: FloatArray) -> FloatArray:
        if by_folds:
            return cv_plus(center, residuals, plan.test_fold[rows], mass, least)
        return around(center, residuals, mass, least)

    n_outputs = ensemble._task.n_outputs
    if n_outputs == 1:
        return bounds(center, residuals)
    return np.stack([bounds(center[..., output], residuals[:, output]) for output in range(n_outputs)], axis=1)


def _held_out_blends(ensemble: Predicting, table: Table) -> FloatArray:
    """Return what the models and the blender that did not see a fold predict: (n_rows, n_folds[, n_outputs])."""
    task = ensemble._task
    blends = []
    for fold, blender in enumerate(ensemble._held_out):
        used = blender.used(len(ensemble.members_))
        predictions = np.zeros((len(table), len(used), *task.width))
        for column, (label, member) in enumerate(ensemble.members_.items()):
            if not used[column]:
                continue
            model = member.models[fold]
            with shielded(member.learner, table.all(frames=model.frames)) as (X,):
                found = model.predict(X, threads=ensemble._threads(table))
            predictions[:, column] = task.check(found, len(table), label)
        blends.append(blended_by(blender, predictions, ensemble._passed_through(blender, table), task))
    return np.stack(blends, axis=1)
