"""What a job needs, brought to S3 under the digest of its content, so that the same is brought once."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ...serving._media import FILE_TYPES
from ...tools._digests import file_digest
from ._machine import Channel


class Bucket(Protocol):
    """Where files are put."""

    def put(self, file: Path, address: str) -> bool:
        """Upload a file, unless there is one; return whether that was needed."""
        ...


def upload_channels(cloud: Bucket, channels: Mapping[str, Path | Channel], prefix: str) -> dict[str, Channel]:
    """Return the channels of a job; files of this machine are uploaded, what is in S3 is taken as it is.

    Parameters
    ----------
    cloud : Bucket
    channels : mapping of str to Path or Channel
        A file or folder, or what is there already.
    prefix : str
        Address under which files are put.
    """
    return {
        name: place if isinstance(place, Channel) else _upload(cloud, place, f"{prefix}/data")
        for name, place in channels.items()
    }


def _upload(cloud: Bucket, place: Path, prefix: str) -> Channel:
    files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    root = place.parent if place.is_file() else place
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root).as_posix()} {file_digest(file)}\n".encode())
    address = f"{prefix}/{digest.hexdigest()[:32]}"
    for file in files:
        cloud.put(file, f"{address}/{file.relative_to(root).as_posix()}")
    kinds = {FILE_TYPES.get(file.suffix.lower()) for file in files}
    return Channel(f"{address}/", kinds.pop() if len(kinds) == 1 else None)


def upload_source(cloud: Bucket, source: Path, prefix: str) -> str:
    """Pack a source folder and upload it; return its address."""
    with tempfile.TemporaryDirectory() as folder:
        packed = pack(source, Path(folder, "sourcedir.tar.gz"))
        address = f"{prefix}/code/{file_digest(packed)[:32]}/sourcedir.tar.gz"
        cloud.put(packed, address)
    return address


def pack(source: Path, file: Path) -> Path:
    """Write the files of a folder as ``tar.gz``: the same files make the same bytes."""

    def _anonymous(entry: Any) -> Any:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o644
        return entry

    with (
        file.open("wb") as stream,
        gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            archive.add(path, path.relative_to(source).as_posix(), recursive=False, filter=_anonymous)
    return file
