"""`fit`, `tune` and `deploy`: arguments in, checked before anything is written or run."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import joblib
import narwhals as nw
import numpy as np

from .._base import BaseEnsemble
from .._configure import configure, default_space
from .._contracts import Task
from .._data import data_files, find_column
from .._members import as_blender, check_members
from .._metrics import Metric, find_metric
from .._spec import to_spec
from ..errors import InputError, ParameterError, did_you_mean, need
from ._endpoint import LocalEndpoint
from ._local import LocalJob, new_name
from ._source import write_source
from ._tune import LocalTuning, check_space, cpus_per_trial

_OUTPUT = "byoe-jobs"
_TASKS = {True: Task("classification", 2), False: Task("regression")}  # where only the kind matters


def fit(
    ensemble: Any,
    train: Any,
    validation: Any = None,
    *,
    target: str | int,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
    header: bool | None = None,
    instance_type: str = "local",
    output: str | Path | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    wait: bool = True,
    logs: bool = True,
) -> LocalJob:
    """Train an ensemble in one job.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Not fitted.
    train, validation : frame, file or folder
        CSV (with or without a header) or Parquet. The validation table is used for the
        metrics alone, never for fitting, stopping or blending.
    target, weight, groups : str or int
        Name or position of a column of both tables.
    drop : iterable of str or int
        Columns that are no features.
    header : bool, default=None
        Whether the first row of CSV files names the columns; None looks.
    instance_type : {"local"}, default="local"
        Where to run: on this machine, by the same generated files as on SageMaker.
    output : str or Path, default="byoe-jobs"
        Folder under which the job's own folder is made.
    hyperparameters : mapping, default=None
        Override parameters of the ensemble, its members and its blender by the names of
        ``get_params``, or by shared names such as ``eta`` and ``max_depth``.
    wait : bool, default=True
        Wait for the end, and raise when the job fails.
    logs : bool, default=True
        Print the log while waiting.

    Returns
    -------
    LocalJob

    Raises
    ------
    SpecError, ParameterError, InputError
        Before anything is written: when JSON cannot express the ensemble, a name is not
        known, there are no such data, or a frame has no such column.
    JobError
        When the job fails; its attribute ``job`` is the handle.
    """
    _check_instance(instance_type)
    channels = _channels(train, validation)
    values = _plain_values(hyperparameters)
    made = _configured(ensemble, values)
    data = _data_roles(channels, target, weight, groups, drop, header)
    name = new_name()
    base = _base(output, name)
    with _removed_if_failing(base):
        source, paths = _prepare(base, ensemble, [made], channels, data)
        job = LocalJob(name, base, source, paths, values, cpus=joblib.cpu_count())
    return job.wait(logs=logs) if wait else job


def tune(
    ensemble: Any,
    space: Mapping[str, Any] | None,
    train: Any,
    validation: Any = None,
    *,
    target: str | int,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
    header: bool | None = None,
    max_jobs: int = 10,
    max_parallel_jobs: int = 1,
    instance_type: str = "local",
    output: str | Path | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    seed: int | None = None,
    wait: bool = True,
    on_trial: Callable[[dict[str, Any]], None] | None = None,
) -> LocalTuning:
    """Tune an ensemble on its validation metric in one tuning job.

    The objective is ``validation:`` and the name of the ensemble's metric, read from the
    log of every trial by the same regex as on SageMaker. Without validation data it is the
    cross-validated score of the blend, so that no data are held out.

    Parameters
    ----------
    ensemble, train, validation, target, weight, groups, drop, header, instance_type, \
output, hyperparameters
        As in `fit`; a fixed hyperparameter cannot be tuned too.
    space : mapping of str to tuple or list, or None
        None searches what the learners propose, but for fixed hyperparameters.
        ``(1, 9)`` is a range of integers, ``(0.5, 1.0)`` a continuous one, ``(0.01, 0.3,
        "log")`` one on a log scale, a list the values to choose from. Names are those of
        ``get_params``, or shared names.
    max_jobs : int, default=10
    max_parallel_jobs : int, default=1
        Trials at a time; they share the cores.
    seed : int, default=None
        Of the search.
    wait : bool, default=True
        Wait for the last trial. Otherwise the handle's ``wait()`` and ``stop()`` do.
    on_trial : callable, default=None
        Called with the trial's row of ``trials`` as soon as it has ended.

    Returns
    -------
    LocalTuning
    """
    _check_instance(instance_type)
    need("optuna", "tune", "tuning")
    for argument, value in (("max_jobs", max_jobs), ("max_parallel_jobs", max_parallel_jobs)):
        if not isinstance(value, int) or value < 1:
            raise ParameterError(f"{argument} is {value!r}, expected a positive integer")
    fixed = _plain_values(hyperparameters)
    channels = _channels(train, validation)
    made = _configured(ensemble, fixed)
    data = _data_roles(channels, target, weight, groups, drop, header)
    if space is None:
        space = {name: domain for name, domain in default_space(made.learners).items() if name not in fixed}
    both = {name.replace("-", "_") for name in space} & {name.replace("-", "_") for name in fixed}
    if both:
        raise ParameterError(f"{', '.join(sorted(both))} is both fixed and in the space; keep one")
    variants = check_space(made, space)
    for variant in variants:
        _configured(variant, {})
    metric = _objective(made, space)
    name = new_name("byoe-tune")
    base = _base(output, name)
    cpus = cpus_per_trial(max_parallel_jobs, joblib.cpu_count())
    shared_cores = {"n_jobs": cpus} if max_parallel_jobs > 1 else {}
    with _removed_if_failing(base):
        source, paths = _prepare(base, ensemble, [made, *variants], channels, data)

    def launch(trial: str, params: dict[str, Any]) -> LocalJob:
        values = {**shared_cores, **fixed, **params}
        return LocalJob(trial, base / trial, source, paths, values, cpus=cpus)

    def search() -> None:
        tuning.run(space, max_jobs=max_jobs, max_parallel_jobs=max_parallel_jobs, seed=seed, on_trial=on_trial)

    tuning = LocalTuning(name, f"validation:{metric.name}", metric.greater_is_better, launch)
    tuning.start(search)
    return tuning.wait() if wait else tuning


def deploy(job: LocalJob | LocalTuning, *, instance_type: str = "local") -> LocalEndpoint:
    """Serve the ensemble of a job, or of a tuning job's best job.

    Waits for the job and for the endpoint's first healthy ``/ping``; sends no invocation.

    Parameters
    ----------
    job : LocalJob or LocalTuning
    instance_type : {"local"}, default="local"

    Returns
    -------
    LocalEndpoint
        Use it in a ``with`` block, or call ``delete()``.

    Raises
    ------
    JobError
        When the job has failed or the endpoint does not become healthy.
    """
    _check_instance(instance_type)
    chosen = job.wait().best_job if isinstance(job, LocalTuning) else job
    chosen.wait()
    return LocalEndpoint(chosen.name, chosen.artifact)


def _check_instance(instance_type: str) -> None:
    if instance_type != "local":
        raise ParameterError(
            f"instance_type is {instance_type!r}; this version of byoe runs jobs and endpoints with 'local' only"
        )


def _configured(ensemble: Any, values: Mapping[str, Any]) -> Any:
    """Apply the hyperparameters, and check what can be checked without data."""
    if not isinstance(ensemble, BaseEnsemble):
        raise ParameterError(
            f"{type(ensemble).__name__} is not an ensemble: expected an EnsembleRegressor or EnsembleClassifier"
        )
    made = configure(ensemble, values)
    learners, blender = made._checked()
    check_members(learners, blender, _TASKS[made._classifies])
    to_spec(made)
    return made


def _objective(ensemble: Any, space: Mapping[str, Any]) -> Metric:
    """Return the metric that every trial of the space prints."""
    task = _TASKS[ensemble._classifies]
    choices = space.get("blender", [ensemble.blender])
    # One objective for all: what a blender without probabilities cannot give is no objective.
    probabilities = all(as_blender(choice).gives_probabilities for choice in choices)
    return find_metric(ensemble.metric, task, probabilities=probabilities)


def _plain_values(hyperparameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return hyperparameters as JSON holds them."""
    values = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in (hyperparameters or {}).items()
    }
    for name, value in values.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ParameterError(
                f"hyperparameter {name!r} is {value!r}, which JSON cannot express ({error}); give a number, a text, "
                "a boolean, None or a list of them, or set it on the ensemble itself"
            ) from error
    return values


def _data_roles(
    channels: Mapping[str, Any], target: Any, weight: Any, groups: Any, drop: Iterable[Any], header: bool | None
) -> dict[str, Any]:
    """Return the roles of columns; those of frames by the names that their files will have."""
    if isinstance(drop, (str, int)):
        drop = (drop,)
    roles: dict[str, Any] = {"target": target, "weight": weight, "groups": groups, "drop": list(drop)}
    train = channels["train"]
    if isinstance(train, nw.DataFrame):
        labels: list[Any] = list(train.columns)
        for role in ("target", "weight", "groups"):
            if roles[role] is not None:
                roles[role] = str(find_column(labels, roles[role], role))
        roles["drop"] = [str(find_column(labels, name, "drop")) for name in roles["drop"]]
    wanted = [name for name in (roles["target"], roles["weight"], roles["groups"], *roles["drop"]) if name is not None]
    for name, table in channels.items():
        if isinstance(table, nw.DataFrame):
            known = [str(column) for column in table.columns]
            for column in wanted:
                if isinstance(column, str) and column not in known:
                    raise InputError(f"{name} has no column {column!r}. {did_you_mean(column, known)}")
    return {**roles, "header": header}


def _channels(train: Any, validation: Any) -> dict[str, Any]:
    tables = {"train": train} if validation is None else {"train": train, "validation": validation}
    return {name: _table(table, name) for name, table in tables.items()}


def _table(table: Any, name: str) -> Any:
    """Return a narwhals frame, or the path of a file or folder that holds data."""
    if isinstance(table, (str, Path)):
        if str(table).startswith("s3://"):
            raise ParameterError(f"{name} is {str(table)!r}; a local job reads files of this machine, not S3")
        path = Path(table)
        for file in data_files(path):
            if file.stat().st_size == 0:
                raise InputError(f"{file} is empty")
        return path
    frame = nw.from_native(table, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        raise InputError(
            f"{name} is of type {type(table).__name__}; expected a frame (pandas, polars, Arrow), a file or a folder"
        )
    if not len(frame):
        raise InputError(f"{name} has no rows")
    return frame


def _base(output: str | Path | None, name: str) -> Path:
    if str(output).startswith("s3://"):
        raise ParameterError(f"output is {output!r}; a local job writes to a folder of this machine, not to S3")
    return Path(output or _OUTPUT).resolve() / name


@contextlib.contextmanager
def _removed_if_failing(base: Path) -> Iterator[None]:
    """Leave nothing of a job that cannot start."""
    try:
        yield
    except BaseException:
        shutil.rmtree(base, ignore_errors=True)
        raise


def _prepare(
    base: Path, ensemble: Any, variants: list[Any], channels: Mapping[str, Any], data: Mapping[str, Any]
) -> tuple[Path, dict[str, Path]]:
    """Write the source folder and the channels of a job."""
    source = write_source(ensemble, base / "source", data=data, variants=variants)
    return source, {name: _as_files(table, base / "data" / name) for name, table in channels.items()}


def _as_files(table: Any, folder: Path) -> Path:
    """Return where the platform would find a channel's files; a frame becomes Parquet."""
    if isinstance(table, Path):
        return table
    need("pyarrow", "data", "sending a frame to a job")
    import pyarrow.parquet

    folder.mkdir(parents=True)
    arrow = nw.maybe_reset_index(table).to_arrow()  # a pandas index is no column
    pyarrow.parquet.write_table(
        arrow.rename_columns([str(name) for name in arrow.column_names]), folder / "part-0.parquet"
    )
    return folder
