"""ARNs: what SageMaker has under one, and roles that jobs may take on."""

from __future__ import annotations

import re

from ...errors import ParameterError

_KINDS = {
    "training-job": "job",
    "hyper-parameter-tuning-job": "tuning job",
    "transform-job": "transform job",
    "endpoint": "endpoint",
    "model-package": "model package",
    "model-package-group": "model package group",
    "pipeline": "pipeline",
}
_SHARED = frozenset({"model-package", "model-package-group"})  # which accounts may share
_EXECUTION = "/execution/"
_NAME = rf"[A-Za-z0-9-]+(?:/\d+|{_EXECUTION}[A-Za-z0-9]+)?"
_ARN = re.compile(rf"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):(\d{{12}}):({'|'.join(_KINDS)})/({_NAME})")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/.+")


def of_arn(arn: str, account: str, region: str) -> tuple[str, str]:
    """Return the kind and the name of what SageMaker has under an ARN of a region, and of an account unless shared.

    Examples
    --------
    >>> of_arn("arn:aws:sagemaker:eu-west-1:123456789012:endpoint/churn", "123456789012", "eu-west-1")
    ('endpoint', 'churn')

    Raises
    ------
    ParameterError
        For another one.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ParameterError(
            f"{arn!r} is no ARN of SageMaker's; expected the name of a job, a tuning job, an endpoint or a "
            "transform job, or its ARN, or that of a pipeline, an execution of it, a model package or its group"
        )
    if found[2] != account and found[3] not in _SHARED:
        raise ParameterError(
            f"{arn!r} is of account {found[2]}, and the credentials are of account {account}; give profile=, or a "
            "session of that account"
        )
    if found[1] != region:
        raise ParameterError(
            f"{arn!r} is in {found[1]}, and the session in {region}; give region={found[1]!r} to byoe.sagemaker.attach"
        )
    if found[3] == "pipeline" and _EXECUTION in found[4]:
        return "pipeline execution", found[4]
    return _KINDS[found[3]], found[4]


def own_role(arn: str, account: str) -> str:
    """Return the ARN of a role, if it is one of the account."""
    found = _ROLE.fullmatch(arn)
    if found is None:
        raise ParameterError(f"role is {arn!r}, expected the name of a role, or arn:aws:iam::{account}:role/NAME")
    if found[1] != account:
        raise ParameterError(
            f"role is {arn!r}, of account {found[1]}, and the credentials are of account {account}: jobs take on "
            "roles of their own account alone; give one of these, or a session of the other account"
        )
    return arn
