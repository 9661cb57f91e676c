"""Structures in the compact protocol of Thrift: a strict reader, and a writer.

The reader is stricter than Thrift's own, so that the two never see different things in one body.
"""

from __future__ import annotations

from typing import Any

from .._refusal import Refusal

TRUE, FALSE, I8, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)

_DEEPEST = 12
_CUT = "the Parquet body ends in the middle of its metadata"

Fields = dict[tuple[int, int], Any]  # by the number and the type of a field: of another type, it is another field


class Reader:
    """A reader of the structures in a part of a body.

    Parameters
    ----------
    most_tokens : int
        The number of fields and of items of lists that may come.
    """

    def __init__(self, body: bytes, at: int, end: int, most_tokens: int) -> None:
        self.body, self.at, self.end, self.tokens = body, at, end, most_tokens

    def structure(self, depth: int = 0) -> Fields:
        """Return the fields of the structure that comes next."""
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
            if kind in (TRUE, FALSE):
                fields[number, TRUE] = kind == TRUE
            else:
                fields[number, kind] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (I16, I32, I64):
            return _unzigzag(self._varint())
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == STRUCT:
            return self.structure(depth + 1)
        if kind in (LIST, SET):
            return self._items(depth)
        if kind in (TRUE, FALSE, I8):  # an item of a list takes a byte, a field of I8 too
            return self._byte()
        if kind == DOUBLE:
            return self._bytes(8)
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
        at = self.at
        if at >= self.end:
            raise Refusal(400, _CUT)
        self.at = at + 1
        return self.body[at]

    def _bytes(self, size: int) -> bytes:
        start = self.at
        self.at += size
        if self.at > self.end:
            raise Refusal(400, _CUT)
        return self.body[start : self.at]

    def _varint(self) -> int:
        value = self._byte()
        if value < 0x80:  # as most are
            return value
        value &= 0x7F
        for shift in range(7, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80 and value < 2**64:
                return value
        raise Refusal(400, "the Parquet body has a number of more than 64 bits in its metadata")


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def written(fields: Fields) -> bytes:
    """Return a structure as bytes; the items of a list are of the type of its first."""
    parts = []
    for (number, kind), value in sorted(fields.items()):
        told = FALSE if kind == TRUE and not value else kind
        parts += [bytes((told,)), _varint(number << 1), _written(kind, value)]
    return b"".join([*parts, b"\0"])


def _written(kind: int, value: Any) -> bytes:
    if kind == TRUE:
        return b""
    if kind == I8:
        return bytes([value])
    if kind == BINARY:
        return b"".join([_varint(len(value)), value])
    if kind == STRUCT:
        return written(value)
    if kind == LIST:
        item = BINARY if isinstance(value[0], bytes) else STRUCT if isinstance(value[0], dict) else I32
        return bytes([0xF0 | item]) + _varint(len(value)) + b"".join(_written(item, each) for each in value)
    return _varint((value << 1) ^ (value >> 63))


def _varint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
