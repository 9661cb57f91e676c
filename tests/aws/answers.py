"""Answers of AWS that moto does not give."""

from types import SimpleNamespace

from botocore.exceptions import ClientError
from tests.aws.policies import allows


def answer(session, name, give):
    """Let requests of later clients be answered by a function of what they ask for; a ClientError is a refusal.

    Parameters
    ----------
    session : boto3.Session
    name : str
        As events have it, such as ``"iam.SimulatePrincipalPolicy"``.
    give : callable
    """
    asked = {}

    def keep(params, **_):
        asked.update(params=params)

    session.events.register(f"provide-client-params.{name}", keep)
    session.events.register(f"before-call.{name}", lambda **_: _answered(lambda: give(asked["params"])))


def refuse(session, name, error_now):
    """Let requests of later clients end with the error that a function returns, whatever answers there are for them."""

    def give():
        raise error_now()

    session.events.register_first(f"before-call.{name}", lambda **_: _answered(give))


def fails(monkeypatch, cloud, **errors):
    """Let operations of a Cloud end with the errors that are given by their names."""
    call = cloud.call

    def failing(service, operation, **request):
        if operation in errors:
            raise errors[operation]
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", failing)


def _answered(give):
    try:
        return SimpleNamespace(status_code=200), give()
    except ClientError as error:
        return SimpleNamespace(status_code=error.response["ResponseMetadata"]["HTTPStatusCode"]), error.response


def refusal(code, message, status=400):
    """Return what AWS refuses a request with."""
    told = {"HTTPStatusCode": status, "HTTPHeaders": {}}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": told}, "any")


class Simulator:
    """IAM's simulator of the policies of users and roles.

    Attributes
    ----------
    policies : dict
        Policies by the ARN of a user or role.
    more : dict
        What else it says of each result.
    """

    def __init__(self, session):
        self.policies, self.more = {}, {}
        answer(session, "iam.SimulatePrincipalPolicy", self._simulate)

    def _simulate(self, params):
        entity = params["PolicySourceArn"]
        if entity not in self.policies:
            raise refusal("NoSuchEntity", f"The entity {entity} cannot be found.", 404)
        context = {one["ContextKeyName"]: one["ContextKeyValues"][0] for one in params.get("ContextEntries", [])}
        (resource,) = params["ResourceArns"]
        results = []
        for action in params["ActionNames"]:
            allowed = any(allows(policy, action, resource, context) for policy in self.policies[entity])
            decision = "allowed" if allowed and not self.more else "implicitDeny"
            results.append(
                {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision, **self.more}
            )
        half = len(results) // 2  # in two pages
        if "Marker" not in params and half:
            return {"EvaluationResults": results[:half], "IsTruncated": True, "Marker": "2"}
        return {"EvaluationResults": results[half:] if half else results, "IsTruncated": False}
