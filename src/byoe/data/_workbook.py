"""A sheet of a workbook (.xlsx)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import InputError, did_you_mean, need
from ._cells import MISSING_TEXTS
from ._reading import Reading

if TYPE_CHECKING:
    import pandas as pd

_ERRORS = ("#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!")


def read_workbook(stream: IO[bytes], file: Path, how: Reading, names: set[str]) -> pd.DataFrame:
    """Read the sheet that is named, or the only one that holds something."""
    need("openpyxl", "excel", "reading workbooks")
    import pandas as pd

    sheet, rows = _sheet(stream, file, how.sheet)
    _check_cells(stream, file, sheet, rows)
    first = rows[0]
    header = _has_header(rows, names) if how.header is None else how.header
    if header is None:
        shown = ", ".join(str(cell) for cell in first[:5])
        raise InputError(
            f"{file}, sheet {sheet!r}: the first row ({shown}) may be a header or data; say which with header=True or "
            "header=False (--header, --no-header)"
        )
    if not header:
        return pd.DataFrame(rows).infer_objects()
    labels = [f"Unnamed: {place}" if cell is None else str(cell).strip() for place, cell in enumerate(first)]
    if 2 * sum(cell is None for cell in first) > len(first):
        raise InputError(
            f"{file}, sheet {sheet!r}: its first row names {sum(cell is not None for cell in first)} of {len(first)} "
            "columns; the table has to begin in the first row, without a title above it"
        )
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if twice:
        raise InputError(
            f"{file}, sheet {sheet!r} names {', '.join(map(repr, twice))} more than once in its header; rename the "
            "columns"
        )
    return pd.DataFrame(rows[1:], columns=labels).infer_objects()


def _sheet(stream: IO[bytes], file: Path, wanted: str | int | None) -> tuple[str, list[list[Any]]]:
    """Return the name and the cells of a sheet."""
    sheets = _cells(stream, values=True)
    if isinstance(wanted, str) and wanted not in sheets and wanted.lstrip("-").isdigit():
        wanted = int(wanted)
    if isinstance(wanted, int):
        if not -len(sheets) <= wanted < len(sheets):
            raise InputError(f"{file} has {len(sheets)} sheets; give a position from 0 to {len(sheets) - 1} (--sheet)")
        wanted = list(sheets)[wanted]
    if wanted is None:
        filled = [name for name, rows in sheets.items() if rows]
        if len(filled) > 1:
            raise InputError(
                f"{file} has several sheets: {', '.join(filled)}. Name one with sheet={filled[0]!r} (--sheet)"
            )
        wanted = (filled or list(sheets))[0]
    if wanted not in sheets:
        raise InputError(f"{file} has no sheet {wanted!r} (--sheet). {did_you_mean(wanted, sheets)}")
    if not sheets[wanted]:
        raise InputError(f"{file}, sheet {wanted!r} is empty")
    return wanted, sheets[wanted]


def _cells(stream: IO[bytes], *, values: bool) -> dict[str, list[list[Any]]]:
    """Return the cells of every sheet: values as they were last computed, or the formulas."""
    from openpyxl import load_workbook

    stream.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and validations that it does not know
        book = load_workbook(stream, read_only=True, data_only=values)
        return {sheet.title: _trimmed(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def _trimmed(rows: Any) -> list[list[Any]]:
    """Return rows as lists of one length, without the empty ones below and the empty columns behind."""
    found = [[None if isinstance(cell, str) and not cell.strip() else cell for cell in row] for row in rows]
    while found and all(cell is None for cell in found[-1]):
        found.pop()
    width = max((place + 1 for row in found for place, cell in enumerate(row) if cell is not None), default=0)
    return [[*row[:width], *[None] * (width - len(row))] for row in found]


def _check_cells(stream: IO[bytes], file: Path, sheet: str, rows: list[list[Any]]) -> None:
    """Refuse errors, and formulas that nobody has computed; empty the cells whose text says that they are missing."""
    where = f"{file}, sheet {sheet!r}"
    holes = [(i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell is None]
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if isinstance(cell, str) and cell in _ERRORS:
                raise InputError(f"{where}: the cell in row {i + 1}, column {j + 1} holds {cell}; mend it")
            if isinstance(cell, str) and cell in MISSING_TEXTS:
                row[j] = None
    if not holes:
        return
    written = _cells(stream, values=False)[sheet]
    for i, j in holes:
        if i < len(written) and j < len(written[i]) and str(written[i][j] or "").startswith("="):
            raise InputError(
                f"{where}: the formula in row {i + 1}, column {j + 1} was never computed; open the workbook and save it"
            )


def _has_header(rows: list[list[Any]], names: set[str]) -> bool | None:
    """Say whether the first row names the columns; None when that cannot be told."""
    first = rows[0]
    texts = [isinstance(cell, str) for cell in first]
    if names & {cell.strip() for cell in first if isinstance(cell, str)} or all(texts):
        return True
    if not any(texts):
        return False
    below = rows[1] if len(rows) > 1 else []
    if any(text and not isinstance(cell, str) and cell is not None for text, cell in zip(texts, below, strict=False)):
        return True
    return True if all(text or cell is None for text, cell in zip(texts, first, strict=True)) else None
