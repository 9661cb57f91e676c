"""Columns of every kind as numbers: categories as codes, dates as days, missing cells as NaN.

Nothing here is a statistic. The table of categories is the set of values that occur, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import narwhals as nw
import numpy as np

from ..contracts._task import FloatArray
from ..errors import InputError, ParameterError
from ._cells import DAY, category_key, is_missing
from ._column import Column
from ._columns_named import column_positions

Raw = tuple[str, Any]  # how messages call the column, and its cells: a narwhals series or an object array


def raw_columns(X: Any) -> list[Raw] | None:
    """Return the columns of a frame, or of an array with text in it; None for plain numbers."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return [(repr(name), cells) for name, cells in zip(frame.columns, frame.iter_columns(), strict=True)]
    if isinstance(X, (list, tuple, np.ndarray)):
        cells = np.asarray(X)
        if cells.ndim == 2 and cells.dtype.kind in "OUSM":
            cells = cells if cells.dtype.kind == "M" else np.array(X, dtype=object)
            return [(f"number {i}", column) for i, column in enumerate(cells.T)]
    return None


def chosen_categories(categorical: Any, labels: Sequence[str] | None, n_columns: int) -> set[int]:
    """Return the positions of the columns that ``categorical=`` names."""
    if isinstance(categorical, str) and categorical == "auto":
        return set()
    if isinstance(categorical, str) or not isinstance(categorical, Iterable):
        raise ParameterError(f"categorical is {categorical!r}, expected 'auto' or a list of columns")
    return set(column_positions(categorical, labels, n_columns, "categorical"))


def describe(raw: Sequence[Raw], chosen: set[int]) -> tuple[Column, ...]:
    """Return the kinds of columns, and the categories that occur."""
    made = []
    for position, (name, cells) in enumerate(raw):
        kind = "category" if position in chosen else _kind(name, cells)
        if kind == "category":
            keys = set(_keys(name, cells))
            made.append(Column("category", tuple(sorted(key for key in keys if key is not None))))
        else:
            made.append(Column(kind))
    return tuple(made)


def encode(raw: Sequence[Raw], columns: Sequence[Column]) -> FloatArray:
    """Return the cells as an array of shape (n_rows, n_columns).

    A category that is not in the table has the number of categories as its code.

    Raises
    ------
    InputError
        Names the columns whose cells are not what they were when the ensemble was fitted.
    """
    n_rows = len(raw[0][1]) if raw else 0
    values = np.empty((n_rows, len(raw)))
    wrong = []
    for position, ((name, cells), column) in enumerate(zip(raw, columns, strict=True)):
        try:
            if column.kind == "category":
                table, unknown = column.codes, float(len(column.codes))
                values[:, position] = [np.nan if key is None else table.get(key, unknown) for key in _keys(name, cells)]
            else:
                values[:, position] = _dates(cells) if column.kind == "date" else _numbers(cells)
        except ValueError:
            wrong.append(f"{name} ({'dates' if column.kind == 'date' else 'numbers'}, now {_told(cells)})")
        except TypeError as error:
            raise TypeError(f"column {name}: {error}") from error
    if wrong:
        raise InputError(
            "these columns hold something else than when the ensemble was fitted: "
            f"{', '.join(wrong[:5])}{', …' if len(wrong) > 5 else ''}. Convert them to what they were in training"
        )
    return values


def _told(cells: Any) -> str:
    return str(cells.dtype) if isinstance(cells, nw.Series) and cells.dtype != nw.Object else "text"


def _kind(name: str, cells: Any) -> Literal["number", "category", "date"]:
    if isinstance(cells, nw.Series):
        dtype = cells.dtype
        if dtype.is_numeric() or dtype == nw.Boolean:
            return "number"
        if dtype in (nw.String, nw.Categorical, nw.Enum):
            return "category"
        if dtype in (nw.Datetime, nw.Date, nw.Duration):
            return "date"
        if dtype not in (nw.Object, nw.Unknown):
            raise InputError(
                f"column {name} holds {dtype}, which is neither a number, a category nor a date; convert or drop it"
            )
    elif cells.dtype.kind == "M":
        return "date"
    return "category" if _has_text(cells) else "number"


def _has_text(cells: Any) -> bool:
    try:
        _as_floats(cells)
    except ValueError:
        return True
    except TypeError:  # neither text nor a number: what reads it says so
        return False
    return False


def _numbers(cells: Any) -> FloatArray:
    if isinstance(cells, nw.Series) and (cells.dtype.is_numeric() or cells.dtype == nw.Boolean):
        return np.asarray(cells.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if isinstance(cells, nw.Series) and cells.dtype in (nw.Datetime, nw.Date, nw.Duration):
        raise ValueError("dates")
    if _is_array_of_dates(cells):
        raise ValueError("dates")
    return _as_floats(cells)


def _is_array_of_dates(cells: Any) -> bool:
    return isinstance(cells, np.ndarray) and cells.dtype.kind == "M"


def _as_floats(cells: Any) -> FloatArray:
    return np.array([np.nan if is_missing(cell) else cell for cell in _listed(cells)], dtype=np.float64)


def _dates(cells: Any) -> FloatArray:
    """Return days since 1970; texts are read as ISO 8601, numbers are days already."""
    if isinstance(cells, nw.Series):
        if cells.dtype == nw.Duration:
            return _numbers(cells.dt.total_microseconds()) / DAY
        if cells.dtype == nw.Date:
            cells = cells.cast(nw.Datetime("us"))
        if cells.dtype == nw.Datetime:
            return _numbers(cells.dt.timestamp("us")) / DAY
        if cells.dtype.is_numeric():
            return _numbers(cells)
    listed = cells if _is_array_of_dates(cells) else [None if is_missing(cell) else cell for cell in _listed(cells)]
    days = np.array(listed, dtype="datetime64[us]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64) / DAY)


def _listed(cells: Any) -> list[Any]:
    return cells.to_list() if isinstance(cells, nw.Series) else cells.tolist()


def _keys(name: str, cells: Any) -> list[str | None]:
    """Return the cells of a category as texts, None where missing; 1, 1.0 and "1" are the same."""
    known: dict[Any, str | None] = {}
    keys = []
    for cell in _listed(cells):
        try:
            key = known[type(cell), cell]
        except KeyError:
            key = known[type(cell), cell] = category_key(cell)
        except TypeError as error:
            raise TypeError(
                f"column {name} holds a {type(cell).__name__}; a cell's argument must be a string or a real number"
            ) from error
        keys.append(key)
    return keys
