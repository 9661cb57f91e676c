"""The user's own modules and packages, as wheels that a job installs."""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ...errors import ParameterError
from ...registry._plugin import Kind
from ...tools._versions import OWN_CODE
from ...tools._wheels import add_file, record_row

_LEFT_OUT = frozenset({"__pycache__", ".ipynb_checkpoints"})
_TAKEN = frozenset({"byoe", "train", "inference"})  # byoe, and the files of a source folder


def modules_of(dependencies: Iterable[str | Path]) -> dict[str, Path]:
    """Return the modules and packages that files and folders are, by the names that they are imported by.

    Raises
    ------
    ParameterError
        For what is neither, or would hide another module.
    """
    if isinstance(dependencies, (str, Path)):
        dependencies = (dependencies,)
    found: dict[str, Path] = {}
    for given in dependencies:
        path = Path(given).resolve()
        name = path.stem if path.is_file() else path.name
        fault = _fault(path, name)
        if name in found and found[name] != path:
            fault = f"{found[name]} has the same name"
        if fault:
            raise ParameterError(
                f"dependencies holds {str(given)!r}: {fault}. Give modules (.py files) and folders of them; a project "
                "with a pyproject.toml is installed here, and named in requirements"
            )
        found[name] = path
    return found


def _fault(path: Path, name: str) -> str | None:
    if not path.exists():
        return "there is no such file or folder"
    if path.is_file() and path.suffix != ".py":
        return "it is no Python module"
    if path.is_dir() and (path / "pyproject.toml").exists():
        return "it is a project, not a package"
    if path.is_dir() and not any(path.rglob("*.py")):
        return "no Python module is in it"
    if not name.isidentifier():
        return f"{name!r} is no name that can be imported"
    if name in sys.stdlib_module_names or name in _TAKEN:
        return f"it would hide another module {name!r}"
    return None


def write_module(name: str, path: Path, folder: Path, points: Iterable[tuple[Kind, str, str]] = ()) -> Path:
    """Write a wheel of a module or a package; the same content makes the same wheel.

    Parameters
    ----------
    name : str
        What it is imported by.
    path : Path
        Its file or folder.
    folder : Path
        Where the wheel is written.
    points : iterable of (kind, name, module:object)
        What it registers.
    """
    files = {f"{name}.py": path} if path.is_file() else _files(name, path)
    contents = {place: file.read_bytes() for place, file in sorted(files.items())}
    registered = _entry_points(points)
    digest = hashlib.sha256(registered.encode())
    for place, data in contents.items():
        digest.update(f"{place}\0{len(data)}\0".encode() + data)
    # By the version an installer sees that the content is another.
    dist, version = _distribution_of(name), f"0+{digest.hexdigest()[:16]}"
    info = f"{dist}-{version}.dist-info"
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n".encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: byoe\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if registered:
        contents[f"{info}/entry_points.txt"] = registered.encode()
    record = "".join(record_row(place, data) for place, data in contents.items()) + f"{info}/RECORD,,\n"
    contents[f"{info}/RECORD"] = record.encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{dist}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, data in contents.items():
            add_file(archive, place, data)
    return wheel


def _distribution_of(module: str) -> str:
    """Return the name of a module's distribution, which is narrower than what Python calls modules."""
    plain = re.sub("_+", "_", module).strip("_")
    other = "" if plain == module else f"_{hashlib.sha256(module.encode()).hexdigest()[:8]}"
    return f"{OWN_CODE}{plain}{other}"


def _files(name: str, folder: Path) -> dict[str, Path]:
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": file
        for file in folder.rglob("*")
        if file.is_file() and not _LEFT_OUT & set(file.relative_to(folder).parts)
    }


def _entry_points(points: Iterable[tuple[Kind, str, str]]) -> str:
    lines: dict[str, list[str]] = {}
    for kind, name, value in sorted(points):
        lines.setdefault(f"[byoe.{kind}s]", []).append(f"{name} = {value}")
    return "".join("\n".join([group, *own, ""]) for group, own in lines.items())
