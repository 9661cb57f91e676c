"""`attach`: the handle of what was started on AWS before."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from .aws._cloud import Cloud
from .aws._endpoint import Endpoint
from .aws._faults import NotFoundError
from .aws._job import Job
from .aws._transform import Transform
from .aws._tuning import Tuning


def attach(
    name: str, *, session: Any = None, region: str | None = None, profile: str | None = None
) -> Job | Tuning | Endpoint | Transform:
    """Return the handle of what was started on AWS before, here or elsewhere.

    Parameters
    ----------
    name : str
        Of the training job, tuning job, endpoint or transform job, or its ARN.
    session : boto3.Session, default=None
        By default what the environment and ``~/.aws`` say.
    region, profile : str, default=None
        Of a session to be made.

    Returns
    -------
    Job, Tuning, Endpoint or Transform

    Raises
    ------
    ParameterError
        For an ARN of another account, region or service.
    JobError
        When there is none in the account and region.
    """
    cloud = Cloud(session, region=region, profile=profile)
    name = cloud.name_of(name) if name.startswith("arn:") else name
    found: Job | Tuning | Endpoint | Transform
    for found in (Job(name, cloud), Tuning(name, cloud), Endpoint(name, cloud), Transform(name, cloud)):
        with suppress(NotFoundError):
            found.describe()
            return found
    raise NotFoundError(f"there is no training job, tuning job, endpoint or transform job {name!r} in {cloud.region}")
