"""The features that a meta-model sees beside the members' predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contracts._blender import Blender
from ..contracts._task import FloatArray
from ..data._encoder import MOST_ONE_HOT
from ..data._table import Table
from ..errors import ParameterError, did_you_mean


def passed_through(blender: Blender, table: Table, names: Any) -> FloatArray | None:
    """Return the numbers that a blender with ``passthrough`` gets, of shape (n_rows, n_passed).

    A category becomes a column of 0 and 1 for each of its values, none for an unknown or missing
    one. Nothing is learned here: the blender learns scales on its own training rows.

    Parameters
    ----------
    blender : Blender
        Its ``passthrough`` is False, True for all columns, or a list of names or positions.
    table : Table
    names : sequence of str or None
        The names of the table's columns.

    Raises
    ------
    ParameterError
        When there is no such column, or one has more than 16 categories.
    """
    if blender.passthrough is False:
        return None
    known, positions = _positions(blender, table, names)
    if table.sparse:
        return np.asarray(table.values[:, positions].toarray(), dtype=np.float64)
    blocks = []
    for i in positions:
        column = table.values[:, i]
        levels = table.categorical.get(i)
        if levels is None:
            blocks.append(column[:, None])
        elif levels > MOST_ONE_HOT:
            raise ParameterError(
                f"column {known[i]!r} has {levels} categories, and at most {MOST_ONE_HOT} can be passed through; "
                "name the columns to pass in passthrough=[…]"
            )
        else:
            blocks.append(np.asarray(column[:, None] == np.arange(levels), dtype=np.float64))
    return np.hstack(blocks) if blocks else np.empty((len(table), 0))


def sources(blender: Blender, table: Table, names: Any) -> list[int]:
    """Return the position of the table's column that each passed column comes from."""
    _, positions = _positions(blender, table, names)
    return [i for i in positions for _ in range(table.categorical.get(i, 1))]


def _positions(blender: Blender, table: Table, names: Any) -> tuple[list[Any], list[int]]:
    n_columns = table.values.shape[1]
    known = list(range(n_columns)) if names is None else list(names)
    wanted = blender.passthrough
    return known, list(range(n_columns)) if wanted is True else [_position(one, known) for one in wanted]


def _position(wanted: Any, known: list[Any]) -> int:
    if wanted in known:
        return known.index(wanted)
    if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool) and -len(known) <= wanted < len(known):
        return int(wanted) % len(known)
    raise ParameterError(f"passthrough holds {wanted!r}. {did_you_mean(str(wanted), map(str, known))}")
