"""Parquet read by columns: no others are read, and numbers of one kind become one array, of which there is no copy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..errors import need
from ._csv import told_of
from ._file_kinds import PARQUET, opened

if TYPE_CHECKING:
    import pandas as pd

_CELLS = 1 << 21  # decoded at once
_BUFFER = 1 << 20  # bytes of a column
_NUMBERS = ("float32", "float64")


@dataclass(frozen=True)
class Footer:
    """What a file of Parquet says of itself.

    Attributes
    ----------
    rows : int
    empty : DataFrame
        Its columns without rows, as pandas has them.
    names : dict of label to str
        What the file calls the columns; nothing where that is in doubt.
    """

    rows: int
    empty: pd.DataFrame
    names: dict[Any, str]

    @property
    def labels(self) -> list[Any]:
        """What pandas calls the columns."""
        return list(self.empty.columns)


def footers_of(files: Sequence[Path]) -> list[Footer] | None:
    """Return what files say of themselves; None unless all are Parquet with rows, and have the same columns."""
    footers: list[Footer] = []
    for file in files:
        with told_of(file), opened(file) as (kind, stream):
            footer = _footer(stream) if kind == PARQUET else None
        if footer is None or not (footer.rows and footer.names):
            return None
        footers.append(footer)
    same = all({*footer.names} == {*footers[0].names} for footer in footers)
    return footers if same else None


def _footer(stream: IO[bytes]) -> Footer:
    need("pyarrow", "data", "reading Parquet")
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(stream) as parquet:
        schema, rows = parquet.schema_arrow, int(parquet.metadata.num_rows)
    stream.seek(0)
    empty: pd.DataFrame = schema.empty_table().to_pandas()
    names = {label: str(label) for label in empty.columns}
    there = {*schema.names}
    clear = len({*names.values()}) == empty.shape[1] and len(there) == len(schema.names)
    return Footer(rows, empty, names if clear and {*names.values()} <= there else {})


def read_parquet(stream: IO[bytes], columns: Sequence[Any] | None, rows: int | None = None) -> pd.DataFrame:
    """Read the columns of a file that have some labels, or all; and all rows, or the first ones."""
    import pandas as pd

    known = {} if columns is None else _footer(stream).names
    names = [known[label] for label in columns] if columns is not None and known else None
    if rows is None:
        frame: pd.DataFrame = pd.read_parquet(stream, columns=names)
    else:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(stream) as parquet:
            empty = parquet.read_row_groups([], names)
            batches = [*itertools.islice(parquet.iter_batches(rows, columns=names), 1)]
            frame = pyarrow.Table.from_batches(batches, empty.schema).to_pandas()
    return frame if columns is None or known else frame[list(columns)]


def read_block(files: Sequence[Path], footers: Sequence[Footer], columns: Sequence[Any] | None) -> pd.DataFrame | None:
    """Read numbers that are all float32, or all float64, into one array of shape (n_rows, n_columns), row after row.

    The frame only shows the array: whoever wants its cells in one needs no copy.

    Parameters
    ----------
    files : sequence of Path
        One below the other.
    footers : sequence of Footer
        Of each.
    columns : sequence of labels or None
        None reads all.

    Returns
    -------
    DataFrame, or None where the columns hold something else
    """
    labels = footers[0].labels if columns is None else list(columns)
    if not is_block(footers, labels):
        return None
    cells = np.empty((sum(footer.rows for footer in footers), len(labels)), dtype=footers[0].empty.dtypes[labels[0]])
    start, index = 0, None
    for file, footer in zip(files, footers, strict=True):
        with told_of(file):
            index = _fill(cells[start : start + footer.rows], file, [footer.names[label] for label in labels])
        start += footer.rows
    import pandas as pd
    import pyarrow

    pyarrow.default_memory_pool().release_unused()
    return pd.DataFrame(cells, index if len(files) == 1 else None, footers[0].empty[labels].columns, copy=False)


def is_block(footers: Sequence[Footer], labels: Sequence[Any]) -> bool:
    """Say whether columns of files hold numbers that are all float32, or all float64."""
    kinds = {str(footer.empty.dtypes[label]) for footer in footers for label in labels}
    return len(kinds) == 1 and kinds <= {*_NUMBERS}


def _fill(cells: Any, file: Path, names: list[str]) -> pd.Index:
    """Read the columns of a file into an array of its rows, and return its index."""
    import pandas as pd
    import pyarrow.parquet

    start = 0
    with opened(file) as (_, stream):
        # Else all that is read of the file would be held until its end.
        with pyarrow.parquet.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER) as parquet:
            for batch in parquet.iter_batches(max(1, _CELLS // len(names)), columns=names):
                part = cells[start : start + batch.num_rows]
                for place, name in enumerate(names):
                    part[:, place] = batch.column(name).to_numpy(zero_copy_only=False)
                start += batch.num_rows
        stream.seek(0)
        return pd.read_parquet(stream, columns=[]).index
