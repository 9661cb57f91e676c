"""The manifest of a bundle: read and checked before anything else of the bundle is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from .._version import __version__
from ..errors import BundleError
from ..tools._digests import file_digest
from ..tools._versions import installed_version

# Since the third a member may be served as both; readers of the second would take the plain mean of its models.
FORMAT, READ = 3, (2, 3)
MANIFEST = "manifest.json"
DIGEST = "manifest.sha256"
MEMBERS = "members"
OOF = "oof.npz"
PROFILE = "profile.json"
GRAPH = "graph.onnx"
# No file is in a format of theirs, and a job's container brings its own.
_ANY_VERSION = frozenset({"numpy", "scipy"})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of the files in a folder, and the digest that covers it and so all of them."""
    files = {
        file.relative_to(folder).as_posix(): file_digest(file) for file in sorted(folder.rglob("*")) if file.is_file()
    }
    text = json.dumps({"format": FORMAT, **manifest, "files": files}, indent=1, allow_nan=False)
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
    # As sha256sum writes it, so that ``sha256sum -c`` reads it.
    (folder / DIGEST).write_text(f"{file_digest(folder / MANIFEST)}  {MANIFEST}\n", encoding="ascii", newline="\n")


def read_manifest(folder: Path, sha256: str | None = None) -> dict[str, Any]:
    """Return the manifest of a bundle whose files are all what they were when it was saved.

    Parameters
    ----------
    folder : Path
    sha256 : str, default=None
        The digest that the bundle must have.

    Raises
    ------
    BundleError
        Names what is missing, changed, not listed, or of another format.
    """
    try:
        data = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if not folder.exists():
            raise BundleError(f"there is no folder {folder}; give the one that save() returned") from error
        raise BundleError(f"{folder} is not a bundle: it holds no {MANIFEST}") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256.strip().lower():
        raise BundleError(f"{folder} has the digest {found}, and sha256 is {sha256}; it is another bundle, or changed")
    manifest = _parsed(folder, data)
    _check_digest(folder, found)
    if type(manifest["format"]) is not int or manifest["format"] not in READ:
        raise BundleError(
            f"{folder} is a bundle of format {manifest['format']!r}, written by byoe {manifest.get('byoe')}; "
            f"byoe {__version__} reads formats {READ[0]} to {FORMAT}. Install that version, or save the ensemble with "
            "this one"
        )
    check_files(folder, manifest["files"])
    there = {file.relative_to(folder).as_posix() for file in (folder / MEMBERS).rglob("*") if not file.is_dir()}
    if further := sorted(there - manifest["files"].keys()):
        raise BundleError(f"{folder}: {', '.join(further[:5])} did not belong to the bundle when it was saved")
    return manifest


def _parsed(folder: Path, data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder / MANIFEST} is damaged: {error}") from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise BundleError(f"{folder / MANIFEST} is no manifest of a bundle")
    return manifest


def _check_digest(folder: Path, found: str) -> None:
    file = folder / DIGEST
    if not file.is_file():
        raise BundleError(f"{folder}: the file {DIGEST} is missing")
    if file.read_bytes() != f"{found}  {MANIFEST}\n".encode():
        raise BundleError(f"{folder}: {MANIFEST} or {DIGEST} is not the one that was saved (the SHA-256 differs)")


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raise a BundleError for a file that is missing, or is not the one whose SHA-256 is given."""
    for name, digest in files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise BundleError(f"{folder}: the manifest names {name}, which is outside of the bundle")
        file = folder / name
        if not file.is_file():
            raise BundleError(f"{folder}: the file {name} is missing")
        if file_digest(file) != digest:
            raise BundleError(f"{folder}: the file {name} is not the one that was saved (its SHA-256 differs)")


def check_libraries(folder: Path, written: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise a BundleError for a library that is not installed, or older than the one that a model was written with."""
    for name in names:
        here = installed_version(name)
        if here is None:
            raise BundleError(f"{folder} needs {name} {written[name]}, which is not installed")
        if name not in _ANY_VERSION and _release(here) < _release(written[name]):
            raise BundleError(
                f"{folder} was written with {name} {written[name]}, and {here} is installed; upgrade {name}, since an "
                "older library may read a newer model wrongly"
            )


def _release(version: str) -> tuple[int, ...]:
    # Two numbers are all that is compared, and an endpoint should not need a library for that.
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
