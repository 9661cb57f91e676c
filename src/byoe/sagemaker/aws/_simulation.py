"""Whether somebody may do something, asked of IAM's simulator, which does nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...errors import JobError
from ._cloud import Cloud
from ._faults import DeniedError, NotNowError
from ._finding import Finding
from ._permissions import FORMS, Right, Scope

_NAMELESS = "doctor"  # in the place of what a policy leaves open


class _Refusal(NamedTuple):
    """What several actions on the same have in common that are refused."""

    sid: str
    resource: str
    needed_for: str
    why: str
    cure: str
    missing: tuple[str, ...]

    @classmethod
    def of(cls, right: Right, kind: str, resource: str, result: Mapping[str, Any]) -> _Refusal:
        """Return the refusal that a result of the simulator is."""
        missing = tuple(result.get("MissingContextValues", ()))
        return cls(FORMS[kind].sid, resource, right.needed_for, *_reason(result), missing)

    def finding(self, check: str, rights: list[Right], policy: str) -> Finding:
        """Return what is told of it."""
        actions, purposes = ", ".join(right.action for right in rights), {right.purpose for right in rights}
        purpose = f", {purposes.pop()}" if len(purposes) == 1 else ""
        told = f"{actions} on {self.resource} {'is' if len(rights) == 1 else 'are'} refused{purpose}: {self.why}"
        cure = self.cure.format(f"add the statement {self.sid!r} of `{policy}`")
        if self.needed_for:
            return Finding(check, "unknown", told, f"for {self.needed_for} {cure}, else leave it")
        if self.missing:
            why = f"{told}, where conditions on {', '.join(self.missing)} decide"
            return Finding(check, "unknown", why, f"look at these, or {cure}")
        return Finding(check, "wrong", told, cure)


def _reason(result: Mapping[str, Any]) -> tuple[str, str]:
    """Return who refuses something, and what to do, with the usual cure in braces."""
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return "the policies of the organisation do not allow it", "ask those who manage the organisation (its SCPs)"
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return "the permissions boundary does not allow it", "{} to the boundary, too"
    if result["EvalDecision"] == "explicitDeny":
        return "a policy denies it", "take it out of the statement that denies it"
    return "no policy allows it", "{}"


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
    refused: dict[_Refusal, list[Right]] = {}
    try:
        for kind in dict.fromkeys(kind for right in rights for kind in right.kinds):
            of_kind = [right for right in rights if kind in right.kinds]
            resource = repository if kind == "image" and repository else _example(scope, kind)
            for right, result in _results(cloud, entity, of_kind, kind, resource):
                if result["EvalDecision"] == "allowed":
                    allowed += 1
                else:
                    refused.setdefault(_Refusal.of(right, kind, resource, result), []).append(right)
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
    yield from (refusal.finding(check, of_it, policy) for refusal, of_it in refused.items())
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
