"""Numbers that are written otherwise than pandas reads them: with a decimal comma, or with separators of thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ._cells import MISSING_TEXTS

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = r"\s*[+-]?(?:\d+{mark}?\d*|{mark}\d+)(?:[eE][+-]?\d+)?\s*"
_WITH = {".": re.compile(_NUMBER.format(mark=r"\.")), ",": re.compile(_NUMBER.format(mark=","))}
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3}(?:([.,'’ \u00a0\u202f])\d{3})(?:\1\d{3})*(?:[.,]\d+)?\s*")
_MARKS = {".": "a decimal point", ",": "a decimal comma"}
_BOTH_MARKS = re.compile(r"[.,].*[.,]|['’ \u00a0\u202f]")


def decimal_of(rows: Iterable[list[str]]) -> str:
    """Return what stands before fractions: a comma if some cells say so for sure, and none says otherwise."""
    columns = [[cell for cell in column if cell.strip() not in MISSING_TEXTS] for column in _columns(list(rows))]
    numbers = [column for column in columns if column and all(_like_a_number(cell) for cell in column)]
    commas = any(_surely(cell, ",") for column in numbers for cell in column)
    points = any(_surely(cell, ".") for column in numbers for cell in column)
    return "," if commas and not points else "."


def _columns(rows: list[list[str]]) -> list[list[str]]:
    width = max(map(len, rows), default=0)
    return [[row[i] for row in rows if i < len(row)] for i in range(width)]


def _like_a_number(cell: str) -> bool:
    return any(form.fullmatch(cell) for form in (*_WITH.values(), _THOUSANDS))


def _surely(cell: str, mark: str) -> bool:
    return mark in cell and bool(_WITH[mark].fullmatch(cell)) and not _THOUSANDS.fullmatch(cell)


def check_number_texts(frame: pd.DataFrame, file: Path, *, decimal: str, told: bool) -> None:
    """Refuse a column of texts that are all numbers to a person.

    Parameters
    ----------
    frame : DataFrame
    file : Path
    decimal : "." or ","
        By which the file was read.
    told : bool
        Whether the user has said so: then cells that are numbers by the comma alone are texts.
    """
    for name, cells in frame.items():
        if cells.dtype.kind not in "OT" and str(cells.dtype) not in ("str", "string"):
            continue
        texts = [cell for cell in cells.dropna().unique().tolist() if isinstance(cell, str)]
        if not texts or not all(_like_a_number(cell) for cell in texts):
            continue
        odd = [cell for cell in texts if not _WITH[decimal].fullmatch(cell)]
        if told and decimal == ".":
            odd = [cell for cell in odd if _BOTH_MARKS.search(cell)]
        commas = [cell for cell in odd if _surely(cell, ",")]
        if commas and decimal == "." and any(_surely(cell, ".") for cell in texts):
            row = int((cells == commas[0]).to_numpy().argmax())
            raise InputError(
                f"{file}, column {name!r} holds {commas[0]!r} in row {row}, and numbers with a decimal point "
                "elsewhere; mend such cells, or say decimal='.' (--decimal .) if they are texts"
            )
        if odd:
            raise InputError(f"{file}, column {name!r} {_advice(odd, decimal)}")


def _advice(odd: list[Any], decimal: str) -> str:
    other = "." if decimal == "," else ","
    if sure := next((cell for cell in odd if _surely(cell, other)), None):
        if decimal == ",":
            return f"holds {sure!r}, which is no number with a decimal comma; write all numbers in one way"
        return (
            f"holds {sure!r}; if that is a number with {_MARKS[other]}, say so with decimal={other!r} "
            f"(--decimal {other}), and with decimal={decimal!r} if it is a text"
        )
    cell = odd[0].strip()
    if _WITH[other].fullmatch(cell) and decimal == ".":
        plain = re.sub(r"[.,]", "", cell)
        return (
            f"holds {cell!r}, which may be {cell.replace(other, '.')} or {plain}. Say decimal=',' (--decimal ,) for "
            "the first; write numbers without separators of thousands for the second; decimal='.' makes it a text"
        )
    return (
        f"holds {cell!r}: separators of thousands are not read, since a point and a comma can be either. Write the "
        "numbers without them"
    )
