"""What a class counts, as weights of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# "balanced", or weights by code; a class that is not named counts once.
ClassWeight = str | Mapping[int, float]


def each_class(given: ClassWeight, y: NDArray[np.int64], weight: NDArray[np.float64] | None, n: int) -> Any:
    """Return what each of ``n`` classes counts, of shape (n,), where a model learns from some rows.

    Balanced as in scikit-learn: the rows of all classes that are there count the same together, and all rows as much
    as without. A row of weight two is the same as that row twice.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe.tools._class_weight import each_class
    >>> y = np.array([0, 0, 0, 1])
    >>> each_class("balanced", y, None, 2).round(3), each_class({1: 5.0}, y, None, 2)
    (array([0.667, 2.   ]), array([1., 5.]))
    """
    if isinstance(given, Mapping):
        return np.array([float(given.get(code, 1.0)) for code in range(n)])
    counts = np.bincount(y, weight, n)
    there = counts > 0
    return np.where(there, counts.sum() / (there.sum() * np.where(there, counts, 1.0)), 1.0)


def reweighted(
    given: ClassWeight, y: NDArray[np.int64], weight: NDArray[np.float64] | None, rows: Any, n: int
) -> NDArray[np.float64]:
    """Return the weights of all rows, by what their class counts among ``rows``, which a model learns from."""
    each = each_class(given, y[rows], None if weight is None else weight[rows], n)[y]
    return np.asarray(each if weight is None else weight * each, dtype=np.float64)
