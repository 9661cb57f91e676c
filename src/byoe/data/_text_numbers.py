"""Numbers in texts: a column of numbers that a few odd cells turned into texts, and what only looks like one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._cells import is_missing

# Below these a column of texts stays a category. Few different numbers are as good as a category, and who has many
# different odd texts has another kind of column.
_SHARE, _MOST_ODD, _FEWEST_NUMBERS = 0.95, 10, 17
_WORTH_A_WORD = 0.5
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


def odd_texts(cells: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the texts of a column that are no numbers, if all others are numbers that came as texts; else None.

    At least 95 % of the cells that are there are numbers, more than 16 of them different, and at most 10 different
    texts are none. Texts are labels where one has a zero before its number (a zip code), and where two are the same
    number (1.1 and 1.10, versions).
    """
    found = _split(cells)
    if found is None:
        return None
    numbers, odd = found
    if not odd or len(odd) > _MOST_ODD or len(set(numbers.values())) < _FEWEST_NUMBERS or _are_labels(numbers):
        return None
    n_numbers, n_odd = _counted(cells, numbers, odd)
    return tuple(sorted(odd)) if n_numbers >= _SHARE * (n_numbers + n_odd) else None


def told_of_numbers(cells: Sequence[Any]) -> str | None:
    """Return what to say of a category whose texts are, or look like, many different numbers; None for others."""
    found = _split(cells)
    if found is None:
        return None
    numbers, odd = found
    if len(numbers) + len(odd) < _FEWEST_NUMBERS or any(map(_ZEROS_FIRST.match, numbers)):
        return None
    n_numbers, n_odd = _counted(cells, numbers, odd)
    if not odd:  # whole ones may well be codes
        return None if all(number.is_integer() for number in numbers.values()) else "all its texts are numbers"
    if n_numbers >= _WORTH_A_WORD * (n_numbers + n_odd) and len(set(numbers.values())) >= _FEWEST_NUMBERS:
        told = ", ".join(map(repr, sorted(odd)[:3]))
        return f"{n_numbers / (n_numbers + n_odd):.0%} of its texts are numbers, and others are not, such as {told}"
    if all(map(_OTHERWISE.fullmatch, odd)):
        return f"its texts look like numbers, such as {min(odd)!r}"
    return None


def _split(cells: Sequence[Any]) -> tuple[dict[str, float], set[str]] | None:
    """Return the distinct texts that are numbers, and those that are none; None where no text could be a number."""
    texts = {cell for cell in cells if isinstance(cell, str)}
    if not any(text[:1].isdigit() or text.strip()[:1] in tuple("+-.$€£0123456789") for text in texts):
        return None
    numbers: dict[str, float] = {}
    odd = set()
    for text in texts:
        number = as_number(text)
        if number is None:
            odd.add(text.strip())
        else:
            numbers[text.strip()] = number
    numbers |= {repr(cell): float(cell) for cell in cells if _is_number(cell)}
    return numbers, odd


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool) and not is_missing(cell)


def _counted(cells: Sequence[Any], numbers: dict[str, float], odd: set[str]) -> tuple[int, int]:
    texts = Counter(cell.strip() for cell in cells if isinstance(cell, str))
    n_odd = sum(texts[text] for text in odd)
    return sum(texts.values()) - n_odd + sum(map(_is_number, cells)), n_odd


def _are_labels(numbers: dict[str, float]) -> bool:
    """Say whether numbers would lose what texts tell: zeros at their beginning, or at the end of a fraction."""
    if any(map(_ZEROS_FIRST.match, numbers)):
        return True
    same = Counter(number for text, number in numbers.items() if "." in text)
    return any(same[number] > 1 and _ZERO_LAST.fullmatch(text) for text, number in numbers.items())
