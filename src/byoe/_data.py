"""Tables in files: CSV with or without a header, Parquet, and folders of many files."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError, did_you_mean, need

if TYPE_CHECKING:
    import pandas as pd

# What pandas reads as a missing cell, so that header, training and requests agree.
_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)


@dataclass(frozen=True)
class Dataset:
    """A table taken apart.

    Attributes
    ----------
    X : DataFrame, or array when the columns have no names
    y : array of shape (n_rows,) or None
    weight, groups : array of shape (n_rows,) or None
    """

    X: Any
    y: Any = None
    weight: Any = None
    groups: Any = None


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a file, or all files of a folder one below the other.

    Columns of a CSV file without a header are numbered from 0. A first row counts as a
    header when it holds a cell that is neither a number nor missing.

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
    frames = [_read_one(file) for file in files]
    first = list(frames[0].columns)
    for file, frame in zip(files[1:], frames[1:], strict=True):
        if set(frame.columns) != set(first):
            differ = sorted(map(str, set(frame.columns) ^ set(first)))
            raise InputError(f"{file} and {files[0]} have different columns: {', '.join(differ[:10])}")
    return frames[0] if len(frames) == 1 else pd.concat([frame[first] for frame in frames], ignore_index=True)


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


def _read_one(file: Path) -> pd.DataFrame:
    import pandas as pd

    if file.stat().st_size == 0:
        raise InputError(f"{file} is empty")
    with file.open("rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    try:
        if parquet:
            need("pyarrow", "data", "reading Parquet")
            frame = pd.read_parquet(file)
        else:
            header = _has_header(file)
            # Exact numbers are the default from pandas 3 on, and an option before.
            exact: Any = {} if int(pd.__version__.partition(".")[0]) >= 3 else {"float_precision": "round_trip"}
            frame = pd.read_csv(file, header=0 if header else None, **exact)
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} cannot be read as a table: {error}") from error
    if not len(frame):
        raise InputError(f"{file} holds a header and no rows")
    return frame


def _has_header(file: Path) -> bool:
    opener: Any = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8-sig", newline="") as stream:
        row = next((row for row in csv.reader(stream) if row), None)
    if row is None:
        raise InputError(f"{file} is empty")
    if all(is_number(cell) for cell in row):
        return False
    names = [cell.strip() for cell in row]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{file} names {', '.join(map(repr, twice))} more than once in its header; rename the columns")
    return True


def is_number(cell: str) -> bool:
    """Say whether a cell is a number, or missing."""
    return parse_cell(cell) is not None


def parse_cell(cell: str) -> float | None:
    """Return the number in a cell, NaN when it is missing, None when it is text."""
    try:
        return float(cell)
    except ValueError:
        return float("nan") if cell.strip() in _MISSING else None


def take_apart(
    frame: pd.DataFrame,
    *,
    target: str | int | None,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
) -> Dataset:
    """Split a table into features, target, weights and groups.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    target, weight, groups : str or int
        Name of a column, or its position; negative positions count from the end.
    drop : iterable of str or int
        Columns to leave out.

    Raises
    ------
    InputError
        When a column is not there, or one column has two roles.
    """
    roles = {"target": target, "weight": weight, "groups": groups}
    found = {role: find_column(frame, name, role) for role, name in roles.items() if name is not None}
    if len(set(found.values())) < len(found):
        raise InputError(f"one column has two roles: {found}")
    left_out = {find_column(frame, name, "drop") for name in drop} | set(found.values())
    features = frame[[column for column in frame.columns if column not in left_out]]
    if not features.shape[1]:
        raise InputError("no feature column is left beside the target, weight, groups and dropped columns")
    named = all(isinstance(column, str) for column in features.columns)
    columns = {role: frame[column].to_numpy() for role, column in found.items()}
    return Dataset(
        features if named else features.to_numpy(),
        columns.get("target"),
        columns.get("weight"),
        columns.get("groups"),
    )


def find_column(frame: pd.DataFrame, name: str | int, role: str) -> Any:
    """Return the label of a column given by name or position."""
    columns = list(frame.columns)
    if name in columns:
        return name
    if isinstance(name, str) and name.lstrip("-").isdigit() and not any(isinstance(c, str) for c in columns):
        name = int(name)
    if isinstance(name, (int, np.integer)) and -len(columns) <= name < len(columns):
        return columns[name]
    if isinstance(name, str) and not any(isinstance(column, str) for column in columns):
        raise InputError(
            f"the {role} column is {name!r}, but the table has no header; give its position, 0 to {len(columns) - 1}"
        )
    raise InputError(f"there is no {role} column {name!r}. {did_you_mean(str(name), map(str, columns))}")
