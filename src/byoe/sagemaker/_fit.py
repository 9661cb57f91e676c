"""`fit`: arguments in, checked before anything is written or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..data._reading import Reading
from ..ensemble._base import BaseEnsemble
from ..ensemble._pruning import tolerance_of_a_fit
from ..mlflow._client import tracking_of
from ._places import place_for
from ._prepare import Asked, Contents, write_job_folder
from ._room import check_room
from .aws._job import Job
from .local._job import LocalJob
from .shared._checks import configured, plain_values, variant_of
from .shared._names import name_of
from .shared._place import Place, Where
from .shared._tables import read_channels


def fit(
    ensemble: BaseEnsemble,
    train: Any,
    validation: Any = None,
    *,
    target: str | int,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
    header: bool | None = None,
    reading: Mapping[str, Any] | None = None,
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
    name: str | None = None,
    wait: bool = True,
    logs: bool = True,
    **options: Any,
) -> LocalJob | Job:
    """Train an ensemble in one job.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Not fitted.
    train, validation : frame, file, folder, or for a job on AWS ``s3://`` address or description
        Of any kind that `byoe fit` reads. A description has the service's words, such as ``{"S3Uri": "s3://…",
        "S3DataType": "ManifestFile", "S3DataDistributionType": "ShardedByS3Key", "InputMode": "FastFile"}``, or is the
        SDK's ``S3DataSource``, ``Channel``, ``InputData`` or ``TrainingInput``. The validation table is used for the
        metrics alone, never for fitting, stopping or blending.
    target, weight, groups : str or int
        Name or position of a column of both tables.
    drop : iterable of str or int
        Columns that are no features.
    header : bool, default=None
        Whether the first row of CSV files names the columns; None looks.
    reading : mapping, default=None
        How files are read where they do not tell: ``sep``, ``decimal``, ``encoding``, ``comment``, ``sheet``.
    dependencies : iterable of str or Path, default=()
        Your own modules and packages that the ensemble uses, as ``.py`` files and folders: the job
        and its endpoint can import them.
    requirements : iterable of str, default=()
        Further distributions that the job installs, in the versions that are installed here.
    vendor : bool, default=False
        On AWS: send all that the job and its endpoint install as wheels, which pip downloads here,
        for containers without a network (``isolated=True``, or a VPC that is closed).
    instance_type : str, default="local"
        Where to run: on this machine, by the same generated files as on SageMaker; or the type
        of an instance on AWS, such as ``"ml.m5.xlarge"``.
    instance_count : int, default=1
        On AWS: with several instances their Dask workers share the tasks of the fit, and each reads
        its own copy of the data. Needs ``byoe-ensemble[dask]`` here.
    role : str, default=None
        On AWS: name or ARN of the role that the job takes on. None takes that of a SageMaker
        notebook.
    output : str or Path, default=None
        Folder under which the job's own folder is made, ``byoe-jobs`` unless it is given; on AWS
        an ``s3://`` prefix, ``byoe`` in SageMaker's usual bucket unless it is given.
    hyperparameters : mapping, default=None
        Override parameters of the ensemble, its members and its blender by the names of
        ``get_params``, or by shared names such as ``eta`` and ``max_depth``.
    prune : float, default=None
        Leave members out of the artifact, and so of its endpoints, as the ensemble's ``prune`` does with such a
        tolerance: 0 those that the blend does not use. None keeps all.
    graph : bool, default=False
        Save the graph of the ensemble, too, as the ensemble's ``save(path, graph=X)`` does, so that
        ``deploy(job, runtime="onnx")`` can serve by it. Where it cannot be made, the log says why, and the model is
        saved without. Needs ``byoe-ensemble[onnx]`` here; the job installs it.
    tracking : str, default=None
        Address of an MLflow server, or the ARN of one of SageMaker's: the job logs its fit there, as a run of its own
        name, with the model. Needs ``byoe-ensemble[mlflow]`` here. What cannot be logged is told in the job's log, and
        the job goes on.
    experiment : str, default=None
        Of MLflow, for the run; None takes ``MLFLOW_EXPERIMENT_NAME`` of the job's environment, else MLflow's default.
    spot : bool, default=False
        On AWS: use spare capacity, which costs less and may be taken back. Finished members and
        folds are kept in S3, and the next attempt goes on from there.
    image : str, default=None
        On AWS: another container image than the newest one for scikit-learn.
    session : boto3.Session, or the SDK's Session, default=None
        On AWS: by default what the environment and ``~/.aws`` say.
    name : str, default=None
        Of the job, which nothing else may have; one that ends with ``-``, such as ``"churn-"``, is a prefix, behind
        which the time is written. None stands for ``"byoe-"``.
    wait : bool, default=True
        Wait for the end, and raise when the job fails.
    logs : bool, default=True
        Print the log while waiting.
    **options
        On AWS: ``region`` and ``profile`` in the place of a session, ``volume_gb``, ``input_mode`` (``"File"``, or
        ``"FastFile"``, which reads S3 without a copy), ``max_seconds``,
        ``max_wait_seconds``, ``keep_alive_seconds``, ``subnets``, ``security_groups``, ``output_key``,
        ``volume_key``, ``isolated``, ``encrypted``, ``environment``, ``tags`` as a mapping or a list of
        ``{"Key": …, "Value": …}``.

    Returns
    -------
    LocalJob, or on AWS Job

    Raises
    ------
    SpecError, ParameterError, InputError
        Before anything is written: when JSON cannot express the ensemble, a name is not
        known, there are no such data, or a frame or file of this
        machine has no such column.
    JobError
        When AWS refuses the job, or it fails; its attribute ``job`` is the handle.
    """
    place = place_for(
        Where(
            instance_type, instance_count, role, image, spot, vendor, session, output=output, options=options, name=name
        )
    )
    place.check()
    logs_to = tracking_of(tracking, experiment, here=instance_type == "local")
    made = name_of("training job", name)
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
        logs_to,
    )
    contents = fit_contents(place, ensemble, {"train": train, "validation": validation}, asked, prune)
    with place.folder("training job", made) as folder:
        job = place.launch(write_job_folder(contents, made, folder, place.needs))
    return job.wait(logs=logs) if wait else job


def fit_contents(
    place: Place, ensemble: BaseEnsemble, tables: Mapping[str, Any], asked: Asked, prune: float | None
) -> Contents:
    """Return what a job is to do, checked; ``tables`` are by their channels."""
    channels = read_channels(tables, asked.how, place.at_address)
    values = plain_values(asked.hyperparameters)
    variant = configured(ensemble, values)
    roles = asked.roles(channels)
    check_room(variant.ensemble, channels, roles, asked.how, place.where)
    return Contents(
        variant_of(ensemble),
        [variant],
        channels,
        roles,
        values,
        asked.dependencies,
        asked.requirements,
        prune=tolerance_of_a_fit(prune, variant.recipe.blender),
        graph=asked.graph,
        tracking=asked.logs_to,
    )
