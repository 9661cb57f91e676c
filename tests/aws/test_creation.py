"""Endpoints that are not made: why, and nothing is left of them."""

import pytest
from botocore.awsrequest import AWSResponse
from tests.aws.answers import fails
from tests.aws.test_endpoints import left, make

import byoe
from byoe.errors import JobError
from byoe.sagemaker.aws._faults import NotNowError


def test_what_has_failed_first_is_told_though_nothing_can_be_asked_then(cloud, session, bucket, monkeypatch):
    refused, busy = JobError("ResourceLimitExceeded"), NotNowError("too busy")
    fails(monkeypatch, cloud, create_endpoint=refused, describe_endpoint=busy)
    with pytest.raises(JobError, match="ResourceLimitExceeded"):
        make(cloud, bucket)
    assert left(session) == []


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


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("did not pass the ping health check", "did not pass the ping health check"),
        (
            "CapacityError: Unable to provision requested ML compute capacity.",
            "try again later, or take another instance",
        ),
    ],
)
def test_an_endpoint_that_does_not_get_healthy_tells_why(cloud, session, bucket, monkeypatch, reason, told):
    call = cloud.call

    def unhealthy(service, operation, **request):
        found = call(service, operation, **request)
        changed = {"EndpointStatus": "Failed", "FailureReason": reason}
        return found | changed if operation == "describe_endpoint" else found

    monkeypatch.setattr(cloud, "call", unhealthy)
    with pytest.raises(JobError, match=f"endpoint byoe-1 has the status Failed: .*{told}"):
        make(cloud, bucket)
    assert left(session) == []


def test_where_credentials_expire_in_a_deployment_it_is_told_how_to_go_on(completed_job, session):
    client = completed_job.cloud._client("sagemaker")

    def expire(**_):
        error = {"Error": {"Code": "ExpiredTokenException", "Message": "old"}}
        return AWSResponse("", 400, {}, None), error

    client.meta.events.register("after-call.sagemaker.CreateEndpoint", lambda **_: client.meta.events.register("before-call.sagemaker", expire))  # fmt: skip
    with pytest.raises(
        JobError, match=r"no longer valid .old.; sign in again. What was started goes on: .*attach\('churn'\)"
    ):
        byoe.sagemaker.deploy(completed_job, name="churn")
    client.meta.events.unregister("before-call.sagemaker", expire)
    with byoe.sagemaker.attach("churn", kind="endpoint", session=session) as endpoint:
        assert endpoint.wait().status == "InService"
    assert left(session) == []
