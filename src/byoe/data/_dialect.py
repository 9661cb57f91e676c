"""How a CSV file is written: found out where its first rows leave no doubt, else asked for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..errors import InputError
from ._cells import is_number
from ._number_texts import decimal_of
from ._reading import Reading
from ._text import without_comments

_CANDIDATES = (",", ";", "\t", "|")
SHOWN = {"\t": "tab", " ": "blanks"}
_ROWS = 100
_EXCEL = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_COMMENT = "#"


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes
    ----------
    sep : str
        A blank stands for any number of them.
    decimal : str
    rows : list of list of str
        The first ones, without blanks around cells.
    skipped : int
        Lines above them.
    spaced : bool
        Whether a blank follows every separator.
    """

    sep: str
    decimal: str
    rows: list[list[str]]
    skipped: int = 0
    spaced: bool = False

    @property
    def trailing(self) -> bool:
        """Whether all rows end with a separator, so that there is a column without a name and without cells."""
        head, *below = self.rows
        wide = [row for row in below if len(row) == max(map(len, below))]
        ends = bool(below) and len(wide) == len(below) and len(wide[0]) > 1 and not any(row[-1] for row in wide)
        return ends and (len(head) == len(wide[0]) - 1 or (len(head) == len(wide[0]) and not head[-1]))


def dialect_of(text: str, file: Path, how: Reading, *, whole: bool) -> Dialect:
    """Return how a file is written, by its beginning and by what is said of it.

    Raises
    ------
    InputError
        Names the option where the file leaves doubt.
    """
    skipped, sep = 0, how.sep
    if found := _EXCEL.match(text):
        skipped, text, sep = 1, text[found.end() :], sep or found[1]
    if how.comment:
        text = without_comments(text, how.comment)
    elif how.comment is None:
        sep = _checked_for_comments(text, file, sep, whole)
    sep = sep or _sep_of(text, file, whole)
    rows = _rows(text, sep, whole)
    _check_told(text, file, sep, rows, whole)
    if not rows:
        raise InputError(f"{file} is empty")
    decimal = how.decimal or decimal_of(rows[1:] or rows)
    return Dialect(sep, decimal, rows, skipped, _is_spaced(text, sep, whole))


def _rows(text: str, sep: str, whole: bool, *, strip: bool = True) -> list[list[str]]:
    """Return the first rows that are whole, and not empty."""
    stream: Iterable[str] = io.StringIO(text, newline="")
    if sep == " ":
        stream = [re.sub(r"[ \t]+", " ", line.strip(" \t\r\n")) for line in stream]
    try:
        rows = list(
            islice((row for row in csv.reader(stream, delimiter=sep, skipinitialspace=strip) if row), _ROWS + 1)
        )
    except csv.Error as error:
        raise InputError(f"the file cannot be read as a table: {error}") from error
    rows = rows[:_ROWS] if len(rows) > _ROWS else rows if whole or len(rows) < 2 else rows[:-1]
    return [[cell.strip() for cell in row] for row in rows] if strip else rows


def _sep_of(text: str, file: Path, whole: bool) -> str:
    found = {sep: _rows(text, sep, whole) for sep in _CANDIDATES}
    if not any(found.values()):
        raise InputError(f"{file} is empty")
    seen = {sep: rows for sep, rows in found.items() if any(len(row) > 1 for row in rows)}
    if not seen:
        return _blanks_or_one_column(text, file, whole)
    even = [sep for sep, rows in seen.items() if _is_even(rows)]
    if len(even) > 1:
        even = [sep for sep in even if all(_is_decimal_inside(seen[sep], other) for other in even if other != sep)]
    if not even:  # rows may lack their last cells
        even = [sep for sep, rows in seen.items() if len(rows[0]) == max(map(len, rows)) > 1]
    if not even and len(seen) == 1 and len(next(iter(seen.values()))[0]) > 1:
        even = list(seen)  # rows are too long, which the reader tells with their numbers
    if len(even) != 1:
        raise InputError(f"{file}: {_told_widths(seen)}. {_ASK}")
    return even[0]


_ASK = (
    "Say what separates them with sep=';' (--sep ';', or tab); name what comment lines begin with by comment='%' "
    "(--comment), and remove titles above the header"
)


def _check_told(text: str, file: Path, sep: str, rows: list[list[str]], whole: bool) -> None:
    """Refuse a separator that stands nowhere, where another one makes a table."""
    if any(len(row) > 1 for row in rows):
        return
    for other in _CANDIDATES:
        if other != sep and len(found := _rows(text, other, whole)) > 1 and _is_even(found):
            raise InputError(
                f"{file}: sep={sep!r} stands nowhere in the first rows, and {SHOWN.get(other, repr(other))} separates "
                f"{len(found[0])} cells in each of them (--sep)"
            )


def _told_widths(seen: dict[str, list[list[str]]]) -> str:
    told = []
    for sep, rows in seen.items():
        widths = sorted({len(row) for row in rows})
        span = str(widths[0]) if len(widths) == 1 else f"{widths[0]} to {widths[-1]}"
        told.append(f"{span} cells between {SHOWN.get(sep, repr(sep))}")
    return f"what separates the cells is in doubt: the first rows have {', '.join(told)}"


def _is_even(rows: list[list[str]]) -> bool:
    """Say whether all rows have as many cells; all but the header may end with a separator."""
    widths = {len(row) for row in rows}
    if len(widths) == 1:
        return widths.pop() > 1
    below = {len(row) for row in rows[1:]}
    return len(rows[0]) > 1 and below == {len(rows[0]) + 1} and not any(row[-1] for row in rows[1:])


def _is_decimal_inside(rows: list[list[str]], other: str) -> bool:
    """Say whether what else may separate cells stands inside of numbers only."""
    inside = [cell for row in rows for cell in row if other in cell]
    return other == "," and all(re.fullmatch(r"[+-]?\d+(,\d+)+", cell) for cell in inside)


def _blanks_or_one_column(text: str, file: Path, whole: bool) -> str:
    rows = _rows(text, " ", whole)
    if not _is_even(rows):
        return ","
    cells = [cell for row in (rows[1:] or rows) for cell in row]
    if all(is_number(cell) or is_number(cell.replace(",", ".")) for cell in cells):
        return " "
    raise InputError(
        f"{file}: all first rows are {len(rows[0])} words. Say sep=' ' (--sep ' ') if blanks separate the cells, and "
        "sep=',' if there is one column"
    )


def _is_spaced(text: str, sep: str, whole: bool) -> bool:
    cells = [cell for row in _rows(text, sep, whole, strip=False)[1:] for cell in row[1:] if cell]
    return sep != " " and bool(cells) and all(cell.startswith(" ") for cell in cells)


def _checked_for_comments(text: str, file: Path, sep: str | None, whole: bool) -> str | None:
    """Refuse lines that may be comments; return the separator as far as it is known."""
    lines = [line for line in io.StringIO(text, newline="") if line.startswith(_COMMENT)]
    if not lines:
        return sep
    bare = without_comments(text, _COMMENT)
    doubt = InputError(
        f"{file}: a line begins with '#' ({lines[0].strip()[:40]!r}). Say comment='#' (--comment '#') if such "
        "lines are comments, and comment='' (--comment '') if they are rows"
    )
    if not bare.strip():
        raise doubt
    sep = sep or _sep_of(bare, file, whole)
    below, marked = _rows(bare, sep, whole), _rows("".join(lines), sep, whole=True)
    if not below or {len(row) for row in marked} != {len(below[0])}:
        raise doubt
    heads = text.startswith(_COMMENT)
    named = heads and len(lines) == 1 and not lines[0][1:2].isspace() and not is_number(lines[0][1:2])
    cells = not heads and not any(is_number(row[0]) for row in below[1:] if row[0])
    if not named and not cells:
        raise doubt
    return sep
