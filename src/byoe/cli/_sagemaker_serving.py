"""The commands ``byoe sagemaker …`` that serve and predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ParameterError
from . import _options as options
from ._output import check_file, write_columns
from ._sagemaker_handles import ServingRole, Trained, Wait, endpoint_of, reading, tell_endpoint, tell_transform, trained

_Runtime = Annotated[
    str | None,
    typer.Option(help="What predicts: libraries (the default), the graph by onnx, or auto for few rows by the graph."),
]
DataCapture = Annotated[
    str | None,
    typer.Option(help="on, off, or the s3:// prefix at which the service keeps what was asked and answered."),
]


def deploy(
    job: Trained,
    instance_type: Annotated[str | None, typer.Option(help="Instances; by default serverless.")] = None,
    instance_count: Annotated[str | None, typer.Option(help="How many of them, or LOW..HIGH.")] = None,
    requests_per_instance: Annotated[
        float | None, typer.Option(help="With LOW..HIGH: the requests a minute, or in the queue, that one is for.")
    ] = None,
    asynchronous: Annotated[bool, typer.Option(help="Requests and answers are files in S3.")] = False,
    memory_mb: Annotated[int | None, typer.Option(help="Of a serverless endpoint, by default 3072.")] = None,
    max_concurrency: Annotated[
        int | None, typer.Option(help="Requests that a serverless endpoint answers at a time, by default 5.")
    ] = None,
    runtime: _Runtime = None,
    role: ServingRole = None,
    name: Annotated[
        str | None, typer.Option(help="Of the endpoint; NAME- is a prefix. A live one of that name gets the model.")
    ] = None,
    rollout: Annotated[str, typer.Option(help="How a live one gets it: all, canary or linear.")] = "all",
    alarm: Annotated[
        list[str] | None, typer.Option(help="A CloudWatch alarm that takes the former model back; may be repeated.")
    ] = None,
    step_percent: Annotated[int | None, typer.Option(help="Size of a step, by default 10 or 20.")] = None,
    bake_minutes: Annotated[
        float | None, typer.Option(help="How long alarms are watched behind a step, by default 10.")
    ] = None,
    data_capture: DataCapture = None,
    capture_percent: Annotated[int | None, typer.Option(help="Of the requests, by default all.")] = None,
    shadow: Annotated[
        str | None, typer.Option(help="A job whose model gets copies of the requests, and answers nobody.")
    ] = None,
    watch: Annotated[bool | None, typer.Option(help="Whether what it counts becomes CloudWatch metrics.")] = None,
) -> None:
    """Serve the ensemble of a job on AWS, and print the endpoint's name."""
    from .. import sagemaker

    endpoint: Any = sagemaker.deploy(
        _models(job) if "=" in job else trained(job),
        instance_type=instance_type,
        instance_count=None if instance_count is None else _bounds(instance_count),
        requests_per_instance=requests_per_instance,
        asynchronous=asynchronous,
        memory_mb=memory_mb,
        max_concurrency=max_concurrency,
        runtime=runtime,
        role=role,
        name=name,
        rollout=rollout,
        alarms=alarm or (),
        step_percent=step_percent,
        bake_minutes=bake_minutes,
        data_capture=_capture(data_capture),
        capture_percent=capture_percent,
        shadow=None if shadow is None else trained(shadow),
        watch=watch,
    )
    tell_endpoint(endpoint)


def predict(
    endpoint: Annotated[str, typer.Argument(help="Name of an endpoint on AWS.")],
    data: options.Data,
    out: Annotated[Path, typer.Option(help="File for the predictions: .csv, .csv.gz, .jsonl or .parquet.")],
    outputs: Annotated[
        str | None, typer.Option(help="With commas: interval, probabilities, members, contributions.")
    ] = None,
    level: Annotated[float | None, typer.Option(help="Of intervals, by default 0.9.")] = None,
    variant: Annotated[str | None, typer.Option(help="Which of several is to answer.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Which is to answer of those that share the endpoint by their names.")
    ] = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
) -> None:
    """Predict the rows of a table by an endpoint."""
    check_file(out)
    how = reading(sep, decimal, encoding, comment, sheet)
    asked = endpoint_of(endpoint)
    values = asked.predict(data, outputs=outputs, level=level, header=header, reading=how, variant=variant, model=model)
    columns = {"prediction": values} if outputs is None else {name: values[name].to_numpy() for name in values.columns}
    write_columns(out, columns)
    print(f"wrote {len(values)} predictions to {out}")


def alarm(
    endpoint: Annotated[str, typer.Argument(help="Name of an endpoint on AWS.")],
    metric: Annotated[str, typer.Argument(help="RowsOutside, Refused, Invocation5XXErrors, ModelLatency, …")],
    above: Annotated[float, typer.Option(help="It rings above so many, or above so many microseconds.")] = 0,
    minutes: Annotated[int, typer.Option(help="The time that is looked at.")] = 5,
    action: Annotated[list[str] | None, typer.Option(help="ARN of a topic to be told; may be repeated.")] = None,
    variant: Annotated[str | None, typer.Option(help="Which of several.")] = None,
) -> None:
    """Set a CloudWatch alarm of an endpoint, and print its name."""
    handle = endpoint_of(endpoint)
    name = handle.alarm(metric, above, minutes=minutes, actions=action or (), variant=variant)
    print(f"alarm {name} is set")


def shift(
    endpoint: Annotated[str, typer.Argument(help="Name of an endpoint on AWS that has several variants.")],
    weights: Annotated[list[str], typer.Argument(help="VARIANT=WEIGHT for each of them, such as current=9 new=1.")],
) -> None:
    """Share requests among the variants of an endpoint by other weights."""
    given = dict(_weight(text) for text in weights)
    endpoint_of(endpoint).shift(given)
    print(f"endpoint {endpoint} shares requests by {', '.join(f'{name}={weight:g}' for name, weight in given.items())}")


def transform(
    job: Trained,
    data: Annotated[str, typer.Argument(help="A file or folder as for byoe fit, or an s3:// address.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the predictions: .csv, .csv.gz, .jsonl or .parquet.")
    ] = None,
    instance_type: Annotated[str | None, typer.Option(help="By default that of the job.")] = None,
    instance_count: Annotated[int, typer.Option(help="How many instances share the files.")] = 1,
    runtime: _Runtime = None,
    role: ServingRole = None,
    output: Annotated[str | None, typer.Option(help="An s3:// prefix.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the transform job; NAME- is a prefix.")] = None,
    data_capture: DataCapture = None,
    content_type: Annotated[
        str | None, typer.Option(help="Of files at an s3:// address: text/csv unless given, or application/x-parquet.")
    ] = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
    wait: Wait = True,
) -> None:
    """Predict many rows by a batch transform job on AWS, without an endpoint."""
    from .. import sagemaker

    if out is not None:
        if not wait:
            raise ParameterError("--out needs the predictions, and --no-wait does not wait for them; leave one out")
        check_file(out)
    started = sagemaker.transform(
        trained(job),
        data,
        instance_type=instance_type,
        instance_count=instance_count,
        header=header,
        reading=reading(sep, decimal, encoding, comment, sheet),
        runtime=runtime,
        role=role,
        output=output,
        name=name,
        data_capture=_capture(data_capture) or False,
        content_type=content_type,
        wait=wait,
        accept="application/x-npy" if out else "text/csv",
    )
    tell_transform(started)
    if out is not None:
        values = started.predictions()
        write_columns(out, {"prediction": values})
        print(f"wrote {len(values)} predictions to {out}")


def delete(endpoint: Annotated[str, typer.Argument(help="Name of an endpoint on AWS.")]) -> None:
    """Remove an endpoint with its configuration and its model; nothing happens for what is gone."""
    from ..sagemaker import Endpoint

    Endpoint(endpoint).delete()
    print(f"there is no endpoint {endpoint} any more")


def _models(text: str) -> Any:
    """Return what NAME=JOB,NAME=JOB says, together."""
    from .. import sagemaker

    pairs = [part.partition("=") for part in text.split(",")]
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise ParameterError(f"{text!r} names a model more than once")
    return sagemaker.together({name: trained(job) for name, _, job in pairs})


def _weight(text: str) -> tuple[str, float]:
    """Return the variant and the weight that VARIANT=WEIGHT says."""
    name, _, weight = text.partition("=")
    try:
        return name, float(weight)
    except ValueError:
        raise ParameterError(f"{text!r} is not VARIANT=WEIGHT, such as new=1") from None


def _capture(text: str | None) -> bool | str | None:
    return {"on": True, "off": False}.get(text, text) if text is not None else None


def _bounds(text: str) -> int | tuple[int, int]:
    """Return the number or the two bounds that N or LOW..HIGH says."""
    low, dots, high = text.partition("..")
    try:
        return (int(low), int(high)) if dots else int(low)
    except ValueError:
        raise ParameterError(f"--instance-count is {text!r}, expected a number or LOW..HIGH, such as 1..4") from None
