"""What a Parquet body declares, read before any of it is decoded.

A footer of some kilobytes may declare terabytes. `check_footer` bounds what the footer itself takes,
and `check_pages` what the pages of a column take.

The format is defined in https://github.com/apache/parquet-format (``parquet.thrift``), the encoding
of its structures is Thrift's compact protocol.
"""

from __future__ import annotations

from typing import Any

from ._allowance import Allowance
from ._refusal import Refusal

_TRUE, _FALSE, _I8, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)

# A token is a field or an item of a list. pyarrow takes up to about 800 bytes for two of them.
_FOOTER_TOKENS = 300_000
_PAGE_TOKENS = 64
_DEEPEST = 12

_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_PLAIN, _PLAIN_DICTIONARY, _RLE, _DELTA_BINARY_PACKED, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT = 0, 2, 3, 5, 8, 9
_ENCODINGS = {_PLAIN, _PLAIN_DICTIONARY, _RLE, _DELTA_BINARY_PACKED, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT}
# Repeated prefixes and declared lengths of these expand without a bound that a header tells.
_UNBOUNDED = {6: "DELTA_LENGTH_BYTE_ARRAY", 7: "DELTA_BYTE_ARRAY"}
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}
_ENTRY = 64  # bytes that an entry of a dictionary takes besides its own

Fields = dict[tuple[int, int], Any]  # by the number and the type of the field, as a wrong type makes another field


class _Thrift:
    """A reader of structures, stricter than Thrift's own: what the two could read differently is refused."""

    def __init__(self, body: bytes, at: int, end: int, most_tokens: int) -> None:
        self.body, self.at, self.end, self.tokens = body, at, end, most_tokens

    def structure(self, depth: int = 0) -> Fields:
        if depth > _DEEPEST:
            raise Refusal(400, f"the Parquet body nests its metadata more than {_DEEPEST} levels deep")
        fields: Fields = {}
        last = 0
        while (head := self._byte()) & 0x0F:
            self._count(1)
            kind, step = head & 0x0F, head >> 4
            number = last + step if step else _unzigzag(self._varint())
            if not last < number < 2**15:
                raise Refusal(400, "the Parquet body has a metadata field twice or out of order")
            last = number
            fields[number, kind] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_I16, _I32, _I64):
            return _unzigzag(self._varint())
        if kind == _BINARY:
            return self._skip(self._varint())
        if kind == _STRUCT:
            return self.structure(depth + 1)
        if kind in (_LIST, _SET):
            return self._items(depth)
        if kind in (_TRUE, _FALSE, _I8):  # an item of a list: one byte each
            return self._skip(1)
        if kind == _DOUBLE:
            return self._skip(8)
        raise Refusal(400, f"the Parquet body has metadata of the unexpected Thrift type {kind}")

    def _items(self, depth: int) -> list[Any]:
        head = self._byte()
        size = head >> 4
        if size == 15:
            size = self._varint()
        self._count(size)
        return [self._value(head & 0x0F, depth + 1) for _ in range(size)]

    def _count(self, n_tokens: int) -> None:
        self.tokens -= n_tokens
        if self.tokens < 0:
            raise Refusal(413, "the Parquet body has more metadata than is read; write fewer columns or row groups")

    def _byte(self) -> int:
        self._skip(1)
        return self.body[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > self.end:
            raise Refusal(400, "the Parquet body ends in the middle of its metadata")

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 63, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Refusal(400, "the Parquet body has a number of more than 63 bits in its metadata")


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def check_footer(body: bytes, allowance: Allowance) -> None:
    """Refuse a footer that takes too much to parse, or that describes nested columns."""
    if body[-4:] == b"PARE":
        raise Refusal(400, "the Parquet body is encrypted; send it as it was before")
    if len(body) < 12 or body[:4] != b"PAR1" or body[-4:] != b"PAR1":
        raise Refusal(400, "the body is not Parquet: it does not begin and end with PAR1")
    end = len(body) - 8
    start = end - int.from_bytes(body[end : end + 4], "little")
    if start < 4:
        raise Refusal(400, "the Parquet body is cut: its footer is longer than what was sent")
    footer = _Thrift(body, start, end, _FOOTER_TOKENS).structure()
    elements = footer.get((2, _LIST), [])
    if len(elements) - 1 > allowance.most_cells:
        allowance.table(1, len(elements) - 1)
    for element in elements[1:]:
        if not isinstance(element, dict) or element.get((5, _I32)):
            raise Refusal(400, "the Parquet body has nested columns; send one number, text or date per cell")


def check_pages(body: bytes, chunk: Any, n_rows: int, width: int, allowance: Allowance) -> None:
    """Refuse a column of a row group whose pages declare too much.

    Parameters
    ----------
    chunk : pyarrow.parquet.ColumnChunkMetaData
        Its offsets are those that pyarrow is going to read from.
    n_rows : int
        The rows of the row group.
    width : int
        The bytes of a value where all have the same; used for values of fixed length only.
    """
    name = chunk.path_in_schema
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    end = at + chunk.total_compressed_size
    if not 4 <= at <= end <= len(body) or chunk.file_path or chunk.num_values != n_rows:
        raise Refusal(400, f"column {name!r} of the Parquet body does not lie where its footer says")
    width = _WIDTHS.get(chunk.physical_type, width)
    seen = 0
    while seen < n_rows:  # pyarrow stops there too
        allowance.part()
        thrift = _Thrift(body, at, end, _PAGE_TOKENS)
        header = thrift.structure()
        kind, decoded, stored = (_declared(header, number, name) for number in (1, 2, 3))
        at = thrift.at + stored
        if at > end:
            raise Refusal(400, f"column {name!r} of the Parquet body has a page that is cut")
        allowance.decode(max(decoded, stored))
        if kind == _DICTIONARY_PAGE:
            n_entries = _declared(header.get((7, _STRUCT), {}), 1, name)
            if n_entries * width > decoded:
                raise Refusal(400, f"column {name!r} declares a dictionary of {n_entries} values in {decoded} bytes")
            allowance.decode(n_entries * _ENTRY)
            continue
        if kind not in (_DATA_PAGE, _DATA_PAGE_V2):
            raise Refusal(400, f"column {name!r} of the Parquet body has a page of the unexpected type {kind}")
        page = header.get((5 if kind == _DATA_PAGE else 8, _STRUCT), {})
        seen += _declared(page, 1, name)
        _check_encoding(_declared(page, 2 if kind == _DATA_PAGE else 4, name), name)
    if seen > n_rows:
        raise Refusal(400, f"column {name!r} of the Parquet body has more than the {n_rows} values of its row group")


def _declared(fields: Fields, number: int, name: str) -> int:
    value = fields.get((number, _I32), -1)
    if not 0 <= value < 2**31:
        raise Refusal(400, f"column {name!r} of the Parquet body has a damaged page header")
    return int(value)


def _check_encoding(encoding: int, name: str) -> None:
    if encoding not in _ENCODINGS:
        raise Refusal(
            400,
            f"column {name!r} has the encoding {_UNBOUNDED.get(encoding, encoding)}, which is not read; "
            "write it with PLAIN or dictionary encoding",
        )
