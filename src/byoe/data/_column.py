"""What a column holds, and what its cells are called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal


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
