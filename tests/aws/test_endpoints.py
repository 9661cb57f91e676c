"""Endpoints on AWS, answered by moto: made whole or not at all, and removed with all that belongs to them."""

import io
import json

import numpy as np
import pytest
from tests.aws.answers import fails
from tests.aws.service_model import faults

import byoe
from byoe.errors import InputError, JobError, ParameterError
from byoe.sagemaker.aws import _asynchronous, _waiting
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._creation import create_endpoint
from byoe.sagemaker.aws._endpoint import Endpoint
from byoe.sagemaker.aws._faults import DeniedError
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._machine import Instances, Machine, Serverless, Variant
from byoe.sagemaker.shared._failures import unhealthy
from byoe.sagemaker.shared._payload import payloads

MACHINE = Machine("123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1", "arn:aws:iam::123456789012:role/byoe")


def left(session):
    client = session.client("sagemaker")
    return [
        *(found["EndpointName"] for found in client.list_endpoints()["Endpoints"]),
        *(found["EndpointConfigName"] for found in client.list_endpoint_configs()["EndpointConfigs"]),
        *(found["ModelName"] for found in client.list_models()["Models"]),
    ]


def make(cloud, bucket, hosting=None):
    return create_endpoint("byoe-1", cloud, [Variant(MACHINE, f"{bucket}/model.tar.gz")], hosting or Serverless())


@pytest.fixture
def served(cloud, monkeypatch):
    """What was sent to endpoints; each answers with the sums of the rows."""
    found = []

    def invoke(endpoint, body, content_type, *, accept, variant=""):
        rows = np.load(io.BytesIO(body))
        found.append((endpoint, len(body), content_type, accept, variant))
        answer = io.BytesIO()
        np.save(answer, rows.sum(axis=1))
        return answer.getvalue()

    monkeypatch.setattr(cloud, "invoke", invoke)
    return found


def test_an_endpoint_is_made_answers_and_is_removed(cloud, session, bucket, asked, served):
    with make(cloud, bucket) as endpoint:
        assert endpoint.status == "InService"
        assert endpoint.url == "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/byoe-1/invocations"
        assert left(session) == ["byoe-1"] * 3
        assert np.array_equal(endpoint.predict(np.eye(3)), np.ones(3))
        assert served[0][0] == "byoe-1"
    assert left(session) == []
    assert endpoint.status == "Deleted"
    endpoint.delete()  # what is gone is gone
    with pytest.raises(JobError, match="there is no endpoint byoe-1 in eu-west-1; deploy its job again"):
        endpoint.predict(np.eye(3))
    created = [name for name, _ in asked if name.startswith("Create")]
    assert created == ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]


@pytest.mark.parametrize(("hosting", "limit"), [(Serverless(), 4), (Instances(), 6)])
def test_large_data_are_sent_in_pieces_that_fit(cloud, bucket, served, hosting, limit):
    rows = np.random.default_rng(0).normal(size=(200_000, 5))  # 8 MB
    with make(cloud, bucket, hosting) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), rows.sum(axis=1))
    assert len(served) > 1
    assert max(size for _, size, *_ in served) <= limit * 1024 * 1024


@pytest.mark.parametrize(
    ("status", "text", "kind", "message"),
    [
        (400, json.dumps({"error": "column 'a' is missing"}), InputError, "answered 400: column 'a' is missing"),
        (500, "worker died", JobError, "answered 500: worker died"),
        (500, '{"message": "cut', JobError, 'answered 500: {"message": "cut'),
        (500, "[1]", JobError, r"answered 500: \[1\]"),
    ],
)
def test_what_an_endpoint_refuses_is_told(cloud, status, text, kind, message):
    from botocore.stub import Stubber

    with Stubber(cloud._client("sagemaker-runtime")) as stub:
        stub.add_client_error(
            "invoke_endpoint",
            "ModelError",
            "Received client error",
            http_status_code=424,
            response_meta=None,
            modeled_fields={"OriginalStatusCode": status, "OriginalMessage": text},
        )
        with pytest.raises(kind, match=f"endpoint byoe-1 {message}"):
            cloud.invoke("byoe-1", b"", "text/csv", accept="text/csv")


@pytest.fixture
def trained(cloud, bucket, monkeypatch):
    """A job on AWS that has ended."""
    described = {
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": MACHINE.image},
        "RoleArn": MACHINE.role,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
        "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/model.tar.gz"},
    }
    monkeypatch.setattr(Job, "describe", lambda self: described)
    return Job("byoe-1", cloud)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("ModelNotReadyException", {}),
        ("InternalDependencyException", {}),
        ("ModelError", {"OriginalStatusCode": 502, "OriginalMessage": "bad gateway"}),
    ],
)
@pytest.mark.parametrize("times", [1, 9])
def test_an_endpoint_that_is_about_to_start_is_asked_again(cloud, monkeypatch, code, fields, times):
    from botocore.stub import Stubber

    from byoe.sagemaker.aws import _cloud

    pauses = []
    monkeypatch.setattr(_cloud.time, "sleep", pauses.append)
    with Stubber(cloud._client("sagemaker-runtime")) as stub:
        for _ in range(min(times, 6)):
            stub.add_client_error("invoke_endpoint", code, "not yet", 429, None, None, modeled_fields=fields)
        stub.add_response("invoke_endpoint", {"Body": io.BytesIO(b"answer")})
        if times == 1:
            assert cloud.invoke("byoe-1", b"", "text/csv", accept="text/csv") == b"answer"
            assert pauses == [1.0]
        else:
            with pytest.raises(JobError, match="not yet|answered 502: bad gateway"):
                cloud.invoke("byoe-1", b"", "text/csv", accept="text/csv")
            assert pauses == sorted(pauses)
            assert len(pauses) == 5


def test_deploy_serves_a_job_of_aws_with_its_own_container_and_role(trained, session, asked):
    with byoe.sagemaker.deploy(trained, memory_mb=2048, tags={"team": "blue"}) as endpoint:
        assert isinstance(endpoint, Endpoint)
    requests = dict(asked)
    assert requests["CreateModel"]["ExecutionRoleArn"] == MACHINE.role
    assert requests["CreateEndpointConfig"]["ProductionVariants"][0]["ServerlessConfig"]["MemorySizeInMB"] == 2048
    assert requests["CreateEndpoint"]["Tags"] == [{"Key": "team", "Value": "blue"}]
    with byoe.sagemaker.deploy(trained, instance_type="ml.m5.large", instance_count=2):
        variant = dict(asked)["CreateEndpointConfig"]["ProductionVariants"][0]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.large", 2)
    with pytest.raises(ParameterError, match="instance_type is 'local', and the job ran on AWS"):
        byoe.sagemaker.deploy(trained, instance_type="local")
    assert left(session) == []


def test_an_endpoint_takes_on_another_role_than_its_job(trained, session, asked):
    session.client("iam").create_role(RoleName="server", AssumeRolePolicyDocument="{}")
    with byoe.sagemaker.deploy(trained, role="server"):
        assert dict(asked)["CreateModel"]["ExecutionRoleArn"] == "arn:aws:iam::123456789012:role/server"
    asked.clear()
    with pytest.raises(JobError, match="nobody"):
        byoe.sagemaker.deploy(trained, role="nobody")
    assert "CreateModel" not in dict(asked)


def test_what_a_gpu_has_trained_is_served_without_one(trained, session, asked, monkeypatch):
    described = trained.describe() | {"ResourceConfig": {"InstanceType": "ml.g5.xlarge"}}
    monkeypatch.setattr(Job, "describe", lambda self: described)
    with byoe.sagemaker.deploy(trained):
        container = dict(asked)["CreateModel"]["PrimaryContainer"]
    assert "sagemaker-scikit-learn" in container["Image"]
    with pytest.raises(ParameterError, match="the job ran on ml.g5.xlarge, and predictions need no GPU"):
        byoe.sagemaker.deploy(trained, asynchronous=True)
    assert left(session) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"instance_count": 2}, "a serverless endpoint has no instances; give an instance_type"),
        ({"requests_per_instance": 2}, "a serverless endpoint has no instances; give an instance_type"),
        (
            {"instance_type": "ml.m5.large", "instance_count": (0, 2), "requests_per_instance": 2},
            "0 to 2, .* from 1 on",
        ),
        ({"instance_type": "ml.m5.large", "instance_count": (1, 2, 3)}, "expected a number, or two such as"),
        ({"vendor": True}, "serving has no option 'vendor'"),
        ({"roles": "x"}, "serving has no option 'roles'"),
        (
            {"region": "us-east-1"},
            r"has no option 'region': what serves is where its job is, so choose it with the job",
        ),
        ({"profile": "me"}, r"byoe.sagemaker.attach\(name, region=…, profile=…\)"),
        ({"data_capture": True}, "data_capture is of endpoints on instances, and byoe-.* is serverless, of which"),
        (
            {"data_capture": True, "asynchronous": True},
            "answers of the asynchronous endpoint byoe-.* are files in S3 alr",
        ),
        ({"data_capture": "here"}, "'here' is no S3 address"),
        ({"data_capture": ["x"]}, r"data_capture is \['x'\], expected True, False, or an s3:// prefix"),
        (
            {"data_capture": "s3://mine/" + "x" * 512},
            "data_capture has 522 characters, and of a prefix at most 512 fit",
        ),
        ({"capture_percent": 10}, "capture_percent is a part of what is captured; set data_capture"),
        ({"data_capture": False, "capture_percent": 10}, "capture_percent is a part of what is captured"),
        ({"data_capture": True, "capture_percent": 0}, "capture_percent is 0, expected a whole number from 1 to 100"),
        ({"data_capture": True, "capture_percent": 0.5}, "capture_percent is 0.5, expected a whole number"),
        ({"output_key": "a/b"}, "output_key is the key of what an endpoint captures; set data_capture"),
        ({"tags": ["team"]}, "tags is .*, expected"),
        ({"name": "churn_v2"}, "'churn_v2' cannot be the name of an endpoint: .*; 'churn-v2' could be"),
        ({"spot": True}, "serving has no option 'spot'"),
        ({"output": "s3://a/b"}, "output is for the files of an asynchronous endpoint"),
        ({"asynchronous": True, "output": "folder"}, "'folder' is no S3 address"),
        ({"asynchronous": True, "instance_type": "ml.none"}, "instance_type is 'ml.none'"),
    ],
)
def test_hosting_that_cannot_be(trained, session, given, message):
    with pytest.raises(ParameterError, match=message):
        byoe.sagemaker.deploy(trained, **given)
    assert left(session) == []


def test_an_endpoint_that_is_being_made_is_deleted_as_soon_as_it_can_be(cloud, session, bucket, monkeypatch):
    endpoint = make(cloud, bucket)
    call, refused = cloud.call, []

    def busy(service, operation, **request):
        if operation == "delete_endpoint" and len(refused) < 2:
            refused.append(operation)
            raise JobError('Cannot update in-progress endpoint "byoe-1"')
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", busy)
    monkeypatch.setattr(_waiting, "SECONDS", 0.0)
    endpoint.delete()
    assert len(refused) == 2
    assert left(session) == []


def test_what_cannot_be_deleted_keeps_its_parts(cloud, session, bucket, monkeypatch):
    endpoint = make(cloud, bucket)
    fails(monkeypatch, cloud, delete_endpoint=DeniedError("no"))
    with pytest.raises(DeniedError):
        endpoint.delete()
    assert left(session) == ["byoe-1"] * 3


def test_who_may_look_at_endpoints_alone_attaches_to_one(cloud, session, bucket, monkeypatch):
    make(cloud, bucket)
    call = Cloud.call

    def denied(self, service, operation, **request):
        if operation in ("describe_training_job", "describe_hyper_parameter_tuning_job", "describe_transform_job"):
            raise DeniedError(f"not authorized to perform {operation}")
        return call(self, service, operation, **request)

    monkeypatch.setattr(Cloud, "call", denied)
    assert byoe.sagemaker.attach("byoe-1", session=session).kind == "endpoint"
    with pytest.raises(DeniedError, match="describe_training_job"):  # it may be one of those
        byoe.sagemaker.attach("byoe-2", session=session)


def test_what_was_left_by_a_delete_is_removed_by_the_next(trained, session, monkeypatch):
    endpoint = byoe.sagemaker.deploy(trained, name="churn")
    call, expired = endpoint._cloud.call, JobError("the AWS credentials are no longer valid")

    def signed_out(service, operation, **request):
        if operation in ("delete_endpoint_config", "delete_model"):
            raise expired
        return call(service, operation, **request)

    with monkeypatch.context() as patch:
        patch.setattr(endpoint._cloud, "call", signed_out)
        with pytest.raises(JobError, match="no longer valid"):
            endpoint.delete()
    assert len(left(session)) == 2
    endpoint.delete()
    assert left(session) == []


@pytest.mark.parametrize(
    ("found", "text", "kind", "message"),
    [
        ("answers", None, None, None),
        ("failures", '{"error": "column a is missing"}', InputError, "refused the request: column a is missing"),
        ("failures", "worker died", JobError, "byoe-1 failed: worker died"),
        ("nothing", "", JobError, "has not answered within 0.2 s"),
    ],
)
def test_an_asynchronous_endpoint_is_asked_by_files(cloud, bucket, asked, monkeypatch, found, text, kind, message):
    monkeypatch.setattr(_waiting, "SECONDS", 0.01)
    for name in ("_WAITS", "LONGEST_REQUEST"):
        monkeypatch.setattr(_asynchronous, name, 0.1)
    answer = io.BytesIO()
    np.save(answer, np.ones(3))
    endpoint = make(cloud, bucket, Instances(answers=f"{bucket}/asynchronous/byoe-1"))
    call, places = cloud.call, {name: f"{bucket}/{name}/1.out" for name in ("answers", "failures", "nothing")}

    def answered(service, operation, **request):
        if operation != "invoke_endpoint_async":
            return call(service, operation, **request)
        request |= {"RequestTTLSeconds": 60, "InvocationTimeoutSeconds": 60}  # not the test's
        assert faults("InvokeEndpointAsync", request, "sagemaker-runtime") == []
        assert np.array_equal(np.load(io.BytesIO(cloud.get(request["InputLocation"]))), np.eye(3))
        bucket_name, key = split(places[found])
        body = answer.getvalue() if text is None else text.encode()
        call("s3", "put_object", Body=body, Bucket=bucket_name, Key=key)
        return {"OutputLocation": places["answers"], "FailureLocation": places["failures"]}

    monkeypatch.setattr(cloud, "call", answered)
    if kind is None:
        assert np.array_equal(endpoint.predict(np.eye(3)), np.ones(3))
        return
    with pytest.raises(kind, match=message):
        endpoint.predict(np.eye(3))


@pytest.mark.parametrize(
    ("status", "message"),
    [("Failed", "has the status Failed: it will not answer"), ("Deleting", "has been deleted; deploy its job again")],
)
def test_an_asynchronous_endpoint_that_will_not_answer(cloud, bucket, monkeypatch, status, message):
    endpoint = make(cloud, bucket, Instances(answers=f"{bucket}/asynchronous/byoe-1"))
    nowhere = {name: f"{bucket}/{name}/1.out" for name in ("OutputLocation", "FailureLocation")}
    call = cloud.call

    def answered(service, operation, **request):
        found = nowhere if operation == "invoke_endpoint_async" else call(service, operation, **request)
        return found | {"EndpointStatus": status} if operation == "describe_endpoint" else found

    monkeypatch.setattr(cloud, "call", answered)
    with pytest.raises(JobError, match=f"endpoint byoe-1 {message}"):
        endpoint.predict(np.eye(3))


def test_payloads_of_files(diabetes_frame, tmp_path):
    rows = diabetes_frame.drop(columns="target")
    rows.to_csv(tmp_path / "named.csv", index=False)
    rows.to_parquet(tmp_path / "named.parquet")
    rows.to_csv(tmp_path / "bare.csv", index=False, header=False)
    expected = payloads(rows, 10**6)
    for name in ("named.csv", "named.parquet"):
        assert payloads(str(tmp_path / name), 10**6) == expected
    ((bare, kind),) = payloads(tmp_path / "bare.csv", 10**6)
    assert kind == "application/x-npy"
    assert np.array_equal(np.load(io.BytesIO(bare)), rows.to_numpy())
    with pytest.raises(InputError, match="there is no file or folder"):
        payloads(tmp_path / "none.csv", 10**6)
    with pytest.raises(ParameterError, match="header is for CSV files"):
        payloads(rows, 10**6, header=True)


def test_payloads():
    rows = np.zeros((100, 4))
    assert len(payloads(rows, 10_000)) == 1
    found = payloads(rows, 1000)
    assert len(found) > 3
    assert max(len(body) for body, _ in found) <= 1000
    with pytest.raises(InputError, match="a row has 160 bytes, and a request at most 100"):
        payloads(rows, 100)
    with pytest.raises(InputError, match="there are no rows to predict"):
        payloads(np.empty((0, 3)), 100)


def test_the_last_error_of_a_log_is_told():
    again = ["[INFO] Booting worker", *(f"pip says {number}" for number in range(100))]
    log = "\n".join([*again, "Traceback", "  File", "byoe.errors.BundleError: no manifest", *again])

    def told(log):
        first, second, *lines = str(unhealthy("byoe-1", "Failed", "no ping", log)).splitlines()
        assert [first, second] == ["endpoint byoe-1 has the status Failed: no ping", "From its log:"]
        return lines

    assert told(log)[-3:] == ["Traceback", "  File", "byoe.errors.BundleError: no manifest"]
    assert len(told(log)) == 30
    assert told("\n".join(again)) == again[-30:]
    assert told("") == []
