"""What the commands ``byoe sagemaker …`` tell of jobs and endpoints, and how they find them by their names."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import typer

from ..data._reading import Reading
from ..errors import ParameterError
from ..sagemaker.aws._faults import NotFoundError
from ..tools._listing import Listing

ServingRole = Annotated[str | None, typer.Option(help="Name or ARN of a role, by default that of the job.")]
Trained = Annotated[
    str,
    typer.Argument(
        help="A training job, a tuning job for its best one, or churn/3 or an ARN of the model registry or of an "
        "execution of a pipeline, on AWS."
    ),
]
Wait = Annotated[bool, typer.Option(help="Wait for the end.")]


def reading(*given: str | None) -> dict[str, Any] | None:
    """Return how files are read, as far as that was told."""
    return Reading(None, *given).said() or None


def described(data: str | None) -> Any:
    """Return data as they are told, with ``S3Uri=s3://…,S3DataType=…`` as a mapping of the service's words."""
    if data is None or "S3Uri=" not in data:
        return data
    pairs = [text.partition("=") for text in data.split(",")]
    if not all(word and equals for word, equals, _ in pairs):
        raise ParameterError(f"{data!r} is not WORD=VALUE with commas between, such as S3Uri=s3://…,InputMode=FastFile")
    return {word.strip(): value for word, _, value in pairs}


def named(name: str, *kinds: str) -> Any:
    """Return what has a name, an ARN or a place in the registry, and is of one of some kinds, else of any other."""
    from .. import sagemaker

    if name.startswith("arn:") or "/" in name:
        return sagemaker.attach(name)
    if kinds == ("pipeline",):
        return sagemaker.attach(name, kind="pipeline")
    found = []
    for kind in kinds:
        with suppress(NotFoundError):
            found.append(sagemaker.attach(name, kind=kind))
    return found[0] if len(found) == 1 else sagemaker.attach(name)


def endpoint_of(name: str) -> Any:
    """Return the handle of an endpoint."""
    handle = named(name, "endpoint")
    if handle.kind == "transform job":
        raise ParameterError(f"{name} is a transform job, not an endpoint; deploy the job that has trained the model")
    if handle.kind != "endpoint":
        raise ParameterError(
            f"{name} is a {handle.kind}, not an endpoint; deploy it first: byoe sagemaker deploy {name}"
        )
    return handle


def trained(name: str) -> Any:
    """Return the handle of what has trained a model."""
    handle = named(name, "job", "tuning job")
    if handle.kind not in ("job", "tuning job", "model package", "model package group", "pipeline execution"):
        what = "an endpoint already" if handle.kind == "endpoint" else f"a {handle.kind}"
        raise ParameterError(f"{name} is {what}; expected a training job, a tuning job or a model package")
    return handle


def tell_job(job: Any) -> None:
    """Print how it is doing."""
    status = job.status
    print(f"job {job.name} is {status}")
    if status == "Failed" and job.failure:
        print(job.failure.partition("\n\n")[0])
    if status != "Completed":
        return
    if job.metrics:
        print(Listing({"metric": name, "value": value} for name, value in job.metrics.items()))
    print(f"model: {job.artifact}")


def tell_tuning(tuning: Any) -> None:
    """Print how it is doing."""
    print(f"tuning job {tuning.name} is {tuning.status}, objective {tuning.objective}")
    trials = tuning.trials
    if not any(trial.get("failure") for trial in trials):
        trials = [{name: value for name, value in trial.items() if name != "failure"} for trial in trials]
    if trials:
        print(Listing(trials))
    if tuning.place == "local":
        print(f"best: trial {tuning.best['number']}, model: {tuning.best_job.artifact}")


def tell_package(package: Any) -> None:
    """Print how it is doing."""
    status, reason = package.status, package.reason
    print(f"package {package.name} is {status}{f': {reason}' if reason else ''}")
    if metrics := package.metrics:
        print(Listing({"metric": name, "value": value} for name, value in metrics.items()))
    print(f"ARN: {package.arn}")


def tell_group(group: Any) -> None:
    """Print its versions."""
    print(f"group {group.name} is {group.status}")
    if versions := group.versions:
        print(Listing({name: value for name, value in row.items() if name != "created"} for row in versions))


def tell_transform(transform: Any) -> None:
    """Print how it is doing."""
    print(f"transform job {transform.name} is {transform.status}, predictions: {transform.output}")


def tell_endpoint(endpoint: Any) -> None:
    """Print how it is doing."""
    print(f"endpoint {endpoint.name} is {endpoint.status}")


def tell_pipeline(pipeline: Any) -> None:
    """Print what an execution of it can be given, and how those so far have gone."""
    status = f" is {pipeline.status}" if pipeline.place == "aws" else ""
    print(f"pipeline {pipeline.name}{status}")
    print(Listing({"parameter": name, "default": value} for name, value in pipeline.parameters.items()))
    if executions := pipeline.executions:
        print(Listing(executions))


def tell_execution(execution: Any) -> None:
    """Print how its steps are doing."""
    print(f"execution {execution.name} is {execution.status}")
    if steps := execution.steps:
        print(Listing(steps))
