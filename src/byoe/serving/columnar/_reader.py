"""Tables in Parquet and Arrow's stream format, from senders that are not trusted.

A few kilobytes of either may declare terabytes. So a body is walked first, by `_parquet_footer` and
`_parquet_pages` or by `_arrow`, and what it would take is counted against the limits of `_allowance`; then
pyarrow decodes it, and each array is validated before a value of it is touched. Whatever goes wrong is a
`Refusal`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .._refusal import Refusal
from ._allowance import Allowance
from ._arrow import check_stream, duration_units
from ._parquet_footer import read_footer
from ._parquet_pages import check_pages

Kind = Literal["number", "text", "date", "duration"]

_DAY = 86_400e6  # microseconds
_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0}
_MOST_DECIMALS = 76


@dataclass(frozen=True)
class Columnar:
    """A table by columns.

    Attributes
    ----------
    names : list of str
    columns : list
        Numbers and dates are float64 arrays of shape (n_rows,), NaN where missing; a date is in days
        since 1970-01-01, at UTC. Texts are lists of str, None where missing.
    kinds : list of {"number", "text", "date", "duration"}
    n_rows : int
    """

    names: list[str]
    columns: list[Any]
    kinds: list[Kind]
    n_rows: int


def read_parquet(body: bytes, most_cells: int) -> Columnar:
    """Read a Parquet file.

    Raises
    ------
    Refusal
        415 without pyarrow, 413 for a body that takes too much, 400 for one that cannot be read.
    """
    return _guarded("Parquet", _read_parquet, body, most_cells)


def read_arrow(body: bytes, most_cells: int) -> Columnar:
    """Read an Arrow IPC stream.

    Raises
    ------
    Refusal
        415 without pyarrow, 413 for a body that takes too much, 400 for one that cannot be read.
    """
    return _guarded("an Arrow stream", _read_arrow, body, most_cells)


def _guarded(what: str, read: Callable[[Any, bytes, Allowance], Columnar], body: bytes, most_cells: int) -> Columnar:
    try:
        import pyarrow

        return read(pyarrow, body, Allowance(most_cells))
    except Refusal:
        raise
    except ImportError as error:  # pyarrow.parquet is a part that some distributions leave out
        raise Refusal(
            415, f"this endpoint cannot read {what}, as pyarrow is not installed; send CSV or JSON instead"
        ) from error
    except MemoryError as error:
        raise Refusal(413, "the body takes more memory than there is; send fewer rows") from error
    except Exception as error:  # a damaged body fails anywhere, and none may stop the server
        raise Refusal(400, f"the body cannot be read as {what}: {str(error)[:200]}") from error


def _read_parquet(pa: Any, body: bytes, allowance: Allowance) -> Columnar:
    footer = read_footer(body, allowance)
    leaves = footer.leaves
    names = [leaf.name for leaf in leaves]
    _check_names(names)
    units = duration_units(footer.arrow_schema, len(leaves), allowance)
    for n_rows, chunks in footer.groups:
        for leaf, chunk in zip(leaves, chunks, strict=True):
            check_pages(body, leaf, chunk, n_rows, allowance)
    import pyarrow.parquet as pq

    # Texts come as dictionaries: a value that a page repeats a million times is kept once.
    texts = [leaf.name for leaf in leaves if leaf.physical == "BYTE_ARRAY"]
    file = pq.ParquetFile(
        pa.BufferReader(footer.rewritten(body)),
        read_dictionary=texts,
        pre_buffer=False,
        coerce_int96_timestamp_unit="us",
        thrift_string_size_limit=len(body),
    )
    kinds = [_kind(pa, field.name, field.type) for field in file.schema_arrow]
    for i, (leaf, kind, field) in enumerate(zip(leaves, kinds, file.schema_arrow, strict=True)):
        if (leaf.physical == "BYTE_ARRAY") != (kind == "text" and pa.types.is_dictionary(field.type)):
            raise Refusal(400, f"column {leaf.name[:60]!r} is stored as {leaf.physical}; send numbers, texts or dates")
        if i in units and leaf.physical == "INT64":
            kinds[i] = "duration"
    collected = _collect(pa, kinds, sum(n_rows for n_rows, _ in footer.groups), allowance)
    for number in range(len(footer.groups)):
        table = file.read_row_group(number, use_threads=False)
        for i, (column, chunks) in enumerate(zip(collected, table.columns, strict=True)):
            for chunk in chunks.chunks:
                column.add(chunk.cast(pa.duration(units[i])) if pa.types.is_int64(chunk.type) and i in units else chunk)
    return _finished(names, kinds, collected)


def _read_arrow(pa: Any, body: bytes, allowance: Allowance) -> Columnar:
    n_rows = check_stream(body, allowance)
    options = pa.ipc.IpcReadOptions(use_threads=False)
    with pa.ipc.open_stream(pa.BufferReader(body), options=options) as stream:
        names = list(stream.schema.names)
        _check_names(names)
        kinds = [_kind(pa, field.name, field.type) for field in stream.schema]
        collected = _collect(pa, kinds, n_rows, allowance)
        for batch in stream:
            batch.validate()
            if batch.num_rows:
                for column, chunk in zip(collected, batch.columns, strict=True):
                    column.add(chunk)
    return _finished(names, kinds, collected)


def _collect(pa: Any, kinds: list[Kind], n_rows: int, allowance: Allowance) -> list[_Collected]:
    valid_dictionaries: dict[tuple[Any, ...], Any] = {}
    return [_Collected(pa, kind, n_rows, allowance, valid_dictionaries) for kind in kinds]


def _finished(names: list[str], kinds: list[Kind], collected: list[_Collected]) -> Columnar:
    return Columnar(names, [column.done() for column in collected], kinds, len(collected[0].values))


def _check_names(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Refusal(400, f"the body holds the column {name[:60]!r} twice; give each column a name of its own")
        seen.add(name)


def _kind(pa: Any, name: str, kind: Any) -> Kind:
    types = pa.types
    values = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(values) or types.is_large_string(values) or types.is_string_view(values):
        return "text"
    if types.is_date(values) or types.is_timestamp(values):
        return "date"
    if types.is_duration(values):
        return "duration"
    if types.is_integer(values) or types.is_floating(values) or types.is_boolean(values):
        return "number"
    if types.is_decimal(values) and abs(values.scale) <= _MOST_DECIMALS:
        return "number"
    if types.is_null(kind):
        return "number"
    raise Refusal(400, f"column {name[:60]!r} is of type {str(kind)[:60]}; send numbers, texts or dates")


class _Collected:
    """A column that grows by chunks.

    Columns and chunks may share one dictionary, and texts the same bytes, so nothing here takes more
    time or memory than the cells and the texts that were counted before.
    """

    def __init__(
        self, pa: Any, kind: Kind, n_rows: int, allowance: Allowance, valid_dictionaries: dict[tuple[Any, ...], Any]
    ) -> None:
        self.pa, self.kind, self.allowance = pa, kind, allowance
        self.values = np.full(n_rows, None if kind == "text" else np.nan, dtype=object if kind == "text" else float)
        self.filled = 0
        self.valid_dictionaries = valid_dictionaries

    def add(self, chunk: Any) -> None:
        """Append the cells of an array of pyarrow, which is not validated yet."""
        target = self.values[self.filled : self.filled + len(chunk)]
        self.filled += len(chunk)
        if self.pa.types.is_dictionary(chunk.type):
            self._add_coded(target, chunk.indices, self._validated(chunk.dictionary))
            return
        self._validate(chunk)
        if self.kind == "text":
            if self.pa.types.is_string_view(chunk.type):
                # Nobody validates the views of missing cells, and functions of pyarrow follow them too.
                target[:] = chunk.to_pylist()
                return
            chunk = chunk.dictionary_encode()
            self._add_coded(target, chunk.indices, chunk.dictionary)
        else:
            target[:] = self._floats(chunk)

    def done(self) -> Any:
        """Return all cells."""
        if self.filled != len(self.values):
            raise Refusal(400, f"a column has {self.filled} cells, expected {len(self.values)}")
        return self.values.tolist() if self.kind == "text" else self.values

    def _validated(self, dictionary: Any) -> Any:
        """Return the dictionary; one that is shared is validated once."""
        buffers = tuple(None if buffer is None else (buffer.address, buffer.size) for buffer in dictionary.buffers())
        key = (str(dictionary.type), dictionary.offset, len(dictionary), *buffers)
        if key not in self.valid_dictionaries:
            self._validate(dictionary)
            self.valid_dictionaries[key] = dictionary  # kept, so that no other comes to lie at its address
        return dictionary

    def _validate(self, array: Any) -> None:
        array.validate()
        if self.pa.types.is_string_view(array.type):
            self._count_views(array)  # first, as validation reads each text
        array.validate(full=True)

    def _count_views(self, array: Any) -> None:
        """Count texts of which many may lie in the same place."""
        views = array.buffers()[1]
        if not len(array) or views is None:
            return
        lengths = np.frombuffer(views, dtype="<i4")[4 * array.offset :: 4][: len(array)]
        self.allowance.text(int(lengths[_valid(array)].clip(min=0).sum(dtype=np.int64)))

    def _add_coded(self, target: Any, indices: Any, dictionary: Any) -> None:
        indices.validate(full=True)
        valid = _valid(indices)
        codes = _numbers(indices)[valid]
        if not len(codes):
            return
        used, positions, counts = np.unique(codes, return_inverse=True, return_counts=True)
        if used[0] < 0 or used[-1] >= len(dictionary):
            raise Refusal(400, f"a cell refers to entry {used[-1]} of a dictionary of {len(dictionary)}")
        if self.kind == "text":
            texts = self._texts(dictionary, used, counts)
            target[valid] = np.array([*texts, None], dtype=object)[positions]
        else:
            target[valid] = self._floats(self._taken(dictionary, used))[positions]

    def _texts(self, dictionary: Any, used: Any, counts: Any) -> list[str | None]:
        """Return the entries that are used; ``counts`` says how often each is."""
        if self.pa.types.is_string_view(dictionary.type):  # nothing takes from these, and their sum is limited already
            texts = [dictionary[int(code)].as_py() for code in used]
            sizes = [0 if text is None else len(text.encode()) for text in texts]
            self.allowance.text(int(np.dot(np.array(sizes, dtype=np.int64), counts)))
            return texts
        import pyarrow.compute as pc

        entries = self._taken(dictionary, used)
        lengths = np.where(_valid(entries), _numbers(pc.binary_length(entries)), 0)
        self.allowance.text(int(np.dot(lengths, counts)))
        return list(entries.to_pylist())

    def _taken(self, dictionary: Any, used: Any) -> Any:
        places = self.pa.py_buffer(np.ascontiguousarray(used, dtype=np.int64))
        return dictionary.take(self.pa.Array.from_buffers(self.pa.int64(), len(used), [None, places]))

    def _floats(self, array: Any) -> Any:
        pa, kind = self.pa, array.type
        if self.kind == "number":
            values = _numbers(array.cast(pa.float64(), safe=False))
        elif pa.types.is_date32(kind):
            values = _numbers(array.cast(pa.int32()))
        else:
            counted = _numbers(array.cast(pa.int64()))
            unit = "ms" if pa.types.is_date64(kind) else kind.unit
            if unit == "ns":  # of an instant no more than the microsecond
                whole, rest = np.divmod(counted, 1000)
                values = (whole + rest / 1000 if self.kind == "duration" else whole) / _DAY
            else:
                values = counted * _MICROSECONDS[unit] / _DAY
        return np.where(_valid(array), values, np.nan)


# pyarrow's own ways between its arrays and numpy's import pandas where it is installed.
def _numbers(array: Any) -> Any:
    """Return the numbers of an array; those that are missing may be any."""
    dtype = np.dtype("float64" if str(array.type) == "double" else str(array.type))
    values = array.buffers()[1]
    if not len(array) or values is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(values, dtype)[array.offset : array.offset + len(array)]


def _valid(array: Any) -> Any:
    """Return which cells are there."""
    bits = array.is_valid()
    packed = np.frombuffer(bits.buffers()[1], np.uint8)
    return np.unpackbits(packed, count=bits.offset + len(bits), bitorder="little")[bits.offset :].astype(bool)
