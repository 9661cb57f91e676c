"""The words of the service's Python SDK: its sessions and its resources, told by what they are and not imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ...errors import ParameterError

# The SDK's class for each kind of handle, and its argument that says which one.
RESOURCES = {
    "job": ("TrainingJob", "training_job_name"),
    "tuning job": ("HyperParameterTuningJob", "hyper_parameter_tuning_job_name"),
    "endpoint": ("Endpoint", "endpoint_name"),
    "transform job": ("TransformJob", "transform_job_name"),
    "model package": ("ModelPackage", "model_package_name"),
    "model package group": ("ModelPackageGroup", "model_package_group_name"),
    "pipeline": ("Pipeline", "pipeline_name"),
    "pipeline execution": ("PipelineExecution", "pipeline_execution_arn"),
}
# What starts jobs, and where it has the last one.
_STARTERS = {"ModelTrainer": "_latest_training_job", "HyperparameterTuner": "latest_tuning_job"}
_PIPELINE = "PipelineSession"
_ELSEWHERE = {
    "LocalSession": "which runs containers on this machine; leave it out and set instance_type='local'",
    _PIPELINE: "which starts nothing but keeps what a pipeline is to start; give it to byoe.sagemaker.model_trainer or "
    "tuner, and here the SDK's Session",
}
_CLIENTS = {"sagemaker": "sagemaker_client", "sagemaker-runtime": "sagemaker_runtime_client"}


@dataclass(frozen=True)
class Account:
    """What a session says.

    Attributes
    ----------
    boto : boto3.Session
    bucket, folder : str or None
        Where files are put unless something else is said, and what their keys begin with there.
    endpoints : mapping of str to str
        Addresses of services, which may be those of a VPC.
    sdk : Session or None
        The SDK's session that was given.
    """

    boto: Any
    bucket: str | None = None
    folder: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sdk: Any = None


@dataclass(frozen=True)
class Resource:
    """What a resource of the SDK says of itself.

    Attributes
    ----------
    kind : str
        Of a handle.
    name : str
        Its ARN, or its name where the service was never asked.
    session : boto3.Session or None
    region : str or None
        Where there is no session.
    """

    kind: str
    name: str
    session: Any
    region: str | None


def name_field(kind: str) -> str:
    """Return the field of the service's answers that holds the name of what a handle of a kind is of.

    Examples
    --------
    >>> name_field("tuning job")
    'HyperParameterTuningJobName'
    """
    return "".join(map(str.capitalize, RESOURCES[kind][1].split("_")))


def is_of_sdk(thing: Any, *names: str) -> str:
    """Return which of some classes of the SDK something is an instance of; nothing where it is of none."""
    for one in type(thing).__mro__:
        if one.__name__ in names and one.__module__.partition(".")[0] == "sagemaker":
            return one.__name__
    return ""


def read_session(session: Any, *, planned: bool = False) -> Account:
    """Return what a session of boto3 or of the SDK says.

    Parameters
    ----------
    session : boto3.Session, or the SDK's Session
    planned : bool, default=False
        Whether nothing is to be started by it, so that it may be that of a pipeline.

    Raises
    ------
    ParameterError
        For something else, and for sessions of the SDK that start nothing on AWS.
    """
    if elsewhere := is_of_sdk(session, *(name for name in _ELSEWHERE if not planned or name != _PIPELINE)):
        raise ParameterError(f"session is the SDK's {type(session).__name__}, {_ELSEWHERE[elsewhere]}")
    if is_of_sdk(session, "Session"):
        # By their methods the SDK would list all buckets, which not everybody may do.
        named = getattr(session, "_default_bucket_name_override", None)
        folder = str(getattr(session, "default_bucket_prefix", None) or "").strip("/")
        clients = {service: getattr(session, name, None) for service, name in _CLIENTS.items()}
        addresses = {service: client.meta.endpoint_url for service, client in clients.items() if client is not None}
        return Account(session.boto_session, named, folder or None, addresses, session)
    methods = ("client", "region_name", "get_available_regions")
    if not isinstance(session, type) and all(hasattr(session, name) for name in methods):
        return Account(session)
    hint = "; a profile by its name is profile=" if isinstance(session, str) else ""
    raise ParameterError(
        f"session is {session!r}, expected a boto3.Session, or the SDK's Session that is made around one{hint}"
    )


def is_resource(thing: Any) -> bool:
    """Return whether something is of the SDK, and handles are made from it."""
    return bool(is_of_sdk(thing, *_STARTERS, *(one for one, _ in RESOURCES.values())))


def read_resource(thing: Any) -> Resource:
    """Return what a resource of the SDK says of itself.

    Raises
    ------
    ParameterError
        For something else.
    """
    if starter := is_of_sdk(thing, *_STARTERS):
        job = getattr(thing, _STARTERS[starter], None)
        if job is None:
            raise ParameterError(f"the {starter} has started no job yet, or another process has; give the job's name")
        thing = job
    kinds = {one: kind for kind, (one, _) in RESOURCES.items()}
    kind = kinds.get(is_of_sdk(thing, *kinds))
    if kind is None:
        of_sdk = type(thing).__module__.partition(".")[0] == "sagemaker"
        what = f"the SDK's {type(thing).__name__}" if of_sdk else repr(thing)
        raise ParameterError(f"name is {what}, expected a name, an ARN, or of the SDK's resources {', '.join(kinds)}")
    beginning = RESOURCES[kind][1].rpartition("_")[0]
    told = (getattr(thing, f"{beginning}_{word}", None) for word in ("arn", "name"))
    name = next((one for one in told if isinstance(one, str)), None)
    if name is None:
        raise ParameterError(f"the {type(thing).__name__} has no name; get one by {type(thing).__name__}.get(…)")
    session = getattr(thing, "_session", None)
    return Resource(kind, name, session, None if session else getattr(thing, "_region", None))
