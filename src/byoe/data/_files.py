"""Tables in files of the kinds that people have, and folders of many files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import InputError, need
from ._csv import FAILURES, read_csv, told_of
from ._file_kinds import ARROW, PARQUET, STREAM, WORKBOOK, opened
from ._json_rows import looks_like_json, read_json
from ._number_texts import check_number_texts
from ._parquet import Footer, footers_of, read_block, read_parquet
from ._reading import Reading
from ._text import beginning, encoding_of
from ._workbook import read_workbook

if TYPE_CHECKING:
    import pandas as pd


def read_frame(
    path: str | Path,
    *,
    header: bool | None = None,
    names: Iterable[Any] = (),
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    comment: str | None = None,
    sheet: str | int | None = None,
    columns: Sequence[Any] | None = None,
    footers: Sequence[Footer] | None = None,
) -> pd.DataFrame:
    """Read a file, or all files of a folder one below the other.

    CSV, also packed by gzip, bzip2, xz or zip; Parquet, Feather (Arrow); JSON, as a list of rows or
    a line for each; a sheet of a workbook (``.xlsx``). What a file is, its first bytes tell, not its name.

    Parameters
    ----------
    path : str or Path
    header : bool, default=None
        Whether the first row of a CSV file or of a sheet names the columns. None looks: it does
        when no cell is a number, or when a number stands below a text; where that leaves doubt, it
        is an error. Columns of a file without a header are numbered from 0.
    names : iterable
        Names that the caller will look for: a first row that holds one is a header.
    sep : str, default=None
        What separates the cells of CSV: one character, ``"tab"``, or a blank for any number of
        them. None takes a comma, semicolon, tab or bar that gives the first rows the same number of
        cells, and blanks between numbers.
    decimal : "." or ",", default=None
        What stands before fractions. None takes the comma where some numbers are written so, and
        none otherwise; ``"."`` makes cells such as ``1,234`` texts.
    encoding : str, default=None
        None reads UTF-8, and what a byte order mark says.
    comment : str, default=None
        What comment lines of CSV begin with; ``""`` where there are none.
    sheet : str or int, default=None
        Of a workbook, by its name, or by its position from 0 on. None takes the only one with cells.
    columns : sequence of labels, default=None
        The columns of the frame, as `read_columns` returns them; of Parquet no others are read. None takes all.
    footers : sequence of Footer, default=None
        What files of Parquet say of themselves, where they have been asked already.

    Raises
    ------
    InputError
        When there is no such file, when it is empty, damaged or of another kind, when something
        of the above is in doubt, or when the files of a folder have different columns.
    """
    need("pandas", "data", "reading tables from files")
    how = Reading(header, sep, decimal, encoding, comment, sheet)
    path = Path(path)
    files = data_files(path)
    footers = footers_of(files) if footers is None else footers
    if footers is not None and (block := read_block(files, footers, columns)) is not None:
        return block
    wanted = {name for name in names if isinstance(name, str)}
    return joined(files, [_read_one(file, how, wanted, columns=columns) for file in files])


def joined(files: Sequence[Any], frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of files one below the other, with the columns in the order of the first."""
    import pandas as pd

    first = list(frames[0].columns)
    for file, frame in zip(files[1:], frames[1:], strict=True):
        if set(frame.columns) != set(first):
            differ = sorted(map(str, set(frame.columns) ^ set(first)))
            raise InputError(f"{file} and {files[0]} have different columns: {', '.join(differ[:10])}")
    return frames[0] if len(frames) == 1 else pd.concat([frame[first] for frame in frames], ignore_index=True)


def read_columns(path: str | Path, *, names: Iterable[Any] = (), **reading: Any) -> list[Any]:
    """Return the labels of the columns that `read_frame` would find, from the beginning of the first file."""
    return list(read_beginning(data_files(Path(path))[0], 1, names=names, **reading).columns)


def read_beginning(
    file: Path, rows: int, *, names: Iterable[Any] = (), columns: Sequence[Any] | None = None, **reading: Any
) -> pd.DataFrame:
    """Read so many rows of a file at least, or all there are; the rest is as for `read_frame`."""
    need("pandas", "data", "reading tables from files")
    wanted = {name for name in names if isinstance(name, str)}
    return _read_one(file, Reading(**reading), wanted, rows=rows, columns=columns)


def data_files(path: Path) -> list[Path]:
    """Return the data files behind a path: itself, or what a folder holds, by name."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"there is no file or folder {path}")
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    )
    if not files:
        raise InputError(f"the folder {path} holds no data file")
    return files


def is_workbook(file: Path) -> bool:
    """Say whether a file is a workbook."""
    with suppress(*FAILURES), opened(file) as (kind, _):
        return kind == WORKBOOK
    return False


def _read_one(
    file: Path, how: Reading, names: set[str], *, rows: int | None = None, columns: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Read a file, or so many rows of it at least."""
    if file.stat().st_size == 0:
        raise InputError(f"{file} is empty")
    with told_of(file), opened(file) as (kind, stream):
        if kind == PARQUET:
            need("pyarrow", "data", "reading Parquet")
            frame = read_parquet(stream, columns, rows)
        else:
            frame = _read(kind, stream, file, how, names, rows)
            frame = frame if columns is None else frame[list(columns)]
    if not len(frame):
        raise InputError(f"{file} holds a header and no rows")
    return frame


def _read(kind: str, stream: IO[bytes], file: Path, how: Reading, names: set[str], rows: int | None) -> pd.DataFrame:
    if kind in (ARROW, STREAM):
        return _read_arrow(kind, stream)
    if kind == WORKBOOK:
        frame = read_workbook(stream, file, how, names)
        check_number_texts(frame, file, decimal=".", told=how.decimal is not None)
        return frame
    text, _ = beginning(stream, file, encoding_of(stream, file, how.encoding))
    return read_json(stream, file, how) if looks_like_json(text, file) else read_csv(stream, file, how, names, rows)


def _read_arrow(kind: str, stream: IO[bytes]) -> pd.DataFrame:
    need("pyarrow", "data", "reading Arrow")
    import pyarrow.feather

    if kind == ARROW:
        frame: pd.DataFrame = pyarrow.feather.read_feather(stream)
        return frame
    with pyarrow.ipc.open_stream(stream) as reader:
        read: pd.DataFrame = reader.read_all().to_pandas()
    return read
