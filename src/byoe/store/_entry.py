"""An entry of a store: a folder of files with a manifest that knows each of them, and itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..tools._digests import file_digest, json_digest

MANIFEST = "manifest.json"


class Damaged(Exception):  # noqa: N818  # it is what an entry is, and no user ever sees it raised
    """An entry is not as it was written; the text says in which way."""


def write_entry(folder: Path, key: str, content: Mapping[str, Any]) -> None:
    """Write the manifest of an entry whose other files are all in the folder."""
    files = {file.relative_to(folder).as_posix(): file_digest(file) for file in folder.rglob("*") if file.is_file()}
    entry = json.loads(json.dumps({"key": key, "files": files, **content}, allow_nan=False))  # as it will be read
    whole = {"sha256": json_digest(entry), "entry": entry}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1, allow_nan=False), encoding="utf-8")


def read_entry(folder: Path, key: str) -> dict[str, Any]:
    """Return what the manifest says, or raise `Damaged`; the other files are not looked at."""
    try:
        whole = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        entry: dict[str, Any] = whole["entry"]
        intact = json_digest(entry) == whole["sha256"]
    except FileNotFoundError as error:
        raise Damaged(f"the file {MANIFEST} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"the file {MANIFEST} cannot be read ({type(error).__name__}: {error})") from error
    if not intact:
        raise Damaged(f"the file {MANIFEST} is not the one that was written (its SHA-256 differs)")
    if entry.get("key") != key:
        raise Damaged(f"the file {MANIFEST} is that of another entry")
    return entry


def check_entry(folder: Path, entry: Mapping[str, Any]) -> None:
    """Raise `Damaged` unless the files are those of the manifest."""
    for name, expected in entry["files"].items():
        try:
            found = file_digest(folder / name)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            raise Damaged(f"the file {name} {'is missing' if missing else f'cannot be read ({error})'}") from error
        if found != expected:
            raise Damaged(f"the file {name} is not the one that was written (its SHA-256 differs)")
