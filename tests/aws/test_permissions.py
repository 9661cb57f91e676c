"""`byoe sagemaker policy` prints what allows each call that the adapter makes, and nothing that it never does."""

import ast
import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from botocore import xform_name
from tests.aws.answers import answer
from tests.aws.policies import ACCOUNT, REGION, actions_of, allows, as_list, listed
from tests.aws.service_model import model
from typer.testing import CliRunner

import byoe
from byoe import EnsembleRegressor
from byoe.cli._app import app
from byoe.errors import ParameterError
from byoe.sagemaker import policy
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._permissions import CALLER, FORMS, PARTS, PIPELINE_ROLE, ROLE
from byoe.tools import __path__ as inside

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
ADAPTER = Path(inside[0]).parent / "sagemaker" / "aws"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/byoe"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/sklearn:1"
SERVICES = (
    *("sagemaker", "sagemaker-runtime", "s3", "sts", "iam", "logs", "application-autoscaling", "cloudwatch"),
    *("service-quotas", "ecr"),
)
# Which nobody calls: roles and tags are parts of other requests, and the scaler acts in the caller's name.
IMPLIED = {
    "iam:PassRole",
    "sagemaker:AddTags",
    "iam:CreateServiceLinkedRole",
    "s3:AbortMultipartUpload",
}
IN = {"account": ACCOUNT, "region": REGION, "role": ROLE_ARN}


def named_in_the_code():
    """Return what all operations need whose name is a text, or called as a method, in the adapter."""
    known = {
        xform_name(name): actions_of(service, name) for service in SERVICES for name in model(service).operation_names
    }
    known |= {"upload_file": {"s3:PutObject"}, "download_file": {"s3:GetObject"}}
    names = set()
    for file in ADAPTER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names.add(node.value if isinstance(node, ast.Constant) else getattr(node, "attr", None))
    return set().union(*(known[name] for name in names if isinstance(name, str) and name in known))


def test_the_policies_have_what_the_code_calls_and_nothing_else():
    called = named_in_the_code()
    assert {"sagemaker:CreateTrainingJob", "sagemaker:InvokeEndpoint", "servicequotas:ListServiceQuotas"} < called
    assert sorted(listed(policy())) == sorted(called | IMPLIED)


@pytest.fixture
def frame():
    return pd.DataFrame({"a": range(40), "b": [0, 1] * 20, "y": range(40)})


@pytest.fixture
def on_aws(session):
    session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")
    return {"instance_type": "ml.m5.xlarge", "role": "byoe", "session": session, "wait": False, "image": IMAGE}


@pytest.fixture
def answers(session):
    """What moto lacks."""
    for name in ("StopTrainingJob", "StopHyperParameterTuningJob", "StopTransformJob"):
        answer(session, f"sagemaker.{name}", lambda _: {})
    trials = "sagemaker.ListTrainingJobsForHyperParameterTuningJob"
    answer(session, trials, lambda _: {"TrainingJobSummaries": []})
    answer(session, "sagemaker.DescribeTrainingJob", described)
    running = {"HyperParameterTuningJobStatus": "InProgress"}
    answer(session, "sagemaker.DescribeHyperParameterTuningJob", lambda _: running)
    answer(session, "sagemaker.DescribeTransformJob", lambda asked: {**asked, "TransformJobStatus": "InProgress"})
    configs = {}  # of endpoints, by their names

    def configured(params, **_):
        configs[params["EndpointName"]] = params["EndpointConfigName"]

    for name in ("CreateEndpoint", "UpdateEndpoint"):
        session.events.register(f"provide-client-params.sagemaker.{name}", configured)
    answer(session, "sagemaker.UpdateEndpoint", lambda _: {"EndpointArn": "arn"})
    answer(
        session,
        "sagemaker.DescribeEndpoint",
        lambda asked: {
            "EndpointName": asked["EndpointName"],
            "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{asked['EndpointName']}",
            "EndpointConfigName": configs[asked["EndpointName"]],
            "EndpointStatus": "InService",
        },
    )


def described(asked):
    """Return a training job that has completed; a new name belongs to none."""
    return {
        "TrainingJobName": asked["TrainingJobName"],
        "TrainingJobStatus": "Completed" if asked["TrainingJobName"] == "byoe-done" else "InProgress",
        "AlgorithmSpecification": {"TrainingImage": IMAGE},
        "RoleArn": ROLE_ARN,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://sagemaker-{REGION}-{ACCOUNT}/byoe/output/model.tar.gz"},
    }


def walk_train(frame, on_aws):
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
    job = byoe.sagemaker.fit(ensemble, frame, target="y", tags={"team": "blue"}, **on_aws)
    assert job.log == ""
    job.stop()
    space = {"xgboost__max_depth": (2, 4)}
    tuning = byoe.sagemaker.tune(ensemble, space, frame, target="y", max_jobs=2, tags={"team": "blue"}, **on_aws)
    assert tuning.trials == []
    tuning.stop()


def walk_endpoints(frame, on_aws):
    session = on_aws["session"]
    job = byoe.sagemaker.attach("byoe-done", kind="job", session=session)
    tags = {"tags": {"team": "blue"}}
    endpoint = byoe.sagemaker.deploy(job, role="byoe", **tags)
    endpoint.update(job, **tags)
    endpoint.delete()
    transform = byoe.sagemaker.transform(job, frame.drop(columns="y"), wait=False, **tags)
    transform.stop()


def walk_scaling(frame, on_aws):
    job = byoe.sagemaker.attach("byoe-done", kind="job", session=on_aws["session"])
    sizes = {"asynchronous": True, "instance_count": (0, 2), "requests_per_instance": 5}
    byoe.sagemaker.deploy(job, **sizes).delete()
    watched = byoe.sagemaker.deploy(job, role="byoe", instance_type="ml.m5.large")
    alarm = {"MetricName": "Invocation5XXErrors", "Namespace": "AWS/SageMaker", "EvaluationPeriods": 1}
    more = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "Period": 60, "Statistic": "Sum"}
    on_aws["session"].client("cloudwatch").put_metric_alarm(AlarmName="churn-errors", **alarm, **more)
    watched.update(job, alarms=["churn-errors"])
    watched.delete()


def walk_pipelines(frame, on_aws):
    session = on_aws["session"]
    answer(session, "sagemaker.ListPipelineExecutionSteps", lambda _: {"PipelineExecutionSteps": []})
    answer(session, "sagemaker.StopPipelineExecution", lambda _: {})
    on = {name: value for name, value in on_aws.items() if name != "wait"}
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
    pipeline = byoe.sagemaker.pipeline(
        "byoe-monthly", ensemble, frame, target="y", register="byoe-models", tags={"team": "blue"}, **on
    )
    execution = pipeline.start()
    assert (pipeline.status, execution.steps) == ("Active", [])
    answer(session, "sagemaker.DescribePipelineExecution", lambda _: {"PipelineExecutionStatus": "Executing"})
    byoe.sagemaker.attach(execution.arn, session=session).stop()
    assert len(pipeline.executions) == 1
    pipeline.delete()


@pytest.mark.parametrize(
    ("walk", "parts", "elsewhere"),
    [
        # Read by those who wait, download or attach by a bare name; asked for by the next test.
        (walk_train, ["train"], set()),
        (
            walk_endpoints,
            ["endpoints"],
            {
                "sagemaker:InvokeEndpoint",
                "sagemaker:InvokeEndpointAsync",
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                "logs:FilterLogEvents",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:DeleteAlarms",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
            },
        ),
        (walk_scaling, ["endpoints", "scaling"], None),
        (walk_pipelines, ["pipelines"], None),
    ],
)
def test_a_walk_through_the_adapter_is_allowed(frame, on_aws, answers, recorder, walk, parts, elsewhere):
    if "endpoints" in parts:
        Cloud(on_aws["session"]).bucket()  # a job has made it
    recorder.calls.clear()
    walk(frame, on_aws)
    printed = policy(only=parts, **IN)
    asked = recorder.asked()
    assert len(asked) > 10
    for operation, action, resource, context in asked:
        assert allows(printed, action, resource, context), (operation, action, resource)
    if elsewhere is not None:
        assert {action for _, action, _, _ in asked} | elsewhere | IMPLIED >= listed(printed)


def test_asking_an_endpoint_is_allowed_by_the_smallest_policy(cloud, recorder, session):
    """A live endpoint, and an asynchronous one whose answer is there already."""
    bucket, answers_at = cloud.bucket(), "byoe/asynchronous/byoe-e/answers"
    body = io.BytesIO()
    np.save(body, np.ones(2))
    session.client("s3").put_object(Bucket=bucket, Key=f"{answers_at}/1.out", Body=body.getvalue())
    config = {"ProductionVariants": [{"ModelName": "byoe-m"}]}
    live = {"EndpointConfigName": "byoe-c", "EndpointStatus": "InService"}
    places = {f"{kind}Location": f"s3://{bucket}/{answers_at}/1.out" for kind in ("Output", "Failure")}
    answer(session, "sagemaker.DescribeEndpoint", lambda _: live)
    answer(session, "sagemaker.DescribeEndpointConfig", lambda _: config)
    answer(session, "sagemaker-runtime.InvokeEndpoint", lambda _: {"Body": io.BytesIO(body.getvalue())})
    answer(session, "sagemaker-runtime.InvokeEndpointAsync", lambda _: places)
    recorder.calls.clear()
    for more in ({}, {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{bucket}/{answers_at}"}}}):
        config |= more
        endpoint = byoe.sagemaker.Endpoint("byoe-e", Cloud(session))
        assert list(endpoint.predict(np.ones((2, 2)))) == [1.0, 1.0]
    printed = policy(only="predict", **IN)
    for operation, action, resource, context in recorder.asked():
        assert allows(printed, action, resource, context), (operation, action, resource)
    assert {action for _, action, _, _ in recorder.asked()} | {"s3:AbortMultipartUpload"} == listed(printed)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DeleteModel", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/of-others"),
        ("s3:GetObject", "arn:aws:s3:::another/file"),
        ("s3:GetObject", f"arn:aws:s3:::sagemaker-{REGION}-{ACCOUNT}/of-others/file"),
        ("s3:DeleteObject", f"arn:aws:s3:::sagemaker-{REGION}-{ACCOUNT}/byoe/x"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/another"),
        ("iam:PassRole", ROLE_ARN),  # to another service
    ],
)
def test_what_is_not_allowed(action, resource):
    assert not allows(policy(**IN), action, resource)


def every_policy():
    return [
        policy(**IN),
        policy("role", **IN),
        policy("pipeline", **IN),
        *(policy(only=part, **IN) for part in PARTS),
    ]


@pytest.mark.parametrize("printed", every_policy(), ids=["all", "role", "pipeline", *PARTS])
def test_policies_keep_the_grammar_of_iam(printed):
    assert list(printed) == ["Version", "Statement"]
    assert printed["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in printed["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    for statement in printed["Statement"]:
        assert set(statement) - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert len(set(as_list(statement["Action"]))) == len(as_list(statement["Action"]))
        for resource in as_list(statement["Resource"]):
            assert resource == "*" or re.fullmatch(r"arn:aws:[a-z0-9-]+:[a-z0-9*-]*:(\d{12}|\*)?:.+", resource)
            assert "{" not in resource
        for operator, pairs in statement.get("Condition", {}).items():
            assert operator in ("StringEquals", "StringLike")
            assert all(re.fullmatch(r"(aws|iam|application-autoscaling):[A-Za-z-]+", key) for key in pairs)
    # What a managed policy may have, spaces left out.
    assert len(re.sub(r"\s", "", json.dumps(printed))) <= 6144


def test_actions_are_operations_of_their_services():
    services = {
        "sagemaker": ("sagemaker", "sagemaker-runtime"),
        "servicequotas": ("service-quotas",),
        **{name: (name,) for name in ("s3", "iam", "logs", "cloudwatch", "application-autoscaling", "ecr")},
    }
    only_in_policies = {"s3:ListBucket", "iam:PassRole"}
    for right in (*CALLER, *ROLE, *PIPELINE_ROLE):
        prefix, _, name = right.action.partition(":")
        known = {operation for service in services[prefix] for operation in model(service).operation_names}
        assert right.action in only_in_policies or name in known, right.action
        assert right.purpose.startswith(("to ", "for "))
        assert set(right.parts) <= set(PARTS)
        assert set(right.kinds) <= set(FORMS)
    assert set(FORMS) == {kind for right in (*CALLER, *ROLE, *PIPELINE_ROLE) for kind in right.kinds}


def test_a_role_is_given_to_sagemaker_alone():
    passed = [one for one in policy(**IN)["Statement"] if "iam:PassRole" in as_list(one["Action"])]
    condition = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert [(one["Resource"], one["Condition"]) for one in passed] == [(ROLE_ARN, condition)]
    (trust,) = policy("trust")["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"Service": "sagemaker.amazonaws.com"}, "sts:AssumeRole")


@pytest.mark.parametrize(
    ("given", "sid", "resource"),
    [
        ({}, "GiveTheRole", "arn:aws:iam::ACCOUNT:role/ROLE"),
        ({}, "Files", "arn:aws:s3:::sagemaker-REGION-ACCOUNT/byoe/*"),
        ({"bucket": "mine", "prefix": "/a/b/"}, "Files", "arn:aws:s3:::mine/a/b/*"),
        ({"bucket": "mine", "prefix": ""}, "Files", "arn:aws:s3:::mine/*"),
        ({"names": "Churn-"}, "Jobs", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/churn-*"),
        ({"names": "Churn-"}, "OwnAlarms", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:Churn-*"),
        ({"role": "service-role/x"}, "GiveTheRole", f"arn:aws:iam::{ACCOUNT}:role/service-role/x"),
        ({"role": ROLE_ARN}, "GiveTheRole", ROLE_ARN),
        ({"region": "cn-north-1"}, "Bucket", f"arn:aws-cn:s3:::sagemaker-cn-north-1-{ACCOUNT}"),
    ],
)
def test_arns_say_what_is_given(given, sid, resource):
    base = {"account": ACCOUNT, "region": REGION} if given else {}
    (statement,) = [one for one in policy(**{**base, **given})["Statement"] if one["Sid"] == sid]
    assert as_list(statement["Resource"])[0] == resource


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"who": "me"}, "who is 'me', expected 'caller', 'role', 'pipeline' or 'trust'"),
        ({"who": "role", "only": "train"}, "only is for the caller's policy"),
        ({"only": []}, "only is empty, expected some of 'train'"),
        ({"account": "12"}, "account is '12', expected 12 digits"),
        ({"region": "Ireland"}, "region is 'Ireland', expected one such as 'eu-west-1'"),
        ({"bucket": "s3://mine"}, "bucket is 's3://mine', expected the name of a bucket, without s3://"),
        ({"names": "a*"}, "names is 'a\\*', expected what names begin with"),
        ({"role": "a*"}, "role is 'a\\*', expected the name or the ARN of a role"),
        ({"role": ROLE_ARN, "account": "9" * 12}, f"role is of account {ACCOUNT}, and account is '{'9' * 12}'"),
    ],
)
def test_what_cannot_be_in_a_policy_is_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        policy(**given)


def test_a_part_that_there_is_not():
    with pytest.raises(ParameterError, match=r"there is no part 'endpoint'. Did you mean 'endpoints'\?"):
        policy(only="endpoint")


def shown():
    """Return the commands of the page with the documents below them."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"^```console\n\$ byoe ([^\n]+)\n```\n+```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_page_shows_what_the_command_prints():
    text = PAGE.read_text(encoding="utf-8")
    assert len(shown()) == len(re.findall("^```json$", text, re.MULTILINE)) == len(PARTS) + 3
    for command, document in shown():
        printed = CliRunner().invoke(app, command.split(), catch_exceptions=False).output
        if os.environ.get("BYOE_WRITE_OUTPUTS"):
            text = text.replace(f"{command}\n```\n\n```json\n{document}", f"{command}\n```\n\n```json\n{printed}")
        else:
            assert document == printed, "BYOE_WRITE_OUTPUTS=1 writes the page anew"
    if os.environ.get("BYOE_WRITE_OUTPUTS"):
        PAGE.write_text(text, encoding="utf-8")
