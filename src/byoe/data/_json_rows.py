"""Tables in JSON: a list of rows, a row on each line, or columns."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import InputError
from ._reading import Reading
from ._text import encoding_of, told_encoding

if TYPE_CHECKING:
    import pandas as pd

_BEGINS = re.compile(r'\s*(?:\{\s*"|\[\s*(?:[\[{]|$))')
_SUFFIXES = (".json", ".jsonl", ".ndjson")


def looks_like_json(text: str, file: Path) -> bool:
    """Say whether a text is a table in JSON; a cell of CSV may be JSON, too, but no header is."""
    return bool(_BEGINS.match(text)) or any(suffix.lower() in _SUFFIXES for suffix in file.suffixes[-2:])


def read_json(stream: IO[bytes], file: Path, how: Reading) -> pd.DataFrame:
    """Read a list of objects or of lists, a line for each, or an object of columns."""
    import pandas as pd

    data = stream.read()
    encoding = encoding_of(stream_of(data), file, how.encoding)
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        raise InputError(told_encoding(file, encoding, data)) from error
    found = _parsed(text, file)
    columns = None
    if isinstance(found, dict):
        if found.keys() in ({"columns", "data"}, {"columns", "data", "index"}):
            columns, found = found["columns"], found["data"]
        else:
            return _of_columns(found, file)
    kinds = {type(row) for row in found}
    if kinds not in ({dict}, {list}):
        raise _unexpected(file)
    if kinds == {list} and len({len(row) for row in found}) > 1:
        raise InputError(f"{file}: its rows have different numbers of cells")
    frame = pd.DataFrame(found, columns=columns) if columns else pd.DataFrame(found)
    return _whole_columns_of_nothing(frame)


def stream_of(data: bytes) -> IO[bytes]:
    """Return bytes as a stream."""
    import io

    return io.BytesIO(data)


def _parsed(text: str, file: Path) -> Any:
    """Return what the text is as a whole, or a list of what its lines are."""
    try:
        found = _loads(text)
    except ValueError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        try:
            return [_loads(line) for line in lines]
        except ValueError as other:
            told = other if len(lines) > 1 and lines[0].strip().endswith(("}", "]")) else error
            raise InputError(f"{file} is not JSON, nor a line of JSON for each row: {told}") from error
    if isinstance(found, dict) and not any(isinstance(value, (dict, list)) for value in found.values()):
        return [found]  # one line
    if not isinstance(found, (dict, list)) or not found:
        raise _unexpected(file)
    return found


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has {twice!r} more than once")
    return dict(pairs)


def _of_columns(found: dict[str, Any], file: Path) -> pd.DataFrame:
    """Return the frame of an object of columns, each a list, or an object by row as pandas writes it."""
    import pandas as pd

    kinds = {type(column) for column in found.values()}
    wrapped = kinds == {list} and any(isinstance(cell, dict) for column in found.values() for cell in column)
    if kinds == {list} and not wrapped and len({len(column) for column in found.values()}) == 1:
        return _whole_columns_of_nothing(pd.DataFrame(found))
    keys = [list(column) for column in found.values() if isinstance(column, dict)]
    if kinds == {dict} and all(own == keys[0] for own in keys):
        return _whole_columns_of_nothing(pd.DataFrame({name: list(column.values()) for name, column in found.items()}))
    raise _unexpected(file)


def _whole_columns_of_nothing(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with columns that hold nothing as numbers, as in CSV."""
    empty = [name for name in frame.columns if frame[name].isna().all()]
    return frame.astype(dict.fromkeys(empty, "float64"))


def _unexpected(file: Path) -> InputError:
    return InputError(
        f'{file} is JSON, but no table. Expected [{{"a": 1, "b": 2}}, …], an object on each line, or '
        '{"a": [1, …], "b": [2, …]}'
    )
