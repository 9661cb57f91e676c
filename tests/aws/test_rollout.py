"""Traffic goes over to a new model in steps, watched by alarms. moto has no update: see `test_update`."""

import pytest
from tests.aws.test_endpoints import left, make

import byoe
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._endpoint import Endpoint
from byoe.sagemaker.aws._faults import DeniedError
from byoe.sagemaker.aws._machine import Instances, Serverless
from byoe.sagemaker.aws._rollout import Rollout


@pytest.fixture
def job(completed_job):
    return completed_job


@pytest.fixture
def alarm(session):
    """Make an alarm, in a state."""
    client = session.client("cloudwatch")

    def make_alarm(name, state="OK"):
        client.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
        )
        client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")

    return make_alarm


def policy(rollout):
    return rollout.deployment()["DeploymentConfig"]["BlueGreenUpdatePolicy"]


def percent(value):
    return {"Type": "CAPACITY_PERCENT", "Value": value}


# -- what is asked of the service --------------------------------------------------------


def test_all_at_once_without_alarms_is_what_the_service_does_itself():
    assert Rollout().deployment() == {}
    assert Rollout("all", alarms=[]).deployment() == {}


@pytest.mark.parametrize(
    ("rollout", "routing", "longest"),
    [
        (Rollout("canary"), {"Type": "CANARY", "WaitIntervalInSeconds": 600, "CanarySize": percent(10)}, 4800),
        (Rollout("linear"), {"Type": "LINEAR", "WaitIntervalInSeconds": 600, "LinearStepSize": percent(20)}, 6600),
        (
            Rollout("linear", step_percent=33, bake_minutes=2.5),
            {"Type": "LINEAR", "WaitIntervalInSeconds": 150, "LinearStepSize": percent(33)},
            4200,  # four steps
        ),
        (Rollout("all", alarms=["a"]), {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, 4200),
    ],
)
def test_steps_and_waits_are_in_the_services_words(rollout, routing, longest):
    asked = policy(rollout)
    assert asked["TrafficRoutingConfiguration"] == routing
    assert asked["TerminationWaitInSeconds"] == round(60 * rollout.bake)
    assert asked["MaximumExecutionTimeoutInSeconds"] == longest


def test_an_alarm_is_named_once():
    told = Rollout(alarms=["a", "b", "a"]).deployment()["DeploymentConfig"]["AutoRollbackConfiguration"]
    assert told == {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}
    assert Rollout(alarms="churn-errors").alarms == ("churn-errors",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rollout": "blue"}, "rollout is 'blue', expected one of 'all', 'canary', 'linear'"),
        ({"step_percent": 10}, "step_percent is of a rollout in steps; set rollout='canary' or 'linear'"),
        ({"rollout": "canary", "step_percent": 51}, "step_percent is 51, expected a whole number from 1 to 50 for"),
        ({"rollout": "canary", "step_percent": 0}, "step_percent is 0, expected a whole number from 1 to 50 for"),
        ({"rollout": "linear", "step_percent": 9}, "step_percent is 9, expected a whole number from 10 to 50 for"),
        ({"rollout": "linear", "step_percent": 12.5}, "step_percent is 12.5, expected a whole number"),
        ({"rollout": "canary", "bake_minutes": 61}, "bake_minutes is 61, expected 0 to 60"),
        ({"rollout": "canary", "bake_minutes": float("nan")}, "bake_minutes is nan, expected 0 to 60"),
        ({"rollout": "canary", "bake_minutes": "ten"}, "bake_minutes is 'ten', expected 0 to 60"),
        (
            {"rollout": "linear", "step_percent": 10, "bake_minutes": 45},
            "rollout takes 450 minutes in steps of 10 % with bake_minutes=45 behind each, and the service gives an update 8 ",
        ),
        ({"alarms": [""]}, "alarms holds '', expected names of at most 255 characters"),
        ({"alarms": [7]}, "alarms holds 7, expected names"),
        ({"alarms": ["a" * 256]}, "expected names of at most 255 characters"),
        ({"alarms": [f"a{i}" for i in range(11)]}, "alarms has 11 names, and an update is watched by at most 10"),
    ],
)
def test_what_the_service_would_refuse_is_told_before(given, message):
    with pytest.raises(ParameterError, match=message):
        Rollout(**given)
    with pytest.raises(ParameterError, match=message):
        Endpoint.update(object.__new__(Endpoint), "a job that nobody looks for", **given)


# -- at an endpoint ----------------------------------------------------------------------


def test_a_canary_is_watched_by_alarms(cloud, session, bucket, asked, job, updated, alarm):
    alarm("churn-errors")
    endpoint = make(cloud, bucket, Instances(2, 2))
    endpoint.update(job, rollout="canary", step_percent=25, alarms=["churn-errors"], bake_minutes=5)
    deployment = updated["deployment"]
    assert deployment["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "churn-errors"}]}
    routing = deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing == {"Type": "CANARY", "WaitIntervalInSeconds": 300, "CanarySize": percent(25)}
    assert left(session) == ["byoe-1", *[updated["byoe-1"]] * 2]
    endpoint.update(job)
    assert updated["deployment"] is None


def test_a_model_that_an_alarm_takes_back_is_a_failure_that_names_it(cloud, session, bucket, job, alarm, monkeypatch):
    alarm("churn-errors")
    alarm("churn-slow")
    endpoint, call = make(cloud, bucket, Instances(2, 2)), cloud.call

    def taken_back(service, operation, **request):
        if operation == "update_endpoint":
            alarm("churn-errors", "ALARM")
            return {}
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", taken_back)
    with pytest.raises(JobError, match=r"endpoint byoe-1 has kept its model: in the state ALARM: 'churn-errors'$"):
        endpoint.update(job, rollout="canary", alarms=["churn-errors", "churn-slow"])
    assert left(session) == ["byoe-1"] * 3
    assert endpoint.status == "InService"


def test_of_an_update_that_could_not_be_undone_nothing_is_removed(cloud, session, bucket, job, updated, monkeypatch):
    """Both models serve then."""
    endpoint, call = make(cloud, bucket, Instances(2, 2)), cloud.call

    def stuck(service, operation, **request):
        found = call(service, operation, **request)
        if operation == "describe_endpoint" and updated:
            found |= {"EndpointStatus": "UpdateRollbackFailed", "EndpointConfigName": "byoe-1"}
        return found

    monkeypatch.setattr(cloud, "call", stuck)
    with pytest.raises(JobError, match="endpoint byoe-1 has the status UpdateRollbackFailed"):
        endpoint.update(job, rollout="canary")
    assert left(session).count(updated["byoe-1"]) == 2


@pytest.mark.parametrize(
    ("hosting", "given", "message"),
    [
        (Serverless(), {"rollout": "canary"}, "rollout is of endpoints on instances, and byoe-1 is serverless, whose"),
        (Serverless(), {"alarms": ["fine"]}, "alarms is of endpoints on instances, and byoe-1 is serverless"),
        (Serverless(), {"bake_minutes": 5}, "bake_minutes is of endpoints on instances"),
        (Instances(), {"rollout": "canary"}, "rollout is 'canary', and endpoint byoe-1 has 1 instance: a step is at mo"),
        (Instances(2, 2), {"rollout": "linear", "instance_count": 1}, "rollout is 'linear', and endpoint byoe-1 has 1 "),
        (Instances(), {"alarms": ["nowhere"]}, "there is no alarm 'nowhere' in eu-west-1"),
        (Instances(), {"alarms": ["fine", "ringing"]}, "alarm 'ringing' is in the state ALARM already, which would roll"),
    ],
)  # fmt: skip
def test_rollouts_that_cannot_be(cloud, session, bucket, job, alarm, hosting, given, message):
    alarm("fine")
    alarm("ringing", "ALARM")
    endpoint = make(cloud, bucket, hosting)
    with pytest.raises(ParameterError, match=message):
        endpoint.update(job, **given)
    assert left(session) == ["byoe-1"] * 3


def test_who_may_not_see_alarms_leaves_it_to_the_service(cloud, bucket, job, updated, monkeypatch):
    endpoint, call = make(cloud, bucket, Instances()), cloud.call

    def denied(service, operation, **request):
        if operation == "describe_alarms":
            raise DeniedError("not authorized to perform cloudwatch:DescribeAlarms")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", denied)
    endpoint.update(job, alarms=["churn-errors"])
    assert updated["deployment"]["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "churn-errors"}]}


# -- deploy under the name of an endpoint ------------------------------------------------


def test_deploy_goes_over_in_steps_where_there_is_an_endpoint(cloud, session, job, updated, alarm):
    alarm("churn-errors")
    how = {"instance_type": "ml.m5.large", "instance_count": 2, "rollout": "linear", "alarms": ["churn-errors"]}
    byoe.sagemaker.deploy(job, name="churn", **how)
    assert updated == {}  # a new one has nothing to go over from
    with byoe.sagemaker.deploy(job, name="churn", **how):
        routing = updated["deployment"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
        assert routing == {"Type": "LINEAR", "WaitIntervalInSeconds": 600, "LinearStepSize": percent(20)}
    assert left(session) == []


def test_a_new_serverless_endpoint_is_refused_what_it_could_never_do(cloud, session, job):
    with pytest.raises(ParameterError, match="rollout is of endpoints on instances, and churn is serverless"):
        byoe.sagemaker.deploy(job, name="churn", rollout="canary")
    assert left(session) == []
