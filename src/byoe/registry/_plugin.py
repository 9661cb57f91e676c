"""What registered names are, and which of several is meant: steps that need no registry."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, Literal

from .._version import DISTRIBUTION
from ..errors import PluginError, UnknownNameError, did_you_mean

Kind = Literal["learner", "blender"]
LIMIT = "BYOE_PLUGINS"
# A member has its learner's name as its label, beside the parameters of the ensemble.
RESERVED: Mapping[Kind, frozenset[str]] = {
    "learner": frozenset(
        "drop passthrough fast default best learners blender layers cv metric finalize early_stopping categorical "
        "calibrate threshold class_weight on_error time_limit memory_limit store callbacks n_jobs random_state "
        "quantiles target_transform verbose".split()
    ),
    "blender": frozenset({"drop", "passthrough"}),
}


@dataclass(frozen=True)
class Plugin:
    """One registered name.

    Attributes
    ----------
    name : str
        As registered; ``-`` and ``_`` are alike in look-ups.
    kind : {"learner", "blender"}
    distribution, version : str
        Where it comes from; empty for what was registered in this process.
    entry_point : EntryPoint or None
        None for what was registered in this process.
    target : object
        What was registered in this process.
    """

    name: str
    kind: Kind
    distribution: str
    version: str
    entry_point: EntryPoint | None
    target: Any = None

    def __str__(self) -> str:
        origin = f"{self.distribution} {self.version}".strip() if self.entry_point else "this process"
        return f"{self.kind} {self.name!r} of {origin}"

    @property
    def value(self) -> str:
        """Where the object is, as ``module:name``."""
        if self.entry_point is not None:
            return self.entry_point.value
        return f"{getattr(self.target, '__module__', '?')}:{getattr(self.target, '__qualname__', repr(self.target))}"

    def load(self) -> Any:
        """Import the object that the entry point names."""
        if self.entry_point is None:
            return self.target
        try:
            return self.entry_point.load()
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self} cannot be loaded from {self.value!r}: {type(error).__name__}: {error}. {self._advice(error)}"
            ) from error

    def _advice(self, error: BaseException) -> str:
        assert self.entry_point is not None
        own = self.entry_point.module.partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != own:
            return f"Install what brings the module {error.name}"
        if isinstance(error, (AttributeError, ModuleNotFoundError)):
            return f"Correct the entry point in the pyproject.toml of {self.distribution}, and install it again"
        return f"Tell the authors of {self.distribution}, or uninstall it"


def plain(name: str) -> str:
    """Return the form of a name under which look-ups compare."""
    return name.replace("-", "_")


def collect(kind: Kind, points: Iterable[EntryPoint]) -> dict[str, tuple[Plugin, ...]]:
    """Group entry points by name; more than one plugin under a name is a clash."""
    found: dict[str, tuple[Plugin, ...]] = {}
    for point in points:
        distribution = point.dist.name if point.dist else "(unknown distribution)"
        version = point.dist.version if point.dist else ""
        plugin = Plugin(point.name, kind, distribution, version, point)
        found[plain(point.name)] = (*found.get(plain(point.name), ()), plugin)
    return found


def limited(known: Mapping[str, tuple[Plugin, ...]], limit: str | None) -> dict[str, tuple[Plugin, ...]]:
    """Leave byoe's own plugins, and those of the distributions that a text names, with commas; None leaves all."""
    if limit is None:
        return dict(known)
    allowed = {_normal(name) for name in (DISTRIBUTION, *limit.split(","))}
    kept = {
        name: tuple(one for one in group if one.entry_point is None or _normal(one.distribution) in allowed)
        for name, group in known.items()
    }
    return {name: group for name, group in kept.items() if group}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def pick(
    kind: Kind,
    name: str,
    known: Mapping[str, tuple[Plugin, ...]],
    with_those_off: Mapping[str, tuple[Plugin, ...]] = {},
) -> Plugin:
    """Return the one plugin of this name, or say why there is none.

    ``with_those_off`` holds the plugins that are switched off, too.
    """
    plugins = known.get(plain(name), ())
    if not plugins:
        if off := with_those_off.get(plain(name)):
            raise UnknownNameError(
                f"{off[0]} is switched off: {LIMIT} is {os.environ.get(LIMIT)!r}. Add {off[0].distribution} to it, or "
                "unset it"
            )
        names = [plugin.name for group in known.values() for plugin in group]
        raise UnknownNameError(
            f"No {kind} is registered as {name!r}. {did_you_mean(name, names)} If a package brings it, install that "
            "package here, and start Python anew"
        )
    if len(plugins) > 1:
        claims = " and ".join(f"{p.distribution} {p.version} ({p.value})" for p in plugins)
        several = len({_normal(p.distribution) for p in plugins}) > 1
        advice = f"uninstall one of them, or name the distributions to keep in {LIMIT}" if several else "rename one"
        raise PluginError(f"{kind} {name!r} is claimed by {claims}; {advice}")
    if fault := wrong_name(kind, plugins[0].name):
        raise PluginError(f"{plugins[0]}: {fault}")
    return plugins[0]


def wrong_name(kind: Kind, name: str) -> str | None:
    """Return why something cannot be registered under a name; None if it can."""
    if plain(name) in RESERVED[kind]:
        return f"the name {name!r} is reserved, since it means something else in an ensemble; choose another"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_\-]*", name) or "__" in plain(name):
        return (
            f"the name {name!r} may hold letters, digits, '-' and single '_' only, so that name__parameter works; "
            "choose another"
        )
    return None
