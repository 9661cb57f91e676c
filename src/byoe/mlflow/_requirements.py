"""What a model's environment needs: byoe, the libraries that its files were written with, and MLflow's client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path

from .._version import DISTRIBUTION
from ..errors import MissingExtraError
from ..tools._versions import WITHOUT_GPU, installed_version
from ..tools._wheels import direct_url, write_wheel

WHEELS = "wheels"
# What loads a model, and what its rows come in.
_ALWAYS = ("mlflow-skinny", "pandas")


def requirements_of(libraries: Mapping[str, str], folder: Path) -> list[str]:
    """Return the lines of ``requirements.txt``, and write wheels of what was not installed from an index.

    Parameters
    ----------
    libraries : mapping of str to str
        Distributions of a manifest, with the versions that wrote it.
    folder : Path
        That the folder of wheels is made in; pip reads the lines there.
    """
    own = {DISTRIBUTION if name == "byoe" else name: version for name, version in libraries.items()}
    lines: list[str] = []
    for name, version in {**dict(_installed(_ALWAYS)), **own}.items():
        if name == DISTRIBUTION or (name not in WITHOUT_GPU and _from_files(name)):
            lines.append(_line_of(name, version, folder))
        elif name in WITHOUT_GPU:  # as byoe itself asks for it
            lines.append(f"{WITHOUT_GPU[name]}=={version}; sys_platform == 'linux'")
            lines.append(f"{name}=={version}; sys_platform != 'linux'")
        else:
            lines.append(f"{name}=={version}")
    return lines


def _installed(names: Iterable[str]) -> list[tuple[str, str]]:
    found = [(name, installed_version(name)) for name in names]
    if missing := [name for name, version in found if version is None]:
        raise MissingExtraError(
            f"a model needs {missing[0]!r}, which is not installed: pip install '{DISTRIBUTION}[mlflow]'"
        )
    return [(name, str(version)) for name, version in found]


def _from_files(name: str) -> bool:
    return installed_version(name) is not None and direct_url(distribution(name)) is not None


def _line_of(name: str, version: str, folder: Path) -> str:
    if not _from_files(name):
        return f"{name}=={version}"
    return f"{WHEELS}/{write_wheel(name, folder / WHEELS).name}"
