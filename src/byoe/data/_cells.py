"""What one cell is: missing, a number, the key of its category."""

from __future__ import annotations

from typing import Any

import numpy as np

# What pandas reads as a missing cell, so that header, training and requests agree.
MISSING_TEXTS = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)
_BOOLEANS = {"True": 1.0, "TRUE": 1.0, "true": 1.0, "False": 0.0, "FALSE": 0.0, "false": 0.0}


# Dates are days since 1970; other libraries count microseconds.
DAY = 86_400e6


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
    try:
        return bool(cell != cell)
    except ArithmeticError:  # a signalling NaN of decimal lets nobody compare it
        return True


def is_number(cell: str) -> bool:
    """Say whether a cell is a number, or missing."""
    return parse_cell(cell) is not None


def parse_cell(cell: str) -> float | None:
    """Return the number in a cell, NaN when it is missing, None when it is text; true counts as 1."""
    try:
        return None if "_" in cell else float(cell)  # 1_000 is a number in Python alone
    except ValueError:
        text = cell.strip()
        return float("nan") if text in MISSING_TEXTS else _BOOLEANS.get(text)
