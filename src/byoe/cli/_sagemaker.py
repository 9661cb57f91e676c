"""The commands ``byoe sagemaker …``: jobs and endpoints by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..data._reading import Reading
from ..errors import ParameterError
from ..registry._portfolios import DEFAULT
from ..tools._listing import Listing
from . import _options as options
from ._output import check_file, write_columns
from ._runs import prune

app = typer.Typer(no_args_is_help=True, help="One training job, one tuning job and one endpoint for any ensemble.")

app.command()(prune)

_Task = Annotated[str, typer.Option(help="regression or classification.")]
_Train = Annotated[str, typer.Argument(help="A file or folder as for byoe fit, or an s3:// address.")]
_Validation = Annotated[str | None, typer.Option(help="Data for the metrics alone.")]
_Instance = Annotated[str, typer.Option(help="local, or the type of an instance on AWS.")]
_Count = Annotated[int, typer.Option(help="How many instances share the tasks; needs byoe-ensemble[dask].")]
_Vendor = Annotated[bool, typer.Option(help="Send all that is installed as wheels.")]
_Role = Annotated[str | None, typer.Option(help="Name or ARN of the role that the job takes on.")]
_ServingRole = Annotated[str | None, typer.Option(help="Name or ARN of a role, by default that of the job.")]
_Output = Annotated[str | None, typer.Option(help="Folder, or an s3:// prefix for AWS.")]
_Spot = Annotated[bool, typer.Option(help="Use spare capacity.")]
_Image = Annotated[str | None, typer.Option(help="Another container image.")]
_Wait = Annotated[bool, typer.Option(help="Wait for the end.")]
_Hyper = Annotated[list[str] | None, typer.Option(help="NAME=VALUE, a hyperparameter of the job.")]


@app.command()
def fit(
    train: _Train,
    target: options.Target,
    task: _Task,
    validation: _Validation = None,
    learners: options.Learners = DEFAULT,
    blender: options.Blender = "auto",
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    hyperparameter: _Hyper = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
    seed: options.Seed = None,
    instance_type: _Instance = "local",
    instance_count: _Count = 1,
    role: _Role = None,
    output: _Output = None,
    spot: _Spot = False,
    image: _Image = None,
    vendor: _Vendor = False,
    wait: _Wait = True,
) -> None:
    """Train an ensemble in one job."""
    from .. import sagemaker

    job = sagemaker.fit(
        options.made(_kind(task), learners, blender, param, cv, metric, seed),
        train,
        validation,
        **_columns(target, weight, groups, drop, header),
        reading=_reading(sep, decimal, encoding, comment, sheet),
        hyperparameters=options.settings(hyperparameter),
        vendor=vendor,
        wait=wait or instance_type == "local",  # a local job ends with the process that waits for it
        **_where(instance_type, instance_count, role, output, spot, image),
    )
    _tell_job(job)


@app.command()
def tune(
    train: _Train,
    target: options.Target,
    task: _Task,
    space: options.Space = None,
    validation: _Validation = None,
    max_jobs: Annotated[int, typer.Option(help="Trials.")] = 10,
    max_parallel_jobs: Annotated[int, typer.Option(help="Trials at a time.")] = 1,
    strategy: Annotated[str, typer.Option(help="On AWS: Bayesian, Random or Grid.")] = "Bayesian",
    learners: options.Learners = DEFAULT,
    blender: options.Blender = "auto",
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    hyperparameter: _Hyper = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
    seed: options.Seed = None,
    instance_type: _Instance = "local",
    instance_count: _Count = 1,
    role: _Role = None,
    output: _Output = None,
    spot: _Spot = False,
    image: _Image = None,
    vendor: _Vendor = False,
    wait: _Wait = True,
) -> None:
    """Tune an ensemble on its validation metric in one tuning job."""
    from .. import sagemaker

    tuning = sagemaker.tune(
        options.made(_kind(task), learners, blender, param, cv, metric, seed, verbose=1),
        options.domains(space),
        train,
        validation,
        **_columns(target, weight, groups, drop, header),
        reading=_reading(sep, decimal, encoding, comment, sheet),
        hyperparameters=options.settings(hyperparameter),
        max_jobs=max_jobs,
        max_parallel_jobs=max_parallel_jobs,
        strategy=strategy,
        seed=seed,
        vendor=vendor,
        wait=wait or instance_type == "local",
        **_where(instance_type, instance_count, role, output, spot, image),
    )
    _tell_tuning(tuning)


@app.command()
def attach(
    name: Annotated[str, typer.Argument(help="A training job, tuning job, endpoint or transform job on AWS.")],
    logs: Annotated[bool, typer.Option(help="Print the log too.")] = False,
) -> None:
    """Tell how a job, a tuning job, an endpoint or a transform job on AWS is doing."""
    from .. import sagemaker

    handle: Any = sagemaker.attach(name)
    if logs and handle.kind != "tuning job":  # whose trials have logs
        print(handle.log)
    tell = {"job": _tell_job, "tuning job": _tell_tuning, "transform job": _tell_transform, "endpoint": _tell_endpoint}
    tell[handle.kind](handle)


@app.command()
def deploy(
    job: Annotated[str, typer.Argument(help="A training job, or a tuning job for its best one, on AWS.")],
    instance_type: Annotated[str | None, typer.Option(help="Instances; by default serverless.")] = None,
    instance_count: Annotated[str, typer.Option(help="How many of them, or LOW..HIGH.")] = "1",
    requests_per_instance: Annotated[
        float | None, typer.Option(help="With LOW..HIGH: the requests a minute, or in the queue, that one is for.")
    ] = None,
    asynchronous: Annotated[bool, typer.Option(help="Requests and answers are files in S3.")] = False,
    memory_mb: Annotated[int, typer.Option(help="Of a serverless endpoint.")] = 3072,
    max_concurrency: Annotated[int, typer.Option(help="Requests that a serverless endpoint answers at a time.")] = 5,
    role: _ServingRole = None,
) -> None:
    """Serve the ensemble of a job on AWS, and print the endpoint's name."""
    from .. import sagemaker

    endpoint: Any = sagemaker.deploy(
        _trained(job),
        instance_type=instance_type,
        instance_count=_bounds(instance_count),
        requests_per_instance=requests_per_instance,
        asynchronous=asynchronous,
        memory_mb=memory_mb,
        max_concurrency=max_concurrency,
        role=role,
    )
    _tell_endpoint(endpoint)


@app.command()
def predict(
    endpoint: Annotated[str, typer.Argument(help="Name of an endpoint on AWS.")],
    data: options.Data,
    out: Annotated[Path, typer.Option(help="File for the predictions: .csv, .csv.gz, .jsonl or .parquet.")],
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
) -> None:
    """Predict the rows of a table by an endpoint."""
    check_file(out)
    values = _endpoint(endpoint).predict(data, header=header, reading=_reading(sep, decimal, encoding, comment, sheet))
    write_columns(out, {"prediction": values})
    print(f"wrote {len(values)} predictions to {out}")


@app.command()
def transform(
    job: Annotated[str, typer.Argument(help="A training job, or a tuning job for its best one, on AWS.")],
    data: Annotated[str, typer.Argument(help="A file or folder as for byoe fit, or an s3:// address.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the predictions: .csv, .csv.gz, .jsonl or .parquet.")
    ] = None,
    instance_type: Annotated[str | None, typer.Option(help="By default that of the job.")] = None,
    instance_count: Annotated[int, typer.Option(help="How many instances share the files.")] = 1,
    role: _ServingRole = None,
    output: Annotated[str | None, typer.Option(help="An s3:// prefix.")] = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
    wait: _Wait = True,
) -> None:
    """Predict many rows by a batch transform job on AWS, without an endpoint."""
    from .. import sagemaker

    if out is not None:
        if not wait:
            raise ParameterError("--out needs the predictions, and --no-wait does not wait for them; leave one out")
        check_file(out)
    started = sagemaker.transform(
        _trained(job),
        data,
        instance_type=instance_type,
        instance_count=instance_count,
        header=header,
        reading=_reading(sep, decimal, encoding, comment, sheet),
        role=role,
        output=output,
        wait=wait,
        accept="application/x-npy" if out else "text/csv",
    )
    _tell_transform(started)
    if out is not None:
        values = started.predictions()
        write_columns(out, {"prediction": values})
        print(f"wrote {len(values)} predictions to {out}")


@app.command()
def delete(endpoint: Annotated[str, typer.Argument(help="Name of an endpoint on AWS.")]) -> None:
    """Remove an endpoint with its configuration and its model; nothing happens for what is gone."""
    from ..sagemaker import Endpoint

    Endpoint(endpoint).delete()
    print(f"nothing is left of endpoint {endpoint}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    target: options.Target,
    task: _Task,
    learners: options.Learners = DEFAULT,
    blender: options.Blender = "auto",
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
    seed: options.Seed = None,
    instance_type: Annotated[str | None, typer.Option(help="Of the job: one with a GPU installs more.")] = None,
    instance_count: _Count = 1,
    vendor: _Vendor = False,
) -> None:
    """Write the source folder of a job, for review or for other tools."""
    from ..sagemaker import export as write

    made = options.made(_kind(task), learners, blender, param, cv, metric, seed)
    columns = _columns(target, weight, groups, drop, header)
    reading = _reading(sep, decimal, encoding, comment, sheet)
    write(
        made, out, **columns, reading=reading, instance_type=instance_type, instance_count=instance_count, vendor=vendor
    )
    print(f"wrote {', '.join(sorted(file.name for file in out.iterdir()))} to {out}")


@app.command()
def dockerfile(
    source: Annotated[Path, typer.Argument(help="A source folder, as export writes it.")],
    image: Annotated[str, typer.Option(help="Address of the container image to extend.")],
) -> None:
    """Write a Dockerfile into a source folder: an image with all that its jobs install, for the fastest start."""
    from ..sagemaker import dockerfile as write

    file = write(source, image)
    print(f"wrote {file}; build it with: docker build --tag byoe {source}")


def _kind(task: str) -> Any:
    if task not in options.KINDS:
        raise ParameterError(f"--task is {task!r}, expected {' or '.join(options.KINDS)}")
    return options.KINDS[task]


def _columns(target: str, weight: str | None, groups: str | None, drop: str, header: bool | None) -> dict[str, Any]:
    return {"target": target, "weight": weight, "groups": groups, "drop": options.listed(drop), "header": header}


def _reading(*given: str | None) -> dict[str, Any] | None:
    return Reading(None, *given).said() or None


def _where(
    instance_type: str, instance_count: int, role: str | None, output: str | None, spot: bool, image: str | None
) -> dict[str, Any]:
    where = {"instance_type": instance_type, "instance_count": instance_count}
    return {**where, "role": role, "output": output, "spot": spot, "image": image}


def _bounds(text: str) -> int | tuple[int, int]:
    """Return the number or the two bounds that N or LOW..HIGH says."""
    low, dots, high = text.partition("..")
    try:
        return (int(low), int(high)) if dots else int(low)
    except ValueError:
        raise ParameterError(f"--instance-count is {text!r}, expected a number or LOW..HIGH, such as 1..4") from None


def _endpoint(name: str) -> Any:
    from .. import sagemaker

    handle: Any = sagemaker.attach(name)
    if handle.kind == "transform job":
        raise ParameterError(f"{name} is a transform job, not an endpoint; deploy the job that has trained the model")
    if handle.kind != "endpoint":
        raise ParameterError(
            f"{name} is a {handle.kind}, not an endpoint; deploy it first: byoe sagemaker deploy {name}"
        )
    return handle


def _trained(name: str) -> Any:
    """Return the handle of what has trained a model."""
    from .. import sagemaker

    handle: Any = sagemaker.attach(name)
    if handle.kind not in ("job", "tuning job"):
        what = "an endpoint already" if handle.kind == "endpoint" else f"a {handle.kind}"
        raise ParameterError(f"{name} is {what}; expected a training job or a tuning job")
    return handle


def _tell_job(job: Any) -> None:
    status = job.status
    print(f"job {job.name} is {status}")
    if status != "Completed":
        return
    if job.metrics:
        print(Listing({"metric": name, "value": value} for name, value in job.metrics.items()))
    print(f"model: {job.artifact}")


def _tell_tuning(tuning: Any) -> None:
    print(f"tuning job {tuning.name} is {tuning.status}, objective {tuning.objective}")
    trials = tuning.trials
    if trials:
        print(Listing(trials))
    if tuning.place == "local":
        print(f"best: trial {tuning.best['number']}, model: {tuning.best_job.artifact}")


def _tell_transform(transform: Any) -> None:
    print(f"transform job {transform.name} is {transform.status}, predictions: {transform.output}")


def _tell_endpoint(endpoint: Any) -> None:
    print(f"endpoint {endpoint.name} is {endpoint.status}")
