"""A table with further columns of numbers, in each of its forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ._column import Column
from ._table import Table


def widened(table: Table, block: FloatArray, names: Sequence[str]) -> Table:
    """Return a table with further columns of numbers behind its own; the one given stays as it is.

    Parameters
    ----------
    table : Table
    block : array of shape (n_rows, n_new)
    names : sequence of str
        What the new columns are called where columns have names.
    """
    values = _beside(table.values, block)
    native = values if table.native is table.values else _native(table.native, block, names)
    labels = None if table.labels is None else (*table.labels, *_free(names, table.labels))
    columns = (*table.columns, *(Column("number") for _ in names)) if table.columns else ()
    return Table(values, native, columns, labels)


def _native(native: Any, block: FloatArray, names: Sequence[str]) -> Any:
    """Return the user's container with the columns."""
    if hasattr(native, "iloc"):
        import pandas as pd

        # At once: a frame of many columns warns where one is put in after the other.
        new = pd.DataFrame(block, index=native.index, columns=list(_like(native.columns.tolist(), names)))
        return pd.concat([native, new], axis=1)
    if isinstance(native, np.ndarray) or hasattr(native, "tocsr"):
        return _beside(native, block)
    import narwhals as nw

    frame = nw.from_native(native, eager_only=True)
    space = nw.get_native_namespace(frame)
    free = _free(names, frame.columns)
    series = [nw.new_series(name, column, backend=space) for name, column in zip(free, block.T, strict=True)]
    return frame.with_columns(*series).to_native()


def _beside(values: Any, block: FloatArray) -> Any:
    if isinstance(values, np.ndarray):
        return np.column_stack([values, block])
    from scipy.sparse import csr_matrix, hstack

    return hstack([values, csr_matrix(block)], format="csr")


def _like(known: Sequence[Any], names: Sequence[str]) -> Sequence[Any]:
    """Return names as a frame's columns have them: numbers where none of these is a text, which nobody takes mixed."""
    if known and not any(isinstance(name, str) for name in known):
        first = 1 + max([len(known), *(name for name in known if isinstance(name, int))])
        return range(first, first + len(names))
    return _free(names, known)


def _free(names: Sequence[str], taken: Sequence[Any]) -> list[str]:
    """Return names that are not taken, as near as may be to those that are wanted."""
    found, gone = [], set(taken)
    for name in names:
        while name in gone:
            name += "_"
        gone.add(name)
        found.append(name)
    return found
