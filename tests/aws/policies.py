"""What requests ask for and policies allow: an evaluator of its own, which knows nothing of byoe."""

import json
from fnmatch import fnmatchcase

ACCOUNT, REGION = "123456789012", "eu-west-1"
# Where an action is not named like the operation. A file that is not there is told apart by who may list the bucket.
_ACTIONS = {
    "s3:HeadObject": {"s3:GetObject": "key", "s3:ListBucket": "bucket"},
    "s3:GetObject": {"s3:GetObject": "key"},
    "s3:PutObject": {"s3:PutObject": "key"},
    "s3:CreateMultipartUpload": {"s3:PutObject": "key"},
    "s3:UploadPart": {"s3:PutObject": "key"},
    "s3:CompleteMultipartUpload": {"s3:PutObject": "key"},
    "s3:AbortMultipartUpload": {"s3:AbortMultipartUpload": "key"},
    "s3:DeleteObject": {"s3:DeleteObject": "key"},
    "s3:HeadBucket": {"s3:ListBucket": "bucket"},
    "s3:ListObjectsV2": {"s3:ListBucket": "bucket"},
    "s3:CreateBucket": {"s3:CreateBucket": "bucket"},
}
_PREFIX = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas", "monitoring": "cloudwatch"}
_FREE = {"sts:GetCallerIdentity"}
_ARNS = {
    "TrainingJobName": "arn:aws:sagemaker:{region}:{account}:training-job/{name}",
    "HyperParameterTuningJobName": "arn:aws:sagemaker:{region}:{account}:hyper-parameter-tuning-job/{name}",
    "TransformJobName": "arn:aws:sagemaker:{region}:{account}:transform-job/{name}",
    "EndpointName": "arn:aws:sagemaker:{region}:{account}:endpoint/{name}",
    "EndpointConfigName": "arn:aws:sagemaker:{region}:{account}:endpoint-config/{name}",
    "ModelName": "arn:aws:sagemaker:{region}:{account}:model/{name}",
    "ModelPackageGroupName": "arn:aws:sagemaker:{region}:{account}:model-package-group/{name}",
    "ModelPackageName": "{name}",  # an ARN
    "ModelPackageArn": "{name}",
    "PipelineName": "arn:aws:sagemaker:{region}:{account}:pipeline/{name}",
    "PipelineExecutionArn": "{name}",
    "logGroupName": "arn:aws:logs:{region}:{account}:log-group:{name}",
    "RoleName": "arn:aws:iam::{account}:role/{name}",
    "AlarmName": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "repositoryName": "arn:aws:ecr:{region}:{account}:repository/{name}",
}


def as_list(value):
    return value if isinstance(value, list) else [value]


def action_of(service, operation):
    """Return what policies call an operation of a service that is not S3."""
    return f"{_PREFIX.get(service, service)}:{operation}"


def actions_of(service, operation):
    """Return the actions that an operation is allowed by."""
    name = action_of(service, operation)
    return set() if name in _FREE else set(_ACTIONS.get(name, {name: ""}))


def asked_for(service, operation, params):
    """Yield the actions, resources and contexts that a request needs, as AWS's reference of actions has them."""
    name = action_of(service, operation)
    if name in _FREE:
        return
    if service == "s3":
        bucket = f"arn:aws:s3:::{params['Bucket']}"
        for action, about in _ACTIONS[name].items():
            yield action, bucket if about == "bucket" else f"{bucket}/{params['Key']}", {}
        return
    context = {}
    if "ServiceNamespace" in params:
        context["application-autoscaling:service-namespace"] = params["ServiceNamespace"]
    own = _own(operation, params)
    for resource in own or ["*"]:
        yield name, resource, context
    if params.get("Tags") and operation.startswith("Create"):
        for resource in own[:1]:
            yield "sagemaker:AddTags", resource, {}
    for role in {params.get("ExecutionRoleArn"), params.get("RoleArn"), params.get("TrainingJobDefinition", {}).get("RoleArn")}:  # fmt: skip
        if role is not None:
            yield "iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"}


def _own(operation, params):
    if "ResourceArn" in params:
        return [params["ResourceArn"]]
    if "PolicySourceArn" in params:
        return [params["PolicySourceArn"]]
    if "AlarmNames" in params:
        return [_arn("AlarmName", name) for name in params["AlarmNames"]]
    if operation == "ListModelPackages":
        return []
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        return [_arn(key, params[key]) for key in ("EndpointName", "EndpointConfigName")]
    keys = [key for key in _ARNS if key in params and key != "ModelName"] or [key for key in ("ModelName",) if key in params]  # fmt: skip
    return [_arn(key, params[key]) for key in keys]


def _arn(key, name):
    return _ARNS[key].format(region=REGION, account=ACCOUNT, name=name)


def allows(policy, action, resource, context=None):
    """Return whether a statement of a policy allows an action: names, resources and conditions."""
    context = context or {}
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action.lower(), one.lower()) for one in as_list(statement["Action"]))
        and any(fnmatchcase(resource, one) for one in as_list(statement["Resource"]))
        and all(_holds(*condition, context) for condition in statement.get("Condition", {}).items())
        for statement in policy["Statement"]
    )


def _holds(operator, pairs, context):
    assert operator in ("StringEquals", "StringLike")
    same = fnmatchcase if operator == "StringLike" else str.__eq__
    return all(any(same(context.get(key, ""), one) for one in as_list(value)) for key, value in pairs.items())


def listed(policy):
    """Return all actions that a policy names."""
    return {action for statement in policy["Statement"] for action in as_list(statement["Action"])}


class Recorder:
    """What byoe's clients ask of AWS, each request checked for an action that a policy lists.

    Parameters
    ----------
    policy : dict
    """

    def __init__(self, policy):
        self._listed = listed(policy)
        self.calls = []

    def watch(self, client):
        """Look at all that a client asks for."""
        client.meta.events.register("provide-client-params.*.*", self._see, unique_id="policies")
        return client

    def _see(self, params, model, **_):
        service = model.service_model.service_name
        self.calls.append((service, model.name, json.loads(json.dumps(params, default=str))))
        lacking = actions_of(service, model.name) - self._listed
        assert not lacking, f"no policy that byoe prints has {lacking}"

    def asked(self):
        """Return the actions, resources and contexts of all requests."""
        return [(call[:2], *asked) for call in self.calls for asked in asked_for(*call)]
