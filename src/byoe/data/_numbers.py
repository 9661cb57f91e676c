"""Columns of every kind as numbers: categories as codes, dates as days, missing cells as NaN.

Nothing here is a statistic. The table of categories is the set of values that occur, in order; so are the parts of the
calendar that dates differ in, and the odd texts among numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

import narwhals as nw
import numpy as np

from ..contracts._task import FloatArray
from ..errors import InputError, ParameterError
from ._calendar import varying
from ._cells import DAY, category_key, is_missing
from ._column import Column
from ._columns_named import column_positions
from ._date_texts import days_of_text, orders_of
from ._dates import NO_TIMES, Dated, dated_cells, days_of_array, days_of_cell
from ._table import told_too_large
from ._text_numbers import odd_texts

_DATED: dict[str, Dated] = {"M": "date", "m": "duration"}
Raw = tuple[str, Any]  # how messages call the column, and its cells: a narwhals series or an object array


def raw_columns(X: Any) -> list[Raw] | None:
    """Return the columns of a frame, or of an array with text in it; None for plain numbers."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return [(repr(name), cells) for name, cells in zip(frame.columns, frame.iter_columns(), strict=True)]
    if isinstance(X, (list, tuple, np.ndarray)):
        try:
            cells = np.asarray(X)
        except ValueError as error:
            raise CellError(
                "X holds lists of different lengths as cells; a cell is a number, a text or a date"
            ) from error
        if cells.ndim == 2 and cells.dtype.kind in "OUSMm":
            cells = cells if cells.dtype.kind in "Mm" else np.array(X, dtype=object)
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
        made.append(_category(name, cells) if position in chosen else _column(name, cells))
    return tuple(made)


def _column(name: str, cells: Any) -> Column:
    kind = _kind(name, cells)
    if kind == "date":
        return Column("date", parts=() if dated(cells) == "duration" else varying(_days(cells, "date")))
    if kind == "category":
        return of_texts(cells) or _category(name, cells)
    return Column(kind)


def _category(name: str, cells: Any) -> Column:
    keys = set(_keys(name, cells))
    return Column("category", tuple(sorted(key for key in keys if key is not None)))


def of_texts(cells: Any) -> Column | None:
    """Return the dates or numbers that a column of texts holds; None where it is a category."""
    if holds_categories(cells):
        return None
    try:
        counted = counted_cells(cells)
    except TypeError:  # a cell of a type that is no data; who makes categories says so
        return None
    if all(isinstance(cell, str) for cell in counted) and len(orders := orders_of(counted)) == 1:
        return Column("date", parts=varying(_days(cells, "date", orders[0])), order=orders[0])
    odd = odd_texts(counted)
    return None if odd is None else Column("number", odd=odd)


def counted_cells(cells: Any) -> Counter[Any]:
    """Return the cells that are not missing, and how often each is there."""
    return Counter({cell: times for cell, times in Counter(_listed(cells)).items() if not is_missing(cell)})


def holds_categories(cells: Any) -> bool:
    """Say whether a column's type says that it holds categories, which is the user's word."""
    return isinstance(cells, nw.Series) and cells.dtype in (nw.Categorical, nw.Enum)


def encode(raw: Sequence[Raw], columns: Sequence[Column], dtypes: Sequence[str], kind: Any = np.float64) -> FloatArray:
    """Return the cells as an array of shape (n_rows, n_columns).

    A category that is not in the table has the number of categories as its code. Of a column of dates the type says
    whether it held durations. ``kind`` is the array's: float32 holds numbers that are of this kind all the same.

    Raises
    ------
    InputError
        Names the columns whose cells are not what they were when the ensemble was fitted.
    """
    n_rows = len(raw[0][1]) if raw else 0
    values = np.empty((n_rows, len(raw)), dtype=kind)
    wrong = []
    for position, ((name, cells), column, dtype) in enumerate(zip(raw, columns, dtypes, strict=True)):
        held: Literal["number", "date", "duration"] = "number"
        if column.kind == "date":
            held = "duration" if "Duration" in dtype else "date"
        try:
            if column.kind == "category":
                table, unknown = column.codes, float(len(column.codes))
                values[:, position] = [np.nan if key is None else table.get(key, unknown) for key in _keys(name, cells)]
            else:
                values[:, position] = (
                    _numbers(cells, column.odd) if held == "number" else _days(cells, held, column.order)
                )
        except OverflowError as error:
            row = next(row for row, cell in enumerate(_listed(cells)) if _overflows(cell))
            raise InputError(told_too_large("a value too large for float32", name, row)) from error
        except ValueError:
            wrong.append(f"{name} ({held}s, now {_told(cells)}{_first_other(cells, held, column)})")
        except TypeError as error:
            raise CellError(f"column {name} holds {_odd_cell(cells)}: {error}; convert or drop it") from error
    if wrong:
        raise InputError(
            "these columns hold something else than when the ensemble was fitted: "
            f"{', '.join(wrong[:5])}{', …' if len(wrong) > 5 else ''}. Convert them to what they were in training"
        )
    return values


_SEVERAL = (list, tuple, dict, set, np.ndarray)


class CellError(InputError, TypeError):
    """A cell of a type that is no data; scikit-learn's estimators raise a TypeError there."""


def _overflows(cell: Any) -> bool:
    try:
        float(cell)
    except OverflowError:
        return True
    except (TypeError, ValueError):
        return False
    return False


def _told(cells: Any) -> str:
    try:
        if kind := dated(cells):
            return f"{kind}s"
    except ValueError as error:
        return f"one that {error}"
    return str(cells.dtype) if isinstance(cells, nw.Series) and cells.dtype != nw.Object else "text"


def _first_other(cells: Any, held: str, column: Column) -> str:
    """Return the first text that is not what the column held, and where it stands."""
    for row, cell in enumerate(_listed(cells)):
        if not isinstance(cell, str):
            continue
        try:
            _as_floats(np.array([cell], dtype=object), column.odd) if held == "number" else days_of_text(
                cell, column.order
            )
        except ValueError:
            return f": {cell[:60]!r} in row {row}"
    return ""


def _odd_cell(cells: Any) -> str:
    plain = (str, bytes, int, float, np.generic, Decimal)
    for row, cell in enumerate(_listed(cells)):
        if not isinstance(cell, plain) and not is_missing(cell):
            return f"a {type(cell).__name__} in row {row}"
    return "cells of a type that is no number"


def _kind(name: str, cells: Any) -> Literal["number", "category", "date"]:
    _check_single(name, cells)
    try:
        if dated(cells) is not None:
            return "date"
    except ValueError as error:
        raise InputError(f"column {name} {error}") from error
    if isinstance(cells, nw.Series):
        dtype = cells.dtype
        if dtype.is_numeric() or dtype == nw.Boolean:
            return "number"
        if dtype in (nw.String, nw.Categorical, nw.Enum):
            return "category"
        if dtype not in (nw.Object, nw.Unknown):
            raise InputError(
                f"column {name} holds {dtype}, which is neither a number, a category nor a date; convert or drop it"
            )
    return "category" if _has_text(cells) else "number"


def _check_single(name: str, cells: Any) -> None:
    """Raise for cells that hold several values."""
    if _numpy_kind(cells) != "O" and not (isinstance(cells, nw.Series) and cells.dtype in (nw.Object, nw.Unknown)):
        return
    listed = _listed(cells)
    if any(issubclass(kind, _SEVERAL) for kind in set(map(type, listed))):
        row, cell = next((row, cell) for row, cell in enumerate(listed) if isinstance(cell, _SEVERAL))
        raise CellError(
            f"column {name} holds a {type(cell).__name__} in row {row}; a cell's argument must be a string or a real "
            "number: make columns of what it holds, or drop it"
        )


def dated(cells: Any) -> Dated | None:
    """Say whether a column holds dates or durations; ValueError where it holds some, or what is near to them."""
    if _numpy_kind(cells) in _DATED:
        return _DATED[_numpy_kind(cells)]
    if isinstance(cells, nw.Series):
        if cells.dtype in (nw.Datetime, nw.Date):
            return "date"
        if cells.dtype == nw.Duration:
            return "duration"
        if cells.dtype == nw.Time:
            raise ValueError(NO_TIMES)
        if cells.dtype not in (nw.Object, nw.Unknown):
            return None
    return dated_cells(_listed(cells))


def _numpy_kind(cells: Any) -> str:
    """Return the letter of the type of a NumPy array, or of a series of pandas, whose zones narwhals may not know."""
    native = cells.to_native() if isinstance(cells, nw.Series) else cells
    return str(getattr(native.dtype, "kind", "")) if hasattr(native, "iloc") or isinstance(native, np.ndarray) else ""


def _has_text(cells: Any) -> bool:
    try:
        _as_floats(cells)
    except ValueError:
        return True
    except (TypeError, OverflowError):  # neither text nor a number, or one too large: what reads it says so
        return False
    return False


def _numbers(cells: Any, odd: Sequence[str] = ()) -> FloatArray:
    native: Any = cells.to_native() if isinstance(cells, nw.Series) else None
    if isinstance(getattr(native, "dtype", None), np.dtype) and native.dtype.kind in "fiub":
        return np.asarray(native, dtype=np.float64)  # what follows is the same, and takes five times as long
    if isinstance(cells, nw.Series) and (cells.dtype.is_numeric() or cells.dtype == nw.Boolean):
        if type(native).__module__.startswith("pyarrow"):  # whose casts refuse integers beyond 2**53, unless told
            return np.asarray(native.cast("float64", safe=False).to_numpy(), dtype=np.float64)
        return np.asarray(cells.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if dated(cells):
        raise ValueError("dates")
    return _as_floats(cells, odd)


def _as_floats(cells: Any, odd: Sequence[str] = ()) -> FloatArray:
    listed = _listed(cells)
    if odd:
        holes = frozenset(odd)
        listed = [None if isinstance(cell, str) and cell.strip() in holes else cell for cell in listed]
    return np.array([np.nan if is_missing(cell) else cell for cell in listed], dtype=np.float64)


def _days(cells: Any, held: Dated, order: str = "") -> FloatArray:
    """Return days since 1970, or days; numbers are days already, and texts are dates in their order or in ISO 8601.

    Dates where durations were, and the other way round, are a ValueError.
    """
    if dated(cells) not in (None, held):
        raise ValueError(f"no {held}s")
    if _numpy_kind(cells) in _DATED:
        return days_of_array(_instants(cells))
    if isinstance(cells, nw.Series):
        if cells.dtype == nw.Duration:
            return days_of_array(np.asarray(cells.to_numpy()))
        if cells.dtype == nw.Date:
            cells = cells.cast(nw.Datetime("us"))
        if cells.dtype == nw.Datetime:
            return _numbers(cells.dt.timestamp("us")) / DAY
        if cells.dtype.is_numeric():
            return _numbers(cells)
    listed = _listed(cells)
    if held == "duration" and any(isinstance(cell, str) for cell in listed):
        raise ValueError("texts are dates")
    known = {cell: days_of_text(cell, order) for cell in {cell for cell in listed if isinstance(cell, str)}}
    return np.array([known[c] if isinstance(c, str) else days_of_cell(c) for c in listed], dtype=np.float64)


def _instants(cells: Any) -> Any:
    """Return dates at UTC, or durations, as NumPy's."""
    if isinstance(cells, np.ndarray):
        return cells
    native = cells.to_native()
    if str(getattr(native.dtype, "pyarrow_dtype", "")).startswith("date"):  # objects to pandas, where one is missing
        native = native.astype("timestamp[ms][pyarrow]")
    if getattr(getattr(native.dtype, "pyarrow_dtype", native.dtype), "tz", None) is not None:
        native = native.dt.tz_convert("UTC").dt.tz_localize(None)
    dtype = getattr(native.dtype, "numpy_dtype", native.dtype)
    return native.to_numpy(dtype=dtype, na_value=np.array("NaT", dtype=dtype)[()])


def _listed(cells: Any) -> list[Any]:
    return cells.to_list() if isinstance(cells, nw.Series) else cells.tolist()


def _keys(name: str, cells: Any) -> list[str | None]:
    """Return the cells of a category as texts, None where missing; 1, 1.0 and "1" are the same."""
    known: dict[Any, str | None] = {}
    keys: list[str | None] = []
    for cell in _listed(cells):
        try:
            key = known[type(cell), cell]
        except KeyError:
            key = known[type(cell), cell] = category_key(cell)
        except TypeError as error:
            if is_missing(cell):
                keys.append(None)
                continue
            raise TypeError(
                f"column {name} holds a {type(cell).__name__}; a cell's argument must be a string or a real number"
            ) from error
        keys.append(key)
    return keys
