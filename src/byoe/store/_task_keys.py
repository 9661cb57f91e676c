"""What a task is made of, as JSON: its hash is the key under which a store keeps what came of it."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from .._version import __version__
from ..contracts._learner import Learner
from ..contracts._task import Task
from ..data._by_column import values_in_place
from ..data._encoder import needs_encoding
from ..data._table import Table
from ..engine._rows import Rows
from ..engine._tasks import FitTask
from ..errors import SpecError
from ..folds._plan import SplitPlan
from ..registry._json_form import encode, learner_to_spec
from ..registry._parts import parts_of
from ..registry._registry import find
from ..tools._class_weight import ClassWeight
from ..tools._digests import json_digest
from ..tools._routing import requests_of
from ..tools._versions import distributions, installed_version

# 1: members saw codes in place of the user's labels, and regression targets as they are. 2: boosters had a learning
# rate of 0.05, and target means of categories with few rows each. 3: networks had a dropout of 0.15 with any rows.
# 4: a group with most of the rows could be the one to stop on, and rounds grew with the rows without bound.
FORMAT = 5
# What is kept has ensembles inside under the file that they were in at first.
_FIRST_NAMED = '"byoe:Ensemble', '"byoe._ensemble:Ensemble'
_OURS = frozenset({"byoe", "sklearn"})  # whose versions are always part of it


def of_member(label: str, learner: Learner, data: Rows) -> dict[str, Any]:
    """Return what all tasks of a member have in common.

    Raises
    ------
    SpecError
        Says what cannot be told from another of its kind: a function, an object of one's own,
        a class whose code cannot be read.
    """
    parts = parts_of(learner)
    if any(kind.__name__ == "FrozenEstimator" for kind in parts.classes):
        raise SpecError(f"member {label!r}: a FrozenEstimator inside it holds a model that was fitted elsewhere")
    if learner.pickles:
        raise SpecError(f"member {label!r}: its models are pickles, which a store does not load unasked")
    spec = json.loads(json.dumps(learner_to_spec(label, learner)).replace(*_FIRST_NAMED))
    learners = [*parts.learners, learner]
    kinds = {kind for kind in (*parts.classes, *map(type, learners)) if _package(kind) not in _OURS}
    packages = {*map(_package, kinds), *(package for one in learners for package in one.packages())} - _OURS
    names = {"numpy", "scikit-learn", *(name for one in learners for name in one.needs)}
    names |= {name for package in packages for name in distributions(package)}
    versions = {name: installed_version(name) for name in sorted(names)}
    plugins = [find("learner", one.name) for one in learners if one.user_estimator is None]
    versions |= {plugin.distribution: plugin.version for plugin in plugins if plugin.entry_point}
    versions["byoe"] = __version__
    here = [plugin for plugin in plugins if not plugin.entry_point]
    for plugin in here:
        if "<" in plugin.value:  # two of one function's making cannot be told from each other
            raise SpecError(f"member {label!r}: {plugin} is defined inside a function ({plugin.value})")
    kinds |= {plugin.target for plugin in here}
    loose = [kind for kind in kinds if not distributions(_package(kind))]
    by_column = {} if learner.frozen else values_in_place(learner, data.table)  # a name is another place elsewhere
    requests = [] if learner.user_estimator is None or data.weight is None else requests_of(learner.user_estimator)
    return {
        **({"by_column": by_column} if by_column else {}),
        "learner": spec,
        **({"requests": requests} if requests else {}),
        **({"target_transform": encode(list(data.transforms), "target_transform")} if data.transforms else {}),
        "versions": versions,
        "registered": [plugin.value for plugin in here],
        "sources": {kind.__module__: _source(label, kind) for kind in loose},
        "labels": _labels(learner, data.task),
        "frame": _frame(data.table) if learner.frames and not needs_encoding(learner, data.table) else None,
    }


def _labels(learner: Learner, task: Task) -> Any:
    """Return the classes where the learner is told what they are called."""
    if task.classes is None or not (learner.labelled or learner.values_by_label()):
        return None
    return [task.classes.dtype.str, list(map(repr, task.classes.tolist()))]


def of_data(data: Rows, table: str) -> dict[str, Any]:
    """Return what all tasks of a fit have in common; ``table`` is the digest of the table."""
    return {
        "format": FORMAT,
        "task": data.task.as_json(),
        "table": table,
        "y": of_array(data.y),
        "weight": of_array(data.weight),
        "time_ordered": data.plan.is_time_ordered,
        **({"class_weight": _of_classes(data.class_weight)} if data.class_weight is not None else {}),
    }


def _of_classes(weights: ClassWeight) -> Any:
    return weights if isinstance(weights, str) else sorted((code, float(own)) for code, own in weights.items())


def of_groups(plan: SplitPlan, *, names: bool) -> Any:
    """Return the digest of a plan's groups: which rows stand together, in which order, and their names if asked for."""
    if plan.groups is None:
        return None
    known, codes = np.unique(plan.groups, return_inverse=True)
    return [of_array(codes), json_digest(repr(known.tolist())) if names else None]


def uses_groups(learner: Learner, data: Rows, *, stopping: bool) -> bool:
    """Return whether a fit looks at groups beyond its rows: in a split of its own."""
    return learner.grouped or stopping or _tries_scales(data) or needs_encoding(learner, data.table)


def _tries_scales(data: Rows) -> bool:
    """Return whether members find the scale of the target inside their training rows, by the metric."""
    return "auto" in data.transforms


def of_task(task: FitTask, rounds: Sequence[int], prepared: int | None, rows: dict[int, Any]) -> dict[str, Any]:
    """Return what is a task's own.

    Parameters
    ----------
    task : FitTask
    rounds : sequence of int
        How many rounds its models get, where that is known.
    prepared : int or None
        Seed of what prepared the table, where that is done once for all folds.
    rows : dict of fold to digests
        Those of training and test rows that are known; taken from it and added to it.
    """
    if task.fold not in rows:
        rows[task.fold] = {"train": of_array(task.train), "test": of_array(task.test)}
    return {
        **rows[task.fold],
        "seed": task.seed,
        "stopping": task.stopping or False,
        "rounds": list(rounds),
        "prepared": prepared,
        "model": task.keep,
    }


def of_stopping(task: FitTask, data: Rows) -> dict[str, Any]:
    """Return what a task watches to stop by, or chooses a scale by; nothing where that is the learner's own loss."""
    watches = data.stop_loss is not None and (task.stopping or _tries_scales(data))
    return {"stop_loss": repr(data.stop_loss)} if watches else {}


def plan_key(cv: Any, data: Rows, table: str) -> str:
    """Return the key of a plan's seed.

    A number of folds is a number: which folds they are, the seed says. Any other plan is known by its folds.
    """
    by_number = isinstance(cv, (int, np.integer))
    folds = int(cv) if by_number else [list(map(of_array, fold)) for fold in data.plan.folds]
    # Whether the folds of a number are in the order of time is, like they, a matter of the seed.
    shared = {**of_data(data, table), "time_ordered": None}
    return json_digest({**shared, "cv": folds, "groups": of_groups(data.plan, names=True)})


def of_array(values: Any) -> str | None:
    """Return the SHA-256 of an array of numbers with its type and shape, None for None."""
    if values is None:
        return None
    found = hashlib.sha256(repr((values.dtype.str, values.shape)).encode())
    found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()


def _frame(table: Table) -> Any:
    """Return what a learner may see in the user's container beyond the values: names and types of columns."""
    native = table.native
    kind = f"{type(native).__module__}.{type(native).__qualname__}"
    if hasattr(native, "dtype"):
        return [kind, str(native.dtype)]
    if hasattr(native, "iloc"):
        columns = [[repr(name), str(dtype), _categories(dtype)] for name, dtype in native.dtypes.items()]
    else:
        schema = nw.from_native(native, eager_only=True).schema
        columns = [[name, str(dtype)] for name, dtype in schema.items()]
    return [kind, columns]


def _categories(dtype: Any) -> str | None:
    """Return the categories of a column of pandas in their order, of which the text of a type shows only some."""
    return repr((list(dtype.categories), dtype.ordered)) if hasattr(dtype, "categories") else None


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _source(label: str, kind: type) -> str:
    """Return the digest of the file of a class that belongs to no distribution, whose version would tell of changes."""
    try:
        return hashlib.sha256(Path(inspect.getfile(sys.modules[kind.__module__])).read_bytes()).hexdigest()
    except (OSError, TypeError, KeyError) as error:
        text = f"member {label!r}: the code of class {kind.__name__!r} cannot be read ({type(error).__name__}: {error})"
        raise SpecError(text) from error
