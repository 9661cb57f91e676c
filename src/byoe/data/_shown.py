"""The array behind a frame, where it shows one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ._column import Column


def shown_array(X: Any, columns: Sequence[Column], kind: np.dtype[Any]) -> FloatArray | None:
    """Return the cells of a frame of pandas that is but a view of an array, row after row.

    So are the frames of arrays, and those that byoe reads from Parquet: nothing is copied. None where the frame is
    another one, or its numbers are of another kind than the one that is wanted.
    """
    if not hasattr(X, "iloc") or len(X) < 2 or any(dtype != kind for dtype in X.dtypes):
        return None
    if any(column.kind != "number" or column.was_text for column in columns):
        return None
    first, last = X.iloc[:, 0].to_numpy(), X.iloc[:, -1].to_numpy()
    if first.strides != (kind.itemsize * len(columns),) or _apart(first, last) != kind.itemsize * (len(columns) - 1):
        return None
    cells: FloatArray = X.to_numpy()
    return cells if cells.flags.c_contiguous and not _apart(first, cells) else None


def _apart(one: Any, other: Any) -> int:
    """Return by how many bytes an array begins after another."""
    return int(other.ctypes.data) - int(one.ctypes.data)
