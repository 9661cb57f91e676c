"""The registry: which names exist, and the object behind one of them.

Names come from the entry-point groups ``byoe.learners`` and ``byoe.blenders``; byoe's own
are registered there like any plugin's. Listing names imports nothing; a plugin is imported
when it is asked for by name, so that a broken one harms nobody else. What a notebook
registers lives as long as its process.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from importlib import metadata
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, TypeVar

from .._version import DISTRIBUTION
from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..errors import ByoeError, ParameterError, PluginError
from ..tools._versions import OWN_CODE
from ._declared import broken_promise
from ._plugin import LIMIT, Kind, Plugin, collect, limited, pick, plain, wrong_name

_Made = TypeVar("_Made", Learner, Blender)


@functools.cache
def _of_packages(kind: Kind) -> Mapping[str, tuple[Plugin, ...]]:
    return collect(kind, entry_points(group=f"byoe.{kind}s"))


_of_process: dict[Kind, dict[str, tuple[Plugin, ...]]] = {"learner": {}, "blender": {}}


def everything(kind: Kind) -> dict[str, tuple[Plugin, ...]]:
    """Return what is installed or registered here by plain name, also where BYOE_PLUGINS switches it off."""
    return {**_of_packages(kind), **_of_process[kind]}


def installed(kind: Kind) -> Mapping[str, tuple[Plugin, ...]]:
    """Return a read-only view of what is installed or registered in this process, by plain name.

    The environment variable ``BYOE_PLUGINS`` limits it: to byoe's own where it is empty, or to
    these and the distributions that it names, with commas.
    """
    return MappingProxyType(limited(everything(kind), os.environ.get(LIMIT)))


def find(kind: Kind, name: str) -> Plugin:
    """Return the plugin of this name."""
    return pick(kind, name, installed(kind), everything(kind))


def know_origin(made: Learner | Blender) -> None:
    """Tell a learner or blender that the user made where its registered name comes from."""
    kind: Kind = "learner" if isinstance(made, Learner) else "blender"
    known = () if made.user_estimator is not None else everything(kind).get(plain(made.name), ())
    made.origin = _origin(known[0]) if known else ""


def _origin(plugin: Plugin) -> str:
    return "" if plugin.distribution == DISTRIBUTION else f" ({plugin})"


def distribution_of(thing: Learner | Blender) -> str | None:
    """Return the distribution that registered a learner or blender; None for one of the user's own."""
    kind: Kind = "learner" if isinstance(thing, Learner) else "blender"
    found = () if thing.user_estimator is not None else everything(kind).get(plain(thing.name), ())
    return (found[0].distribution or None) if found else None


class Registration:
    """A name that is registered in this process; as a context manager, until its end.

    Attributes
    ----------
    plugin : Plugin
    """

    def __init__(self, plugin: Plugin, before: tuple[Plugin, ...]) -> None:
        self.plugin = plugin
        self._before = before

    def unregister(self) -> None:
        """Forget the name, unless something else was registered under it since; what it replaced comes back."""
        names = _of_process[self.plugin.kind]
        if any(one is self.plugin for one in names.get(plain(self.plugin.name), ())):
            del names[plain(self.plugin.name)]
            if self._before:
                names[plain(self.plugin.name)] = self._before

    def __enter__(self) -> Plugin:
        return self.plugin

    def __exit__(self, *raised: object) -> None:
        self.unregister()

    def __repr__(self) -> str:
        return f"<{self.plugin}>"


def register_learner(name: str, target: Any) -> Registration:
    """Register a learner in this process, for a notebook or a test.

    An ensemble with it can be fitted and saved here, and loaded wherever the same name is
    registered; a job needs an installed package with an entry point. A name that was
    registered in this process before is replaced, so that a cell can be run again.

    Parameters
    ----------
    name : str
    target : Learner subclass, or scikit-learn estimator class or factory

    Returns
    -------
    Registration
        A context manager, which ends the registration.

    Raises
    ------
    ParameterError
        When an installed package has the name, or it is reserved.
    PluginError
        When the object is no learner.

    Examples
    --------
    >>> from sklearn.linear_model import Lasso
    >>> from byoe import EnsembleRegressor
    >>> from byoe.plugins import register_learner
    >>> with register_learner("lasso", Lasso):
    ...     EnsembleRegressor(("lasso", "ridge")).set_params(lasso__alpha=0.1).get_params()["lasso__alpha"]
    0.1
    """
    return _register("learner", name, target)


def register_blender(name: str, target: Any) -> Registration:
    """Register a blender in this process, as `register_learner` does a learner.

    Parameters
    ----------
    name : str
    target : Blender subclass

    Returns
    -------
    Registration

    Examples
    --------
    >>> from byoe import blender
    >>> from byoe.plugins import register_blender
    >>> from byoe.blenders.mean import Mean
    >>> with register_blender("average", Mean):
    ...     blender("average").name
    'average'
    """
    return _register("blender", name, target)


def _register(kind: Kind, name: str, target: Any) -> Registration:
    if fault := wrong_name(kind, name):
        raise ParameterError(fault)
    if taken := _of_packages(kind).get(plain(name)):
        place = f"{getattr(target, '__module__', '')}:{getattr(target, '__qualname__', '')}"
        if taken[0].value == place:  # by an entry point; so it is in a job, which gets one for what a module registers
            return Registration(taken[0], ())
        raise ParameterError(f"{taken[0]} has the name already; choose another")
    plugin = Plugin(name, kind, "", "", None, target)
    (_as_learner if kind == "learner" else _as_blender)(plugin, {})
    before = _of_process[kind].get(plain(name), ())
    _of_process[kind][plain(name)] = (plugin,)
    return Registration(plugin, before)


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
    return _as_learner(find("learner", name), params)


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
    return _as_blender(find("blender", name), params)


def as_saved(kind: Kind, name: str, params: Mapping[str, Any], distribution: str | None) -> Any:
    """Make a learner or blender of a bundle, whose parameters were checked when it was fitted.

    It is looked for in the distribution that registered it then, among the names of that alone: a
    serving process starts faster, and cannot be given another's plugin.
    """
    found = None if distribution is None else _of_distribution(kind, name, distribution)
    if found is None and distribution is not None and not distribution.startswith(OWN_CODE):
        raise PluginError(
            f"{kind} {name!r} was registered by {distribution} when the bundle was saved, and is not now; install such "
            f"a version of it, or see what {LIMIT} switches off"
        )
    plugin = found or find(kind, name)
    target = plugin.load()
    if not isinstance(target, type) or not issubclass(target, (Learner, Blender)):
        return _as_learner(plugin, params)
    made: Any = _instance(plugin, target, params)
    made.name, made.origin = plugin.name, _origin(plugin)
    return made


def _of_distribution(kind: Kind, name: str, distribution: str) -> Plugin | None:
    if distribution == "byoe":  # what ours was called when the first bundles were written
        distribution = DISTRIBUTION
    try:
        points = metadata.distribution(distribution).entry_points.select(group=f"byoe.{kind}s")
    except metadata.PackageNotFoundError:
        return None
    for plugins in limited(collect(kind, points), os.environ.get(LIMIT)).values():
        if plain(plugins[0].name) == plain(name):
            return plugins[0]
    return None


def _as_learner(plugin: Plugin, params: Mapping[str, Any]) -> Learner:
    target = plugin.load()
    made: Learner
    if isinstance(target, type) and issubclass(target, Learner):
        made = _instance(plugin, target, params)
    elif isinstance(target, type) and issubclass(target, Blender):
        raise PluginError(f"{plugin}: {plugin.value!r} is a Blender, which belongs into the group byoe.blenders")
    elif callable(target):
        from ..learners._from_estimator import FromFactory

        try:
            made = FromFactory(target, **params)
        except Exception as error:
            raise PluginError(
                f"{plugin}: {plugin.value!r} is neither a Learner nor a scikit-learn estimator class or factory "
                f"({type(error).__name__}: {error})"
            ) from error
        if not made.tasks:
            raise PluginError(f"{plugin}: {plugin.value!r} makes neither a regressor nor a classifier")
    else:
        raise PluginError(
            f"{plugin}: {plugin.value!r} is {target!r}, expected a Learner subclass or a scikit-learn estimator class "
            "or factory"
        )
    return _finished(plugin, made, params)


def _as_blender(plugin: Plugin, params: Mapping[str, Any]) -> Blender:
    target = plugin.load()
    if isinstance(target, type) and issubclass(target, Learner):
        raise PluginError(f"{plugin}: {plugin.value!r} is a Learner, which belongs into the group byoe.learners")
    if not (isinstance(target, type) and issubclass(target, Blender)):
        raise PluginError(f"{plugin}: {plugin.value!r} is {target!r}, expected a Blender subclass")
    made: Blender = _instance(plugin, target, params)
    return _finished(plugin, made, params)


def _instance(plugin: Plugin, target: type, params: Mapping[str, Any]) -> Any:
    try:
        return target(**params)
    except ByoeError:
        raise
    except Exception as error:
        raise PluginError(
            f"{plugin}: {plugin.value!r} cannot be made with {dict(params)} ({type(error).__name__}: {error}); it must "
            "take its parameters as keywords, each of which may be left out"
        ) from error


def _finished(plugin: Plugin, made: _Made, params: Mapping[str, Any]) -> _Made:
    try:
        if fault := broken_promise(made):
            raise PluginError(f"{plugin}: {fault}")
        made.name, made.origin = plugin.name, _origin(plugin)
        made.check_names(params)
    except ByoeError:
        raise
    except Exception as error:
        raise PluginError(f"{plugin}: {type(error).__name__}: {error}") from error
    return made
