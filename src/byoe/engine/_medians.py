"""Medians of many parts of a table, without a partial sort of each part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray

_SAMPLE = 10_000
_COLUMNS = 16
_PARTS = 64


def medians(values: FloatArray, columns: IntArray, parts: Sequence[IntArray]) -> FloatArray:
    """Return the medians of some columns over each of several parts of the rows.

    The median of a part that is like the whole lies between two quantiles of the whole that are
    close to each other. So the values below are counted, and only those between are sorted.

    Parameters
    ----------
    values : array of shape (n_rows, n_features)
    columns : array of shape (n_columns,)
        Their positions; no cell of theirs is missing.
    parts : sequence of arrays of row numbers
        Each holds a row once at most, and one row at least.

    Returns
    -------
    array of shape (n_parts, n_columns)
    """
    found = np.empty((len(parts), len(columns)))
    for first in range(0, len(parts), _PARTS):
        chosen = parts[first : first + _PARTS]
        masks = np.zeros((len(chosen), len(values)), dtype=bool)
        for mask, rows in zip(masks, chosen, strict=True):
            mask[rows] = True
        for start in range(0, len(columns), _COLUMNS):
            block = np.ascontiguousarray(values[:, columns[start : start + _COLUMNS]].T, dtype=np.float64)
            for i, column in enumerate(block, start):
                found[first : first + _PARTS, i] = _of_column(column, masks, [len(rows) for rows in chosen])
    return found


def _of_column(column: FloatArray, masks: NDArray[np.bool_], sizes: Sequence[int]) -> list[float]:
    sample = np.sort(column[:: max(1, len(column) // _SAMPLE)])
    middle, margin = len(sample) // 2, 1 + int(3 * np.sqrt(len(sample)))
    low, high = sample[max(0, middle - margin)], sample[min(len(sample) - 1, middle + margin)]
    below = column < low
    between = (column >= low) & (column <= high)
    found = []
    for mask, size in zip(masks, sizes, strict=True):
        n_below = np.count_nonzero(below & mask)
        lower, upper = (size - 1) // 2 - n_below, size // 2 - n_below
        inside = between & mask
        if lower < 0 or upper >= np.count_nonzero(inside):  # a part that is not like the whole
            found.append(float(np.median(column[mask])))
        elif low == high:
            found.append(float(low))
        else:
            near = column[inside]
            near.partition((lower, upper))
            found.append(float(np.mean(near[[lower, upper]])))
    return found
