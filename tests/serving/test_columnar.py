import datetime as dt
import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byoe.data._numbers import _days
from byoe.serving._refusal import Refusal
from byoe.serving.columnar._allowance import Allowance
from byoe.serving.columnar._reader import _Collected, read_arrow, read_parquet

SCRIPT = Path(__file__).with_name("columnar_bodies.py")
spec = importlib.util.spec_from_file_location("columnar_bodies", SCRIPT)
bodies = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bodies)

READERS = {"parquet": read_parquet, "arrow": read_arrow}
N_MUTATIONS = 4000


def script(*arguments, folder):
    command = [sys.executable, "-W", "error", str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def expected(column):
    """Return a column as the readers should, by ways of their own: Python's objects, and the dates of `_numbers`."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text", column.to_pylist()
    if pa.types.is_temporal(kind):
        if pa.types.is_dictionary(column.type) or pa.types.is_date64(kind):
            column = pa.chunked_array([pa.array(column.to_pylist(), pa.date32())])
        if pa.types.is_timestamp(kind) and kind.unit == "ns":  # pandas would say so too, and warn
            counts = column.cast(pa.int64()).to_pylist()
            return "date", [np.nan if count is None else count // 1000 / 86_400e6 for count in counts]
        held = "duration" if pa.types.is_duration(kind) else "date"
        return held, _days(nw.from_native(column, series_only=True), held)
    return "number", [np.nan if cell is None else float(cell) for cell in column.to_pylist()]


def check(read, table):
    assert read.names == table.column_names
    assert read.n_rows == table.num_rows
    for name, kind, cells, column in zip(read.names, read.kinds, read.columns, table.columns, strict=True):
        wanted_kind, wanted = expected(column)
        assert kind == wanted_kind, name
        if kind == "text":
            assert cells == wanted, name
        else:
            assert cells.dtype == np.float64
            assert cells.shape == (table.num_rows,)
            np.testing.assert_array_equal(cells, wanted, name)


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_parquet_of_all_kinds(compression, dictionary, version, rows):
    options = {"compression": compression, "use_dictionary": dictionary, "data_page_version": version}
    check(read_parquet(bodies.parquet(bodies.KINDS, row_group_size=rows, **options), 1000), bodies.KINDS)


@pytest.mark.parametrize("options", [{"version": "1.0"}, {"use_deprecated_int96_timestamps": True}])
def test_parquet_of_older_writers(options):
    table = bodies.KINDS.select(["float", "int", "text", "category", "date", "time", "zone"])
    check(read_parquet(bodies.parquet(table, store_schema=False, **options), 1000), table)


def test_parquet_of_many_pages():
    table = pa.table({"a": np.arange(5000) / 7, "s": [str(i) for i in range(5000)]})
    for dictionary in (True, False):
        body = bodies.parquet(table, data_page_size=100, write_batch_size=50, use_dictionary=dictionary)
        check(read_parquet(body, 10_000), table)


def test_a_dictionary_that_gets_too_large_is_continued_by_plain_pages():
    table = pa.table({"s": [str(i) for i in range(5000)]})
    check(read_parquet(bodies.parquet(table, dictionary_pagesize_limit=500, write_batch_size=50), 5000), table)


@pytest.mark.parametrize("encoding", ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN"])
def test_parquet_of_other_encodings(encoding):
    table = pa.table({"a": np.arange(300)})
    body = bodies.parquet(table, use_dictionary=False, column_encoding={"a": encoding})
    check(read_parquet(body, 300), table)


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("table", [bodies.KINDS, bodies.CODED], ids=["kinds", "coded"])
def test_arrow_of_all_kinds(table, compression, rows):
    check(read_arrow(bodies.arrow(table, rows, compression=compression), 1000), table)


def test_arrow_with_another_dictionary_in_each_batch():
    texts = pa.chunked_array([pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", None, "a"]).dictionary_encode()])
    table = pa.table({"s": texts})
    check(read_arrow(bodies.arrow(table), 100), table)


@pytest.mark.parametrize("size", [2, 100])
def test_arrow_of_slices(size):
    table = pa.concat_tables([bodies.KINDS] * 3)[1 : 1 + size]
    check(read_arrow(bodies.arrow(table), 1000), table)


FRAME = pd.DataFrame(
    {
        "text": ["a", None, "b"],
        "category": pd.Categorical(["x", "y", "x"]),
        "codes": pd.Categorical([1, 2, 1]),
        "int": [1, 2, 3],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "time": pd.date_range("2020", periods=3, tz="Europe/Paris"),
        "span": pd.to_timedelta([1, 2, 3], unit="D"),
    }
)


@pytest.mark.parametrize("format_name", READERS)
def test_pandas_writes_it(format_name):
    body = FRAME.to_parquet() if format_name == "parquet" else bodies.arrow(pa.Table.from_pandas(FRAME))
    read = READERS[format_name](body, 1000)
    assert read.names == list(FRAME)
    assert read.kinds == ["text", "text", "number", "number", "number", "number", "date", "duration"]
    columns = dict(zip(read.names, read.columns, strict=True))
    assert columns["text"] == ["a", None, "b"]
    assert columns["category"] == ["x", "y", "x"]
    np.testing.assert_array_equal(columns["codes"], [1, 2, 1])
    np.testing.assert_array_equal(columns["nullable"], [1, np.nan, 3])
    np.testing.assert_array_equal(columns["flag"], [1, np.nan, 0])
    np.testing.assert_array_equal(columns["time"], _days(nw.from_native(FRAME["time"], series_only=True), "date"))
    np.testing.assert_array_equal(columns["span"], [1, 2, 3])


BY_POLARS = [
    *(("parquet", compression) for compression in ("uncompressed", "lz4", "zstd", "snappy", "gzip", "brotli")),
    *(("arrow", compression) for compression in ("uncompressed", "lz4", "zstd")),
]


@pytest.mark.parametrize(("format_name", "compression"), BY_POLARS)
def test_polars_writes_it(format_name, compression):
    table = bodies.KINDS.drop(["half", "zone"])
    frame = pl.from_arrow(table)
    frame = frame.with_columns(enum=pl.Series(["p", "q", None], dtype=pl.Enum(["p", "q", "r"])))
    buffer = io.BytesIO()
    if format_name == "parquet":
        frame.write_parquet(buffer, compression=compression)
    else:
        frame.write_ipc_stream(buffer, compression=compression)
    check(READERS[format_name](buffer.getvalue(), 1000), table.append_column("enum", pa.array(["p", "q", None])))


def cells(strategy):
    return st.lists(st.none() | strategy, min_size=7, max_size=7)


FIRST, LAST = dt.datetime(1685, 1, 1), dt.datetime(2255, 1, 1)  # between, microseconds are exact in a float
COLUMNS = st.one_of(
    cells(st.floats(allow_nan=False)).map(lambda values: pa.array(values, pa.float64())),
    cells(st.integers(-(2**63), 2**63 - 1)).map(lambda values: pa.array(values, pa.int64())),
    cells(st.integers(0, 255)).map(lambda values: pa.array(values, pa.uint8())),
    cells(st.booleans()).map(lambda values: pa.array(values, pa.bool_())),
    cells(st.text(max_size=20)).map(lambda values: pa.array(values, pa.string())),
    cells(st.text(max_size=20)).map(lambda values: pa.array(values, pa.string_view())),
    cells(st.sampled_from("abc")).map(lambda values: pa.array(values, pa.string()).dictionary_encode()),
    cells(st.dates(FIRST.date(), LAST.date())).map(lambda values: pa.array(values, pa.date32())),
    cells(st.datetimes(FIRST, LAST)).map(lambda values: pa.array(values, pa.timestamp("us"))),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=5), COLUMNS), min_size=1, max_size=6, unique_by=lambda column: column[0]),
    st.sampled_from(["none", "zstd"]),
    st.booleans(),
    st.integers(1, 8),
)
def test_any_table_comes_back(columns, compression, dictionary, rows):
    table = pa.table(dict(columns))
    body = bodies.parquet(table, compression=compression, use_dictionary=dictionary, row_group_size=rows)
    check(read_parquet(body, 100), table)
    stream = bodies.arrow(table, rows, compression=None if compression == "none" else compression)
    check(read_arrow(stream, 100), table)


@pytest.mark.parametrize("format_name", READERS)
def test_a_full_table_of_any_kind_passes(format_name):
    n_rows = 20_000
    numbers = pa.table({str(i): np.arange(n_rows) / 7 + i for i in range(5)})
    texts = pa.table({str(i): [f"a text with number {i * n_rows + j}" for j in range(n_rows)] for i in range(5)})
    for table in (numbers, texts):
        body = bodies.parquet(table) if format_name == "parquet" else bodies.arrow(table)
        assert READERS[format_name](body, 5 * n_rows).n_rows == n_rows
        with pytest.raises(Refusal, match="20000 rows × 5 columns = 100000 cells, and at most 99999") as caught:
            READERS[format_name](body, 5 * n_rows - 1)
        assert caught.value.status == 413


@pytest.mark.parametrize("format_name", READERS)
def test_equal_texts_are_one_object(format_name):
    table = pa.table({"s": ["a long text"] * 10})
    body = bodies.parquet(table, use_dictionary=False) if format_name == "parquet" else bodies.arrow(table)
    (texts,) = READERS[format_name](body, 100).columns
    assert len({id(text) for text in texts}) == 1


def test_a_large_dictionary_of_which_little_is_used():
    entries = pa.array([str(i) for i in range(5000)])
    table = pa.table({"s": pa.DictionaryArray.from_arrays(pa.array([4321]), entries)})
    assert read_arrow(bodies.arrow(table), 1).columns == [["4321"]]
    assert read_parquet(bodies.parquet(table), 1).columns == [["4321"]]


def test_names_with_dots():
    table = pa.table({"a": ["x"], "a.b": ["y"], "a.b.c": [1]})
    check(read_parquet(bodies.parquet(table), 10), table)


@pytest.mark.parametrize("format_name", READERS)
def test_a_cut_body_is_refused(format_name):
    body = bodies.seeds(format_name)[0]
    for size in range(0, len(body) - 1, 7):
        status, message = bodies.answer(format_name, body[:size], 1000)
        assert status == 400, (size, message)


@pytest.mark.parametrize("format_name", READERS)
def test_damaged_bodies_are_read_or_refused(format_name, tmp_path):
    statuses = script("mutate", format_name, str(N_MUTATIONS), "1", folder=tmp_path)
    assert set(statuses) == {"200", "400", "413"}
    assert sum(statuses.values()) == N_MUTATIONS


@pytest.mark.parametrize("format_name", READERS)
def test_bombs_are_refused_before_they_take_memory(format_name, tmp_path):
    answers = script("explode", format_name, folder=tmp_path)
    most = Allowance(bodies.MOST_CELLS).most_bytes + 100e6 * (format_name == "parquet")  # for its footer
    for name, (body, status, told) in bodies.BOMBS[format_name]().items():
        answered, message, grown, seconds = answers[name]
        assert answered == status, (name, message)
        assert told in message, (name, message)
        assert grown <= most + 2 * len(body), (name, grown)
        assert seconds < 20, name


@pytest.mark.parametrize("format_name", READERS)
def test_what_is_read_takes_a_few_times_the_limit(format_name, tmp_path):
    answers = script("fill", format_name, folder=tmp_path)
    for name, (status, message, grown, _) in answers.items():
        assert status == 200, (name, message)
        assert grown <= 5 * Allowance(bodies.MOST_CELLS).most_bytes, (name, grown)


def test_a_null_view_may_hold_anything():
    views = b"\x01\0\0\0x" + bytes(11) + b"\xff" * 16
    array = pa.Array.from_buffers(pa.string_view(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(views)])
    assert read_arrow(bodies.arrow(pa.table({"s": array})), 2).columns == [["x", None]]


def test_a_text_that_is_not_utf8():
    array = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")], null_count=0
    )
    for table in (pa.table({"s": array}), pa.table({"s": pc.dictionary_encode(array)})):
        assert bodies.answer("arrow", bodies.arrow(table), 10)[0] == 400
        assert bodies.answer("parquet", bodies.parquet(table, write_statistics=False), 10)[0] == 400


@pytest.mark.parametrize(("format_name", "told"), [("parquet", "Parquet"), ("arrow", "an Arrow stream")])
def test_without_pyarrow(format_name, told, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, message = bodies.answer(format_name, b"", 10)
    assert status == 415
    assert f"cannot read {told}, as pyarrow is not installed" in message


def test_without_the_part_for_parquet(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert bodies.answer("parquet", bodies.parquet(bodies.ROWS), 1000)[0] == 415


def test_what_is_imported(tmp_path):
    for format_name in READERS:
        (tmp_path / format_name).write_bytes(bodies.seeds(format_name)[0])
    code = """
import sys
from pathlib import Path
from byoe.serving.columnar._reader import _Collected, read_arrow, read_parquet
assert "pyarrow" not in sys.modules
read_arrow(Path("arrow").read_bytes(), 1000)
read_parquet(Path("parquet").read_bytes(), 1000)
print([name for name in ("pandas", "sklearn", "polars", "pyarrow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "['pyarrow']\n", done.stderr


def test_a_dictionary_that_batches_share_is_validated_once(monkeypatch):
    validated = []
    monkeypatch.setattr(_Collected, "_validate", lambda self, array: validated.append(array))
    table = pa.table({"s": pa.array(["x", "y"] * 50).dictionary_encode()})
    check(read_arrow(bodies.arrow(table, 1), 100), table)
    assert len(validated) == 1


def test_statistics_that_do_not_fit_the_schema_are_not_looked_at():
    body = bodies.parquet(bodies.NUMBERS)
    optional, required = b"\x15\x0a\x25\x02", b"\x15\x0a\x25\x00"  # of the type double
    assert body.count(optional) == 1
    body = body.replace(optional, required)  # pyarrow's metadata stop the process at the histogram of levels
    assert bodies.answer("parquet", body, 10)[0] in (200, 400)
