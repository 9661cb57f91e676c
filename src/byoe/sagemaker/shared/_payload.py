"""Rows on their way to an endpoint, and its answer: the same for one here and one on AWS."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from ...data._cells import is_missing
from ...data._files import read_frame
from ...data._reading import Reading
from ...errors import ByoeError, InputError, JobError, ParameterError

ACCEPT = "application/x-npy"
Payload = tuple[bytes, str]


def payloads(
    data: Any, limit: int, *, header: bool | None = None, reading: Mapping[str, Any] | None = None
) -> list[Payload]:
    """Return bodies with their content types, none of which is longer than a limit in bytes.

    Parameters
    ----------
    data : frame or array-like of shape (n_rows, n_features), file or folder
    limit : int
    header : bool, default=None
        Whether the first row of CSV files names the columns; None looks.
    reading : mapping, default=None
        How files are read where they do not tell: ``sep``, ``decimal``, ``encoding``, ``comment``, ``sheet``.

    Raises
    ------
    InputError
        When there are no rows, or a single one is too long.
    """
    if isinstance(data, (str, Path)):
        data = read_frame(data, header=header, **Reading.of(reading).said())
        if not all(isinstance(column, str) for column in data.columns):
            data = data.to_numpy()  # a file without a header
    elif header is not None or reading:
        name = "reading is for" if header is None else "header is for CSV"
        raise ParameterError(f"{name} files, and data is neither a file nor a folder")
    frame = nw.from_native(data, eager_only=True, pass_through=True)
    rows: Any = frame if isinstance(frame, nw.DataFrame) else np.atleast_2d(np.asarray(data))
    if not len(rows):
        raise InputError("there are no rows to predict")
    waiting, found = [rows], []
    while waiting:
        part = waiting.pop()
        body = _body(part)
        if len(body[0]) <= limit:
            found.append(body)
        elif len(part) == 1:
            raise InputError(f"a row has {len(body[0])} bytes, and a request at most {limit}")
        else:
            pieces = min(len(part), 2 * -(-len(body[0]) // limit))
            size = -(-len(part) // pieces)
            waiting += [part[start : start + size] for start in range(0, len(part), size)][::-1]
    return found


def read_answer(body: bytes) -> NDArray[Any]:
    """Return the predictions of an answer."""
    return np.asarray(np.load(io.BytesIO(body), allow_pickle=False))


def refusal(endpoint: str, status: int, text: str) -> ByoeError:
    """Return the error that an endpoint's answer stands for."""
    reason = text
    with suppress(ValueError, AttributeError, RecursionError):  # what a proxy says is no JSON, or cut
        reason = json.loads(text).get("error", text)
    kind = JobError if status >= 500 else InputError
    return kind(f"endpoint {endpoint} answered {status}: {reason}")


def _body(rows: Any) -> tuple[bytes, str]:
    if not isinstance(rows, nw.DataFrame):
        if rows.dtype.kind not in "fiub":
            rows = _as_numbers(rows)
        buffer = io.BytesIO()
        np.save(buffer, rows, allow_pickle=False)
        return buffer.getvalue(), "application/x-npy"
    cells = [[_plain(cell) for cell in row] for row in rows.rows()]
    return json.dumps({"columns": [str(name) for name in rows.columns], "data": cells}).encode(), "application/json"


def _as_numbers(rows: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the rows are not numeric: {error}") from error


def _plain(cell: Any) -> Any:
    """Return what JSON holds for a cell: null for a missing one, a text for anything odd."""
    if hasattr(cell, "item"):
        cell = cell.item()
    if is_missing(cell):
        return None
    return cell if isinstance(cell, (bool, int, float, str)) else str(cell)
