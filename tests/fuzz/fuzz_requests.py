"""A coverage-guided fuzzer of the handlers: no body and no content type may raise, or be answered with a 500.

``make fuzz`` runs it for a minute, in an environment of its own; it is told how long by
``-max_total_time=SECONDS``, and where to keep what it finds by ``-artifact_prefix=FOLDER/``.
"""

import io
import json
import sys
from types import SimpleNamespace

import atheris

with atheris.instrument_imports(include=["byoe.serving", "csv", "json"]):
    from byoe import serving
    from byoe.serving import _answers, _media
    from byoe.serving.columnar import _reader  # noqa: F401

import numpy as np

from byoe.data._column import Column
from byoe.data._form import TableForm

sys.modules["flask"] = None  # so that a refusal is a plain tuple
TYPES = [
    *_media.CONTENT_TYPES,
    "text/csv; header=present",
    "text/csv; charset=utf-16",
    "application/json; outputs=members",
    "",
]
STATUSES = {400, 406, 413, 415}


class Model:
    """Answers with zeros; its columns are of every kind."""

    members_ = {}
    blender_ = SimpleNamespace(used=lambda _: [])
    native = False
    class_names = ()
    form = TableForm(
        (Column("number"), Column("category", ("Bonn", "Oslo")), Column("date")),
        ("Float64", "String", "Datetime(time_unit='ns', time_zone=None)"),
        ("size", "town", "sold"),
    )

    def ask_members(self, table):
        assert table.values.dtype == np.float64
        assert table.values.shape[1] == 3
        assert not np.isinf(table.values).any()
        return np.zeros((len(table), 1))

    def blend(self, table, predictions=None):
        return (self.ask_members(table) if predictions is None else predictions)[:, 0]

    def labels(self, blended):
        return blended

    def by_member(self, predictions):
        return {"ridge": predictions[:, 0]}


def ask(data):
    """Read a choice of formats and a body from the fuzzer's bytes, and ask the handlers."""
    given = atheris.FuzzedDataProvider(data)
    choice = given.ConsumeIntInRange(0, len(TYPES))
    content_type = TYPES[choice] if choice < len(TYPES) else given.ConsumeUnicodeNoSurrogates(60)
    accept = ["application/json", "text/csv", "application/x-npy", "application/jsonlines"][
        given.ConsumeIntInRange(0, 3)
    ]
    body = given.ConsumeBytes(given.remaining_bytes())
    if content_type in ("text/csv", "application/json"):  # as the platform decodes it
        body = body.decode(errors="replace")
    answer = serving.output_fn(serving.predict_fn(serving.input_fn(body, content_type), Model()), accept)
    if isinstance(answer, _answers.Response):
        assert answer.status in STATUSES, answer
        assert list(json.loads(answer.body)) == ["error"]


def seeds():
    """Return bodies that are understood, for the fuzzer to start from."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"size": [0.5, None], "town": ["Oslo", None], "sold": ["2024-02-01", "2024-03-01"]})
    stream, file, array = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, file)
    np.save(array, np.zeros((2, 3)))
    bodies = [
        b"size,town,sold\n0.5,Oslo,2024-02-01\n,,\n",
        b'{"columns": ["town", "size", "sold"], "data": [["Oslo", 1, null]], "outputs": ["members"], "level": 0.5}',
        b'[0.5, "Oslo", "2024-02-01"]\n{"size": 1, "town": null, "sold": 3}',
        array.getvalue(),
        file.getvalue(),
        stream.getvalue(),
    ]
    # The provider takes numbers from the end.
    return [body + bytes([0, choice]) for choice, body in enumerate(bodies)]


if __name__ == "__main__":
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds()):
            Path(folder, f"seed-{number}").write_bytes(seed)
        atheris.Setup([*sys.argv, folder], ask)
        atheris.Fuzz()
