"""Which of a job's requirements its endpoint needs: those of the members that the blend came to use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from packaging.utils import canonicalize_name

from ..._version import DISTRIBUTION
from ...bundle._manifest import MANIFEST
from ...ensemble._base import BaseEnsemble
from ...errors import ByoeError
from ...fitted._intervals import needed_blenders
from ...fitted._stacked import needed
from ...tools._versions import OWN_CODE, distributions_of
from ..source._requirements import ALWAYS, Find, requirements

# What predictions of many rows import beside numpy.
_PREDICTING = ("joblib",)
_OWN = canonicalize_name(OWN_CODE)
_BROUGHT = frozenset({"byoe", "numpy"})


def libraries_in_use(ensemble: BaseEnsemble, bundle: Path) -> set[str]:
    """Return the distributions that predictions and intervals of a saved ensemble need, beyond byoe and numpy."""
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    blenders = (ensemble.blender_, *needed_blenders(ensemble))
    used = np.any([blender.used(len(ensemble.members_)) for blender in blenders], axis=0)
    served = needed(ensemble.members_, used)
    labels = {label for label, wanted in zip(ensemble.members_, served, strict=True) if wanted}
    found = set(manifest["blender_libraries"])
    entries = [entry for entry in manifest["members"] if entry["label"] in labels]
    for entry in (*entries, *manifest.get("quantiles", ())):
        found.update(entry["libraries"])
    return found - _BROUGHT


def blender_lines(lines: Sequence[str], bundle: Path) -> list[str]:
    """Return the lines of requirements that the blender of a saved ensemble needs, whom intervals by a graph ask."""
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    libraries = set(manifest["blender_libraries"]) - _BROUGHT
    return needed_lines(lines, libraries, always=()) if libraries else []


def needed_lines(
    lines: Sequence[str],
    libraries: Iterable[str],
    asked: Iterable[str] = (),
    *,
    always: Iterable[str] = _PREDICTING,
    find: Find = distribution,
) -> list[str]:
    """Return the lines of requirements that some libraries need, with all that these depend on.

    Parameters
    ----------
    lines : sequence of str
        ``name==version``, or ``./wheels/<file>.whl``.
    libraries : iterable of str
        From `libraries_in_use`.
    asked : iterable of str
        What the user asked for; it stays.
    always : iterable of str
        What is needed whatever the libraries.

    Returns
    -------
    list of str
        All lines where it cannot be told, as with modules of the user's own.
    """
    here = {canonicalize_name(name) for name in (*libraries, *asked)}
    wheels = {_name(line) for line in lines if line.startswith("./")}
    shipped = (here & wheels) | {DISTRIBUTION}
    if any(name.startswith(_OWN) for name in wheels):  # the user's own modules may import anything
        return list(lines)
    # A plugin may count on what byoe itself depends on.
    always = ALWAYS if len(shipped) > 1 else always
    try:
        pins, more = requirements(here - shipped, shipped, always=always, find=find)
    except ByoeError:
        return list(lines)
    needed = {_name(pin) for pin in pins} | set(more) | shipped
    needed = {same for name in needed for same in distributions_of(name)}  # one of which may have come along as a wheel
    return [line for line in lines if _name(line) in needed]


def _name(line: str) -> str:
    """Return the distribution of a line."""
    name = line.rpartition("/")[2].partition("-")[0] if line.startswith("./") else re.split(r"[=<>!~\[ ]", line)[0]
    return canonicalize_name(name)
