"""The rules for what a plugin may claim as the built-in ones do: rows without a copy, lean serving, a form in ONNX."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone

from ..contracts._blender import Blender
from ..contracts._learner import Explains, Learner
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError, SpecError
from ..registry._json_form import class_path, encode
from ._rules import BrokenPromiseError, NotSupportedError, Rule, rule
from ._subjects import BlenderSubject, LearnerSubject, Sample

LEARNER_BOOK: list[Rule] = []
BLENDER_BOOK: list[Rule] = []

# Of the largest value: what rounding may change, and what it may in single precision.
_ROUNDING, _SINGLE = 1e-12, 2e-6
_LEAN = "It is read, and predicts the same to the bit, in a process without scikit-learn and pandas"
_ONNX = "The graph that it is exported to predicts as it does"
# Runs in a process of its own, with the libraries kept out; says what it predicts in a file.
_READ_LEAN = """
import importlib, json, sys
from pathlib import Path
import numpy as np
from byoe.tools._keep_out import kept_out
said = json.loads(sys.argv[1])
with kept_out():
    from byoe.contracts._task import Task
    from byoe.registry._json_form import decode
    module, _, name = said["class"].partition(":")
    kind = importlib.import_module(module)
    for part in name.split("."):
        kind = getattr(kind, part)
    made = kind(**decode(said["params"]))
    rows = np.load(said["rows"])
    if said["files"]:
        made = made.load(Path(said["files"]), task=Task(**said["task"]), trusted=())
    else:
        made = made.restore(said["state"], trusted=())
    np.save(said["answer"], made.predict(rows))
loaded = sorted({"sklearn", "pandas"} & sys.modules.keys())
sys.exit(f"{loaded[0]} was loaded" if loaded else 0)
"""


@rule(LEARNER_BOOK, "rows lent", "Nothing that it gets is changed, in any of its ways to fit, predict and explain")
def _rows_lent(subject: LearnerSubject) -> None:
    if not subject.learner.leaves_rows_alone:
        raise NotSupportedError("leaves_rows_alone is False; it gets copies of the rows")
    for given in _tables(subject):
        before = given.X.copy(), given.y.copy()
        for fit in subject.ways(given):
            model: Any = fit(given)
            model.predict(given.X)
            if isinstance(model, Explains):
                with suppress(ParameterError):  # it has none
                    model.contributions(given.X)
            if hasattr(model, "importances"):
                model.importances()
            if not (_same(given.X, before[0]) and np.array_equal(given.y, before[1])):
                raise BrokenPromiseError(
                    "fit, predict or contributions changed X or y in place (leaves_rows_alone is True)"
                )


def _tables(subject: LearnerSubject) -> Iterator[Sample]:
    """Yield the kinds of tables that a learner takes as they are."""
    given = subject.sample(subject.task)
    yield given
    if subject.learner.missing:
        holes = given.X.copy()
        holes[::5, 0] = np.nan
        yield replace(given, X=holes)
    if subject.learner.sparse:
        yield replace(given, X=csr_matrix(np.where(given.X > 2, given.X, 0.0)))


def _same(one: Any, other: Any) -> bool:
    if hasattr(one, "indptr"):
        return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("data", "indices", "indptr"))
    return np.array_equal(one, other, equal_nan=True)


@rule(LEARNER_BOOK, "lean serving", _LEAN)
def _lean_learner(subject: LearnerSubject) -> None:
    if not subject.learner.lean:
        raise NotSupportedError("lean is False; an endpoint with it loads scikit-learn")
    for task in subject.tasks():
        given = subject.sample(task)
        model = subject.fit_bare(given)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, "model")
            place.mkdir()
            model.save(place)
            answer = _in_lean_process(subject.learner, Path(folder), given.X, files=str(place), task=asdict(task))
        _check_same(answer, np.asarray(model.predict(given.X)), task)


@rule(BLENDER_BOOK, "lean serving", _LEAN)
def _lean_blender(subject: BlenderSubject) -> None:
    if not subject.blender.lean:
        raise NotSupportedError("lean is False; an endpoint with it loads scikit-learn")
    if subject.blender.passthrough is not False:
        raise NotSupportedError("with passthrough its rows are not those of the members alone")
    for task in subject.tasks():
        oof = subject.oof(task)
        fitted = subject.fit(oof).in_use
        if not fitted.lean:
            raise NotSupportedError(f"it chose {fitted.name!r}, whose lean is False")
        with tempfile.TemporaryDirectory() as folder:
            answer = _in_lean_process(fitted, Path(folder), oof.predictions, files="", state=fitted.state())
        _check_same(answer, fitted.predict(oof.predictions), task)


def _in_lean_process(made: Learner | Blender, folder: Path, rows: FloatArray, **said: Any) -> FloatArray:
    try:
        said |= {"class": class_path(type(made), "it"), "params": encode(made.get_params(), "it")}
    except SpecError as error:
        raise NotSupportedError(f"{error}; so it cannot be tried in a process of its own") from error
    np.save(folder / "rows.npy", rows)
    said |= {"rows": str(folder / "rows.npy"), "answer": str(folder / "answer.npy")}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _READ_LEAN, json.dumps(said)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BrokenPromiseError(f"in a process without scikit-learn and pandas: {told[-1]} (lean is True)")
    return np.asarray(np.load(folder / "answer.npy"))


def _check_same(answer: FloatArray, expected: FloatArray, task: Task) -> None:
    if not np.array_equal(answer, expected):
        gap = float(np.abs(answer - expected).max())
        raise BrokenPromiseError(f"for {task.kind}, predictions there differ by up to {gap:.3g} (lean is True)")


@rule(LEARNER_BOOK, "ONNX", _ONNX)
def _onnx_learner(subject: LearnerSubject) -> None:
    _need_onnx()
    for task in subject.tasks():
        given = subject.sample(task)
        voting: Any = "mean" if subject.learner.gives_probabilities else "vote"
        model: Any = subject.fit(given).models[0]
        single = bool(getattr(model, "single_precision", False))
        _check_graph([("member", subject.make())], voting, given, single=single)


@rule(BLENDER_BOOK, "ONNX", _ONNX)
def _onnx_blender(subject: BlenderSubject) -> None:
    from ..registry._registry import learner
    from ._subjects import sample

    _need_onnx()
    members = [("one", learner("ridge")), ("two", learner("elastic_net")), ("three", learner("ridge", alpha=100.0))]
    for task in subject.tasks(3):
        _check_graph(members, clone(subject.blender), sample(task, 120), single=False)


def _need_onnx() -> None:
    for name in ("onnx", "onnxruntime"):
        if find_spec(name) is None:
            raise NotSupportedError(f"{name} is not installed, so that no graph can be tried")


def _check_graph(members: Any, blender: Any, given: Sample, *, single: bool) -> None:
    """Export an ensemble, and compare what its graph predicts with what it does."""
    import onnxruntime

    # Where rows are equally far from one, which of them is near would be a matter of rounding.
    given = replace(given, X=given.X + 0.1 * np.random.default_rng(0).normal(size=given.X.shape))
    from ..ensemble._classifier import EnsembleClassifier
    from ..ensemble._regressor import EnsembleRegressor

    classes = given.task.is_classification
    kind: Any = EnsembleClassifier if classes else EnsembleRegressor
    ensemble = kind(members, blender, cv=2, random_state=0, n_jobs=1).fit(given.X, given.y)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = ensemble.to_onnx(Path(folder, "model.onnx"))
        except ParameterError as error:
            raise NotSupportedError(str(error).partition(". To export it")[0]) from error
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        probabilities = classes and ensemble.blender_.gives_probabilities
        name = "probabilities" if probabilities else "label" if classes else "prediction"
        (found,) = session.run([name], {"X": given.X})
    expected = ensemble.predict_proba(given.X) if probabilities else ensemble.predict(given.X)
    bound = (_SINGLE if single else _ROUNDING) * max(1.0, float(np.abs(expected).max()))
    gap = np.abs(np.asarray(found, dtype=np.float64) - expected).max()
    if gap > bound:
        raise BrokenPromiseError(f"for {given.task.kind}, the graph's {name} differs by up to {gap:.3g}")
