"""The rules for what a plugin may claim as the built-in ones do: rows without a copy, lean serving, a form in ONNX."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone

from ..contracts._blender import Blender
from ..contracts._learner import Explains, Learner, StopRows
from ..contracts._task import FloatArray, Task
from ..data._column import Column
from ..errors import ParameterError, PluginError, SpecError
from ..fitted._shield import same_rows
from ..registry._json_form import class_path, encode
from ._rules import BrokenPromiseError, NotSupportedError, Rule, rule
from ._subjects import BlenderSubject, Fit, LearnerSubject, Sample

LEARNER_BOOK: list[Rule] = []
BLENDER_BOOK: list[Rule] = []

# Of the largest value: what rounding may change, and what it may in single precision.
_ROUNDING, _SINGLE = 1e-12, 2e-6
_LEAN = "It is read, and predicts the same to the bit, in a process without scikit-learn and pandas"
_ONNX = "The graph that it is exported to predicts as it does"
# Runs in a process of its own, as an endpoint does: the module is imported to ask whether it is lean, and then the
# libraries are kept out. Says what it predicts in a file.
_READ_LEAN = """
import importlib, json, sys
from pathlib import Path
import numpy as np
from byoe.contracts._constant import load_model
from byoe.contracts._task import Task
from byoe.registry._json_form import decode
from byoe.tools._keep_out import kept_out

def check(what):
    loaded = sorted({"sklearn", "pandas"} & sys.modules.keys())
    if loaded:
        sys.exit(f"{what} loads {loaded[0]}; import what needs it where it is used")

said = json.loads(sys.argv[1])
module, _, name = said["class"].partition(":")
kind = importlib.import_module(module)
check(f"importing {module}")
for part in name.split("."):
    kind = getattr(kind, part)
with kept_out():
    made = kind(**decode(said["params"]))
    rows = np.load(said["rows"])
    if said["files"]:
        made = load_model(made, Path(said["files"]), task=Task(**said["task"]))
    else:
        made = made.restore(said["state"], trusted=())
    np.save(said["answer"], made.predict(rows))
    if said["explained"]:
        np.save(said["explained"], made.contributions(rows))
check("it")
"""


@rule(LEARNER_BOOK, "rows lent", "Nothing that it gets is changed, in any of its ways to fit, predict and explain")
def _rows_lent(subject: LearnerSubject) -> None:
    if not subject.learner.leaves_rows_alone:
        raise NotSupportedError("leaves_rows_alone is False; it gets copies of the rows")
    for given, ways in _tables(subject):
        for fit in ways:
            _check_left_alone(subject, given, fit)


def _check_left_alone(subject: LearnerSubject, given: Sample, fit: Fit) -> None:
    lent: dict[str, Any] = {"X": given.X, "y": given.y, "sample_weight": given.weight}
    options: dict[str, Any] = {}
    if fit == subject.fit_bare:
        if subject.learner.grouped:
            lent["groups"] = options["groups"] = np.arange(len(given.y)) // 4
        if subject.learner.stops:
            options["stop"] = StopRows(copy.deepcopy(given.X), given.y.copy(), None, patience=5)
            lent |= {"the X of stop": options["stop"].X, "the y of stop": options["stop"].y}
    before = copy.deepcopy(lent)

    def check(act: str) -> None:
        changed = [name for name, rows in lent.items() if not same_rows(rows, before[name])]
        if changed:
            raise BrokenPromiseError(
                f"for {given.task.kind}, {act} changed {', '.join(changed)} in place (leaves_rows_alone is True)"
            )

    model: Any = fit(given, **options)
    check("fit")
    model.predict(given.X)
    check("predict")
    if isinstance(model, Explains):
        with suppress(ParameterError):  # it has none
            model.contributions(given.X)
        check("contributions")
    if hasattr(model, "importances"):
        model.importances()
        check("importances")


def _tables(subject: LearnerSubject) -> Iterator[tuple[Sample, list[Fit]]]:
    """Yield the kinds of tables that a learner takes as they are, and its ways to fit them."""
    learner, tasks = subject.learner, list(subject.tasks())
    if learner.multi_output and "regression" in learner.tasks:
        tasks.append(Task("regression", n_outputs=2))
    for task in tasks:
        given = subject.sample(task)
        if learner.weights != "none":
            given = replace(given, weight=np.linspace(0.5, 2.0, len(given.y)))
        yield given, subject.ways(given)
        if learner.missing:
            holes = _with_holes(given)
            yield holes, subject.ways(holes)
    given = subject.sample(subject.task, at_least=600)
    if learner.takes_category(6, len(given.y)):
        codes = replace(given, columns=(Column("category", tuple("abcdef")), *(Column("number"),) * 3))
        yield codes, subject.ways(codes)
    if learner.sparse:
        sparse = replace(given, X=csr_matrix(np.where(given.X > 2, given.X, 0.0)))
        yield sparse, subject.ways(sparse)
    if learner.frames and find_spec("pandas") is not None:
        import pandas as pd

        yield replace(given, X=pd.DataFrame(given.X, columns=list("abcd"))), [subject.fit_bare]


def _with_holes(given: Sample) -> Sample:
    holes = given.X.copy()
    holes[::5, 0] = np.nan
    return replace(given, X=holes)


@rule(LEARNER_BOOK, "lean serving", _LEAN)
def _lean_learner(subject: LearnerSubject) -> None:
    if not subject.learner.lean:
        raise NotSupportedError("lean is False; an endpoint with it loads scikit-learn")
    for task in subject.tasks():
        given = subject.sample(task)
        if subject.learner.missing:
            given = _with_holes(given)
        model: Any = subject.fit_bare(given)
        expected = {"predictions": np.asarray(model.predict(given.X))}
        if isinstance(model, Explains):
            with suppress(ParameterError):  # it has none
                expected["contributions"] = np.asarray(model.contributions(given.X))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, "model")
            place.mkdir()
            model.save(place)
            answers = _in_lean_process(
                subject.learner,
                Path(folder),
                given.X,
                files=str(place),
                task=task.as_json(),
                explained=str(Path(folder, "contributions.npy")) if "contributions" in expected else "",
            )
        _check_same(answers, expected, task)


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
            answers = _in_lean_process(
                fitted, Path(folder), oof.predictions, files="", explained="", state=fitted.state()
            )
        _check_same(answers, {"predictions": fitted.predict(oof.predictions)}, task)


def _in_lean_process(made: Learner | Blender, folder: Path, rows: FloatArray, **said: Any) -> dict[str, FloatArray]:
    try:
        said |= {"class": class_path(type(made), "it"), "params": encode(made.get_params(), "it")}
    except SpecError as error:
        raise NotSupportedError(f"{error}; so it cannot be tried in a process of its own") from error
    np.save(folder / "rows.npy", rows)
    said |= {"rows": str(folder / "rows.npy"), "answer": str(folder / "predictions.npy")}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _READ_LEAN, json.dumps(said)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BrokenPromiseError(f"in a process without scikit-learn and pandas: {told[-1]} (lean is True)")
    answers = {name: folder / f"{name}.npy" for name in ("predictions", "contributions")}
    return {name: np.load(file) for name, file in answers.items() if file.exists()}


def _check_same(answers: Mapping[str, FloatArray], expected: Mapping[str, FloatArray], task: Task) -> None:
    for name, values in expected.items():
        if not np.array_equal(answers[name], values):
            gap = float(np.abs(answers[name] - values).max())
            raise BrokenPromiseError(f"for {task.kind}, {name} there differ by up to {gap:.3g} (lean is True)")


@rule(LEARNER_BOOK, "ONNX", _ONNX)
def _onnx_learner(subject: LearnerSubject) -> None:
    tasks = list(subject.tasks())
    if subject.learner.multi_output and "regression" in subject.learner.tasks:
        tasks.append(Task("regression", n_outputs=2))
    voting: Any = "mean" if subject.learner.gives_probabilities else "vote"
    tables = [given for task in tasks for given in (subject.sample(task), _with_holes(subject.sample(task)))]
    _check_graphs([("member", subject.make())], voting, tables)


@rule(BLENDER_BOOK, "ONNX", _ONNX)
def _onnx_blender(subject: BlenderSubject) -> None:
    from ..registry._registry import learner
    from ._subjects import sample

    members = [("one", learner("ridge")), ("two", learner("elastic_net")), ("three", learner("ridge", alpha=100.0))]
    _check_graphs(members, clone(subject.blender), [sample(task, 120) for task in subject.tasks(3)])


def _check_graphs(members: Any, blender: Any, tables: Sequence[Sample]) -> None:
    _need_onnx()
    why: NotSupportedError | None = None
    checked = False
    for given in tables:
        try:
            _check_graph(members, blender, given)
            checked = True
        except NotSupportedError as error:
            why = error
    if why is not None and not checked:
        raise why


def _need_onnx() -> None:
    for name in ("onnx", "onnxruntime"):
        if find_spec(name) is None:
            raise NotSupportedError(f"{name} is not installed, so that no graph can be tried")


def _check_graph(members: Any, blender: Any, given: Sample) -> None:
    """Export an ensemble, and compare what its graph predicts with what it does."""
    import onnxruntime

    from ..ensemble._classifier import EnsembleClassifier
    from ..ensemble._regressor import EnsembleRegressor

    # Where rows are equally far from one, which of them is near would be a matter of rounding.
    given = replace(given, X=given.X + 0.1 * np.random.default_rng(0).normal(size=given.X.shape))
    classes = given.task.is_classification
    kind: Any = EnsembleClassifier if classes else EnsembleRegressor
    ensemble = kind(members, blender, cv=2, random_state=0, n_jobs=1).fit(given.X, given.y)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = ensemble.to_onnx(Path(folder, "model.onnx"))
        except ParameterError as error:
            raise NotSupportedError(str(error).partition(". To export it")[0]) from error
        except PluginError as error:
            raise BrokenPromiseError(f"for {given.task.kind}: {error}") from error
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        probabilities = classes and ensemble.blender_.gives_probabilities
        name = "probabilities" if probabilities else "label" if classes else "prediction"
        found, alone = (
            np.asarray(session.run([name], {"X": rows})[0], dtype=np.float64) for rows in (given.X, given.X[:1])
        )
    expected = ensemble.predict_proba(given.X) if probabilities else ensemble.predict(given.X)
    single = any(
        getattr(model, "single_precision", False)
        for member in ensemble.members_.values()
        for fold_model in member.models
        for model in fold_model.models
    )
    bound = (_SINGLE if single else _ROUNDING) * max(1.0, float(np.abs(expected).max()))
    holes = ", with missing cells" if np.isnan(given.X).any() else ""
    for what, values, wanted in (("", found, expected), (" of a row alone", alone, expected[:1])):
        gap = np.abs(values - wanted).max() if values.shape == wanted.shape else np.inf
        if not gap <= bound:
            raise BrokenPromiseError(
                f"for {given.task.kind}{holes}, the graph's {name}{what} differs by up to {gap:.3g}"
            )
