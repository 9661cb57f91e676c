"""CSV files, with or without a header, however they are written."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import InputError
from ._cells import MISSING_TEXTS, is_number
from ._dialect import SHOWN, Dialect, dialect_of
from ._number_texts import check_number_texts
from ._reading import Reading
from ._text import beginning, encoding_of, told_encoding, without_comments

if TYPE_CHECKING:
    import pandas as pd


def read_csv(stream: IO[bytes], file: Path, how: Reading, names: set[str], rows: int | None) -> pd.DataFrame:
    """Read a text file as a table, or so many rows of it."""
    import pandas as pd

    encoding = encoding_of(stream, file, how.encoding)
    text, whole = beginning(stream, file, encoding)
    dialect = dialect_of(text, file, how, whole=whole)
    header = has_header(dialect, file, names) if how.header is None else how.header
    labels = _labels(dialect, file, header)
    try:
        frame = _read(stream, encoding, dialect, how.comment, labels, rows)
    except UnicodeError as error:
        raise InputError(told_encoding(file, encoding, _undecoded(stream, encoding))) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise InputError(
            f"{file} cannot be read as a table: {_told(error)} All rows need as many cells as the first; quote a "
            f"cell that holds {SHOWN.get(dialect.sep, repr(dialect.sep))}, or say what separates cells by sep= (--sep)"
        ) from error
    if rows is None:
        _check_trailers(frame, file)
        check_number_texts(frame, file, decimal=dialect.decimal, told=how.decimal is not None)
    return _without_trailing(frame, file) if dialect.trailing else frame


def _read(
    stream: IO[bytes], encoding: str, dialect: Dialect, comment: str | None, labels: list[str] | None, rows: int | None
) -> pd.DataFrame:
    """Read all rows, or so many; ``labels`` are those of the first row, None where that is data."""
    import pandas as pd

    # Exact numbers are the default from pandas 3 on, and an option before.
    options: dict[str, Any] = {} if int(pd.__version__.partition(".")[0]) >= 3 else {"float_precision": "round_trip"}
    options |= {"sep": r"\s+" if dialect.sep == " " else dialect.sep, "decimal": dialect.decimal}
    options |= {"skipinitialspace": dialect.spaced, "skiprows": dialect.skipped, "nrows": rows, "names": labels}
    stream.seek(0)
    text: Any = io.TextIOWrapper(stream, encoding, newline="")
    try:
        source = io.StringIO(without_comments(text.read(), comment), newline="") if comment else text
        with warnings.catch_warnings():
            # Rows that are longer than the header would be cut, or shifted by a column.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(source, header=None if labels is None else 0, index_col=False, **options)
    finally:
        text.detach()  # whoever has opened the stream closes it
    return frame


def _told(error: Exception) -> str:
    """Return what pandas tells of rows that are too long."""
    wide = "Length of header" in str(error)
    return "rows have more cells than the first one, which may be a title." if wide else f"{str(error).strip()}."


def _undecoded(stream: IO[bytes], encoding: str) -> bytes:
    """Return the first line that is not of an encoding."""
    stream.seek(0)
    for line in stream:
        try:
            line.decode(encoding)
        except UnicodeError:
            return line
    return b""


def _labels(dialect: Dialect, file: Path, header: bool) -> list[str] | None:
    """Return the names of the header, without blanks around them, and as pandas calls those that have none."""
    if not header:
        return None
    first = dialect.rows[0]
    twice = sorted({name for name in first if name and first.count(name) > 1})
    if twice:
        raise InputError(f"{file} names {', '.join(map(repr, twice))} more than once in its header; rename the columns")
    labels = [name or f"Unnamed: {place}" for place, name in enumerate(first)]
    width = max(map(len, dialect.rows))
    return [*labels, f"Unnamed: {len(labels)}"] if dialect.trailing and width > len(labels) else labels


def _without_trailing(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    last = frame.iloc[:, -1]
    if last.notna().any():
        row = int(last.notna().to_numpy().argmax())
        raise InputError(
            f"{file}: the first rows end with a separator, and row {row} has a cell behind it; give that column a name"
        )
    return frame.iloc[:, :-1]


def _check_trailers(frame: pd.DataFrame, file: Path) -> None:
    """Refuse lines below the first rows that look like comments."""
    first = frame.iloc[:, 0]
    if frame.shape[1] < 2 or (first.dtype.kind not in "OT" and str(first.dtype) != "str"):
        return
    alone = first.astype(str).str.startswith("#") & frame.iloc[:, 1:].isna().all(axis=1)
    if alone.any():
        raise InputError(
            f"{file}: a line begins with '#' ({first[alone].iloc[0][:40]!r}). Say comment='#' (--comment '#') if such "
            "lines are comments"
        )


def has_header(dialect: Dialect, file: Path, names: set[str]) -> bool:
    """Say whether the first row names the columns."""
    first, below = dialect.rows[0], (dialect.rows[1] if len(dialect.rows) > 1 else [])
    if dialect.trailing and not first[-1]:
        first = first[:-1]
    if all(_is_number(cell, dialect.decimal) for cell in first):
        return False
    header = _is_header(first, below, names, dialect.decimal)
    if header is None:
        raise InputError(
            f"{file}: the first row ({', '.join(first[:5])}{', …' if len(first) > 5 else ''}) may be a header or data; "
            "say which with header=True or header=False (--header, --no-header)"
        )
    return header


def _is_header(first: list[str], second: list[str], names: set[str], decimal: str) -> bool | None:
    """Say whether a first row with a text in it is a header; None when that cannot be told."""
    numbers = [_is_number(cell, decimal) for cell in first]
    if names & set(first) or not any(numbers):
        return True
    if any(not above and _is_number(below, decimal) for above, below in zip(numbers, second, strict=False)):
        return True
    if not first[0] and second[:1] in (["0"], ["1"]) and not any(numbers[1:]):  # an index that pandas or R has written
        return True
    values = [cell for cell, number in zip(first, numbers, strict=True) if number and cell not in MISSING_TEXTS]
    # Columns may be called by years, but hardly by fractions, or by the same number twice.
    odd = len(set(values)) < len(values) or any(not cell.isdigit() for cell in values)
    return False if odd else None


def _is_number(cell: str, decimal: str) -> bool:
    return is_number(cell if decimal == "." else cell.replace(",", "."))


FAILURES: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, csv.Error)


@contextmanager
def told_of(file: Path) -> Iterator[None]:
    """Say of which file it is that something cannot be read."""
    try:
        yield
    except FAILURES as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} cannot be read as a table: {str(error).strip()}") from error
