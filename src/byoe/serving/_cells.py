"""The cells of a request as the table that a model was fitted on: columns in its order, of its kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ..data._cells import category_key, is_number, parse_cell
from ..data._column import Column
from ..data._date_texts import days_of_text
from ..data._form import TableForm
from ..data._table import Table, in_form, too_large
from ..errors import InputError
from ._native_form import native_form
from ._refusal import Refusal
from ._requests import CsvRows, JsonRows

_WANTED = {"number": "numbers", "date": "dates", "duration": "durations", "category": "texts"}
_NUMBERS = frozenset({int, float, bool, type(None)})


@dataclass(frozen=True)
class _Columns:
    """Cells by column.

    Attributes
    ----------
    names : list of str or None
        As the request gave them.
    cells : list
        For each column a sequence, or an array of numbers.
    kinds : sequence of str
        Of each column, where the format knows them.
    odd : bool
        Whether a text may be taken for a number by Python, and by nobody else.
    """

    names: list[str] | None
    cells: list[Any]
    kinds: Sequence[str] = ()
    odd: bool = False


def table_of(rows: Any, form: TableForm, *, native: bool) -> Table:
    """Return the table that a request holds; a Refusal names what does not fit.

    Parameters
    ----------
    rows : CsvRows, JsonRows, array of shape (n_rows, n_columns), or Columnar
    form : TableForm
        Of the table that the model was fitted on.
    native : bool
        Whether a member wants the rows in the container that it was fitted on.
    """
    columns = _in_order(_columns_of(rows, form), form)
    names = columns.names
    values = np.empty((len(columns.cells[0]), len(columns.cells)))
    for i, (cells, column, dtype) in enumerate(zip(columns.cells, form.columns, form.dtypes, strict=True)):
        name = repr(names[i]) if names else f"number {i}"
        wanted = "duration" if column.kind == "date" and "Duration" in dtype else column.kind
        if columns.kinds and (sent := columns.kinds[i]) in ("date", "duration") and sent != wanted:
            raise Refusal(400, f"column {name} holds {sent}s, and held {_WANTED[wanted]} in training")
        values[:, i] = _read(cells, column, dtype, name, odd=columns.odd)
    if (found := too_large(values)) is not None:
        row, i = found
        name = repr(names[i])[:60] if names else f"number {i}"
        told = "infinity" if np.isinf(values[row, i]) else f"{values[row, i]:g}, which is too large for float32"
        raise Refusal(
            400, f"row {row}, column {name}: the cell holds {told}; send finite numbers, and nothing for a missing cell"
        )
    try:
        shaped = in_form(values, sparse=form.sparse)
        own = native_form(values, columns.cells, form) if native and not form.sparse else shaped
        return Table(shaped, own, form.columns, form.labels)
    except InputError as error:  # a missing cell for a model of sparse rows
        raise Refusal(400, str(error)) from error


def _columns_of(rows: Any, form: TableForm) -> _Columns:
    if isinstance(rows, CsvRows):
        return _of_csv(rows, form)
    if isinstance(rows, JsonRows):
        cells = rows.cells if rows.names is not None else _without_empty_rows(rows.cells, form)
        return _Columns(rows.names, _turned(cells, rows.names, form), odd=True)  # in JSON no text is a number
    if isinstance(rows, np.ndarray):
        if rows.shape[1] != len(form):
            raise Refusal(400, f"row 0 has {rows.shape[1]} columns, expected {len(form)}")
        return _Columns(None, list(rows.T))
    return _Columns(rows.names, rows.columns, rows.kinds)


def _of_csv(rows: CsvRows, form: TableForm) -> _Columns:
    cells, names, odd = _without_empty_rows(rows.cells, form), None, rows.odd
    if rows.header or (rows.header is None and _is_header(cells[0], _known(form), form)):
        names, cells = [cell.strip() for cell in cells[0]], cells[1:]
        if not cells:
            raise Refusal(400, "the body holds a header and no rows")
    else:
        odd = odd or any("_" in cell for cell in cells[0])
    return _Columns(names, _turned(cells, names, form), odd=odd)


def _without_empty_rows(cells: list[list[Any]], form: TableForm) -> list[list[Any]]:
    """Leave empty rows out, but where there is one column: there they are a missing cell."""
    cells = [row or [""] for row in cells] if len(form) == 1 else [row for row in cells if row]
    if not cells:
        raise Refusal(400, "the rows hold no columns")
    return cells


def _turned(cells: list[list[Any]], names: list[str] | None, form: TableForm) -> list[Any]:
    """Return rows as columns; all must be as long as there are names, or columns of the model."""
    width = len(form) if names is None else len(names)
    if set(map(len, cells)) != {width}:
        number = next(number for number, row in enumerate(cells) if len(row) != width)
        raise Refusal(400, f"row {number} has {len(cells[number])} columns, expected {width}")
    if not width:
        raise Refusal(400, "the rows hold no columns")
    return list(zip(*cells, strict=True))


def _in_order(columns: _Columns, form: TableForm) -> _Columns:
    """Return the columns in the order of training, under their names there."""
    known = _known(form)
    if columns.names is None:
        return replace(columns, names=known)
    if known is None and form.labels is not None and set(columns.names) == set(form.labels):
        order = _order(columns.names, list(form.labels))  # called by numbers, which are texts here
    else:
        order = _order(columns.names, known) if known is not None else _numbered(columns.names, form)
    kinds = [columns.kinds[i] for i in order if columns.kinds]
    return replace(columns, names=known, cells=[columns.cells[i] for i in order], kinds=kinds)


def _known(form: TableForm) -> list[str] | None:
    fitted = form.names
    return None if fitted is None else [str(name) for name in fitted]


def _is_header(first: list[str], known: list[str] | None, form: TableForm) -> bool:
    if all(map(is_number, first)):
        return False
    header = [cell.strip() for cell in first]
    columns = form.columns
    if known is not None:
        # A name may be a category, too, of the column that it stands in.
        names = set(known)
        cells = zip(header, columns, strict=False)
        if any(cell in names and cell not in column.codes for cell, column in cells) or names.issuperset(header):
            return True
    if any(column.kind != "number" or column.was_text for column in columns):  # where texts are cells too
        return False
    if any(map(is_number, header)):  # one stray text among numbers is a bad cell
        return False
    if len(header) == 1:
        told = f"the first row ({header[0][:60]!r}) may be a header or a cell"
        raise Refusal(400, f"{told}; say which by header=present or header=absent behind the content type")
    return True


def _order(names: list[str], known: list[str]) -> list[int]:
    if names == known:
        return list(range(len(names)))
    places = {name: place for place, name in enumerate(names)}
    missing = [name for name in known if name not in places]
    trained = set(known)
    extra = [name for name in names if name not in trained]
    # Further columns are left out, as by the command line: an id, or the target.
    if missing or len(places) < len(names):
        told = [f"missing: {_listed(missing)}"] if missing else []
        told += [f"not known: {_listed(extra)}"] if extra else []
        raise Refusal(400, f"the columns do not fit ({'; '.join(told) or 'a name twice'}); expected {_listed(known)}")
    return [places[name] for name in known]


def _numbered(names: list[str], form: TableForm) -> list[int]:
    """Return the order of columns that are called by their numbers, of a model that knows no names."""
    wanted = [str(number) for number in range(len(form))]
    places = {name: place for place, name in enumerate(names)}
    if len(names) != len(wanted) or places.keys() != set(wanted):
        raise Refusal(
            400,
            f"the model was fitted without names of columns, and these are called {_listed(names)}; send rows without "
            f"names in the order of training, or call the columns 0 to {len(wanted) - 1}",
        )
    return [places[name] for name in wanted]


def _listed(names: list[str]) -> str:
    """Return names as a message shows them: the first of many, and the beginning of long ones."""
    shown = ", ".join(name[:60] for name in names[:50])
    return shown if len(names) <= 50 else f"{shown}, … ({len(names)} in all)"


def _read(cells: Any, column: Column, dtype: str, name: str, *, odd: bool) -> FloatArray:
    """Return the cells of a column as numbers; those of a category are its codes, and days those of a date."""
    if column.kind == "category":
        codes = column.codes
        cells = cells.tolist() if isinstance(cells, np.ndarray) else cells
        texts = _holds_texts(dtype)
        return _one_by_one(cells, lambda cell: _category(cell, codes, texts=texts), column.kind, name)
    if isinstance(cells, np.ndarray):
        return cells
    if column.kind == "date":
        read = _duration if "Duration" in dtype else lambda cell: _date(cell, column.order)
        return _one_by_one(cells, read, column.kind, name)
    try:  # all are numbers in the usual case
        kinds = set(map(type, cells))
        if kinds == {str} and not odd:
            return np.fromiter(map(float, cells), np.float64, len(cells))
        if kinds <= _NUMBERS:
            return np.array(cells, dtype=np.float64)
    except (ValueError, OverflowError):
        pass
    holes = frozenset(column.odd)
    return _one_by_one(cells, lambda cell: _number(cell, holes), column.kind, name)


def _one_by_one(cells: Sequence[Any], read: Callable[[Any], float], kind: str, name: str) -> FloatArray:
    values = np.empty(len(cells))
    for number, cell in enumerate(cells):
        try:
            values[number] = read(cell)
        except (ValueError, OverflowError) as error:
            raise Refusal(400, f"row {number}, column {name[:60]}: {str(cell)[:60]!r} is not a {kind}") from error
    return values


def _number(cell: Any, holes: frozenset[str] = frozenset()) -> float:
    if cell is None:
        return float("nan")
    if isinstance(cell, str):
        if cell.strip() in holes:
            return float("nan")
        number = parse_cell(cell)
        if number is None:
            raise ValueError(cell)
        return number
    if not isinstance(cell, (bool, int, float)):
        raise ValueError("a list or an object")
    return float(cell)


def _date(cell: Any, order: str) -> float:
    """Return the days since 1970, at UTC, of a text in the order of its column, or in ISO 8601."""
    if cell is None:
        return float("nan")
    if not isinstance(cell, str):
        raise ValueError("no text in ISO 8601")
    return days_of_text(cell, order)


def _duration(cell: Any) -> float:
    if isinstance(cell, bool):
        raise ValueError("no number of days")
    return _number(cell)


def _holds_texts(dtype: str) -> bool:
    """Say whether the categories of a column were texts in training, as far as that is known."""
    return any(name in dtype.lower() for name in ("str", "object", "<u"))


def _category(cell: Any, codes: dict[str, float], *, texts: bool) -> float:
    if isinstance(cell, str) and cell in codes:
        return codes[cell]
    if not isinstance(cell, (str, bool, int, float, type(None))):
        raise ValueError("a list or an object")
    key = category_key(cell)
    if isinstance(cell, str) and key not in codes:
        number = parse_cell(cell)  # missing, or of numbers one that may be written in several ways
        if number is not None and (number != number or not texts):
            exact = cell.strip().lstrip("+-").isdigit()
            key = category_key(int(cell) if exact else number)
    return float("nan") if key is None else codes.get(key, float(len(codes)))
