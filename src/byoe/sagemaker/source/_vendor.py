"""Wheels for a container without a network: what it would install, downloaded here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from ...errors import JobError
from ._requirements import NEWEST, Container

# The container's glibc; older wheels run there too.
_GLIBC = range(34, 4, -1)
_OLDER = ("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64")


def download(pins: Iterable[str], folder: Path, *, container: Container = NEWEST) -> dict[str, str]:
    """Download wheels that run in a container; return the name of the file for each pin.

    Parameters
    ----------
    pins : iterable of str
        ``name==version``, complete in themselves.
    folder : Path
    container : Container

    Raises
    ------
    JobError
        When an index has no such wheel, or pip is not installed here.
    """
    pins = sorted(pins)
    if not pins:
        return {}
    platforms = [*(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC), *_OLDER]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--dest", str(folder)),
        *("--implementation", "cp", "--python-version", container.python),
        *(word for platform in platforms for word in ("--platform", platform)),
        *pins,
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # pip itself
    if done.returncode:
        reason = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines()
        raise JobError(
            f"vendor=True needs a wheel for Python {container.python} of each requirement, and pip did not get them: "
            + " ".join(line.removeprefix("ERROR: ") for line in reason[:3])
        )
    found = {parse_wheel_filename(file.name)[0]: file.name for file in folder.glob("*.whl")}
    return {pin: found[canonicalize_name(pin.partition("==")[0])] for pin in pins}
