"""Endpoints on AWS, answered by moto: made whole or not at all, and removed with all that belongs to them."""

import io
import json

import numpy as np
import pytest

import byoe
from byoe.errors import InputError, JobError, ParameterError
from byoe.sagemaker._cloud_endpoint import Endpoint, create_endpoint
from byoe.sagemaker._cloud_job import Job
from byoe.sagemaker._machine import Machine, Serverless
from byoe.sagemaker._payload import payloads

MACHINE = Machine("123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1", "arn:aws:iam::123456789012:role/byoe")


def left(session):
    client = session.client("sagemaker")
    return [
        *(found["EndpointName"] for found in client.list_endpoints()["Endpoints"]),
        *(found["EndpointConfigName"] for found in client.list_endpoint_configs()["EndpointConfigs"]),
        *(found["ModelName"] for found in client.list_models()["Models"]),
    ]


def make(cloud, bucket, **given):
    return create_endpoint("byoe-1", cloud, MACHINE, f"{bucket}/model.tar.gz", **{"serverless": Serverless(), **given})


@pytest.fixture
def served(cloud, monkeypatch):
    """What was sent to endpoints; each answers with the sums of the rows."""
    found = []

    def invoke(endpoint, body, content_type, *, accept):
        rows = np.load(io.BytesIO(body))
        found.append((endpoint, len(body), content_type, accept))
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
    created = [name for name, _ in asked if name.startswith("Create")]
    assert created == ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]


@pytest.mark.parametrize(("serverless", "limit"), [(Serverless(), 4), (None, 6)])
def test_large_data_are_sent_in_pieces_that_fit(cloud, bucket, served, serverless, limit):
    rows = np.random.default_rng(0).normal(size=(200_000, 5))  # 8 MB
    with make(cloud, bucket, serverless=serverless) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), rows.sum(axis=1))
    assert len(served) > 1
    assert max(size for _, size, *_ in served) <= limit * 1024 * 1024


@pytest.mark.parametrize("failing", ["create_endpoint_config", "create_endpoint", "describe_endpoint"])
def test_nothing_is_left_of_an_endpoint_that_fails(cloud, session, bucket, monkeypatch, failing):
    call, failed = cloud.call, []

    def once(service, operation, **request):
        if operation == failing and not failed:
            failed.append(operation)
            raise JobError("no")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", once)
    with pytest.raises(JobError, match="no"):
        make(cloud, bucket)
    assert left(session) == []


def test_an_endpoint_that_does_not_get_healthy_tells_why(cloud, session, bucket, monkeypatch):
    call = cloud.call

    def unhealthy(service, operation, **request):
        found = call(service, operation, **request)
        changed = {"EndpointStatus": "Failed", "FailureReason": "did not pass the ping health check"}
        return found | changed if operation == "describe_endpoint" else found

    monkeypatch.setattr(cloud, "call", unhealthy)
    with pytest.raises(JobError, match="endpoint byoe-1 has the status Failed: did not pass the ping health check"):
        make(cloud, bucket)
    assert left(session) == []


@pytest.mark.parametrize(
    ("status", "text", "kind", "message"),
    [
        (400, json.dumps({"error": "column 'a' is missing"}), InputError, "answered 400: column 'a' is missing"),
        (500, "worker died", JobError, "answered 500: worker died"),
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


def test_deploy_serves_a_job_of_aws_with_its_own_container_and_role(cloud, session, asked, bucket, monkeypatch):
    described = {
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": MACHINE.image},
        "RoleArn": MACHINE.role,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
        "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/model.tar.gz"},
    }
    monkeypatch.setattr(Job, "describe", lambda self: described)
    with byoe.sagemaker.deploy(Job("byoe-1", cloud), memory_mb=2048, tags={"team": "blue"}) as endpoint:
        assert isinstance(endpoint, Endpoint)
    requests = dict(asked)
    assert requests["CreateModel"]["ExecutionRoleArn"] == MACHINE.role
    assert requests["CreateEndpointConfig"]["ProductionVariants"][0]["ServerlessConfig"]["MemorySizeInMB"] == 2048
    assert requests["CreateEndpoint"]["Tags"] == [{"Key": "team", "Value": "blue"}]
    with byoe.sagemaker.deploy(Job("byoe-1", cloud), instance_type="ml.m5.large", instance_count=2):
        variant = dict(asked)["CreateEndpointConfig"]["ProductionVariants"][0]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.large", 2)
    with pytest.raises(ParameterError, match="instance_type is 'local', and the job ran on AWS"):
        byoe.sagemaker.deploy(Job("byoe-1", cloud), instance_type="local")
    assert left(session) == []


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
