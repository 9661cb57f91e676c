"""Whether somebody may do something, asked of IAM's simulator, which does nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import JobError
from ._cloud import Cloud
from ._faults import DeniedError, NotNowError
from ._finding import Finding
from ._permissions import FORMS, Right, Scope

_NAMELESS = "doctor"  # in the place of what a policy leaves open


def simulated(
    cloud: Cloud,
    check: str,
    entity: str,
    rights: Iterable[Right],
    scope: Scope,
    *,
    policy: str,
    repository: str | None = None,
) -> Iterator[Finding]:
    """Yield what a user or a role may not do, and at last how much it may.

    Parameters
    ----------
    cloud : Cloud
    check : str
        What findings are called.
    entity : str
        ARN of the user or role.
    rights : iterable of Right
    scope : Scope
    policy : str
        Command that prints the policy which allows all of it.
    repository : str, default=None
        ARN of the repository of images.
    """
    rights, allowed = list(rights), 0
    try:
        for kind in dict.fromkeys(kind for right in rights for kind in right.kinds):
            of_kind = [right for right in rights if kind in right.kinds]
            resource = repository if kind == "image" and repository else _example(scope, kind)
            for right, result in _results(cloud, entity, of_kind, kind, resource):
                if result["EvalDecision"] == "allowed":
                    allowed += 1
                else:
                    yield _refused(check, right, kind, resource, result, policy)
    except NotNowError:
        raise
    except JobError as error:  # the simulator is at a loss, and the rights may be there
        denied = isinstance(error, DeniedError)
        why = "iam:SimulatePrincipalPolicy is refused" if denied else str(error)
        cure = (
            f"compare its policies with `{policy}`{', or have iam:SimulatePrincipalPolicy allowed' if denied else ''}"
        )
        yield Finding(check, "unknown", f"whether {entity} may do {len(rights)} things cannot be asked: {why}", cure)
        return
    if allowed:
        yield Finding(check, "ok", f"{allowed} actions of {entity} are allowed, as far as its own policies say")


def _example(scope: Scope, kind: str) -> str:
    resource = scope.resource(kind)
    return resource if resource == "*" else resource.replace(":*:", f":{scope.account}:").replace("*", _NAMELESS)


def _results(
    cloud: Cloud, entity: str, rights: list[Right], kind: str, resource: str
) -> Iterator[tuple[Right, Mapping[str, Any]]]:
    by_action = {right.action: right for right in rights}
    context = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for pairs in FORMS[kind].condition.values()
        for key, value in pairs.items()
    ]
    pages = cloud.pages(
        "iam",
        "simulate_principal_policy",
        PolicySourceArn=entity,
        ActionNames=list(by_action),
        ResourceArns=[resource],
        ContextEntries=context,
    )
    for page in pages:
        for result in page["EvaluationResults"]:
            yield by_action[result["EvalActionName"]], result


def _refused(check: str, right: Right, kind: str, resource: str, result: Mapping[str, Any], policy: str) -> Finding:
    why, cure = _reason(result, f"add the statement {FORMS[kind].sid!r} of `{policy}`")
    told = f"{right.action} on {resource} is refused, {right.purpose}: {why}"
    if right.needed_for:
        return Finding(check, "unknown", told, f"for {right.needed_for} {cure}, else leave it")
    if result.get("MissingContextValues"):
        keys = ", ".join(result["MissingContextValues"])
        return Finding(check, "unknown", f"{told}, where conditions on {keys} decide", f"look at these, or {cure}")
    return Finding(check, "wrong", told, cure)


def _reason(result: Mapping[str, Any], cure: str) -> tuple[str, str]:
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return "the policies of the organisation do not allow it", "ask those who manage the organisation (its SCPs)"
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return "the permissions boundary does not allow it", f"{cure} to the boundary, too"
    if result["EvalDecision"] == "explicitDeny":
        return "a policy denies it", "take it out of the statement that denies it"
    return "no policy allows it", cure
