"""Tables in files: CSV with or without a header, Parquet, and folders of many files."""

from __future__ import annotations

import csv
import gzip
import itertools
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, need
from ._cells import MISSING_TEXTS, is_number

if TYPE_CHECKING:
    import pandas as pd


def read_frame(path: str | Path, *, header: bool | None = None, names: Iterable[Any] = ()) -> pd.DataFrame:
    """Read a file, or all files of a folder one below the other.

    Parameters
    ----------
    path : str or Path
    header : bool, default=None
        Whether the first row of a CSV file names the columns. None looks: it does when no
        cell is a number, or when a number stands below a text; where that leaves doubt, it
        is an error. Columns of a file without a header are numbered from 0.
    names : iterable
        Names that the caller will look for: a first row that holds one is a header.

    Raises
    ------
    InputError
        When there is no such file, when it is empty or damaged, or when the files of a
        folder have different columns.
    """
    need("pandas", "data", "reading tables from files")
    import pandas as pd

    path = Path(path)
    files = data_files(path)
    wanted = {name for name in names if isinstance(name, str)}
    frames = [_read_one(file, header, wanted) for file in files]
    first = list(frames[0].columns)
    for file, frame in zip(files[1:], frames[1:], strict=True):
        if set(frame.columns) != set(first):
            differ = sorted(map(str, set(frame.columns) ^ set(first)))
            raise InputError(f"{file} and {files[0]} have different columns: {', '.join(differ[:10])}")
    return frames[0] if len(frames) == 1 else pd.concat([frame[first] for frame in frames], ignore_index=True)


def read_columns(path: str | Path, *, header: bool | None = None, names: Iterable[Any] = ()) -> list[Any]:
    """Return the labels of the columns that `read_frame` would find, from the beginning of the first file."""
    need("pandas", "data", "reading tables from files")
    wanted = {name for name in names if isinstance(name, str)}
    return list(_read_one(data_files(Path(path))[0], header, wanted, rows=1).columns)


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


def _read_one(file: Path, header: bool | None, names: set[str], *, rows: int | None = None) -> pd.DataFrame:
    """Read a file, or so many rows of it at least."""
    import pandas as pd

    if file.stat().st_size == 0:
        raise InputError(f"{file} is empty")
    with file.open("rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    try:
        if parquet:
            need("pyarrow", "data", "reading Parquet")
            frame = pd.read_parquet(file) if rows is None else _first_batch(file, rows)
        else:
            frame = _read_csv(file, _has_header(file, names) if header is None else header, rows)
    except (OSError, EOFError, ValueError, csv.Error, pd.errors.ParserWarning) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} cannot be read as a table: {error}") from error
    if not len(frame):
        raise InputError(f"{file} holds a header and no rows")
    return frame


def _first_batch(file: Path, rows: int) -> pd.DataFrame:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as parquet:
        batches = [*itertools.islice(parquet.iter_batches(rows), 1)]
        frame: pd.DataFrame = pyarrow.Table.from_batches(batches, parquet.schema_arrow).to_pandas()
    return frame


def _read_csv(file: Path, header: bool, rows: int | None) -> pd.DataFrame:
    import pandas as pd

    # Exact numbers are the default from pandas 3 on, and an option before.
    exact: Any = {} if int(pd.__version__.partition(".")[0]) >= 3 else {"float_precision": "round_trip"}
    with warnings.catch_warnings():
        # Rows that are longer than the header would be cut, or shifted by a column.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame: pd.DataFrame = pd.read_csv(file, header=0 if header else None, index_col=False, nrows=rows, **exact)
    return frame


def _has_header(file: Path, names: set[str]) -> bool:
    opener: Any = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8-sig", newline="") as stream:
        rows = [row for _, row in zip(range(2), (row for row in csv.reader(stream) if row), strict=False)]
    if not rows:
        raise InputError(f"{file} is empty")
    first = [cell.strip() for cell in rows[0]]
    texts = [cell for cell in first if not is_number(cell)]
    if not texts:
        return False
    header = _is_header(first, rows[1] if len(rows) > 1 else [], names)
    if header is None:
        raise InputError(
            f"{file}: the first row ({', '.join(first[:5])}{', …' if len(first) > 5 else ''}) may be a header or data; "
            "say which with header=True or header=False (--header, --no-header)"
        )
    twice = sorted({name for name in first if first.count(name) > 1})
    if header and twice:
        raise InputError(f"{file} names {', '.join(map(repr, twice))} more than once in its header; rename the columns")
    return header


def _is_header(first: list[str], second: list[str], names: set[str]) -> bool | None:
    """Say whether a first row with a text in it is a header; None when that cannot be told."""
    if names & set(first) or all(not is_number(cell) for cell in first):
        return True
    if any(not is_number(above) and is_number(below) for above, below in zip(first, second, strict=False)):
        return True
    values = [cell for cell in first if cell not in MISSING_TEXTS and is_number(cell)]
    # Columns may be called by years, but hardly by fractions, or by the same number twice.
    odd = len(set(values)) < len(values) or any(not cell.isdigit() for cell in values)
    return False if odd else None
