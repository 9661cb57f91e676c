"""Wheels of what is installed here, made without a package index.

A job must run the very code that this process runs. A distribution that was installed from
files is packed from the files that its record lists; an editable one is built from its
source by its own build backend.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from ..errors import JobError, SpecError
from ._versions import by_package

_BUILD = (
    "import importlib, sys; sys.path[:0] = sys.argv[3:]; importlib.import_module(sys.argv[1]).build_wheel(sys.argv[2])"
)
# Written by the installer, not part of what was installed.
_INSTALLER_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def write_wheel(name: str, folder: Path) -> Path:
    """Write a wheel of an installed distribution.

    Raises
    ------
    JobError
        When it is not installed, has lost files, or is editable and its build backend is
        not installed.
    """
    try:
        dist = distribution(name)
    except PackageNotFoundError as error:
        raise JobError(f"the distribution {name!r} is not installed; a job cannot be given it") from error
    source = editable_source(dist)
    return _build(dist, source, folder) if source else _repack(dist, folder)


def direct_url(dist: Distribution) -> dict[str, Any] | None:
    """Return where a distribution was installed from, if not from an index (PEP 610)."""
    text = dist.read_text("direct_url.json")
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


def editable_source(dist: Distribution) -> Path | None:
    """Return the source folder of an editable install."""
    origin = direct_url(dist)
    if not origin or not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(unquote(urlparse(origin["url"]).path)))


def _build(dist: Distribution, source: Path, folder: Path) -> Path:
    project = source / "pyproject.toml"
    if not project.is_file():
        raise JobError(
            f"{dist.name} is an editable install of {source}, which has no pyproject.toml to build it from; "
            "install it without -e"
        )
    system = tomllib.loads(project.read_text(encoding="utf-8")).get("build-system", {})
    backend = system.get("build-backend", "setuptools.build_meta")
    paths = [str(source / path) for path in system.get("backend-path", [])]
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    built = subprocess.run(
        [sys.executable, "-c", _BUILD, backend, str(folder), *paths], cwd=source, capture_output=True, text=True
    )
    made = sorted(set(folder.glob("*.whl")) - before, key=lambda wheel: wheel.stat().st_mtime)
    if built.returncode or not made:
        raise JobError(
            f"{dist.name} is an editable install, and building a wheel of {source} with {backend} failed:\n"
            f"{built.stderr.strip()[-2000:]}\nInstall what its build needs "
            f"(pip install {' '.join(map(repr, system.get('requires', ['setuptools'])))}), or install it without -e"
        )
    return made[-1]


def _repack(dist: Distribution, folder: Path) -> Path:
    if dist.files is None:
        raise JobError(f"{dist.name} {dist.version} lists no files (no RECORD), so that no wheel can be made of it")
    info = next(f"{file.parts[0]}" for file in dist.files if file.parts[0].endswith(".dist-info"))
    metadata = dist.read_text("WHEEL") or ""
    tags = [line.partition(":")[2].strip() for line in metadata.splitlines() if line.startswith("Tag:")]
    parts = [tag.split("-") for tag in tags or ["py3-none-any"]]
    tag = "-".join(".".join(dict.fromkeys(column)) for column in zip(*parts, strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{info.removesuffix('.dist-info')}-{tag}.whl"
    record = ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(dist.files, key=str):
            # Scripts lie outside the packages and are made again by an installer.
            if ".." in file.parts or file.suffix == ".pyc" or file.is_absolute():
                continue
            if file.parts[0] == info and file.name in _INSTALLER_FILES:
                continue
            place = Path(str(dist.locate_file(file)))
            if not place.is_file():
                raise JobError(f"{dist.name} {dist.version} is damaged: {place} is missing; install it again")
            data = place.read_bytes()
            add_file(archive, file.as_posix(), data)
            record += record_row(file.as_posix(), data)
        add_file(archive, f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())
    return wheel


def add_file(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a file to an archive, so that the same files make the same archive."""
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


def record_row(place: str, data: bytes) -> str:
    """Return the line of a wheel's record for a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow([place, f"sha256={digest}", len(data)])
    return row.getvalue()


def distribution_of(kind: type, where: str) -> str:
    """Return the installed distribution that brings a class, or refuse the class.

    Raises
    ------
    SpecError
        When the class's module belongs to no installed distribution.
    """
    top = kind.__module__.partition(".")[0]
    names = [one.metadata["Name"] for one in by_package().get(top, ())]
    if not names:
        names = [name for name in _editable_names() if top in _editable_packages(name)]
    if not names:
        advice = f"give its file or folder, dependencies=['{top}.py'], or make an installable package of it"
        raise SpecError(
            f"{where}: {kind.__qualname__} comes from the module {kind.__module__!r}, which belongs to no installed "
            f"distribution, so that a job could not import it; {advice}"
        )
    return names[0]


def _editable_names() -> list[str]:
    from importlib.metadata import distributions

    return [dist.name for dist in distributions() if editable_source(dist)]


def _editable_packages(name: str) -> set[str]:
    source = editable_source(distribution(name))
    roots = [source, source / "src"] if source else []
    return {
        entry.stem
        for root in roots
        if root.is_dir()
        for entry in root.iterdir()
        if entry.suffix == ".py" or (entry / "__init__.py").is_file()
    }


def unpack(wheels: Path, site: Path) -> None:
    """Lay the wheels of a folder out as an installer would, for a path entry of their own."""
    site.mkdir(parents=True, exist_ok=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
