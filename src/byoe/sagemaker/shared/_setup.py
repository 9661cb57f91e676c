"""How a container installs the serving code of an artifact."""

from __future__ import annotations

from pathlib import Path

# Without one the container writes its own, which packs all files of the folder, twice, and warns in hundreds of lines.
# What else lies there is found as it is: the folder is on the path.
_SETUP = '''\
"""Written by byoe; the container installs its serving code by it, and requirements.txt beside it."""

from setuptools import setup

setup(name="inference", version="1.0.0", py_modules=["inference"])
'''


def write_setup(code: Path) -> None:
    """Write the ``setup.py`` of a folder with an ``inference.py``."""
    (code / "setup.py").write_text(_SETUP, encoding="utf-8")
