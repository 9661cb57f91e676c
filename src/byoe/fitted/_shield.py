"""Rows lent to code that might change them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contracts._learner import Learner
from ..errors import PluginError

if TYPE_CHECKING:
    pass


_CAREFUL = frozenset({"sklearn", "xgboost", "lightgbm", "catboost"})  # these change no data of their caller's


@contextmanager
def shielded(learner: Learner, *arrays: Any) -> Iterator[Any]:
    """Lend what others use too: code that might change it in place gets copies until the end.

    Raises
    ------
    PluginError
        At the end, when a registered plugin has changed its copy.
    """
    if type(learner).__module__.startswith("byoe.") and learner.packages() <= _CAREFUL:
        yield arrays
        return
    copies = tuple(array.copy() if hasattr(array, "copy") else array for array in arrays)
    yield copies
    if learner.origin and not all(map(_same, copies, arrays)):
        raise PluginError(
            f"{learner.name} changed the rows that it got in place, which others may use too; let it work on a copy"
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if hasattr(one, "indptr"):
        return all(_same(getattr(one, part), getattr(other, part)) for part in ("data", "indices", "indptr"))
    return bool(one.equals(other)) if hasattr(one, "equals") else True
