"""What is registered, and in which state: ``byoe plugins``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._optional import Prepares, SolvesMoments
from ..errors import ByoeError, MissingExtraError, PluginError
from ..tools._listing import Listing
from ..tools._versions import installed_version
from ._plugin import LIMIT, Kind, Plugin, plain
from ._registry import blender, everything, installed, learner

KINDS: tuple[Kind, ...] = ("learner", "blender")
_FLAGS = ("missing", "categorical", "scaled", "sparse", "multi_output", "grouped", "stops")


def overview() -> Listing:
    """Return a row for every registered learner and blender.

    This imports every one of them. ``state`` is ``ok``; ``missing`` where something that it needs
    is not installed; ``off`` where ``BYOE_PLUGINS`` switches it off; or ``broken``. The last
    column says why.

    Examples
    --------
    >>> from byoe.plugins import overview
    >>> {row["state"] for row in overview() if row["distribution"] == "byoe-ensemble"}
    {'ok'}
    """
    return Listing(
        _row(kind, name, plugin)
        for kind in KINDS
        for name, group in sorted(everything(kind).items())
        for plugin in group
    )


def _row(kind: Kind, name: str, plugin: Plugin) -> dict[str, Any]:
    made, state, why = _made(kind, name, plugin)
    return {
        "name": plugin.name,
        "kind": kind,
        "distribution": plugin.distribution or "(this process)",
        "version": plugin.version,
        "tasks": "" if made is None else " ".join(sorted(made.tasks)),
        "capabilities": "" if made is None else " ".join(capabilities(made)),
        "state": state,
        "why": " ".join(why.split()),
    }


def _made(kind: Kind, name: str, plugin: Plugin) -> tuple[Learner | Blender | None, str, str]:
    if plugin not in installed(kind).get(name, ()):
        return None, "off", f"{LIMIT} does not name {plugin.distribution}"
    made: Learner | Blender
    try:
        with redirect_stdout(sys.stderr):  # what a plugin prints is no part of the table
            made = learner(plugin.name) if kind == "learner" else blender(plugin.name)
    except ByoeError as error:
        hint = missing_hint(plugin, error)
        return (None, "missing", hint) if hint else (None, "broken", str(error))
    lacking = [need for need in getattr(made, "needs", ()) if installed_version(need) is None]
    if lacking:
        return made, "missing", f"pip install {' '.join(lacking)}"
    return made, "ok", ""


def capabilities(made: Learner | Blender) -> list[str]:
    """Return what a learner or a blender declares beyond the least, in words of the contract."""
    found = [] if made.weights == "none" else [f"weights:{made.weights}"]
    if isinstance(made, Blender):
        return [*found, *(flag for flag in ("convex",) if getattr(made, flag))]
    found += [flag for flag in _FLAGS if getattr(made, flag)]
    found += [
        word for word, has in (("prepares", Prepares), ("solves_moments", SolvesMoments)) if isinstance(made, has)
    ]
    return [*found, *(["space"] if made.space else []), *(["pickles"] if made.pickles else [])]


def missing_hint(plugin: Plugin, error: BaseException) -> str | None:
    """Return what to install where a plugin lacks a module that is not its own; None for another fault."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ModuleNotFoundError):
        if isinstance(cause, MissingExtraError):
            return str(cause)
        cause = cause.__cause__
    if not isinstance(error, PluginError) or cause is None or not cause.name or plugin.entry_point is None:
        return None
    module = cause.name.partition(".")[0]
    if module == plugin.entry_point.module.partition(".")[0]:
        return None
    try:
        extra = extra_of(distribution(plugin.distribution), module)
    except PackageNotFoundError:
        extra = None
    if extra:
        return f"pip install '{plugin.distribution}[{extra}]' (it needs {module})"
    return f"it needs the module {module}, which is not installed"


def extra_of(dist: Distribution, module: str) -> str | None:
    """Return the extra of a distribution that brings a module of the name of its own distribution."""
    from packaging.requirements import Requirement  # which nothing that predicts needs

    for text in dist.requires or ():
        needed = Requirement(text)
        if needed.marker is None or plain(needed.name).lower() != module.lower():
            continue
        for extra in dist.metadata.get_all("Provides-Extra") or ():
            if needed.marker.evaluate({"extra": extra}) and not needed.marker.evaluate({"extra": ""}):
                return str(extra)
    return None
