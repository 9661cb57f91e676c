"""Parquet and Arrow decoded in a process of its own, whose address space is limited: what columnar.py measures.

`Child` starts this file as a script. A body goes to it through memory that both processes map, and so do the
columns that come back; a pipe tells when. The child is started again where it has died or takes too long.
Only Linux keeps the limit (RLIMIT_AS), so only there can this be run.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import re
import select
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

BODY, ANSWER = 64 * 2**20, 320 * 2**20  # bytes of the shared memory; pages that nobody touches take none
_REQUEST, _LENGTH = struct.Struct("<7sqq"), struct.Struct("<q")
_DAY = 86_400e6  # microseconds
_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0}


class Died(Exception):  # noqa: N818  # an answer, not an error
    """The child has ended, or has been ended, while it read a body."""


class Child:
    """A process that decodes bodies, one at a time.

    Parameters
    ----------
    budget : int
        Bytes that its address space may grow by once pyarrow is loaded.
    patience : float, default=5.0
        Seconds that a body may take.
    """

    def __init__(self, budget: int, patience: float = 5.0) -> None:
        self.budget, self.patience, self.starts = budget, patience, 0
        self.shared = os.memfd_create("columns")
        os.ftruncate(self.shared, BODY + ANSWER)
        self.memory = mmap.mmap(self.shared, BODY + ANSWER)
        self._start()

    def _start(self) -> None:
        self.starts += 1
        command = [sys.executable, "-I", __file__, str(self.shared), str(self.budget)]
        # glibc's allocator keeps to one arena: each reserves 64 MB of addresses.
        environment = {"MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, env=environment, pass_fds=[self.shared], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, bufsize=0
        )

    def read(self, format_name: str, body: bytes, most_cells: int) -> tuple[list[str], list[Any], list[str]]:
        """Return names, columns and kinds; a refusal is a ValueError of status and message, an end `Died`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.memory[: len(body)] = body
        try:
            self.process.stdin.write(_REQUEST.pack(format_name.encode(), len(body), most_cells))
            (length,) = _LENGTH.unpack(self._received(_LENGTH.size))
            told = json.loads(self._received(length))
        except (Died, OSError, ValueError) as error:
            told = f"{error}, status {self._end()}"
            self._start()
            raise Died(told) from error
        if told["status"] != 200:
            raise ValueError(told["status"], told["message"])
        return told["names"], [self._column(*place) for place in told["columns"]], told["kinds"]

    def _received(self, size: int) -> bytes:
        parts = []
        while size:
            if not select.select([self.process.stdout], [], [], self.patience)[0]:
                raise Died("took too long")
            part = os.read(self.process.stdout.fileno(), size)  # type: ignore[union-attr]
            if not part:
                raise Died("ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _column(self, n_rows: int, start: int, texts: tuple[int, int] | None) -> Any:
        if texts is None:
            return np.frombuffer(self.memory, np.float64, n_rows, start).copy()
        codes = np.frombuffer(self.memory, np.int32, n_rows, start)
        entries = json.loads(self.memory[texts[0] : texts[1]])
        return np.array([*entries, None], dtype=object)[codes].tolist()

    def _end(self) -> int:
        self.process.kill()
        with self.process:  # closes its pipes
            return self.process.wait()

    def restart(self) -> None:
        """Start another process in the place of this one."""
        self._end()
        self._start()

    def close(self) -> None:
        """End the process."""
        self._end()
        self.memory.close()
        os.close(self.shared)


def serve(shared: int, budget: int) -> None:
    """Decode bodies until the pipe is closed."""
    import resource

    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401  # used as a part of the first

    pa.set_cpu_count(1)
    memory = mmap.mmap(shared, BODY + ANSWER)
    for format_name, body in _small_bodies(pa).items():  # what the first body would load
        _decoded(pa, format_name, body, 10, memory)
    size = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024 + budget  # type: ignore[index]
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    while request := os.read(0, _REQUEST.size):
        name, length, most_cells = _REQUEST.unpack(request)
        body = pa.py_buffer(memoryview(memory)[:length])
        try:
            told = _decoded(pa, name.rstrip(b"\0").decode(), body, most_cells, memory)
        except MemoryError:
            told = {"status": 413, "message": "the body takes more memory than there is; send fewer rows"}
        except Exception as error:
            told = {"status": 400, "message": str(error)[:200]}
        answer = json.dumps(told).encode()
        os.write(1, _LENGTH.pack(len(answer)) + answer)


def _small_bodies(pa: Any) -> dict[str, Any]:
    table = pa.table({"a": [1.0], "b": ["x"]})
    file, stream = pa.BufferOutputStream(), pa.BufferOutputStream()
    pa.parquet.write_table(table, file)
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return {"parquet": file.getvalue(), "arrow": stream.getvalue()}


def _decoded(pa: Any, format_name: str, body: Any, most_cells: int, memory: Any) -> dict[str, Any]:
    source = pa.BufferReader(body)
    if format_name == "parquet":
        file = pa.parquet.ParquetFile(source, pre_buffer=False, coerce_int96_timestamp_unit="us")
        if file.metadata.num_rows * file.metadata.num_columns > most_cells:
            return {"status": 413, "message": f"the body holds more than {most_cells} cells"}
        if texts := [field.name for field in file.schema_arrow if _kind(pa, field.type) == "text"]:
            file = pa.parquet.ParquetFile(source, metadata=file.metadata, read_dictionary=texts, pre_buffer=False)
        table = file.read(use_threads=False)
    else:
        with pa.ipc.open_stream(source, options=pa.ipc.IpcReadOptions(use_threads=False)) as stream:
            table = stream.read_all()
    if not table.num_rows or table.num_rows * table.num_columns > most_cells:
        return {"status": 413, "message": f"the body holds more than {most_cells} cells, or none"}
    table.validate(full=True)
    kinds = [_kind(pa, field.type) for field in table.schema]
    if None in kinds or len(set(table.column_names)) < table.num_columns:
        return {"status": 400, "message": "a column is of a type that is not read, or a name comes twice"}
    at, columns = BODY, []
    for kind, column in zip(kinds, table.columns, strict=True):
        if kind == "text":
            codes, texts = _coded(pa, column)
            place = [at, at + len(texts)]
            memory[place[0] : place[1]] = texts
            at = 8 * math.ceil(place[1] / 8)
            values, texts_at = _buffer(codes, np.int32), place
        else:
            values, texts_at = _buffer(_floats(pa, kind, column), np.float64), None
        np.frombuffer(memory, values.dtype, len(values), at)[:] = values
        columns.append([len(values), at, texts_at])
        at += 8 * math.ceil(values.nbytes / 8)
    return {"status": 200, "names": table.column_names, "kinds": kinds, "columns": columns}


def _kind(pa: Any, kind: Any) -> str | None:
    types = pa.types
    values = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(values) or types.is_large_string(values) or types.is_string_view(values):
        return "text"
    if types.is_date(values) or types.is_timestamp(values) or types.is_duration(values):
        return "date"
    read = types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null
    return "number" if any(one(values) for one in read) else None


def _floats(pa: Any, kind: str, column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    of = column.type
    if kind == "number":
        column = column.cast(pa.float64(), safe=False)
    elif pa.types.is_date32(of):
        column = column.cast(pa.int32()).cast(pa.float64())
    else:
        unit = "ms" if pa.types.is_date64(of) else of.unit
        counts = column.cast(pa.int64()).cast(pa.float64(), safe=False)
        column = pa.compute.divide(counts, 1000.0) if unit == "ns" else pa.compute.multiply(counts, _MICROSECONDS[unit])
        column = pa.compute.divide(column, _DAY)
    return _one(column).fill_null(math.nan)


def _coded(pa: Any, column: Any) -> tuple[Any, bytes]:
    """Return the codes of texts, -1 where missing, and the texts in JSON: each once."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = _one(column.unify_dictionaries())
    used = pa.compute.unique(column.indices.drop_null())
    texts = json.dumps(column.dictionary.take(used).to_pylist()).encode()
    return pa.compute.index_in(column.indices, used).fill_null(-1), texts


def _one(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _buffer(array: Any, dtype: Any) -> Any:
    return np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
