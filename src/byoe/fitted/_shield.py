"""Rows lent to code that might change them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..contracts._learner import Learner
from ..errors import PluginError


@contextmanager
def shielded(learner: Learner, *arrays: Any) -> Iterator[Any]:
    """Lend what others use too: code that does not declare that it leaves it alone gets copies until the end.

    Raises
    ------
    PluginError
        At the end, when a registered plugin has changed its copy.
    """
    if _leaves_rows_alone(learner):
        yield arrays
        return
    copies = tuple(array.copy() if hasattr(array, "copy") else array for array in arrays)
    yield copies
    if learner.origin and not all(map(same_rows, copies, arrays)):
        raise PluginError(
            f"{learner.name} changed the rows that it got in place, which others may use too; let it work on a copy"
        )


def _leaves_rows_alone(learner: Learner) -> bool:
    """Say whether a learner declares it: a subclass from elsewhere, which may do other things, has to do so itself."""
    if "leaves_rows_alone" in vars(learner):
        return learner.leaves_rows_alone
    declares = next(kind for kind in type(learner).__mro__ if "leaves_rows_alone" in vars(kind))
    same = declares.__module__.partition(".")[0] == type(learner).__module__.partition(".")[0]
    return learner.leaves_rows_alone and same


def same_rows(one: Any, other: Any) -> bool:
    """Say whether two arrays, sparse matrices or frames hold the same; of anything else it cannot be told."""
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if hasattr(one, "indptr"):
        return all(same_rows(getattr(one, part), getattr(other, part)) for part in ("data", "indices", "indptr"))
    return bool(one.equals(other)) if hasattr(one, "equals") else True
