"""The four serving handlers. The endpoint's ``inference.py`` and the local server use no others.

A refused request never becomes an exception, which the platform would answer with an
opaque 500: ``input_fn`` and ``predict_fn`` pass a `Refusal` on, and ``output_fn`` answers
with its status and a JSON body that says what to change.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._column import category_key
from ._data import is_number, parse_cell
from ._refusal import Refusal

CONTENT_TYPES = ("text/csv", "application/json", "application/x-npy")


@dataclass(frozen=True)
class Rows:
    """A parsed request.

    Attributes
    ----------
    cells : list of rows, or array
        Numbers, None for a missing cell, or texts that are not checked yet.
    names : list of str or None
        The columns' names, when the request gave them.
    sniff : bool
        Whether the first row may be a header.
    """

    cells: Any
    names: list[str] | None = None
    sniff: bool = False


class Response(NamedTuple):
    """An answer other than 200, where flask is not installed."""

    body: bytes
    status: int
    mimetype: str


def model_fn(model_dir: str, *, trusted: Sequence[str] = ()) -> Any:
    """Load the ensemble; called once per process."""
    from ._bundle import load

    return load(model_dir, trusted=trusted)


def input_fn(body: str | bytes, content_type: str) -> Rows | Refusal:
    """Parse a request body."""
    media = content_type.partition(";")[0].strip().lower() or CONTENT_TYPES[0]
    try:
        if media == "text/csv":
            return _read_csv(_text(body))
        if media == "application/json":
            return _read_json(_text(body))
        if media == "application/x-npy":
            return _read_npy(body if isinstance(body, bytes) else body.encode())
    except Refusal as refusal:
        return refusal
    return Refusal(415, f"content type {content_type!r} is not supported; send one of {', '.join(CONTENT_TYPES)}")


def predict_fn(rows: Rows | Refusal, ensemble: Any) -> Any:
    """Predict the parsed rows."""
    if isinstance(rows, Refusal):
        return rows
    try:
        cells, names = _ordered(rows, ensemble)
        return ensemble._predict_table(_table(cells, _values(cells, names, ensemble), ensemble))
    except Refusal as refusal:
        return refusal


def output_fn(prediction: Any, accept: str) -> Any:
    """Write the answer: ``(body, content type)``, or an error response."""
    if not isinstance(prediction, Refusal):
        media = _accepted(accept)
        if media == "application/json":
            return json.dumps({"predictions": prediction.tolist()}), media
        if media == "text/csv":
            lines = io.StringIO()
            csv.writer(lines, lineterminator="\n").writerows(
                value if isinstance(value, list) else [value] for value in prediction.tolist()
            )
            return lines.getvalue(), media
        if media == "application/x-npy":
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(prediction.tolist()), allow_pickle=False)
            return buffer.getvalue(), media
        prediction = Refusal(406, f"cannot answer as {accept!r}; accept one of {', '.join(CONTENT_TYPES)}")
    body = json.dumps({"error": prediction.message}).encode()
    try:
        import flask  # the platform's server wants its own kind of response
    except ModuleNotFoundError:
        return Response(body, prediction.status, "application/json")
    return flask.Response(body, status=prediction.status, mimetype="application/json")


def _accepted(accept: str) -> str:
    choices = [part.partition(";")[0].strip().lower() for part in (accept or "").split(",")]
    for choice in choices:
        if choice in CONTENT_TYPES:
            return choice
        if choice in ("", "*/*", "application/*"):
            return "application/json"
    return ""


def _text(body: str | bytes) -> str:
    try:
        return body if isinstance(body, str) else body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8: {error}") from error


def _read_csv(text: str) -> Rows:
    try:
        rows = [row for row in csv.reader(io.StringIO(text.lstrip("\ufeff")), strict=True) if row]
    except csv.Error as error:
        raise Refusal(400, f"the body is not CSV: {error}") from error
    if not rows:
        raise Refusal(400, "the body holds no rows")
    return Rows(rows, sniff=True)


def _read_json(text: str) -> Rows:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is not JSON: {error}") from error
    names = None
    if isinstance(data, dict):
        if "columns" in data and "data" in data:
            names, data = data["columns"], data["data"]
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise Refusal(400, '"columns" must be a list of names')
        elif "instances" in data:
            data = data["instances"]
        else:
            raise Refusal(400, 'expected a list of rows, {"instances": […]} or {"columns": […], "data": […]}')
    if not isinstance(data, list) or not data:
        raise Refusal(400, "expected a list with at least one row")
    if all(isinstance(row, dict) for row in data):
        names = list(data[0])
        for number, row in enumerate(data):
            if row.keys() != data[0].keys():
                raise Refusal(400, f"row {number} has other columns than row 0")
        data = [[row[name] for name in names] for row in data]
    elif not any(isinstance(row, (list, dict)) for row in data):
        data = [data]
    if not all(isinstance(row, list) for row in data):
        raise Refusal(400, "every row must be a list, or every row an object of column names and values")
    return Rows(data, names)


def _read_npy(body: bytes) -> Rows:
    stream = io.BytesIO(body)
    try:
        major = np.lib.format.read_magic(stream)[0]
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        if dtype.kind not in "fiub":
            raise Refusal(400, f"the array holds {dtype}, expected numbers")
        if len(shape) not in (1, 2) or math.prod(shape) * dtype.itemsize != len(body) - stream.tell():
            raise Refusal(400, f"the array of shape {shape} is not the one or two-dimensional one that follows")
        values = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise Refusal(400, f"the body is not an npy array: {error}") from error
    values = np.atleast_2d(values)
    if not values.size:
        raise Refusal(400, "the array is empty")
    return Rows(values)


def _ordered(rows: Rows, ensemble: Any) -> tuple[Any, list[str] | None]:
    """Return the cells with the ensemble's columns in its order, and the names they came with."""
    fitted = getattr(ensemble, "feature_names_in_", None)
    known = None if fitted is None else list(fitted)
    cells, names = rows.cells, rows.names
    if rows.sniff and _is_header(cells[0], known, ensemble):
        names, cells = [cell.strip() for cell in cells[0]], cells[1:]
        if not cells:
            raise Refusal(400, "the body holds a header and no rows")
    width = ensemble.n_features_in_ if names is None or known is None else len(names)
    for number, row in enumerate(cells):
        if len(row) != width:
            raise Refusal(400, f"row {number} has {len(row)} columns, expected {width}")
    if names is None or known is None:
        return cells, names or known
    order = _order(names, known)
    return cells[:, order] if isinstance(cells, np.ndarray) else [[row[i] for i in order] for row in cells], known


def _is_header(first: list[str], known: list[str] | None, ensemble: Any) -> bool:
    if all(is_number(cell) for cell in first):
        return False
    header = [cell.strip() for cell in first]
    if any(column.kind != "number" for column in ensemble._columns):  # where texts are cells too
        return known is not None and 2 * sum(cell in known for cell in header) > len(header)
    # A first row with a name in it is a header; one stray text among numbers is a bad cell.
    return bool(known and set(header) & set(known)) or not any(is_number(cell) for cell in header)


def _values(cells: Any, names: list[str] | None, ensemble: Any) -> Any:
    """Return a float64 array: numbers, codes of categories, days."""
    if isinstance(cells, np.ndarray):
        cells = cells.tolist() if any(column.kind == "category" for column in ensemble._columns) else cells
    if not isinstance(cells, np.ndarray):
        readers = {"number": _number, "date": _date, "category": _category}
        tables = [column.codes for column in ensemble._columns]
        kinds = [column.kind for column in ensemble._columns]
        values = np.empty((len(cells), len(kinds)))
        for number, row in enumerate(cells):
            for i, cell in enumerate(row):
                try:
                    values[number, i] = readers[kinds[i]](cell, tables[i])
                except (ValueError, OverflowError) as error:
                    where = repr(names[i]) if names else f"number {i}"
                    raise Refusal(
                        400, f"row {number}, column {where}: {str(cell)[:60]!r} is not a {kinds[i]}"
                    ) from error
    else:
        values = np.ascontiguousarray(cells, dtype=np.float64)
    if np.isinf(values).any():
        raise Refusal(400, "a cell holds infinity; send finite numbers, and nothing for a missing cell")
    return values


def _number(cell: Any, _table: dict[str, float]) -> float:
    if cell is None:
        return float("nan")
    if isinstance(cell, str):
        number = parse_cell(cell)
        if number is None:
            raise ValueError(cell)
        return number
    if not isinstance(cell, (bool, int, float)):
        raise ValueError(cell)
    return float(cell)


def _date(cell: Any, table: dict[str, float]) -> float:
    if isinstance(cell, str) and not is_number(cell):
        return float(np.datetime64(cell.strip(), "us").astype(np.int64) / 86_400e6)
    return _number(cell, table)


def _category(cell: Any, table: dict[str, float]) -> float:
    if not isinstance(cell, (str, bool, int, float, type(None))):
        raise ValueError(cell)
    key = category_key(cell)
    if key is not None and key not in table and isinstance(cell, str):
        number = parse_cell(cell)  # a number may be written in several ways
        if number is not None:
            key = category_key(number)
    return float("nan") if key is None else table.get(key, float(len(table)))


def _order(names: list[str], known: list[str]) -> list[int]:
    missing = [name for name in known if name not in names]
    extra = [name for name in names if name not in known]
    if missing or extra or len(names) != len(known):
        told = [f"missing: {', '.join(missing)}"] if missing else []
        told += [f"not known: {', '.join(extra)}"] if extra else []
        raise Refusal(400, f"the columns do not fit ({'; '.join(told) or 'a name twice'}); expected {', '.join(known)}")
    return [names.index(name) for name in known]


def _table(cells: Any, values: Any, ensemble: Any) -> Any:
    from ._table import Table, in_form

    columns = ensemble._columns
    native = values
    texts = [i for i, column in enumerate(columns) if column.kind == "category"]
    wants_frames = any(model.frames for member in ensemble.members_.values() for model in member.models)
    if wants_frames and texts:
        native = values.astype(object)
        for i in texts:
            known = columns[i].categories
            native[:, i] = [_text_of(code, row[i], known) for code, row in zip(values[:, i], cells, strict=True)]
    if wants_frames and hasattr(ensemble, "feature_names_in_"):
        import pandas as pd

        native = pd.DataFrame(native, columns=list(ensemble.feature_names_in_)).infer_objects()
    return Table(in_form(ensemble, values), native, columns)


def _text_of(code: float, cell: Any, known: tuple[str, ...]) -> str | None:
    """Return a category as the training table had it; an unknown one as it came."""
    if np.isnan(code):
        return None
    return known[int(code)] if code < len(known) else str(cell)
