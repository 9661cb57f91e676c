"""What a column holds, and what its cells are called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Column:
    """What a column held when the ensemble was fitted.

    Attributes
    ----------
    kind : {"number", "category", "date"}
    categories : tuple of str
        The values of a category as texts, sorted; their positions are the codes.
    """

    kind: Literal["number", "category", "date"]
    categories: tuple[str, ...] = ()

    @cached_property
    def codes(self) -> dict[str, float]:
        """The code of each category."""
        return {key: float(code) for code, key in enumerate(self.categories)}


def category_key(cell: Any) -> str | None:
    """Return the text that a category goes by, or None when the cell is missing."""
    if is_missing(cell):
        return None
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def is_missing(cell: Any) -> bool:
    """Say whether a cell is None, NaN, NaT or pandas' NA."""
    if cell is None or type(cell).__name__ == "NAType":
        return True
    return bool(cell != cell)
