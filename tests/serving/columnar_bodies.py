"""Bodies for the tests of Parquet and Arrow: of all kinds, damaged ones, and those that declare far more than they are.

As a script it reads such bodies in a process of its own, where a crash is seen and memory is measured::

    python columnar_bodies.py mutate parquet 200000 1
    python columnar_bodies.py explode arrow
"""

import collections
import datetime as dt
import decimal
import gc
import io
import json
import random
import re
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from byoe.serving._refusal import Refusal
from byoe.serving.columnar._allowance import Allowance
from byoe.serving.columnar._arrow import _message
from byoe.serving.columnar._reader import Columnar, read_arrow, read_parquet
from byoe.serving.columnar._thrift import BINARY, I32, I64, LIST, STRUCT, Reader, _varint, written

MOST_CELLS = 100_000
LONG = "x" * 3_000_000


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def arrow(table, chunk=None, **options):
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=chunk)
    return buffer.getvalue()


PLAIN = {"use_dictionary": False, "compression": "none", "write_statistics": False, "store_schema": False}
NUMBERS = pa.table({"a": [1.0, 2.0, 3.0]})


def footer_of(body):
    end = len(body) - 8
    start = end - int.from_bytes(body[end : end + 4], "little")
    return start, Reader(body, start, end, 10**6).structure()


def sealed(pages, footer):
    return pages + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def forged(body, change):
    """Change the fields of the footer."""
    start, fields = footer_of(body)
    for schema in fields[2, LIST]:
        schema.pop((10, STRUCT), None)
    for group in fields[4, LIST]:
        for chunk in group[1, LIST]:
            for number, kind in list(chunk[3, STRUCT]):
                if number > 11:
                    del chunk[3, STRUCT][number, kind]
    fields = {key: value for key, value in fields.items() if key[0] < 5}
    change(fields)
    return sealed(body[:start], written(fields))


def one_page(header, content=b"", n_rows=3, kind=5, codec=0, **more):
    """Return a file of one column, whose page headers and contents are given."""
    pages = header if isinstance(header, bytes) else written(header) + content
    chunk = {
        (1, I32): kind,
        (2, LIST): [0],
        (3, LIST): [b"a"],
        (4, I32): codec,
        (5, I64): n_rows,
        (6, I64): len(pages),
        (7, I64): len(pages),
        (9, I64): 4,
    }
    element = {(1, I32): kind, (3, I32): 0, (4, BINARY): b"a", **more.get("element", {})}
    group = {(1, LIST): [{(2, I64): 4, (3, STRUCT): chunk}], (2, I64): len(pages), (3, I64): n_rows}
    root = {(4, BINARY): b"schema", (5, I32): 1}
    footer = {(1, I32): 2, (2, LIST): [root, element], (3, I64): n_rows, (4, LIST): [group] * more.get("groups", 1)}
    return sealed(b"PAR1" + pages, written(footer))


def data_page(n_values, decoded, stored, encoding=0):
    return {
        (1, I32): 0,
        (2, I32): decoded,
        (3, I32): stored,
        (5, STRUCT): {(1, I32): n_values, (2, I32): encoding, (3, I32): 3, (4, I32): 3},
    }


def dictionary_page(n_values, decoded, stored):
    return {(1, I32): 2, (2, I32): decoded, (3, I32): stored, (7, STRUCT): {(1, I32): n_values, (2, I32): 0}}


def _rows(n_rows):
    def change(fields):
        fields[3, I64] = n_rows
        group = fields[4, LIST][0]
        group[3, I64] = n_rows
        group[1, LIST][0][3, STRUCT][5, I64] = n_rows

    return forged(parquet(NUMBERS, **PLAIN), change)


def _listed(number, items, n_more=0, more=b""):
    """Return a footer of one field, a list of structures; the last may come very often."""
    head = bytes([number << 4 | LIST, 0xF0 | STRUCT])
    return sealed(b"PAR1", head + _varint(len(items) + n_more) + b"".join(items) + more * n_more + b"\0")


def _wide():
    column = written({(1, I32): 5, (4, BINARY): b""})
    return _listed(2, [written({(4, BINARY): b"schema", (5, I32): 10**6})], 10**6, column)


def _deep():
    elements = [{(4, BINARY): b"n", (5, I32): 1}] * 50_000
    elements.append({(1, I32): 5, (4, BINARY): b"a"})
    return sealed(b"PAR1", written({(1, I32): 2, (2, LIST): elements, (3, I64): 1}))


def _many_groups():
    return _listed(4, [], 200_000, written({(1, LIST): [{(2, I64): 0}], (3, I64): 0}))


def _chains():
    return _listed(1, [], 100_000, b"\x1c" * 9 + b"\x15\2" + b"\0" * 10)


def _notes():
    return _listed(5, [], 400_000, written({(1, BINARY): b""}))


def _shared_pages():
    content = np.zeros(1_000_000).tobytes()
    stored = pa.Codec("zstd").compress(content, asbytes=True)
    page = data_page(125, 8 * 10**6, len(stored))
    return one_page(page, stored, n_rows=125, codec=6, groups=500)


def _delta_texts(encoding):
    table = pa.table({"a": ["x" * 1000 + str(i) for i in range(100)]})
    return parquet(table, use_dictionary=False, column_encoding={"a": encoding})


def _long_decimals():
    page = written(dictionary_page(1, 3_000_004, 3_000_004)) + struct.pack("<i", 3_000_000) + bytes(3_000_000)
    codes = b"\x01" + b"\xc0\x9a\x0c" + b"\x00"  # bit width 1, one run of 100,000 zeros
    page += written(data_page(100_000, len(codes), len(codes), encoding=8)) + codes
    element = {(6, I32): 5, (7, I32): 0, (8, I32): 9}
    body = one_page(page, n_rows=100_000, kind=6, element=element)
    data = len(written(dictionary_page(1, 3_000_004, 3_000_004))) + 3_000_004 + 4

    def change(fields):
        chunk = fields[4, LIST][0][1, LIST][0][3, STRUCT]
        chunk[9, I64], chunk[11, I64] = data, 4

    return forged(body, change)


def _encrypted_column():
    def change(fields):
        fields[4, LIST][0][1, LIST][0][8, STRUCT] = {(1, STRUCT): {}}

    return forged(parquet(NUMBERS, **PLAIN), change)


def _in_another_file():
    def change(fields):
        fields[4, LIST][0][1, LIST][0][1, BINARY] = b"/etc/passwd"

    return forged(parquet(NUMBERS, **PLAIN), change)


def _long_thrift(head):
    return sealed(b"PAR1", head + b"\xff\xff\xff\xff\x07")


MANY = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array(np.zeros(90_000, "i4")), pa.array([LONG]))})
NESTED = pa.table({"a": [[1, 2], [3]]})


def parquet_bombs():
    return {
        "rows that are not there": (_rows(2**40), 413, "1099511627776 cells"),
        "negative rows": (_rows(-5), 400, "-5 rows"),
        "rows within the limit that are not there": (_rows(90_000), 400, ""),
        "a page of 2 GB": (one_page(data_page(3, 2**31 - 1, 10), bytes(10), codec=6), 413, "decodes to 2147483647"),
        "a page of -1 bytes": (one_page(data_page(3, -1, 10), bytes(10)), 400, "damaged page header"),
        "a page of 2^31 values": (one_page(data_page(2**31 - 1, 10, 10), bytes(10)), 400, "more than the 3 values"),
        "a dictionary of 2^31": (one_page(dictionary_page(2**31 - 1, 10, 10), bytes(10)), 400, "a dictionary of 21474"),
        "pages of nothing": (one_page(written(data_page(0, 0, 0)) * 150_000), 413, "pieces"),
        "an index page": (one_page({(1, I32): 1, (2, I32): 0, (3, I32): 0}), 400, "unexpected type 1"),
        "a text 90,000 times": (parquet(MANY), 413, "270000000000 bytes"),
        "one long text": (parquet(pa.table({"a": ["y" * 100_000_000]}), compression="zstd"), 413, "decodes to 100"),
        "many rows": (parquet(pa.table({"a": np.zeros(1_000_000)})), 413, "1000000 cells"),
        "a list": (parquet(NESTED), 400, "nested"),
        "a struct": (parquet(pa.table({"a": [{"b": 1}]})), 400, "nested"),
        "binary": (parquet(pa.table({"a": [b"x"]})), 400, "binary"),
        "time": (parquet(pa.table({"a": pa.array([1], pa.time32("s"))})), 400, "time"),
        "a million columns": (_wide(), 413, "more metadata"),
        "a deep schema": (_deep(), 400, "nested"),
        "many row groups": (_many_groups(), 413, "more metadata"),
        "many nested structures": (_chains(), 413, "more metadata"),
        "many notes": (_notes(), 413, "more metadata"),
        "an encrypted footer": (b"PAR1" + bytes(100) + b"PARE", 400, "encrypted"),
        "an encrypted column": (_encrypted_column(), 400, "encrypted"),
        "a column in another file": (_in_another_file(), 400, "in another file"),
        "a thrift text of 2 GB": (_long_thrift(b"\x48"), 400, "ends in the middle"),
        "a thrift list of 2^31": (_long_thrift(b"\x29\xfc"), 413, "more metadata"),
        "a thrift map": (_long_thrift(b"\x2b"), 400, "unexpected Thrift type"),
        "nested thrift": (sealed(b"PAR1", b"\x1c" * 10**6), 400, "levels deep"),
        "many groups on one page": (_shared_pages(), 413, "decodes to"),
        "delta byte array": (_delta_texts("DELTA_BYTE_ARRAY"), 400, "DELTA_BYTE_ARRAY"),
        "delta length": (_delta_texts("DELTA_LENGTH_BYTE_ARRAY"), 400, "DELTA_LENGTH_BYTE_ARRAY"),
        "long decimals": (_long_decimals(), 400, "stored as BYTE_ARRAY"),
        "long fixed values": (one_page({}, kind=7, element={(2, I32): 2**30}), 400, "values of 1073741824 bytes"),
        "a name twice": (parquet(pa.Table.from_arrays([pa.array([1])] * 2, ["a", "a"])), 400, "'a' twice"),
        "no rows": (parquet(NUMBERS[:0]), 400, "no rows"),
        "no columns": (parquet(pa.table({})), 400, "no columns"),
        "empty": (b"", 400, "not Parquet"),
    }


def metadata_at(body, n_skipped):
    """Return where the metadata of a message begins and ends."""
    at = 0
    while True:
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        if not n_skipped:
            return at + 8, at + 8 + size
        at += 8 + size + _message(body[at + 8 : at + 8 + size]).integer(3, 8)
        n_skipped -= 1


def patched(body, n_skipped, place, size, value):
    """Change an integer in the metadata of a message; ``place`` finds it."""
    start, end = metadata_at(body, n_skipped)
    at = start + place(_message(body[start:end]))
    return body[:at] + value.to_bytes(size, "little", signed=True) + body[at + size :]


def _first_compressed(value):
    body = arrow(pa.table({"a": np.arange(1000.0)}), compression="zstd")
    _, end = metadata_at(body, 1)
    return body[:end] + value.to_bytes(8, "little", signed=True) + body[end + 8 :]


def _views(n_rows):
    views = struct.pack("<i4sii", len(LONG), b"xxxx", 0, 0) * n_rows
    texts = pa.Array.from_buffers(pa.string_view(), n_rows, [None, pa.py_buffer(views), pa.py_buffer(LONG.encode())])
    return arrow(pa.table({"a": texts}))


def _shared_fields():
    body = arrow(pa.table({"n" * 100_000: [1], **{str(i): [1] for i in range(2000)}}))
    start, end = metadata_at(body, 0)
    at, n_fields = _message(body[start:end]).table(2).vector(1, 4)
    data = bytearray(body)
    target = at + int.from_bytes(body[start + at : start + at + 4], "little")
    for i in range(n_fields):
        place = at + 4 * i
        if target > place:
            data[start + place : start + place + 4] = (target - place).to_bytes(4, "little")
    return bytes(data)


def _deltas():
    schema = pa.schema({"a": pa.dictionary(pa.int32(), pa.string())})
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as writer:
        for values in (["x"], ["x", "y"]):
            codes = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(values))
            writer.write_batch(pa.record_batch([codes], schema=schema))
    return buffer.getvalue()


def _as_file():
    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, NUMBERS.schema) as writer:
        writer.write_table(NUMBERS)
    return buffer.getvalue()


def _length(message):
    return message.table(2)._field(0)


def _variadic(message):
    return message.table(2).vector(4, 8)[0]


STREAM = arrow(NUMBERS)
NO_ROWS = patched(STREAM, 1, lambda message: message.table(2)._field(0), 8, 0)
NULLS = arrow(pa.table({"a": pa.nulls(3)}))
MARK = b"\xff\xff\xff\xff"


def arrow_bombs():
    values = pa.array(["y" * 100_000 + str(i) for i in range(100)])
    wrong = {
        "a list": NESTED,
        "a struct": pa.table({"a": [{"b": 1}]}),
        "a map": pa.table({"a": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))}),
        "binary": pa.table({"a": [b"x"]}),
        "time": pa.table({"a": pa.array([1], pa.time32("s"))}),
        "a union": pa.table({"a": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])}),
        "run-end encoded": pa.table({"a": pa.RunEndEncodedArray.from_arrays([10], [1.0])}),
    }
    told = {"a struct": "struct", "a list": "list", "a map": "map", "a union": "union"}
    uuid = pa.table({"a": pa.array([b"x" * 16], pa.uuid())})
    long_views = arrow(pa.table({"a": pa.array(["a text of more than twelve"], pa.string_view())}))
    return {
        **{name: (arrow(table), 400, told.get(name, name)) for name, table in wrong.items()},
        "an extension": (arrow(uuid), 400, "extension type 'arrow.uuid'"),
        "a buffer of 2^62": (_first_compressed(2**62), 413, "decodes to"),
        "a buffer of 15 MB": (_first_compressed(15_000_000), 400, ""),
        "a buffer of -2": (_first_compressed(-2), 400, "compressed buffer"),
        "metadata of 2 GB": (MARK + b"\xf8\xff\xff\x7f" + bytes(100), 400, "2147483640 bytes of metadata"),
        "metadata of -8": (MARK + b"\xf8\xff\xff\xff" + bytes(100), 400, "-8 bytes of metadata"),
        "2^60 nulls": (patched(NULLS, 1, _length, 8, 2**60), 413, "1152921504606846976 cells"),
        "-1 rows": (patched(NULLS, 1, _length, 8, -1), 400, "-1 rows"),
        "2^31 buffers of views": (patched(long_views, 1, _variadic, 8, 2**31 - 1), 400, "2147483647 buffers"),
        "views of one text": (_views(90_000), 413, "270000000000 bytes"),
        "a text 90,000 times": (arrow(MANY), 413, "270000000000 bytes"),
        "one long text": (arrow(pa.table({"a": ["y" * 100_000_000]}), compression="zstd"), 413, "decodes to 100"),
        "many rows": (arrow(pa.table({"a": np.zeros(20_000_000)}), compression="zstd"), 413, "20000000 cells"),
        "one field 2,000 times": (_shared_fields(), 413, "decodes to"),
        "one dictionary, many batches": (
            arrow(pa.table({"a": pa.DictionaryArray.from_arrays(pa.array(np.arange(20_000) % 100), values)}), 1),
            413,
            "the texts have",
        ),
        "batches of nothing": (STREAM[:-8] + NO_ROWS[metadata_at(NO_ROWS, 1)[0] - 8 : -8] * 60_000, 413, "pieces"),
        "a delta": (_deltas(), 400, "delta"),
        "two schemas": (STREAM[:-8] + STREAM, 400, "hold no other"),
        "no schema": (STREAM[metadata_at(STREAM, 1)[0] - 8 :], 400, "begin with its schema"),
        "more after the end": (STREAM + b"more", 400, "4 more bytes follow"),
        "a file": (_as_file(), 400, "send the stream format"),
        "only the end": (STREAM[-8:], 400, "no schema"),
        "empty": (b"", 400, "no schema"),
        "a name twice": (arrow(pa.Table.from_arrays([pa.array([1])] * 2, ["a", "a"])), 400, "'a' twice"),
        "no rows": (arrow(NUMBERS[:0]), 400, "no rows"),
        "no columns": (arrow(pa.table({})), 400, "no columns"),
    }


UTC = dt.UTC
KINDS = pa.table(
    {
        "float": pa.array([1.5, None, float("inf")]),
        "single": pa.array([1.5, None, -2.0], pa.float32()),
        "half": pa.array(np.array([1.5, 0, 2], np.float16), mask=np.array([False, True, False])),
        "int": pa.array([1, None, -3]),
        "unsigned": pa.array([1, 2, 2**64 - 1], pa.uint64()),
        "bool": pa.array([True, None, False]),
        "decimal": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal(3)], pa.decimal128(10, 2)),
        "null": pa.nulls(3),
        "text": pa.array(["x", None, "é😀"]),
        "large text": pa.array(["x", None, ""], pa.large_string()),
        "view": pa.array(["x", None, "a text of more than twelve"], pa.string_view()),
        "category": pa.array(["p", "q", None]).dictionary_encode(),
        "empty category": pa.array([None, None, None], pa.string()).dictionary_encode(),
        "date": pa.array([dt.date(2020, 1, 2), None, dt.date(1960, 1, 1)]),
        "date64": pa.array([dt.date(2020, 1, 2), None, dt.date(1960, 1, 1)], pa.date64()),
        "time": pa.array([dt.datetime(2020, 1, 2, 3, 4, 5, 6), None, dt.datetime(1960, 1, 2)], pa.timestamp("us")),
        "nanoseconds": pa.array([1_600_000_000_123_456_789, None, -1], pa.timestamp("ns")),
        "zone": pa.array([dt.datetime(2020, 7, 2, 3, tzinfo=UTC), None, None], pa.timestamp("ms", "Europe/Paris")),
        "duration": pa.array([1, None, -3], pa.duration("ms")),
    }
)
# Parquet has none of these as such.
CODED = pa.table(
    {
        "views": pa.array(["x", None, "a text of more than twelve"], pa.string_view()).dictionary_encode(),
        "numbers": pa.array([5, None, 5]).dictionary_encode(),
        "bools": pa.array([True, None, False]).dictionary_encode(),
        "dates": pa.array([dt.date(2020, 1, 2)] * 3).dictionary_encode(),
        "wide codes": pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.uint64()), pa.array(["x", None])),
        "seconds": pa.array([1, None, -3], pa.timestamp("s")),
    }
)
ROWS = pa.table({"a": np.arange(40) % 7, "s": [str(i % 5) for i in range(40)], "b": np.arange(40) % 2 == 0})


def seeds(format_name):
    """Return valid bodies to damage."""
    if format_name == "arrow":
        codecs = ({}, {"compression": "zstd"}, {"compression": "lz4"})
        return [arrow(t, rows, **codec) for t in (KINDS, CODED, ROWS) for rows in (100, 2) for codec in codecs]
    options = [
        {},
        {"compression": "none", "store_schema": False},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "gzip", "use_dictionary": False},
        {"compression": "brotli", "row_group_size": 2},
        {"compression": "lz4", "data_page_version": "2.0", "use_dictionary": False, "store_schema": False},
        {"compression": "none", "use_deprecated_int96_timestamps": True, "store_schema": False},
    ]
    encodings = [("DELTA_BINARY_PACKED", np.arange(300)), ("BYTE_STREAM_SPLIT", np.arange(300) / 7)]
    return [parquet(table, **each) for table in (KINDS, ROWS) for each in options] + [
        parquet(pa.table({"a": cells}), use_dictionary=False, compression="none", column_encoding={"a": encoding})
        for encoding, cells in encodings
    ]


EDGES = [
    b"\xff" * 4,
    bytes(4),
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\xff" * 8,
    b"\x80" * 8 + b"\1",
    b"\xfe\xff\xff\xff\x0f",
]


def damaged(body, others, draw):
    """Flip, overwrite, insert, delete or splice some bytes."""
    body = bytearray(body)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        at = draw.randrange(len(body) * 2 // 3 if draw.random() < 0.3 else 0, len(body) + 1)
        kind = draw.randrange(6)
        if kind == 0:
            body[at : at + 1] = draw.randbytes(1)
        elif kind == 1:
            body[at : at + 1] = bytes([byte ^ 1 << draw.randrange(8) for byte in body[at : at + 1]])
        elif kind == 2:
            edge = draw.choice(EDGES)
            body[at : at + len(edge)] = edge
        elif kind == 3:
            body[at:at] = draw.randbytes(draw.randrange(1, 9))
        elif kind == 4:
            del body[at : at + draw.randrange(1, 9)]
        else:
            other, size = draw.choice(others), draw.randrange(1, 64)
            start = draw.randrange(len(other))
            body[at : at + size] = other[start : start + size]
    return bytes(body)


def answer(format_name, body, most_cells):
    try:
        table = {"arrow": read_arrow, "parquet": read_parquet}[format_name](body, most_cells)
    except Refusal as refusal:
        return refusal.status, refusal.message
    assert isinstance(table, Columnar)
    assert all(len(column) == table.n_rows for column in table.columns)
    return 200, ""


def mutate(format_name, n_bodies, seed):
    """Read damaged bodies, and count the answers; the seed brings a crash back."""
    draw, others = random.Random(seed), seeds(format_name)
    statuses = collections.Counter()
    for _ in range(n_bodies):
        body = damaged(draw.choice(others), others, draw)
        statuses[answer(format_name, body, 1000)[0]] += 1
    return statuses


def status_kb(name):
    return int(re.search(rf"{name}:\s*(\d+)", Path("/proc/self/status").read_text())[1])


def measured(format_name, named):
    """Read each body, and tell by how much the memory grew at its peak, where the system says so."""
    linux = sys.platform == "linux"
    answer(format_name, seeds(format_name)[0], 1000)
    answers = {}
    for name, body in named.items():
        gc.collect()
        if linux:
            Path("/proc/self/clear_refs").write_text("5")
        before = status_kb("VmRSS") if linux else 0
        started = time.monotonic()
        status, message = answer(format_name, body, MOST_CELLS)
        grown = (status_kb("VmHWM") - before) * 1024 if linux else 0
        answers[name] = (status, message, grown, time.monotonic() - started)
    return answers


def fullest(format_name):
    """Return bodies that take about as much as they may."""
    most = Allowance(MOST_CELLS).most_text - 100
    wide = pa.table({"a": ["y" * most + "😀"]})  # four bytes for each character
    entries = pa.array([f"{i:04d}" for i in range(2 * most // 48)])
    coded = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0]), entries)})
    distinct = pa.table({"a": [f"{i:07d}" for i in range(MOST_CELLS)]})
    numbers = pa.table({str(i): np.arange(MOST_CELLS // 100) / 7 for i in range(100)})
    tables = {"wide": wide, "coded": coded, "distinct": distinct, "numbers": numbers}
    if format_name == "arrow":
        return {name: arrow(table, compression="zstd") for name, table in tables.items()}
    plain = {"compression": "zstd", "write_statistics": False, "use_dictionary": False}
    named = {name: parquet(table, compression="zstd", write_statistics=False) for name, table in tables.items()}
    return {**named, "wide": parquet(wide, **plain), "distinct, plain": parquet(distinct, **plain)}


BOMBS = {"parquet": parquet_bombs, "arrow": arrow_bombs}

if __name__ == "__main__":
    what, chosen = sys.argv[1:3]
    if what == "mutate":
        print(json.dumps(mutate(chosen, int(sys.argv[3]), int(sys.argv[4]))))
    elif what == "explode":
        print(json.dumps(measured(chosen, {name: body for name, (body, _, _) in BOMBS[chosen]().items()})))
    else:
        print(json.dumps(measured(chosen, fullest(chosen))))
