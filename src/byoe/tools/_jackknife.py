"""The standard error of what is computed of rows, by leaving out one part of them at a time (Shao & Wu, 1989)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PARTS = 20


def parts_of(
    n_rows: int, seed: int, *, strata: NDArray[Any] | None = None, groups: NDArray[Any] | None = None
) -> NDArray[np.int64]:
    """Return a part for every row, drawn with a seed.

    Parameters
    ----------
    n_rows : int
    seed : int
    strata : array of shape (n_rows,), default=None
        Each part holds its share of every value, such as of every class.
    groups : array of shape (n_rows,), default=None
        Rows of one group are in one part.

    Returns
    -------
    array of shape (n_rows,)
        At most twenty parts.
    """
    rng = np.random.default_rng(seed)
    if groups is not None:
        names, codes = np.unique(groups, return_inverse=True)
        return np.asarray(rng.permutation(len(names))[codes] % _PARTS, dtype=np.int64)
    order = rng.permutation(n_rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    parts = np.empty(n_rows, dtype=np.int64)
    parts[order] = np.arange(n_rows) % _PARTS
    return parts


def standard_error(statistic: Callable[[NDArray[np.int64]], float], parts: NDArray[np.int64]) -> float:
    """Return the standard error of a statistic; infinite for one part, or where the statistic is not finite.

    Parameters
    ----------
    statistic : callable
        Called with the positions of the rows that stay.
    parts : array of shape (n_rows,)

    Examples
    --------
    >>> import numpy as np
    >>> from byoe.tools._jackknife import parts_of, standard_error
    >>> values = np.random.default_rng(0).normal(size=20)
    >>> error = standard_error(lambda rows: values[rows].mean(), parts_of(20, 0))
    >>> bool(np.isclose(error, values.std(ddof=1) / np.sqrt(20)))
    True
    """
    names = np.unique(parts)
    values = [statistic(np.flatnonzero(parts != part)) for part in names] if len(names) > 1 else [np.inf]
    if not np.isfinite(values).all():
        return float("inf")
    return float(np.sqrt((len(names) - 1) * np.var(values)))
