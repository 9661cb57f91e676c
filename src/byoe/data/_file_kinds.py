"""What a file is: told by its first bytes, whatever its name ends in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import InputError

PARQUET, ARROW, STREAM, WORKBOOK, TEXT = "Parquet", "Arrow", "Arrow stream", "workbook", "text"

_MAGIC = {
    b"PAR1": PARQUET,
    b"ARROW1": ARROW,
    b"FEA1": ARROW,
    b"\xff\xff\xff\xff": STREAM,
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
# What people have, too, and what they can do about it.
_REFUSED = {
    b"PK\x05\x06": "is an empty zip file",
    b"(\xb5/\xfd": "is compressed by zstd; unpack it, or compress it by gzip",
    b"\xd0\xcf\x11\xe0": "is a workbook of the old kind (.xls); save it as .xlsx or CSV",
    b"\x80\x02": "is a pickle, which byoe never reads; write the frame as Parquet",
    b"\x80\x03": "is a pickle, which byoe never reads; write the frame as Parquet",
    b"\x80\x04": "is a pickle, which byoe never reads; write the frame as Parquet",
    b"\x80\x05": "is a pickle, which byoe never reads; write the frame as Parquet",
    b"\x93NUMPY": "is an array of NumPy; load it with np.load and pass it to fit, or write it as CSV",
    b"\x89HDF": "is an HDF5 file; write its table as Parquet or CSV",
    b"SQLite format 3": "is a database of SQLite; write its table as Parquet or CSV",
    b"Rar!": "is a RAR archive; unpack it",
    b"7z\xbc\xaf": "is a 7-Zip archive; unpack it",
    b"%PDF-": "is a PDF, not a table",
}
_HEAD = 16
_PRINTED = frozenset(b"\t\r\n") | frozenset(range(32, 127))
_DEPTH = 2  # such as a zip file of a compressed one
_LITTER = ("__MACOSX/", ".", "_")


@contextmanager
def opened(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the kind of a file, and its bytes once they are unpacked; the stream can be read again from its start.

    Raises
    ------
    InputError
        Says of a kind that is not read what to do.
    """
    with file.open("rb") as stream:
        yield _unpacked(stream, file, _DEPTH)


def _unpacked(stream: IO[bytes], file: Path, depth: int) -> tuple[str, IO[bytes]]:
    head = stream.read(_HEAD)
    stream.seek(0)
    for magic, told in _REFUSED.items():
        if head.startswith(magic):
            raise InputError(f"{file} {told}")
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), TEXT)
    if kind != PARQUET and all(byte in _PRINTED for byte in head):
        kind = TEXT  # a column may be called FEA1
    if kind == "zip":
        kind = _kind_of_zip(stream, file)
    opener: Any = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open, "zip": _only_file}.get(kind)
    if opener is None:
        return kind, stream
    if not depth:
        raise InputError(f"{file} is packed several times over; unpack it")
    kind, inner = _unpacked(opener(stream), file, depth - 1)
    return kind, inner if kind == TEXT else io.BytesIO(inner.read())


def _kind_of_zip(stream: IO[bytes], file: Path) -> str:
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        mime = archive.read("mimetype") if "mimetype" in names else b""
    stream.seek(0)
    if b"opendocument" in mime:
        raise InputError(f"{file} is a workbook of OpenDocument (.ods); save it as .xlsx or CSV")
    if "xl/workbook.bin" in names:
        raise InputError(f"{file} is a binary workbook (.xlsb); save it as .xlsx or CSV")
    if any(name.endswith(".npy") for name in names):
        raise InputError(f"{file} holds arrays of NumPy; load it with np.load and pass them to fit")
    return WORKBOOK if "xl/workbook.xml" in names else "zip"


def _only_file(stream: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(stream)
    entries = [
        entry for entry in archive.infolist() if not entry.is_dir() and not entry.filename.startswith(_LITTER[0])
    ]
    names = [entry.filename for entry in entries if not entry.filename.rpartition("/")[2].startswith(_LITTER[1:])]
    if len(names) != 1:
        listed = f": {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else ""
        raise InputError(
            f"{getattr(stream, 'name', 'the file')} is a zip of {len(names)} files{listed}; one is expected. Unpack "
            "it, and give the file, or a folder of files with the same columns"
        )
    try:
        return archive.open(names[0])
    except RuntimeError as error:  # which is how zipfile tells of a password
        raise InputError(f"{getattr(stream, 'name', 'the file')} cannot be unpacked: {error}") from error
