"""What a model's environment needs: byoe, the libraries that its files were written with, and MLflow's client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from shutil import copy2

from packaging.utils import canonicalize_name

from .._version import DISTRIBUTION
from ..errors import MissingExtraError
from ..tools._versions import WITHOUT_GPU, installed_version
from ..tools._wheels import direct_url, write_wheel

WHEELS = "wheels"
# What loads a model, and what its rows come in.
_ALWAYS = ("mlflow-skinny", "pandas")


def requirements_of(libraries: Mapping[str, str], folder: Path, shipped: Path | None = None) -> list[str]:
    """Return the lines of ``requirements.txt``, and write wheels of what was not installed from an index.

    Parameters
    ----------
    libraries : mapping of str to str
        Distributions of a manifest, with the versions that wrote it.
    folder : Path
        That the folder of wheels is made in; pip reads the lines there.
    shipped : Path or None
        Wheels that a job was sent, which come along.
    """
    wheels = [] if shipped is None else sorted(shipped.glob("*.whl"))
    here = {canonicalize_name(wheel.name.partition("-")[0]) for wheel in wheels}
    own = {DISTRIBUTION if name == "byoe" else name: version for name, version in libraries.items()}
    lines = [_copied(wheel, folder) for wheel in wheels]
    for name, version in {**dict(_installed(_ALWAYS)), **own}.items():
        if canonicalize_name(name) in here:
            continue
        if name in WITHOUT_GPU:  # as byoe itself asks for it
            lines.append(f"{WITHOUT_GPU[name]}=={version}; sys_platform == 'linux'")
            lines.append(f"{name}=={version}; sys_platform != 'linux'")
        elif _from_files(name):
            lines.append(f"{WHEELS}/{write_wheel(name, folder / WHEELS).name}")
        else:
            lines.append(f"{name}=={version}")
    return lines


def _copied(wheel: Path, folder: Path) -> str:
    (folder / WHEELS).mkdir(exist_ok=True)
    copy2(wheel, folder / WHEELS)
    return f"{WHEELS}/{wheel.name}"


def _installed(names: Iterable[str]) -> list[tuple[str, str]]:
    found = [(name, installed_version(name)) for name in names]
    if missing := [name for name, version in found if version is None]:
        raise MissingExtraError(
            f"a model needs {missing[0]!r}, which is not installed: pip install '{DISTRIBUTION}[mlflow]'"
        )
    return [(name, str(version)) for name, version in found]


def _from_files(name: str) -> bool:
    return installed_version(name) is not None and direct_url(distribution(name)) is not None
