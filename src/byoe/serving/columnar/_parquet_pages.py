"""What the pages of a Parquet body declare, read before any of them is decoded."""

from __future__ import annotations

from .._refusal import Refusal
from ._allowance import Allowance
from ._parquet_footer import Chunk, Leaf
from ._thrift import I32, STRUCT, Fields, Reader

_TOKENS = 64
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_PLAIN, _PLAIN_DICTIONARY, _RLE, _DELTA_BINARY_PACKED, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT = 0, 2, 3, 5, 8, 9
_ENCODINGS = {_PLAIN, _PLAIN_DICTIONARY, _RLE, _DELTA_BINARY_PACKED, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT}
# What these expand to is told in the encoded bytes only: by repeated prefixes and declared lengths.
_UNBOUNDED = {6: "DELTA_LENGTH_BYTE_ARRAY", 7: "DELTA_BYTE_ARRAY"}
_ENTRY = 32  # bytes that a text of a dictionary takes besides its own


def check_pages(body: bytes, leaf: Leaf, chunk: Chunk, n_rows: int, allowance: Allowance) -> None:
    """Refuse a column of a row group whose pages declare too much."""
    name = repr(leaf.name[:60])
    at, seen = chunk.start, 0
    while seen < n_rows:  # pyarrow stops there too
        allowance.part()
        reader = Reader(body, at, chunk.end, _TOKENS)
        header = reader.structure()
        kind, decoded, stored = (_declared(header, number, name) for number in (1, 2, 3))
        at = reader.at + stored
        if at > chunk.end:
            raise Refusal(400, f"column {name} of the Parquet body has a page that is cut")
        allowance.decode(max(decoded, stored))
        if kind == _DICTIONARY_PAGE:
            n_entries = _declared(header.get((7, STRUCT), {}), 1, name)
            if n_entries * leaf.width > decoded:
                raise Refusal(400, f"column {name} declares a dictionary of {n_entries} values in {decoded} bytes")
            allowance.decode(n_entries * _ENTRY if leaf.physical == "BYTE_ARRAY" else 0)
        elif kind in (_DATA_PAGE, _DATA_PAGE_V2):
            page = header.get((5 if kind == _DATA_PAGE else 8, STRUCT), {})
            seen += _declared(page, 1, name)
            _check_encoding(_declared(page, 2 if kind == _DATA_PAGE else 4, name), name)
        else:
            raise Refusal(400, f"column {name} of the Parquet body has a page of the unexpected type {kind}")
    if seen > n_rows:
        raise Refusal(400, f"column {name} of the Parquet body has more than the {n_rows} values of its row group")


def _declared(fields: Fields, number: int, name: str) -> int:
    value = fields.get((number, I32), -1)
    if not 0 <= value < 2**31:
        raise Refusal(400, f"column {name} of the Parquet body has a damaged page header")
    return int(value)


def _check_encoding(encoding: int, name: str) -> None:
    if encoding not in _ENCODINGS:
        raise Refusal(
            400,
            f"column {name} has the encoding {_UNBOUNDED.get(encoding, encoding)}, which is not read; "
            "write it with PLAIN or dictionary encoding",
        )
