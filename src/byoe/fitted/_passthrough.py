"""The features that a meta-model sees beside the members' predictions."""

from __future__ import annotations

import numpy as np

from ..contracts._blender import Blender
from ..contracts._learner import MOST_ONE_HOT
from ..contracts._task import FloatArray
from ..data._columns_named import column_positions
from ..data._table import Table, as_float64
from ..errors import ParameterError


def passed_through(blender: Blender, table: Table) -> FloatArray | None:
    """Return the numbers that a blender with ``passthrough`` gets, of shape (n_rows, n_passed).

    A category becomes a column of 0 and 1 for each of its values, none for an unknown or missing
    one. Nothing is learned here: the blender learns scales on its own training rows.

    Parameters
    ----------
    blender : Blender
        Its ``passthrough`` is False, True for all columns, or a list of names or positions.
    table : Table

    Raises
    ------
    ParameterError
        When there is no such column, or one has more than 16 categories.
    """
    if blender.passthrough is False:
        return None
    positions = _positions(blender, table)
    if table.sparse:
        return np.asarray(table.values[:, positions].toarray(), dtype=np.float64)
    blocks = []
    for i in positions:
        column = as_float64(table.values[:, i])
        levels = table.categorical.get(i)
        if levels is None:
            blocks.append(column[:, None])
        elif levels > MOST_ONE_HOT:
            called = i if table.labels is None else repr(table.labels[i])
            raise ParameterError(
                f"column {called} has {levels} categories, and at most {MOST_ONE_HOT} can be passed through; "
                "name the columns to pass in passthrough=[…]"
            )
        else:
            blocks.append(np.asarray(column[:, None] == np.arange(levels), dtype=np.float64))
    return np.hstack(blocks) if blocks else np.empty((len(table), 0))


def sources(blender: Blender, table: Table) -> list[int]:
    """Return the position of the table's column that each passed column comes from."""
    return [i for i in _positions(blender, table) for _ in range(table.categorical.get(i, 1))]


def _positions(blender: Blender, table: Table) -> list[int]:
    n_columns = table.values.shape[1]
    if blender.passthrough is True:
        return list(range(n_columns))
    return column_positions(blender.passthrough, table.labels, n_columns, "passthrough")
