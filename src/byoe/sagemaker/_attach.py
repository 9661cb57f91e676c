"""`attach`: the handle of what was started on AWS before."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..errors import ParameterError
from .aws._cloud import Cloud
from .aws._endpoint import Endpoint
from .aws._execution import Execution
from .aws._faults import DeniedError, NotFoundError
from .aws._job import Job
from .aws._package import Package, PackageGroup, group_name, registered
from .aws._pipeline import Pipeline
from .aws._sdk import is_resource, name_field, read_resource
from .aws._transform import Transform
from .aws._tuning import Tuning
from .shared._limits import LONGEST, a, check_name

_KINDS: dict[str, type[Job] | type[Tuning] | type[Endpoint] | type[Transform]] = {
    one.kind: one for one in (Job, Tuning, Endpoint, Transform)
}
# Which are asked for by that, or by their ARNs: names of pipelines are often those of endpoints, too.
_PIPELINES: dict[str, type[Pipeline] | type[Execution]] = {one.kind: one for one in (Pipeline, Execution)}
_REGISTRY = (Package.kind, PackageGroup.kind)
_CALLED = {"job": "training job"}


def attach(
    name: Any,
    *,
    kind: str | None = None,
    session: Any = None,
    region: str | None = None,
    profile: str | None = None,
) -> Job | Tuning | Endpoint | Transform | Pipeline | Execution | Package | PackageGroup:
    """Return the handle of what was started on AWS before, here or elsewhere.

    Parameters
    ----------
    name : str, or resource of the SDK
        Of the training job, tuning job, endpoint or transform job, or its ARN. Of the model registry the ARN of
        a model package or of its group, or ``"churn/3"`` for version 3 in the group ``"churn"``. Of a pipeline or an
        execution of it the ARN, or the name and its kind. Or the SDK's
        ``TrainingJob``, ``HyperParameterTuningJob``, ``Endpoint``, ``TransformJob``, ``ModelPackage``,
        ``ModelPackageGroup``, ``Pipeline`` or ``PipelineExecution``, with its session unless another one is given, or
        its ``ModelTrainer`` or ``HyperparameterTuner`` for the last job that it has started.
    kind : {"job", "tuning job", "endpoint", "transform job", "pipeline", "pipeline execution", "model package", \
"model package group"}, default=None
        Which of them, where several have the name. The name of a group or a pipeline needs it.
    session : boto3.Session, or the SDK's Session, default=None
        By default what the environment and ``~/.aws`` say.
    region, profile : str, default=None
        Of a session to be made.

    Returns
    -------
    Job, Tuning, Endpoint, Transform, Pipeline, Execution, Package or PackageGroup

    Raises
    ------
    ParameterError
        For what is neither, for an ARN of another account, region or service, when several things have the name, and
        for an ARN or a version in the registry where another kind was asked for.
    JobError
        When there is none in the account and region.
    """
    known = (*_KINDS, *_PIPELINES, *_REGISTRY)
    if kind is not None and kind not in known:
        raise ParameterError(f"kind is {kind!r}, expected {', '.join(map(repr, known))} or None for any")
    if not isinstance(name, str):
        resource = read_resource(name)
        if kind not in (None, resource.kind):
            raise ParameterError(f"kind is {kind!r}, and the resource is a {resource.kind}; leave kind out")
        name, kind = resource.name, resource.kind
        if all(one is None for one in (session, region, profile)):
            session, region = resource.session, resource.region
    cloud = Cloud(session, region=region, profile=profile)
    kind, own = _read(name, kind, cloud)
    if kind in _REGISTRY:
        return _of_registry(name, kind, cloud)
    if kind in _PIPELINES:
        return _of_pipelines(own, kind, cloud)
    return _of_name(own, kind, cloud)


def _of_name(name: str, kind: str | None, cloud: Cloud) -> Job | Tuning | Endpoint | Transform:
    found: list[Job | Tuning | Endpoint | Transform] = []
    denied: DeniedError | None = None
    for handle in [_KINDS[kind]] if kind else _KINDS.values():
        if len(name) > LONGEST[_CALLED.get(handle.kind, handle.kind)]:
            continue  # the service refuses to look for it
        try:
            # Names in ARNs are lower-case, by which the service finds a thing, but neither its log nor its requests.
            own = str(handle(name, cloud).describe().get(name_field(handle.kind), name))
            found.append(handle(own, cloud))
        except DeniedError as error:  # who may look at endpoints may not be allowed to look at all else
            denied = denied or error
        except NotFoundError:
            pass
    if len(found) > 1:
        kinds = [one.kind for one in found]
        raise ParameterError(
            f"there are {len(found)} things of the name {name!r}: {', '.join(kinds)}; say which, as in "
            f"attach({name!r}, kind={kinds[-1]!r}), or give the ARN"
        )
    if not found and denied is not None:
        raise denied
    if not found:
        what = kind or "training job, tuning job, endpoint or transform job"
        raise NotFoundError(f"there is no {what} {name!r} in {cloud.region}")
    return found[0]


def _read(name: str, kind: str | None, cloud: Cloud) -> tuple[str | None, str]:
    """Return the kind and the name of what an ARN, a version in the registry or any other name stands for."""
    if name.startswith("arn:"):
        told, own = cloud.of_arn(name)
        if kind not in (None, told):
            raise ParameterError(f"kind is {kind!r}, and {name!r} is the ARN of {a(told)}; leave kind out")
        return told, own
    if "/" not in name or kind == Execution.kind:
        return kind, name
    kind = kind or Package.kind
    if kind not in _REGISTRY:
        raise ParameterError(
            f"{name!r} names a version in the registry, and kind is {kind!r}; leave kind out, or give the {kind}'s name"
        )
    return kind, name


def _of_registry(name: str, kind: str | None, cloud: Cloud) -> Package | PackageGroup:
    one = PackageGroup(group_name(name, cloud), cloud) if kind == PackageGroup.kind else registered(name, cloud)
    with suppress(NotFoundError):
        one.describe()
        return one
    raise NotFoundError(f"there is no {one.kind} {name!r} in {cloud.region}")


def _of_pipelines(name: str, kind: str, cloud: Cloud) -> Pipeline | Execution:
    one: Pipeline | Execution
    if kind == Pipeline.kind:
        one = Pipeline(check_name(kind, name), cloud)
    else:
        one = Execution(cloud.arn("pipeline", name), cloud)
    with suppress(NotFoundError):
        one.describe()
        return one
    raise NotFoundError(f"there is no {kind} {name!r} in {cloud.region}")


def handle_of(job: Any) -> Any:
    """Return the handle of what an ARN names, or ``"churn/3"`` in the registry, or a resource of the SDK is of.

    A handle is returned as it is.

    Raises
    ------
    ParameterError
        For another text.
    """
    if is_resource(job):
        return attach(job)
    if not isinstance(job, str):
        return job
    if job.startswith("arn:") or "/" in job:
        return attach(job)
    raise ParameterError(
        f"job is {job!r}, expected a handle, an ARN, or a version in the registry such as 'churn/3'; "
        f"byoe.sagemaker.attach({job!r}) finds a job of that name, and kind={PackageGroup.kind!r} a group"
    )
