"""What an Arrow stream declares, read before any of it is decoded.

`check_stream` walks the messages of a stream. A buffer that is compressed begins with the size it
decompresses to, and the tables of the metadata may be shared: a short message can stand for terabytes.

The format is defined in https://arrow.apache.org/docs/format/Columnar.html (``Schema.fbs``,
``Message.fbs``), the encoding of its structures is that of FlatBuffers.
"""

from __future__ import annotations

import base64

from .._refusal import Refusal
from ._allowance import Allowance

_SCHEMA, _DICTIONARY_BATCH, _RECORD_BATCH = 1, 2, 3
_TYPE_NAMES = {
    1: "null",
    2: "int",
    3: "floating point",
    4: "binary",
    5: "string",
    6: "bool",
    7: "decimal",
    8: "date",
    9: "time",
    10: "timestamp",
    11: "interval",
    12: "list",
    13: "struct",
    14: "union",
    15: "fixed-size binary",
    16: "fixed-size list",
    17: "map",
    18: "duration",
    19: "large binary",
    20: "large string",
    21: "large list",
    22: "run-end encoded",
    23: "binary view",
    24: "string view",
    25: "list view",
    26: "large list view",
}
_READ = {1, 2, 3, 5, 6, 7, 8, 10, 18, 20, 24}
_TIMESTAMP, _DURATION = 10, 18
_UNITS = ("s", "ms", "us", "ns")
_BUFFER = 64  # bytes that a buffer takes besides its own
_MARK = b"\xff\xff\xff\xff"
_EXTENSION = b"ARROW:extension:name"


class _FlatTable:
    """A table of FlatBuffers; a field that is absent is 0 or None."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.slots = at - number(data, at, 4)
        self.n_slots = (number(data, self.slots, 2, signed=False) - 4) // 2

    def _field(self, slot: int) -> int:
        if slot >= self.n_slots:
            return 0
        offset = number(self.data, self.slots + 4 + 2 * slot, 2, signed=False)
        return self.at + offset if offset else 0

    def integer(self, slot: int, size: int, default: int = 0) -> int:
        """Return an integer of ``size`` bytes."""
        at = self._field(slot)
        return number(self.data, at, size) if at else default

    def _follow(self, slot: int) -> int:
        at = self._field(slot)
        return at + number(self.data, at, 4, signed=False) if at else 0

    def table(self, slot: int) -> _FlatTable | None:
        """Return a table that this one refers to."""
        at = self._follow(slot)
        return _FlatTable(self.data, at) if at else None

    def vector(self, slot: int, size: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and how many there are."""
        at = self._follow(slot)
        if not at:
            return 0, 0
        n_items = number(self.data, at, 4, signed=False)
        if at + 4 + n_items * size > len(self.data):
            raise Refusal(400, "the Arrow stream has metadata that is cut")
        return at + 4, n_items

    def text(self, slot: int) -> bytes:
        """Return a text, undecoded."""
        at, size = self.vector(slot, 1)
        return self.data[at : at + size]

    def tables(self, slot: int, allowance: Allowance) -> list[_FlatTable]:
        """Return the tables of a vector, of which each counts as a part."""
        at, n_items = self.vector(slot, 4)
        allowance.part(n_items)
        places = range(at, at + 4 * n_items, 4)
        return [_FlatTable(self.data, place + number(self.data, place, 4, signed=False)) for place in places]


def number(data: bytes, at: int, size: int, *, signed: bool = True) -> int:
    """Return an integer of the metadata."""
    if at < 0 or at + size > len(data):
        raise Refusal(400, "the Arrow stream has metadata that is cut or damaged")
    return int.from_bytes(data[at : at + size], "little", signed=signed)


def check_stream(body: bytes, allowance: Allowance) -> int:
    """Return the number of rows, or refuse a stream that declares too much."""
    if body[:6] == b"ARROW1":
        raise Refusal(400, "the body is an Arrow file; send the stream format (pyarrow.ipc.new_stream writes it)")
    at, n_columns, n_rows = 0, -1, 0
    while at < len(body):
        if body[at : at + 4] != _MARK:
            raise Refusal(400, f"the body is not an Arrow stream: no message begins at byte {at}")
        size = number(body, at + 4, 4)
        at += 8
        if not size:  # the end of the stream
            if at < len(body):
                raise Refusal(400, f"the Arrow stream ends at byte {at}, and {len(body) - at} more bytes follow")
            break
        if not 0 < size <= len(body) - at or size % 8:
            raise Refusal(400, f"the Arrow stream is cut or damaged: a message declares {size} bytes of metadata")
        message = _message(body[at : at + size])
        at += size
        length = message.integer(3, 8)
        if not 0 <= length <= len(body) - at or length % 8:
            told = f"a message declares {length} bytes, {len(body) - at} follow"
            raise Refusal(400, f"the Arrow stream is cut or damaged: {told}")
        content = memoryview(body)[at : at + length]
        at += length
        n_columns, n_rows = _check_message(message, content, n_columns, n_rows, allowance)
    if n_columns < 0:
        raise Refusal(400, "the body is not an Arrow stream: it holds no schema")
    allowance.table(n_rows, n_columns)
    return n_rows


def _message(data: bytes) -> _FlatTable:
    return _FlatTable(data, number(data, 0, 4, signed=False))


def _check_message(
    message: _FlatTable, content: memoryview, n_columns: int, n_rows: int, allowance: Allowance
) -> tuple[int, int]:
    """Return the numbers of columns and of rows, with those of the message."""
    allowance.part()
    _check_notes(message, 4, allowance)
    kind, header = message.integer(1, 1), message.table(2)
    if header is None or kind not in (_SCHEMA, _DICTIONARY_BATCH, _RECORD_BATCH):
        raise Refusal(400, f"the Arrow stream has a message of the unexpected type {kind}")
    if (kind == _SCHEMA) != (n_columns < 0):
        raise Refusal(400, "the Arrow stream must begin with its schema, and hold no other")
    if kind == _SCHEMA:
        return len(_check_schema(header, allowance)), 0
    if kind == _DICTIONARY_BATCH:
        if header.integer(2, 1):
            raise Refusal(400, "the Arrow stream adds to a dictionary (a delta); write whole dictionaries")
        header = header.table(1)
        if header is None:
            raise Refusal(400, "the Arrow stream has a dictionary without values")
    else:
        allowance.part(n_columns)
        added = header.integer(0, 8)
        if added < 0:
            raise Refusal(400, f"the Arrow stream has a batch of {added} rows")
        n_rows += added
        if n_columns * n_rows:
            allowance.table(n_rows, n_columns)
    _check_batch(header, content, allowance)
    return n_columns, n_rows


def _check_schema(schema: _FlatTable, allowance: Allowance) -> list[_FlatTable]:
    """Return the fields."""
    if schema.integer(0, 2):
        raise Refusal(400, "the Arrow stream is big-endian; write it little-endian")
    _check_notes(schema, 2, allowance)
    fields = schema.tables(1, allowance)
    for field in fields:
        title = field.text(0)
        allowance.decode(len(title))
        name = repr(title[:60].decode(errors="replace"))
        extension = _check_notes(field, 6, allowance)
        if extension is not None:
            raise Refusal(400, f"column {name} is of the extension type {extension!r}; send numbers, texts or dates")
        kind = field.integer(2, 1)
        if kind not in _READ or field.vector(5, 4)[1] or (kind == 1 and field.table(4) is not None):
            told = _TYPE_NAMES.get(kind, f"number {kind}")
            raise Refusal(400, f"column {name} is of the Arrow type {told}; send numbers, texts or dates")
        if kind == _TIMESTAMP and (details := field.table(3)) is not None:
            allowance.decode(len(details.text(1)))  # the time zone
    return fields


def duration_units(encoded: bytes, n_columns: int, allowance: Allowance) -> dict[int, str]:
    """Return the units of the columns that hold durations, by position.

    Parquet has no such type; writers that know Arrow leave their schema in the footer, in base64.
    """
    if not encoded:
        return {}
    try:
        stored = base64.b64decode(encoded)
    except ValueError as error:
        raise Refusal(400, "the Parquet body has an Arrow schema that is not base64") from error
    header = _message(stored[8:]).table(2)
    fields = [] if header is None else _check_schema(header, allowance)
    if len(fields) != n_columns:
        raise Refusal(400, f"the Parquet body has an Arrow schema of {len(fields)} columns, expected {n_columns}")
    units = {}
    for i, field in enumerate(fields):
        details = field.table(3)
        if field.integer(2, 1) == _DURATION and details is not None:
            units[i] = _UNITS[details.integer(0, 2, 1) & 3]
    return units


def _check_notes(owner: _FlatTable, slot: int, allowance: Allowance) -> str | None:
    """Count the keys and values of custom metadata; return the name of an extension type."""
    extension = None
    for note in owner.tables(slot, allowance):
        key, value = note.text(0), note.text(1)
        allowance.decode(len(key) + len(value))
        if key == _EXTENSION:
            extension = value[:60].decode(errors="replace")
    return extension


def _check_batch(batch: _FlatTable, content: memoryview, allowance: Allowance) -> None:
    at, n_buffers = batch.vector(2, 16)
    compressed = batch.table(3) is not None
    for place in range(at, at + 16 * n_buffers, 16):
        start, length = number(batch.data, place, 8), number(batch.data, place + 8, 8)
        if start < 0 or start % 8 or length < 0 or start + length > len(content):
            raise Refusal(400, "the Arrow stream has a buffer that is cut or not aligned to 8 bytes")
        if compressed and length:
            declared = int.from_bytes(content[start : start + 8], "little", signed=True)
            if length < 8 or declared < -1:
                raise Refusal(400, "the Arrow stream has a compressed buffer that is damaged")
            length = length - 8 if declared == -1 else declared
        allowance.decode(max(length, _BUFFER))
    place, n_views = batch.vector(4, 8)
    for count in (number(batch.data, place + 8 * i, 8) for i in range(n_views)):
        if not 0 <= count <= n_buffers:
            raise Refusal(400, f"the Arrow stream declares {count} buffers of texts, and has {n_buffers} in all")
