"""The commands ``byoe sagemaker …`` for the model registry, and for what monitors compare with."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import ParameterError
from ._sagemaker_handles import named, tell_package, trained

_Package = Annotated[str, typer.Argument(help="A version, such as churn/3, or its ARN.")]
_Reason = Annotated[str | None, typer.Option(help="Why, in one line.")]


def register(
    job: Annotated[str, typer.Argument(help="A completed training job, or a tuning job for its best one, on AWS.")],
    group: Annotated[str, typer.Argument(help="Model package group, which is made if it is not there.")],
    approve: Annotated[
        bool | None, typer.Option("--approve/--reject", help="Decide at once; by default somebody else does.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="One line.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, a pair of your own.")] = None,
) -> None:
    """Register what a job has made as the next version in a group of the model registry."""
    pairs = dict(_pair(text) for text in metadata or ())
    tell_package(_of_jobs(job).register(group, approve=approve, description=description, metadata=pairs))


def baseline(
    job: Annotated[str, typer.Argument(help="A completed training job, or a tuning job for its best one, on AWS.")],
) -> None:
    """Put the baseline that a job has written into S3, for Model Monitor, and print its addresses."""
    handle = _of_jobs(job)
    made = (handle.best_job if handle.kind == "tuning job" else handle).baseline()
    print(f"statistics: {made.statistics}")
    print(f"constraints: {made.constraints}")


def approve(package: _Package, reason: _Reason = None) -> None:
    """Approve a version in the model registry, so that it may be deployed."""
    tell_package(_version(package).approve(reason))


def reject(package: _Package, reason: _Reason = None) -> None:
    """Reject a version in the model registry, so that it is not deployed."""
    tell_package(_version(package).reject(reason))


def _of_jobs(name: str) -> Any:
    handle = trained(name)
    if handle.kind not in ("job", "tuning job"):
        raise ParameterError(f"{name} is a {handle.kind}; expected a training job or a tuning job")
    return handle


def _version(name: str) -> Any:
    handle = named(name, "model package")
    if handle.kind != "model package":
        raise ParameterError(f"{name} is a {handle.kind}; expected a version in the registry, such as churn/3")
    return handle


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ParameterError(f"--metadata {text!r} is not NAME=VALUE")
    return name, value
