"""Request bodies, read as far as that goes without knowing the model."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._media import ARROW, CSV, JSON, JSON_LINES, NPY, PARQUET, ContentType, Options
from ._refusal import Refusal
from ._watch import Visit

# Formats that repeat a value for nothing may not stand for more cells than this, or than text of their size could.
_CELLS = 4_000_000
_OPTIONS = ("outputs", "level", "model")
_KEYS = frozenset({"columns", "data", "instances", "index", *_OPTIONS})  # pandas writes an index


@dataclass(frozen=True)
class CsvRows:
    """Rows of CSV that are not checked yet.

    Attributes
    ----------
    cells : list of list of str
    header : bool or None
        Whether the first row is a header; None where that has to be found out.
    odd : bool
        Whether a text below the first row may be taken for a number by Python, and by nobody else.
    """

    cells: list[list[str]]
    header: bool | None
    odd: bool


@dataclass(frozen=True)
class JsonRows:
    """Rows of JSON or JSON lines that are not checked yet.

    Attributes
    ----------
    cells : list of list
        Of what JSON gives.
    names : list of str or None
        The columns' names, when the request gave them.
    """

    cells: list[list[Any]]
    names: list[str] | None = None


@dataclass(frozen=True)
class Request:
    """A parsed request.

    Attributes
    ----------
    rows : CsvRows, JsonRows, array of shape (n_rows, n_columns), or Columnar
    options : Options
    visit : Visit or None
    """

    rows: Any
    options: Options
    visit: Visit | None = None


def read_request(body: str | bytes, content_type: str) -> Request:
    """Parse a body; whatever is wrong with it is a Refusal."""
    kind = ContentType.of(content_type)
    return _READERS[kind.media](body, kind)


def _text(body: str | bytes, kind: ContentType) -> str:
    if isinstance(body, str):
        if "\ufffd" in body:  # which the platform puts in the place of what it cannot decode
            raise Refusal(400, "the body is not UTF-8, or holds the sign U+FFFD for what was not; send UTF-8")
        return body.removeprefix("\ufeff")
    try:
        return bytes(body).decode(kind.charset).removeprefix("\ufeff")
    except (UnicodeError, ValueError) as error:
        named = "UTF-8" if kind.charset.startswith("utf-8") else kind.charset
        raise Refusal(400, f"the body is not {named}: {str(error)[:200]}") from error


def _bytes(body: str | bytes) -> bytes:
    return body.encode(errors="replace") if isinstance(body, str) else bytes(body)


def _read_csv(body: str | bytes, kind: ContentType) -> Request:
    text = _text(body, kind)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Refusal(400, f"the body is not CSV: {error}") from error
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        raise Refusal(400, "the body holds no rows")
    # The first row is looked at more closely, since it may hold names.
    odd = text.find("_", max(text.find("\n"), 0)) >= 0
    return Request(CsvRows(rows, kind.header, odd), kind.options)


def _parsed(text: str, where: str = "the body") -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"{where} is not JSON: {str(error)[:200]}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # Python would take the last, others the first
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise Refusal(400, f"an object has {twice[:60]!r} more than once")
    return found


def _read_json(body: str | bytes, kind: ContentType) -> Request:
    data = _parsed(_text(body, kind))
    names, options = None, kind.options
    if isinstance(data, dict):
        options = options.changed(data)
        names = data.get("columns")
        if names is not None and (not isinstance(names, list) or not all(isinstance(name, str) for name in names)):
            raise Refusal(400, '"columns" must be a list of names')
        rows = [data[key] for key in ("instances", "data") if key in data]
        if len(rows) != 1 or (names is None and "data" in data):
            raise Refusal(400, 'expected a list of rows, {"instances": […]} or {"columns": […], "data": […]}')
        if unknown := sorted(data.keys() - _KEYS):
            raise Refusal(400, f"there is no key {unknown[0][:60]!r}; beside rows there may be {', '.join(_OPTIONS)}")
        (data,) = rows
    return Request(_rows(data, names), options)


def _rows(data: Any, names: list[str] | None = None) -> JsonRows:
    if not isinstance(data, list) or not data:
        raise Refusal(400, "expected a list with at least one row")
    kinds = set(map(type, data))
    if kinds == {dict} and names is not None:
        raise Refusal(400, '"columns" goes with rows that are lists; these are objects, which name their columns')
    if kinds == {dict}:
        names = list(data[0])
        for number, row in enumerate(data):
            if row.keys() != data[0].keys():
                raise Refusal(400, f"row {number} has other columns than row 0")
        return JsonRows([[row[name] for name in names] for row in data], names)
    if not kinds & {list, dict}:
        data, kinds = [data], {list}
    if kinds != {list}:
        raise Refusal(400, "every row must be a list, or every row an object of column names and values")
    return JsonRows(data, names)


def _read_lines(body: str | bytes, kind: ContentType) -> Request:
    lines = [line for line in _text(body, kind).split("\n") if line.strip()]
    if not lines:
        raise Refusal(400, "the body holds no rows")
    data = [_parsed(line, f"line {number}") for number, line in enumerate(lines)]
    if not set(map(type, data)) <= {list, dict}:
        raise Refusal(400, "every line must be a list of cells, or an object of column names and values")
    return Request(_rows(data), kind.options)


def _read_npy(body: str | bytes, kind: ContentType) -> Request:
    data = _bytes(body)
    stream = io.BytesIO(data)
    try:
        major = np.lib.format.read_magic(stream)[0]
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        if dtype.kind not in "fiub":
            raise Refusal(400, f"the array holds {str(dtype)[:60]}, expected numbers")
        if len(shape) not in (1, 2) or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
            raise Refusal(
                400, f"the array of shape {str(shape)[:60]} is not the one or two-dimensional one that follows"
            )
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except Refusal:
        raise
    # Its header is a Python literal, whose reader fails in many ways.
    except Exception as error:
        raise Refusal(400, f"the body is not an npy array: {str(error)[:200]}") from error
    values = np.atleast_2d(values)
    if not values.size:
        raise Refusal(400, "the array is empty")
    return Request(values.astype(np.float64, copy=False), kind.options)


def _read_columnar(body: str | bytes, kind: ContentType) -> Request:
    from .columnar._reader import read_arrow, read_parquet

    data = _bytes(body)
    read = read_parquet if kind.media == PARQUET else read_arrow
    return Request(read(data, max(_CELLS, len(data) // 4)), kind.options)


_READERS: dict[str, Callable[[str | bytes, ContentType], Request]] = {
    CSV: _read_csv,
    JSON: _read_json,
    JSON_LINES: _read_lines,
    NPY: _read_npy,
    PARQUET: _read_columnar,
    ARROW: _read_columnar,
}
