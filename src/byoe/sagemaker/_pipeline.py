"""`pipeline`: arguments in, checked before anything is written or asked of AWS."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..data._reading import Reading
from ..ensemble._base import BaseEnsemble
from ..errors import ParameterError
from ..mlflow._client import tracking_of
from ._fit import fit_contents
from ._places import place_for
from ._prepare import Asked, write_job_folder
from ._tuning import tuning_contents
from .aws._pipeline import Pipeline
from .local._pipeline import LocalPipeline
from .shared._limits import check_name
from .shared._names import new_name
from .shared._place import Where
from .shared._search import Search
from .shared._steps import Registration, Steps, read_condition, read_expiry

# What tune takes, and a pipeline with a space. The defaults are those of tune.
_RULES = (
    *("max_jobs", "max_parallel_jobs", "strategy", "early_stopping", "stop_at", "patience", "time_limit", "autotune"),
    *("warm_start", "warm_start_type", "max_cost", "price_per_hour", "seed"),
)
_OF_VERSIONS = ("approve", "description", "metadata")


def pipeline(
    name: str,
    ensemble: BaseEnsemble,
    train: Any,
    validation: Any = None,
    *,
    test: Any = None,
    target: str | int,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
    header: bool | None = None,
    reading: Mapping[str, Any] | None = None,
    space: Mapping[str, Any] | None = None,
    condition: tuple[str, str, float] | None = None,
    register: str | None = None,
    approve: bool | None = None,
    description: str | None = None,
    metadata: Mapping[str, str] | None = None,
    cache: Any = None,
    dependencies: Iterable[str | Path] = (),
    requirements: Iterable[str] = (),
    vendor: bool = False,
    instance_type: str = "local",
    instance_count: int = 1,
    role: str | None = None,
    output: str | Path | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    prune: float | None = None,
    graph: bool = False,
    tracking: str | None = None,
    experiment: str | None = None,
    spot: bool = False,
    image: str | None = None,
    session: Any = None,
    **options: Any,
) -> LocalPipeline | Pipeline:
    """Make a pipeline: train or tune, look at a metric, register what is good enough.

    On AWS it is one of SageMaker Pipelines, which runs without this machine, by a schedule or whenever somebody starts
    it. Its steps have the requests that `fit`, `tune` and a job's ``register`` make. Nothing is started here.

    Parameters
    ----------
    name : str
        Of the pipeline; one of that name gets another definition with ``upsert()``.
    ensemble, train, validation, target, weight, groups, drop, header, reading, dependencies, requirements, vendor, \
instance_type, instance_count, role, output, hyperparameters, prune, graph, spot, image, session
        As in `fit`. The role is that of the jobs, and starts them too: `policy` prints what ``"pipeline"`` needs.
    tracking, experiment : str, default=None
        As in `fit`, for the jobs of each execution; with a ``space`` without their models, as in `tune`.
    test : as train, default=None
        With a ``space``: data that no trial sees. The best ensemble is trained once more, and its metrics are of them.
    space : mapping, default=None
        Tune, as `tune` does with it: the best job goes on. None trains one job.
    condition : (str, str, float), default=None
        What has to hold, such as ``("validation:rmse", "<=", 60.0)``, for a metric that the job prints; else the
        execution fails. Of a tuning job without test data it is the objective, which its best trial was chosen by.
    register : str, default=None
        Group of the model registry, whose next version is made of the model. None registers nothing.
    approve, description, metadata
        As in a job's ``register``, and with it.
    cache : str or timedelta, default=None
        For how long an execution takes the result of a job again that had the same arguments: such as ``"12h"``,
        ``"30d"`` or ``"P30D"``. None trains each time.
    **options
        As in `fit`, and with a ``space`` what `tune` takes: ``max_jobs``, ``max_parallel_jobs``, ``strategy``, ``seed``
        and so on.

    Returns
    -------
    LocalPipeline, or on AWS Pipeline
        Its ``start(**parameters)`` starts an execution, which `deploy` takes as it takes a job.

    Raises
    ------
    SpecError, ParameterError, InputError
        Before anything is written, as `fit` and `tune` do; for a condition on what the job does not print, or that
        worse models pass.
    """
    rules = {rule: options.pop(rule) for rule in _RULES if rule in options}
    place = place_for(
        Where(instance_type, instance_count, role, image, spot, vendor, session, output=output, options=options)
    )
    place.check()
    if not isinstance(name, str):
        raise ParameterError(f"name is {name!r}, expected a text, such as 'churn'")
    check_name("pipeline", name)
    given = {"approve": approve, "description": description, "metadata": metadata}
    _check_company(space=space, test=test, prune=prune, rules=rules, register=register, of_version=given)
    expiry = read_expiry(cache)
    asked = Asked(
        target,
        weight,
        groups,
        drop,
        Reading.of(reading, header=header),
        dependencies,
        requirements,
        hyperparameters,
        graph,
        tracking_of(tracking, experiment, here=instance_type == "local", models=space is None),
    )
    search: Search | None = None
    if space is None:
        tables = {"train": train, "validation": validation}
        contents = fit_contents(place, ensemble, tables, asked, prune)
    else:
        tables = {"train": train, "validation": validation, "test": test}
        rules = {"max_jobs": 10, **rules}
        contents, search = tuning_contents(place, ensemble, space, tables, asked, **rules)
    alone = search.objective if search is not None and test is None else None
    steps = Steps(
        name,
        read_condition(condition, contents.variants, alone),
        None if register is None else Registration(register, **given),  # type: ignore[arg-type]  # as they were given
        expiry,
    )
    # On AWS the name is part of where checkpoints are: the same in each execution.
    made = new_name("byoe-pipeline") if instance_type == "local" else name
    with place.folder("pipeline", made) as folder:
        files = write_job_folder(contents, made, folder, place.needs)
        _check_printed(steps, files.source)
        return place.pipeline(files, steps, search)


def _check_company(
    *,
    space: Any,
    test: Any,
    prune: float | None,
    rules: Mapping[str, Any],
    register: str | None,
    of_version: Mapping[str, Any],
) -> None:
    """Raise a ParameterError for arguments that mean nothing without another one, or beside it."""
    if space is None and rules:
        raise ParameterError(f"{next(iter(rules))} is for tuning; give a space, or leave it out")
    if space is None and test is not None:
        raise ParameterError(
            "test is for tuning, whose validation data choose the best trial; without a space nothing is chosen by "
            "them: give the data as validation"
        )
    if space is not None and prune is not None:
        raise ParameterError("prune is for a pipeline without a space; leave one of them out")
    for name in _OF_VERSIONS:
        if register is None and of_version[name] is not None:
            raise ParameterError(f"{name} is for the version that register makes; give a group, or leave it out")


def _check_printed(steps: Steps, source: Path) -> None:
    """Raise a ParameterError for a condition on a metric that is left out, since a job defines so many alone."""
    names = [one["Name"] for one in json.loads((source / "metric_definitions.json").read_text(encoding="utf-8"))]
    condition = steps.condition
    if condition is not None and condition.metric not in names:
        raise ParameterError(
            f"condition reads {condition.metric!r}, and a job of so many members tells the service {len(names)} of its "
            "metrics alone; take one of the blend, which begins with 'validation:'"
        )
