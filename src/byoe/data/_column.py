"""What a column holds, and what its cells are called."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal


@dataclass(frozen=True, repr=False)
class Column:
    """What a column held when the ensemble was fitted.

    Attributes
    ----------
    kind : {"number", "category", "date"}
    categories : tuple of str
        The values of a category as texts, sorted; their positions are the codes.
    parts : tuple of str
        Of a date: the parts of the calendar that learners get beside its days.
    order : str
        Of a date that came as texts: how these are read. Empty where it came as dates.
    odd : tuple of str
        Of a number that came as texts: those that are missing cells.
    """

    kind: Literal["number", "category", "date"]
    categories: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    order: str = field(default="", compare=False)
    odd: tuple[str, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        """Tell what learners see of it: digests of tables are made of this, and outlive versions."""
        parts = f", parts={self.parts!r}" if self.parts else ""
        return f"Column(kind={self.kind!r}, categories={self.categories!r}{parts})"

    @cached_property
    def codes(self) -> dict[str, float]:
        """The code of each category."""
        return {key: float(code) for code, key in enumerate(self.categories)}

    @property
    def was_text(self) -> bool:
        """Whether numbers or dates were made of texts."""
        return bool(self.order or self.odd)
