"""The registry: which names exist, and the object behind one of them.

Names come from the entry-point groups ``byoe.learners`` and ``byoe.blenders``; byoe's own
are registered there like any plugin's. Listing names imports nothing; a plugin is imported
when it is asked for by name, so that a broken one harms nobody else.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from ._blending import Blender
from ._contracts import Learner
from .errors import PluginError, UnknownNameError, did_you_mean

Kind = Literal["learner", "blender"]


@dataclass(frozen=True)
class Plugin:
    """One registered name.

    Attributes
    ----------
    name : str
        As registered; ``-`` and ``_`` are alike in look-ups.
    kind : {"learner", "blender"}
    distribution, version : str
        Where it comes from.
    entry_point : EntryPoint
    """

    name: str
    kind: Kind
    distribution: str
    version: str
    entry_point: EntryPoint

    def load(self) -> Any:
        """Import the object that the entry point names."""
        try:
            return self.entry_point.load()
        except Exception as error:
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.distribution} {self.version} cannot be loaded from "
                f"{self.entry_point.value!r}: {type(error).__name__}: {error}"
            ) from error


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


def pick(kind: Kind, name: str, known: Mapping[str, tuple[Plugin, ...]]) -> Plugin:
    """Return the one plugin of this name, or say why there is none."""
    plugins = known.get(plain(name), ())
    if not plugins:
        names = [plugin.name for group in known.values() for plugin in group]
        raise UnknownNameError(f"No {kind} is registered as {name!r}. {did_you_mean(name, names)}")
    if len(plugins) > 1:
        claims = " and ".join(f"{p.distribution} {p.version} ({p.entry_point.value})" for p in plugins)
        raise PluginError(f"{kind} {name!r} is claimed by {claims}; uninstall one of them")
    return plugins[0]


@functools.cache
def installed(kind: Kind) -> dict[str, tuple[Plugin, ...]]:
    """Return what is installed, by plain name."""
    return collect(kind, entry_points(group=f"byoe.{kind}s"))


def find(kind: Kind, name: str) -> Plugin:
    """Return the installed plugin of this name."""
    return pick(kind, name, installed(kind))


def learner(name: str, /, **params: Any) -> Learner:
    """Make a configured learner.

    Parameters
    ----------
    name : str
        A registered name, such as ``"xgboost"``.
    **params
        Parameters of the learner, under the library's own names or their aliases.

    Raises
    ------
    UnknownNameError
        For a name or a parameter that nobody knows.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("ridge", alpha=2.0)
    Ridge(alpha=2.0)
    """
    plugin = find("learner", name)
    target = plugin.load()
    made: Learner
    if isinstance(target, type) and issubclass(target, Learner):
        made = target(**params)
    elif callable(target):
        from ._estimators import FromFactory

        try:
            made = FromFactory(target, **params)
        except Exception as error:
            raise PluginError(
                f"learner {plugin.name!r} of {plugin.distribution}: {plugin.entry_point.value!r} is neither a "
                f"Learner nor a scikit-learn estimator class or factory ({type(error).__name__}: {error})"
            ) from error
        if not made.tasks:
            raise PluginError(
                f"learner {plugin.name!r} of {plugin.distribution} makes neither a regressor nor a classifier"
            )
    else:
        raise PluginError(
            f"learner {plugin.name!r} of {plugin.distribution}: {plugin.entry_point.value!r} is "
            f"{target!r}, expected a Learner subclass or a scikit-learn estimator class or factory"
        )
    made.name = plugin.name
    made.check_names(params)
    return made


def blender(name: str, /, **params: Any) -> Blender:
    """Make a configured blender.

    Parameters
    ----------
    name : str
        A registered name, such as ``"weighted"``.
    **params
        Parameters of the blender.

    Raises
    ------
    UnknownNameError
        For a name or a parameter that nobody knows.

    Examples
    --------
    >>> from byoe import blender
    >>> blender("vote", voting="soft")
    Vote(voting='soft')
    """
    plugin = find("blender", name)
    target = plugin.load()
    if not (isinstance(target, type) and issubclass(target, Blender)):
        raise PluginError(
            f"blender {plugin.name!r} of {plugin.distribution}: {plugin.entry_point.value!r} is {target!r}, "
            "expected a Blender subclass"
        )
    made = target(**params)
    made.name = plugin.name
    made.check_names(params)
    return made
