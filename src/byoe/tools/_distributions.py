"""Probabilities of classes, as members and blenders give them: made distributions where that is clear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What rounding in float32 may leave below zero, or above one in a single column.
_ROUNDING = 1e-6
# So near to one a row's sum is rounding of float64, and the row stays as it is to the bit.
_ONE = 1e-12


def both_columns(second: Floats, who: str) -> Floats:
    """Return the probabilities of two classes, of those of the second one, of shape (n_rows,)."""
    outside = (second < -_ROUNDING) | (second > 1.0 + _ROUNDING)
    if outside.any():
        raise ValueError(
            f"{who} returned one column for two classes with values outside of 0 … 1 (such as "
            f"{second[outside][0]:.6g}), expected the probability of the second class, or a column for each"
        )
    clipped = np.clip(second, 0.0, 1.0)
    return np.column_stack([1.0 - clipped, clipped])


def distributions(values: Floats, who: str) -> Floats:
    """Return rows of non-negative numbers, of shape (n_rows, n_classes), divided by their sums.

    Shares, percentages and the answers of one classifier against the rest for every class become probabilities so.

    Raises
    ------
    ValueError
        For a negative value, as decision values have them, and for a row of zeros.
    """
    if (values < -_ROUNDING).any():
        raise ValueError(
            f"{who} returned negative probabilities (the least is {values.min():.6g}); decision values belong into "
            "decision_function, log-probabilities into no answer"
        )
    values = np.maximum(values, 0.0) if (values < 0).any() else values
    sums = values.sum(axis=1)
    if (sums == 0).any():
        raise ValueError(f"{who} returned no probability at all in {np.sum(sums == 0)} rows (all classes are zero)")
    off = np.abs(sums - 1.0) > _ONE
    return np.where(off[:, None], values / sums[:, None], values) if off.any() else values
