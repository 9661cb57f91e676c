"""The policies of docs/permissions.md allow each call that the adapter makes, and nothing that it never does."""

import ast
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
import pytest
from botocore import xform_name
from tests.aws.service_model import model

import byoe
from byoe import EnsembleRegressor
from byoe.sagemaker.aws._job import Job
from byoe.tools import __path__ as inside

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8")
ADAPTER = Path(inside[0]).parent / "sagemaker" / "aws"
ROLE = "arn:aws:iam::123456789012:role/byoe"
SERVICES = ("sagemaker", "sagemaker-runtime", "s3", "sts", "iam", "logs", "application-autoscaling", "cloudwatch")

# Where an action is not named like the operation: S3's, what boto3 does in several requests, and what is always allowed.
ACTIONS = {
    "s3:HeadObject": {"s3:GetObject"},
    "s3:HeadBucket": {"s3:ListBucket"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "upload_file": {"s3:PutObject", "s3:AbortMultipartUpload"},
    "download_file": {"s3:GetObject"},
    "sts:GetCallerIdentity": set(),
}
# Which nobody calls: roles and tags are parts of other requests, and the scaler acts in the caller's name.
IMPLIED = {
    "iam:PassRole",
    "sagemaker:AddTags",
    "iam:CreateServiceLinkedRole",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
}


def statements(text):
    """Return the statements of the policies in a part of the page."""
    policies = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    return [statement for policy in policies for statement in policy["Statement"]]


def as_list(value):
    return [value] if isinstance(value, str) else value


CALLER = statements(PAGE.split("\n## The role of jobs")[0])


def actions_of(name):
    """Return the actions that an operation needs, which is named as in the code or as `service:Operation`."""
    return ACTIONS.get(name, {name})


def named_in_the_code():
    """Return all operations whose name is a text, or called as a method, in the adapter."""
    known = {}
    for service in SERVICES:
        prefix = service.removesuffix("-runtime")
        known |= {xform_name(name): f"{prefix}:{name}" for name in model(service).operation_names}
    known |= {"upload_file": "upload_file", "download_file": "download_file"}
    names = set()
    for file in ADAPTER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names.add(node.value if isinstance(node, ast.Constant) else getattr(node, "attr", None))
    return {known[name] for name in names if isinstance(name, str) and name in known}


def test_the_policies_have_what_the_code_calls_and_nothing_else():
    called = named_in_the_code()
    assert {"sagemaker:CreateTrainingJob", "sagemaker:InvokeEndpoint", "upload_file"} < called
    needed = set().union(*map(actions_of, called)) | IMPLIED
    allowed = [action for statement in CALLER for action in as_list(statement["Action"])]
    assert sorted(set(allowed)) == sorted(needed)


RESOURCES = {
    "TrainingJobName": "arn:aws:sagemaker:REGION:ACCOUNT:training-job/{}",
    "HyperParameterTuningJobName": "arn:aws:sagemaker:REGION:ACCOUNT:hyper-parameter-tuning-job/{}",
    "TransformJobName": "arn:aws:sagemaker:REGION:ACCOUNT:transform-job/{}",
    "EndpointName": "arn:aws:sagemaker:REGION:ACCOUNT:endpoint/{}",
    "EndpointConfigName": "arn:aws:sagemaker:REGION:ACCOUNT:endpoint-config/{}",
    "ModelName": "arn:aws:sagemaker:REGION:ACCOUNT:model/{}",
    "ModelPackageGroupName": "arn:aws:sagemaker:REGION:ACCOUNT:model-package-group/{}",
    "ModelPackageName": "{}",
    "ModelPackageArn": "{}",
    "logGroupName": "arn:aws:logs:REGION:ACCOUNT:log-group:{}",
    "RoleName": "arn:aws:iam::ACCOUNT:role/{}",
    "AlarmName": "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:{}",
}


def resource_of(name, params):
    """Return what an operation is about, in the words of the page."""
    if "Bucket" in params:
        return f"arn:aws:s3:::{params['Bucket']}" + (f"/{params['Key']}" if "Key" in params else "")
    if "AlarmNames" in params:
        return RESOURCES["AlarmName"].format(*params["AlarmNames"])
    kind = name.partition(":")[2].replace("HyperParameterTuningJob", "HyperParameterTuningJobName")
    about = [key for key in RESOURCES if key in params]
    own = [key for key in about if key.removesuffix("Name") in kind] or about
    key = max(own, key=len, default=None)
    return RESOURCES[key].format(params[key]).replace("eu-west-1:123456789012", "REGION:ACCOUNT") if key else "*"


def allows(statement, action, resource):
    there = {"BUCKET": "sagemaker-eu-west-1-123456789012", "role/ROLE": "role/byoe"}
    patterns = as_list(statement["Resource"])
    for word, value in there.items():
        patterns = [pattern.replace(word, value) for pattern in patterns]
    return action in as_list(statement["Action"]) and any(fnmatchcase(resource, pattern) for pattern in patterns)


@pytest.fixture
def called(session):
    found = []
    session.events.register(
        "provide-client-params.*.*",
        lambda params, model, **_: found.append(
            (model.service_model.service_name.removesuffix("-runtime"), model.name, params)
        ),
    )
    return found


def test_a_walk_through_the_adapter_is_allowed(session, called, monkeypatch):
    frame = pd.DataFrame({"a": range(40), "b": [0, 1] * 20, "y": range(40)})
    session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
    image = {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1"}
    on = {"instance_type": "ml.m5.xlarge", "role": "byoe", "session": session, "wait": False, **image}
    called.clear()
    job = byoe.sagemaker.fit(ensemble, frame, target="y", tags={"team": "blue"}, **on)
    assert job.log == ""
    job.stop()
    space = {"xgboost__max_depth": (2, 4)}
    byoe.sagemaker.tune(ensemble, space, frame, target="y", max_jobs=2, **on)
    described = {
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": image["image"]},
        "RoleArn": ROLE,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://mine/model.tar.gz"},
    }
    monkeypatch.setattr(Job, "describe", lambda self: described)
    sizes = {"asynchronous": True, "instance_count": (0, 2), "requests_per_instance": 5}
    byoe.sagemaker.deploy(job, **sizes).delete()
    transform = byoe.sagemaker.transform(job, frame.drop(columns="y"), wait=False)
    transform.stop()

    names = {f"{service}:{name}" for service, name, _ in called}
    assert {"sagemaker:CreateTransformJob", "cloudwatch:DeleteAlarms", "s3:PutObject", "iam:GetRole"} <= names
    check_allowed(called)


def check_allowed(called):
    """Check that each of some calls is allowed by a policy of the page."""
    for service, name, params in called:
        for action in actions_of(f"{service}:{name}"):
            resource = resource_of(f"{service}:{name}", params)
            assert any(allows(statement, action, resource) for statement in CALLER), (action, resource)
        if ROLE in (params.get("RoleArn"), params.get("ExecutionRoleArn")):
            assert any(
                allows(statement, "iam:PassRole", ROLE.replace("123456789012", "ACCOUNT")) for statement in CALLER
            )


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DeleteModel", "arn:aws:sagemaker:REGION:ACCOUNT:model/of-others"),
        ("s3:GetObject", "arn:aws:s3:::another/file"),
        ("s3:DeleteObject", "arn:aws:s3:::sagemaker-eu-west-1-123456789012/byoe/x"),
    ],
)
def test_what_is_not_allowed(action, resource):
    assert not any(allows(statement, action, resource) for statement in CALLER)
