"""`attach`: the handle of what was started on AWS before."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..errors import ParameterError
from .aws._cloud import Cloud
from .aws._endpoint import Endpoint
from .aws._faults import DeniedError, NotFoundError
from .aws._job import Job
from .aws._transform import Transform
from .aws._tuning import Tuning
from .shared._limits import LONGEST

_KINDS: dict[str, type[Job] | type[Tuning] | type[Endpoint] | type[Transform]] = {
    one.kind: one for one in (Job, Tuning, Endpoint, Transform)
}
_CALLED = {"job": "training job"}


def attach(
    name: str,
    *,
    kind: str | None = None,
    session: Any = None,
    region: str | None = None,
    profile: str | None = None,
) -> Job | Tuning | Endpoint | Transform:
    """Return the handle of what was started on AWS before, here or elsewhere.

    Parameters
    ----------
    name : str
        Of the training job, tuning job, endpoint or transform job, or its ARN.
    kind : {"job", "tuning job", "endpoint", "transform job"}, default=None
        Which of them, where several have the name.
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
        For an ARN of another account, region or service, and when several things have the name.
    JobError
        When there is none in the account and region.
    """
    if kind is not None and kind not in _KINDS:
        raise ParameterError(f"kind is {kind!r}, expected {', '.join(map(repr, _KINDS))} or None for any")
    cloud = Cloud(session, region=region, profile=profile)
    if name.startswith("arn:"):
        kind, name = cloud.of_arn(name)
    found: list[Job | Tuning | Endpoint | Transform] = []
    for handle in [_KINDS[kind]] if kind else _KINDS.values():
        if len(name) > LONGEST[_CALLED.get(handle.kind, handle.kind)]:
            continue  # the service refuses to look for it
        # Who may look at jobs may not be allowed to look at all else.
        with suppress(NotFoundError, *([DeniedError] if found else [])):
            one = handle(name, cloud)
            one.describe()
            found.append(one)
    if len(found) > 1:
        kinds = [one.kind for one in found]
        raise ParameterError(
            f"there are {len(found)} things of the name {name!r}: {', '.join(kinds)}; say which, as in "
            f"attach({name!r}, kind={kinds[-1]!r}), or give the ARN"
        )
    if not found:
        what = kind or "training job, tuning job, endpoint or transform job"
        raise NotFoundError(f"there is no {what} {name!r} in {cloud.region}")
    return found[0]
