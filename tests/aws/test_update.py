"""A live endpoint gets another model. moto has no update, so what the service does is done here."""

import pytest
from tests.aws.answers import fails
from tests.aws.test_endpoints import MACHINE, left, make

from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws import _waiting
from byoe.sagemaker.aws._creation import create_endpoint
from byoe.sagemaker.aws._endpoint import Endpoint
from byoe.sagemaker.aws._faults import DeniedError, NotNowError
from byoe.sagemaker.aws._machine import Instances, Machine, Serverless, Variant


@pytest.fixture
def job(completed_job):
    return completed_job


def requests(asked, operation):
    return [params for name, params in asked if name == operation]


@pytest.mark.parametrize("hosting", [Serverless(2048, 7), Instances(2, 2), Instances(answers="s3://mine/there")])
def test_a_model_is_exchanged_and_the_former_removed(cloud, session, bucket, asked, job, updated, hosting):
    serverless = isinstance(hosting, Serverless)
    networked = {} if serverless else {"subnets": ("subnet-1",), "security_groups": ("sg-1",), "isolated": True}
    machine = Machine(MACHINE.image, MACHINE.role, environment={"A": "1"}, tags={"team": "blue"}, **networked)
    endpoint = create_endpoint("byoe-1", cloud, [Variant(machine, f"{bucket}/model.tar.gz")], hosting)
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
            updated["reason"] = "CapacityError: Unable to provision requested ML compute capacity."
            return {}
        found = call(service, operation, **request)
        if operation == "describe_endpoint":
            found["FailureReason"] = updated["reason"]
        return found

    updated["reason"] = ""
    monkeypatch.setattr(cloud, "call", rolled_back)
    with pytest.raises(JobError, match="endpoint byoe-1 has kept its model: Capa.* try again later, or take an"):
        endpoint.update(job)
    assert left(session) == ["byoe-1"] * 3
    assert endpoint.status == "InService"


def test_what_has_failed_first_is_told_though_not_all_can_be_removed(cloud, session, bucket, job, monkeypatch):
    endpoint = make(cloud, bucket)
    refused = JobError("ResourceLimitExceeded")
    fails(monkeypatch, cloud, update_endpoint=refused, delete_endpoint_config=DeniedError("no"))
    with pytest.raises(JobError, match="ResourceLimitExceeded"):
        endpoint.update(job)
    assert len(left(session)) == 4  # the configuration that may not be deleted, and no model beside it


def test_what_is_given_holds_though_the_former_model_cannot_be_removed(
    cloud, session, bucket, job, updated, monkeypatch
):
    endpoint = create_endpoint("byoe-1", cloud, [Variant(MACHINE, f"{bucket}/model.tar.gz")], Instances())
    fails(monkeypatch, cloud, delete_model=DeniedError("no"))
    with pytest.raises(DeniedError):
        endpoint.update(job, instance_count=(1, 3), requests_per_instance=60, tags={"team": "red"})
    scaling = session.client("application-autoscaling").describe_scalable_targets
    (bounds,) = scaling(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (bounds["MinCapacity"], bounds["MaxCapacity"]) == (1, 3)
    tags = session.client("sagemaker").list_tags(ResourceArn=endpoint.describe()["EndpointArn"])["Tags"]
    assert {"Key": "team", "Value": "red"} in tags


def test_of_an_update_that_may_go_on_nothing_is_removed(cloud, session, bucket, job, updated, monkeypatch):
    endpoint = make(cloud, bucket)
    call = cloud.call

    def lost(service, operation, **request):
        if operation == "describe_endpoint" and updated:
            raise NotNowError("no connection")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", lost)
    monkeypatch.setattr(_waiting, "SECONDS", 0.0)
    with pytest.raises(NotNowError):
        endpoint.update(job)
    new = updated["byoe-1"]
    assert left(session) == ["byoe-1", "byoe-1", new, "byoe-1", new]


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        ("update_endpoint", JobError("being updated already")),
        ("create_endpoint_config", KeyboardInterrupt("by its user")),
    ],
)
def test_what_ends_before_the_update_leaves_nothing(cloud, session, bucket, job, monkeypatch, failing, error):
    endpoint = make(cloud, bucket)
    fails(monkeypatch, cloud, **{failing: error})
    with pytest.raises(type(error), match=str(error)):
        endpoint.update(job)
    assert left(session) == ["byoe-1"] * 3


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack"])
def test_an_endpoint_that_changes_takes_no_other_model(cloud, session, bucket, job, monkeypatch, status):
    endpoint = make(cloud, bucket)
    monkeypatch.setattr(type(endpoint), "status", status)
    with pytest.raises(JobError, match=rf"has the status {status}, .*attach\('byoe-1'\).wait\(\)"):
        endpoint.update(job)
    assert left(session) == ["byoe-1"] * 3


def test_an_update_that_somebody_else_was_before_leaves_nothing(cloud, session, bucket, job, monkeypatch):
    endpoint = make(cloud, bucket)
    call = cloud.call

    def raced(service, operation, **request):
        if operation == "update_endpoint":
            monkeypatch.setattr(cloud, "call", changing)
            raise JobError('Cannot update in-progress endpoint "byoe-1".')
        return call(service, operation, **request)

    def changing(service, operation, **request):
        answer = call(service, operation, **request)
        return answer | ({"EndpointStatus": "Updating"} if operation == "describe_endpoint" else {})

    monkeypatch.setattr(cloud, "call", raced)
    with pytest.raises(JobError, match="Cannot update in-progress"):
        endpoint.update(job)
    assert left(session) == ["byoe-1"] * 3


def test_a_delete_that_was_refused_asks_anew_what_there_is(cloud, session, bucket, job, updated, monkeypatch):
    endpoint = make(cloud, bucket)
    call = cloud.call

    def denied(service, operation, **request):
        if operation.startswith("delete_"):
            raise DeniedError("no")
        return call(service, operation, **request)

    with monkeypatch.context() as patch:
        patch.setattr(cloud, "call", denied)
        with pytest.raises(DeniedError):
            endpoint.delete()
    Endpoint("byoe-1", cloud).update(job)
    endpoint.delete()
    assert left(session) == []


def test_there_must_be_an_endpoint(cloud, session, job):
    with pytest.raises(JobError, match="there is no endpoint byoe-9 in eu-west-1 that could be updated"):
        Endpoint("byoe-9", cloud).update(job)
    assert left(session) == []


# -- what else an update may change ------------------------------------------------------


def test_what_is_given_changes_and_all_else_stays(cloud, session, bucket, asked, job, updated):
    machine = Machine(MACHINE.image, MACHINE.role, environment={"A": "1"}, tags={"team": "blue", "cost": "7"})
    endpoint = create_endpoint("byoe-1", cloud, [Variant(machine, f"{bucket}/model.tar.gz")], Serverless(2048, 7))
    endpoint.update(job, memory_mb=4096, environment={"B": "2"}, tags=[{"Key": "team", "Value": "red"}])
    model, config = requests(asked, "CreateModel")[1], requests(asked, "CreateEndpointConfig")[1]
    assert config["ProductionVariants"][0]["ServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 7}
    environment = model["PrimaryContainer"]["Environment"]
    assert (environment.get("A"), environment["B"], environment["SAGEMAKER_PROGRAM"]) == (None, "2", "inference.py")
    assert model["Tags"] == config["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in model["Tags"]} == {"team": "red", "cost": "7"}
    tags = session.client("sagemaker").list_tags(ResourceArn=endpoint.describe()["EndpointArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "red", "cost": "7"}
    endpoint.update(job)
    assert requests(asked, "CreateModel")[2]["PrimaryContainer"]["Environment"] == environment
    config = requests(asked, "CreateEndpointConfig")[2]
    assert config["ProductionVariants"][0]["ServerlessConfig"]["MemorySizeInMB"] == 4096


def test_instances_change_their_type_number_network_and_key(cloud, session, bucket, asked, job, updated):
    machine = Machine(MACHINE.image, MACHINE.role, subnets=("subnet-1",), security_groups=("sg-1",), volume_key="a/b")
    endpoint = create_endpoint("byoe-1", cloud, [Variant(machine, f"{bucket}/model.tar.gz")], Instances(2, 2))
    endpoint.update(job, instance_type="ml.c5.large", instance_count=3, subnets=(), security_groups=())
    config = requests(asked, "CreateEndpointConfig")[1]
    variant = config["ProductionVariants"][0]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.c5.large", 3)
    assert updated["excluded"] == [{"VariantPropertyType": "DesiredInstanceCount"}]
    assert "VpcConfig" not in requests(asked, "CreateModel")[1]
    assert config["KmsKeyId"] == "a/b"
    endpoint.update(job, instance_count=(1, 4), requests_per_instance=60, volume_key="c/d", isolated=True)
    config = requests(asked, "CreateEndpointConfig")[2]
    assert config["KmsKeyId"] == "c/d"
    assert requests(asked, "CreateModel")[2]["EnableNetworkIsolation"] is True
    assert updated["excluded"] is None  # the platform keeps their number
    scaling = session.client("application-autoscaling").describe_scalable_targets
    (bounds,) = scaling(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (bounds["MinCapacity"], bounds["MaxCapacity"]) == (1, 4)
    endpoint.update(job, instance_count=2)
    assert scaling(ServiceNamespace="sagemaker")["ScalableTargets"] == []


@pytest.mark.parametrize(
    ("hosting", "given", "message"),
    [
        (Serverless(), {"instance_type": "ml.m5.large"}, "instance_type is of instances, and endpoint byoe-1 is serverl"),
        (Serverless(), {"instance_count": 2}, "an endpoint stays serverless or on instances: deploy the job under anoth"),
        (Serverless(), {"memory_mb": 1000}, "memory_mb is 1000, expected one of"),
        (Serverless(), {"isolated": True}, "a serverless endpoint has no network isolation"),
        (Instances(), {"memory_mb": 2048}, "memory_mb is of a serverless endpoint, and byoe-1 is on instances"),
        (Instances(), {"instance_type": "m5.large"}, "instance_type is 'm5.large', expected one such as"),
        (Instances(), {"instance_count": (1, 4)}, "requests_per_instance belongs to an instance_count of two"),
        (Instances(), {"tags": "blue"}, "tags is 'blue', expected"),
        (Instances(), {"region": "us-east-1"}, "serving has no option 'region': what serves is where its job is"),
        (Serverless(), {"data_capture": True}, "data_capture is of endpoints on instances, and byoe-1 is serverless"),
        (Instances(answers="s3://a/b"), {"data_capture": True}, "asynchronous endpoint byoe-1 are files in S3 already"),
        (Instances(), {"output_key": "a/b"}, "output_key is the key of what an endpoint captures; set data_capture"),
    ],
)  # fmt: skip
def test_changes_that_cannot_be(cloud, session, bucket, asked, job, hosting, given, message):
    endpoint = make(cloud, bucket, hosting)
    with pytest.raises(ParameterError, match=message):
        endpoint.update(job, **given)
    assert left(session) == ["byoe-1"] * 3


@pytest.mark.parametrize("of", [dict, object])
def test_what_is_no_job_on_aws_is_told(cloud, session, bucket, job, of):
    endpoint = make(cloud, bucket, Instances())
    thing = {"current": job} if of is dict else of()
    with pytest.raises(ParameterError, match="expected one job, tuning job, model package, group of them or execution"):
        endpoint.update(thing)
    assert left(session) == ["byoe-1"] * 3
