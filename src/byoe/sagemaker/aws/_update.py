"""A live endpoint gets another model, without an interruption; all that is not given stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import JobError, ParameterError
from ...fitted._graph import check_runtime
from ..shared._names import part_name
from ..shared._place import check_options
from ..shared._runtime import runtime_for
from ._alarms import check_watch, rewatched
from ._capture import Capture, check_key
from ._cloud import Cloud
from ._faults import NotFoundError, is_refusal, with_cure
from ._job import Job
from ._machine import INSTEAD, SERVING_OPTIONS, Instances, Machine, Serverless, instances_of
from ._package import Package
from ._requests import (
    check_serverless,
    environment_of,
    exchanged,
    model_request,
    runtime_of,
    serverless_sizes,
    serves_byoe,
)
from ._rollout import Rollout
from ._scaling import paused, scale, unscale
from ._variants import all_variants
from ._waiting import CHANGING

if TYPE_CHECKING:
    from ._endpoint import Endpoint

# What a new model and a new configuration take over from the present ones.
_MODEL = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
_CONFIG = ("KmsKeyId", "AsyncInferenceConfig", "DataCaptureConfig", *_MODEL)
# What an option of ours is there.
_WORDS = {"subnets": "VpcConfig", "isolated": "EnableNetworkIsolation", "volume_key": "KmsKeyId"}


@dataclass(frozen=True)
class Changes:
    """What is to change beside the model; the arguments are those of `deploy`, and None stands for the present."""

    role: str | None = None
    instance_type: str | None = None
    instance_count: int | tuple[int, int] | None = None
    requests_per_instance: float | None = None
    memory_mb: int | None = None
    max_concurrency: int | None = None
    provisioned_concurrency: int | None = None
    runtime: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    rollout: Rollout = field(default_factory=Rollout)
    capture: Capture = field(default_factory=Capture)
    watch: bool | None = None

    def check(self) -> None:
        """Raise a ParameterError for an option that nobody knows, or that cannot be."""
        check_runtime(self.runtime or "libraries")
        check_options(self.options, SERVING_OPTIONS, "serving", instead=INSTEAD)
        check_watch(self.watch)
        check_key(Machine("", "", **self.options).output_key, self.capture)

    def first(self, *names: str) -> str | None:
        """Return the first of some arguments that is given."""
        return next((name for name in names if getattr(self, name) is not None), None)


def exchange(endpoint: Endpoint, cloud: Cloud, job: Job | Package, changes: Changes) -> None:
    """Serve what another job has made, and wait for it; nothing is left of a model that does not get healthy."""
    before, config = endpoint._parts()
    if not config:
        raise NotFoundError(f"there is no endpoint {endpoint.name} in {cloud.region} that could be updated")
    if (status := endpoint.status) in CHANGING:
        raise JobError(
            f"endpoint {endpoint.name} has the status {status}, in which it takes no other model; wait for it: "
            f"byoe.sagemaker.attach({endpoint.name!r}).wait()"
        )
    present, served = _present(endpoint.name, cloud, config)
    name = part_name(endpoint.name)
    variant, instances = _variant(endpoint.name, present, config, changes)
    role = served["ExecutionRoleArn"] if changes.role is None else cloud.role(changes.role)
    machine = Machine(job.serving_image, role, **changes.options)
    changes.rollout.check(endpoint.name, None if instances is None else _count(endpoint, variant, changes), cloud)
    changes.capture.check(
        endpoint.name,
        serverless=instances is None,
        asynchronous=instances is not None and instances.answers is not None,
    )
    if instances is None:
        check_serverless(machine)
    elif changes.instance_type is not None:
        cloud.check_instance_type(changes.instance_type, "ProductionVariant")
    runtime = runtime_for(job, changes.runtime, runtime_of(served))
    anew = model_request(name, machine, job.origin, patient="AsyncInferenceConfig" in config, runtime=runtime)
    asked = {**_retained(variant, changes), **changes.rollout.deployment()}
    model = _model(cloud, served, anew, changes, runtime)
    container = model["PrimaryContainer"]
    container["Environment"] = {
        **rewatched(
            container["Environment"], environment_of(served), endpoint.name, variant["VariantName"], changes.watch
        ),
        **changes.options.get("environment", {}),
    }
    requests = (
        ("create_model", model),
        ("create_endpoint_config", _config(cloud, served, config, variant | {"ModelName": name}, machine, changes)),
        ("update_endpoint", {"EndpointName": endpoint.name, "EndpointConfigName": name, **asked}),
    )
    retyped = changes.instance_type not in (None, present.get("InstanceType"))
    sent = taken = False
    with ExitStack() as done:
        with paused(cloud, endpoint.name, variant["VariantName"]) if retyped else nullcontext():
            try:
                for operation, request in requests:
                    sent = operation == "update_endpoint"
                    cloud.call("sagemaker", operation, **request)
                taken = True
                endpoint.wait()
                found = endpoint.describe()
                if found["EndpointConfigName"] != name:
                    why = (with_cure(found.get("FailureReason", "")), changes.rollout.tripped(cloud))
                    reason = "; ".join(filter(None, why)) or "the new one was given up"
                    raise JobError(f"endpoint {endpoint.name} has kept its model: {reason}")
            except BaseException as error:
                refused = not taken and is_refusal(error)
                if not sent or refused or _has_kept(endpoint, name):
                    with suppress(JobError):  # what has failed first is told
                        endpoint._remove(name, {name})
                raise
            done.callback(endpoint._remove, before, {present["ModelName"]})  # whatever fails from here on
        _tag(cloud, found, changes)
        if instances is not None and changes.instance_count is not None:
            _scale(cloud, endpoint.name, instances, variant["VariantName"])


def _has_kept(endpoint: Endpoint, new: str) -> bool:
    """Return whether an endpoint is known to be without the new configuration, and will stay so."""
    try:
        found = endpoint.describe()
    except Exception:  # whoever cannot be asked may be changing still
        return False
    # Of an update that could not be undone either, both models serve.
    return found["EndpointStatus"] not in (*CHANGING, "UpdateRollbackFailed") and found["EndpointConfigName"] != new


def _present(endpoint: str, cloud: Cloud, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the one variant of a configuration, and the model that it serves, which byoe has made."""
    variants = all_variants(config)
    if len(variants) > 1:
        names = ", ".join(repr(variant["VariantName"]) for variant in variants)
        raise ParameterError(
            f"endpoint {endpoint} has the variants {names}, and byoe exchanges the model of endpoints with one alone; "
            "deploy the job under another name"
        )
    served = cloud.call("sagemaker", "describe_model", ModelName=variants[0]["ModelName"])
    if not serves_byoe(served):
        raise ParameterError(
            f"endpoint {endpoint} serves a model that byoe has not made, and it is not replaced; deploy the job under "
            "another name"
        )
    return variants[0], served


def _variant(
    endpoint: str, present: dict[str, Any], config: Mapping[str, Any], changes: Changes
) -> tuple[dict[str, Any], Instances | None]:
    """Return a variant with its sizes, and the instances that it has; None for a serverless one."""
    other = "an endpoint stays serverless or on instances: deploy the job under another name"
    sizes = ("memory_mb", "max_concurrency", "provisioned_concurrency")
    if "ServerlessConfig" in present:
        if name := changes.first("instance_type", "instance_count", "requests_per_instance"):
            raise ParameterError(f"{name} is of instances, and endpoint {endpoint} is serverless; {other}")
        now = present["ServerlessConfig"]
        kept = (now["MemorySizeInMB"], now["MaxConcurrency"], now.get("ProvisionedConcurrency", 0))
        changed = {name: getattr(changes, name) for name in sizes if getattr(changes, name) is not None}
        serverless = Serverless(**{**dict(zip(sizes, kept, strict=True)), **changed})
        return present | {"ServerlessConfig": serverless_sizes(serverless)}, None
    if name := changes.first(*sizes):
        raise ParameterError(f"{name} is of a serverless endpoint, and {endpoint} is on instances; {other}")
    asynchronous = "AsyncInferenceConfig" in config
    count = present.get("InitialInstanceCount", 1) if changes.instance_count is None else changes.instance_count
    instances = instances_of(count, changes.requests_per_instance, asynchronous=asynchronous)
    variant = present | {"InitialInstanceCount": max(instances.least, 1)}
    return variant | ({"InstanceType": changes.instance_type} if changes.instance_type else {}), instances


def _model(
    cloud: Cloud, served: Mapping[str, Any], anew: Mapping[str, Any], changes: Changes, runtime: str
) -> dict[str, Any]:
    # No more of the container's description: the service tells there what it does not take.
    container = dict(anew["PrimaryContainer"])
    if "environment" not in changes.options:
        container["Environment"] = exchanged(environment_of(served), runtime)
    own = {"ModelName": anew["ModelName"], "ExecutionRoleArn": anew["ExecutionRoleArn"]}
    kept = _kept(served, _MODEL) | {"Tags": _tags(cloud, served["ModelArn"])} | own
    return _changed(kept, anew, changes) | {"PrimaryContainer": container}


def _config(
    cloud: Cloud,
    served: Mapping[str, Any],
    config: Mapping[str, Any],
    variant: Mapping[str, Any],
    machine: Machine,
    changes: Changes,
) -> dict[str, Any]:
    kept = _kept(config, _CONFIG) | {"Tags": _tags(cloud, served["ModelArn"])}
    if changes.role is not None and config.get("ExecutionRoleArn"):
        kept["ExecutionRoleArn"] = machine.role
    anew = model_request(variant["ModelName"], machine, "")
    # A configuration has a network of its own only where somebody else made it so.
    anew = {key: value for key, value in anew.items() if key == "Tags" or key in kept}
    if machine.volume_key:
        anew["KmsKeyId"] = machine.volume_key
    if changes.capture.data_capture is not None:
        present = kept.pop("DataCaptureConfig", {})
        if changes.capture.wanted:
            kept["DataCaptureConfig"] = changes.capture.of_endpoint(cloud, machine.output_key, present)
    made = {"EndpointConfigName": variant["ModelName"], "ProductionVariants": [variant]}
    return _changed(kept, anew, changes) | made


def _changed(kept: dict[str, Any], anew: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """Return a request with what the options say, and nothing that they have taken away."""
    for option, word in _WORDS.items():
        if option in changes.options:
            kept.pop(word, None)
            kept |= {word: anew[word]} if word in anew else {}
    if "tags" in changes.options:  # which are added to those that there are
        there = {tag["Key"]: tag for tag in [*kept.get("Tags", []), *anew.get("Tags", [])]}
        kept["Tags"] = list(there.values())
    return kept


def _kept(described: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return what a new resource has in common with one that the service describes; some are told as empty."""
    return {name: described[name] for name in names if described.get(name)}


def _tags(cloud: Cloud, arn: str) -> list[dict[str, str]]:
    pages = cloud.pages("sagemaker", "list_tags", ResourceArn=arn)
    # Which AWS sets itself, and lets nobody else set.
    return [tag for page in pages for tag in page["Tags"] if not tag["Key"].lower().startswith("aws:")]


def _tag(cloud: Cloud, endpoint: Mapping[str, Any], changes: Changes) -> None:
    if changes.options.get("tags"):
        tags = [{"Key": key, "Value": value} for key, value in Machine("", "", **changes.options).tags.items()]
        cloud.call("sagemaker", "add_tags", ResourceArn=endpoint["EndpointArn"], Tags=tags)


def _retained(variant: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """Return what says that instances which were added or taken away stay so, unless their number is given."""
    if "ServerlessConfig" in variant:
        return {}
    given = {
        "DesiredInstanceCount": isinstance(changes.instance_count, int),
        "DataCaptureConfig": changes.capture.data_capture is not None,
    }
    excluded = [{"VariantPropertyType": name} for name, changed in given.items() if changed]
    return {"RetainAllVariantProperties": True, **({"ExcludeRetainedVariantProperties": excluded} if excluded else {})}


def _count(endpoint: Endpoint, variant: Mapping[str, Any], changes: Changes) -> int:
    """Return how many instances the new model gets: those that there are, unless their number is given."""
    if isinstance(changes.instance_count, int):
        return changes.instance_count
    (now, *_) = endpoint.describe().get("ProductionVariants") or [{}]
    return int(now.get("DesiredInstanceCount", variant["InitialInstanceCount"]))


def _scale(cloud: Cloud, endpoint: str, instances: Instances, variant: str) -> None:
    if instances.scales:
        scale(cloud, endpoint, instances, variant)
    else:
        unscale(cloud, endpoint, asynchronous=instances.answers is not None, variants=[variant])
