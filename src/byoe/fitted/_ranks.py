"""Order statistics of residuals that do not all count the same.

Every residual has a mass, and a new row has one too. The usual rank, the ⌈level (n + 1)⌉-th
smallest of n values, is the case in which all masses are 1: the smallest value such that the
values up to it have at least the share ``level`` of the total mass, that of the new row
included. Groups and sample weights change only the masses.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray

_CELLS = 1 << 18  # of a chunk: test rows × folds
_ROUNDING = 1e-9  # 0.55 * 100 is above 55 in binary, and must not ask for a 56th value


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


def around(prediction: FloatArray, scale: FloatArray, scores: FloatArray, mass: FloatArray, least: float) -> FloatArray:
    """Return the interval of one half-width, in units of a scale, around every prediction.

    Parameters
    ----------
    prediction, scale : arrays of shape (n_new,)
        A scale is positive.
    scores, mass : arrays of shape (n_rows,)
        Absolute residuals, each in units of its scale.
    least : float
        From `least_mass`.

    Returns
    -------
    array of shape (n_new, 2)
        Lower and upper bound; infinite where the masses do not reach ``least``.
    """
    everywhere = np.zeros(len(scores), dtype=np.int64)
    half_width = scale * order_statistic(np.zeros((1, 1)), np.ones((1, 1)), scores, everywhere, mass, least)[0]
    return np.column_stack([prediction - half_width, prediction + half_width])


def cv_plus(
    centres: FloatArray, scales: FloatArray, scores: FloatArray, folds: IntArray, mass: FloatArray, least: float
) -> FloatArray:
    """Return the CV+ interval (Barber, Candès, Ramdas & Tibshirani, 2021, section 3).

    With f and s what the models and the scale that did not see fold k(i) say, and R_i the score of row i,
    the upper bound is an upper order statistic of all f_k(i)(x) + s_k(i)(x) R_i, and the lower
    bound the mirrored one of all f_k(i)(x) - s_k(i)(x) R_i.

    Parameters
    ----------
    centres, scales : arrays of shape (n_new, n_folds)
        What the models that did not see a fold predict for the new rows, and positive numbers.
    scores, mass : arrays of shape (n_rows,)
        Absolute residuals, each in units of its scale.
    folds : array of shape (n_rows,)
        Number of the fold that holds the row.
    least : float
        From `least_mass`.

    Returns
    -------
    array of shape (n_new, 2)
        Lower and upper bound; infinite where the masses do not reach ``least``.
    """
    upper = order_statistic(centres, scales, scores, folds, mass, least)
    lower = -order_statistic(-centres, scales, scores, folds, mass, least)
    return np.column_stack([lower, upper])


def order_statistic(
    centres: FloatArray, scales: FloatArray, scores: FloatArray, folds: IntArray, mass: FloatArray, least: float
) -> FloatArray:
    """Return, by new row, the smallest sum such that the sums up to it have the least mass.

    The sums are ``centres[j, folds[i]] + scales[j, folds[i]] * scores[i]`` over all i. They are never all made:
    within a fold they stand in the order of the scores, whatever the centre and the scale.

    Parameters
    ----------
    centres, scales : arrays of shape (n_new, n_folds)
    scores, folds, mass : arrays of shape (n_rows,)
    least : float
        Positive.

    Returns
    -------
    array of shape (n_new,)
        Infinite where all masses together are less than ``least``.

    Examples
    --------
    >>> scores, folds = np.array([1.0, 2.0, 5.0]), np.array([0, 0, 1])
    >>> order_statistic(np.array([[10.0, 20.0]]), np.ones((1, 2)), scores, folds, np.ones(3), 2.0)
    array([12.])
    """
    order = np.lexsort((scores, folds))
    values = scores[order]
    until = np.append(0.0, np.cumsum(mass[order]))
    edges = np.searchsorted(folds[order], np.arange(centres.shape[1] + 1))
    found = np.empty(len(centres))
    size = max(1, _CELLS // centres.shape[1])
    for first in range(0, len(centres), size):
        chunk = slice(first, first + size)
        found[chunk] = _select(centres[chunk], scales[chunk], values, until, edges, least)
    return found


def _select(
    centres: FloatArray, scales: FloatArray, values: FloatArray, until: FloatArray, edges: IntArray, least: float
) -> FloatArray:
    """Select among sorted lists, one per fold, stretched by its scale and shifted by its centre, for all new rows.

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
        rows, centres, scales, low, high = rows[going], centres[going], scales[going], low[going], high[going]
        own = (np.arange(len(rows)), (high - low).argmax(axis=1))
        middle = (low[own] + high[own]) // 2
        pivot = centres[own] + scales[own] * values[middle]
        behind = _behind(pivot[:, None], centres, scales, values, low, high)
        enough = (until[behind] - until[edges[:-1]]).sum(axis=1) >= least
        answer[rows[enough]] = pivot[enough]
        high = np.where(enough[:, None], behind, high)
        high[own] = np.where(enough, middle, high[own])  # the pivot itself is dealt with
        low = np.where(enough[:, None], low, behind)


def _behind(
    pivot: FloatArray, centres: FloatArray, scales: FloatArray, values: FloatArray, low: IntArray, high: IntArray
) -> IntArray:
    """Return the position behind the last value of every list that is not above the pivot.

    A bisection by the very sums that are compared: ``searchsorted(values, pivot - centre)``
    would round differently, and misplace ties.
    """
    for _ in range(int((high - low).max()).bit_length()):
        middle = (low + high) // 2
        sums = centres + scales * values[np.minimum(middle, len(values) - 1)]
        up: NDArray[np.bool_] = (low < high) & (sums <= pivot)
        low, high = np.where(up, middle + 1, low), np.where(up, high, middle)
    return low
