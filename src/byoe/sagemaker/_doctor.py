"""`doctor`: whether an account is ready for jobs and endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import JobError
from ._policy import read_parts
from .aws._cloud import Cloud, NoRegionError
from .aws._examination import Examination, Plan
from .aws._finding import Finding, Findings, finding_of, looked

_ANYWHERE = ("credentials", "role", "trust")  # which are the same in all regions
_LOOKS = {
    "credentials": "credentials",
    "region": "region",
    "role": "role",
    "trust": "trust",
    "permissions": "your permissions",
    "role_permissions": "its permissions",
    "instance_type": "instance type",
    "quotas": "quotas",
    "image": "image",
    "bucket": "bucket",
    "data": "data",
}
_GLOBAL_REGION = "us-east-1"


def doctor(
    *,
    role: str | None = None,
    output: str | None = None,
    image: str | None = None,
    instance_type: str = "ml.m5.xlarge",
    instance_count: int = 1,
    spot: bool = False,
    endpoint_instance_type: str | None = None,
    only: str | Iterable[str] = ("train", "endpoints"),
    names: str = "byoe-",
    groups: str = "byoe-",
    write: bool = False,
    data: str | None = None,
    session: Any = None,
    region: str | None = None,
    profile: str | None = None,
) -> Findings:
    """Look whether an AWS account is ready for jobs and endpoints.

    It only reads, which costs nothing, and each look is made whatever the others find. What a policy of a bucket or
    an organisation with conditions refuses shows when a job starts: IAM's simulator does not know it.

    Parameters
    ----------
    role, output, image, instance_type, instance_count, spot
        As for `fit`. Without a role that of this notebook is looked at, else none.
    endpoint_instance_type : str, default=None
        Of endpoints; None stands for serverless ones.
    only : str or iterable of str, default=("train", "endpoints")
        What is meant to be done, as for `policy`.
    names : str, default="byoe-"
        What the names of jobs, models and endpoints begin with.
    groups : str, default="byoe-"
        What those of groups in the model registry begin with.
    write : bool, default=False
        Put a file of four bytes below ``output``, and remove it.
    data : str, default=None
        An ``s3://`` address that jobs are to read.
    session : boto3.Session, or the SDK's Session, default=None
        By default what the environment and ``~/.aws`` say.
    region, profile : str, default=None
        Of a session to be made.

    Returns
    -------
    Findings
        A list of `Finding`, each with ``check``, ``status`` ("ok", "wrong" or "unknown"), ``told`` and ``cure``.
        Its ``wrong`` are those that have to be mended.

    Raises
    ------
    ParameterError
        For a part that there is not, and for a session beside a region or a profile.
    MissingExtraError
        Without ``byoe-ensemble[sagemaker]``.
    """
    parts = read_parts(only, ())
    plan = Plan(
        *(role, output, image, instance_type, instance_count, spot, endpoint_instance_type, parts, names, groups),
        write=write,
        data=data,
    )
    looks = {name: check for name, check in _LOOKS.items() if name != "data" or data is not None}
    findings, lacking = Findings(), ""
    try:
        cloud = Cloud(session, region=region, profile=profile)
    except NoRegionError as error:
        told, _, cure = str(error).partition(": ")
        findings.append(Finding("region", "wrong", told, cure))
        if session is not None:
            return Findings([*findings, *_unasked("region", looks.values())])
        cloud, lacking = Cloud(region=_GLOBAL_REGION, profile=profile), "region"
    except JobError as error:  # a profile that is not there
        return Findings([finding_of("credentials", error), *_unasked("credentials", looks.values())])
    examination = Examination(cloud, plan)
    for name, check in looks.items():
        if any(finding.check == check for finding in findings):  # the region, which is known to lack
            continue
        # That there is such a region is known without asking.
        if lacking and check != "region" and (lacking == "credentials" or check not in _ANYWHERE):
            findings += _unasked(lacking, [check])
            continue
        findings += looked(check, getattr(examination, name))
        if check == "credentials" and findings[-1].status != "ok":
            lacking = check
    return findings


def _unasked(lacking: str, checks: Iterable[str]) -> list[Finding]:
    why, cure = f"nobody can be asked without {lacking}", f"see to the {lacking} first"
    return [Finding(check, "unknown", why, cure) for check in checks if check != lacking]
