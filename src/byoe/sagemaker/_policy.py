"""`policy`: what the caller, or the role of jobs and endpoints, has to be allowed on AWS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..errors import ParameterError, did_you_mean
from .aws._permissions import PARTS, PIPELINE_ROLE, ROLE, Scope, partition_of, policy_of, rights_of, trust_policy

_WHO = ("caller", "role", "pipeline", "trust")
_FORMS = {
    "account": (r"\d{12}", "12 digits, such as '123456789012'"),
    "region": (r"[a-z]{2,}(-[a-z]+)+-\d+", "one such as 'eu-west-1'"),
    "bucket": (r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket, without s3://"),
    **dict.fromkeys(("names", "groups"), (r"[A-Za-z0-9][A-Za-z0-9-]*", "what names begin with, such as 'churn-'")),
    "role": (r"[\w+=,.@/-]+|arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "the name or the ARN of a role"),
}


def policy(
    who: str = "caller",
    only: str | Iterable[str] | None = None,
    *,
    bucket: str | None = None,
    prefix: str = "byoe",
    account: str | None = None,
    region: str | None = None,
    role: str | None = None,
    names: str = "byoe-",
    groups: str = "byoe-",
) -> dict[str, Any]:
    """Return an IAM policy with what byoe needs on AWS, and no more.

    Asks nobody: what is not given stands there as a word to be replaced, such as ``ACCOUNT``.

    Parameters
    ----------
    who : {"caller", "role", "pipeline", "trust"}, default="caller"
        Whose policy: that of the credentials that start jobs, or that of the role which jobs and endpoints take on;
        that of a pipeline starts jobs, too. ``"trust"`` is who may take that role on.
    only : str or iterable of str, default=None
        Parts of a caller's work: ``"train"`` (and tune), ``"endpoints"`` (and batch transform), ``"predict"``, of
        an endpoint that is there, ``"registry"``, for versions of models, ``"pipelines"``, ``"scaling"``, beside
        endpoints, for a number of instances that changes, and ``"doctor"``. None stands for all of them.
    bucket : str, default=None
        Of ``output``; None stands for SageMaker's usual one of the account and region.
    prefix : str, default="byoe"
        Of ``output`` in that bucket.
    account, region : str, default=None
    role : str, default=None
        Name or ARN of the role that jobs take on.
    names : str, default="byoe-"
        What the names of jobs, models and endpoints begin with.
    groups : str, default="byoe-"
        What those of groups in the model registry begin with.

    Returns
    -------
    dict
        The policy, as `json.dumps` makes its document of it.

    Raises
    ------
    ParameterError
        For a part that there is not, and for what cannot stand in an ARN.

    Examples
    --------
    >>> import byoe
    >>> [one["Sid"] for one in byoe.sagemaker.policy(only="predict")["Statement"]]
    ['Endpoints', 'Files', 'Bucket']
    """
    if who not in _WHO:
        raise ParameterError(f"who is {who!r}, expected {', '.join(map(repr, _WHO[:-1]))} or {_WHO[-1]!r}")
    if who != "caller" and only is not None:
        raise ParameterError("only is for the caller's policy: a role does the same for jobs and endpoints")
    if not isinstance(prefix, str):
        raise ParameterError(f"prefix is {prefix!r}, expected a text, which may be empty")
    for name, text in (("names", names), ("groups", groups)):  # which None does not leave out
        if text is None:
            raise ParameterError(f"{name} is None, expected a text: {_FORMS[name][1]}")
    for name, given in (("account", account), ("region", region), ("bucket", bucket), ("role", role)):
        _check(name, given)
    _check("names", names)
    _check("groups", groups)
    if who == "trust":
        return trust_policy()
    scope = _scope(bucket, prefix, account, region, role, names=names, groups=groups)
    roles = {"role": ROLE, "pipeline": (*ROLE, *PIPELINE_ROLE)}
    return policy_of(roles[who] if who in roles else rights_of(read_parts(only, PARTS)), scope)


def read_parts(only: str | Iterable[str] | None, default: Iterable[str]) -> list[str]:
    """Return the parts of a caller's work that were given, else some default ones."""
    parts = list(default) if only is None else [only] if isinstance(only, str) else list(only)
    for part in parts:
        if part not in PARTS:
            raise ParameterError(f"there is no part {part!r}. {did_you_mean(str(part), PARTS)}")
    if not parts:
        raise ParameterError(f"only is empty, expected some of {', '.join(map(repr, PARTS))}, or None for all")
    return parts


def _check(name: str, given: str | None) -> None:
    form, expected = _FORMS[name]
    if given is not None and not (isinstance(given, str) and re.fullmatch(form, given)):
        raise ParameterError(f"{name} is {given!r}, expected {expected}")


def _scope(
    bucket: str | None,
    prefix: str,
    account: str | None,
    region: str | None,
    role: str | None,
    **begins: str,
) -> Scope:
    of_role = role.split(":")[4] if role is not None and role.startswith("arn:") else None
    if account is not None and of_role not in (None, account):
        raise ParameterError(f"role is of account {of_role}, and account is {account!r}; a role has to be of the same")
    account, region = account or of_role or "ACCOUNT", region or "REGION"
    if of_role is None:
        role = f"arn:{partition_of(region)}:iam::{account}:role/{(role or 'ROLE').lstrip('/')}"
    bucket = bucket or f"sagemaker-{region}-{account}"
    return Scope(region, account, bucket, prefix.strip("/"), str(role), **begins)
