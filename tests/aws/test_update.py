"""A live endpoint gets another model. moto has no update, so what the service does is done here."""

from contextlib import nullcontext

import pytest
from tests.aws.test_endpoints import MACHINE, left, make

import byoe
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
    call = cloud.call

    def refused(service, operation, **request):
        if operation == "update_endpoint":
            raise JobError("ResourceLimitExceeded")
        if operation == "delete_endpoint_config":
            raise DeniedError("no")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", refused)
    with pytest.raises(JobError, match="ResourceLimitExceeded"):
        endpoint.update(job)
    assert len(left(session)) == 4  # the configuration that may not be deleted, and no model beside it


def test_what_is_given_holds_though_the_former_model_cannot_be_removed(
    cloud, session, bucket, job, updated, monkeypatch
):
    endpoint = create_endpoint("byoe-1", cloud, [Variant(MACHINE, f"{bucket}/model.tar.gz")], Instances())
    call = cloud.call

    def denied(service, operation, **request):
        if operation == "delete_model":
            raise DeniedError("no")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", denied)
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
    call = cloud.call

    def failed(service, operation, **request):
        if operation == failing:
            raise error
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", failed)
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


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("least", [0, 1])
def test_bounds_make_way_for_another_type_of_instances(cloud, session, bucket, job, updated, monkeypatch, least, fails):
    """AWS refuses another type while there are bounds."""
    answers = f"{bucket}/answers" if least == 0 else None
    machine = Instances(least, 4, 30, answers) if answers else Instances(1, 4, 30)
    endpoint = create_endpoint("byoe-1", cloud, [Variant(MACHINE, f"{bucket}/model.tar.gz")], machine)
    scaler, call, seen = session.client("application-autoscaling"), cloud.call, []

    def bounds():
        targets = scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        policies = scaler.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        return [
            [(one["MinCapacity"], one["MaxCapacity"]) for one in targets],
            sorted((one["PolicyName"], str(one.get("TargetTrackingScalingPolicyConfiguration"))) for one in policies),
        ]

    def looking(service, operation, **request):
        if operation == "update_endpoint":
            seen.append(bounds()[0])
            if fails:
                raise JobError("no")
        return call(service, operation, **request)

    before = bounds()
    monkeypatch.setattr(cloud, "call", looking)
    for given in ({"instance_type": "ml.c5.large"}, {}):
        with pytest.raises(JobError, match="no") if fails else nullcontext():
            endpoint.update(job, **given)
    assert seen == [[], [(least, 4)]]
    assert bounds() == before
    assert before[0] == [(least, 4)]


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


# -- deploy under the name of an endpoint that is there --------------------------------------


@pytest.fixture
def churn(cloud, session, bucket, job):
    with byoe.sagemaker.deploy(job, name="churn", max_concurrency=7) as endpoint:
        yield endpoint
    assert left(session) == []


def test_a_chosen_name_is_that_of_the_endpoint_and_begins_those_of_its_parts(churn, session, asked):
    assert churn.name == "churn"
    endpoint, config, model = left(session)
    assert endpoint == "churn"
    assert config == model
    assert config.startswith("churn-20")


def test_deploy_under_a_live_name_exchanges_the_model(churn, cloud, session, asked, job, updated, capsys):
    first = churn.describe()["EndpointConfigName"]
    again = byoe.sagemaker.deploy(job, name="churn", memory_mb=4096)
    assert capsys.readouterr().out == "[byoe] endpoint churn is live: its model is exchanged\n"
    assert again.name == "churn"
    (sizes,) = [
        request["ProductionVariants"][0]["ServerlessConfig"]
        for request in requests(asked, "CreateEndpointConfig")
        if request["EndpointConfigName"] == updated["churn"]
    ]
    assert sizes == {"MemorySizeInMB": 4096, "MaxConcurrency": 7}
    assert left(session) == ["churn", updated["churn"], updated["churn"]]
    assert first != updated["churn"]
    assert len(requests(asked, "CreateEndpoint")) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"asynchronous": True}, "asynchronous is True, and endpoint churn answers at once; deploy the job under another"),
        ({"output": "s3://mine/here"}, "output is 's3://mine/here', and endpoint churn stays with none"),
        ({"instance_type": "ml.m5.large"}, "instance_type is of instances, and endpoint churn is serverless"),
    ],
)  # fmt: skip
def test_a_live_endpoint_stays_what_it_is(churn, session, asked, job, given, message):
    before = left(session)
    with pytest.raises(ParameterError, match=message):
        byoe.sagemaker.deploy(job, name="churn", **given)
    assert left(session) == before


def says(cloud, monkeypatch, operation, **changes):
    call = cloud.call

    def changed(service, name, **request):
        found = call(service, name, **request)
        return found | changes if name == operation else found

    monkeypatch.setattr(cloud, "call", changed)


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("Updating", r"wait for it with byoe.sagemaker.attach\('churn'\).wait\(\), or give another name"),
        ("UpdateRollbackFailed", r"remove it with byoe.sagemaker.attach\('churn'\).delete\(\)"),
    ],
)
def test_an_endpoint_in_between_is_left_alone(churn, cloud, job, asked, monkeypatch, status, cure):
    with monkeypatch.context() as patch:
        says(cloud, patch, "describe_endpoint", EndpointStatus=status)
        with pytest.raises(ParameterError, match=f"'churn' already, which has the status {status}; {cure}"):
            byoe.sagemaker.deploy(job, name="churn")
    assert len(requests(asked, "CreateModel")) == 1


def test_an_endpoint_that_is_being_removed_is_waited_for(cloud, session, job, monkeypatch, capsys):
    monkeypatch.setattr(_waiting, "SECONDS", 0.0)
    states = ["Deleting"] * 3
    call = cloud.call

    def answer(service, operation, **request):
        if operation == "describe_endpoint" and states:
            return {"EndpointStatus": states.pop(), "EndpointName": "churn", "EndpointConfigName": "churn"}
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", answer)
    with byoe.sagemaker.deploy(job, name="churn") as endpoint:
        assert (endpoint.status, states) == ("InService", [])
    assert capsys.readouterr().out == "[byoe] endpoint churn is being removed: this waits until it is gone\n"
    assert left(session) == []


def test_a_name_is_that_of_a_request_to_the_letter(churn, cloud, job, monkeypatch):
    with monkeypatch.context() as patch:
        says(cloud, patch, "describe_endpoint", EndpointName="Churn")
        with pytest.raises(ParameterError, match="there is an endpoint 'Churn' already; write its name so, or give an"):
            byoe.sagemaker.deploy(job, name="churn")


def test_what_byoe_has_not_made_is_left_alone(churn, cloud, session, job, monkeypatch):
    before = left(session)
    with monkeypatch.context() as patch:
        says(cloud, patch, "describe_model", PrimaryContainer={"Image": MACHINE.image})
        with pytest.raises(ParameterError, match="'churn' already, and byoe has not made its model; give another name"):
            byoe.sagemaker.deploy(job, name="churn")
        with pytest.raises(ParameterError, match="serves a model that byoe has not made, and it is not replaced"):
            churn.update(job)
        variants = [{"VariantName": name, "ModelName": before[2]} for name in ("a", "b")]
        says(cloud, patch, "describe_endpoint_config", ProductionVariants=variants)
        with pytest.raises(ParameterError, match="has the variants 'a', 'b', and byoe exchanges the model of"):
            churn.update(job)
    assert left(session) == before


def test_an_endpoint_that_has_failed_is_made_anew(churn, cloud, session, job, monkeypatch, capsys):
    before, failed = left(session), [True]
    call = cloud.call

    def answer(service, operation, **request):
        if operation == "delete_endpoint":
            failed.clear()
        found = call(service, operation, **request)
        return found | {"EndpointStatus": "Failed"} if operation == "describe_endpoint" and failed else found

    monkeypatch.setattr(cloud, "call", answer)
    for wrong in ({"memory_mb": 1000}, {"rollout": "canary"}):
        with pytest.raises(ParameterError):
            byoe.sagemaker.deploy(job, name="churn", **wrong)
    assert left(session) == before  # with the reason for which it has failed
    assert byoe.sagemaker.deploy(job, name="churn").status == "InService"
    assert capsys.readouterr().out == "[byoe] endpoint churn has failed: it is removed, and made anew\n"
    after = left(session)
    assert after[0] == "churn"
    assert len(after) == 3
    assert not set(after[1:]) & set(before[1:])


def test_somebody_elses_endpoint_outlives_a_race(churn, cloud, session, job, monkeypatch):
    """It was not there when it was looked for."""
    call = cloud.call

    def late(service, operation, **request):
        if operation == "create_endpoint":
            raise DeniedError("Cannot create already existing endpoint")
        return call(service, operation, **request)

    before = left(session)
    monkeypatch.setattr("byoe.sagemaker.aws._serving.standing", lambda endpoint: "")
    monkeypatch.setattr(cloud, "call", late)
    with pytest.raises(JobError, match="already existing"):
        byoe.sagemaker.deploy(job, name="churn")
    assert left(session) == before


def test_an_endpoint_that_is_gone_takes_nothing_along_that_has_its_name(cloud, session, bucket, job):
    endpoint = byoe.sagemaker.deploy(job, name="churn")
    endpoint.delete()
    client, role = session.client("sagemaker"), MACHINE.role
    client.create_model(ModelName="churn", PrimaryContainer={"Image": MACHINE.image}, ExecutionRoleArn=role)
    variant = {"VariantName": "all", "ModelName": "churn", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    client.create_endpoint_config(EndpointConfigName="churn", ProductionVariants=[variant])
    endpoint.delete()
    assert left(session) == ["churn", "churn"]


@pytest.mark.parametrize("of", [dict, object])
def test_what_is_no_job_on_aws_is_told(cloud, session, bucket, job, of):
    endpoint = make(cloud, bucket, Instances())
    thing = {"current": job} if of is dict else of()
    with pytest.raises(ParameterError, match="expected one job, tuning job, model package, group of them or execution"):
        endpoint.update(thing)
    assert left(session) == ["byoe-1"] * 3
