"""What AWS refuses names the thing and says what to do."""

import json
from io import BytesIO

import boto3
import numpy as np
import pandas as pd
import pytest
from botocore import exceptions
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws import _waiting
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._faults import DeniedError, NotFoundError, NotNowError, done_before, with_cure
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._waiting import until

ROLE = "arn:aws:iam::123456789012:role/byoe"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1"


class Raw(BytesIO):
    def stream(self):
        yield self.read()


@pytest.fixture
def frame():
    X = np.random.default_rng(0).normal(size=(40, 2))
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X.sum(axis=1)})


@pytest.fixture
def elsewhere(session):
    """A bucket in another region than the session's."""
    session.client("s3", region_name="us-east-1").create_bucket(Bucket="there")
    return "s3://there/byoe"


def launch(data, session, **given):
    on = {"instance_type": "ml.m5.xlarge", "role": ROLE, "image": IMAGE, "wait": False, "session": session}
    return byoe.sagemaker.fit(EnsembleRegressor(("ridge",), random_state=0), data, target="y", **{**on, **given})


SAYS = r"whose bucket is in us-east-1, and the session is in eu-west-1.*Give session=boto3.Session\(region_name='us-east-1'\)"


def test_a_bucket_of_another_region_is_refused_before_an_upload(frame, session, elsewhere, asked, uploaded):
    with pytest.raises(ParameterError, match=f"output is 's3://there/byoe', {SAYS}"):
        launch(frame, session, output=elsewhere)
    with pytest.raises(ParameterError, match=f"train is 's3://there/byoe/data', {SAYS}"):
        launch(f"{elsewhere}/data", session)
    with pytest.raises(ParameterError, match=f"validation is 's3://there/byoe', {SAYS}"):
        launch(frame, session, validation=elsewhere)
    assert (asked, uploaded) == ([], [])


@pytest.mark.parametrize("status", [301, 403])
def test_a_bucket_that_says_no_tells_its_region_all_the_same(cloud, status):
    headers = {"HTTPHeaders": {"x-amz-bucket-region": "us-east-1"}}
    with Stubber(cloud._client("s3")) as stub:
        stub.add_client_error("head_bucket", str(status), "no", status, response_meta=headers)
        with pytest.raises(ParameterError, match=SAYS):
            cloud.check_bucket("s3://theirs/a", "output")
        stub.add_client_error("head_bucket", "403", "Forbidden", 403)
        cloud.check_bucket("s3://theirs/a", "output")  # who may not list may be allowed to write
        stub.add_client_error("head_bucket", "400", "Bad Request", 400)
        with pytest.raises(JobError, match="credentials are no longer valid"):
            cloud.check_bucket("s3://theirs/a", "output")


@pytest.mark.parametrize(
    ("code", "status", "kind", "message"),
    [
        ("NoSuchBucket", 404, NotFoundError, r"there is no bucket 'mine' \(s3://mine/a/b.csv\); make it"),
        ("AccessDenied", 403, DeniedError, "of s3://mine/a/b.csv .AccessDenied.: no; s3:PutObject has to be allowed there"),
        ("PermanentRedirect", 301, JobError, "bucket 'mine' is in another region than the session; give a bucket"),
        ("ExpiredToken", 400, JobError, "credentials are no longer valid .no.; sign in again"),
        ("SlowDown", 503, NotNowError, "AWS is too busy for upload_file of s3://mine/a/b.csv"),
    ],
)  # fmt: skip
def test_an_upload_that_is_refused_names_the_address_and_no_file(
    cloud, tmp_path, monkeypatch, code, status, kind, message
):
    file = tmp_path / "b.csv"
    file.write_text("1\n")
    monkeypatch.setattr(cloud, "_exists", lambda *_, **__: False)
    with Stubber(cloud._client("s3")) as stub:
        stub.add_client_error("put_object", code, "no", status)
        with pytest.raises(kind, match=message) as caught:
            cloud.put(file, "s3://mine/a/b.csv")
    assert str(tmp_path) not in str(caught.value)


def test_files_that_are_not_there_and_keys_that_have_expired(cloud, bucket):
    with pytest.raises(NotFoundError, match=f"get_object of {bucket}/none"):
        cloud.get(f"{bucket}/none")
    with Stubber(cloud._client("s3")) as stub:
        stub.add_client_error("head_object", "400", "Bad Request", 400)  # it has no body that would say more
        with pytest.raises(JobError, match="the AWS credentials are no longer valid"):
            cloud._exists("head_object", Bucket="mine", Key="a")


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        ("ExpiredTokenException", "old", r"sign in again. What was started goes on: byoe.sagemaker.attach\('churn'\)"),
        ("ThrottlingException", "Rate exceeded", "AWS is too busy for describe_training_job of churn"),
        ("502", "<html>Bad Gateway</html>", "AWS is too busy for describe_training_job of churn .502: <html>Bad Gateway"),
        ("ResourceLimitExceeded", "The account-level service limit is 0", "is 0; take another instance_type or fewer"),
        ("ResourceInUse", "Job name must be unique", "must be unique; give another name, or one that ends with '-'"),
        ("ValidationException", "Could not assume role arn.", "arn; the role has to exist, and its trust policy"),
        ("AccessDeniedException", "not authorized to perform: iam:PassRole", "your own policy has to allow iam:PassRole"),
        ("ValidationException", "Cross-account pass role is not allowed.", "give a role of the account whose"),
        ("Odd", "nothing is known of it.", r"AWS refused describe_training_job of churn \(Odd\): nothing is known of it\.$"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(cloud, code, reason, message):
    with Stubber(cloud._client("sagemaker")) as stub:
        for _ in range(8):
            stub.add_client_error("describe_training_job", code, reason)
        with pytest.raises(JobError, match=message):
            _ = Job("churn", cloud).status


@pytest.mark.parametrize("operation", ["delete_model", "describe_model"])
def test_nothing_is_to_be_attached_that_is_no_job_and_no_endpoint(cloud, operation):
    with Stubber(cloud._client("sagemaker")) as stub:
        stub.add_client_error(operation, "ExpiredTokenException", "old")
        with pytest.raises(JobError, match=r"no longer valid .old.; .*byoe.sagemaker.attach\(name\) finds it"):
            cloud.call("sagemaker", operation, ModelName="churn")


def test_a_creation_whose_answer_is_lost_is_no_name_that_is_taken(cloud):
    """The libraries ask again for what was made, and it is there already."""
    request = {"ModelName": "churn", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
    sent, loses = [], [True]

    def answer(request, **_):
        sent.append(request)
        if loses.pop() if loses else False:
            raise exceptions.ReadTimeoutError(endpoint_url=request.url)
        told = {"__type": "ValidationException", "message": "Cannot create already existing model"}
        return AWSResponse(request.url, 400, {}, Raw(json.dumps(told).encode()))

    cloud._client("sagemaker").meta.events.register_first("before-send.sagemaker.CreateModel", answer)
    assert cloud.call("sagemaker", "create_model", **request) == {}
    assert len(sent) == 2
    with pytest.raises(JobError, match="already existing model"):  # it was asked for once, and somebody else has it
        cloud.call("sagemaker", "create_model", **request)


@pytest.mark.parametrize(
    ("operation", "reason", "attempts", "done"),
    [
        ("update_endpoint", "Cannot update in-progress endpoint", 1, True),
        ("update_endpoint", "Cannot update in-progress endpoint", 0, False),
        ("update_endpoint", "Could not find endpoint configuration", 1, False),
        ("create_endpoint", "Cannot create already existing endpoint", 1, True),
        ("create_model_package_group", "already exists", 1, False),
        ("delete_endpoint", "Cannot update in-progress endpoint", 1, False),
    ],
)
def test_what_was_done_before_is_known_by_the_attempts(operation, reason, attempts, done):
    told = {"Code": "ValidationException", "Message": reason}
    assert done_before(operation, {"Error": told, "ResponseMetadata": {"RetryAttempts": attempts}}) is done


def test_two_who_change_the_same_are_not_told_of_names(cloud):
    with Stubber(cloud._client("sagemaker")) as stub:
        stub.add_client_error("update_pipeline", "ConflictException", "Pipeline is being changed")
        with pytest.raises(JobError, match="somebody else changes it at the same time: look at what it is now"):
            cloud.call("sagemaker", "update_pipeline", PipelineName="churn")


@pytest.mark.parametrize("kind", ["CredentialRetrievalError", "UnauthorizedSSOTokenError"])
def test_what_cannot_sign_in_any_more_is_told_so(cloud, monkeypatch, kind):
    words = {"provider": "custom-process", "error_msg": "signed out"}

    def signed_out(**request):
        raise getattr(exceptions, kind)(**words)

    monkeypatch.setattr(cloud._client("sagemaker"), "describe_training_job", signed_out)
    with pytest.raises(JobError, match="credentials are no longer valid") as caught:
        _ = Job("churn", cloud).status
    assert not isinstance(caught.value, NotNowError)  # which is asked again for minutes


def test_a_request_that_cannot_be_is_no_fault_of_the_network(cloud):
    with pytest.raises(ParameterError, match="filter_log_events of AWS cannot be asked so: Invalid type for"):
        cloud.call("logs", "filter_log_events", logGroupName=7)


def test_words_of_machines_are_looked_at_before_an_upload(frame, session, asked, uploaded):
    with pytest.raises(ParameterError, match="volume_gb is '100', expected a positive integer"):
        launch(frame, session, volume_gb="100")
    assert (asked, uploaded) == ([], [])
    launch(frame, session, subnets="subnet-0abc", security_groups=["sg-1"])
    launch(frame, session, subnets=None, security_groups=None)
    network = {"Subnets": ["subnet-0abc"], "SecurityGroupIds": ["sg-1"]}
    assert [params.get("VpcConfig") for name, params in asked if name == "CreateTrainingJob"] == [network, None]


def test_two_who_make_the_bucket_at_once_both_have_it(cloud, monkeypatch):
    exists, call = cloud._exists, cloud.call
    seen = []

    def not_yet(operation, **request):
        seen.append(operation)
        return len(seen) > 1 and exists(operation, **request)

    def raced(service, operation, **request):
        call(service, operation, **request)
        if operation == "create_bucket":
            raise JobError("AWS refused create_bucket (OperationAborted)")

    monkeypatch.setattr(cloud, "_exists", not_yet)
    monkeypatch.setattr(cloud, "call", raced)
    cloud.identity = call("sts", "get_caller_identity")
    assert cloud.bucket() == "sagemaker-eu-west-1-123456789012"


def test_folders_that_somebody_made_are_no_files(cloud, session, bucket):
    name = bucket.removeprefix("s3://").partition("/")[0]
    for key in ("rows/", "rows/a.csv", "rows/b/"):
        session.client("s3").put_object(Bucket=name, Key=key, Body=b"")
    assert cloud.keys(f"s3://{name}/rows/") == ["a.csv"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ValidationException", "Requested resource not found."),  # boto3 #2808
        ("ResourceNotFound", "Amazon SageMaker can't find a tuning job called churn. Type another name."),
        ("ValidationException", 'Could not find endpoint "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/churn".'),
    ],
)
def test_what_is_not_there_is_told_in_many_words(cloud, code, reason):
    with Stubber(cloud._client("sagemaker")) as stub:
        stub.add_client_error("describe_training_job", code, reason)
        with pytest.raises(NotFoundError, match="describe_training_job of churn: "):
            _ = Job("churn", cloud).status


def test_a_role_of_another_account_is_refused_before_an_upload(frame, session, asked, uploaded):
    theirs = "arn:aws:iam::999999999999:role/byoe"
    with pytest.raises(
        ParameterError, match="of account 999999999999, and the credentials are of account 123456789012"
    ):
        launch(frame, session, role=theirs)
    with pytest.raises(ParameterError, match="is 'arn:aws:iam::123456789012:user/me', expected the name of a role"):
        launch(frame, session, role="arn:aws:iam::123456789012:user/me")
    assert (asked, uploaded) == ([], [])


def test_what_has_failed_for_want_of_instances_says_what_to_do():
    told = "CapacityError: Unable to provision requested ML compute capacity. Please retry."
    assert with_cure(told).endswith("try again later, or take another instance_type or region")
    assert with_cure("AlgorithmError: no column 'y'") == "AlgorithmError: no column 'y'"
    assert with_cure("") == ""


def test_waiting_outlives_a_while_without_answers(cloud, monkeypatch):
    monkeypatch.setattr(_waiting, "SECONDS", 0.0)
    answers = [NotNowError("busy")] * 3 + ["InProgress"] + [NotNowError("busy")] * 30 + ["Completed"]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until(ask, "Completed".__eq__) == "Completed"
    answers[:] = [NotNowError("busy")] * 31
    with pytest.raises(NotNowError, match="busy"):
        until(ask, bool)
    answers[:] = [JobError("no")]
    with pytest.raises(JobError, match="no"):
        until(ask, bool)


def test_no_way_to_the_network(monkeypatch):
    cloud = Cloud(boto3.Session("a", "b", region_name="eu-west-1"))
    client = cloud._client("sts")

    def lost(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://sts")

    monkeypatch.setattr(client, "_make_api_call", lost)
    with pytest.raises(NotNowError, match="AWS did not do get_caller_identity: .*is there a way to the network"):
        cloud.account()


def test_an_answer_that_is_a_page_of_a_proxy(session, cloud):
    page = b"<!doctype html>\n<title>Sign in to this network</title>\n"

    def answer(request, **_):
        return AWSResponse(request.url, 500, {}, Raw(page))

    client = cloud._client("iam")
    client.meta.events.register_first("before-send.iam", answer)
    with pytest.raises(
        NotNowError, match="AWS did not do get_role of byoe: .*invalid XML.*is there a way to the network"
    ):
        cloud.call("iam", "get_role", RoleName="byoe")
