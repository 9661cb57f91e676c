"""The command ``byoe sagemaker start``, and what ``pipeline`` takes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import ParameterError
from . import _options as options
from ._sagemaker_handles import Wait, named, tell_execution, tell_pipeline

Test = Annotated[str | None, typer.Option(help="Data that no trial sees, on which the best ensemble is scored.")]
Condition = Annotated[str | None, typer.Option(help="Such as 'validation:rmse <= 60': else the execution fails.")]
Register = Annotated[str | None, typer.Option(help="Group of the model registry, for a next version.")]
Approve = Annotated[bool | None, typer.Option("--approve/--reject", help="Decide at once.")]
Cache = Annotated[str | None, typer.Option(help="Such as 30d: for how long results are taken again.")]
MaxJobs = Annotated[int | None, typer.Option(help="Trials, with --space.")]
Definition = Annotated[bool, typer.Option("--definition", help="Print the JSON for AWS, which is not given it.")]


def start(
    pipeline: Annotated[str, typer.Argument(help="Name or ARN of a pipeline on AWS.")],
    parameter: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE, such as Threshold=55.")] = None,
    wait: Wait = True,
) -> None:
    """Start an execution of a pipeline on AWS."""
    handle = named(pipeline, "pipeline")
    if handle.kind != "pipeline":
        raise ParameterError(f"{pipeline} is a {handle.kind}; expected a pipeline")
    execution = handle.start(**_parameters(parameter, handle.parameters))
    tell_execution(execution.wait() if wait else execution)


def told_condition(text: str | None) -> tuple[str, str, Any] | None:
    """Return a condition from its three words."""
    if text is None:
        return None
    words = text.split()
    if len(words) != 3:
        raise ParameterError(f"--condition is {text!r}, expected three words such as 'validation:rmse <= 60'")
    return words[0], words[1], options.value_of(words[2])


def tell_made(pipeline: Any, *, definition: bool) -> None:
    """Give AWS a pipeline, or print its definition; one of this machine is run, since it ends with this process."""
    if pipeline.place == "local":
        if definition:
            raise ParameterError("--definition is for AWS; give an --instance-type")
        tell_execution(pipeline.start().wait())
    elif definition:
        print(pipeline.to_json())
    else:
        tell_pipeline(pipeline.upsert())


def _parameters(texts: list[str] | None, known: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as the kinds that their defaults are of."""
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ParameterError(f"{text!r} is not NAME=VALUE")
        found[name] = value if isinstance(known.get(name), str) else options.value_of(value)
    return found
