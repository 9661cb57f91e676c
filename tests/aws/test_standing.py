"""A job is deployed under the name of an endpoint that is there. moto has no update, so what the service does is done here."""

import pytest
from tests.aws.test_endpoints import MACHINE, left
from tests.aws.test_update import requests

import byoe
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws import _waiting
from byoe.sagemaker.aws._faults import DeniedError


@pytest.fixture
def job(completed_job):
    return completed_job


def says(cloud, monkeypatch, operation, **changes):
    call = cloud.call

    def changed(service, name, **request):
        found = call(service, name, **request)
        return found | changes if name == operation else found

    monkeypatch.setattr(cloud, "call", changed)


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
