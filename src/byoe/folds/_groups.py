"""The groups of rows, as they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data._cells import is_missing
from ..data._containers import as_column
from ..errors import InputError


def read_groups(groups: Any, n_rows: int) -> NDArray[Any]:
    """Return the group of each row, of shape (n_rows,): numbers, texts, dates, tuples, or whatever can be sorted.

    What cannot be sorted together, such as numbers and texts, is numbered in the order of its first rows.
    """
    values = _one_a_row(groups)
    if values.shape != (n_rows,):
        given = f"{len(values)} entries" if values.ndim == 1 else f"the shape {values.shape}"
        raise InputError(
            f"groups has {given} for {n_rows} rows; give one each (of several columns, tuples of their cells)"
        )
    cells = values.tolist()
    if any(is_missing(group) for group in cells):
        raise InputError("groups has missing entries; every row needs a group")
    return values if _sorts(values, {_hashable(cell) for cell in cells}) else _numbered(cells)


def groups_for(splitter: Any, groups: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return the groups as a splitter takes them: codes for scikit-learn's, which compare the array with a tuple.

    Codes make the same folds, since these splitters sort the groups. One of the user's gets them as they are.
    """
    if groups is None or groups.dtype.kind != "O":
        return groups
    known = any(kind.__module__.startswith("sklearn.") and "split" in vars(kind) for kind in type(splitter).__mro__)
    return np.unique(groups, return_inverse=True)[1] if known else groups


def _sorts(values: NDArray[Any], known: set[Any]) -> bool:
    """Say whether sorting brings equal groups together, as splitters take for granted; it does not for sets."""
    try:
        return len(np.unique(values)) == len(known)
    except TypeError:
        return False


def _numbered(cells: list[Any]) -> NDArray[Any]:
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(cell, len(numbers)) for cell in cells])


def _one_a_row(groups: Any) -> NDArray[Any]:
    groups = as_column(groups, "groups")
    if isinstance(groups, (list, tuple)):  # one array of them would turn numbers into texts, and tuples into rows
        plain = {type(group) for group in groups}
        values = np.asarray(groups) if len(plain) == 1 and plain <= {int, float, str, bool} else _objects(groups)
    else:
        values = np.asarray(groups)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    return _objects(values.tolist()) if values.dtype.kind == "c" else values


def _objects(cells: Any) -> NDArray[Any]:
    values = np.empty(len(cells), dtype=object)
    values[:] = [tuple(cell) if isinstance(cell, list) else cell for cell in cells]
    return values


def _hashable(cell: Any) -> Any:
    try:
        hash(cell)
    except TypeError as error:
        raise InputError(f"groups holds {cell!r}, which cannot be told from others; use numbers or texts") from error
    return cell
