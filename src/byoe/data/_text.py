"""The text of a file: its encoding, without its comment lines."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import IO

from ..errors import InputError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAMPLE = 1 << 18  # bytes that are looked at
_MARKUP = {
    "<!doctype": "is a page of HTML, not a table; was it downloaded from the right address?",
    "<html": "is a page of HTML, not a table; was it downloaded from the right address?",
    "<?xml": "is XML; write its table as CSV",
    "@relation": "is an ARFF file; write its table as CSV, or read it with scipy.io.arff.loadarff",
}


def encoding_of(stream: IO[bytes], file: Path, given: str | None) -> str:
    """Return the encoding of a file: as it is told, by its byte order mark, or UTF-8."""
    head = stream.read(SAMPLE)
    stream.seek(0)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if given is not None:
        same = marked is not None and codecs.lookup(given).name.split("-")[:2] == marked.split("-")[:2]
        _check_not_utf8(head, file, given)
        return marked if same and marked is not None else given
    if marked is not None:
        return marked
    if b"\0" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) > len(head) // 8 and min(even, odd) * 8 < max(even, odd):
            likely = "utf-16-be" if even > odd else "utf-16-le"
            raise InputError(
                f"{file} may be text in UTF-16 without its mark; say so with encoding={likely!r} (--encoding)"
            )
        raise InputError(
            f"{file} is of a kind that is not read. Expected CSV, JSON, Parquet, Feather (Arrow) or a workbook (.xlsx)"
        )
    return "utf-8"


def _check_not_utf8(head: bytes, file: Path, given: str) -> None:
    """Refuse to read each byte of UTF-8 as a letter of its own; what is no UTF-8 is hardly ever taken for it."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
        other = head.decode(given)
    except (UnicodeError, ValueError):
        return
    odd = next((place for place, letter in enumerate(text) if not letter.isascii()), None)
    if odd is None or len(other) <= len(text):
        return
    seen = text[max(odd - 10, 0) :].splitlines()[0][:20]
    wrong = seen.encode().decode(given, "replace")
    raise InputError(
        f"{file} is in UTF-8, and encoding={given!r} would read {wrong!r} for {seen!r}; leave it out (--encoding)"
    )


def beginning(stream: IO[bytes], file: Path, encoding: str) -> tuple[str, bool]:
    """Return the beginning of a text, and whether that is all of it."""
    head = stream.read(SAMPLE)
    whole = not stream.read(1)
    stream.seek(0)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, final=whole)
    except (UnicodeError, ValueError) as error:
        raise InputError(told_encoding(file, encoding, head)) from error
    begins = text.lstrip()[:20].lower()
    for mark, told in _MARKUP.items():
        if begins.startswith(mark):
            raise InputError(f"{file} {told}")
    return text, whole


def told_encoding(file: Path, encoding: str, data: bytes) -> str:
    """Return the message for bytes that are not of an encoding."""
    line = next((line for line in data.splitlines() if not _decodes(line, encoding)), b"")
    seen = f", in which it holds {line.decode('cp1252', 'replace').strip()[:60]!r}" if line else ""
    return (
        f"{file} cannot be read as {encoding}. Files of Windows are often in cp1252{seen}; name the encoding with "
        "encoding='cp1252' (--encoding cp1252)"
    )


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except (UnicodeError, ValueError):
        return False
    return True


def without_comments(text: str, comment: str) -> str:
    """Return a text without the lines that begin with something; those inside of quotes stay."""
    kept, quoted = [], False
    for line in io.StringIO(text, newline=""):
        if not quoted and line.startswith(comment):
            continue
        quoted ^= line.count('"') % 2 == 1
        kept.append(line)
    return "".join(kept)
