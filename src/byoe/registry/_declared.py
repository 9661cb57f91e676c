"""What can be told of a learner or a blender without fitting it: whether it is what the contract says."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from ..contracts._blender import Blender
from ..contracts._by_column import FORMS
from ..contracts._learner import Learner
from ..contracts._model_check import call_faults
from ..contracts._onnx import BlenderToOnnx
from ..contracts._optional import Prepares, SolvesMoments
from ..contracts._search_space import check_domain
from ..contracts._task import LEVELS
from ..errors import ParameterError
from ..learners._estimator import EstimatorLearner

_TASKS = frozenset({"regression", "classification"})
_FLAGS = (
    "missing categorical scaled sparse multi_output grouped frozen gives_probabilities stops leaves_rows_alone lean "
    "frames encoded pickles labelled"
).split()
_FIT = ("task", "sample_weight", "seed", "threads")
_OPTIONAL = {
    "can_prepare": ("can_prepare", "prepare", "fit_rows"),
    "can_fit_moments": ("can_fit_moments", "fit_moments"),
}


def broken_promise(made: Learner | Blender) -> str | None:
    """Return the first thing in which a learner or a blender is not what the contract says; None if it is."""
    return next(_of_learner(made) if isinstance(made, Learner) else _of_blender(made), None)


def _of_learner(made: Any) -> Iterator[str]:
    yield from _of_both(made)
    yield from _misspelt(made, Learner)
    kind = type(made)
    if made.finalize not in ("bag", "refit"):
        yield f"finalize is {made.finalize!r}, expected 'bag' or 'refit'"
    yield from _flags(made, _FLAGS)
    if not isinstance(made.needs, tuple) or not all(isinstance(name, str) for name in made.needs):
        yield f"needs is {made.needs!r}, expected a tuple of names of distributions"
    yield from _names(made)
    yield from _by_column(made)
    yield from _by_label(made)
    if isinstance(made, EstimatorLearner) and kind.fit is EstimatorLearner.fit:
        yield from _written(kind, EstimatorLearner, "estimator")
        yield from call_faults(made, "estimator", ("task", "y"), ())
    yield from _written(kind, Learner, "fit", "load")
    for names in _OPTIONAL.values():
        there = [name for name in names if callable(getattr(made, name, None))]
        if there and len(there) < len(names):
            missing = ", ".join(name for name in names if name not in there)
            yield f"it has {', '.join(there)} and lacks {missing}; these belong together"
    given = ["stop", "rounds"] if made.stops else []
    prepare = [*_FIT, *(["categorical"] if made.categorical else [])]
    yield from call_faults(made, "fit", ("X", "y"), prepare, [*given, *(["groups"] if made.grouped else [])])
    yield from call_faults(made, "load", ("folder",), ("task", "trusted"))
    if isinstance(made, Prepares):
        yield from call_faults(made, "can_prepare", ("X",), ())
        yield from call_faults(made, "prepare", ("X", "y"), prepare)
        yield from call_faults(made, "fit_rows", ("prepared", "rows", "y"), _FIT, given)
    if isinstance(made, SolvesMoments):
        yield from call_faults(made, "can_fit_moments", ("task",), ())
        yield from call_faults(made, "fit_moments", ("moments",), ("task", "seed", "threads"))


def _of_blender(made: Any) -> Iterator[str]:
    yield from _of_both(made)
    yield from _misspelt(made, Blender)
    if not isinstance(made.defaults, Mapping):
        yield f"defaults is {made.defaults!r}, expected a mapping from parameters to their defaults"
    yield from _flags(made, ("convex", "lean", "gives_probabilities", "takes_scores"))
    yield from _written(type(made), Blender, "fit", "predict", "state", "restore")
    yield from call_faults(made, "fit", ("oof",), ())
    yield from call_faults(made, "predict", ("predictions", "X"), ())
    yield from call_faults(made, "state", (), ())
    yield from call_faults(made, "restore", ("state",), ("trusted",))
    if isinstance(made, BlenderToOnnx):
        yield from call_faults(made, "to_onnx", ("graph", "predictions", "features"), ())


def _of_both(made: Any) -> Iterator[str]:
    if "_given" not in vars(made):
        yield (
            f"{type(made).__name__} writes an __init__ that does not call super().__init__(**params); write none: "
            "parameters come as keywords, and get_params() returns those that were given"
        )
        return
    try:
        tasks = frozenset(made.tasks)
    except TypeError:
        tasks = frozenset()
    if isinstance(made.tasks, str) or not tasks or not tasks <= _TASKS:
        yield f"tasks is {made.tasks!r}, expected a set of 'regression' and 'classification'"
    if made.weights not in LEVELS:
        yield f"weights is {made.weights!r}, expected one of {', '.join(map(repr, LEVELS))}"


def _misspelt(made: Any, base: type) -> Iterator[str]:
    """Yield class attributes that look like declarations and are none."""
    known = {name: getattr(base, name) for name in dir(base) if not name.startswith("_")}
    known = {name: default for name, default in known.items() if isinstance(default, (bool, str, tuple, Mapping, Set))}
    for kind in type(made).__mro__:
        for name, value in vars(kind).items() if not kind.__module__.startswith("byoe.") else ():
            if name.startswith("_") or hasattr(base, name):
                continue
            for meant in difflib.get_close_matches(name, known, n=1, cutoff=0.8):
                if type(value) is type(known[meant]):
                    yield f"{kind.__name__} declares {name!r}, which means nothing; did you mean {meant!r}?"


def _flags(made: Any, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if not isinstance(getattr(made, name), bool):
            yield f"{name} is {getattr(made, name)!r}, expected True or False"


def _names(made: Any) -> Iterator[str]:
    known = made.parameter_names()
    if known is not None and not isinstance(known, (set, frozenset)):
        yield f"parameter_names() is a {type(known).__name__}, expected a set of names, or None"
        return
    for table in ("shared", "aliases"):
        found = getattr(made, table)
        if not isinstance(found, Mapping):
            yield f"{table} is {found!r}, expected a mapping of names"
            continue
        unknown = [own for own in found.values() if known is not None and own not in known]
        if unknown:
            yield f"{table} leads to {', '.join(map(repr, unknown))}, which parameter_names() does not have"
    if not isinstance(made.space, Mapping):
        yield f"space is {made.space!r}, expected a mapping from parameters to what they may be"
        return
    for name, given in made.space.items():
        if known is not None and made.own_name(name) not in known:
            yield f"space holds {name!r}, which parameter_names() does not have"
        try:
            check_domain(name, given)
        except ParameterError as error:
            yield f"space is wrong: {error}"


def _by_column(made: Any) -> Iterator[str]:
    known = made.parameter_names()
    if not isinstance(made.by_column, Mapping) or not set(made.by_column.values()) <= set(FORMS):
        yield f"by_column is {made.by_column!r}, expected a mapping of parameters to {', '.join(map(repr, FORMS))}"
    elif unknown := [own for own in made.by_column if known is not None and own not in known]:
        yield f"by_column holds {', '.join(map(repr, unknown))}, which parameter_names() does not have"


def _by_label(made: Any) -> Iterator[str]:
    known = made.parameter_names()
    if not isinstance(made.by_label, tuple) or not all(isinstance(name, str) for name in made.by_label):
        yield f"by_label is {made.by_label!r}, expected a tuple of names of parameters"
    elif unknown := [name for name in made.by_label if known is not None and name not in known]:
        yield f"by_label holds {', '.join(map(repr, unknown))}, which parameter_names() does not have"


def _written(kind: type, base: type, *methods: str) -> Iterator[str]:
    for method in methods:
        if getattr(kind, method) is getattr(base, method):
            yield f"{kind.__name__} does not define {method}"
