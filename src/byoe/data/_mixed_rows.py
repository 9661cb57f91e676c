"""Tables whose rows take each cell from another row: what a model says where some columns are not those of a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contracts._task import IntArray
from ..errors import InputError
from ._table import Table, in_form


def one_below_the_other(first: Table, second: Table, *, frames: bool) -> Table:
    """Return the rows of two tables of one form; in the user's container only where ``frames`` says so."""
    if first.sparse:
        from scipy.sparse import vstack

        values = vstack([first.values, second.values]).tocsr()
    else:
        values = np.concatenate([first.values, second.values])
    native = values
    if frames and first.native is not first.values:
        native = _joined(first.native, second.native)
    return Table(values, native, first.columns, first.labels)


def mixed(table: Table, cells: IntArray, *, frames: bool) -> Table:
    """Return a table that takes each cell from some row of another.

    Parameters
    ----------
    table : Table
    cells : array of shape (n_rows, n_features)
        The row of ``table`` that each cell comes from.
    frames : bool
        Whether a model wants the user's container, which costs more.
    """
    values = table.values.toarray() if table.sparse else table.values
    values = in_form(np.take_along_axis(values, cells, axis=0), sparse=table.sparse)
    native = values
    if frames and table.native is not table.values:
        native = _mixed_native(table.native, cells)
    return Table(values, native, table.columns, table.labels)


def codes_of_cells(table: Table, *, frames: bool) -> IntArray:
    """Return for each cell the first row whose cell of the same column is equal; of shape (n_rows, n_features)."""
    n_rows, n_columns = table.values.shape
    codes = np.repeat(np.arange(n_rows)[:, None], n_columns, axis=1)
    if frames and table.native is not table.values:
        return codes  # what is equal as a number may differ in the user's container
    values = table.values.toarray() if table.sparse else table.values
    for place, column in enumerate(values.T):
        _, first, same = np.unique(column, return_index=True, return_inverse=True)
        codes[:, place] = first[same]
    return codes


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.concatenate([first, second])
    if type(first) is not type(second):
        raise InputError(
            f"the background is {type(second).__name__} and X is {type(first).__name__}; pass both in one container"
        )
    if hasattr(first, "iloc"):
        return _joined_pandas(first, second)
    import narwhals as nw

    both = [nw.from_native(part, eager_only=True) for part in (first, second)]
    return nw.concat(both, how="vertical").to_native()


def _joined_pandas(first: Any, second: Any) -> Any:
    import pandas as pd

    second = second[list(first.columns)]
    parts = {}
    for name in first.columns:
        pair = [first[name], second[name]]
        if all(isinstance(part.dtype, pd.CategoricalDtype) for part in pair):  # whose join may be of objects
            parts[name] = pd.Series(pd.api.types.union_categoricals(pair, ignore_order=True))
        else:
            parts[name] = pd.concat(pair, ignore_index=True)
    return pd.DataFrame(parts)


def _mixed_native(native: Any, cells: IntArray) -> Any:
    if isinstance(native, np.ndarray):
        return np.take_along_axis(native, cells, axis=0)
    if hasattr(native, "iloc"):
        import pandas as pd

        columns = [native.iloc[:, place].take(rows).reset_index(drop=True) for place, rows in enumerate(cells.T)]
        return pd.concat(columns, axis=1)
    import narwhals as nw

    frame = nw.from_native(native, eager_only=True)
    columns = [frame.select(name)[rows] for name, rows in zip(frame.columns, cells.T, strict=True)]
    return nw.concat(columns, how="horizontal").to_native()
