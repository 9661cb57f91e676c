"""An entry of a store: a folder of files with a manifest that knows each of them, and itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


class Damaged(Exception):  # noqa: N818  # it is what an entry is, and no user ever sees it raised
    """An entry is not as it was written; the text says in which way."""


def canonical(value: Any) -> bytes:
    """Return the one JSON form of a value, to be hashed."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value."""
    return hashlib.sha256(canonical(value)).hexdigest()


def write_manifest(folder: Path, key: str, content: Mapping[str, Any]) -> None:
    """Write the manifest of an entry whose other files are all in the folder."""
    files = {file.relative_to(folder).as_posix(): _digest_of(file) for file in folder.rglob("*") if file.is_file()}
    entry = json.loads(json.dumps({"key": key, "files": files, **content}, allow_nan=False))  # as it will be read
    whole = {"sha256": digest(entry), "entry": entry}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1, allow_nan=False), encoding="utf-8")


def read_manifest(folder: Path, key: str) -> dict[str, Any]:
    """Return what the manifest says, or raise `Damaged`; the other files are not looked at."""
    try:
        whole = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        entry: dict[str, Any] = whole["entry"]
        intact = digest(entry) == whole["sha256"]
    except FileNotFoundError as error:
        raise Damaged(f"the file {MANIFEST} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"the file {MANIFEST} cannot be read ({type(error).__name__}: {error})") from error
    if not intact:
        raise Damaged(f"the file {MANIFEST} is not the one that was written (its SHA-256 differs)")
    if entry.get("key") != key:
        raise Damaged(f"the file {MANIFEST} is that of another entry")
    return entry


def check_files(folder: Path, entry: Mapping[str, Any]) -> None:
    """Raise `Damaged` unless the files are those of the manifest."""
    for name, expected in entry["files"].items():
        try:
            found = _digest_of(folder / name)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            raise Damaged(f"the file {name} {'is missing' if missing else f'cannot be read ({error})'}") from error
        if found != expected:
            raise Damaged(f"the file {name} is not the one that was written (its SHA-256 differs)")


def _digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
