"""Jobs on AWS: what they need is brought to S3, and the service is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ...errors import ParameterError, did_you_mean
from ._cloud import Cloud, NotFoundError, split
from ._endpoint import Endpoint, create_endpoint
from ._job import Job
from ._machine import Instances, Machine, Serverless, has_gpu
from ._requests import training_request, tuning_request
from ._transform import Transform, create_transform
from ._tuning import Tuning
from ._upload import upload_channels, upload_source

_OURS = frozenset({"image", "role", "instance_type", "instance_count", "spot"})
# What a job on AWS can be told beside its own arguments.
OPTIONS = tuple(one.name for one in fields(Machine) if one.name not in _OURS)
# What serving can be told.
SERVING_OPTIONS = ("subnets", "security_groups", "volume_key", "isolated", "environment", "tags")
_FOLDER = "byoe"


def check_options(
    options: Mapping[str, Any],
    asked: Mapping[str, Any] | None = None,
    *,
    local: bool,
    output: str | Path | None = None,
    known: Sequence[str] = OPTIONS,
) -> None:
    """Raise a ParameterError for an option that nobody knows, or that means nothing where the job runs.

    Parameters
    ----------
    options : mapping
        What was given by further names.
    asked : mapping, default=None
        Arguments for AWS alone; what is false was left out.
    local : bool
    output : str or Path, default=None
    known : sequence of str
        Names that options may have.
    """
    if not local and output is not None:
        split(str(output))  # which refuses what is no address
    for name in options:
        if name not in known:
            what = "a job" if known is OPTIONS else "serving"
            raise ParameterError(f"{what} has no option {name!r}. {did_you_mean(name, known)}")
    given = [*options, *(name for name, value in (asked or {}).items() if value)]
    if local and given:
        raise ParameterError(f"{given[0]} is for jobs on AWS, and instance_type is 'local'; leave one of them out")


@dataclass(frozen=True)
class Where:
    """Where a job is to run, as `fit` and `tune` were told."""

    instance_type: str
    instance_count: int
    role: str | None
    image: str | None
    spot: bool
    vendor: bool
    session: Any
    options: Mapping[str, Any]

    @property
    def local(self) -> bool:
        """Whether that is this machine."""
        return self.instance_type == "local"

    @property
    def needs(self) -> dict[str, bool]:
        """What a source folder for it depends on."""
        return {"several": self.instance_count != 1, "vendor": self.vendor, "gpu": has_gpu(self.instance_type)}

    def check(self, output: str | Path | None, **more: Any) -> None:
        """Raise a ParameterError for what means nothing there; ``more`` is for AWS as well."""
        asked = {name: getattr(self, name) for name in ("vendor", "role", "spot", "image", "session")}
        asked |= {"instance_count": self.instance_count != 1, **more}
        check_options(self.options, asked, local=self.local, output=output)

    def machine(self, cloud: Cloud) -> Machine:
        """Return what a job runs on, with the container and the role that were left open."""
        if self.options.get("isolated") and not self.vendor and self.image is None:
            raise ParameterError(
                "isolated=True leaves the container no network to install from; set vendor=True, which sends wheels, "
                "or give an image that has everything"
            )
        cloud.check_instance_type(self.instance_type, "Training")
        if has_gpu(self.instance_type) and self.image is None:
            raise ParameterError(
                f"instance_type is {self.instance_type!r}, and the scikit-learn container has no variant for GPUs; "
                "give the image of one that has, or an instance without a GPU"
            )
        return Machine(
            self.image or cloud.image(),
            cloud.role(self.role),
            instance_type=self.instance_type,
            instance_count=self.instance_count,
            spot=self.spot,
            **self.options,
        )


def prefix_for(cloud: Cloud, output: str | Path | None) -> str:
    """Return the address under which all is put, without a slash at its end."""
    if output is None:
        return f"s3://{cloud.bucket()}/{_FOLDER}"
    return str(output).rstrip("/")


def launch(
    name: str,
    source: Path,
    channels: Mapping[str, Path | str],
    hyperparameters: Mapping[str, Any],
    *,
    cloud: Cloud,
    machine: Machine,
    prefix: str,
) -> Job:
    """Upload what a job needs, and start it.

    Parameters
    ----------
    name : str
    source : Path
        A source folder.
    channels : mapping of str to Path or str
        Files and folders, or ``s3://`` addresses.
    hyperparameters : mapping
    cloud : Cloud
    machine : Machine
    prefix : str
        Address under which all is put.
    """
    given = _brought(name, source, channels, cloud, machine, prefix)
    request = training_request(name, machine, hyperparameters=hyperparameters, **given)
    cloud.call("sagemaker", "create_training_job", **request)
    return Job(name, cloud)


def launch_tuning(
    name: str,
    source: Path,
    channels: Mapping[str, Path | str],
    hyperparameters: Mapping[str, Any],
    space: Mapping[str, Any],
    search: Mapping[str, Any],
    *,
    cloud: Cloud,
    machine: Machine,
    prefix: str,
) -> Tuning:
    """Upload what the trials of a tuning job need, and start it; ``search`` goes to `tuning_request`."""
    given = _brought(name, source, channels, cloud, machine, prefix)
    request = tuning_request(name, machine, hyperparameters=hyperparameters, space=space, **search, **given)
    cloud.call("sagemaker", "create_hyper_parameter_tuning_job", **request)
    return Tuning(name, cloud)


def _brought(
    name: str, source: Path, channels: Mapping[str, Path | str], cloud: Cloud, machine: Machine, prefix: str
) -> dict[str, Any]:
    """Upload what jobs need; return where it is."""
    return {
        "source": upload_source(cloud, source, prefix),
        "channels": upload_channels(cloud, channels, prefix),
        "output": f"{prefix}/output",
        "metrics": json.loads((source / "metric_definitions.json").read_text(encoding="utf-8")),
        # A spot instance may be taken back: the next attempt finds what was finished.
        "checkpoints": f"{prefix}/checkpoints/{name}" if machine.spot else None,
    }


def serve(
    job: Job, name: str, instance_type: str | None, hosting: Serverless | Instances, options: Mapping[str, Any]
) -> Endpoint:
    """Serve what a job on AWS has made, with its own container and role."""
    on = instance_type or (_type_of(job) if isinstance(hosting, Instances) else None)
    return create_endpoint(name, job.cloud, _machine_of(job, on, "ProductionVariant", options), job.artifact, hosting)


def launch_transform(
    job: Job,
    name: str,
    rows: Path | str,
    *,
    instance_type: str | None,
    count: int,
    content_type: str,
    accept: str,
    output: str | Path | None,
    options: Mapping[str, Any],
) -> Transform:
    """Predict files, here or at an address, by what a job on AWS has made, with its own container and role."""
    machine = _machine_of(job, instance_type or _type_of(job), "Transform", {**options, "instance_count": count})
    prefix = prefix_for(job.cloud, output)
    channel = upload_channels(job.cloud, {"rows": rows}, prefix)["rows"]
    return create_transform(
        name,
        job.cloud,
        machine,
        job.artifact,
        rows=channel.address,
        content_type=content_type,
        accept=accept,
        output=f"{prefix}/transform/{name}",
        whole_files=isinstance(rows, str),
    )


def _type_of(job: Job) -> str:
    """Return the type of instance that serves what a job has made, unless another one is given."""
    found = str(job.describe()["ResourceConfig"]["InstanceType"])
    if has_gpu(found):
        raise ParameterError(f"the job ran on {found}, and predictions need no GPU; give an instance_type without one")
    return found


def _machine_of(job: Job, instance_type: str | None, where: str, options: Mapping[str, Any]) -> Machine:
    """Return what serves: the container and the role of a job, or for one on a GPU the usual container."""
    described = job.describe()
    if instance_type is not None:
        job.cloud.check_instance_type(instance_type, where)
    on = instance_type or described["ResourceConfig"]["InstanceType"]
    return Machine(job.serving_image, described["RoleArn"], instance_type=on, **options)


def attach(name: str, *, session: Any = None) -> Job | Tuning | Endpoint | Transform:
    """Return the handle of what was started on AWS before, here or elsewhere.

    Parameters
    ----------
    name : str
        Of the training job, tuning job, endpoint or transform job.
    session : boto3.Session, default=None
        By default what the environment and ``~/.aws`` say.

    Returns
    -------
    Job, Tuning, Endpoint or Transform

    Raises
    ------
    JobError
        When there is none in the account and region.
    """
    cloud = Cloud(session)
    found: Job | Tuning | Endpoint | Transform
    for found in (Job(name, cloud), Tuning(name, cloud), Endpoint(name, cloud), Transform(name, cloud)):
        with suppress(NotFoundError):
            found.describe()
            return found
    raise NotFoundError(f"there is no training job, tuning job, endpoint or transform job {name!r} in {cloud.region}")
