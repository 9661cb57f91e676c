"""`deploy`: what a job has made, served."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..errors import ParameterError
from .aws._endpoint import Endpoint
from .aws._job import Job
from .aws._launch import SERVING_OPTIONS, check_options, prefix_for, serve
from .aws._machine import Instances, Serverless
from .aws._tuning import Tuning
from .local._endpoint import LocalEndpoint
from .local._job import LocalJob
from .local._tuning import LocalTuning
from .shared._names import new_name


def deploy(
    job: LocalJob | LocalTuning | Job | Tuning,
    *,
    instance_type: str | None = None,
    memory_mb: int = 3072,
    max_concurrency: int = 5,
    provisioned_concurrency: int = 0,
    instance_count: int | tuple[int, int] = 1,
    requests_per_instance: float | None = None,
    asynchronous: bool = False,
    output: str | None = None,
    **options: Any,
) -> LocalEndpoint | Endpoint:
    """Serve the ensemble of a job, or of a tuning job's best job.

    Waits for the job and for the endpoint's first healthy ``/ping``; sends no invocation. Of an
    endpoint that fails nothing is left.

    Parameters
    ----------
    job : LocalJob, LocalTuning, Job or Tuning
    instance_type : str, default=None
        None serves where the job ran: a local one on this machine, one on AWS serverless. The
        type of an instance, such as ``"ml.m5.large"``, serves on such instances.
    memory_mb : int, default=3072
        Of a serverless endpoint: 1024 to 6144, in steps of 1024.
    max_concurrency : int, default=5
        Requests that a serverless endpoint answers at a time, at most 200.
    provisioned_concurrency : int, default=0
        For how many of these a container is kept ready.
    instance_count : int or (int, int), default=1
        Where there is an instance type. Of two numbers the platform keeps between them, and an
        asynchronous endpoint may go down to 0.
    requests_per_instance : float, default=None
        With two numbers, and only then: the load of one instance that more are started above. Its
        requests a minute, or those that wait for it where the endpoint is asynchronous.
    asynchronous : bool, default=False
        Requests and answers are files in S3, so that an answer may take an hour. On instances, by
        default of the type of the job's.
    output : str, default=None
        ``s3://`` prefix for these files, by default ``byoe`` in SageMaker's usual bucket.
    **options
        On AWS, as in `fit`: ``subnets``, ``security_groups``, ``volume_key``, ``isolated``,
        ``environment``, ``tags``; no others.

    Returns
    -------
    LocalEndpoint, or on AWS Endpoint
        Use it in a ``with`` block, or call ``delete()``.

    Raises
    ------
    JobError
        When the job has failed or the endpoint does not become healthy.
    """
    local = isinstance(job, (LocalJob, LocalTuning))
    if local and instance_type not in (None, "local"):
        raise ParameterError(
            f"instance_type is {instance_type!r}, and the job ran on this machine; train it on AWS to serve it there"
        )
    if not local and instance_type == "local":
        raise ParameterError("instance_type is 'local', and the job ran on AWS; leave it out for a serverless endpoint")
    asked = {
        "instance_count": instance_count != 1,
        "requests_per_instance": requests_per_instance,
        "asynchronous": asynchronous,
        "output": output,
    }
    check_options(options, asked, local=local, output=output, known=SERVING_OPTIONS)
    name = new_name()
    hosting = _hosting(
        Serverless(memory_mb, max_concurrency, provisioned_concurrency),
        instance_type,
        instance_count,
        requests_per_instance,
        asynchronous=asynchronous,
    )
    if output is not None and not asynchronous:
        raise ParameterError(
            "output is for the files of an asynchronous endpoint; set asynchronous=True, or leave it out"
        )
    chosen = job.wait().best_job if isinstance(job, (LocalTuning, Tuning)) else job
    chosen.wait()
    if isinstance(chosen, LocalJob):
        return LocalEndpoint(chosen.name, chosen.artifact)
    if isinstance(hosting, Instances) and asynchronous:
        hosting = replace(hosting, answers=f"{prefix_for(chosen.cloud, output)}/asynchronous/{name}")
    return serve(chosen, name, instance_type, hosting, options)


def _hosting(
    serverless: Serverless, instance_type: str | None, count: Any, load: float | None, *, asynchronous: bool
) -> Serverless | Instances:
    """Return how an endpoint is hosted; where asynchronous answers go is told later."""
    if instance_type or asynchronous:
        bounds = list(count) if isinstance(count, tuple | list) else [count, count]
        if len(bounds) != 2:
            raise ParameterError(f"instance_count is {count!r}, expected a number, or two such as (1, 4)")
        least, most = bounds
        return Instances(least, most, load, "" if asynchronous else None)
    if load is not None or count != 1:
        raise ParameterError("a serverless endpoint has no instances; give an instance_type, or leave their number out")
    return serverless
