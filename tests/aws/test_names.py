"""Names of one's own for jobs, tuning jobs and transform jobs on AWS; those of endpoints are in test_update."""

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.aws.answers import answer
from tests.aws.test_endpoints import MACHINE
from tests.aws.test_transform import fitted, frame, job  # noqa: F401  fixtures
from tests.aws.test_tuning import SPACE
from tests.aws.test_tuning import launch as tune

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._creation import create_endpoint
from byoe.sagemaker.aws._faults import DeniedError
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._machine import Serverless, Variant

ROLE = "arn:aws:iam::123456789012:role/byoe"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1"


@pytest.fixture
def table(rng):
    import pandas as pd

    X = rng.normal(size=(40, 2))
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X.sum(axis=1)})


def fit(table, session, **given):
    on = {"instance_type": "ml.m5.xlarge", "role": ROLE, "image": IMAGE, "wait": False, "session": session}
    return byoe.sagemaker.fit(EnsembleRegressor(("ridge",), random_state=0), table, target="y", **{**on, **given})


def created(asked):
    return [name for name, _ in asked if name.startswith("Create")]


def test_a_job_has_the_name_that_was_chosen(table, session, asked, uploaded):
    chosen = fit(table, session, name="churn-3", spot=True)
    assert chosen.name == "churn-3"
    request = dict(asked)["CreateTrainingJob"]
    assert request["TrainingJobName"] == "churn-3"
    assert request["CheckpointConfig"]["S3Uri"].endswith("/checkpoints/churn-3")
    prefixed = fit(table, session, name="churn-3-")
    assert prefixed.name.startswith("churn-3-20")
    asked.clear(), uploaded.clear()
    with pytest.raises(ParameterError, match="there is a training job 'churn-3' already in eu-west-1; give another name, or 'churn-3-' as a prefix"):  # fmt: skip
        fit(table, session, name="churn-3", tags={"team": "blue"})
    assert (created(asked), uploaded) == ([], [])


def test_the_service_may_say_that_a_free_name_is_not_valid(table, session, monkeypatch):
    call = Cloud._client

    def client(self, service):
        made = call(self, service)
        if service == "sagemaker" and not hasattr(made, "asked"):
            made.asked = made.describe_training_job

            def describe(**request):
                try:
                    return made.asked(**request)
                except ClientError as error:
                    told = {"Code": "ValidationException", "Message": "Requested resource not found."}
                    raise ClientError({**error.response, "Error": told}, "DescribeTrainingJob") from error

            made.describe_training_job = describe
        return made

    monkeypatch.setattr(Cloud, "_client", client)
    assert fit(table, session, name="churn").name == "churn"


def test_a_tuning_job_has_the_name_that_was_chosen(table, session, asked):
    assert tune(table, session, name="churn").name == "churn"
    with pytest.raises(ParameterError, match="there is a tuning job 'churn' already in eu-west-1"):
        tune(table, session, name="churn")
    assert tune(table, session, name="churn-all-").name.startswith("churn-all-20")
    with pytest.raises(ParameterError, match=r"'churn-tuning-' cannot be the prefix of the name of a tuning job: it may have 10 characters"):  # fmt: skip
        tune(table, session, name="churn-tuning-")
    assert len(created(asked)) == 2


def test_a_transform_job_has_the_name_that_was_chosen(job, frame, session, asked, bucket):  # noqa: F811
    transform = byoe.sagemaker.transform(job, frame, name="churn", wait=False)
    assert transform.name == "churn"
    request = dict(asked)["CreateTransformJob"]
    assert request["TransformOutput"]["S3OutputPath"] == f"{bucket}/transform/churn"
    model = request["ModelName"]
    assert model.startswith("churn-20")
    asked.clear()
    with pytest.raises(ParameterError, match="there is a transform job 'churn' already in eu-west-1"):
        byoe.sagemaker.transform(job, frame, name="churn", wait=False)
    assert created(asked) == []
    prefixed = byoe.sagemaker.transform(job, frame, name="churn-", wait=False)
    assert dict(asked)["CreateTransformJob"]["ModelName"] == prefixed.name
    assert prefixed.name.startswith("churn-20")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("churn_3", "'churn_3' cannot be the name of a training job: it may have 63 .*; 'churn-3' could be"),
        ("", "'' cannot be the name of a training job: .* between them$"),
        ("a" * 64, "it may have 63 characters"),
        ("churn_-", "'churn_' cannot be the name of a training job"),
        ("a" * 41 + "-", "it may have 41 characters with the '-' at its end"),
        (3, "name is 3, expected a text, such as 'churn', or 'churn-' for a prefix"),
    ],
)
def test_names_that_cannot_be(table, session, asked, uploaded, name, message):
    with pytest.raises(ParameterError, match=message):
        fit(table, session, name=name)
    assert (created(asked), uploaded) == ([], [])


def test_the_longest_prefix_makes_a_name_that_the_service_takes(table, session, asked):
    assert len(fit(table, session, name="a" * 40 + "-").name) == 63
    assert len(tune(table, session, {"eta": SPACE["eta"]}, name="a" * 9 + "-").name) == 32


# -- where something is: the region and the profile ------------------------------------------


def test_a_region_and_a_profile_make_the_session(table, session, asked, monkeypatch, tmp_path):
    (tmp_path / "config").write_text(
        "[profile mine]\nregion = eu-central-1\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert fit(table, None, region="us-east-2").cloud.region == "us-east-2"
    monkeypatch.delenv("AWS_DEFAULT_REGION")  # which is stronger than a profile's
    assert fit(table, None, profile="mine").cloud.region == "eu-central-1"
    assert fit(table, None, profile="mine", region="us-east-2").cloud.region == "us-east-2"
    name = fit(table, None, region="us-east-2").name
    assert byoe.sagemaker.attach(name, region="us-east-2").name == name
    with pytest.raises(JobError, match=rf"there is no .* '{name}' in eu-central-1"):
        byoe.sagemaker.attach(name, profile="mine")
    with pytest.raises(ParameterError, match="session has a region and credentials of its own; give it, or region"):
        fit(table, session, region="us-east-2")
    with pytest.raises(JobError, match=r"AWS knows nobody here: .*\(none\) could not be found"):
        fit(table, None, profile="none")


def test_a_region_means_nothing_to_a_job_of_this_machine(table):
    with pytest.raises(ParameterError, match="region is for jobs on AWS, and instance_type is 'local'"):
        byoe.sagemaker.fit(EnsembleRegressor(("ridge",)), table, target="y", region="eu-west-1")


# -- handles by their ARN ----------------------------------------------------------------


def test_an_arn_is_as_good_as_a_name(table, session):
    arn = fit(table, session, name="churn").describe()["TrainingJobArn"]
    found = byoe.sagemaker.attach(arn, session=session)
    assert isinstance(found, Job)
    assert found.name == "churn"


@pytest.mark.parametrize(
    ("operation", "word", "field"),
    [
        ("DescribeTrainingJob", "training-job", "TrainingJobName"),
        ("DescribeHyperParameterTuningJob", "hyper-parameter-tuning-job", "HyperParameterTuningJobName"),
        ("DescribeEndpoint", "endpoint", "EndpointName"),
        ("DescribeTransformJob", "transform-job", "TransformJobName"),
    ],
)
def test_names_have_capitals_and_their_arns_have_none(session, operation, word, field):
    # The service finds a thing by its name in lower case; its log, requests and alarms know the name as it is.
    answer(
        session, f"sagemaker.{operation}", lambda asked: {field: "Churn-North"} if asked[field] == "churn-north" else {}
    )
    found = byoe.sagemaker.attach(f"arn:aws:sagemaker:eu-west-1:123456789012:{word}/churn-north", session=session)
    assert found.name == "Churn-North"


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("arn:aws:sagemaker:eu-west-1:999999999999:training-job/churn", "is of account 999999999999, and the credentials"),
        ("arn:aws:sagemaker:us-east-1:123456789012:endpoint/churn", "is in us-east-1, and the session in eu-west-1; give"),
        ("arn:aws:s3:::bucket/churn", "expected the name of a job, a tuning job, an endpoint or a transform job, or its"),
    ],
)  # fmt: skip
def test_arns_of_what_is_elsewhere(session, asked, arn, message):
    with pytest.raises(ParameterError, match=message):
        byoe.sagemaker.attach(arn, session=boto3.Session(region_name="eu-west-1"))
    assert asked == []


def test_a_name_may_be_that_of_several_things(table, session, cloud, bucket):
    fit(table, session, name="churn")
    create_endpoint("churn", cloud, [Variant(MACHINE, f"{bucket}/model.tar.gz")], Serverless())
    with pytest.raises(ParameterError, match=r"there are 2 things of the name 'churn': job, endpoint; say which, as in attach\('churn', kind='endpoint'\)"):  # fmt: skip
        byoe.sagemaker.attach("churn", session=session)
    for kind in ("job", "endpoint"):
        assert byoe.sagemaker.attach("churn", kind=kind, session=session).kind == kind
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/churn"
    assert byoe.sagemaker.attach(arn, session=session).kind == "endpoint"
    with pytest.raises(JobError, match="there is no tuning job 'churn' in eu-west-1"):
        byoe.sagemaker.attach("churn", kind="tuning job", session=session)
    with pytest.raises(ParameterError, match="kind is 'model', expected 'job', 'tuning job'"):
        byoe.sagemaker.attach("churn", kind="model", session=session)


def test_a_name_that_is_too_long_for_a_tuning_job_is_looked_for_all_the_same(table, session, asked):
    name = fit(table, session, name="a" * 63).name
    assert byoe.sagemaker.attach(name, session=session).kind == "job"
    with pytest.raises(JobError, match="there is no training job, tuning job, endpoint or transform job 'aaa"):
        byoe.sagemaker.attach("a" * 64, session=session)


def test_who_may_look_at_jobs_alone_finds_them(table, session, monkeypatch):
    fit(table, session, name="churn")
    call = Cloud.call

    def denied(self, service, operation, **request):
        if operation == "describe_endpoint":
            raise DeniedError("no")
        return call(self, service, operation, **request)

    monkeypatch.setattr(Cloud, "call", denied)
    assert byoe.sagemaker.attach("churn", session=session).kind == "job"
    with pytest.raises(DeniedError):
        byoe.sagemaker.attach("churn-2", session=session)


def test_a_role_may_be_named_with_its_path(cloud, session):
    path = {"Path": "/service-role/", "AssumeRolePolicyDocument": "{}"}
    arn = session.client("iam").create_role(RoleName="byoe", **path)["Role"]["Arn"]
    assert cloud.role("service-role/byoe") == cloud.role("byoe") == cloud.role(arn) == arn
