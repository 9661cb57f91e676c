"""Learners, blenders and values as JSON, and back: what specs and manifests are made of."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._store import Store
from ..errors import BundleError, SpecError
from ..tools._estimators import is_ensemble
from ..tools._trust import advice, untrusted
from ._plugin import Kind, plain
from ._registry import as_saved, blender, installed, learner
from ._scorer_form import decode_scorer, encode_scorer

VERSION = 1
_PLAIN_TYPES = (bool, int, float)  # numpy reads these as its own
# What specs called byoe's ensembles while these were written under the names of their files.
_MOVED = {f"byoe._ensemble:{name}": f"byoe:{name}" for name in ("EnsembleClassifier", "EnsembleRegressor")}


def arguments(spec: Mapping[str, Any], trusted: Sequence[str] | None = None) -> dict[str, Any]:
    """Return what the constructor takes for the ensemble that a spec describes; ``trusted`` is as for `from_spec`."""
    if not isinstance(spec, Mapping) or spec.get("spec") != VERSION:
        found = spec.get("spec") if isinstance(spec, Mapping) else type(spec).__name__
        raise SpecError(f"this is spec format {found!r}; this version of byoe reads format {VERSION}")
    members = []
    for entry in spec["learners"]:
        if "learner" in entry:
            members.append((entry["label"], _registered("learner", entry["learner"], entry["params"], trusted)))
        else:
            members.append((entry["label"], decode(entry["estimator"], trusted)))
    made = blender_from_spec(spec["blender"], trusted)
    return {"learners": members, "blender": made, **decode(spec["params"], trusted)}


def _registered(kind: Kind, name: str, params: Mapping[str, Any], trusted: Sequence[str] | None) -> Any:
    given = decode(params, trusted)
    if trusted is not None:  # of a bundle: they were checked when it was fitted, which takes the library
        return as_saved(kind, name, given, None)
    return learner(name, **given) if kind == "learner" else blender(name, **given)


def learner_to_spec(label: str, made: Learner) -> dict[str, Any]:
    """Return the JSON form of a member's learner."""
    where = f"member {label!r}"
    if made.user_estimator is not None:
        return {"estimator": encode(made.user_estimator, where)}
    _must_be_registered("learner", made.name, where)
    params = {key: encode(value, f"{where}, parameter {key!r}") for key, value in made.get_params().items()}
    return {"learner": made.name, "params": params}


def blender_from_spec(spec: Mapping[str, Any], trusted: Sequence[str] | None = None) -> Any:
    """Make the blender or meta-model that a part of a spec describes."""
    if "blender" in spec:
        return _registered("blender", spec["blender"], spec["params"], trusted)
    return decode(spec["estimator"], trusted)


def blender_to_spec(made: Blender) -> dict[str, Any]:
    """Return the JSON form of a blender."""
    if made.user_estimator is not None:
        return {"estimator": encode(made.user_estimator, "blender")}
    _must_be_registered("blender", made.name, "blender")
    params = {key: encode(value, f"blender, parameter {key!r}") for key, value in made.get_params().items()}
    return {"blender": made.name, "params": params}


def _must_be_registered(kind: Kind, name: str, where: str) -> None:
    if plain(name) not in installed(kind):
        raise SpecError(
            f"{where} is not registered, so that another process could not find it; register it by an entry point in "
            f"the group byoe.{kind}s of an installed package"
        )


def class_path(kind: type, where: str) -> str:
    """Return ``module:name`` of a class that another process can import, or refuse it."""
    module, name = kind.__module__, kind.__qualname__
    if module == "__main__" or "<locals>" in name:
        raise SpecError(
            f"{where}: class {name!r} is defined in a notebook cell, a script or a function, where no other "
            "process can import it; move it to a module of its own, and import it from there"
        )
    return public_path(kind)


def public_path(kind: type) -> str:
    """Return ``module:name`` of a class: of byoe's ensembles the public one, whose files may move."""
    ours = kind.__module__.startswith("byoe.") and is_ensemble(kind)
    return f"{'byoe' if ours else kind.__module__}:{kind.__qualname__}"


def encode(value: Any, where: str, *, arrays: bool = True) -> Any:
    """Return a value as JSON; ``where`` begins the message of a SpecError, ``arrays`` lets arrays of numbers in."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    for kinds, form in _ENCODERS:
        if isinstance(value, kinds):
            return form(value, where, arrays)
    return _encode_object(value, where, arrays)


def _encode_float(value: float, _where: str, _arrays: bool) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _encode_list(value: list[Any], where: str, arrays: bool) -> list[Any]:
    return [encode(item, where, arrays=arrays) for item in value]


def _encode_tuple(value: tuple[Any, ...], where: str, arrays: bool) -> dict[str, Any]:
    return {"$tuple": _encode_list(list(value), where, arrays)}


def _encode_type(value: type, where: str, _arrays: bool) -> dict[str, Any]:
    if not issubclass(value, np.generic) and value not in _PLAIN_TYPES:
        raise _inexpressible(value, where)
    return {"$type": np.dtype(value).str}


def _encode_array(value: NDArray[Any], where: str, arrays: bool) -> dict[str, Any]:
    if not arrays or value.dtype.kind not in "biuf":
        raise _inexpressible(value, where)
    return {"$array": encode(value.tolist(), where), "dtype": value.dtype.str}


def _encode_ufunc(value: np.ufunc, where: str) -> dict[str, Any]:
    if getattr(np, value.__name__, None) is not value:
        raise _inexpressible(value, where)
    return {"$ufunc": value.__name__}


def _encode_part(value: Learner | Blender, where: str, arrays: bool) -> Any:
    if value.user_estimator is not None:
        return encode(value.user_estimator, where, arrays=arrays)
    kind: Kind = "learner" if isinstance(value, Learner) else "blender"
    _must_be_registered(kind, value.name, where)
    return {f"${kind}": value.name, "params": encode(value.get_params(), where, arrays=arrays)}


def _encode_object(value: Any, where: str, arrays: bool) -> dict[str, Any]:
    if (scorer := encode_scorer(value, lambda part: encode(part, where, arrays=arrays))) is not None:
        return scorer
    if is_estimator(value):
        params = value.get_params(deep=False)
    elif is_splitter(value):
        params = _splitter_params(value, where)
    else:
        raise _inexpressible(value, where)
    path = class_path(type(value), where)
    encoded = {key: encode(item, f"{where}, {key}", arrays=arrays) for key, item in params.items()}
    return {"$object": path, "params": encoded}


def _inexpressible(value: Any, where: str) -> SpecError:
    return SpecError(
        f"{where}: a {type(value).__name__} ({_short(value)}) cannot be expressed in JSON. Expected "
        "numbers, texts, lists, scikit-learn estimators and splitters"
    )


def _encode_mapping(value: Mapping[Any, Any], where: str, arrays: bool) -> dict[str, Any]:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: encode(item, f"{where}[{key!r}]", arrays=arrays) for key, item in value.items()}
    pairs = [[encode(key, where), encode(item, f"{where}[{key!r}]", arrays=arrays)] for key, item in value.items()]
    return {"$dict": pairs}


_ENCODERS: tuple[tuple[Any, Callable[[Any, str, bool], Any]], ...] = (
    (float, _encode_float),
    (list, _encode_list),
    (tuple, _encode_tuple),
    (np.dtype, lambda value, *_: {"$dtype": value.str}),
    (type, _encode_type),
    (np.ndarray, _encode_array),
    (Mapping, _encode_mapping),
    (Path, lambda value, *_: str(value)),
    (np.ufunc, lambda value, where, _: _encode_ufunc(value, where)),
    (Store, lambda value, *_: {"$store": str(value.folder), "max_bytes": value.max_bytes}),
    ((Learner, Blender), _encode_part),
)


def _splitter_params(splitter: Any, where: str) -> dict[str, Any]:
    """Return what a splitter was made with; repeated ones keep a part of it in ``cvargs``."""
    kept = {**vars(splitter), **getattr(splitter, "cvargs", {})}
    wanted = [
        name
        for name, parameter in inspect.signature(type(splitter)).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    lost = [name for name in wanted if name not in kept]
    if lost:
        raise SpecError(f"{where}: {type(splitter).__name__} does not keep its parameters {', '.join(lost)}")
    return {name: kept[name] for name in wanted}


def is_estimator(value: Any) -> bool:
    """Say whether a value is an instance of scikit-learn's estimators, or of one like them."""
    return not isinstance(value, type) and _looks_like_an_estimator(type(value))


def _looks_like_an_estimator(kind: type) -> bool:
    return all(hasattr(kind, method) for method in ("fit", "get_params", "set_params"))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def is_splitter(value: Any) -> bool:
    """Say whether a value is an instance of scikit-learn's splitters, or of one like them."""
    return hasattr(value, "split") and hasattr(value, "get_n_splits") and not isinstance(value, type)


def decode(value: Any, trusted: Sequence[str] | None = None) -> Any:
    """Return the value that a part of a spec stands for; ``trusted`` is as for `from_spec`."""
    if isinstance(value, list):
        return [decode(item, trusted) for item in value]
    if not isinstance(value, Mapping):
        return value
    for marker, form in _DECODERS.items():
        if marker in value:
            return form(value, trusted)
    return {key: decode(item, trusted) for key, item in value.items()}


_DECODERS: dict[str, Callable[[Mapping[str, Any], Sequence[str] | None], Any]] = {
    "$float": lambda value, _: float(value["$float"]),
    "$tuple": lambda value, trusted: tuple(decode(value["$tuple"], trusted)),
    "$array": lambda value, trusted: np.asarray(decode(value["$array"], trusted), dtype=value["dtype"]),
    "$dict": lambda value, trusted: {decode(key, trusted): decode(item, trusted) for key, item in value["$dict"]},
    "$learner": lambda value, trusted: learner(value["$learner"], **decode(value["params"], trusted)),
    "$blender": lambda value, trusted: blender(value["$blender"], **decode(value["params"], trusted)),
    "$dtype": lambda value, _: np.dtype(value["$dtype"]),
    "$type": lambda value, _: np.dtype(value["$type"]).type,
    "$ufunc": lambda value, _: _ufunc(value["$ufunc"]),
    "$store": lambda value, _: Store(value["$store"], value["max_bytes"]),
    "$scorer": lambda value, trusted: decode_scorer(value, lambda part: decode(part, trusted)),
    "$metric": lambda value, trusted: decode_scorer(value, lambda part: decode(part, trusted)),
    "$object": lambda value, trusted: _make(value["$object"], value["params"], trusted),
}


def _ufunc(name: str) -> np.ufunc:
    found = getattr(np, name, None)
    if not isinstance(found, np.ufunc):
        raise SpecError(f"{name!r} is not one of NumPy's functions of single numbers, such as 'log1p'")
    return found


def _make(path: str, params: Mapping[str, Any], trusted: Sequence[str] | None) -> Any:
    module, _, name = _MOVED.get(path, path).partition(":")
    if trusted is not None and (refused := untrusted([f"{module}.{name}"], trusted)):
        raise BundleError(f"the spec holds a class that byoe does not know: {advice(refused, 'load it')}")
    try:
        kind: Any = importlib.import_module(module)
        for part in name.split("."):
            kind = getattr(kind, part)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"{path!r} cannot be imported here: {error}. Install what brings it") from error
    # A spec may come from outside: it names classes to instantiate, never functions to call.
    if not isinstance(kind, type) or not (_looks_like_an_estimator(kind) or hasattr(kind, "get_n_splits")):
        raise SpecError(f"{path!r} is not a scikit-learn estimator or splitter")
    return kind(**{key: decode(item, trusted) for key, item in params.items()})
