"""A live endpoint gets another model. moto has no update, so what the service does is done here."""

import pytest
from tests.aws.service_model import faults
from tests.aws.test_endpoints import MACHINE, left, make

from byoe.errors import JobError
from byoe.sagemaker.aws._endpoint import Endpoint, create_endpoint
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._machine import Instances, Machine, Serverless


@pytest.fixture
def job(cloud, bucket, monkeypatch):
    described = {
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": f"{MACHINE.image}.1"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
        "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/new/model.tar.gz"},
    }
    monkeypatch.setattr(Job, "describe", lambda self: described)
    return Job("byoe-2", cloud)


@pytest.fixture
def updated(cloud, asked, monkeypatch):
    """The configurations that endpoints were given."""
    call, found = cloud.call, {}

    def answer(service, operation, **request):
        if operation == "update_endpoint":
            assert faults("UpdateEndpoint", request) == []
            found[request["EndpointName"]] = request["EndpointConfigName"]
            found["retained"] = request.get("RetainAllVariantProperties", False)
            return {}
        told = call(service, operation, **request)
        if operation == "describe_model":  # moto leaves it out
            (made,) = (one for one in requests(asked, "CreateModel") if one["ModelName"] == request["ModelName"])
            told["EnableNetworkIsolation"] = made.get("EnableNetworkIsolation", False)
        if operation == "describe_endpoint" and request["EndpointName"] in found:
            told["EndpointConfigName"] = found[request["EndpointName"]]
        return told

    monkeypatch.setattr(cloud, "call", answer)
    return found


def requests(asked, operation):
    return [params for name, params in asked if name == operation]


@pytest.mark.parametrize("hosting", [Serverless(2048, 7), Instances(2, 2), Instances(answers="s3://mine/there")])
def test_a_model_is_exchanged_and_the_former_removed(cloud, session, bucket, asked, job, updated, hosting):
    serverless = isinstance(hosting, Serverless)
    networked = {} if serverless else {"subnets": ("subnet-1",), "security_groups": ("sg-1",), "isolated": True}
    machine = Machine(MACHINE.image, MACHINE.role, environment={"A": "1"}, tags={"team": "blue"}, **networked)
    endpoint = create_endpoint("byoe-1", cloud, machine, f"{bucket}/model.tar.gz", hosting)
    assert endpoint.update(job) is endpoint
    name = updated["byoe-1"]
    assert left(session) == ["byoe-1", name, name]
    first, second = requests(asked, "CreateModel")
    assert second["PrimaryContainer"]["ModelDataUrl"] == f"{bucket}/new/model.tar.gz"
    assert second["PrimaryContainer"]["Image"] == f"{MACHINE.image}.1"
    for same in ("ExecutionRoleArn", "Tags", *(("VpcConfig", "EnableNetworkIsolation") if networked else ())):
        assert second[same] == first[same]
    assert second["PrimaryContainer"]["Environment"] == first["PrimaryContainer"]["Environment"]
    first, second = requests(asked, "CreateEndpointConfig")
    assert second["ProductionVariants"] == [first["ProductionVariants"][0] | {"ModelName": name}]
    assert second["Tags"] == first["Tags"]
    assert second.get("AsyncInferenceConfig") == first.get("AsyncInferenceConfig")
    assert updated["retained"] is not serverless
    endpoint.delete()
    assert left(session) == []


@pytest.mark.parametrize("named", [False, True])
def test_an_update_may_change_the_role(cloud, session, bucket, asked, job, updated, monkeypatch, named):
    """A configuration names the role only where somebody else made it so."""
    session.client("iam").create_role(RoleName="server", AssumeRolePolicyDocument="{}")
    endpoint, arn = make(cloud, bucket), "arn:aws:iam::123456789012:role/server"
    name, config = endpoint._parts()
    if named:
        monkeypatch.setattr(endpoint, "_parts", lambda: (name, config | {"ExecutionRoleArn": MACHINE.role}))
    endpoint.update(job, role="server")
    assert requests(asked, "CreateModel")[1]["ExecutionRoleArn"] == arn
    assert requests(asked, "CreateEndpointConfig")[1].get("ExecutionRoleArn") == (arn if named else None)


def test_of_a_model_that_does_not_get_healthy_nothing_is_left(cloud, session, bucket, job, updated, monkeypatch):
    endpoint = make(cloud, bucket)
    call = cloud.call

    def rolled_back(service, operation, **request):
        if operation == "update_endpoint":
            updated["reason"] = "the variant did not pass the ping health check"
            return {}
        found = call(service, operation, **request)
        if operation == "describe_endpoint":
            found["FailureReason"] = updated["reason"]
        return found

    updated["reason"] = ""
    monkeypatch.setattr(cloud, "call", rolled_back)
    with pytest.raises(JobError, match="endpoint byoe-1 has kept its model: the variant did not pass the ping"):
        endpoint.update(job)
    assert left(session) == ["byoe-1"] * 3
    assert endpoint.status == "InService"


def test_what_the_service_refuses_leaves_nothing(cloud, session, bucket, job, monkeypatch):
    endpoint = make(cloud, bucket)
    call = cloud.call

    def refused(service, operation, **request):
        if operation == "update_endpoint":
            raise JobError("being updated already")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", refused)
    with pytest.raises(JobError, match="being updated already"):
        endpoint.update(job)
    assert left(session) == ["byoe-1"] * 3


def test_there_must_be_an_endpoint(cloud, session, job):
    with pytest.raises(JobError, match="there is no endpoint byoe-9 in eu-west-1 that could be updated"):
        Endpoint("byoe-9", cloud).update(job)
    assert left(session) == []
