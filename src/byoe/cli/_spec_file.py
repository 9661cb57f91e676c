"""An ensemble written down in a file: the JSON form of an ensemble, with short forms for people."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..ensemble._load import from_spec
from ..errors import ByoeError, ParameterError, SpecError, did_you_mean
from ..registry._json_form import VERSION
from ..registry._members import labelled
from ..registry._plugin import plain
from ..registry._portfolios import DEFAULT
from . import _options as options

_KEYS = ("spec", "task", "learners", "blender", "params")
_OF_A_MEMBER = ("label", "learner", "params", "estimator")
_OF_A_BLENDER = ("blender", "params", "estimator")


def read_spec(file: Path) -> dict[str, Any]:
    """Return what a TOML or JSON file says of an ensemble, with the short forms written out.

    Raises
    ------
    SpecError
        Names the file, and a key that nobody knows.
    """
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix.lower() not in (".toml", ".json"):
            raise SpecError(f"{file} is neither .toml nor .json; write the spec as one of them")
        found = tomllib.loads(text) if file.suffix.lower() == ".toml" else json.loads(text)
    except (ValueError, OSError) as error:
        if isinstance(error, ByoeError):
            raise
        raise SpecError(f"the spec {file} cannot be read: {error}") from error
    _check_keys(found, _KEYS, f"the spec {file}")
    task = found.get("task", "auto")
    if task not in ("auto", *options.KINDS):
        raise SpecError(f"the spec {file}: task is {task!r}, expected regression or classification")
    members = _members(found.get("learners", DEFAULT), f"the spec {file}")
    blender = _part(found.get("blender", "auto"), "blender", _OF_A_BLENDER, f"the spec {file}, blender")
    params = found.get("params", {})
    kinds = [kind for name, kind in options.KINDS.items() if task in ("auto", name)]
    known = {name for kind in kinds for name in kind._get_param_names()} - {"learners", "blender", "callbacks"}
    _check_keys(params, known, f"the spec {file}, params")
    return {"spec": found.get("spec", VERSION), "task": task, "learners": members, "blender": blender, "params": params}


def _members(learners: Any, where: str) -> list[dict[str, Any]]:
    """Return a mapping for each member of a list or of a portfolio."""
    if isinstance(learners, str):
        try:
            return [{"label": label, "learner": name, "params": params} for label, (name, params) in labelled(learners)]
        except ParameterError as error:
            raise SpecError(f"{where}: {error}") from error
    if not isinstance(learners, list) or not learners:
        raise SpecError(f"{where}: learners is {learners!r}, expected a list of names or tables, or a portfolio")
    return [_member(one, f"{where}, learner {place}") for place, one in enumerate(learners)]


def _member(given: Any, where: str) -> dict[str, Any]:
    made = _part(given, "learner", _OF_A_MEMBER, where)
    label = made.get("label") or plain(made.get("learner", "")).replace("-", "_")
    if not label:
        raise SpecError(f"{where} has no label, which an estimator needs")
    return {**made, "label": label}


def _part(given: Any, kind: str, known: Iterable[str], where: str) -> dict[str, Any]:
    """Return a learner or a blender as a mapping."""
    if isinstance(given, str):
        return {kind: given, "params": {}}
    _check_keys(given, known, where)
    if kind not in given and "estimator" not in given:
        raise SpecError(f"{where} names no {kind}")
    return {"params": {}, **given}


def _check_keys(given: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise SpecError(f"{where} is {given!r}, expected a table of {', '.join(known)}")
    for key in given:
        if key not in set(known):
            raise SpecError(f"{where} has an unknown key {key!r}. {did_you_mean(str(key), known)}")


def made_of(spec: Mapping[str, Any], kind: Any) -> Any:
    """Return the ensemble of a spec, of the class that its task asks for."""
    task = next(name for name, one in options.KINDS.items() if one is kind)
    return from_spec({**spec, "task": task})
