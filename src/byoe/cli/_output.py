"""Predictions as a file, whole or not at all, or on the standard output."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, need
from ..tools._whole import whole_file

STANDARD = Path("-")
_CSV, _GZIP, _LINES, _PARQUET = ".csv", ".csv.gz", (".jsonl", ".ndjson"), ".parquet"


def check_file(out: Path) -> None:
    """Raise an InputError for a place where no file of predictions can be, or none of that kind."""
    if out == STANDARD:
        return
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file for the predictions")
    if not out.name.lower().endswith((_CSV, _GZIP, *_LINES, _PARQUET)):
        raise InputError(f"{out} is of no kind that is written; give a file.csv, .csv.gz, .jsonl or .parquet, or - ")
    if out.name.lower().endswith(_PARQUET):
        need("pyarrow", "data", "writing Parquet")


def write_columns(out: Path, columns: Mapping[str, Any]) -> None:
    """Write columns, each an array of shape (n_rows,) or a list."""
    check_file(out)
    if out == STANDARD:
        sys.stdout.write(_csv(columns))
        return
    name = out.name.lower()
    with whole_file(out) as file:
        if name.endswith(_PARQUET):
            import pandas as pd

            pd.DataFrame(dict(columns)).to_parquet(file, index=False)
        elif name.endswith(_GZIP):
            file.write_bytes(gzip.compress(_csv(columns).encode(), mtime=0))
        else:
            text = "".join(_lines(columns)) if name.endswith(_LINES) else _csv(columns)
            file.write_text(text, encoding="utf-8", newline="")


def _rows(columns: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() if hasattr(column, "tolist") else column for column in columns.values()), strict=True)


def _csv(columns: Mapping[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_rows(columns))
    return text.getvalue()


def _lines(columns: Mapping[str, Any]) -> Iterator[str]:
    for row in _rows(columns):
        cells = [None if isinstance(cell, float) and not math.isfinite(cell) else cell for cell in row]
        yield json.dumps(dict(zip(columns, cells, strict=True)), default=str) + "\n"
