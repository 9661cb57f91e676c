"""Who may take a role on, as its trust policy says."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from ._permissions import SERVICE

_TAKES_ON = "sts:assumerole"


def trusts_sagemaker(policy: Mapping[str, Any], account: str) -> bool | None:
    """Return whether SageMaker may take on a role of an account; None where conditions decide that.

    Parameters
    ----------
    policy : mapping
        The role's trust policy.
    account : str

    Examples
    --------
    >>> trusts_sagemaker({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
    ...                                  "Action": "sts:AssumeRole"}]}, "123456789012")
    False
    """
    about = [one for one in _listed(policy.get("Statement", [])) if _is_about(one)]
    denied = [one for one in about if one.get("Effect") == "Deny"]
    allowed = [_holds(one.get("Condition"), account) for one in about if one.get("Effect") == "Allow"]
    if any(_holds(one.get("Condition"), account) for one in denied) or all(holds is False for holds in allowed):
        return False
    sure = any(allowed) and all(_holds(one.get("Condition"), account) is False for one in denied)
    return True if sure else None


def _is_about(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal", {})
    services = [principal] if isinstance(principal, str) else _listed(principal.get("Service", []))
    actions = _listed(statement.get("Action", []))
    return any(fnmatchcase(SERVICE, one) for one in services) and any(
        fnmatchcase(_TAKES_ON, one.lower()) for one in actions
    )


def _holds(condition: Mapping[str, Mapping[str, Any]] | None, account: str) -> bool | None:
    """Return whether a condition holds, as far as it is about the account alone."""
    if not condition:
        return True
    keys = {key.lower(): value for pairs in condition.values() for key, value in pairs.items()}
    if set(condition) <= {"StringEquals", "StringLike"} and set(keys) == {"aws:sourceaccount"}:
        return any(fnmatchcase(account, one) for one in _listed(keys["aws:sourceaccount"]))
    return None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
