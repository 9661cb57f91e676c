"""A table to learn from: read, taken apart, and looked at for what people miss in their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ._cells import MISSING_TEXTS, is_missing
from ._files import read_frame
from ._reading import Reading
from ._roles import Dataset, take_apart
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
    return labelled(read_frame(path, header=how.header, names=names_of(roles), **how.said()), roles, task=task)


def names_of(roles: Mapping[str, Any]) -> list[Any]:
    """Return the columns that roles name."""
    return [roles["target"], roles["weight"], roles["groups"], *roles["drop"]]


def labelled(frame: Any, roles: Mapping[str, Any], *, task: str = "auto") -> Dataset:
    """Return a frame taken apart, and looked at as by `read_labelled`."""
    table = take_apart(frame, **roles)
    if task != "classification":
        check_odd_targets(table.y)
    return table


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
