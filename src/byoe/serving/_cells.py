"""The cells of a request as the table that a model was fitted on: columns in its order, of its kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._column import Column, category_key
from .._contracts import FloatArray
from .._data import is_number, parse_cell
from .._table import Table, in_form
from ..errors import InputError
from ._refusal import Refusal
from ._requests import Rows

_NUMBERS = frozenset({int, float, bool, type(None)})


def read_table(given: Any, model: Any) -> Table:
    """Return the table that a request holds; a Refusal names what does not fit.

    Parameters
    ----------
    given : Rows, array of shape (n_rows, n_columns), or Columnar
    model : Runtime
    """
    kinds: Sequence[str] = ()
    odd = False
    if isinstance(given, np.ndarray):
        _check_width(given.shape[1], model)
        names, columns = None, list(given.T)
    elif isinstance(given, Rows):
        names, columns = _columns_of(given, model)
        odd = given.odd
    else:
        names, columns, kinds = given.names, given.columns, given.kinds
    known = _known(model)
    if names is None or known is None:
        _check_width(len(columns), model)
        names = known
    else:
        order = _order(names, known)
        columns, kinds, names = [columns[i] for i in order], [kinds[i] for i in order if kinds], known
    values = np.empty((len(columns[0]), len(columns)))
    for i, (cells, column) in enumerate(zip(columns, model._columns, strict=True)):
        name = repr(names[i]) if names else f"number {i}"
        if kinds and kinds[i] == "date" and column.kind != "date":
            raise Refusal(400, f"column {name} holds dates, and held {_WANTED[column.kind]} in training")
        values[:, i] = _read(cells, column, name, odd=odd)
    if np.isinf(values).any():
        raise Refusal(400, "a cell holds infinity; send finite numbers, and nothing for a missing cell")
    try:
        return Table(in_form(model, values), _native(values, columns, model), model._columns)
    except InputError as error:  # a missing cell for a model of sparse rows
        raise Refusal(400, str(error)) from error


def _known(model: Any) -> list[str] | None:
    fitted = getattr(model, "feature_names_in_", None)
    return None if fitted is None else [str(name) for name in fitted]


def _check_width(width: int, model: Any) -> None:
    if width != model.n_features_in_:
        raise Refusal(400, f"row 0 has {width} columns, expected {model.n_features_in_}")


def _columns_of(rows: Rows, model: Any) -> tuple[list[str] | None, list[Any]]:
    """Return the names that rows came with, and their columns."""
    names, cells = rows.names, rows.cells
    known = _known(model)
    if rows.header or (rows.header is None and _is_header(cells[0], known, model)):
        names, cells = [cell.strip() for cell in cells[0]], cells[1:]
        if not cells:
            raise Refusal(400, "the body holds a header and no rows")
    width = model.n_features_in_ if names is None or known is None else len(names)
    if set(map(len, cells)) != {width}:
        number = next(number for number, row in enumerate(cells) if len(row) != width)
        raise Refusal(400, f"row {number} has {len(cells[number])} columns, expected {width}")
    if not width:
        raise Refusal(400, "the rows hold no columns")
    return names, list(zip(*cells, strict=True))


def _is_header(first: list[str], known: list[str] | None, model: Any) -> bool:
    if all(map(is_number, first)):
        return False
    header = [cell.strip() for cell in first]
    if any(column.kind != "number" for column in model._columns):  # where texts are cells too
        return known is not None and 2 * sum(cell in known for cell in header) > len(header)
    # A first row with a name in it is a header; one stray text among numbers is a bad cell.
    return bool(known and set(header) & set(known)) or not any(map(is_number, header))


def _order(names: list[str], known: list[str]) -> list[int]:
    if names == known:
        return list(range(len(names)))
    missing = [name for name in known if name not in names]
    extra = [name for name in names if name not in known]
    if missing or extra or len(names) != len(known):
        told = [f"missing: {_listed(missing)}"] if missing else []
        told += [f"not known: {_listed(extra)}"] if extra else []
        raise Refusal(400, f"the columns do not fit ({'; '.join(told) or 'a name twice'}); expected {_listed(known)}")
    return [names.index(name) for name in known]


def _listed(names: list[str]) -> str:
    """Return names as a message shows them: the first of many, and the beginning of long ones."""
    shown = ", ".join(name[:60] for name in names[:50])
    return shown if len(names) <= 50 else f"{shown}, … ({len(names)} in all)"


def _read(cells: Any, column: Column, name: str, *, odd: bool) -> FloatArray:
    """Return the cells of a column as numbers; those of a category are its codes, and days those of a date."""
    if column.kind == "category":
        codes = column.codes
        cells = cells.tolist() if isinstance(cells, np.ndarray) else cells
        return _one_by_one(cells, lambda cell: _category(cell, codes), column.kind, name)
    if isinstance(cells, np.ndarray):
        return cells
    if column.kind == "date":
        return _one_by_one(cells, _date, column.kind, name)
    try:  # all are numbers in the usual case
        kinds = set(map(type, cells))
        if kinds == {str} and not odd:
            return np.fromiter(map(float, cells), np.float64, len(cells))
        if kinds <= _NUMBERS:
            return np.array(cells, dtype=np.float64)
    except (ValueError, OverflowError):
        pass
    return _one_by_one(cells, _number, column.kind, name)


def _one_by_one(cells: Sequence[Any], read: Callable[[Any], float], kind: str, name: str) -> FloatArray:
    values = np.empty(len(cells))
    for number, cell in enumerate(cells):
        try:
            values[number] = read(cell)
        except (ValueError, OverflowError) as error:
            raise Refusal(400, f"row {number}, column {name[:60]}: {str(cell)[:60]!r} is not a {kind}") from error
    return values


def _number(cell: Any) -> float:
    if cell is None:
        return float("nan")
    if isinstance(cell, str):
        number = parse_cell(cell)
        if number is None:
            raise ValueError(cell)
        return number
    if not isinstance(cell, (bool, int, float)):
        raise ValueError("a list or an object")
    return float(cell)


def _date(cell: Any) -> float:
    if isinstance(cell, str) and not is_number(cell):
        return float(np.datetime64(cell.strip(), "us").astype(np.int64) / 86_400e6)
    return _number(cell)


def _category(cell: Any, codes: dict[str, float]) -> float:
    if isinstance(cell, str) and cell in codes:
        return codes[cell]
    if not isinstance(cell, (str, bool, int, float, type(None))):
        raise ValueError("a list or an object")
    key = category_key(cell)
    if key is not None and key not in codes and isinstance(cell, str):
        number = parse_cell(cell)  # a number may be written in several ways
        if number is not None:
            key = category_key(number)
    return float("nan") if key is None else codes.get(key, float(len(codes)))


_WANTED = {"number": "numbers", "date": "dates", "category": "texts"}


def _native(values: FloatArray, cells: Sequence[Any], model: Any) -> Any:
    """Return the table in the container that it was trained in, for members that want that."""
    used = model.blender_.used(len(model.members_))
    served = [member for i, member in enumerate(model.members_.values()) if used[i]]
    if not any(fold_model.frames for member in served for fold_model in member.models):
        return values
    columns = model._columns
    native: Any = values
    texts = [i for i, column in enumerate(columns) if column.kind == "category"]
    if texts:
        native = values.astype(object)
        for i in texts:
            known = columns[i].categories
            native[:, i] = [_text_of(code, cell, known) for code, cell in zip(values[:, i], cells[i], strict=True)]
    if hasattr(model, "feature_names_in_"):
        import pandas as pd

        native = pd.DataFrame(native, columns=list(model.feature_names_in_)).infer_objects()
    return native


def _text_of(code: float, cell: Any, known: tuple[str, ...]) -> str | None:
    """Return a category as the training table had it; an unknown one as it came."""
    if np.isnan(code):
        return None
    return known[int(code)] if code < len(known) else str(cell)
