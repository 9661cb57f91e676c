"""`deploy`: what a job has made, served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ParameterError
from ..fitted._graph import check_runtime
from ._attach import handle_of
from ._places import place_of
from .aws._endpoint import Endpoint
from .aws._execution import Execution
from .aws._job import Job
from .aws._models import Models
from .aws._package import Package, PackageGroup
from .aws._tuning import Tuning
from .local._endpoint import LocalEndpoint
from .local._execution import LocalExecution
from .local._job import LocalJob
from .local._models import LocalModels
from .local._tuning import LocalTuning
from .shared._place import Hosting, Where


def deploy(
    job: LocalJob
    | LocalTuning
    | LocalExecution
    | Job
    | Tuning
    | Execution
    | Package
    | PackageGroup
    | LocalModels
    | Models
    | str
    | Mapping[str, Any],
    *,
    instance_type: str | None = None,
    memory_mb: int | None = None,
    max_concurrency: int | None = None,
    provisioned_concurrency: int | None = None,
    instance_count: int | tuple[int, int] | None = None,
    requests_per_instance: float | None = None,
    asynchronous: bool = False,
    runtime: str | None = None,
    role: str | None = None,
    output: str | None = None,
    name: str | None = None,
    rollout: str = "all",
    alarms: Sequence[str] = (),
    step_percent: int | None = None,
    bake_minutes: float | None = None,
    data_capture: bool | str | None = None,
    capture_percent: int | None = None,
    weights: Mapping[str, float] | None = None,
    shadow: Job | Tuning | Package | PackageGroup | str | None = None,
    watch: bool | None = None,
    **options: Any,
) -> LocalEndpoint | Endpoint:
    """Serve the ensemble of a job, of a tuning job's best job, of a pipeline's execution, or of the model registry.

    Waits for the job and for the endpoint's first healthy ``/ping``; sends no invocation. Of an
    endpoint that fails nothing is left. Under the name of a live endpoint it exchanges that one's model without an
    interruption, as its ``update`` does: what is not given stays as it is there.

    Parameters
    ----------
    job : LocalJob, LocalTuning, LocalExecution, Job, Tuning, Execution, Package, PackageGroup, LocalModels, Models, \
str, or mapping
        A package has to be approved; a group stands for its newest approved version, and an execution of a pipeline
        for the version that it has registered, or else its job. A text is the ARN of any of them on AWS, or
        ``"churn/3"`` for version 3 in the group ``"churn"``; the SDK's resource of one, such as its ``TrainingJob``,
        stands for it. A mapping names variants of one endpoint on AWS, which share its requests:
        ``{"current": job, "new": other}``. Each has ``instance_count`` instances.
        What `together` returns serves several ensembles, of which each request names one.
    instance_type : str, default=None
        None serves where the job ran: a local one on this machine, one on AWS serverless. The
        type of an instance, such as ``"ml.m5.large"``, serves on such instances.
    memory_mb : int, default=None
        Of a serverless endpoint: 1024 to 6144, in steps of 1024. None makes it 3072.
    max_concurrency : int, default=None
        Requests that a serverless endpoint answers at a time, at most 200. None makes it 5.
    provisioned_concurrency : int, default=None
        For how many of these a container is kept ready. None keeps none.
    instance_count : int or (int, int), default=None
        None makes it 1. Where there is an instance type. Of two numbers the platform keeps between them, and an
        asynchronous endpoint may go down to 0.
    requests_per_instance : float, default=None
        With two numbers, and only then: the load of one instance that more are started above. Its
        requests a minute, or those that wait for it where the endpoint is asynchronous.
    asynchronous : bool, default=False
        Requests and answers are files in S3, so that an answer may take an hour. On instances, by
        default of the type of the job's.
    runtime : {"libraries", "onnx", "auto"}, default=None
        What predicts: the members' libraries; the graph that the job has saved (``graph=True``), by ONNX Runtime, with
        no library of a member installed; or the graph for up to 100 rows of a request and the libraries for all else,
        which predict everything where there is no graph. None stands for ``"libraries"``.
    role : str, default=None
        On AWS: name or ARN of the role that the endpoint takes on. None takes that of the job, also of a package.
    output : str, default=None
        ``s3://`` prefix for these files, and for what is captured; by default ``byoe`` in SageMaker's usual bucket.
    name : str, default=None
        Of the endpoint; one that ends with ``-``, such as ``"churn-"``, is a prefix, behind which the time is written.
        Under the name of a live endpoint its model is exchanged; one that has failed is removed and made anew. Its
        model and its configuration have names that begin so.
    rollout, alarms, step_percent, bake_minutes
        As in the endpoint's ``update``: how requests go over where the model of a live endpoint is exchanged. A new
        endpoint has nothing to go over from.
    data_capture : bool or str, default=None
        Whether the service keeps requests and answers in S3, as lines of JSON in files by the hour: below ``captured``
        in ``output``, or at an ``s3://`` prefix. On instances, and not where the endpoint is asynchronous, whose
        requests and answers are files already. None does not, and leaves a live endpoint as it is; False ends it.
    capture_percent : int, default=None
        Of the requests, 1 to 100; None stands for all.
    weights : mapping of str to float, default=None
        Which share of requests each variant gets, relative to the others; None gives all the same.
    shadow : Job, Tuning, Package, PackageGroup or str, default=None
        What gets a copy of each request, on as many instances, and answers nobody: its times and errors are in
        CloudWatch, and its answers are captured with ``data_capture``.
    watch : bool, default=None
        Whether containers write what they count as CloudWatch metrics, in the namespace ``byoe`` under the endpoint's
        name, and with a variant's behind a slash: among them rows with values outside of what training held. None
        does not, and leaves a live endpoint as it is; False ends it. Such metrics cost money by the month.
    **options
        On AWS, as in `fit`: ``subnets``, ``security_groups``, ``volume_key``, ``isolated``,
        ``environment``, ``tags``, and ``output_key`` for what is captured; no others.

    Returns
    -------
    LocalEndpoint, or on AWS Endpoint
        Use it in a ``with`` block, or call ``delete()``.

    Raises
    ------
    ParameterError
        When the name is that of an endpoint which is changing, or whose model byoe has not made; for a package that
        is not approved, or not byoe's; for ``runtime="onnx"`` where there is no graph.
    JobError
        When the job has failed or the endpoint does not become healthy.
    """
    check_runtime(runtime or "libraries")
    variants = {name: handle_of(one) for name, one in job.items()} if isinstance(job, Mapping) else {}
    if isinstance(job, Mapping) and not variants:
        raise ParameterError("job is a mapping without variants, expected one such as {'current': job, 'new': other}")
    # Which are of their own places, as no type can say.
    handle: Any = next(iter(variants.values())) if variants else handle_of(job)
    other: Any = None if shadow is None else handle_of(shadow)
    where = Where(instance_type, instance_count, role, output=output, options=options, name=name, runtime=runtime)
    place = place_of(handle, where)
    for one in (*variants.values(), other):
        if one is not None and type(place_of(one, where)) is not type(place):
            raise ParameterError(
                "the variants of an endpoint are of jobs at one place, and some ran here, others on AWS"
            )
    steps = {"rollout": rollout, "alarms": alarms, "step_percent": step_percent, "bake_minutes": bake_minutes}
    capture = {"data_capture": data_capture, "capture_percent": capture_percent}
    hosting = Hosting(
        memory_mb,
        max_concurrency,
        provisioned_concurrency,
        requests_per_instance,
        asynchronous=asynchronous,
        rollout=steps,
        capture=capture,
        variants=variants,
        weights=weights,
        shadow=other,
        watch=watch,
    )
    return place.serve(handle, hosting)
