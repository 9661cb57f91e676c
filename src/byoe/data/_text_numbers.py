"""Numbers in texts: a column of numbers that a few odd cells turned into texts, and what only looks like one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# Below these a column of texts stays a category. Few different numbers are as good as a category, and who has many
# different odd texts has another kind of column.
_SHARE, _MOST_ODD, _FEWEST_NUMBERS = 0.95, 10, 17
_WORTH_A_WORD = 0.5
_FIRST = frozenset("0123456789+-.$€£")  # of a text that may be a number
_ZEROS_FIRST = re.compile(r"[+-]?0\d")
_ZERO_LAST = re.compile(r"[+-]?\d+\.\d*0")
_OTHERWISE = re.compile(
    r"[^\w\s+-]{0,2}\s?[+-]?(\d{1,3}([,.']\d{3})+([.,]\d+)?|\d+[.,]?\d*)\s?([^\w\s]{1,2}|[A-Za-z]{1,3})?"
)


def as_number(text: str) -> float | None:
    """Return the finite number that a text is, or None; what only Python reads as one is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) and "_" not in text else None


def odd_texts(cells: Mapping[Any, int]) -> tuple[str, ...] | None:
    """Return the texts of a column that are no numbers, if nearly all others are numbers; None where it is a category.

    At least 95 % of the cells that are there are numbers, more than 16 of them different, and at most 10 different
    texts are none. Texts are labels where one has a zero before its number (a zip code), and where two are the same
    number (1.1 and 1.10, versions).

    Parameters
    ----------
    cells : mapping
        The cells of a column that are not missing, and how often each is there.
    """
    found = _Found.of(cells)
    if found is None or not found.odd or len(found.odd) > _MOST_ODD or found.distinct < _FEWEST_NUMBERS:
        return None
    return tuple(sorted(found.odd)) if found.share >= _SHARE and not found.are_labels else None


def told_of_numbers(cells: Mapping[Any, int]) -> str | None:
    """Return what to say of a category whose texts are, or look like, many different numbers; None for others."""
    found = _Found.of(cells)
    if found is None or len(found.numbers) + len(found.odd) < _FEWEST_NUMBERS or found.zeros_first:
        return None
    if not found.odd:  # whole ones may well be codes
        whole = all(number.is_integer() for number in found.numbers.values())
        return None if whole else "all its texts are numbers"
    if found.share >= _WORTH_A_WORD and found.distinct >= _FEWEST_NUMBERS:
        told = ", ".join(map(repr, sorted(found.odd)[:3]))
        return f"{100 * found.share:.3g} % of its cells are numbers, and others are not, such as {told}"
    if all(map(_OTHERWISE.fullmatch, found.odd)):
        return f"its texts look like numbers, such as {min(found.odd)!r}"
    return None


@dataclass(frozen=True)
class _Found:
    """What the cells of a column are: by text the numbers, and the texts that are none.

    Attributes
    ----------
    numbers : dict of text to number
    odd : set of str
    share : float
        Of the cells that are numbers.
    """

    numbers: dict[str, float]
    odd: set[str]
    share: float

    @classmethod
    def of(cls, cells: Mapping[Any, int]) -> _Found | None:
        """Return what cells are; None where none of them could be a number."""
        if not any(cell.strip()[:1] in _FIRST if isinstance(cell, str) else _is_number(cell) for cell in cells):
            return None
        numbers: dict[str, float] = {}
        odd: dict[str, int] = {}
        for cell, times in cells.items():
            text = cell.strip() if isinstance(cell, str) else repr(cell)
            number = as_number(text) if isinstance(cell, str) else float(cell) if _is_number(cell) else None
            if number is None:
                odd[text] = odd.get(text, 0) + times
            else:
                numbers[text] = number
        every = sum(cells.values())
        return cls(numbers, set(odd), (every - sum(odd.values())) / every)

    @property
    def distinct(self) -> int:
        """How many different numbers there are."""
        return len(set(self.numbers.values()))

    @property
    def zeros_first(self) -> bool:
        """Whether numbers would lose zeros that texts begin with, as zip codes do."""
        return any(map(_ZEROS_FIRST.match, self.numbers))

    @property
    def are_labels(self) -> bool:
        """Whether numbers would lose what texts tell: zeros at their beginning, or at the end of a fraction."""
        same = Counter(number for text, number in self.numbers.items() if "." in text)
        last = any(same[number] > 1 and _ZERO_LAST.fullmatch(text) for text, number in self.numbers.items())
        return last or self.zeros_first


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool)
