"""Parameters from outside: hyperparameters of a job, search spaces, the command line.

One order everywhere: the name of a constructor parameter, ``label__parameter``,
``blender__parameter``, then a shared name, which reaches every member whose learner
declares it; a prefixed value wins over a shared one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sklearn.base import clone

from ..contracts._learner import Learner
from ..contracts._parameters import SHARED_NAMES
from ..errors import ParameterError, UnknownNameError, did_you_mean
from ..registry._members import as_learner, find_label, labelled, members
from ..registry._plugin import plain
from ._base import BaseEnsemble

E = TypeVar("E", bound=BaseEnsemble)

_BOOLEANS = {"True": True, "true": True, "False": False, "false": False}


def configure(ensemble: E, values: Mapping[str, Any]) -> E:
    """Return a clone of the ensemble with parameters from outside applied.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    values : mapping of str to object
        ``-`` and ``_`` are alike in the names; the texts ``"True"`` and ``"true"`` are a
        boolean, and so are those of false.

    Raises
    ------
    UnknownNameError
        For a name that the ensemble, its members and its blender do not know.
    ParameterError
        When two names set the same parameter to different values.
    """
    made: E = clone(ensemble)
    own = set(made._get_param_names())
    plain_values = _plain_names(values)
    constructor = {name: value for name, value in plain_values.items() if name in own}
    # A chosen blender comes before its parameters, and replaces those of another one.
    made.set_params(**constructor)
    set_by_prefix: set[tuple[str, str]] = set()
    shared: dict[str, Any] = {}
    for name, value in plain_values.items():
        if name in own:
            continue
        head, _, tail = name.partition("__")
        label = find_label(made.learners, head) if tail else None
        if label is not None:
            _claim(set_by_prefix, label, _own_name(made, label, tail), name)
            made.set_params(**{f"{label}__{tail}": value})
        elif head == "blender" and tail:
            made.set_params(**{name: value})
        else:
            shared[name] = value
    _set_shared(made, shared, set_by_prefix)
    recipe = made._recipe()
    for part in (*recipe.learners.values(), recipe.blender):
        part.own_params()
    return made


def reached(ensemble: BaseEnsemble, name: str) -> tuple[str, ...]:
    """Return the labels of the members that a parameter from outside reaches; none for one of the blender.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    name : str
        One that `configure` takes.
    """
    learners, name = members(ensemble.learners), plain(name)
    head, _, tail = name.partition("__")
    label = find_label(ensemble.learners, head) if tail else None
    if label is not None:
        return (label,)
    if name == "early_stopping":
        return tuple(label for label, learner in learners.items() if learner.stops)
    if name in ensemble._get_param_names() or tail:
        return ()
    return tuple(label for label, learner in learners.items() if learner.shared_name(name))


def _plain_names(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if plain(name) in found:
            raise ParameterError(f"{name!r} is given twice, once with '-' and once with '_'")
        found[plain(name)] = _BOOLEANS.get(value, value) if isinstance(value, str) else value
    return found


def _own_name(ensemble: BaseEnsemble, label: str, parameter: str) -> str:
    learner = as_learner(dict(labelled(ensemble.learners))[label])
    return parameter if learner is None else learner.own_name(parameter)


def _claim(taken: set[tuple[str, str]], label: str, parameter: str, name: str) -> None:
    if (label, parameter) in taken:
        raise ParameterError(f"{name!r} sets the parameter {parameter!r} of member {label!r} a second time")
    taken.add((label, parameter))


def _set_shared(ensemble: BaseEnsemble, shared: Mapping[str, Any], set_by_prefix: set[tuple[str, str]]) -> None:
    taken: set[tuple[str, str]] = set()
    for name, value in shared.items():
        learners = members(ensemble.learners)
        reached = {label: parameter for label, known in learners.items() if (parameter := known.shared_name(name))}
        if not reached:
            labels = ", ".join(learners)
            raise UnknownNameError(
                f"nobody knows the parameter {name!r}: it is no parameter of the ensemble, and no member "
                f"({labels}) declares it as a shared name; one member's own parameter is written "
                f"{next(iter(learners))}__parameter. {did_you_mean(name, known_names(ensemble, learners))}"
            )
        for label, parameter in reached.items():
            _claim(taken, label, parameter, name)
            if (label, parameter) not in set_by_prefix:
                ensemble.set_params(**{f"{label}__{parameter}": value})


def known_names(ensemble: BaseEnsemble, learners: Mapping[str, Learner]) -> list[str]:
    """Return the shared names and the constructor's, and each label's prefix."""
    declared = {name for learner in learners.values() for name in learner.shared}
    synonyms = {same for name in declared for same in SHARED_NAMES.get(name, ())}
    return [*ensemble._get_param_names(), *sorted(declared | synonyms), *(f"{label}__…" for label in learners)]


def default_space(learners: Any) -> Mapping[str, Any]:
    """Return what the members' learners propose to search, each under its member's label.

    What was set for a member stays as it is.

    Parameters
    ----------
    learners
        As an ensemble takes them.

    Raises
    ------
    ParameterError
        When no learner proposes anything.
    """
    found = {
        f"{label}__{name}": domain
        for label, learner in members(learners).items()
        for name, domain in learner.space.items()
        if learner.own_name(name) not in learner.own_params()
    }
    if not found:
        raise ParameterError("none of the learners proposes anything to search that is not set already; give a space")
    return found
