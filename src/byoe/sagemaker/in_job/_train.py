"""Inside the job: what the generated ``train.py`` runs, on SageMaker and locally alike."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...data._input import check_target, learn_table, read_table
from ...data._labelled import labelled, read_labelled
from ...data._roles import Dataset
from ...engine._memory import free_memory
from ...ensemble._base import BaseEnsemble
from ...ensemble._configure import configure
from ...ensemble._load import from_spec
from ...errors import InputError, JobError, ParameterError
from ...mlflow._log import Logged
from ...scoring._board import scored_blend
from ...scoring._metrics import Metric
from ...scoring._threshold import as_served
from ...tools._sizes import tell_bytes
from ..shared._checks import Variant, variant_of
from ..shared._metric_lines import metric_line
from ..shared._names import BASELINE, SERVING_REQUIREMENTS
from ..shared._runtime import GRAPH_REQUIREMENTS, RUNS_GRAPHS, code_of
from ..shared._savings import fitted_line
from ..shared._setup import write_setup
from ._fold_scores import FoldScores
from ._hosts import hosts_of_job, leading, work
from ._log import say
from ._owner import check_origin, end_with_owner
from ._room import check_room
from ._serving_needs import blender_lines, libraries_in_use, needed_lines
from ._shards import read_shards, roles_and_reading
from ._tracking import named, tracked

_CELL = 8  # bytes


class Terminated(BaseException):
    """The platform asks the job to end: a spot instance is taken back, or the job was stopped."""


def main() -> int:
    """Train, report, save. Return the exit code; a failure is explained in the failure file."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        run(Path.cwd())
    except Terminated:
        kept = f"; what is finished is kept in {_checkpoints()}, for the next attempt" if _checkpoints() else ""
        say(f"ended by the platform{kept}")
        return 128 + signal.SIGTERM
    except Exception as error:
        traceback.print_exc()
        output = _output()
        output.mkdir(parents=True, exist_ok=True)
        # The platform shows the first 1024 characters: the reason comes before the traceback.
        reason = f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}"
        (output / "failure").write_text(reason, encoding="utf-8")
        return 1
    return 0


def _terminate(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise Terminated


def _checkpoints() -> Path | None:
    """Return the folder that the platform synchronises with S3, if the job has one."""
    folder = _output().parent / "checkpoints"
    return folder if folder.is_dir() else None


def _output() -> Path:
    return Path(os.environ.get("SM_OUTPUT_DIR", "/opt/ml/output"))


def run(source: Path) -> None:
    """Train the ensemble that the source folder describes."""
    started = time.perf_counter()
    check_origin()
    if os.environ.get("BYOE_OWNED"):  # set for local jobs, whose owner holds their standard input
        end_with_owner()
    spec = json.loads((source / "spec.json").read_text(encoding="utf-8"))
    variant = _read_variant(spec)
    ensemble = _set_up(variant)
    check_room(ensemble, spec["data"])
    if asked := spec.get("fold_scores"):
        metric = next(one for one in variant.metrics if f"validation:{one.name}" == asked["objective"])
        ensemble._on_fold = FoldScores(metric, _checkpoints(), **asked)
    brought = read_shards(spec["data"])
    if brought is None:
        return
    train, validation = _read_data(spec["data"], ensemble, brought)
    say(f"read {len(train.X)} rows x {train.X.shape[1]} columns in {time.perf_counter() - started:.2f} s")
    hosts, here = hosts_of_job()
    setting = spec.get("tracking") if here == hosts[0] else None
    with tracked(setting, resumes=_checkpoints() is not None) as run_of_job:
        with _all_hosts(train, ensemble, started) as leads:
            if not leads:
                return
            _fit(ensemble, train)
        ensemble = _pruned(ensemble, spec, train)
        model = _write_model(source, spec, ensemble, train)
        metrics = evaluate(ensemble, validation, variant.metrics)
        draws = _draws(spec["requirements"])
        page = _write_reports(ensemble, metrics, validation, pictures=draws)
        _write_baseline(ensemble, train)
        say(f"saved the ensemble in {model} after {time.perf_counter() - started:.2f} s")
        for name, value in metrics.items():
            print(metric_line(name, value), flush=True)
        what = Logged(None, named(metrics, held_out=validation is not None), page=page, pictures=draws)
        run_of_job.keep(ensemble, model, trusted=spec["trusted"], what=what)


def _read_variant(spec: Mapping[str, Any]) -> Variant:
    """Return what is to be trained: the ensemble of the specification with the job's hyperparameters."""
    values = json.loads(os.environ.get("SM_HPS", "{}"))
    # A tuning job tells its trials what it compares them by.
    hyperparameters = {name: value for name, value in values.items() if not name.startswith("_tuning_")}
    if hyperparameters:
        say(f"hyperparameters {json.dumps(hyperparameters, sort_keys=True)}")
    return variant_of(configure(from_spec(spec), hyperparameters))


def _set_up(variant: Variant) -> Any:
    """Return the ensemble, made to use what the job's machine has."""
    ensemble = on_gpu(variant) if int(os.environ.get("SM_NUM_GPUS", "0")) else variant.ensemble
    ensemble.set_params(verbose=1)
    checkpoints = _checkpoints()
    if checkpoints is not None and ensemble.store is None:
        ensemble.set_params(store=str(checkpoints))
        say(f"finished tasks are kept in {checkpoints}")
    return ensemble


def _read_data(
    roles: dict[str, Any], ensemble: BaseEnsemble, brought: dict[str, Any]
) -> tuple[Dataset, Dataset | None]:
    """Return the training table, and the validation table if there is one, checked before anything is fitted."""
    task = "classification" if ensemble._classifies else "regression"
    train, validation = (_channel(name, roles, task, brought) for name in ("train", "validation"))
    if train is None:
        raise JobError("there is no channel 'train'")
    if validation is not None:
        validation = fitting(validation, train, classes=ensemble._classifies, categorical=ensemble.categorical)
    return train, validation


@contextmanager
def _all_hosts(train: Dataset, ensemble: BaseEnsemble, started: float) -> Iterator[bool]:
    """Yield whether this host fits, with the others as its workers; one that does not has worked before."""
    hosts, here = hosts_of_job()
    if len(hosts) < 2:
        yield True
        return
    _, table = learn_table(train.X, ensemble.categorical)
    if here != hosts[0]:
        say(f"works for {hosts[0]}")
        work(hosts[0], table)
        yield False
        return
    digest = table.digest()
    del table  # the fit reads its own
    with leading(hosts, digest):
        say(f"{len(hosts)} hosts are together after {time.perf_counter() - started:.2f} s")
        yield True


def _fit(ensemble: BaseEnsemble, train: Dataset) -> None:
    begun = time.perf_counter()
    ensemble.fit(train.X, train.y, sample_weight=train.weight, groups=train.groups)
    say(fitted_line(len(ensemble.members_), time.perf_counter() - begun))


def _pruned(ensemble: Any, spec: Mapping[str, Any], train: Dataset) -> Any:
    """Return the ensemble without the members that the job was told to leave out, if it was told."""
    if spec.get("prune") is None:
        return ensemble
    try:
        pruned = ensemble.prune(spec["prune"], X=train.X)
    except ParameterError as error:  # what was fitted must not be lost for it
        say(f"all members are kept: {error}")
        return ensemble
    say(f"serves {len(pruned.members_)} of {len(ensemble.members_)} members: {', '.join(pruned.members_)}")
    return pruned


def _write_model(source: Path, spec: Mapping[str, Any], ensemble: BaseEnsemble, train: Dataset) -> Path:
    """Save the ensemble with its serving code; return where."""
    model = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    has_graph = _saved_with_graph(model, spec, ensemble, train)
    if not has_graph:
        ensemble.save(model, trusted=spec["trusted"])
    libraries = libraries_in_use(ensemble, model) | ({RUNS_GRAPHS} if has_graph else set())
    serving = source / SERVING_REQUIREMENTS
    lines = _lines(serving if serving.exists() else source / "requirements.txt")
    wanted = needed_lines(lines, libraries, spec["requirements"])
    if left_out := [line for line in lines if line not in wanted]:
        say(f"an endpoint does not need {', '.join(left_out)}")
    _ship_code(source, model / code_of("libraries"), wanted)
    if has_graph:
        by_graph = dict.fromkeys([*_lines(source / GRAPH_REQUIREMENTS), *blender_lines(lines, model)])
        _ship_code(source, model / code_of("onnx"), list(by_graph))
        say(f"an endpoint by the graph needs {', '.join(by_graph)}")
    return model


def _saved_with_graph(model: Path, spec: Mapping[str, Any], ensemble: BaseEnsemble, train: Dataset) -> bool:
    """Save the ensemble with its graph, if the job was told to; return whether that could be made."""
    if not spec.get("graph"):
        return False
    begun = time.perf_counter()
    try:
        ensemble.save(model, graph=train.X, trusted=spec["trusted"])
    except Exception as error:  # what was fitted must not be lost for it
        say(f"no graph is saved: {error}")
        return False
    say(f"made the graph and compared it in {time.perf_counter() - begun:.2f} s")
    return True


def _draws(requirements: Iterable[str]) -> bool:
    """Return whether the job was told to install what draws."""
    return any(re.match(r"matplotlib(?![\w.-])", line.lower()) for line in requirements)


def _output_data() -> Path:
    return Path(os.environ.get("SM_OUTPUT_DATA_DIR", "/opt/ml/output/data"))


def _write_reports(
    ensemble: Any, metrics: Mapping[str, float], validation: Dataset | None, *, pictures: bool
) -> Path | None:
    """Write the leaderboard and the report; return where the latter is."""
    output = _output_data()
    output.mkdir(parents=True, exist_ok=True)
    (output / "leaderboard.json").write_text(json.dumps(ensemble.leaderboard_, indent=1, default=str), encoding="utf-8")
    try:
        rows = None
        if validation is not None:
            # What is drawn alone would take long for nothing.
            rows = ensemble._told_of(validation.X, validation.y, validation.weight, looks=pictures)
        page: Path = ensemble._report(output / "report.html", rows, metrics=metrics, pictures=pictures)
    except Exception as error:  # the model is saved, and a job must not be lost for a page
        say(f"no report was written: {type(error).__name__}: {error}")
        return None
    return page


def _write_baseline(ensemble: Any, train: Dataset) -> None:
    """Write what monitors compare later rows with."""
    begun = time.perf_counter()
    rows, columns = train.X.shape
    if (needed := _CELL * rows * columns) > (free := free_memory(None)):  # a system that ends the job asks nobody
        left = tell_bytes(max(0.0, free))
        say(f"no baseline was written: it takes {tell_bytes(needed)} of memory, and {left} are free")
        return
    try:
        ensemble.baseline(_output_data() / BASELINE, train.X)
    except Exception as error:  # the model is saved, as above
        say(f"no baseline was written: {type(error).__name__}: {error}")
        return
    say(f"wrote the baseline for monitors in {time.perf_counter() - begun:.2f} s")


def on_gpu(variant: Variant) -> Any:
    """Return the ensemble with members that train on a GPU where they can, unless they are told otherwise."""
    settings = {
        f"{label}__{name}": value
        for label, learner in variant.recipe.learners.items()
        for name, value in learner.gpu.items()
        if name not in learner.own_params()
    }
    if settings:
        say(f"trains on a GPU: {', '.join(settings)}")
    return configure(variant.ensemble, settings)


def _channel(name: str, data: dict[str, Any], task: str, brought: dict[str, Any]) -> Dataset | None:
    folder = os.environ.get(f"SM_CHANNEL_{name.upper()}")
    if not folder:
        return None
    roles, how = roles_and_reading(data)
    if name in brought:
        return labelled(*brought.pop(name), task=task)  # which need not be held beside it
    return read_labelled(folder, roles, how, task=task)


def fitting(validation: Dataset, train: Dataset, *, classes: bool, categorical: Any = "auto") -> Dataset:
    """Return the validation table with the training table's columns in its order, checked."""
    X = validation.X
    try:
        if hasattr(train.X, "columns") != hasattr(X, "columns"):
            raise InputError("one table names its columns and the other does not")
        if hasattr(train.X, "columns"):
            missing = [column for column in train.X.columns if column not in X.columns]
            if missing:
                raise InputError(f"these columns of the training table are missing: {', '.join(missing[:10])}")
            X = X[list(train.X.columns)]
        elif X.shape[1] != train.X.shape[1]:
            raise InputError(f"it has {X.shape[1]} feature columns, the training table has {train.X.shape[1]}")
        form, _ = learn_table(train.X, categorical)
        read_table(X, form)
        check_target(validation.y, classification=classes)
        if classes:
            unknown = sorted(set(np.asarray(validation.y).tolist()) - set(np.asarray(train.y).tolist()), key=str)
            if unknown:
                raise InputError(f"the target holds classes that training does not: {', '.join(map(str, unknown[:5]))}")
    except InputError as error:
        raise InputError(f"validation: {error}") from error
    return replace(validation, X=X)


def evaluate(ensemble: BaseEnsemble, validation: Dataset | None, metrics: Sequence[Metric]) -> dict[str, float]:
    """Return the blend's and the members' metrics under the names of the log.

    On the validation channel if there is one, else the blend's cross-validated and the
    members' out-of-fold predictions, on the same rows.
    """
    if validation is None:
        oof = ensemble._oof
        y, weight = oof.y, oof.weight
        blend, scored = oof.blend, oof.scored
        decided = partial(scored_blend, ensemble._record, oof)
        by_member = oof.predictions
        if not scored.any():
            raise InputError("the split plan leaves no row to score the blend on; pass validation data")
    else:
        table = ensemble._read(validation.X)
        y, weight = np.asarray(validation.y), validation.weight
        y = np.searchsorted(ensemble.classes_, y) if ensemble._task.is_classification else y.astype(np.float64)
        by_member = ensemble._member_predictions(table)
        blend = ensemble._blended(table, by_member)
        decided = partial(as_served, ensemble, blend)
        scored = np.ones(len(table), dtype=bool)
    found: dict[str, float] = {}
    gives = {label: member.learner.gives_probabilities for label, member in ensemble.members_.items()}
    for prefix, prediction, probabilities in [
        ("validation", blend, ensemble.blender_.gives_probabilities),
        *((f"member:{label}", by_member[:, column], gives[label]) for column, label in enumerate(gives)),
    ]:
        for metric in metrics:
            if probabilities or not metric.needs_probabilities:
                try:
                    found[f"{prefix}:{metric.name}"] = metric.value(
                        y[scored],
                        (decided(metric) if prediction is blend else prediction)[scored],
                        classes=getattr(ensemble, "classes_", None),
                        sample_weight=None if weight is None else weight[scored],
                    )
                except ParameterError as error:
                    say(f"no {prefix}:{metric.name}: {error}")
    return found


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _ship_code(source: Path, code: Path, lines: Sequence[str]) -> None:
    """Put the serving code beside the model, with the requirements of what predicts: the artifact is complete."""
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir(parents=True)
    for name in ("inference.py", "spec.json"):
        shutil.copy2(source / name, code / name)
    write_setup(code)
    (code / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (code / "wheels").mkdir()
    for line in lines:
        if line.startswith("./"):
            shutil.copy2(source / line, code / line)
