"""What a model says of a request, and how that is written."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data._table import Table
from ._media import CSV, JSON, JSON_LINES, NPY, Options
from ._refusal import Refusal
from ._watch import Visit

if TYPE_CHECKING:
    from ._runtime import Runtime


class Response(NamedTuple):
    """An answer other than 200, where flask is not installed."""

    body: bytes
    status: int
    mimetype: str


@dataclass(frozen=True)
class Answer:
    """What is answered, a row for each row of the request.

    Attributes
    ----------
    predictions : array of shape (n_rows,) or (n_rows, n_outputs)
    further : dict of str to array, or to a dict of label to array
        The outputs that were asked for beside them.
    names : dict of str to list of str
        What the last axis of an output is called in tables.
    visit : Visit or None
    """

    predictions: NDArray[Any]
    further: dict[str, Any] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    visit: Visit | None = None


def answer(model: Runtime, table: Table, options: Options) -> Answer:
    """Predict a table, and make the outputs that are asked for."""
    predictions = model.ask_members(table) if "members" in options.outputs else None
    blended = model.blend(table, predictions)
    further: dict[str, Any] = {}
    names: dict[str, list[str]] = {}
    for name in options.outputs:
        if name == "probabilities":
            further[name] = model.probabilities(blended)
            names[name] = model.class_names
        elif name == "interval":
            further[name] = model.interval(table, options.level, blended)
            names[name] = ["lower", "upper"]
        elif name == "members":
            assert predictions is not None
            further[name] = model.by_member(predictions)
            names[name] = model.class_names
        else:
            further[name] = model.contributions(table)
            columns = model.form.names or range(len(model.form))
            names[name] = [*map(str, columns), "base"]
    return Answer(model.labels(blended), further, names)


def write(made: Answer, media: str, *, header: bool) -> str | bytes:
    """Return the body of an answer; ``header`` is whether a format that may leave out names has them."""
    return _WRITERS[media](made, header)


def _json(made: Answer, header: bool) -> str:
    outputs = {"predictions": made.predictions.tolist()}
    outputs |= {name: _plain(value) for name, value in made.further.items()}
    if header:
        outputs["names"] = made.names
    return json.dumps(outputs, allow_nan=False)


def _json_lines(made: Answer, _header: bool) -> str:
    lines = [json.dumps(line, allow_nan=False) for line in _by_row(made)]
    return "\n".join(lines) + "\n"


def _csv(made: Answer, header: bool) -> str:
    names, columns = columns_of(made)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(names)
    writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Return what JSON holds for an output; null for a bound that is infinite."""
    if isinstance(value, dict):
        return {label: _plain(one) for label, one in value.items()}
    return value.tolist() if np.isfinite(value).all() else _finite(value.tolist())


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if math.isfinite(value) else None


def _by_row(made: Answer) -> list[dict[str, Any]]:
    lines = [{"predictions": value} for value in made.predictions.tolist()]
    for name, value in made.further.items():
        plain = _plain(value)
        for number, line in enumerate(lines):
            line[name] = (
                {label: one[number] for label, one in plain.items()} if isinstance(plain, dict) else plain[number]
            )
    return lines


def columns_of(made: Answer) -> tuple[list[str], list[NDArray[Any]]]:
    """Return the answer as the columns of a table, with their names."""
    names, columns = [], []
    for name, values in _flat("prediction", made.predictions, []):
        names.append(name)
        columns.append(values)
    for output, value in made.further.items():
        parts = value.items() if isinstance(value, dict) else [("" if output == "interval" else output, value)]
        for label, one in parts:
            prefix = f"{output}_{label}" if isinstance(value, dict) else label
            for name, values in _flat(prefix, one, made.names[output]):
                names.append(name)
                columns.append(values)
    return names, columns


def _flat(prefix: str, values: NDArray[Any], last: list[str]) -> list[tuple[str, NDArray[Any]]]:
    """Return the columns of an array of shape (n_rows, …), named by their place and by the last axis."""
    if values.ndim == 1:
        return [(prefix, values)]
    found = []
    for place in np.ndindex(*values.shape[1:]):
        tail = [last[place[-1]] if len(last) == values.shape[-1] else str(place[-1])]
        parts = [prefix, *map(str, place[:-1]), *tail]
        found.append(("_".join(part for part in parts if part), values[(slice(None), *place)]))
    return found


def _npy(made: Answer, _header: bool) -> bytes:
    _, columns = columns_of(made)
    if not made.further:
        values = np.asarray(made.predictions.tolist())  # labels of any type as texts
    elif made.predictions.dtype.kind not in "fiub":
        raise Refusal(406, "an npy answer holds either labels or numbers; accept application/json for both")
    else:
        values = np.column_stack(columns)
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[Answer, bool], str | bytes]] = {
    JSON: _json,
    CSV: _csv,
    JSON_LINES: _json_lines,
    NPY: _npy,
}


def refused(refusal: Refusal) -> Any:
    """Return a refusal as the kind of response that the server at hand wants."""
    body = json.dumps({"error": refusal.message}).encode()
    try:
        import flask  # the platform's server wants its own kind of response
    except ModuleNotFoundError:
        return Response(body, refusal.status, "application/json")
    return flask.Response(body, status=refusal.status, mimetype="application/json")
