"""How much memory a table in files will take, before it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._csv import FAILURES
from ._file_kinds import TEXT, opened
from ._files import data_files, read_beginning
from ._json_rows import looks_like_json
from ._parquet import footers_of, is_block
from ._reading import Reading
from ._roles import feature_columns, find_roles, names_of
from ._text import SAMPLE, beginning, encoding_of

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 10_000  # that are looked at
_CELL = 8  # bytes of a number for the learners
_ROW = 100  # bytes of targets, folds and the like
_ROLES = ("target", "weight", "groups", "drop")


@dataclass(frozen=True)
class TableSize:
    """The size of the features of a table.

    Attributes
    ----------
    rows, columns : int
    bytes : float
        What it takes of memory at most, as read and as numbers for the learners.
    """

    rows: int
    columns: int
    bytes: float


def size_of_files(
    path: str | Path, roles: Mapping[str, Any], how: Reading, *, sharded: bool = False
) -> TableSize | None:
    """Return about the size of a table in files: by footers of Parquet, or by the size of CSV, and by the first rows.

    Parameters
    ----------
    path : str or Path
        A file or a folder.
    roles : mapping
        ``target``, ``weight``, ``groups`` and ``drop``, as for `take_apart`; what else jobs are told is passed over.
    how : Reading
    sharded : bool, default=False
        Whether others have further files, so that the frame is put together from frames and shows no array; columns
        to drop are not among them then.

    Returns
    -------
    TableSize, or None where it cannot be told
        Of files that are packed, of JSON, Feather and workbooks; and of what cannot be read, as whoever reads it says.
    """
    roles = {role: roles[role] for role in _ROLES}
    with suppress(*FAILURES):
        files = data_files(Path(path))
        footers = footers_of(files)
        if footers is not None:
            features = feature_columns(footers[0].labels, find_roles(footers[0].labels, roles))
            sample = read_beginning(files[0], _ROWS, columns=features)
            shared = not sharded and is_block(footers, features)
            return size_of_rows(sample, sum(one.rows for one in footers), shared=shared)
        rows = [_rows(file, how) for file in files]
        if all(rows):
            sample = read_beginning(files[0], _ROWS, names=names_of(roles), header=how.header, **how.said())
            labels = list(sample.columns)
            features = feature_columns(labels, find_roles(labels, roles))
            return size_of_rows(sample[features], sum(rows), shared=False, read=None if sharded else sample)
    return None


def size_of_rows(sample: pd.DataFrame, rows: int, *, shared: bool, read: pd.DataFrame | None = None) -> TableSize:
    """Return the size of a table of so many rows like those of a frame.

    ``shared`` says that the learners' numbers are the frame's own. Else reading takes the frame twice, with what is
    ``read`` beside its columns, and the fit both.
    """
    each, columns = _each(sample), sample.shape[1]
    taken = each if shared else max(2 * _each(sample if read is None else read), each + _CELL * columns)
    return TableSize(rows, columns, rows * (taken + _ROW))


def _each(sample: pd.DataFrame) -> float:
    """Return the bytes of a row."""
    return float(sample.memory_usage(index=False, deep=True).sum()) / len(sample)


def _rows(file: Path, how: Reading) -> int:
    """Return about how many rows a text has, by its beginning; 0 for what is no plain text."""
    with opened(file) as (kind, stream):
        if kind != TEXT or not isinstance(stream, io.BufferedReader):
            return 0
        text, _ = beginning(stream, file, encoding_of(stream, file, how.encoding))
    if not text or looks_like_json(text, file):
        return 0
    size = file.stat().st_size
    return round(sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) * size / min(size, SAMPLE))
