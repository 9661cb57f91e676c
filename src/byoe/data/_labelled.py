"""A table to learn from: read, taken apart, and looked at for what people miss in their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ._cells import MISSING_TEXTS, is_missing
from ._files import data_files, read_frame
from ._parquet import footers_of
from ._reading import Reading
from ._roles import Dataset, dataset, feature_columns, find_roles, names_of, take_apart
from ._text_numbers import as_number

_TOLD = 3


def read_labelled(path: str | Path, roles: Mapping[str, Any], how: Reading, *, task: str = "auto") -> Dataset:
    """Read a table with a target.

    Parameters
    ----------
    path : str or Path
    roles : mapping
        ``target``, ``weight``, ``groups`` and ``drop``, as for `take_apart`.
    how : Reading
    task : "auto", "regression" or "classification"
        Which the target is meant for.

    Raises
    ------
    InputError
        As `read_frame` and `take_apart`, and for a target of numbers with some odd cells, which nobody has
        called classes.
    """
    table = _by_columns(Path(path), roles)
    if table is None:
        frame = read_frame(path, header=how.header, names=names_of(roles), **how.said())
        table = take_apart(frame, **roles)
    return _checked(table, task)


def labelled(frame: Any, roles: Mapping[str, Any], *, task: str = "auto") -> Dataset:
    """Return a frame taken apart, and looked at as by `read_labelled`."""
    return _checked(take_apart(frame, **roles), task)


def _checked(table: Dataset, task: str) -> Dataset:
    if task != "classification":
        check_odd_targets(table.y)
    return table


def _by_columns(path: Path, roles: Mapping[str, Any]) -> Dataset | None:
    """Read features and other columns of Parquet apart, and those to drop not at all; None where it is another file."""
    footers = footers_of(data_files(path))
    if footers is None:
        return None
    labels = footers[0].labels
    found = find_roles(labels, roles)
    features = read_frame(path, columns=feature_columns(labels, found), footers=footers)
    others = [column for role, column in found.items() if role != "drop" and column is not None]
    return dataset(features, read_frame(path, columns=others, footers=footers) if others else features, found)


def check_odd_targets(y: Any) -> None:
    """Refuse a target of numbers in which a few cells are none: they would make classes of all the numbers.

    Raises
    ------
    InputError
        Names the rows and the cells.
    """
    if y is None or y.dtype.kind in "biufcmM":
        return
    cells = y.tolist()
    texts = {cell for cell in cells if isinstance(cell, str) and cell.strip() not in MISSING_TEXTS}
    odd_texts = {text for text in texts if as_number(text) is None}
    odd = [row for row, cell in enumerate(cells) if isinstance(cell, str) and cell in odd_texts]
    missing = sum(is_missing(cell) for cell in cells)
    if not odd or 2 * len(odd) >= len(cells) - missing:
        return
    shown = ", ".join(f"row {row} {cells[row]!r}" for row in odd[:_TOLD]) + (", …" if len(odd) > _TOLD else "")
    comma = " A decimal comma in a file with decimal points is mended in the file." if _has_comma(cells, odd) else ""
    raise InputError(
        f"the target holds numbers but for {len(odd)} of {len(cells)} cells: {shown}. Mend these cells, or leave "
        f"their rows out.{comma} If all cells are classes, say so: task='classification' (--task classification)"
    )


def _has_comma(cells: list[Any], odd: list[int]) -> bool:
    return any(as_number(cells[row].replace(",", ".")) is not None for row in odd)
