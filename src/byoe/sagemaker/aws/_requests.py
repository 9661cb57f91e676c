"""Requests to the service: plain dictionaries in its own words, made and checked without a call.

Jobs start in plain script mode: two hyperparameters tell the container's training toolkit which
script to run and where its source is, so that a single job and the trials of a tuning job are
the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ParameterError
from ..shared._limits import check_hyperparameters, check_name
from ..shared._runtime import RUNTIME, code_of, variables_of
from ._machine import Channel, Instances, Machine, Serverless, Variant

FOLDER = "byoe"  # in SageMaker's usual bucket
CHECKPOINTS = "/opt/ml/checkpoints"
_MODEL = "/opt/ml/model"
_CODE_CHANNEL = "/opt/ml/input/data/code"
# The list of requirements is complete: pip must not look for more. Nor for setuptools, which the containers have and
# which their server builds a package with at every start; 0 means yes here.
_PIP = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
LONGEST_REQUEST = 3600  # seconds
# The container's server gives up a worker after a minute unless it is told otherwise.
_PATIENT = {"SAGEMAKER_MODEL_SERVER_TIMEOUT": str(LONGEST_REQUEST)}


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
    source, channels = reachable(machine, source, channels)
    resources = resources_of(machine)
    if machine.keep_alive_seconds:
        resources["KeepAlivePeriodInSeconds"] = machine.keep_alive_seconds
    return {
        "TrainingJobName": check_name("training job", name),
        "HyperParameters": as_texts(hyperparameters, source),
        **common(machine, channels, output, metrics, checkpoints),
        "ResourceConfig": resources,
        **tags_of(machine),
    }


def serving_environment(*, patient: bool = False, runtime: str = "libraries") -> dict[str, str]:
    """Return the variables that a container serves by; ``patient`` where an answer may take up to an hour."""
    return {
        "SAGEMAKER_PROGRAM": "inference.py",
        **_by(runtime),
        # Each worker holds the model; the boosters use all cores themselves.
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        **(_PATIENT if patient else {}),
        **_PIP,
    }


def _by(runtime: str) -> dict[str, str]:
    return {"SAGEMAKER_SUBMIT_DIRECTORY": f"{_MODEL}/{code_of(runtime)}", **variables_of(runtime)}


def exchanged(environment: Mapping[str, str], runtime: str) -> dict[str, str]:
    """Return the variables that a container serves by, with another runtime."""
    return {name: value for name, value in environment.items() if name != RUNTIME} | _by(runtime)


def model_request(
    name: str, machine: Machine, origin: str, *, patient: bool = False, runtime: str = "libraries"
) -> dict[str, Any]:
    """Return a request for ``CreateModel``; the artifact holds its own serving code.

    Parameters
    ----------
    name : str
    machine : Machine
    origin : str
        Address of ``model.tar.gz``, or the ARN of a model package, which says that and the image itself.
    patient : bool, default=False
        Whether an answer may take up to an hour.
    runtime : {"libraries", "onnx", "auto"}, default="libraries"
        What predicts.
    """
    packaged = origin.startswith("arn:")
    # A package has its own; since 2023 the service lets those of a model stand beside them, and all are sent.
    container = {"ModelPackageName": origin} if packaged else {"Image": machine.image, "ModelDataUrl": origin}
    environment = {**serving_environment(patient=patient, runtime=runtime), **machine.environment}
    return {
        "ModelName": check_name("model", name),
        "PrimaryContainer": {**container, "Environment": environment},
        "ExecutionRoleArn": machine.role,
        **_network(machine, model=True),
        **tags_of(machine),
    }


def serves_byoe(model: Mapping[str, Any]) -> bool:
    """Return whether a model that the service describes is one of `model_request`."""
    folder = "SAGEMAKER_SUBMIT_DIRECTORY"
    return environment_of(model).get(folder) == _by(runtime_of(model))[folder]


def runtime_of(model: Mapping[str, Any]) -> str:
    """Return what predicts by a model that the service describes."""
    return str(environment_of(model).get(RUNTIME, "libraries"))


def environment_of(model: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables of the container of a model that the service describes."""
    found: Mapping[str, str] = model.get("PrimaryContainer", {}).get("Environment", {})
    return found


def serverless_sizes(hosting: Serverless) -> dict[str, int]:
    """Return the sizes of a serverless endpoint in the service's words."""
    sizes = {"MemorySizeInMB": hosting.memory_mb, "MaxConcurrency": hosting.max_concurrency}
    if hosting.provisioned_concurrency:
        sizes["ProvisionedConcurrency"] = hosting.provisioned_concurrency
    return sizes


def endpoint_config_request(
    name: str,
    models: Mapping[str, Variant],
    hosting: Serverless | Instances,
    *,
    capture: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a request for ``CreateEndpointConfig``: serverless, or on instances of the first machine's type.

    ``models`` are variants by the names of their models.
    """
    machine = next(iter(models.values())).machine
    sizes: dict[str, Any] = {}
    more: dict[str, Any] = {}
    if isinstance(hosting, Serverless):
        check_serverless(machine)
        sizes["ServerlessConfig"] = serverless_sizes(hosting)
    else:
        sizes |= {"InitialInstanceCount": max(hosting.least, 1), "InstanceType": machine.instance_type}
        if machine.volume_key:
            more["KmsKeyId"] = machine.volume_key
        if hosting.answers is not None:
            where = {"S3OutputPath": f"{hosting.answers}/answers", "S3FailurePath": f"{hosting.answers}/failures"}
            # The boosters use all cores for one request.
            more["AsyncInferenceConfig"] = {
                "OutputConfig": where,
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1},
            }
    if capture:
        more["DataCaptureConfig"] = dict(capture)
    served: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for model, one in models.items():
        weight = {} if isinstance(hosting, Serverless) else {"InitialVariantWeight": one.weight}
        served[one.shadow].append({"VariantName": one.name, "ModelName": model, **sizes, **weight})
    if served[True]:
        more["ShadowProductionVariants"] = served[True]
    return {
        "EndpointConfigName": check_name("endpoint", name),
        "ProductionVariants": served[False],
        **more,
        **tags_of(machine),
    }


def transform_request(
    name: str,
    machine: Machine,
    model: str,
    *,
    rows: str,
    content_type: str,
    output: str,
    accept: str,
    payload_mb: int,
    captured: str | None = None,
) -> dict[str, Any]:
    """Return a request for ``CreateTransformJob``.

    A file is one request: it could be cut at the ends of its lines, but the pieces would lack the
    names of the columns.

    Parameters
    ----------
    name : str
    machine : Machine
    model : str
    rows : str
        Address of the files to predict.
    content_type, accept : str
        Of the files, and of the predictions.
    output : str
        Address for the predictions.
    payload_mb : int
        How long a file may be.
    captured : str, default=None
        Address for a list of what was read and written, if there is to be one.
    """
    where: dict[str, Any] = {"S3OutputPath": output, "Accept": accept, "AssembleWith": "None"}
    if machine.output_key:
        where["KmsKeyId"] = machine.output_key
    key = {"KmsKeyId": machine.output_key} if machine.output_key else {}
    more = {"DataCaptureConfig": {"DestinationS3Uri": captured, **key}} if captured else {}
    resources: dict[str, Any] = {"InstanceType": machine.instance_type, "InstanceCount": machine.instance_count}
    if machine.volume_key:
        resources["VolumeKmsKeyId"] = machine.volume_key
    return {
        "TransformJobName": check_name("transform job", name),
        "ModelName": model,
        "MaxConcurrentTransforms": 1,  # the boosters use all cores for one request
        "MaxPayloadInMB": payload_mb,
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": LONGEST_REQUEST, "InvocationsMaxRetries": 3},
        "Environment": dict(_PATIENT),
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": rows}},
            "ContentType": content_type,
            "SplitType": "None",
        },
        "TransformOutput": where,
        "TransformResources": resources,
        **more,
        **tags_of(machine),
    }


def check_serverless(machine: Machine) -> None:
    """Raise a ParameterError for what a serverless endpoint does not have."""
    lacking = {"a VPC": machine.subnets, "network isolation": machine.isolated}
    for what, wanted in lacking.items():
        if wanted:
            raise ParameterError(f"a serverless endpoint has no {what.removeprefix('a ')}; give an instance_type")


def endpoint_request(name: str, config: str, machine: Machine) -> dict[str, Any]:
    """Return a request for ``CreateEndpoint``."""
    return {"EndpointName": check_name("endpoint", name), "EndpointConfigName": config, **tags_of(machine)}


def reachable(machine: Machine, source: str, channels: Mapping[str, Channel]) -> tuple[str, Mapping[str, Channel]]:
    """Return where the toolkit finds the source, and the channels: without a network it comes as one of them."""
    if not machine.isolated:
        return source, channels
    return f"{_CODE_CHANNEL}/{source.rpartition('/')[2]}", {**channels, "code": Channel(source, input_mode="File")}


def common(
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
            "TrainingInputMode": machine.input_mode,
            "MetricDefinitions": [dict(metric) for metric in metrics],
        },
        "RoleArn": machine.role,
        "InputDataConfig": [_channel(name, channel, machine.input_mode) for name, channel in channels.items()],
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


def resources_of(machine: Machine) -> dict[str, Any]:
    """Return the instances of a job."""
    found: dict[str, Any] = {
        "InstanceType": machine.instance_type,
        "InstanceCount": machine.instance_count,
        "VolumeSizeInGB": machine.volume_gb,
    }
    if machine.volume_key:
        found["VolumeKmsKeyId"] = machine.volume_key
    return found


def _channel(name: str, channel: Channel, input_mode: str) -> dict[str, Any]:
    source = {
        "S3DataType": channel.data_type,
        "S3Uri": channel.address,
        "S3DataDistributionType": channel.distribution,
    }
    typed = {"ContentType": channel.content_type} if channel.content_type else {}
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": source},
        "InputMode": channel.input_mode or input_mode,
        **typed,
    }


def _network(machine: Machine, *, model: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if machine.isolated or not model:
        found["EnableNetworkIsolation"] = machine.isolated
    if machine.subnets:
        found["VpcConfig"] = {"Subnets": list(machine.subnets), "SecurityGroupIds": list(machine.security_groups)}
    return found


def tags_of(machine: Machine) -> dict[str, Any]:
    """Return the tags of what is made; nothing, where there are none."""
    tags = [{"Key": key, "Value": value} for key, value in machine.tags.items()]
    return {"Tags": tags} if tags else {}


def as_texts(hyperparameters: Mapping[str, Any], source: str) -> dict[str, str]:
    """Return hyperparameters as the platform passes them: each the JSON form of its value."""
    own = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source}
    return {name: json.dumps(value) for name, value in {**hyperparameters, **own}.items()}
