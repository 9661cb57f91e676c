"""Contributions of boosters to many rows: by tables where these are faster than the library, and right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray

# With fewer rows the tables take longer than the library.
FEW_ROWS = 200
# Rows for which tables are made anew: as many as their contributions take 64 MB.
LEAST_ROWS, CELLS = 2048, 1 << 23


def contributions(
    library: Callable[[Any], FloatArray],
    by_tables: Callable[[NDArray[Any], int], FloatArray | None],
    X: Any,
    *,
    tolerance: float,
) -> FloatArray:
    """Return contributions to rows, the base value last.

    The base value is the library's own for the first row. Where the library gives this row other contributions than the
    tables do, or there are no tables, all are the library's.

    Parameters
    ----------
    library : callable
        Returns the library's contributions to rows, of shape (n_rows, [n_classes,] n_features + 1).
    by_tables : callable
        Gets rows, and for how many classes; returns contributions of shape (n_classes, n_features, n_rows), or None.
    X : array or sparse matrix of shape (n_rows, n_features)
    tolerance : float
        Relative to the sum of the absolute contributions to a row.
    """
    if not isinstance(X, np.ndarray) or len(X) < FEW_ROWS:
        return library(X)
    first = library(X[:1])[0]
    found = np.empty((len(X), *first.shape))
    found[..., -1] = first[..., -1]
    n_targets = first.size // first.shape[-1]
    step = max(LEAST_ROWS, CELLS // first.size)
    for start in range(0, len(X), step):
        values = by_tables(X[start : start + step], n_targets)
        if values is None:
            return library(X)
        own = found[start : start + step, ..., :-1]
        own[...] = np.moveaxis(values, -1, 0).reshape(own.shape)
        if start == 0 and not _agree(own[0], first, tolerance):
            return library(X)
    return found


def _agree(own: FloatArray, first: FloatArray, tolerance: float) -> bool:
    gaps = np.abs(own - first[..., :-1]).max(axis=-1, initial=0.0)
    return bool((gaps <= tolerance * np.abs(first).sum(axis=-1)).all())
