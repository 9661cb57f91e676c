"""Requests to the service: plain dictionaries in its own words, made and checked without a call.

Jobs start in plain script mode: two hyperparameters tell the container's training toolkit which
script to run and where its source is, so that a single job and the trials of a tuning job are
the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ParameterError
from ._limits import CHOICES, check_choices, check_environment, check_hyperparameters, check_name

STRATEGIES = ("Bayesian", "Random", "Grid")
CHECKPOINTS = "/opt/ml/checkpoints"
_CODE = "/opt/ml/model/code"
# The list of requirements is complete; pip must not look for more.
_PIP = {"PIP_NO_DEPS": "1"}
_MEMORY = (1024, 2048, 3072, 4096, 5120, 6144)
_MOST_CONCURRENT = 200
_MOST_PARENTS = 5
_KEEP_ALIVE = 21_600


@dataclass(frozen=True)
class Machine:
    """What jobs and endpoints run on, and what they may.

    Attributes
    ----------
    image, role : str
        URI of the container image and ARN of the role.
    instance_type : str
    instance_count : int
    volume_gb : int
    max_seconds : int
        After which a job is stopped.
    spot : bool
        Whether spare capacity is used, which may be taken back.
    max_wait_seconds : int or None
        How long a spot job may take with all interruptions; twice ``max_seconds`` by default.
    keep_alive_seconds : int
        How long the instances wait for the next job (a warm pool).
    subnets, security_groups : tuple of str
        Of a VPC.
    output_key, volume_key : str or None
        KMS keys.
    isolated : bool
        Whether containers have no network.
    encrypted : bool
        Whether traffic between instances is encrypted.
    environment, tags : mapping of str to str
    """

    image: str
    role: str
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    volume_gb: int = 30
    max_seconds: int = 86_400
    spot: bool = False
    max_wait_seconds: int | None = None
    keep_alive_seconds: int = 0
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    output_key: str | None = None
    volume_key: str | None = None
    isolated: bool = False
    encrypted: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_environment(self.environment)
        if bool(self.subnets) != bool(self.security_groups):
            raise ParameterError("subnets and security_groups belong together: give both, or neither")
        if self.spot and self.keep_alive_seconds:
            raise ParameterError("spot instances cannot be kept alive; leave spot or keep_alive_seconds out")
        if not 0 <= self.keep_alive_seconds <= _KEEP_ALIVE:
            raise ParameterError(f"keep_alive_seconds is {self.keep_alive_seconds}, expected 0 to {_KEEP_ALIVE}")
        if self.max_wait_seconds is not None and not self.spot:
            raise ParameterError("max_wait_seconds is for spot jobs; set spot=True or leave it out")
        if self.max_wait_seconds is not None and self.max_wait_seconds < self.max_seconds:
            raise ParameterError(
                f"max_wait_seconds is {self.max_wait_seconds}, less than max_seconds={self.max_seconds}"
            )


def training_request(
    name: str,
    machine: Machine,
    *,
    source: str,
    hyperparameters: Mapping[str, Any],
    channels: Mapping[str, Channel],
    output: str,
    metrics: Sequence[Mapping[str, str]],
    checkpoints: str | None = None,
) -> dict[str, Any]:
    """Return a request for ``CreateTrainingJob``.

    Parameters
    ----------
    name : str
    machine : Machine
    source : str
        Address of the packed source folder.
    hyperparameters : mapping
        JSON values.
    channels : mapping of str to Channel
    output : str
        Address under which the platform puts the artifact.
    metrics : sequence of mappings
        Metric definitions.
    checkpoints : str or None
        Address that the checkpoints are synchronised with.
    """
    check_hyperparameters(hyperparameters)
    resources = _resources(machine)
    if machine.keep_alive_seconds:
        resources["KeepAlivePeriodInSeconds"] = machine.keep_alive_seconds
    return {
        "TrainingJobName": check_name("training job", name),
        "HyperParameters": _texts(hyperparameters, source),
        **_job(machine, channels, output, metrics, checkpoints),
        "ResourceConfig": resources,
        **_tags(machine),
    }


def tuning_request(
    name: str,
    machine: Machine,
    *,
    source: str,
    space: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    channels: Mapping[str, Channel],
    output: str,
    metrics: Sequence[Mapping[str, str]],
    objective: str,
    greater_is_better: bool,
    max_jobs: int,
    max_parallel_jobs: int = 1,
    strategy: str = "Bayesian",
    seed: int | None = None,
    warm_start: Iterable[str] = (),
    checkpoints: str | None = None,
) -> dict[str, Any]:
    """Return a request for ``CreateHyperParameterTuningJob``; what is not said here is as in `training_request`.

    Parameters
    ----------
    space : mapping of str to tuple or list
    hyperparameters : mapping
        Those that are the same for all trials.
    objective : str
        Name of the metric that trials are compared by.
    greater_is_better : bool
    max_jobs, max_parallel_jobs : int
    strategy : {"Bayesian", "Random", "Grid"}
        A grid takes lists of values alone, and tries all of them.
    seed : int or None
    warm_start : iterable of str
        Names of earlier tuning jobs, whose trials count.
    """
    check_hyperparameters({**hyperparameters, **dict.fromkeys(space, 0)})
    if strategy not in STRATEGIES:
        why = "; Hyperband compares unfinished trials, and one of byoe has its honest score at the end"
        raise ParameterError(
            f"strategy is {strategy!r}, expected one of {', '.join(map(repr, STRATEGIES))}"
            + (why if strategy == "Hyperband" else "")
        )
    ranges = parameter_ranges(space, strategy)
    limits: dict[str, int] = {"MaxParallelTrainingJobs": max_parallel_jobs}
    if strategy != "Grid":  # which tries everything, so that a number may not be given
        limits["MaxNumberOfTrainingJobs"] = max_jobs
    config: dict[str, Any] = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {
            "Type": "Maximize" if greater_is_better else "Minimize",
            "MetricName": objective,
        },
        "ResourceLimits": limits,
        "ParameterRanges": ranges,
        "TrainingJobEarlyStoppingType": "Off",
    }
    if seed is not None:
        config["RandomSeed"] = seed
    definition = {
        "StaticHyperParameters": _texts(hyperparameters, source),
        **_job(machine, channels, output, metrics, checkpoints),
        "ResourceConfig": _resources(machine),
    }
    request = {
        "HyperParameterTuningJobName": check_name("tuning job", name),
        "HyperParameterTuningJobConfig": config,
        "TrainingJobDefinition": definition,
        **_tags(machine),
    }
    parents = list(warm_start)
    if len(parents) > _MOST_PARENTS:
        raise ParameterError(f"warm_start names {len(parents)} tuning jobs, at most {_MOST_PARENTS} are taken")
    if parents:
        request["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent} for parent in parents],
            "WarmStartType": "TransferLearning",  # the data or the space may have changed
        }
    return request


def parameter_ranges(space: Mapping[str, Any], strategy: str = "Bayesian") -> dict[str, list[dict[str, Any]]]:
    """Return a space in the service's words.

    Examples
    --------
    >>> parameter_ranges({"eta": (0.01, 0.3, "log")})["ContinuousParameterRanges"]
    [{'Name': 'eta', 'MinValue': '0.01', 'MaxValue': '0.3', 'ScalingType': 'Logarithmic'}]
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, domain in space.items():
        if isinstance(domain, list):
            check_choices(name, domain)
            kind, entry = "Categorical", {"Name": name, "Values": [json.dumps(value) for value in domain]}
        elif strategy == "Grid":
            raise ParameterError(
                f"space[{name!r}] is the range {domain!r}, and a grid takes lists of at most {CHOICES} values; give one"
            )
        else:
            whole = all(isinstance(bound, int) for bound in domain[:2])
            kind = "Integer" if whole else "Continuous"
            low, high = (bound if whole else float(bound) for bound in domain[:2])
            scaling = "Logarithmic" if len(domain) == 3 else "Linear"
            entry = {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling}
        found.setdefault(f"{kind}ParameterRanges", []).append(entry)
    return found


@dataclass(frozen=True)
class Channel:
    """Data of a job.

    Attributes
    ----------
    address : str
        An ``s3://`` prefix.
    content_type : str or None
    """

    address: str
    content_type: str | None = None


def model_request(name: str, machine: Machine, artifact: str) -> dict[str, Any]:
    """Return a request for ``CreateModel``; the artifact holds its own serving code.

    Parameters
    ----------
    name : str
    machine : Machine
    artifact : str
        Address of ``model.tar.gz``.
    """
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": _CODE,
        # Each worker holds the model; the boosters use all cores themselves.
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        **_PIP,
        **machine.environment,
    }
    return {
        "ModelName": check_name("model", name),
        "PrimaryContainer": {"Image": machine.image, "ModelDataUrl": artifact, "Environment": environment},
        "ExecutionRoleArn": machine.role,
        **_network(machine, model=True),
        **_tags(machine),
    }


@dataclass(frozen=True)
class Serverless:
    """An endpoint that is paid for by the request.

    Attributes
    ----------
    memory_mb : int
    max_concurrency : int
        Requests at a time.
    provisioned_concurrency : int
        Of these, for which a container is kept ready.
    """

    memory_mb: int = 3072
    max_concurrency: int = 5
    provisioned_concurrency: int = 0

    def __post_init__(self) -> None:
        if self.memory_mb not in _MEMORY:
            raise ParameterError(f"memory_mb is {self.memory_mb}, expected one of {', '.join(map(str, _MEMORY))}")
        if not 1 <= self.max_concurrency <= _MOST_CONCURRENT:
            raise ParameterError(f"max_concurrency is {self.max_concurrency}, expected 1 to {_MOST_CONCURRENT}")
        if not 0 <= self.provisioned_concurrency <= self.max_concurrency:
            raise ParameterError(
                f"provisioned_concurrency is {self.provisioned_concurrency}, expected 0 to max_concurrency="
                f"{self.max_concurrency}"
            )


def endpoint_config_request(
    name: str, machine: Machine, model: str, *, serverless: Serverless | None = None, count: int = 1
) -> dict[str, Any]:
    """Return a request for ``CreateEndpointConfig``: serverless, or on instances of the machine's type."""
    variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": model}
    if serverless is None:
        variant |= {
            "InitialInstanceCount": count,
            "InstanceType": machine.instance_type,
            "InitialVariantWeight": 1.0,
        }
    else:
        check_serverless(machine)
        sizes = {"MemorySizeInMB": serverless.memory_mb, "MaxConcurrency": serverless.max_concurrency}
        if serverless.provisioned_concurrency:
            sizes["ProvisionedConcurrency"] = serverless.provisioned_concurrency
        variant["ServerlessConfig"] = sizes
    key = {"KmsKeyId": machine.volume_key} if machine.volume_key and serverless is None else {}
    return {
        "EndpointConfigName": check_name("endpoint", name),
        "ProductionVariants": [variant],
        **key,
        **_tags(machine),
    }


def check_serverless(machine: Machine) -> None:
    """Raise a ParameterError for what a serverless endpoint does not have."""
    lacking = {"a VPC": machine.subnets, "network isolation": machine.isolated}
    for what, wanted in lacking.items():
        if wanted:
            raise ParameterError(f"a serverless endpoint has no {what.removeprefix('a ')}; give an instance_type")


def endpoint_request(name: str, config: str, machine: Machine) -> dict[str, Any]:
    """Return a request for ``CreateEndpoint``."""
    return {"EndpointName": check_name("endpoint", name), "EndpointConfigName": config, **_tags(machine)}


def _job(
    machine: Machine,
    channels: Mapping[str, Channel],
    output: str,
    metrics: Sequence[Mapping[str, str]],
    checkpoints: str | None,
) -> dict[str, Any]:
    """Return what a training job and the trials of a tuning job have in common."""
    stopping = {"MaxRuntimeInSeconds": machine.max_seconds}
    if machine.spot:
        stopping["MaxWaitTimeInSeconds"] = machine.max_wait_seconds or 2 * machine.max_seconds
    where: dict[str, Any] = {"S3OutputPath": output}
    if machine.output_key:
        where["KmsKeyId"] = machine.output_key
    found: dict[str, Any] = {
        "AlgorithmSpecification": {
            "TrainingImage": machine.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [dict(metric) for metric in metrics],
        },
        "RoleArn": machine.role,
        "InputDataConfig": [_channel(name, channel) for name, channel in channels.items()],
        "OutputDataConfig": where,
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": machine.spot,
        "EnableInterContainerTrafficEncryption": machine.encrypted,
        "Environment": {**_PIP, **machine.environment},
        **_network(machine),
    }
    if checkpoints is not None:
        found["CheckpointConfig"] = {"S3Uri": checkpoints, "LocalPath": CHECKPOINTS}
    return found


def _resources(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = {
        "InstanceType": machine.instance_type,
        "InstanceCount": machine.instance_count,
        "VolumeSizeInGB": machine.volume_gb,
    }
    if machine.volume_key:
        found["VolumeKmsKeyId"] = machine.volume_key
    return found


def _channel(name: str, channel: Channel) -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": channel.address,
        "S3DataDistributionType": "FullyReplicated",  # with several hosts tasks travel, rows do not
    }
    typed = {"ContentType": channel.content_type} if channel.content_type else {}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File", **typed}


def _network(machine: Machine, *, model: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if machine.isolated or not model:
        found["EnableNetworkIsolation"] = machine.isolated
    if machine.subnets:
        found["VpcConfig"] = {"Subnets": list(machine.subnets), "SecurityGroupIds": list(machine.security_groups)}
    return found


def _tags(machine: Machine) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in machine.tags.items()]
    return {"Tags": tags} if tags else {}


def _texts(hyperparameters: Mapping[str, Any], source: str) -> dict[str, str]:
    """Return hyperparameters as the platform passes them: each the JSON form of its value."""
    own = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source}
    return {name: json.dumps(value) for name, value in {**hyperparameters, **own}.items()}
