"""The footer of a Parquet body: read, checked, and written anew with what is needed only.

pyarrow never sees the footer that came. Statistics, indexes, notes and whatever else it could
stumble over are left out, and what is left was checked here.

The format is defined in https://github.com/apache/parquet-format (``parquet.thrift``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._refusal import Refusal
from ._allowance import Allowance
from ._thrift import BINARY, I8, I32, I64, LIST, STRUCT, TRUE, Fields, Reader, written

_TOKENS = 400_000  # of up to 300 bytes each

_LONGEST_FIXED = 32  # bytes, of a decimal of 256 bits
_OPTIONAL = (0, 1)

PHYSICAL = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_WIDTHS = (1, 4, 8, 12, 4, 8, 4)
_LOGICAL = {1: "string", 5: "decimal", 6: "date", 8: "timestamp", 10: "integer", 11: "null", 15: "float16"}
_NOT_READ = {2: "map", 3: "list", 4: "enum", 7: "time", 12: "json", 13: "bson", 14: "uuid", 16: "variant"}


@dataclass(frozen=True)
class Leaf:
    """A column: its name, and how its values are stored."""

    name: str
    element: Fields
    physical: str
    width: int  # bytes that a value takes at least


@dataclass(frozen=True)
class Chunk:
    """Where the pages of a column lie in a row group."""

    start: int
    end: int
    fields: Fields


@dataclass(frozen=True)
class Footer:
    """What a footer says.

    Attributes
    ----------
    leaves : list of Leaf
    groups : list of (int, list of Chunk)
        The rows of each row group, and its columns.
    start : int
        Where the footer begins.
    arrow_schema : bytes
        The Arrow schema that the writer left, in base64; empty where it did not.
    """

    leaves: list[Leaf]
    groups: list[tuple[int, list[Chunk]]]
    start: int
    arrow_schema: bytes

    def rewritten(self, body: bytes) -> bytes:
        """Return the body with a footer that says this and no more."""
        groups = [
            {
                (1, LIST): [{(2, I64): 0, (3, STRUCT): chunk.fields} for chunk in chunks],
                (2, I64): sum(chunk.end - chunk.start for chunk in chunks),
                (3, I64): n_rows,
            }
            for n_rows, chunks in self.groups
        ]
        root = {(4, BINARY): b"schema", (5, I32): len(self.leaves)}
        footer = written(
            {
                (1, I32): 2,
                (2, LIST): [root, *(leaf.element for leaf in self.leaves)],
                (3, I64): sum(n_rows for n_rows, _ in self.groups),
                (4, LIST): groups,
            }
        )
        return b"".join([memoryview(body)[: self.start], footer, len(footer).to_bytes(4, "little"), b"PAR1"])


def read_footer(body: bytes, allowance: Allowance) -> Footer:
    """Return what the footer says, or refuse it."""
    if body[-4:] == b"PARE":
        raise Refusal(400, "the Parquet body is encrypted; send it as it was before")
    if len(body) < 12 or body[:4] != b"PAR1" or body[-4:] != b"PAR1":
        raise Refusal(400, "the body is not Parquet: it does not begin and end with PAR1")
    end = len(body) - 8
    start = end - int.from_bytes(body[end : end + 4], "little")
    if start < 4:
        raise Refusal(400, "the Parquet body is cut: its footer is longer than what was sent")
    footer = Reader(body, start, end, _TOKENS).structure()
    if (8, STRUCT) in footer:
        raise Refusal(400, "the Parquet body has encrypted columns; send it as it was before")
    elements = _structures(footer, 2)
    if elements and elements[0].get((5, I32), 0) != len(elements) - 1:
        raise Refusal(400, "the Parquet body has nested columns; send one number, text or date per cell")
    leaves = [_leaf(element) for element in elements[1:]]
    groups = []
    n_rows = 0
    for group in _structures(footer, 4):
        rows, columns = group.get((3, I64), -1), _structures(group, 1)
        if rows < 0 or len(columns) != len(leaves):
            raise Refusal(
                400, f"a row group has {rows} rows of {len(columns)} columns, and the body {len(leaves)} columns"
            )
        n_rows += rows
        allowance.part(len(columns))
        if rows and leaves:
            allowance.table(n_rows, len(leaves))
            pairs = zip(columns, leaves, strict=True)
            groups.append((rows, [_chunk(column, leaf, rows, start) for column, leaf in pairs]))
    allowance.table(n_rows, len(leaves))
    return Footer(leaves, groups, start, _arrow_schema(footer))


def _structures(fields: Fields, number: int) -> list[Fields]:
    items: list[Any] = fields.get((number, LIST), [])
    if not all(isinstance(item, dict) for item in items):
        raise Refusal(400, "the Parquet body has a damaged footer")
    return items


def _leaf(element: Fields) -> Leaf:
    try:
        name = element[4, BINARY].decode()
    except (KeyError, UnicodeDecodeError) as error:
        raise Refusal(400, "the Parquet body has a column without a name in UTF-8") from error
    told = repr(name[:60])
    if element.get((5, I32)) or element.get((3, I32), 0) not in _OPTIONAL:
        raise Refusal(400, f"column {told} is nested; send one number, text or date per cell")
    physical = element.get((1, I32), -1)
    if not 0 <= physical < len(PHYSICAL):
        raise Refusal(400, f"column {told} of the Parquet body has no known type")
    length = element.get((2, I32), 0)
    if physical == len(_WIDTHS) and not 0 < length <= _LONGEST_FIXED:
        raise Refusal(400, f"column {told} has values of {length} bytes, expected at most {_LONGEST_FIXED}")
    logical = element.get((10, STRUCT), {})
    for number, _ in logical:
        if number not in _LOGICAL:
            kind = _NOT_READ.get(number, f"number {number}")
            raise Refusal(400, f"column {told} is of the Parquet type {kind}; send numbers, texts or dates")
    keys = [(number, I32) for number in (1, 2, 3, 6, 7, 8)]
    kept = {key: element[key] for key in [*keys, (4, BINARY)] if key in element}
    kept[3, I32] = element.get((3, I32), 0)
    if logical:
        kept[10, STRUCT] = _plain(logical)
    return Leaf(name, kept, PHYSICAL[physical], (*_WIDTHS, length)[physical])


def _plain(fields: Fields) -> Fields:
    """Return the numbers of a structure, at any depth."""
    kept = {}
    for (number, kind), value in fields.items():
        if kind in (TRUE, I8, I32, STRUCT):
            kept[number, kind] = _plain(value) if kind == STRUCT else value
    return kept


def _chunk(column: Fields, leaf: Leaf, n_rows: int, end_of_pages: int) -> Chunk:
    told = repr(leaf.name[:60])
    fields = column.get((3, STRUCT))
    if fields is None or (1, BINARY) in column or (8, STRUCT) in column:
        raise Refusal(400, f"column {told} of the Parquet body is encrypted, or in another file; send it in one body")
    start = data = fields.get((9, I64), -1)
    dictionary = fields.get((11, I64), 0)
    if 0 < dictionary < data:
        start = dictionary
    length = fields.get((7, I64), -1)
    if not 4 <= start <= start + length <= end_of_pages or fields.get((5, I64)) != n_rows:
        raise Refusal(400, f"column {told} of the Parquet body does not lie where its footer says")
    if fields.get((1, I32)) != leaf.element[1, I32]:
        raise Refusal(400, f"column {told} of the Parquet body is of another type in one of its row groups")
    kept: Fields = {
        (1, I32): leaf.element[1, I32],
        (2, LIST): [0],
        (3, LIST): [leaf.element[4, BINARY]],
        (4, I32): fields.get((4, I32), -1),
        (5, I64): n_rows,
        (6, I64): length,
        (7, I64): length,
        (9, I64): data,
    }
    if start != data:
        kept[11, I64] = dictionary
    return Chunk(start, start + length, kept)


def _arrow_schema(footer: Fields) -> bytes:
    for note in _structures(footer, 5):
        if note.get((1, BINARY)) == b"ARROW:schema":
            return bytes(note.get((2, BINARY), b""))
    return b""
