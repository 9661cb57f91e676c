"""The commands ``byoe sagemaker …``: jobs and endpoints by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ParameterError
from ..registry._portfolios import DEFAULT
from . import _options as options
from . import _sagemaker_pipelines as pipelines
from ._runs import prune
from ._sagemaker_account import doctor, policy
from ._sagemaker_handles import (
    Wait,
    described,
    reading,
    tell_endpoint,
    tell_execution,
    tell_group,
    tell_job,
    tell_package,
    tell_pipeline,
    tell_transform,
    tell_tuning,
)
from ._sagemaker_registry import approve, baseline, register, reject
from ._sagemaker_serving import alarm, delete, deploy, predict, shift, transform

app = typer.Typer(no_args_is_help=True, help="One training job, one tuning job and one endpoint for any ensemble.")

_Task = Annotated[str, typer.Option(help="regression or classification.")]
_Train = Annotated[
    str, typer.Argument(help="A file or folder as for byoe fit, an s3:// address, or S3Uri=…,S3DataType=ManifestFile.")
]
_Validation = Annotated[str | None, typer.Option(help="Data for the metrics alone.")]
_Instance = Annotated[str, typer.Option(help="local, or the type of an instance on AWS.")]
_Count = Annotated[int, typer.Option(help="How many instances share the tasks; needs byoe-ensemble[dask].")]
_Vendor = Annotated[bool, typer.Option(help="Send all that is installed as wheels.")]
_Role = Annotated[str | None, typer.Option(help="Name or ARN of the role that the job takes on.")]
_Output = Annotated[str | None, typer.Option(help="Folder, or an s3:// prefix for AWS.")]
_InputMode = Annotated[str | None, typer.Option(help="On AWS: File, or FastFile, which reads S3 without a copy.")]
_Spot = Annotated[bool, typer.Option(help="Use spare capacity.")]
_Image = Annotated[str | None, typer.Option(help="Another container image.")]
_Name = Annotated[str | None, typer.Option(help="Of the job; NAME- is a prefix, behind which the time is written.")]
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
    prune: options.Prune = None,
    graph: options.Graph = False,
    tracking: options.Tracking = None,
    experiment: options.Experiment = None,
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
    input_mode: _InputMode = None,
    spot: _Spot = False,
    image: _Image = None,
    name: _Name = None,
    vendor: _Vendor = False,
    wait: Wait = True,
) -> None:
    """Train an ensemble in one job."""
    from .. import sagemaker

    job = sagemaker.fit(
        options.made(_kind(task), learners, blender, param, cv, metric, seed),
        described(train),
        described(validation),
        **_columns(target, weight, groups, drop, header),
        reading=reading(sep, decimal, encoding, comment, sheet),
        hyperparameters=options.settings(hyperparameter),
        prune=prune,
        graph=graph,
        tracking=tracking,
        experiment=experiment,
        vendor=vendor,
        wait=wait or instance_type == "local",  # a local job ends with the process that waits for it
        name=name,
        **_where(instance_type, instance_count, role, output, spot, image, input_mode),
    )
    tell_job(job)


@app.command()
def tune(
    train: _Train,
    target: options.Target,
    task: _Task,
    space: options.Space = None,
    validation: _Validation = None,
    max_jobs: Annotated[int, typer.Option(help="Trials.")] = 10,
    max_parallel_jobs: Annotated[int, typer.Option(help="Trials at a time.")] = 1,
    strategy: Annotated[str, typer.Option(help="Bayesian, Random, Grid or Hyperband.")] = "Bayesian",
    early_stopping: Annotated[bool, typer.Option(help="End trials whose first folds are bad.")] = False,
    stop_at: Annotated[float | None, typer.Option(help="End when the objective is as good.")] = None,
    patience: Annotated[
        str | None, typer.Option(help="End after so many trials without improvement; on AWS also auto.")
    ] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds of the whole tuning job.")] = None,
    autotune: Annotated[bool, typer.Option(help="On AWS: leave what is not said to the service.")] = False,
    warm_start: Annotated[list[str] | None, typer.Option(help="On AWS: name of an earlier tuning job.")] = None,
    warm_start_type: Annotated[str, typer.Option(help="On AWS: transfer or identical.")] = "transfer",
    max_cost: Annotated[float | None, typer.Option(help="On AWS: of all trials, with --price-per-hour.")] = None,
    price_per_hour: Annotated[float | None, typer.Option(help="On AWS: of one instance.")] = None,
    tracking: options.Tracking = None,
    experiment: options.Experiment = None,
    learners: options.Learners = DEFAULT,
    blender: options.Blender = "auto",
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    hyperparameter: _Hyper = None,
    graph: options.Graph = False,
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
    input_mode: _InputMode = None,
    spot: _Spot = False,
    image: _Image = None,
    name: _Name = None,
    vendor: _Vendor = False,
    wait: Wait = True,
) -> None:
    """Tune an ensemble on its validation metric in one tuning job."""
    from .. import sagemaker

    tuning = sagemaker.tune(
        options.made(_kind(task), learners, blender, param, cv, metric, seed, verbose=1),
        options.domains(space),
        described(train),
        described(validation),
        **_columns(target, weight, groups, drop, header),
        reading=reading(sep, decimal, encoding, comment, sheet),
        hyperparameters=options.settings(hyperparameter),
        graph=graph,
        max_jobs=max_jobs,
        max_parallel_jobs=max_parallel_jobs,
        strategy=strategy,
        early_stopping=early_stopping,
        stop_at=stop_at,
        patience=None if patience is None else options.value_of(patience),
        time_limit=time_limit,
        autotune=autotune,
        warm_start=warm_start or (),
        warm_start_type=warm_start_type,
        max_cost=max_cost,
        price_per_hour=price_per_hour,
        tracking=tracking,
        experiment=experiment,
        seed=seed,
        vendor=vendor,
        wait=wait or instance_type == "local",
        name=name,
        **_where(instance_type, instance_count, role, output, spot, image, input_mode),
    )
    tell_tuning(tuning)


@app.command()
def pipeline(
    name: Annotated[str, typer.Argument(help="Of the pipeline.")],
    train: _Train,
    target: options.Target,
    task: _Task,
    validation: _Validation = None,
    test: pipelines.Test = None,
    space: options.Space = None,
    max_jobs: pipelines.MaxJobs = None,
    condition: pipelines.Condition = None,
    register: pipelines.Register = None,
    approve: pipelines.Approve = None,
    cache: pipelines.Cache = None,
    learners: options.Learners = DEFAULT,
    blender: options.Blender = "auto",
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    hyperparameter: _Hyper = None,
    prune: options.Prune = None,
    graph: options.Graph = False,
    tracking: options.Tracking = None,
    experiment: options.Experiment = None,
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
    input_mode: _InputMode = None,
    spot: _Spot = False,
    image: _Image = None,
    vendor: _Vendor = False,
    definition: pipelines.Definition = False,
) -> None:
    """Make a pipeline: train or tune, look at a metric, register. AWS is given it; on this machine it is run."""
    from .. import sagemaker

    where = _where(instance_type, instance_count, role, output, spot, image, input_mode)
    if max_jobs is not None:
        where["max_jobs"] = max_jobs
    made = sagemaker.pipeline(
        name,
        options.made(_kind(task), learners, blender, param, cv, metric, seed),
        described(train),
        described(validation),
        test=described(test),
        **_columns(target, weight, groups, drop, header),
        reading=reading(sep, decimal, encoding, comment, sheet),
        space=options.domains(space),
        condition=pipelines.told_condition(condition),
        register=register,
        approve=approve,
        cache=cache,
        hyperparameters=options.settings(hyperparameter),
        prune=prune,
        graph=graph,
        tracking=tracking,
        experiment=experiment,
        vendor=vendor,
        **where,
    )
    pipelines.tell_made(made, definition=definition)


@app.command()
def attach(
    name: Annotated[
        str, typer.Argument(help="A training job, tuning job, endpoint, transform job or model package on AWS.")
    ],
    logs: Annotated[bool, typer.Option(help="Print the log too.")] = False,
    kind: Annotated[
        str | None,
        typer.Option(
            help="job, tuning job, endpoint or transform job, if several are called so; pipeline; model package group."
        ),
    ] = None,
) -> None:
    """Tell how a job, a tuning job, an endpoint, a transform job or a model package on AWS is doing."""
    from .. import sagemaker

    handle: Any = sagemaker.attach(name, kind=kind)
    if logs and handle.kind in _LOGGED:
        print(handle.log)
    _TELL[handle.kind](handle)


_LOGGED = ("job", "transform job", "endpoint")  # of a tuning job the trials have logs
_TELL: dict[str, Callable[[Any], None]] = {
    "job": tell_job,
    "tuning job": tell_tuning,
    "transform job": tell_transform,
    "endpoint": tell_endpoint,
    "pipeline": tell_pipeline,
    "pipeline execution": tell_execution,
    "model package": tell_package,
    "model package group": tell_group,
}

_COMMANDS = (
    register,
    approve,
    reject,
    baseline,
    deploy,
    predict,
    shift,
    alarm,
    transform,
    delete,
    prune,
    doctor,
    policy,
)
for _command in (pipelines.start, *_COMMANDS):
    app.command()(_command)


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
    graph: options.Graph = False,
    vendor: _Vendor = False,
) -> None:
    """Write the source folder of a job, for review or for other tools."""
    from ..sagemaker import export as write

    made = options.made(_kind(task), learners, blender, param, cv, metric, seed)
    columns = _columns(target, weight, groups, drop, header)
    how = reading(sep, decimal, encoding, comment, sheet)
    where: dict[str, Any] = {"instance_type": instance_type, "graph": graph, "vendor": vendor}
    write(made, out, **columns, reading=how, instance_count=instance_count, **where)
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


def _where(
    instance_type: str,
    instance_count: int,
    role: str | None,
    output: str | None,
    spot: bool,
    image: str | None,
    input_mode: str | None,
) -> dict[str, Any]:
    where: dict[str, Any] = {"instance_type": instance_type, "instance_count": instance_count}
    if input_mode is not None:
        where["input_mode"] = input_mode
    return {**where, "role": role, "output": output, "spot": spot, "image": image}
